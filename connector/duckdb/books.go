//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"vitalsink/connector"
	"vitalsink/schemas"
)

var (
	_ connector.Bookkeeper = (*Warehouse)(nil)
	_ connector.Bookkeeper = (*Reader)(nil)
)

var errNoTables = errors.New("the file lacks the tables batches and merges, or one of them; it is of no vitalsink, or somebody dropped them")

// BooksOf reads registry and ledger in one statement.
func (w *Warehouse) BooksOf(ctx context.Context, window connector.Window) (books connector.WindowBooks, err error) {
	err = w.use(ctx, func(s *store) error {
		s.folding.Lock()
		defer s.folding.Unlock()
		books, err = s.booksOf(ctx, s.folds, window)
		return err
	})
	return books, err
}

// BooksOf reads registry and ledger in one statement.
func (r *Reader) BooksOf(ctx context.Context, window connector.Window) (connector.WindowBooks, error) {
	c, err := schemas.Load()
	if err != nil {
		return nil, err
	}
	s := &store{catalogue: c}
	if s.templates, err = newTemplates(); err != nil {
		return nil, fmt.Errorf("parse statements: %w", err)
	}
	books, err := s.booksOf(ctx, r.conn, window)
	var de *duckdb.Error
	if errors.As(err, &de) && de.Type == duckdb.ErrorTypeCatalog {
		return nil, errNoTables
	}
	return books, explain(err)
}

func (s *store) booksOf(ctx context.Context, conn *sql.Conn, window connector.Window) (connector.WindowBooks, error) {
	text, err := s.render("books.sql", s.booksNames())
	if err != nil {
		return nil, err
	}
	since, until := window.Bounds()
	rows, err := conn.QueryContext(ctx, text, since, until)
	if err != nil {
		return nil, fmt.Errorf("books.sql: %w", explain(err))
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	books := connector.WindowBooks{}
	if err := eachRow(rows, len(columns), books.Enter); err != nil {
		return nil, fmt.Errorf("books.sql: %w", explain(err))
	}
	return books, nil
}

// booksNames is what books.sql is made of.
type booksNames struct {
	Quarantine               string
	Compared                 []schemas.Column // of the registry, in which the rows of a batch must agree
	RegistrySums, LedgerSums []string
	BatchFaults, MergeFaults []connector.FaultKind
}

func (s *store) booksNames() booksNames {
	n := booksNames{
		Quarantine:   schemas.QuarantineTable,
		RegistrySums: connector.RegistrySums(), LedgerSums: connector.LedgerSums(),
		BatchFaults: connector.BatchFaults(), MergeFaults: connector.MergeFaults(),
	}
	for _, c := range s.catalogue.Table(schemas.BatchesTable).Columns {
		if !slices.Contains([]string{"batch_id", "registered_at"}, c.Name) {
			n.Compared = append(n.Compared, c)
		}
	}
	return n
}
