//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"time"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// factsAtOnce is how many rows are in memory at once.
const factsAtOnce = 2048

// errReopened ends what was read of a file that DuckDB no longer worked on.
var errReopened = errors.New("the duckdb file had to be opened anew meanwhile")

// factsNames is what the statements about facts are made of.
type factsNames struct {
	Table       string
	Columns     []schemas.Column
	Resources   bool   // only some
	Day         string // the column that is bounded, "" if none is
	Dayless     bool   // rows may have none
	DayColumn   string
	DayType     string
	Provider    string
	HasResource bool
	From, Until string // parameters
}

// askedFor is what asked.sql is made of, and its parameters.
func askedFor(q connector.FactsQuery) (n factsNames, args []any, err error) {
	n = factsNames{
		Table: q.Table.Name, Columns: q.Table.Columns, Resources: len(q.Resources) > 0,
		DayColumn: q.Table.DayColumn(), Provider: q.Table.ProviderColumn(), HasResource: q.Table.Index(resourceColumn) >= 0,
	}
	args = []any{slices.Clone(q.Users)}
	if n.Resources {
		args = append(args, slices.Clone(q.Resources))
	}
	if n.DayColumn == "" || q.From.IsZero() && q.Until.IsZero() {
		return n, args, nil
	}
	n.Day, n.From, n.Until = n.DayColumn, fmt.Sprintf("$%d", len(args)+1), fmt.Sprintf("$%d", len(args)+2)
	since, until := connector.Window{Since: q.From, Until: q.Until}.Bounds()
	day := q.Table.Columns[q.Table.Index(n.Day)]
	n.Dayless = !day.Required
	n.DayType, err = columnType(day)
	return n, append(args, since.UTC(), until.UTC()), err
}

const resourceColumn = "resource"

// Facts calls take with each row of a latest table that a query asks for,
// tombstones too, in order of user_id, and of resource where the table has it. A
// row has a value for each column of the table: nil for NULL, string for STRING
// and JSON, int64, float64, bool, []byte for BYTES, time.Time in UTC for
// TIMESTAMP and DATE, []any for a REPEATED column, which is never NULL. take may
// keep it, and may be slow: the rows are those of one moment, set aside by a
// connection of their own, where DuckDB can spill them, and neither appends nor
// folds wait for them. An error of take ends it.
func (w *Warehouse) Facts(ctx context.Context, q connector.FactsQuery, take func(row []any) error) error {
	if len(q.Users) == 0 {
		return nil
	}
	names, args, err := askedFor(q)
	if err != nil {
		return err
	}
	return w.eachAside(ctx, q.Table.Name, aside{file: "gather.sql", names: names, args: args, columns: len(q.Table.Columns)}, take)
}

// aside says which rows are set aside.
type aside struct {
	file    string // that makes the table
	names   any
	args    []any
	columns int
	bytes   int64 // of a page by its column bytes; 0 for any
}

// eachAside calls take with each of the rows that are set aside of a table.
func (w *Warehouse) eachAside(ctx context.Context, table string, which aside, take func(row []any) error) error {
	var f *facts
	err := w.use(ctx, func(s *store) (err error) {
		f, err = s.gather(ctx, which)
		return err
	})
	if err != nil {
		return fmt.Errorf("read %s: %w", table, err)
	}
	defer w.forget(ctx, f)
	for f.taken < f.rows {
		// The file is in use for a page, and not while take works: else one that
		// has to be opened anew would wait for it, and all others for that.
		var page [][]any
		err := w.use(ctx, func(s *store) (err error) {
			if s != f.store {
				return errReopened
			}
			page, err = f.next(ctx)
			return err
		})
		if err != nil {
			return fmt.Errorf("read %s: %w", table, err)
		}
		for _, row := range page {
			if err := take(row); err != nil {
				return err
			}
		}
	}
	return nil
}

