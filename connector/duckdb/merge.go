//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"vitalsink/connector"
	"vitalsink/schemas"
)

func (s *store) pending(ctx context.Context) (*connector.Pending, error) {
	s.folding.Lock()
	defer s.folding.Unlock()
	p := &connector.Pending{Fences: map[string]int64{}}
	err := s.each(ctx, "fences.sql", versionedNames(s.catalogue), func(rows *sql.Rows) error {
		var table string
		var n int64
		err := rows.Scan(&table, &n)
		p.Fences[table] = n
		return err
	})
	if err != nil {
		return nil, err
	}
	err = s.each(ctx, "pending.sql", nil, func(rows *sql.Rows) error {
		b, err := scanRegistered(rows)
		p.Batches = append(p.Batches, b)
		return err
	})
	return p, err
}

// each calls f on every row of a query on the fold's connection.
func (s *store) each(ctx context.Context, file string, names any, f func(*sql.Rows) error, args ...any) error {
	return s.eachOn(ctx, s.folds, file, names, f, args...)
}

// eachOn calls f on every row of a query.
func (s *store) eachOn(ctx context.Context, conn *sql.Conn, file string, names any, f func(*sql.Rows) error, args ...any) error {
	stmt, err := s.render(file, names)
	if err != nil {
		return err
	}
	rows, err := conn.QueryContext(ctx, stmt, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", file, explain(err))
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return fmt.Errorf("%s: %w", file, explain(err))
		}
	}
	return rows.Err()
}

func (s *store) merge(ctx context.Context, m *connector.Merge) (connector.MergeBooks, error) {
	s.folding.Lock()
	defer s.folding.Unlock()
	var books connector.MergeBooks
	err := s.inTransaction(ctx, s.folds, func(tx *sql.Tx) error {
		names := namesOf(m.Table)
		g := &merging{step: step{store: s, tx: tx, names: names}, merge: m, names: names}
		g.ids, g.since = idsSince(m.Batches)
		var err error
		books, err = g.run(ctx)
		return err
	})
	if err != nil {
		return connector.MergeBooks{}, err
	}
	return books, nil
}

// step is a transaction that changes a latest table.
type step struct {
	store *store
	tx    *sql.Tx
	names any // that its statements are made of
}

// merging is the transaction of one merge.
type merging struct {
	step
	merge *connector.Merge
	names mergeNames
	ids   []string
	since time.Time
}

func (g *merging) run(ctx context.Context) (connector.MergeBooks, error) {
	books := connector.MergeBooks{Registered: g.merge.Rows()}
	if n, err := g.exec(ctx, "raise_fence.sql", g.merge.Fence); err != nil || n != 1 {
		return books, orElse(err, g.fenced(ctx, g.names.Table))
	}
	var taken int
	if err := g.scan(ctx, "taken.sql", []any{g.ids}, &taken); err != nil || taken > 0 {
		return books, orElse(err, connector.ErrTaken)
	}
	if err := g.leaveOut(ctx, &books); err != nil {
		return books, err
	}
	if err := g.supersede(ctx, &books); err != nil {
		return books, err
	}
	if err := g.apply(ctx, &books); err != nil {
		return books, err
	}
	if !books.Balanced() {
		return books, fmt.Errorf("%w: merge of %s: %+v", connector.ErrBooks, g.names.Table, books)
	}
	if err := execAll(ctx, g.tx, []string{"DROP TABLE repeated", "DROP TABLE contested", "DROP TABLE passed_over", "DROP TABLE matched", "DROP TABLE IF EXISTS erased"}); err != nil {
		return books, fmt.Errorf("drop temporary tables: %w", err)
	}
	return books, g.enter(ctx, books)
}

// leaveOut counts the rows of people who are erased, and keeps them out of what
// follows. Without any it costs next to nothing: the other statements are what
// they are when nobody is erased.
func (g *merging) leaveOut(ctx context.Context, books *connector.MergeBooks) error {
	var people int
	if err := g.scan(ctx, "is_erased.sql", nil, &people); err != nil || people == 0 {
		return err
	}
	if _, err := g.exec(ctx, "erased_in_merge.sql", g.batches()...); err != nil {
		return err
	}
	if err := g.scan(ctx, "count_erased.sql", g.batches(), &books.Erased); err != nil {
		return err
	}
	g.names.Erased = books.Erased > 0
	g.step.names = g.names
	return nil
}

