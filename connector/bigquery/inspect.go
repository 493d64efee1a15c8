package bigquery

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/bigquery"
	"github.com/google/uuid"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// mostExamples is how many keys a flaw names.
const mostExamples = 10

// anyPartition is the reason for reading a table as a whole of which the
// partition of a key is not known.
const anyPartition = "a key can be in any partition"

// mergedNames is what merged.sql is made of.
type mergedNames struct {
	Since    time.Time
	LookFrom time.Time // nothing of these batches was written earlier, by any clock
}

func mergedNamesOf(since time.Time) mergedNames {
	n := mergedNames{Since: since}
	if from := since.Add(-clockSkew); from.After(time.Time{}) {
		n.LookFrom = from
	}
	return n
}

// MergedSince are the batches that stand in ledger and registry and were
// appended at or after a time, oldest first, each once.
func (w *Warehouse) MergedSince(ctx context.Context, since time.Time) (all []connector.Registered, err error) {
	err = w.look(ctx, schemas.BatchesTable, "merged.sql", mergedNamesOf(since), func(row []bigquery.Value) error {
		b, err := registeredOf(row)
		all = append(all, b)
		return err
	})
	return all, err
}

// duplicatesNames is what duplicates.sql is made of.
type duplicatesNames struct {
	mergeNames

	Days bounds
	Most int
}

// placesOf are the partitions in which to look for keys with several rows, in
// groups for a statement each: those days of the partition column if that is
// part of the key, or all.
func placesOf(t *schemas.Table, days []time.Time) (groups []bounds) {
	switch {
	case t.Partition == nil:
		return []bounds{{Unpruned: unpartitioned}}
	case t.Partition.Rule != schemas.PartOfKey:
		return []bounds{{Unpruned: anyPartition}}
	}
	for _, runs := range cut(runsOf(days), maxPartitions) {
		groups = append(groups, bounds{Column: t.Partition.Column, Runs: runs})
	}
	return groups
}

// Duplicates are keys of a table that have several rows, tombstones included:
// in these UTC days of the partition column if that is part of the key, else in
// all of the table. It is nil if there are none. A table of which the days
// matter is not read without any.
func (w *Warehouse) Duplicates(ctx context.Context, t *schemas.Table, days []time.Time) (*connector.Flaw, error) {
	found := flaws{}
	for _, place := range placesOf(t, days) {
		keys := 0 // of this group; none is in another
		err := w.look(ctx, t.Name, "duplicates.sql", duplicatesNames{namesOf(t), place, mostExamples}, func(row []bigquery.Value) error {
			var n int64
			last := len(row) - 1
			err := scan(row[last], &n)
			keys = int(n)
			found.example(connector.CheckDuplicate, row[:last])
			return err
		})
		if err != nil {
			return nil, err
		}
		found.count(connector.CheckDuplicate, keys)
	}
	if all := found.sorted(); len(all) > 0 {
		return &all[0], nil
	}
	return nil, nil
}

// behindNames is what behind.sql is made of.
type behindNames struct {
	mergeNames

	Until    time.Time // when the last of the batches was appended
	Compared []compared
	Most     int
}

// With is the names for a statement about one part.
func (n behindNames) With(p part) behindNames {
	n.Part = p
	return n
}

// The flaws that it finds.
func (behindNames) Behind() string  { return connector.CheckBehind }
func (behindNames) Unequal() string { return connector.CheckUnequal }
func (behindNames) Moved() string   { return connector.CheckMoved }

// compared is a column that must be the same in log and table.
type compared struct {
	Name   string
	AsText bool // ARRAY and JSON do not compare
}

// namesOfBehind is what behind.sql is made of for some batches of a table.
func (w *Warehouse) namesOfBehind(t *schemas.Table, batches []connector.Registered) behindNames {
	known := *t
	known.Columns = nil
	for _, c := range t.Columns {
		if w.has(t, c.Name) {
			known.Columns = append(known.Columns, c)
		}
	}
	n := behindNames{mergeNames: namesFor(&connector.Merge{Table: &known, Batches: batches}, maxPartitions), Most: mostExamples}
	for _, b := range batches {
		n.Until = maxTime(n.Until, b.AppendedAt)
	}
	for _, c := range known.Columns {
		if !t.IsKey(c.Name) && c.Name != n.Sticky && c.Name != "_version" {
			n.Compared = append(n.Compared, compared{c.Name, c.Repeated || c.Type == schemas.JSON})
		}
	}
	return n
}

// Behind compares the rows of merged batches, all of table t, in the log with
// the latest table: per key of them the greatest version must not be greater
// than the table's (connector.CheckBehind, also if the table has no such key),
// and where it is equal, all columns must be those of a row of that version in
// the log (connector.CheckUnequal). A sticky column must not be greater than the
// least value in the log, whose values must be of one day (connector.CheckMoved). There
// is at most one flaw of each check. Where there are too many batches for a
// statement, a key can count several times.
func (w *Warehouse) Behind(ctx context.Context, t *schemas.Table, batches []connector.Registered) ([]connector.Flaw, error) {
	batches = slices.Clone(batches)
	slices.SortFunc(batches, func(a, b connector.Registered) int { return a.AppendedAt.Compare(b.AppendedAt) })
	found := flaws{}
	for some := range slices.Chunk(batches, w.pending) {
		names := w.namesOfBehind(t, some)
		for _, p := range names.Parts {
			one, missing, err := w.behind(ctx, names.With(p), some)
			if err == nil && missing && p.Target.Unpruned == "" && names.Sticky != "" {
				// A key whose sticky column has another value is in another partition.
				p.Target = bounds{Unpruned: anyPartition}
				one, _, err = w.behind(ctx, names.With(p), some)
			}
			if err != nil {
				return nil, err
			}
			found.add(one)
		}
	}
	return found.sorted(), nil
}

