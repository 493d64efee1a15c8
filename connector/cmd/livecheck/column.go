package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"vitalsink/connector/bigquery"
	"vitalsink/schemas"
)

var columnCheck = check{
	name: "new column", look: newColumn,
	assumed: "a column that was added is not seen by writers for some minutes, and the refusal says SCHEMA_MISMATCH_EXTRA_FIELDS; the append tries for up to 10 minutes",
	code:    "connector/bigquery/append.go (untilSeen), errors.go (explainStatus)",
	means:   "after schema apply, wait before starting the newer vitalsink; an append that fails pauses run, or ends load, and loses nothing",
}

// note is the column that is added.
const note = "livecheck_note"

// newColumn adds a column, and appends rows with it at once.
func newColumn(ctx context.Context, t *trial) (saw seen, err error) {
	more := withNote(t.catalogue)
	schema, err := bigquery.OpenSchema(ctx, t.config(more))
	if err != nil {
		return saw, err
	}
	_, err = schema.Apply(ctx, t.options.Location, func(bigquery.Difference) {})
	if err := errors.Join(err, schema.Close()); err != nil {
		return saw, err
	}
	added := time.Now()
	w, err := t.open(ctx, t.config(more))
	if err != nil {
		return saw, err
	}
	if n := len(w.Lacking()); n > 0 {
		return saw, different{saw: fmt.Sprintf("a process that starts at once is told that %d columns are missing", n)}
	}
	s := telling{user: "column", first: today(), messages: 1, each: 100, published: time.Now(), note: note}
	if err := t.append(ctx, w, s); err != nil {
		return saw, fmt.Errorf("%w (%v after the column was added)", err, time.Since(added).Round(time.Second))
	}
	took := time.Since(added)
	saw.set("seconds_until_seen", round(took))
	saw.say("writers saw the column %v after it was added (it is asked for every 10 s)", took.Round(100*time.Millisecond))
	if _, err := t.folder(w, w.Catalogue(), 0).Fold(ctx); err != nil {
		return saw, err
	}
	n, err := t.number(ctx, fmt.Sprintf("SELECT COUNTIF(T.%s = 'x') AS n FROM %s AS T WHERE T.user_id = '%s'",
		note, t.table(schemas.TimeseriesTable), person+s.user))
	if err != nil {
		return saw, err
	}
	if n != int64(s.samples()) {
		return saw, different{saw: fmt.Sprintf("%d rows of %d have the column's value", n, s.samples())}
	}
	return saw, nil
}

// withNote is a newer catalogue, with a column more in the table of samples.
func withNote(c *schemas.Catalogue) *schemas.Catalogue {
	more := *c
	more.Version++
	more.Tables = slices.Clone(c.Tables)
	i := slices.IndexFunc(more.Tables, func(t *schemas.Table) bool { return t.Name == schemas.TimeseriesTable })
	table := *more.Tables[i]
	payload := len(table.Columns) - len(c.VersionColumns) // what comes after it, is vitalsink's own
	table.Columns = slices.Insert(slices.Clone(table.Columns), payload, schemas.Column{
		Name: note, Path: note, Type: schemas.String, Description: "A column that livecheck adds.",
	})
	more.Tables[i] = &table
	return &more
}
