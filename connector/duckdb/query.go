//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"fmt"
)

// Reader reads a file without being able to change it. Close it.
type Reader struct{ db *sql.DB }

// OpenReadOnly opens a file that exists. The error is ErrInUse if another
// process writes to it.
func OpenReadOnly(ctx context.Context, path string) (*Reader, error) {
	db, err := openFile(ctx, path, true)
	if err != nil {
		return nil, err
	}
	return &Reader{db: db}, nil
}

// Close gives the file up.
func (r *Reader) Close() error { return r.db.Close() }

// Query writes the result of one statement. Its errors are DuckDB's own: who
// asks may read them.
func (r *Reader) Query(ctx context.Context, statement string, out RowWriter) error {
	rows, err := r.db.QueryContext(ctx, statement)
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	defer rows.Close()
	columns, err := rows.ColumnTypes()
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	names, types := make([]string, len(columns)), make([]string, len(columns))
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i, c := range columns {
		names[i], types[i] = c.Name(), c.DatabaseTypeName()
		into[i] = &values[i]
	}
	if err := out.Columns(names, types); err != nil {
		return err
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("query: %w", err)
		}
		if err := out.Row(values); err != nil {
			return err
		}
	}
	return rows.Err()
}
