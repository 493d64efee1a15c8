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

// erasuresAtOnce is how many rows a statement writes.
const erasuresAtOnce = 200

// Erased are the people who are erased.
func (w *Warehouse) Erased(ctx context.Context) (connector.Erased, error) {
	erased := connector.Erased{}
	err := w.read(ctx, "erased.sql", nil, func(rows *sql.Rows) error {
		var hash string
		err := rows.Scan(&hash)
		erased[hash] = true
		return err
	})
	return erased, err
}

// RecordErasures appends rows to the record, all of them or none.
func (w *Warehouse) RecordErasures(ctx context.Context, erasures []connector.Erasure) error {
	return w.use(ctx, func(s *store) error {
		s.appending.Lock()
		defer s.appending.Unlock()
		return s.inTransaction(ctx, s.appends, func(tx *sql.Tx) error {
			for part := range slices.Chunk(erasures, erasuresAtOnce) {
				rows := make([]map[string]any, len(part))
				for i := range part {
					rows[i] = erasureRow(&part[i])
				}
				if err := s.insertRows(ctx, tx, schemas.ErasuresTable, rows); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// erasureRow are the columns of a row of the record.
func erasureRow(e *connector.Erasure) map[string]any {
	row := map[string]any{
		"erasure_id": e.ID, "entry": e.Entry, "user_hash": e.UserHash, "recorded_at": e.RecordedAt.UTC(),
		"requested_by": orNull(e.RequestedBy), "table_name": orNull(e.Table), "rows_removed": nil, "log_rows_removed": nil,
		"message_ids": append([]string{}, e.MessageIDs...), "gone_at": orNull(e.GoneAt.UTC()),
	}
	if e.Entry == connector.EntryTable {
		row["rows_removed"], row["log_rows_removed"] = e.Removed.Latest, e.Removed.Log
	}
	return row
}

// Erasures are all rows of the record, each once, in order of recorded_at.
func (w *Warehouse) Erasures(ctx context.Context) (all []connector.Erasure, err error) {
	err = w.read(ctx, "erasures.sql", namesOf(w.config.Catalogue.Table(schemas.ErasuresTable)), func(rows *sql.Rows) error {
		e, err := scanErasure(rows)
		all = append(all, e)
		return err
	})
	return all, err
}

func scanErasure(rows *sql.Rows) (e connector.Erasure, err error) {
	var requestedBy, table sql.NullString
	var latest, log sql.NullInt64
	var messages duckdb.Composite[[]string]
	var goneAt sql.NullTime
	err = rows.Scan(&e.ID, &e.Entry, &e.UserHash, &e.RecordedAt, &requestedBy, &table, &latest, &log, &messages, &goneAt)
	e.RecordedAt, e.GoneAt = e.RecordedAt.UTC(), goneAt.Time.UTC()
	e.RequestedBy, e.Table = requestedBy.String, table.String
	e.Removed = connector.RowCount{Latest: int(latest.Int64), Log: int(log.Int64)}
	if ids := messages.Get(); len(ids) > 0 {
		e.MessageIDs = ids
	}
	return e, err
}

// RaiseFence raises the fence of a table, whatever it is. The error is
// ErrConfiguration if the fence has not one row.
func (w *Warehouse) RaiseFence(ctx context.Context, t *schemas.Table) error {
	return w.change(ctx, namesOf(t), func(step *step) error {
		if n, err := step.exec(ctx, "raise_any_fence.sql"); err != nil || n != 1 {
			return orElse(err, step.fenced(ctx, t.Name))
		}
		return nil
	})
}

// change changes a table in a transaction, while nothing is merged.
func (w *Warehouse) change(ctx context.Context, names any, f func(*step) error) error {
	return w.use(ctx, func(s *store) error {
		s.folding.Lock()
		defer s.folding.Unlock()
		return s.inTransaction(ctx, s.folds, func(tx *sql.Tx) error {
			return f(&step{store: s, tx: tx, names: names})
		})
	})
}

// neverRegistered is before when a batch was appended that no registry row names
// and none will.
func neverRegistered() time.Time { return time.Now().UTC().Add(-connector.UnregisteredFor) }

// CountPeople counts the rows of people in a table and its log, but for people
// who have none.
func (w *Warehouse) CountPeople(ctx context.Context, t *schemas.Table, hashes []string) (all []connector.PersonRows, err error) {
	if len(hashes) == 0 {
		return nil, nil
	}
	err = w.read(ctx, "count_people.sql", namesOf(t), func(rows *sql.Rows) error {
		var p connector.PersonRows
		err := rows.Scan(&p.UserHash, &p.Latest, &p.Log, &p.Waiting)
		all = append(all, p)
		return err
	}, slices.Clone(hashes), neverRegistered())
	return all, err
}

// RemovePeople removes the rows of people from a table, and from its log as far
// as no merge waits for them: all of that or nothing.
func (w *Warehouse) RemovePeople(ctx context.Context, t *schemas.Table, hashes []string) (connector.RowCount, error) {
	return w.removeBoth(ctx, t, namesOf(t), "remove_people", hashes)
}

// removeBoth removes rows from a table and its log, in one transaction.
func (w *Warehouse) removeBoth(ctx context.Context, t *schemas.Table, names any, statement string, which []string) (removed connector.RowCount, err error) {
	if len(which) == 0 {
		return removed, nil
	}
	err = w.change(ctx, names, func(step *step) (err error) {
		if removed.Latest, err = step.exec(ctx, statement+".sql", slices.Clone(which)); err != nil {
			return err
		}
		removed.Log, err = step.exec(ctx, statement+"_log.sql", slices.Clone(which), neverRegistered())
		return err
	})
	if err != nil {
		return connector.RowCount{}, fmt.Errorf("remove rows of %s: %w", t.Name, err)
	}
	return removed, nil
}

// ClientUserIDs are what customers call some people, each once.
func (w *Warehouse) ClientUserIDs(ctx context.Context, hashes []string) ([]string, error) {
	return w.texts(ctx, "client_user_ids.sql", hashes)
}

// UserIDs are whom customers call one of these, each once.
func (w *Warehouse) UserIDs(ctx context.Context, clientUserIDs []string) ([]string, error) {
	return w.texts(ctx, "user_ids.sql", clientUserIDs)
}

// texts are the rows of a query over the tables that say what customers call
// people.
func (w *Warehouse) texts(ctx context.Context, file string, which []string) (all []string, err error) {
	if len(which) == 0 {
		return nil, nil
	}
	err = w.read(ctx, file, namingTables(w.config.Catalogue), func(rows *sql.Rows) error {
		var text string
		err := rows.Scan(&text)
		all = append(all, text)
		return err
	}, slices.Clone(which))
	return all, err
}

func namingTables(c *schemas.Catalogue) (names []string) {
	for _, t := range c.Versioned() {
		if t.Index("client_user_id") >= 0 {
			names = append(names, t.Name)
		}
	}
	return names
}

// Afterlife is 0: Compact leaves nothing of what was removed.
func (w *Warehouse) Afterlife(context.Context) (time.Duration, error) { return 0, nil }
