package bigquery

import (
	"context"
	"fmt"

	"cloud.google.com/go/bigquery"

	"vitalsink/connector"
	"vitalsink/schemas"
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
	parameters := []bigquery.QueryParameter{{Name: "after", Value: after}}
	if len(reasons) > 0 {
		parameters = append(parameters, bigquery.QueryParameter{Name: "reasons", Value: reasons})
	}
	names := quarantinedNames{ByReason: len(reasons) > 0, Most: mostQuarantined}
	err = w.look(ctx, schemas.QuarantineTable, "quarantined_ids.sql", names, func(row []bigquery.Value) error {
		var id connector.QuarantinedID
		if err := scan(row[0], &id.MessageID); err != nil {
			return err
		}
		ids = append(ids, id)
		return scan(row[1], &ids[len(ids)-1].Bytes)
	}, parameters...)
	return ids, err
}

// Quarantined are those of the messages that are in quarantine, in the order of
// their ids.
func (w *Warehouse) Quarantined(ctx context.Context, ids []string, payload bool) (all []connector.Quarantined, err error) {
	err = w.look(ctx, schemas.QuarantineTable, "quarantined.sql", quarantinedNames{Payload: payload}, func(row []bigquery.Value) error {
		r, err := quarantineRowOf(row)
		if err != nil {
			return err
		}
		all, err = connector.AppendQuarantined(all, r)
		return err
	}, bigquery.QueryParameter{Name: "ids", Value: ids})
	return all, err
}

// quarantineRowOf reads a row of quarantined.sql.
func quarantineRowOf(row []bigquery.Value) (*connector.QuarantineRow, error) {
	var r connector.QuarantineRow
	var index, part int64
	for i, into := range []any{&r.MessageID, &index, &part, &r.PublishedAt, &r.VersionAt} {
		if err := scan(row[i], into); err != nil {
			return nil, fmt.Errorf("column %d: %w", i, err)
		}
	}
	r.Key = connector.QuarantineKey{Index: int32(index), Part: int(part)}
	r.Reason, _ = row[5].(string)     // NULL is none
	r.Attributes, _ = row[6].(string) // likewise
	if len(row) > 7 {
		r.Payload, _ = row[7].([]byte) // likewise
	}
	return &r, nil
}
