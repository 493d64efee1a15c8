//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// mostExamples is how many keys a flaw names.
const mostExamples = 10

// inspectNames is what the statements about flaws of a table are made of.
type inspectNames struct {
	Table, Log string
	Key        []string
	Columns    []schemas.Column
	Sticky     string // "" if none
	Day        string // column that on_days.sql bounds, "" for all rows
	Most       int
	Erased     bool // people who are do not count
	// The flaws of behind.sql.
	Behind, Unequal, Moved string
}

func inspectNamesOf(t *schemas.Table) inspectNames {
	n := inspectNames{
		Table: t.Name, Log: logOf(t.Name), Key: t.Key, Columns: t.Columns, Sticky: t.StickyColumn(), Most: mostExamples, Erased: true,
		Behind: connector.CheckBehind, Unequal: connector.CheckUnequal, Moved: connector.CheckMoved,
	}
	if t.Partition != nil && t.Partition.Rule == schemas.PartOfKey {
		n.Day = t.Partition.Column
	}
	return n
}

// on are the parameters of on_days.sql; nothing is true if there is no day to
// look at.
func (n inspectNames) on(days []time.Time) (args []any, nothing bool) {
	if n.Day == "" {
		return nil, false
	}
	if len(days) == 0 {
		return nil, true
	}
	utc := make([]time.Time, len(days))
	for i, d := range days {
		utc[i] = d.UTC().Truncate(24 * time.Hour)
	}
	first, last := slices.MinFunc(utc, time.Time.Compare), slices.MaxFunc(utc, time.Time.Compare)
	return []any{first, last.AddDate(0, 0, 1), utc}, false
}

// MergedSince are the batches that merges took and that were appended at or
// after a time, oldest first, each once.
func (w *Warehouse) MergedSince(ctx context.Context, since time.Time) (all []connector.Registered, err error) {
	err = w.read(ctx, "merged.sql", nil, func(rows *sql.Rows) error {
		b, err := scanRegistered(rows)
		all = append(all, b)
		return err
	}, since.UTC())
	return all, err
}

// scanRegistered reads a batch of the registry.
func scanRegistered(rows *sql.Rows) (b connector.Registered, err error) {
	var days duckdb.Composite[[]time.Time]
	var resources duckdb.Composite[[]string]
	err = rows.Scan(&b.ID, &b.Table, &b.Lane, &b.CatalogueVersion, &b.AppendedAt, &b.Rows, &days, &b.RowsWithoutDay, &resources)
	b.Days, b.Resources = days.Get(), resources.Get()
	return b, err
}

// Duplicates are keys of a table that have several rows, tombstones too: on
// these days if the table is partitioned by a column of its key, else in all of
// it. nil if there are none.
func (w *Warehouse) Duplicates(ctx context.Context, t *schemas.Table, days []time.Time) (*connector.Flaw, error) {
	names := inspectNamesOf(t)
	args, nothing := names.on(days)
	if nothing {
		return nil, nil
	}
	flaw := connector.Flaw{Check: connector.CheckDuplicate}
	err := w.read(ctx, "duplicates.sql", names, func(rows *sql.Rows) error {
		return scanExample(rows, len(t.Key), &flaw, &flaw.Rows)
	}, args...)
	if err != nil || flaw.Rows == 0 {
		return nil, err
	}
	return &flaw, nil
}

// scanExample reads a key, which comes after other columns, into the examples of
// a flaw.
func scanExample(rows *sql.Rows, columns int, flaw *connector.Flaw, before ...any) error {
	key := make([]any, columns)
	for i := range key {
		before = append(before, &key[i])
	}
	if err := rows.Scan(before...); err != nil {
		return err
	}
	for i, v := range key {
		key[i] = inUTC(v)
	}
	flaw.Examples = append(flaw.Examples, key)
	return nil
}

