package bigquery

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/bigquery"
	"cloud.google.com/go/civil"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// maxLogDays is of how many days one statement may change rows of a log, which
// has a partition for each hour.
const maxLogDays = maxPartitions / 24

// eraseNames is what the statements about rows of people, or of nobody, are
// made of.
type eraseNames struct {
	Table     string
	Log       string
	Partition string    // the column, "" if the table is not partitioned
	KeyDay    string    // the same, if it is part of the key
	Nameless  string    // column of the IDs of rows that name no user; "" for rows of people
	Before    time.Time // rows of the log that were appended before will not be registered any more

	OfLog bool   // the statement is about the log
	Place bounds // and about these partitions
}

// With is the names for a statement about some partitions of the table, or of
// its log.
func (n eraseNames) With(log bool, place bounds) eraseNames {
	n.OfLog, n.Place = log, place
	return n
}

// Logged is the names for what a statement asks of the log.
func (n eraseNames) Logged() eraseNames { return n.With(true, n.Place) }

// Begin is before the first partition that there can be.
func (eraseNames) Begin() time.Time { return time.Time{} }

// From is the table that a statement is about.
func (n eraseNames) From() string {
	if n.OfLog {
		return n.Log
	}
	return n.Table
}

func eraseNamesOf(t *schemas.Table, now time.Time) eraseNames {
	n := eraseNames{Table: t.Name, Log: logOf(t.Name), Before: now.Add(-connector.UnregisteredFor)}
	if t.Partition != nil {
		n.Partition = t.Partition.Column
		if t.Partition.Rule == schemas.PartOfKey {
			n.KeyDay = n.Partition
		}
	}
	return n
}

// CountPeople counts the rows of people in a table and its log, by their
// hashes.
func (w *Warehouse) CountPeople(ctx context.Context, t *schemas.Table, hashes []string) (all []connector.PersonRows, err error) {
	if len(hashes) == 0 {
		return nil, nil
	}
	err = w.look(ctx, t.Name, "count_people.sql", eraseNamesOf(t, time.Now()), func(row []bigquery.Value) error {
		var p connector.PersonRows
		var n [3]int64
		err := scan(row[0], &p.UserHash)
		for i := range n {
			if err == nil {
				err = scan(row[i+1], &n[i])
			}
		}
		p.Latest, p.Log, p.Waiting = int(n[0]), int(n[1]), int(n[2])
		all = append(all, p)
		return err
	}, bigquery.QueryParameter{Name: "hashes", Value: hashes})
	return all, err
}

// RemovePeople removes the rows of people from a table, and those from its log
// that no merge needs any more. Every statement is a transaction of its own:
// logs are streamed, and in a transaction of several statements no rows can be
// changed that were streamed in the last half hour, while a statement by itself
// can change what came through the Storage Write API
// (https://cloud.google.com/bigquery/docs/data-manipulation-language#limitations,
// https://cloud.google.com/bigquery/docs/write-api#use_data_manipulation_language_dml_with_recently_streamed_data).
// After an error what was removed until then is returned as well.
func (w *Warehouse) RemovePeople(ctx context.Context, t *schemas.Table, hashes []string) (connector.RowCount, error) {
	if len(hashes) == 0 {
		return connector.RowCount{}, nil
	}
	return w.remove(ctx, t, eraseNamesOf(t, time.Now()), bigquery.QueryParameter{Name: "hashes", Value: hashes})
}

// RemoveNameless does the same for rows of these IDs that name no user.
func (w *Warehouse) RemoveNameless(ctx context.Context, t *schemas.Table, ids []string) (connector.RowCount, error) {
	columns, err := namelessOf(t)
	if err != nil || len(ids) == 0 {
		return connector.RowCount{}, err
	}
	n := eraseNamesOf(t, time.Now())
	n.Nameless = columns.ID
	return w.remove(ctx, t, n, bigquery.QueryParameter{Name: "ids", Value: ids})
}

