package bigquery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/bigquery"
	"cloud.google.com/go/civil"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// clockSkew is how far the clocks of two machines may be apart: one writes
// when a batch was appended, the other when it was merged. The ledger is looked
// through from so long before the append on.
const clockSkew = day

// A merge is tried first with a part of MaxBytesBilled, then in so many finer
// parts, and then with all of it.
const (
	firstShare = 10
	finerParts = 8
)

// Merge folds batches in one transaction of one job. What would be billed for
// too many bytes is cut finer: an error, if there are several batches; one
// batch is looked up, and changed, in fewer days a statement. If that does not
// help it may take all of MaxBytesBilled.
func (w *Warehouse) Merge(ctx context.Context, m *connector.Merge) (connector.MergeBooks, error) {
	today := w.billing.date()
	books, err := w.mergeLive(ctx, m)
	if errors.Is(err, connector.ErrBudget) {
		w.billing.refuse(m, today)
	}
	return books, err
}

func (w *Warehouse) mergeLive(ctx context.Context, m *connector.Merge) (connector.MergeBooks, error) {
	m, err := w.live(ctx, m)
	if err != nil {
		return connector.MergeBooks{}, fmt.Errorf("merge %s: %w", m.Table.Name, err)
	}
	share := w.config.MaxBytesBilled / firstShare
	books, err := w.merge(ctx, m, maxPartitions, share)
	if !errors.Is(err, connector.ErrByteCap) || len(m.Batches) > 1 {
		return books, err
	}
	if widest := widestOf(partsOf(m, maxPartitions)); widest > 1 {
		if books, err := w.merge(ctx, m, (widest+finerParts-1)/finerParts, share); err == nil {
			return books, nil
		}
	}
	books, err = w.merge(ctx, m, maxPartitions, w.config.MaxBytesBilled)
	if errors.Is(err, connector.ErrByteCap) {
		return books, fmt.Errorf("%w; batch %s of %s stays pending until --max-bytes-billed allows it", err, m.Batches[0].ID, m.Table.Name)
	}
	return books, err
}

// live is the merge with the columns that table and log have now. They may be
// more than the catalogue knows, if a newer vitalsink is or was at work: what
// its rows hold there is carried on, and does not stay behind when an older
// one's row replaces them. They are read after the fence: a merge that
// commits later with more columns raises it.
func (w *Warehouse) live(ctx context.Context, m *connector.Merge) (*connector.Merge, error) {
	store := storeOf(w.config.Dataset)
	log, err := w.metadata(ctx, store, logOf(m.Table.Name))
	if err != nil {
		return m, err
	}
	latest, err := w.metadata(ctx, store, m.Table.Name)
	if err != nil {
		return m, err
	}
	for _, c := range m.Table.Columns {
		for _, md := range []*bigquery.TableMetadata{log, latest} {
			if fieldOf(md.Schema, c.Name) == nil {
				_, table, _ := strings.Cut(md.FullID, ":")
				return m, w.notSetUp([]string{table + " has lost its column " + c.Name}, "plan")
			}
		}
	}
	t, of := *m.Table, *m
	t.Columns = slices.Clone(t.Columns)
	for _, f := range log.Schema {
		isLogs := slices.ContainsFunc(w.catalogue.LogColumns, func(c schemas.Column) bool { return c.Name == f.Name })
		same := fieldOf(latest.Schema, f.Name)
		known := slices.ContainsFunc(t.Columns, func(c schemas.Column) bool { return strings.EqualFold(c.Name, f.Name) })
		if !isLogs && !known && same != nil && same.Type == f.Type && same.Repeated == f.Repeated {
			t.Columns = append(t.Columns, schemas.Column{Name: f.Name})
		}
	}
	of.Table = &t
	return &of, nil
}

// widestOf is the number of days of the part that has most.
func widestOf(parts []part) int {
	widest := 0
	for _, p := range parts {
		days := 0
		for _, r := range p.Source.Runs {
			days += r.days()
		}
		widest = max(widest, days)
	}
	return widest
}

// merge makes one merge, in parts of at most so many days.
func (w *Warehouse) merge(ctx context.Context, m *connector.Merge, most int, limit int64) (connector.MergeBooks, error) {
	names := namesFor(m, most)
	var changed []probed
	var bytes bytesOf
	for _, p := range names.Parts {
		days, billed, err := w.probe(ctx, m, names.With(p), limit)
		if err != nil {
			return connector.MergeBooks{}, fmt.Errorf("look for rows of %s to change: %w", m.Table.Name, err)
		}
		changed, bytes.probed = append(changed, days...), bytes.probed+billed
	}
	names.Updates = updatesOf(m.Table, changed, most)
	bytes.estimated = w.estimate(ctx, m, names)
	return w.runMerge(ctx, m, names, limit, bytes)
}

// bytesOf is what is known of a merge's cost before it runs: what was billed
// for the probe, and what is likely for the rest.
type bytesOf struct {
	probed    int64
	estimated bigquery.NullInt64
}

// sum is what is likely for all of it.
func (b bytesOf) sum() bigquery.NullInt64 {
	b.estimated.Int64 += b.probed
	return b.estimated
}

