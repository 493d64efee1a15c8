//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vitalsink/connector"
	"vitalsink/connector/connectortest"
	"vitalsink/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	connectortest.Run(t, func(t testing.TB) connectortest.Store { return inspected{openTest(t)} })
}

// TestMovingCreatedAt: what BigQuery need not do, for it looks for a row on its
// day alone.
func TestMovingCreatedAt(t *testing.T) {
	connectortest.MovingCreatedAt(t, func(t testing.TB) connectortest.Store { return inspected{openTest(t)} })
}

// emptyFile is an empty warehouse; making one takes longer than copying it.
var emptyFile = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "vitalsink-test-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "empty.duckdb")
	c, err := schemas.Load()
	if err != nil {
		return nil, err
	}
	w, err := Open(context.Background(), Config{Path: path, Catalogue: c})
	if err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

func catalogue(t testing.TB) *schemas.Catalogue {
	t.Helper()
	c, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// openTest opens an empty warehouse that is closed when the test ends.
func openTest(t testing.TB) *Warehouse {
	t.Helper()
	raw, err := emptyFile()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "test.duckdb")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := Open(context.Background(), Config{Path: path, Catalogue: catalogue(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// TestMemorySettings: DuckDB kept five row groups of a table in memory, and up
// to 128 MiB of what it had freed, beyond its limit: half an hour of soak took
// more than it was told.
func TestMemorySettings(t *testing.T) {
	w, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "test.duckdb"), Catalogue: catalogue(t), Memory: 160 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}()
	for setting, want := range map[string]string{
		"memory_limit": "160.0 MiB", "threads": "1", "write_buffer_row_group_count": "1", "allocator_flush_threshold": "10.0 MiB",
	} {
		var got string
		if err := w.open.folds.QueryRowContext(t.Context(), "SELECT current_setting('"+setting+"')::VARCHAR").Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", setting, got, err, want)
		}
	}
}

// inspected looks into a warehouse for the suite.
type inspected struct{ *Warehouse }

func (s inspected) Latest(t testing.TB, table string) []connectortest.Row {
	return s.rows(t, "SELECT * FROM store."+ident(table))
}

func (s inspected) View(t testing.TB, view string) []connectortest.Row {
	return s.rows(t, "SELECT * FROM main."+ident(view))
}

func (s inspected) Ledger(t testing.TB) connector.MergeBooks {
	t.Helper()
	var b connector.MergeBooks
	err := s.open.folds.QueryRowContext(context.Background(), `SELECT coalesce(sum(rows_registered), 0)::BIGINT,
		coalesce(sum(rows_applied), 0)::BIGINT, coalesce(sum(rows_superseded), 0)::BIGINT,
		coalesce(sum(rows_stale), 0)::BIGINT, coalesce(sum(rows_erased), 0)::BIGINT FROM store.merges`).
		Scan(&b.Registered, &b.Applied, &b.Superseded, &b.Stale, &b.Erased)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (s inspected) Merged(t testing.TB) []string {
	var ids []string
	for _, row := range s.rows(t, "SELECT unnest(batch_ids) AS id FROM store.merges") {
		ids = append(ids, row["id"])
	}
	return ids
}

func (s inspected) EmptyFence(t testing.TB, table string) {
	s.exec(t, "DELETE FROM store."+ident(fenceOf(table)))
}

func (s inspected) RegisterAgain(t testing.TB, batchID string) {
	s.exec(t, "INSERT INTO store.batches SELECT * FROM store.batches WHERE batch_id = "+literal(batchID))
}

func (s inspected) Enter(t testing.TB, table string, row map[string]any) {
	t.Helper()
	err := s.open.inTransaction(context.Background(), s.open.folds, func(tx *sql.Tx) error {
		return s.open.insertRow(context.Background(), tx, table, row)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (s inspected) Copy(t testing.TB, table, where string) {
	t.Helper()
	s.exec(t, "INSERT INTO store."+ident(table)+" SELECT * FROM store."+ident(table)+" WHERE "+where)
}

func (s inspected) Change(t testing.TB, table, set, where string) {
	t.Helper()
	s.exec(t, "UPDATE store."+ident(table)+" SET "+set+" WHERE "+where)
}

func (s inspected) Remove(t testing.TB, table, where string) {
	t.Helper()
	s.exec(t, "DELETE FROM store."+ident(table)+" WHERE "+where)
}

func (s inspected) exec(t testing.TB, statement string) {
	t.Helper()
	if _, err := s.open.folds.ExecContext(context.Background(), statement); err != nil {
		t.Fatal(err)
	}
}

func (s inspected) rows(t testing.TB, statement string) []connectortest.Row {
	t.Helper()
	out := &rowCollector{t: t}
	if err := query(context.Background(), s.open.folds, statement, out); err != nil {
		t.Fatal(err)
	}
	return out.rows
}

type rowCollector struct {
	t            testing.TB
	names, types []string
	rows         []connectortest.Row
}

func (c *rowCollector) Columns(names, types []string) error {
	c.names, c.types = names, types
	return nil
}

func (c *rowCollector) Row(values []any) error {
	row := connectortest.Row{}
	for i, v := range values {
		if v != nil {
			row[c.names[i]] = text(c.t, v, c.types[i])
		}
	}
	c.rows = append(c.rows, row)
	return nil
}

// text gives a value the form that connectortest.Text gives it.
func text(t testing.TB, v any, databaseType string) string {
	t.Helper()
	switch v := v.(type) {
	case time.Time:
		if databaseType == "DATE" {
			return v.Format(time.DateOnly)
		}
		return v.UTC().Format(connectortest.TimeFormat)
	case []byte:
		return fmt.Sprintf("%x", v)
	}
	return fmt.Sprint(v)
}
