//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"fmt"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// namelessBytes is about how much of the rows is in memory at once: one row may
// take eight megabytes.
const namelessBytes = 32 << 20

// namelessNames is what the statements about rows without a user are made of.
type namelessNames struct {
	Table, Log           string
	InLog                bool   // of the log; else of the table
	ID, Text             string // columns
	Index, Part, Payload string // columns, or what stands for them
}

func namelessNamesOf(t *schemas.Table, log bool) (namelessNames, error) {
	n := namelessNames{Table: t.Name, Log: logOf(t.Name), InLog: log}
	switch t.Name {
	case schemas.QuarantineTable:
		n.ID, n.Text, n.Index, n.Part, n.Payload = "message_id", "attributes", ident("_index"), ident("part"), ident("payload")
	case schemas.EventsTable:
		n.ID, n.Text, n.Index, n.Part, n.Payload = "event_key", "payload", "0::BIGINT", "0::BIGINT", "NULL::BLOB"
	default:
		return n, fmt.Errorf("every row of %s names a user", t.Name)
	}
	return n, nil
}

// Nameless calls take with each row of a table that names no user, or of its
// log, tombstones too, in order of ID, Batch, Index and Part. As with Facts, take
// may be slow: neither appends nor folds wait for it. An error of take ends it.
func (w *Warehouse) Nameless(ctx context.Context, t *schemas.Table, log bool, take func(connector.NamelessRow) error) error {
	names, err := namelessNamesOf(t, log)
	if err != nil {
		return err
	}
	asides := aside{file: "gather_nameless.sql", names: names, columns: 7, bytes: namelessBytes}
	return w.eachAside(ctx, t.Name, asides, func(values []any) error {
		row := connector.NamelessRow{
			ID: values[0].(string), Batch: values[1].(string), Index: int32(values[2].(int64)), Part: int(values[3].(int64)), Text: values[4].(string),
		}
		row.Payload, _ = values[5].([]byte) // nil for NULL
		return take(row)
	})
}

// RemoveNameless removes rows of these IDs that name no user from a table, and
// from its log as far as no merge waits for them: all of that or nothing.
func (w *Warehouse) RemoveNameless(ctx context.Context, t *schemas.Table, ids []string) (connector.RowCount, error) {
	names, err := namelessNamesOf(t, false)
	if err != nil {
		return connector.RowCount{}, err
	}
	return w.removeBoth(ctx, t, names, "remove_nameless", ids)
}

// upToBytes is how far a page reaches that is not beyond so many bytes, but has
// a row.
func (f *facts) upToBytes(ctx context.Context, upTo int64) (int64, error) {
	stmt, err := f.store.render("page_of_bytes.sql", nil)
	if err != nil {
		return 0, err
	}
	var beyond sql.NullInt64
	if err := f.conn.QueryRowContext(ctx, stmt, f.taken, upTo, f.aside.bytes).Scan(&beyond); err != nil {
		return 0, fmt.Errorf("page_of_bytes.sql: %w", err)
	}
	if beyond.Valid {
		return max(f.taken+1, beyond.Int64), nil
	}
	return upTo, nil
}
