//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"fmt"

	"vitalsink/connector"
	"vitalsink/connector/duckdb/duckarrow"
	"vitalsink/schemas"
)

// incoming is the view that shows a batch's rows to DuckDB.
const incoming = "incoming"

func (s *store) append(ctx context.Context, b *connector.Batch) error {
	s.appending.Lock()
	defer s.appending.Unlock()
	if b.Books.Rows == 0 {
		return s.inTransaction(ctx, s.appends, func(tx *sql.Tx) error { return s.register(ctx, tx, b) })
	}
	stmt, err := s.appendStatement(b.Table)
	if err != nil {
		return err
	}
	release, err := duckarrow.Scan(s.appends, b.Record, incoming)
	if err != nil {
		return err
	}
	defer release()
	return s.inTransaction(ctx, s.appends, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, stmt, b.ID, b.AppendedAt)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		if n != int64(b.Books.Rows) {
			return fmt.Errorf("%w: %d rows written of %d", connector.ErrBooks, n, b.Books.Rows)
		}
		return s.register(ctx, tx, b)
	})
}

// register enters the batch into the registry.
func (s *store) register(ctx context.Context, tx *sql.Tx, b *connector.Batch) error {
	return s.insertRow(ctx, tx, schemas.BatchesTable, b.RegistryRow(b.AppendedAt))
}

// insertRow writes one row of an append-only table, a value for each of its
// columns.
func (s *store) insertRow(ctx context.Context, tx *sql.Tx, table string, values map[string]any) error {
	return s.insertRows(ctx, tx, table, []map[string]any{values})
}

// insertRows writes rows of an append-only table in one statement: each takes
// DuckDB half a megabyte until the transaction ends.
func (s *store) insertRows(ctx context.Context, tx *sql.Tx, table string, rows []map[string]any) error {
	t := s.catalogue.Table(table)
	stmt, err := s.insertStatement(t, len(rows))
	if err != nil {
		return err
	}
	args := make([]any, 0, len(rows)*len(t.Columns))
	for _, values := range rows {
		for _, c := range t.Columns {
			v, ok := values[c.Name]
			if !ok {
				return fmt.Errorf("write %s: no value for column %s", table, c.Name)
			}
			args = append(args, v)
		}
	}
	if _, err := tx.ExecContext(ctx, stmt, args...); err != nil {
		return fmt.Errorf("write %s: %w", table, err)
	}
	return nil
}
