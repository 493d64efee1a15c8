//go:build cgo

package duckdb

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"vitalsink/connector/duckdb/duckarrow"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// without is the catalogue, less a column of a table.
func without(t *testing.T, table, column string) *schemas.Catalogue {
	t.Helper()
	c := catalogue(t)
	for _, x := range c.Tables {
		if x.Name == table {
			x.Columns = slices.DeleteFunc(x.Columns, func(c schemas.Column) bool { return c.Name == column })
		}
	}
	return c
}

func columnsOf(t *testing.T, w *Warehouse, schema, table string) []string {
	t.Helper()
	out := &rowCollector{t: t}
	err := query(context.Background(), w.open.folds,
		"SELECT column_name FROM duckdb_columns() WHERE schema_name = "+literal(schema)+" AND table_name = "+literal(table), out)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, row := range out.rows {
		names = append(names, row["column_name"])
	}
	return names
}

// TestNewerBinary: a file that an older catalogue made gets its new columns.
func TestNewerBinary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.duckdb")
	reopen(t, path, without(t, "sleep", "score")).mustClose(t)
	w := reopen(t, path, catalogue(t))
	defer w.mustClose(t)
	for _, table := range []string{"sleep", "sleep_log"} {
		if !slices.Contains(columnsOf(t, w, "store", table), "score") {
			t.Errorf("store.%s has no column score", table)
		}
	}
	if !slices.Contains(columnsOf(t, w, "main", "sleep"), "score") {
		t.Error("the view has no column score")
	}
}

// TestOlderBinary: a file that a newer catalogue made keeps what it has.
func TestOlderBinary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.duckdb")
	newer := catalogue(t)
	newer.Version++
	reopen(t, path, newer).mustClose(t)
	w := reopen(t, path, without(t, "sleep", "score"))
	defer w.mustClose(t)
	if !slices.Contains(columnsOf(t, w, "main", "sleep"), "score") {
		t.Error("an older binary took a column out of the view")
	}
}

// TestNothingLeftBehind: views of Arrow rows hold addresses of the process
// that made them, so none may ever be in the file, not even for a moment.
func TestNothingLeftBehind(t *testing.T) {
	w := openTest(t)
	b := transforms.NewBuilder(memory.DefaultAllocator, w.config.Catalogue.Table("sleep"))
	defer b.Release()
	rec := b.NewRecord()
	defer rec.Release()
	release, err := duckarrow.Scan(w.open.appends, rec, incoming)
	if err != nil {
		t.Fatal(err)
	}
	if where := w.incomingViews(t); !slices.Equal(where, []string{"vitalsink_incoming"}) {
		t.Errorf("the view is in %v", where)
	}
	release()
	if where := w.incomingViews(t); len(where) != 0 {
		t.Errorf("after its release the view is in %v", where)
	}
}

// incomingViews are the databases that have a view of Arrow rows.
func (w *Warehouse) incomingViews(t *testing.T) []string {
	t.Helper()
	out := &rowCollector{t: t}
	err := query(context.Background(), w.open.folds, "SELECT database_name FROM duckdb_views() WHERE view_name = "+literal(incoming), out)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, row := range out.rows {
		names = append(names, row["database_name"])
	}
	return names
}

func reopen(t *testing.T, path string, c *schemas.Catalogue) *Warehouse {
	t.Helper()
	w, err := Open(context.Background(), Config{Path: path, Catalogue: c})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *Warehouse) mustClose(t *testing.T) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// TestFileIsGone: a file that has to be opened anew and is no longer there is
// not made anew: what is in it would be lost, and nobody would know.
func TestFileIsGone(t *testing.T) {
	w := openTest(t)
	path := w.config.Path
	w.giveUp(w.open)
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Pending(t.Context()); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("without its file: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a new file: %v", err)
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Pending(t.Context()); err != nil {
		t.Errorf("with its file again: %v", err)
	}
}

// TestMoveTo: a new file does not take the place of another.
func TestMoveTo(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	for _, path := range []string{from, to} {
		if err := os.WriteFile(path, []byte(path), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := moveTo(from, to); !errors.Is(err, fs.ErrExist) {
		t.Errorf("onto another file: %v", err)
	}
	if text, err := os.ReadFile(to); err != nil || string(text) != to {
		t.Errorf("the other file is %q: %v", text, err)
	}
}

// TestLimitAmongDeletedRows: LIMIT finds the row that is there, among row
// groups whose rows are all deleted.
func TestLimitAmongDeletedRows(t *testing.T) {
	w := reopen(t, filepath.Join(t.TempDir(), "test.duckdb"), catalogue(t))
	defer w.mustClose(t)
	for _, q := range []string{
		"CREATE TABLE main.t (i BIGINT)",
		"INSERT INTO main.t VALUES (9)", "INSERT INTO main.t VALUES (1)",
		"INSERT INTO main.t SELECT -i FROM range(250_000) r(i)",
		"DELETE FROM main.t",
		"INSERT INTO main.t VALUES (5)",
	} {
		if _, err := w.open.folds.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	out := &rowCollector{t: t}
	if err := query(t.Context(), w.open.folds, "SELECT i FROM main.t ORDER BY i DESC LIMIT 1", out); err != nil {
		t.Fatal(err)
	}
	if len(out.rows) != 1 || out.rows[0]["i"] != "5" {
		t.Errorf("the greatest is %v, want 5", out.rows)
	}
}
