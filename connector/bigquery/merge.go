package bigquery

import (
	"context"
	"errors"
	"fmt"
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
	if m.MergedAt.Before(names.LedgerSince) {
		return connector.MergeBooks{}, fmt.Errorf("merge %s: %w: by this machine's clock the batches are of the future", m.Table.Name, connector.ErrConfiguration)
	}
	var changed []probed
	for _, p := range names.Parts {
		days, err := w.probe(ctx, m, names.With(p), limit)
		if err != nil {
			return connector.MergeBooks{}, fmt.Errorf("look for rows of %s to change: %w", m.Table.Name, err)
		}
		changed = append(changed, days...)
	}
	names.Updates = updatesOf(m.Table, changed, most)
	return w.runMerge(ctx, m, names, limit)
}

// namesFor is what the statements of a merge are made of, but for what the
// probe finds.
func namesFor(m *connector.Merge, most int) mergeNames {
	n := namesOf(m.Table)
	for _, b := range m.Batches {
		if n.Since.IsZero() || b.AppendedAt.Before(n.Since) {
			n.Since = b.AppendedAt
		}
	}
	n.LedgerSince = n.Since.Add(-clockSkew)
	n.Parts = partsOf(m, most)
	return n
}

// probed is a partition that holds a row to be changed.
type probed struct {
	day  time.Time
	null bool // the one of rows without a day, or the table has no partitions
}

// probe asks which partitions a part of a merge will change.
func (w *Warehouse) probe(ctx context.Context, m *connector.Merge, names mergeNames, limit int64) ([]probed, error) {
	text, err := w.statements.render("probe.sql", names)
	if err != nil {
		return nil, err
	}
	var changed []probed
	err = w.query(ctx, statement{
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
	return changed, err
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
func (w *Warehouse) runMerge(ctx context.Context, m *connector.Merge, names mergeNames, limit int64) (connector.MergeBooks, error) {
	script, err := w.statements.render("merge.sql", names)
	if err != nil {
		return connector.MergeBooks{}, err
	}
	var books connector.MergeBooks
	err = w.script(ctx, statement{
		step: "merge", table: m.Table.Name, text: script, limit: limit,
		parameters: []bigquery.QueryParameter{
			{Name: "fence", Value: m.Fence}, {Name: "ids", Value: idsOf(m)}, {Name: "registered", Value: m.Rows()},
			{Name: "merge_id", Value: m.ID}, {Name: "merged_at", Value: m.MergedAt},
		},
	}, nameOf(w.config, m), func(id string) (bool, error) { return w.landed(ctx, names, id) }, func(row []bigquery.Value) error {
		var n [4]int64
		for i := range n {
			if err := scan(row[i], &n[i]); err != nil {
				return err
			}
		}
		books = connector.MergeBooks{Registered: int(n[0]), Applied: int(n[1]), Superseded: int(n[2]), Stale: int(n[3])}
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
	err = w.query(ctx, statement{
		step: "landed", table: names.Table, text: text, limit: w.config.MaxBytesBilled,
		parameters: []bigquery.QueryParameter{{Name: "job_id", Value: id}},
	}, func(row []bigquery.Value) error { return scan(row[0], &n) })
	return n > 0, err
}
