//go:build cgo

package bigquerytest

import (
	"context"
	"database/sql"
	"errors"
	"math/big"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"
)

// result is what a query returned.
type result struct {
	names []string
	types []sqlType
	rows  [][]any // as value has them
}

// rows runs a query.
func (e *execution) rows(ctx context.Context, query string) (*result, error) {
	return readRows(ctx, e.conn, query)
}

func readRows(ctx context.Context, conn *sql.Conn, query string) (*result, error) {
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		return nil, explain(err)
	}
	defer rows.Close()
	columns, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	r := &result{}
	asText := false
	for _, c := range columns {
		t, ok := typeOfDuck(c.DatabaseTypeName())
		if !ok {
			return nil, failure(reasonMissing, "stand-in for BigQuery: a result of type %s is not part of it", c.DatabaseTypeName())
		}
		r.names, r.types = append(r.names, c.Name()), append(r.types, t)
		asText = asText || t.kind == "JSON"
	}
	if asText {
		if err := rows.Close(); err != nil {
			return nil, explain(err)
		}
		return readJSON(ctx, conn, query, r.types)
	}
	for rows.Next() {
		row, err := scanRow(rows, len(columns))
		if err != nil {
			return nil, err
		}
		r.rows = append(r.rows, row)
	}
	return r, explain(rows.Err())
}

// readJSON reads JSON as the text it is: the driver would parse it, and round
// its numbers.
func readJSON(ctx context.Context, conn *sql.Conn, query string, types []sqlType) (*result, error) {
	columns := make([]string, len(types))
	names, err := namesOf(ctx, conn, query)
	if err != nil {
		return nil, err
	}
	for i, t := range types {
		column := "#" + itoa(i+1)
		if t.kind == "JSON" {
			as := "VARCHAR"
			if t.repeated {
				as = "VARCHAR[]"
			}
			column = "CAST(" + column + " AS " + as + ")"
		}
		columns[i] = column + " AS " + quoteIdent(names[i])
	}
	r, err := readRows(ctx, conn, "SELECT "+strings.Join(columns, ", ")+" FROM ("+query+")")
	if err == nil {
		r.types = types
	}
	return r, err
}

func namesOf(ctx context.Context, conn *sql.Conn, query string) ([]string, error) {
	rows, err := conn.QueryContext(ctx, "SELECT * FROM ("+query+") LIMIT 0")
	if err != nil {
		return nil, explain(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	return names, errors.Join(err, rows.Err())
}

func scanRow(rows *sql.Rows, n int) ([]any, error) {
	values, into := make([]any, n), make([]any, n)
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		return nil, explain(err)
	}
	for i, v := range values {
		var err error
		if values[i], err = native(v); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// native is a value of the driver's as value has it.
func native(v any) (any, error) {
	switch x := v.(type) {
	case int8:
		return int64(x), nil
	case int16:
		return int64(x), nil
	case int32:
		return int64(x), nil
	case int:
		return int64(x), nil
	case uint8:
		return int64(x), nil
	case uint16:
		return int64(x), nil
	case uint32:
		return int64(x), nil
	case uint64:
		return native(new(big.Int).SetUint64(x))
	case *big.Int:
		if x == nil {
			return nil, nil
		}
		if !x.IsInt64() {
			return nil, invalid("int64 overflow")
		}
		return x.Int64(), nil
	case float32:
		return float64(x), nil
	case duckdb.Decimal:
		return x.Float64(), nil
	case []any:
		list := make([]any, len(x))
		for i, item := range x {
			var err error
			if list[i], err = native(item); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	return v, nil
}
