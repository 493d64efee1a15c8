package bigquery

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/bigquery"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// fieldsOfErasure are the fields of a row of erasures by their columns.
func fieldsOfErasure(e *connector.Erasure) map[string]any {
	fields := map[string]any{
		"erasure_id": &e.ID, "entry": &e.Entry, "user_hash": &e.UserHash, "recorded_at": &e.RecordedAt, "requested_by": &e.RequestedBy,
		"table_name": &e.Table, "message_ids": &e.MessageIDs, "gone_at": &e.GoneAt,
	}
	if e.Entry == connector.EntryTable { // elsewhere they are NULL, not 0
		fields["rows_removed"], fields["log_rows_removed"] = &e.Removed.Latest, &e.Removed.Log
	}
	return fields
}

// RecordErasures appends rows to erasures through the default stream of the
// table. They may be there twice after an error, some of them or all.
func (w *Warehouse) RecordErasures(ctx context.Context, rows []connector.Erasure) error {
	fields := make([]map[string]any, len(rows))
	for i := range rows {
		fields[i] = fieldsOfErasure(&rows[i])
	}
	if err := w.appender.record(ctx, schemas.ErasuresTable, fields); err != nil {
		return fmt.Errorf("record erasures: %w", err)
	}
	return nil
}

// erasuresNames is what erasures.sql is made of.
type erasuresNames struct {
	Columns []string
	Lists   []string // columns that are REPEATED, which do not compare
}

func namesOfErasures(c *schemas.Catalogue) (n erasuresNames) {
	for _, column := range c.Table(schemas.ErasuresTable).Columns {
		if column.Repeated {
			n.Lists = append(n.Lists, column.Name)
		} else {
			n.Columns = append(n.Columns, column.Name)
		}
	}
	return n
}

// Erasures are all rows of erasures, each once, in order of recorded_at.
func (w *Warehouse) Erasures(ctx context.Context) (all []connector.Erasure, err error) {
	names := namesOfErasures(w.catalogue)
	columns := append(names.Columns[:len(names.Columns):len(names.Columns)], names.Lists...)
	err = w.look(ctx, schemas.ErasuresTable, "erasures.sql", names, func(row []bigquery.Value) error {
		var e connector.Erasure
		fields := fieldsOfErasure(&e)
		fields["rows_removed"], fields["log_rows_removed"] = &e.Removed.Latest, &e.Removed.Log // of all, NULL or not
		for i, column := range columns {
			if err := restore(factOf(row[i]), fields[column]); err != nil {
				return fmt.Errorf("column %s: %w", column, err)
			}
		}
		all = append(all, e)
		return nil
	})
	return all, err
}

// Erased are the people who are erased.
func (w *Warehouse) Erased(ctx context.Context) (connector.Erased, error) {
	erased := connector.Erased{}
	err := w.look(ctx, schemas.ErasuresTable, "erased_hashes.sql", nil, func(row []bigquery.Value) error {
		var hash string
		err := scan(row[0], &hash)
		erased[hash] = true
		return err
	})
	if err != nil {
		return nil, err
	}
	return erased, nil
}

// RaiseFence raises the fence of a table, whatever it is, outside of a
// transaction. The error is connector.ErrConfiguration if it has not one row.
func (w *Warehouse) RaiseFence(ctx context.Context, t *schemas.Table) error {
	text, err := w.statements.render("bump_fence.sql", namesOf(t))
	if err != nil {
		return err
	}
	rows, err := w.change(ctx, statement{step: "fence", table: t.Name, text: text, limit: w.config.MaxBytesBilled})
	if err == nil && rows != 1 {
		err = &fault{class: connector.ErrConfiguration, what: "there must be one row in " + fenceOf(t.Name)}
	}
	if err != nil {
		return fmt.Errorf("raise fence of %s: %w", t.Name, err)
	}
	return nil
}

// How long BigQuery can give back what was removed: time travel, unless the
// dataset says otherwise, and then fail-safe, which nobody can change
// (https://cloud.google.com/bigquery/docs/time-travel).
const (
	timeTravel = 7 * day
	failSafe   = 7 * day
)

// Afterlife is the time travel of the dataset of the tables, and fail-safe.
func (w *Warehouse) Afterlife(ctx context.Context) (time.Duration, error) {
	travel := timeTravel
	err := w.patience.retry(ctx, func() error {
		md, err := within(ctx, w.patience, w.client.Dataset(storeOf(w.config.Dataset)).Metadata)
		if err == nil && md.MaxTimeTravel > 0 {
			travel = md.MaxTimeTravel
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read dataset %s: %w", storeOf(w.config.Dataset), err)
	}
	return travel + failSafe, nil
}
