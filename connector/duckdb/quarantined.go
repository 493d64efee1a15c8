//go:build cgo

package duckdb

import (
	"context"
	"database/sql"

	"vitalsink/connector"
)

// quarantinedNames is what the statements that look into quarantine are made of.
type quarantinedNames struct {
	ByReason bool
	Payload  bool
	Most     int
}

// mostQuarantined is how many messages are named at once.
const mostQuarantined = 10_000

// QuarantinedIDs are messages in quarantine, in the order of their ids, those
// after the given one; of these only those with a row for one of the reasons,
// if there are any. They are some thousands at most, and none at the end.
func (w *Warehouse) QuarantinedIDs(ctx context.Context, after string, reasons []string) (ids []connector.QuarantinedID, err error) {
	args := []any{after}
	if len(reasons) > 0 {
		args = append(args, reasons)
	}
	names := quarantinedNames{ByReason: len(reasons) > 0, Most: mostQuarantined}
	err = w.look(ctx, "quarantined_ids.sql", names, func(rows *sql.Rows) error {
		var id connector.QuarantinedID
		err := rows.Scan(&id.MessageID, &id.Bytes)
		ids = append(ids, id)
		return err
	}, args...)
	return ids, err
}

// Quarantined are those of the messages that are in quarantine, in the order of
// their ids.
func (w *Warehouse) Quarantined(ctx context.Context, ids []string, payload bool) (all []connector.Quarantined, err error) {
	err = w.look(ctx, "quarantined.sql", quarantinedNames{Payload: payload}, func(rows *sql.Rows) error {
		var r connector.QuarantineRow
		err := rows.Scan(&r.MessageID, &r.Key.Index, &r.Key.Part, &r.PublishedAt, &r.VersionAt, &r.Reason, &r.Attributes, &r.Payload)
		if err != nil {
			return err
		}
		all, err = connector.AppendQuarantined(all, &r)
		return err
	}, ids)
	return all, err
}