// behind looks at one part of some batches. missing tells that a key is not
// where it should be.
func (w *Warehouse) behind(ctx context.Context, names behindNames, batches []connector.Registered) (found flaws, missing bool, err error) {
	found = flaws{}
	ids := idsOf(&connector.Merge{Batches: batches})
	err = w.look(ctx, names.Table, "behind.sql", names, func(row []bigquery.Value) error {
		var check string
		var keys, absent int64
		for i, into := range []any{&check, &keys, &absent} {
			if err := scan(row[i], into); err != nil {
				return fmt.Errorf("column %d: %w", i, err)
			}
		}
		if len(found[check].Examples) == 0 {
			found.count(check, int(keys))
		}
		found.example(check, row[3:])
		missing = missing || absent > 0
		return nil
	}, bigquery.QueryParameter{Name: "ids", Value: ids})
	return found, missing, err
}

// flaws are those of each check.
type flaws map[string]connector.Flaw

func (f flaws) count(check string, keys int) {
	flaw := f[check]
	flaw.Check, flaw.Rows = check, flaw.Rows+keys
	f[check] = flaw
}

func (f flaws) example(check string, key []bigquery.Value) {
	flaw := f[check]
	example := make([]any, len(key))
	for i, v := range key {
		example[i] = factOf(v)
	}
	flaw.Examples = append(flaw.Examples, example)
	f[check] = flaw
}

func (f flaws) add(other flaws) {
	for check, flaw := range other {
		f.count(check, flaw.Rows)
		sum := f[check]
		sum.Examples = append(sum.Examples, flaw.Examples...)
		f[check] = sum
	}
}

// sorted are those that there are, with the first of their examples.
func (f flaws) sorted() (all []connector.Flaw) {
	for _, flaw := range f {
		if flaw.Rows == 0 {
			continue
		}
		slices.SortFunc(flaw.Examples, compareKeys)
		flaw.Examples = slices.CompactFunc(flaw.Examples, func(a, b []any) bool { return compareKeys(a, b) == 0 })
		flaw.Examples = flaw.Examples[:min(len(flaw.Examples), mostExamples)]
		all = append(all, flaw)
	}
	slices.SortFunc(all, func(a, b connector.Flaw) int { return cmp.Compare(a.Check, b.Check) })
	return all
}

// compareKeys is the order of keys in BigQuery.
func compareKeys(a, b []any) int { return slices.CompareFunc(a, b, compareValues) }

func compareValues(a, b any) int {
	switch a := a.(type) {
	case string:
		if b, ok := b.(string); ok {
			return cmp.Compare(a, b)
		}
	case int64:
		if b, ok := b.(int64); ok {
			return cmp.Compare(a, b)
		}
	case time.Time:
		if b, ok := b.(time.Time); ok {
			return a.Compare(b)
		}
	case []byte:
		if b, ok := b.([]byte); ok {
			return bytes.Compare(a, b)
		}
	}
	return 0
}

// growthNames is what quarantine_growth.sql is made of.
type growthNames struct{ Since, Before time.Time }

// QuarantineGrowth counts rows in quarantine that are not resolved, by reason:
// those published since a time, and those published between another, before,
// and that.
func (w *Warehouse) QuarantineGrowth(ctx context.Context, since, before time.Time) (all []connector.Growth, err error) {
	err = w.look(ctx, schemas.QuarantineTable, "quarantine_growth.sql", growthNames{since, before}, func(row []bigquery.Value) error {
		var g connector.Growth
		var n [2]int64
		if err := scan(row[0], &g.Reason); err != nil {
			return err
		}
		for i := range n {
			if err := scan(row[i+1], &n[i]); err != nil {
				return err
			}
		}
		g.Recent, g.Before = int(n[0]), int(n[1])
		all = append(all, g)
		return nil
	})
	return all, err
}

// removeNames are the names for remove.sql.
func removeNames(t *schemas.Table, places []bounds) mergeNames {
	n := namesOf(t)
	n.Updates = places
	return n
}

// RemoveDuplicates removes rows of keys that have several, but for one with the
// greatest version, in one transaction that raises the table's fence, and
// returns how many rows are gone; days are those of Duplicates. The row that
// stays has the least value of a sticky column, as after a fold. The error is
// connector.ErrFenced if somebody else changed the table meanwhile, and
// connector.ErrBooks, with nothing removed, if other rows than the surplus
// would go.
func (w *Warehouse) RemoveDuplicates(ctx context.Context, t *schemas.Table, days []time.Time) (removed int, err error) {
	places := placesOf(t, days)
	if len(places) == 0 {
		return 0, nil
	}
	text, err := w.statements.render("remove.sql", removeNames(t, places))
	if err != nil {
		return 0, err
	}
	var fence int64
	err = w.patience.retry(ctx, func() (err error) {
		fence, err = w.fence(ctx, t.Name)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("remove duplicates of %s: %w", t.Name, err)
	}
	// Nobody else knows the name: a job that has it was begun by this call, and
	// what it did is done.
	name := "vitalsink_remove_" + uuid.NewString()
	defer w.attempts.forget(name)
	ours := func(string) (bool, error) { return true, nil }
	err = w.script(ctx, statement{
		step: "remove", table: t.Name, text: text, limit: w.config.MaxBytesBilled,
		parameters: []bigquery.QueryParameter{{Name: "fence", Value: fence}},
	}, name, ours, func(row []bigquery.Value) error {
		var n int64
		err := scan(row[0], &n)
		removed = int(n)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("remove duplicates of %s: %w", t.Name, err)
	}
	return removed, nil
}
