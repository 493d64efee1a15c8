package bigquery

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"vitalsink/connector"
	"vitalsink/schemas"
)

const (
	day = 24 * time.Hour
	// maxPartitions is how many partitions one statement may change
	// (https://cloud.google.com/bigquery/quotas#partitioned_tables).
	maxPartitions = 4_000
	// maxRuns bounds the text of a statement, of which BigQuery takes 1 MB:
	// beyond it, runs with the smallest gaps between them become one.
	maxRuns = 500
)

// run is a stretch of UTC days without a gap, End not among them.
type run struct{ First, End time.Time }

func (r run) days() int { return int(r.End.Sub(r.First) / day) }

// runsOf are the days as runs, ascending.
func runsOf(days []time.Time) []run {
	days = slices.Clone(days)
	slices.SortFunc(days, time.Time.Compare)
	var runs []run
	for _, d := range days {
		d = d.UTC().Truncate(day)
		switch n := len(runs); {
		case n > 0 && !d.After(runs[n-1].End):
			runs[n-1].End = maxTime(runs[n-1].End, d.Add(day))
		default:
			runs = append(runs, run{d, d.Add(day)})
		}
	}
	return runs
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// cut divides runs into groups of at most so many days each.
func cut(runs []run, most int) [][]run {
	var groups [][]run
	room := 0
	for _, r := range runs {
		for r.days() > 0 {
			if room == 0 {
				groups, room = append(groups, nil), most
			}
			n := min(room, r.days())
			last := len(groups) - 1
			end := r.First.Add(time.Duration(n) * day)
			groups[last] = append(groups[last], run{r.First, end})
			r.First, room = end, room-n
		}
	}
	return groups
}

// joined has at most so many runs: those with the smallest gaps between them
// become one.
func joined(runs []run, most int) []run {
	if len(runs) <= most {
		return runs
	}
	gaps := make([]time.Duration, 0, len(runs)-1)
	for i := 1; i < len(runs); i++ {
		gaps = append(gaps, runs[i].First.Sub(runs[i-1].End))
	}
	order := slices.Sorted(slices.Values(gaps))
	surplus := len(runs) - most
	limit := order[surplus-1]
	for _, g := range gaps { // of the gaps that are as wide as the limit only some are closed
		if g < limit {
			surplus--
		}
	}
	var out []run
	for i, r := range runs {
		closes := i > 0 && gaps[i-1] <= limit
		if closes && gaps[i-1] == limit {
			closes = surplus > 0
			surplus--
		}
		if closes {
			out[len(out)-1].End = r.End
			continue
		}
		out = append(out, r)
	}
	return out
}

// bounds are a condition on a partition column, with literals that prune.
type bounds struct {
	Column    string // "" if the table is not partitioned
	Runs      []run
	OrNull    bool
	Unpruned  string   // why there is no condition; "" if there is one
	Resources []string // nil if they do not matter
}

// SQL is the condition on a table with that alias.
func (b bounds) SQL(alias string) string {
	sql := b.days(alias)
	if b.Resources != nil {
		sql += " AND " + alias + "." + ident(resourceColumn) + " IN (" + literals(b.Resources) + ")"
	}
	return sql
}

func (b bounds) days(alias string) string {
	if b.Unpruned != "" {
		return "TRUE /* not pruned: " + b.Unpruned + " */"
	}
	column := alias + "." + ident(b.Column)
	var terms []string
	for _, r := range joined(b.Runs, maxRuns) {
		terms = append(terms, fmt.Sprintf("(%s >= %s AND %s < %s)", column, timestamp(r.First), column, timestamp(r.End)))
	}
	if b.OrNull {
		terms = append(terms, column+" IS NULL")
	}
	if len(terms) == 0 {
		return "FALSE"
	}
	return "(" + strings.Join(terms, " OR ") + ")"
}

// Reasons for reading a table as a whole.
const (
	unpartitioned = "the table is not partitioned"
	withoutDay    = "rows without a day can have theirs in any partition"
)

// part is rows of a merge that are looked up, and inserted, together: which
// rows of the source, and where in the table their like can be.
type part struct{ Source, Target bounds }

// resourceColumn is the column by which a table of several series is clustered.
const resourceColumn = "resource"

// partsOf divides a merge into parts of at most so many days. Only what the
// registry says of the batches is used, and only if it proves that a key
// cannot be elsewhere: the partition column is part of the key, or it is one
// that never changes.
func partsOf(m *connector.Merge, most int) []part {
	p := m.Table.Partition
	if p == nil {
		return []part{{Source: bounds{Unpruned: unpartitioned}, Target: bounds{Unpruned: unpartitioned}}}
	}
	var days []time.Time
	without := 0
	for _, b := range m.Batches {
		days, without = append(days, b.Days...), without+b.RowsWithoutDay
	}
	resources := resourcesOf(m)
	var parts []part
	for _, runs := range cut(runsOf(days), min(most, maxPartitions)) {
		b := bounds{Column: p.Column, Runs: runs, Resources: resources}
		target := b
		target.OrNull = p.Rule == schemas.Sticky
		parts = append(parts, part{Source: b, Target: target})
	}
	if without > 0 || len(parts) == 0 {
		parts = append(parts, partWithoutDay(p.Column, without))
	}
	return parts
}

// partWithoutDay is the part of the rows whose partition column is NULL; of
// no rows, if there are none.
func partWithoutDay(column string, rows int) part {
	if rows == 0 {
		return part{Source: bounds{Column: column}, Target: bounds{Column: column}}
	}
	return part{Source: bounds{Column: column, OrNull: true}, Target: bounds{Unpruned: withoutDay}}
}

// resourcesOf are the resources that a merge touches; nil if that is not part
// of the key, or not known of all batches.
func resourcesOf(m *connector.Merge) []string {
	if !m.Table.IsKey(resourceColumn) {
		return nil
	}
	var resources []string
	for _, b := range m.Batches {
		if b.Rows > 0 && len(b.Resources) == 0 {
			return nil
		}
		resources = append(resources, b.Resources...)
	}
	slices.Sort(resources)
	return slices.Compact(resources)
}