// remove looks for the partitions that hold such rows, and removes them there:
// what a DELETE changes is billed as a whole, and must not be too much.
func (w *Warehouse) remove(ctx context.Context, t *schemas.Table, n eraseNames, whose bigquery.QueryParameter) (sum connector.RowCount, err error) {
	latest, log, err := w.whereabouts(ctx, n, whose)
	if err != nil {
		return sum, err
	}
	for _, place := range updatesOf(t, latest, maxPartitions) {
		rows, err := w.removeFrom(ctx, n.With(false, place), whose)
		if sum.Latest += rows; err != nil {
			return sum, err
		}
	}
	for _, runs := range cut(runsOf(log), maxLogDays) {
		rows, err := w.removeFrom(ctx, n.With(true, bounds{Column: "_appended_at", Runs: runs}), whose)
		if sum.Log += rows; err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// whereabouts are the partitions of a table, and the days of its log, that hold
// rows to be removed.
func (w *Warehouse) whereabouts(ctx context.Context, n eraseNames, whose bigquery.QueryParameter) (latest []probed, log []time.Time, err error) {
	err = w.look(ctx, n.Table, "whereabouts.sql", n, func(row []bigquery.Value) error {
		inLog, _ := row[0].(bool)
		var date civil.Date
		switch {
		case row[1] == nil && !inLog:
			latest = append(latest, probed{null: true})
			return nil
		case inLog:
			err := scan(row[1], &date)
			log = append(log, date.In(time.UTC))
			return err
		}
		err := scan(row[1], &date)
		latest = append(latest, probed{day: date.In(time.UTC)})
		return err
	}, whose)
	return latest, log, err
}

// removeFrom removes rows from some partitions.
func (w *Warehouse) removeFrom(ctx context.Context, n eraseNames, whose bigquery.QueryParameter) (int, error) {
	text, err := w.statements.render("erase.sql", n)
	if err != nil {
		return 0, err
	}
	rows, err := w.change(ctx, statement{
		step: "erase", table: n.Table, text: text, limit: w.config.MaxBytesBilled, parameters: []bigquery.QueryParameter{whose},
	})
	if err != nil {
		return 0, fmt.Errorf("erase rows of %s: %w", n.From(), err)
	}
	return rows, nil
}

// linkNames is what links.sql is made of.
type linkNames struct {
	Wanted string // the column
	Tables []eraseNames
}

// linksOf are the latest tables in which a user_id and a client_user_id stand
// side by side, and their logs: of who is erased nothing is folded any more.
func linksOf(c *schemas.Catalogue, wanted string) linkNames {
	n := linkNames{Wanted: wanted}
	for _, t := range c.Versioned() {
		if t.Index("user_id") >= 0 && t.Index("client_user_id") >= 0 {
			names := eraseNamesOf(t, time.Time{})
			n.Tables = append(n.Tables, names, names.Logged())
		}
	}
	return n
}

// ClientUserIDs are the client_user_id of people in latest tables and logs, each
// once; an empty one is none.
func (w *Warehouse) ClientUserIDs(ctx context.Context, hashes []string) ([]string, error) {
	return w.links(ctx, "client_user_id", bigquery.QueryParameter{Name: "hashes", Value: hashes}, len(hashes))
}

// UserIDs are the people whose client_user_id in a latest table or a log is one
// of these, each once; an empty user_id is nobody's.
func (w *Warehouse) UserIDs(ctx context.Context, clientUserIDs []string) ([]string, error) {
	return w.links(ctx, "user_id", bigquery.QueryParameter{Name: "client_user_ids", Value: clientUserIDs}, len(clientUserIDs))
}

func (w *Warehouse) links(ctx context.Context, wanted string, whose bigquery.QueryParameter, n int) (all []string, err error) {
	if n == 0 {
		return nil, nil
	}
	err = w.look(ctx, "", "links.sql", linksOf(w.catalogue, wanted), func(row []bigquery.Value) error {
		var id string
		err := scan(row[0], &id)
		all = append(all, id)
		return err
	}, whose)
	if err != nil {
		return nil, fmt.Errorf("look for %ss: %w", wanted, err)
	}
	return all, nil
}

// namelessColumns are the columns of a table that a connector.NamelessRow is
// made of; "" for what it has not.
type namelessColumns struct{ ID, Index, Part, Text, Payload string }

func namelessOf(t *schemas.Table) (namelessColumns, error) {
	switch t.Name {
	case schemas.QuarantineTable:
		return namelessColumns{"message_id", "_index", "part", "attributes", "payload"}, nil
	case schemas.EventsTable:
		return namelessColumns{ID: "event_key", Text: "payload"}, nil
	}
	return namelessColumns{}, fmt.Errorf("all rows of %s name a user", t.Name)
}

// namelessNames is what nameless.sql is made of.
type namelessNames struct {
	eraseNames
	namelessColumns
}

func namesOfNameless(t *schemas.Table, log bool) (namelessNames, error) {
	columns, err := namelessOf(t)
	return namelessNames{eraseNamesOf(t, time.Time{}).With(log, bounds{}), columns}, err
}

// Nameless calls take with the rows of quarantine or events that name no user,
// of the latest table or of the log, in the order of ID, Batch, Index and Part.
// Rows come page by page, as those of Facts do, and with the same errors.
func (w *Warehouse) Nameless(ctx context.Context, t *schemas.Table, log bool, take func(connector.NamelessRow) error) error {
	names, err := namesOfNameless(t, log)
	if err != nil {
		return err
	}
	text, err := w.statements.render("nameless.sql", names)
	if err != nil {
		return err
	}
	var refused error
	err = w.rowByRow(ctx, statement{step: "nameless", table: t.Name, text: text, limit: w.config.MaxBytesBilled}, func(values []bigquery.Value) error {
		row, err := namelessRowOf(values)
		if err == nil {
			refused = take(row)
			err = refused
		}
		return err
	})
	switch {
	case refused != nil:
		return refused
	case err != nil:
		return fmt.Errorf("read rows of %s without a user: %w", names.From(), err)
	}
	return nil
}

func namelessRowOf(values []bigquery.Value) (row connector.NamelessRow, err error) {
	var index, part int64
	for i, into := range []any{&row.ID, &row.Batch, &index, &part} {
		if err := scan(values[i], into); err != nil {
			return row, fmt.Errorf("column %d: %w", i, err)
		}
	}
	row.Index, row.Part = int32(index), int(part)
	row.Text, _ = values[4].(string)    // NULL is none
	row.Payload, _ = values[5].([]byte) // likewise
	return row, nil
}
