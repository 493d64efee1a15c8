package bigquery

import (
	"context"
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/bigquery"

	"vitalsink/connector"
	"vitalsink/schemas"
)

var _ connector.Bookkeeper = (*Warehouse)(nil)

// BooksOf reads registry and ledger in one statement, which shows both as they
// were when it began.
func (w *Warehouse) BooksOf(ctx context.Context, window connector.Window) (connector.WindowBooks, error) {
	if err := w.recall(ctx); err != nil {
		return nil, err
	}
	text, err := w.statements.render("books.sql", namesOfBooks(w.catalogue, window))
	if err != nil {
		return nil, err
	}
	books := connector.WindowBooks{}
	_, err = w.query(ctx, statement{step: "books", text: text, limit: w.config.MaxBytesBilled}, func(row []bigquery.Value) error {
		values := make([]any, len(row))
		for i, v := range row {
			values[i] = v
		}
		return books.Enter(values)
	})
	if err != nil {
		return nil, fmt.Errorf("read registry and ledger: %w", err)
	}
	return books, nil
}

// booksNames is what books.sql is made of.
type booksNames struct {
	Since, Until             time.Time
	Quarantine               string
	Compared                 []schemas.Column // of the registry, in which the rows of a batch must agree
	RegistrySums, LedgerSums []string
	BatchFaults, MergeFaults []connector.FaultKind
}

func namesOfBooks(c *schemas.Catalogue, window connector.Window) booksNames {
	n := booksNames{
		Quarantine:   schemas.QuarantineTable,
		RegistrySums: connector.RegistrySums(), LedgerSums: connector.LedgerSums(),
		BatchFaults: connector.BatchFaults(), MergeFaults: connector.MergeFaults(),
	}
	n.Since, n.Until = window.Bounds()
	for _, c := range c.Table(schemas.BatchesTable).Columns {
		// A try to register a batch again has a time of its own.
		if !slices.Contains([]string{"batch_id", "registered_at"}, c.Name) {
			n.Compared = append(n.Compared, c)
		}
	}
	return n
}
