//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"vitalsink/connector/duckdb/duckarrow"

	"github.com/duckdb/duckdb-go/v2/mapping"
)

// Reader reads a file without being able to change it. Close it.
type Reader struct {
	db   *sql.DB
	conn *sql.Conn
}

// OpenReadOnly opens a file that exists. The error is ErrInUse if another
// process writes to it.
func OpenReadOnly(ctx context.Context, path string) (*Reader, error) {
	db, err := openFile(ctx, path, fmt.Sprintf("memory_limit=%dB&access_mode=read_only", defaultMemory), true)
	if err != nil {
		return nil, err
	}
	r := &Reader{db: db}
	if r.conn, err = db.Conn(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open duckdb file %s: %w", path, err), db.Close())
	}
	// Read-only is about the file itself: COPY, EXPORT and ATTACH would write
	// to others, this one included.
	for _, q := range []string{"SET enable_external_access = false", "SET lock_configuration = true"} {
		if _, err := r.conn.ExecContext(ctx, q); err != nil {
			return nil, errors.Join(fmt.Errorf("open duckdb file %s: %w", path, err), r.Close())
		}
	}
	return r, nil
}

// Close gives the file up.
func (r *Reader) Close() error { return errors.Join(r.conn.Close(), r.db.Close()) }

// Query writes the result of one statement. Its errors are DuckDB's own: who
// asks may read them.
func (r *Reader) Query(ctx context.Context, statement string, out RowWriter) error {
	if err := query(ctx, r.conn, statement, out); err != nil {
		return fmt.Errorf("query: %w", err)
	}
	return nil
}

func query(ctx context.Context, conn *sql.Conn, statement string, out RowWriter) error {
	n, err := countStatements(conn, statement)
	switch {
	case err != nil:
		return err
	case strings.TrimSpace(statement) == "":
		return errors.New("empty query")
	case n > 1:
		return fmt.Errorf("one statement at a time, these are %d", n)
	}
	var types []string
	if n == 1 {
		statement, types = printable(ctx, conn, statement)
	}
	rows, err := conn.QueryContext(ctx, statement)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.ColumnTypes()
	if err != nil {
		return err
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name()
		if types == nil || len(types) <= i {
			types = append(types, c.DatabaseTypeName())
		}
	}
	if err := out.Columns(names, types); err != nil {
		return err
	}
	return eachRow(rows, len(columns), out.Row)
}

// countStatements is how many statements a text is; 0 if it cannot be parsed.
func countStatements(conn *sql.Conn, text string) (n int, err error) {
	err = conn.Raw(func(dc any) error {
		handle, err := duckarrow.Handle(dc)
		if err != nil {
			return err
		}
		var statements mapping.ExtractedStatements
		n = int(mapping.ExtractStatements(mapping.Connection{Ptr: handle}, text, &statements))
		mapping.DestroyExtracted(&statements)
		return nil
	})
	return n, err
}

// printable casts the columns of a SELECT whose values the driver would give
// in a form of its own, JSON with rounded numbers for one. It returns the
// types that the columns then have. What is no SELECT stays as it is.
func printable(ctx context.Context, conn *sql.Conn, statement string) (string, []string) {
	described, err := conn.QueryContext(ctx, "DESCRIBE "+statement)
	if err != nil {
		return statement, nil
	}
	defer described.Close()
	var columns, types []string
	for described.Next() {
		var name, kind string
		var rest [4]any
		if described.Scan(&name, &kind, &rest[0], &rest[1], &rest[2], &rest[3]) != nil {
			return statement, nil
		}
		position := fmt.Sprintf("#%d", len(columns)+1)
		cast, as := castOf(position, kind)
		columns, types = append(columns, cast+" AS "+ident(name)), append(types, as)
	}
	if described.Err() != nil || len(columns) == 0 {
		return statement, nil
	}
	return "SELECT " + strings.Join(columns, ", ") + " FROM query(" + literal(statement) + ")", types
}

func castOf(column, kind string) (cast, as string) {
	switch {
	case kind == "JSON":
		return column + "::VARCHAR", TypeJSON
	case strings.ContainsAny(kind, "[") || strings.HasPrefix(kind, "STRUCT") ||
		strings.HasPrefix(kind, "MAP") || strings.HasPrefix(kind, "UNION"):
		return "to_json(" + column + ")::VARCHAR", TypeJSON
	case strings.HasPrefix(kind, "DECIMAL") || strings.HasSuffix(kind, "HUGEINT"):
		return column + "::VARCHAR", TypeNumber
	}
	switch kind {
	case "VARCHAR", "BOOLEAN", "BLOB", "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "FLOAT", "DOUBLE",
		"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT":
		return column, kind
	}
	return column + "::VARCHAR", "VARCHAR"
}

func eachRow(rows *sql.Rows, columns int, f func(values []any) error) error {
	values, into := make([]any, columns), make([]any, columns)
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if err := f(values); err != nil {
			return err
		}
	}
	return rows.Err()
}