// facts are rows that are set aside. The driver has the whole result of a query
// in memory before it gives the first row; of a table they can be read by and by.
type facts struct {
	store       *store
	conn        *sql.Conn
	aside       aside
	rows, taken int64
}

func (s *store) gather(ctx context.Context, which aside) (*facts, error) {
	stmt, err := s.render(which.file, which.names)
	if err != nil {
		return nil, err
	}
	f := &facts{store: s, aside: which}
	if f.conn, err = s.connect(ctx); err != nil {
		return nil, err
	}
	if _, err = f.conn.ExecContext(ctx, stmt, which.args...); err == nil {
		err = f.conn.QueryRowContext(ctx, "SELECT count(*) FROM temp.facts").Scan(&f.rows)
	}
	if err != nil {
		f.end(ctx)
		return nil, fmt.Errorf("%s: %w", which.file, err)
	}
	return f, nil
}

// next are the next rows.
func (f *facts) next(ctx context.Context) ([][]any, error) {
	stmt, err := f.store.render("facts.sql", nil)
	if err != nil {
		return nil, err
	}
	upTo := min(f.rows, f.taken+factsAtOnce)
	if f.aside.bytes > 0 {
		if upTo, err = f.upToBytes(ctx, upTo); err != nil {
			return nil, err
		}
	}
	rows, err := f.conn.QueryContext(ctx, stmt, f.taken, upTo)
	if err != nil {
		return nil, fmt.Errorf("facts.sql: %w", err)
	}
	defer rows.Close()
	// The rows of a range come in any order: to sort them takes DuckDB ten times
	// as long.
	page, found := make([][]any, upTo-f.taken), int64(0)
	err = eachRow(rows, 1+f.aside.columns, func(values []any) error {
		row := slices.Clone(values[1:])
		for i, v := range row {
			row[i] = inUTC(v)
		}
		page[values[0].(int64)-f.taken] = row
		found++
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("facts.sql: %w", err)
	}
	if found != upTo-f.taken {
		return nil, fmt.Errorf("%w: %d rows of %d that were set aside", connector.ErrBooks, found, upTo-f.taken)
	}
	f.taken = upTo
	return page, nil
}

// inUTC is a value of the driver's as Facts gives it.
func inUTC(v any) any {
	switch v := v.(type) {
	case time.Time:
		return v.UTC()
	case []any:
		for i := range v {
			v[i] = inUTC(v[i])
		}
	}
	return v
}

// forget gives up what was set aside, unless that went with its file.
func (w *Warehouse) forget(ctx context.Context, f *facts) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.open == f.store {
		f.end(ctx)
	}
}

func (f *facts) end(ctx context.Context) {
	if _, err := f.conn.ExecContext(context.WithoutCancel(ctx), "DROP TABLE IF EXISTS temp.facts"); err != nil {
		// The table goes with the connection, which is not to be used again.
		_ = f.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	f.store.disconnect(f.conn)
}

// Tallies count facts by person, resource and provider, in no particular order.
func (w *Warehouse) Tallies(ctx context.Context, q connector.FactsQuery) (all []connector.Tally, err error) {
	names, args, err := askedFor(q)
	if err != nil {
		return nil, err
	}
	err = w.read(ctx, "tallies.sql", names, func(rows *sql.Rows) error {
		var t connector.Tally
		var newest sql.NullTime
		err := rows.Scan(&t.UserID, &t.Resource, &t.Provider, &t.Rows, &newest)
		t.Newest = newest.Time.UTC()
		all = append(all, t)
		return err
	}, args...)
	return all, err
}

// read runs a query on a connection of its own: appends and folds do not wait
// for it.
func (w *Warehouse) read(ctx context.Context, file string, names any, f func(*sql.Rows) error, args ...any) error {
	return w.use(ctx, func(s *store) error {
		conn, err := s.connect(ctx)
		if err != nil {
			return err
		}
		defer s.disconnect(conn)
		return s.eachOn(ctx, conn, file, names, f, args...)
	})
}
