//go:build cgo

package duckdb

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"strings"

	"vitalsink/schemas"
)

// createSchema makes whatever the catalogue has and the file has not. A
// comment on the registry tells for which statements that was done last.
func (s *store) createSchema(ctx context.Context) error {
	tables, err := s.tableStatements()
	if err != nil {
		return err
	}
	views, err := s.viewStatements()
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(strings.Join(append(tables, views...), ";")))
	mark := fmt.Sprintf("catalogue %d, %x", s.catalogue.Version, sum)
	done, err := s.marked(ctx)
	if err != nil {
		return err
	}
	var theirs int
	if _, err := fmt.Sscanf(done, "catalogue %d,", &theirs); err == nil && theirs > s.catalogue.Version {
		return nil // a newer vitalsink made it: it has all that we know
	}
	if done == mark {
		return nil
	}
	return s.inTransaction(ctx, s.folds, func(tx *sql.Tx) error {
		if err := execAll(ctx, tx, tables); err != nil {
			return err
		}
		if err := s.addColumns(ctx, tx); err != nil {
			return err
		}
		comment := "COMMENT ON TABLE store." + ident(schemas.BatchesTable) + " IS " + literal(mark)
		return execAll(ctx, tx, append(views, comment))
	})
}

func execAll(ctx context.Context, tx *sql.Tx, statements []string) error {
	for _, q := range statements {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("create schema: %w", err)
		}
	}
	return nil
}

// marked is the comment of the last createSchema, "" if there was none.
func (s *store) marked(ctx context.Context) (string, error) {
	var comment sql.NullString
	err := s.folds.QueryRowContext(ctx,
		"SELECT any_value(comment) FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = 'store' AND table_name = ?",
		schemas.BatchesTable).Scan(&comment)
	return comment.String, err
}

// storeTable is a table of the file: of the catalogue, or made from one.
type storeTable struct {
	Name    string
	Columns []schemas.Column
}

// storeTables are the tables that a table of the catalogue needs.
func storeTables(c *schemas.Catalogue, t *schemas.Table) []storeTable {
	own := storeTable{t.Name, t.Columns}
	if t.Kind != schemas.Versioned {
		return []storeTable{own}
	}
	log := append(append([]schemas.Column{}, t.Columns...), c.LogColumns...)
	fence := []schemas.Column{{Name: "n", Type: schemas.Int64, Required: true}}
	return []storeTable{own, {logOf(t.Name), log}, {fenceOf(t.Name), fence}}
}

func (s *store) tableStatements() ([]string, error) {
	statements := []string{"CREATE SCHEMA IF NOT EXISTS store"}
	for _, t := range s.catalogue.Tables {
		for _, st := range storeTables(s.catalogue, t) {
			q, err := s.render("create_table.sql", st)
			if err != nil {
				return nil, err
			}
			statements = append(statements, q)
		}
		if t.Kind == schemas.Versioned {
			fence := ident(fenceOf(t.Name))
			statements = append(statements, fmt.Sprintf(
				"INSERT INTO store.%s SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM store.%s)", fence, fence))
		}
	}
	return statements, nil
}

func (s *store) viewStatements() ([]string, error) {
	var statements []string
	for _, v := range s.catalogue.Views() {
		q, err := s.viewStatement(v)
		if err != nil {
			return nil, err
		}
		statements = append(statements, q)
	}
	return statements, nil
}

// addColumns extends tables that an older catalogue made.
func (s *store) addColumns(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx,
		"SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = current_database() AND schema_name = 'store'")
	if err != nil {
		return fmt.Errorf("read columns: %w", err)
	}
	defer rows.Close()
	have := map[[2]string]bool{}
	for rows.Next() {
		var at [2]string
		if err := rows.Scan(&at[0], &at[1]); err != nil {
			return fmt.Errorf("read columns: %w", err)
		}
		have[at] = true
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read columns: %w", err)
	}
	for _, t := range s.catalogue.Tables {
		for _, st := range storeTables(s.catalogue, t) {
			for _, c := range st.Columns {
				if have[[2]string{st.Name, c.Name}] {
					continue
				}
				kind, err := columnType(c)
				if err != nil {
					return err
				}
				q := fmt.Sprintf("ALTER TABLE store.%s ADD COLUMN %s %s", ident(st.Name), ident(c.Name), kind)
				if _, err := tx.ExecContext(ctx, q); err != nil {
					return fmt.Errorf("add column %s to %s: %w", c.Name, st.Name, err)
				}
			}
		}
	}
	return nil
}

// inTransaction commits what f does, or nothing of it.
func (s *store) inTransaction(ctx context.Context, conn *sql.Conn, f func(*sql.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// Were the transaction bound to ctx, database/sql would throw the
	// connection away with it. The statements are bound, and that ends it.
	tx, err := conn.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return fmt.Errorf("begin: %w", explain(err))
	}
	if err := f(tx); err != nil {
		// The first error is the one that matters; a failed rollback means
		// that the transaction is gone already.
		_ = tx.Rollback()
		return explain(err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", explain(err))
	}
	return nil
}