// supersede finds the rows of the batches that newer ones of them supersede.
func (g *merging) supersede(ctx context.Context, books *connector.MergeBooks) error {
	var found int
	if err := g.scan(ctx, "count_log.sql", g.batches(), &found); err != nil {
		return err
	}
	if found != books.Registered {
		return fmt.Errorf("%w: the log holds %d rows of batches with %d", connector.ErrBooks, found, books.Registered)
	}
	for _, file := range []string{"repeated.sql", "contested.sql", "superseded.sql"} {
		if _, err := g.exec(ctx, file, g.batches()...); err != nil {
			return err
		}
	}
	return g.scan(ctx, "count_superseded.sql", nil, &books.Superseded)
}

// apply puts the others into the table, but for stale ones.
func (g *merging) apply(ctx context.Context, books *connector.MergeBooks) error {
	var newer int
	if _, err := g.exec(ctx, "matched.sql", g.batches()...); err != nil {
		return err
	}
	if err := g.scan(ctx, "count_matched.sql", nil, &newer, &books.Stale); err != nil {
		return err
	}
	if _, err := g.exec(ctx, "pass_over_matched.sql"); err != nil {
		return err
	}
	lowered := 0
	var err error
	if g.names.Sticky != "" {
		if lowered, err = g.exec(ctx, "lower.sql"); err != nil {
			return err
		}
	}
	if removed, err := g.exec(ctx, "remove.sql"); err != nil || removed != newer {
		return orElse(err, fmt.Errorf("%w: %d rows of %s were removed for %d newer ones", connector.ErrBooks, removed, g.names.Table, newer))
	}
	inserted, err := g.exec(ctx, "insert.sql", g.batches()...)
	books.Applied = inserted + lowered
	return err
}

// batches are the parameters of batches.sql.
func (g *merging) batches() []any { return []any{g.ids, g.since} }

// fenced is why the fence did not rise: another folder was faster, or there is
// no fence, and a folder that waits for one would wait for ever.
func (g *step) fenced(ctx context.Context, table string) error {
	var rows int
	if err := g.scan(ctx, "count_fence.sql", nil, &rows); err != nil || rows == 1 {
		return orElse(err, connector.ErrFenced)
	}
	return fmt.Errorf("%w: table store.%s has %d rows instead of one, the count of merges; leave one, or insert 0",
		connector.ErrConfiguration, fenceOf(table), rows)
}

// enter writes the merge into the ledger.
func (g *merging) enter(ctx context.Context, books connector.MergeBooks) error {
	return g.store.insertRow(ctx, g.tx, schemas.MergesTable, map[string]any{
		"merge_id": g.merge.ID, "table_name": g.names.Table, "batch_ids": g.ids, "merged_at": g.merge.MergedAt,
		"rows_registered": books.Registered, "rows_applied": books.Applied, "rows_superseded": books.Superseded,
		"rows_stale": books.Stale, "rows_erased": books.Erased, "bytes_estimated": nil, "bytes_billed": nil, "job_id": nil,
	})
}

// exec runs a statement and returns the number of rows it changed.
func (g *step) exec(ctx context.Context, file string, args ...any) (int, error) {
	stmt, err := g.render(file)
	if err != nil {
		return 0, err
	}
	res, err := g.tx.ExecContext(ctx, stmt, args...)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", file, err)
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// scan reads the one row of a query.
func (g *step) scan(ctx context.Context, file string, args []any, into ...any) error {
	stmt, err := g.render(file)
	if err != nil {
		return err
	}
	if err := g.tx.QueryRowContext(ctx, stmt, args...).Scan(into...); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

func (g *step) render(file string) (string, error) { return g.store.render(file, g.names) }

// orElse is err, or what its absence means.
func orElse(err, meaning error) error {
	if err != nil {
		return err
	}
	return meaning
}