// namesFor is what the statements of a merge are made of, but for what the
// probe finds.
func namesFor(m *connector.Merge, most int) mergeNames {
	n := namesOf(m.Table)
	var last time.Time
	for _, b := range m.Batches {
		if n.Since.IsZero() || b.AppendedAt.Before(n.Since) {
			n.Since = b.AppendedAt
		}
		if b.AppendedAt.After(last) {
			last = b.AppendedAt
		}
	}
	if n.LedgerSince = n.Since.Add(-clockSkew); m.MergedAt.Before(last.Add(-clockSkew)) {
		// One of the clocks is wrong, and may have been when a merge of theirs was
		// entered: all of the ledger is looked through.
		n.LedgerSince = time.Time{}
	}
	n.Parts = partsOf(m, most)
	return n
}

// probed is a partition that holds a row to be changed.
type probed struct {
	day  time.Time
	null bool // the one of rows without a day, or the table has no partitions
}

// probe asks which partitions a part of a merge will change.
func (w *Warehouse) probe(ctx context.Context, m *connector.Merge, names mergeNames, limit int64) (changed []probed, billed int64, err error) {
	text, err := w.statements.render("probe.sql", names)
	if err != nil {
		return nil, 0, err
	}
	billed, err = w.query(ctx, statement{
		step: "probe", table: m.Table.Name, text: text, limit: limit,
		parameters: []bigquery.QueryParameter{{Name: "ids", Value: idsOf(m)}},
	}, func(row []bigquery.Value) error {
		switch v := row[0].(type) {
		case nil:
			changed = append(changed, probed{null: true})
		case civil.Date:
			changed = append(changed, probed{day: v.In(time.UTC)})
		default:
			return fmt.Errorf("a day comes as %T", v)
		}
		return nil
	})
	return changed, billed, err
}

// updatesOf are the partitions to be changed, a group of at most so many days
// for each statement.
func updatesOf(t *schemas.Table, changed []probed, most int) []bounds {
	if len(changed) == 0 {
		return nil
	}
	if t.Partition == nil {
		return []bounds{{Unpruned: unpartitioned}}
	}
	var days []time.Time
	null := false
	for _, p := range changed {
		if p.null {
			null = true
		} else {
			days = append(days, p.day)
		}
	}
	var groups []bounds
	for _, runs := range cut(runsOf(days), min(most, maxPartitions-1)) {
		groups = append(groups, bounds{Column: t.Partition.Column, Runs: runs})
	}
	if null && len(groups) == 0 {
		groups = append(groups, bounds{Column: t.Partition.Column})
	}
	if null {
		groups[0].OrNull = true
	}
	return groups
}

func idsOf(m *connector.Merge) []string {
	ids := make([]string, len(m.Batches))
	for i, b := range m.Batches {
		ids[i] = b.ID
	}
	return ids
}

// runMerge runs the script and reads the books that it ends with.
func (w *Warehouse) runMerge(ctx context.Context, m *connector.Merge, names mergeNames, limit int64, bytes bytesOf) (connector.MergeBooks, error) {
	script, err := w.statements.render("merge.sql", names)
	if err != nil {
		return connector.MergeBooks{}, err
	}
	var books connector.MergeBooks
	err = w.script(ctx, statement{
		step: "merge", table: m.Table.Name, text: script, limit: limit, likely: bytes.estimated.Int64, alone: len(m.Batches) == 1,
		parameters: []bigquery.QueryParameter{
			{Name: "fence", Value: m.Fence}, {Name: "ids", Value: idsOf(m)}, {Name: "registered", Value: m.Rows()},
			{Name: "merge_id", Value: m.ID}, {Name: "merged_at", Value: m.MergedAt},
			{Name: "probed", Value: bytes.probed}, {Name: "estimated", Value: bytes.sum()},
		},
	}, nameOf(w.config, m), func(id string) (bool, error) { return w.landed(ctx, names, id) }, func(row []bigquery.Value) error {
		var n [7]int64
		for i := range n {
			if err := scan(row[i], &n[i]); err != nil {
				return err
			}
		}
		books = connector.MergeBooks{
			Registered: int(n[0]), Applied: int(n[1]), Superseded: int(n[2]), Stale: int(n[3]), Erased: int(n[4]),
			BytesEstimated: n[5], BytesBilled: n[6],
		}
		return nil
	})
	if err != nil {
		return connector.MergeBooks{}, fmt.Errorf("merge %s: %w", m.Table.Name, err)
	}
	return books, nil
}

// landed tells whether the merge that a job made is in the ledger.
func (w *Warehouse) landed(ctx context.Context, names mergeNames, id string) (bool, error) {
	text, err := w.statements.render("landed.sql", names)
	if err != nil {
		return false, err
	}
	var n int64
	_, err = w.query(ctx, statement{
		step: "landed", table: names.Table, text: text, limit: w.config.MaxBytesBilled,
		parameters: []bigquery.QueryParameter{{Name: "job_id", Value: id}},
	}, func(row []bigquery.Value) error { return scan(row[0], &n) })
	return n > 0, err
}