// Behind compares the log's rows of merged batches, all of one table, with the
// latest table: it is behind where it holds a version before the greatest of a
// key's rows, or none; unequal where it holds that version with another content;
// and the sticky column moved where the rows have several values of it, or one
// before that of the table. There is a flaw at most of each. Rows of people who
// are erased do not count.
func (w *Warehouse) Behind(ctx context.Context, t *schemas.Table, batches []connector.Registered) (flaws []connector.Flaw, err error) {
	if len(batches) == 0 {
		return nil, nil
	}
	ids, since := idsSince(batches)
	err = w.read(ctx, "behind.sql", inspectNamesOf(t), func(rows *sql.Rows) error {
		var next, flaw connector.Flaw
		if err := scanExample(rows, len(t.Key), &next, &next.Check, &next.Rows); err != nil {
			return err
		}
		if len(flaws) > 0 {
			flaw = flaws[len(flaws)-1]
		}
		if flaw.Check != next.Check {
			flaws = append(flaws, next)
			return nil
		}
		flaws[len(flaws)-1].Examples = append(flaw.Examples, next.Examples...)
		return nil
	}, ids, since)
	return flaws, err
}

// idsSince are the parameters of batches.sql: ids, and when the first was
// appended.
func idsSince(batches []connector.Registered) (ids []string, since time.Time) {
	for _, b := range batches {
		ids = append(ids, b.ID)
		if since.IsZero() || b.AppendedAt.Before(since) {
			since = b.AppendedAt
		}
	}
	return ids, since
}

// QuarantineGrowth counts rows in quarantine that are not resolved, by reason:
// those published since a time, and those between another and that.
func (w *Warehouse) QuarantineGrowth(ctx context.Context, since, before time.Time) (all []connector.Growth, err error) {
	err = w.read(ctx, "quarantine_growth.sql", nil, func(rows *sql.Rows) error {
		var g connector.Growth
		err := rows.Scan(&g.Reason, &g.Recent, &g.Before)
		all = append(all, g)
		return err
	}, since.UTC(), before.UTC())
	return all, err
}

// RemoveDuplicates removes rows of keys that have several, but for one with the
// greatest version, and returns how many. Days are as in Duplicates. It raises
// the fence as a merge does: the error is ErrFenced if a merge was faster, and
// ErrBooks if it would remove others than it should.
func (w *Warehouse) RemoveDuplicates(ctx context.Context, t *schemas.Table, days []time.Time) (removed int, err error) {
	names := inspectNamesOf(t)
	args, nothing := names.on(days)
	if nothing {
		return 0, nil
	}
	err = w.use(ctx, func(s *store) error {
		removed, err = s.removeDuplicates(ctx, names, args)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("remove duplicates of %s: %w", t.Name, err)
	}
	return removed, nil
}

func (s *store) removeDuplicates(ctx context.Context, names inspectNames, days []any) (removed int, err error) {
	s.folding.Lock()
	defer s.folding.Unlock()
	fence := int64(-1)
	err = s.each(ctx, "read_fence.sql", names, func(rows *sql.Rows) error { return rows.Scan(&fence) })
	if err != nil {
		return 0, err
	}
	err = s.inTransaction(ctx, s.folds, func(tx *sql.Tx) error {
		step := &step{store: s, tx: tx, names: names}
		if n, err := step.exec(ctx, "raise_fence.sql", fence); err != nil || n != 1 {
			return orElse(err, step.fenced(ctx, names.Table))
		}
		removed, err = step.removeSurplus(ctx, names, days)
		return err
	})
	return removed, err
}

// removeSurplus removes rows of keys that have several. What is found by their
// order within a key is held against what is counted by key, before and after.
func (g *step) removeSurplus(ctx context.Context, names inspectNames, days []any) (removed int, err error) {
	var surplus, left int
	if err := g.scan(ctx, "count_surplus.sql", days, &surplus); err != nil || surplus == 0 {
		return 0, err
	}
	if names.Sticky != "" {
		if _, err := g.exec(ctx, "lower_surplus.sql"); err != nil {
			return 0, err
		}
	}
	if _, err := g.exec(ctx, "surplus.sql", days...); err != nil {
		return 0, err
	}
	if removed, err = g.exec(ctx, "remove_surplus.sql"); err != nil {
		return 0, err
	}
	if err := g.scan(ctx, "count_surplus.sql", days, &left); err != nil {
		return 0, err
	}
	if removed != surplus || left != 0 {
		return 0, fmt.Errorf("%w: %d rows of %s are removed of %d that should be, %d are left", connector.ErrBooks, removed, names.Table, surplus, left)
	}
	return removed, execAll(ctx, g.tx, []string{"DROP TABLE surplus"})
}
