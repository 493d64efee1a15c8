package main

import (
	"context"
	"errors"
	"time"

	"vitalsink/connector"
)

var tablesCheck = check{
	name: "new tables", look: newTables,
	assumed: "writers of the Storage Write API see tables that schema apply has made at once, or some minutes later; the append tries for up to 10 minutes",
	code:    "connector/bigquery/append.go (untilSeen), errors.go (explainStatus)",
	means:   "wait between schema apply and the first run; an append that fails pauses run, or ends load, and loses nothing",
}

var foldCheck = check{
	name: "append and fold", look: appendAndFold,
	assumed: "a transaction reads rows that were committed through the Storage Write API seconds ago",
	code:    "connector/bigquery/sql/merge.sql",
	means:   "folds fail with \"books do not balance\" until the rows are seen, and the tables fall behind by that long; nothing is lost. The folder should leave batches alone until they are that old",
}

// newTables appends to tables that were made a moment ago.
func newTables(ctx context.Context, t *trial) (saw seen, err error) {
	s := telling{user: "first", first: today(), messages: 1, each: 10, published: time.Now()}
	began := time.Now()
	if err := t.append(ctx, t.warehouse, s); err != nil {
		return saw, err
	}
	took := time.Since(began)
	saw.set("seconds", round(took))
	saw.say("the first append took %v", took.Round(100*time.Millisecond))
	return saw, nil
}

// settle folds what is left of checks before.
func (t *trial) settle(ctx context.Context) error {
	_, err := t.folder(t.warehouse, t.catalogue, 0).Fold(ctx)
	return err
}

// appendAndFold folds what was committed a moment ago. The script itself counts
// what it finds of the batches in the log, and stops if that is not all.
func appendAndFold(ctx context.Context, t *trial) (saw seen, err error) {
	s := telling{user: "fresh", first: today(), messages: 4, each: 500, published: time.Now()}
	began := time.Now()
	if err := t.append(ctx, t.warehouse, s); err != nil {
		return saw, err
	}
	committed := time.Now()
	folded, err := t.folder(t.warehouse, t.catalogue, 0).Fold(ctx)
	merged := time.Since(committed)
	saw.set("append_seconds", round(committed.Sub(began)))
	saw.set("commit_to_merge_seconds", round(merged))
	saw.set("rows_appended", s.samples())
	saw.set("rows_read", folded.Books.Registered)
	if errors.Is(err, connector.ErrBooks) {
		return saw, different{saw: "the transaction did not see all rows: " + scrub(err)}
	}
	if err != nil {
		return saw, err
	}
	saw.say("%s rows, of which %s had just been appended, were read and merged within %v of their commit; appending the %d batches took %v",
		comma(folded.Books.Registered), comma(s.samples()),
		merged.Round(100*time.Millisecond), s.messages, committed.Sub(began).Round(100*time.Millisecond))
	return saw, t.wants(ctx, s)
}
