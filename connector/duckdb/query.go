//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
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

// Query writes the result of one statement. JSON comes as text, for its bytes
// count. Its errors are DuckDB's own: who asks may read them.
func (r *Reader) Query(ctx context.Context, statement string, out RowWriter) error {
	return query(ctx, r.db, statement, out)
}

// queryer is a database or a connection of one.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func query(ctx context.Context, db queryer, statement string, out RowWriter) error {
	rows, err := db.QueryContext(ctx, statement)
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	defer func() { rows.Close() }()
	columns, err := rows.ColumnTypes()
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	names, types := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		names[i], types[i] = c.Name(), c.DatabaseTypeName()
	}
	if slices.Contains(types, jsonType) {
		// The driver would parse it, and round its numbers.
		rows.Close()
		if rows, err = db.QueryContext(ctx, jsonAsText(statement, names, types)); err != nil {
			return fmt.Errorf("query: %w", err)
		}
	}
	if err := out.Columns(names, types); err != nil {
		return err
	}
	return eachRow(rows, len(columns), out.Row)
}

// jsonType is what the driver calls a column of JSON.
const jsonType = "JSON"

// jsonAsText is the statement with its columns of JSON cast to text, by
// position, for names can be there twice.
func jsonAsText(statement string, names, types []string) string {
	columns := make([]string, len(names))
	for i := range names {
		columns[i] = fmt.Sprintf("#%d AS %s", i+1, ident(names[i]))
		if types[i] == jsonType {
			columns[i] = fmt.Sprintf("#%d::VARCHAR AS %s", i+1, ident(names[i]))
		}
	}
	inner := strings.TrimRight(strings.TrimSpace(statement), ";")
	return "SELECT " + strings.Join(columns, ", ") + " FROM (" + inner + "\n)"
}

func eachRow(rows *sql.Rows, columns int, f func(values []any) error) error {
	values, into := make([]any, columns), make([]any, columns)
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("query: %w", err)
		}
		if err := f(values); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("query: %w", err)
	}
	return nil
}
