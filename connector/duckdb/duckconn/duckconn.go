//go:build cgo

// Package duckconn opens DuckDB databases whose statements can be stopped, and
// which do not crash when one is, or when a connection is made.
package duckconn

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	duckdb "github.com/duckdb/duckdb-go/v2"
)

// Open opens a database with settings, as in the query of a URL: a file, or one
// in memory if path is "". TIMESTAMP is an instant there, shown and cut in UTC.
func Open(path, settings string) (*sql.DB, error) {
	// The pruner of ORDER BY and LIMIT takes rows that are deleted for rows that
	// it may stop at (1.5.6; https://github.com/duckdb/duckdb/pull/22949). The
	// setting is the whole database's, and DuckDB does not guard it: while SET
	// runs in one connection, another that plans a statement finds none, or
	// crashes.
	c, err := duckdb.NewConnector(path+"?disabled_optimizers=row_group_pruner&"+settings, func(c driver.ExecerContext) error {
		_, err := c.ExecContext(context.Background(), "SET TimeZone = 'UTC'", nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector{c}), nil
}

type connector struct{ *duckdb.Connector }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	dc, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	inner, ok := dc.(*duckdb.Conn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("this duckdb-go has connections of type %T", dc), dc.Close())
	}
	return conn{inner}, nil
}

// conn is a connection of duckdb-go that never leaves a statement between its
// planning and its end.
//
// duckdb-go looks at its context's Err after DuckDB has begun to work on a
// statement, and then goes away from it (2.10506.0, executeBound): threads of
// DuckDB still work on what is being freed. Some of these statements keep the
// database open for ever, which the next to open the file waits for in an
// endless loop (https://github.com/duckdb/duckdb/issues/25965), and with one
// thread some crash when the connection is closed. So the driver is only told to
// interrupt the statement, and not to leave it. That holds for statements that
// are sent with their text; of prepared ones there are none that are executed.
type conn struct{ *duckdb.Conn }

// untilDone is a context whose end interrupts a statement, and nothing else.
type untilDone struct{ context.Context }

func (untilDone) Err() error { return nil }

// ExecContext implements driver.ExecerContext.
func (c conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return whole(ctx, func(ctx context.Context) (driver.Result, error) { return c.Conn.ExecContext(ctx, query, args) })
}

// QueryContext implements driver.QueryerContext.
func (c conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return whole(ctx, func(ctx context.Context) (driver.Rows, error) { return c.Conn.QueryContext(ctx, query, args) })
}

// BeginTx implements driver.ConnBeginTx.
func (c conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	return whole(ctx, func(ctx context.Context) (driver.Tx, error) { return c.Conn.BeginTx(ctx, opts) })
}

func whole[T any](ctx context.Context, do func(context.Context) (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	result, err := do(untilDone{ctx})
	if err != nil {
		return none, errors.Join(ctx.Err(), err)
	}
	return result, nil
}
