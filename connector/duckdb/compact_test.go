//go:build cgo

package duckdb

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// secret is a value that is nowhere else.
const secret = "xylophone-of-anna-4711"

// anna is a user, in hundreds of rows between those of others.
const anna = "0b6f2b0a-6c1f-4e0e-9a53-d1a5f0c3e0aa"

// plain has values written as they are.
const plain = "SET GLOBAL force_compression = 'uncompressed'"

// fillEvents writes events of many users and secrets of anna's, merged.
func fillEvents(t testing.TB, w *Warehouse) {
	t.Helper()
	s := w.open
	inspected{w}.exec(t, plain)
	for _, table := range []string{"events", "events_log"} {
		more := ""
		if strings.HasSuffix(table, "_log") {
			more = ", 'b1', TIMESTAMPTZ '2026-05-01 00:00:00+00'"
		}
		_, err := s.folds.ExecContext(t.Context(), fmt.Sprintf(`INSERT INTO store.%s
			SELECT if(i %% 50 = 7, '%s', 'user ' || i), 'labtest.order.created', 'key ' || i, NULL, NULL,
				json_object('a', if(i %% 50 = 7, '%s-' || i, md5(i::VARCHAR))), unhex(printf('%%056x', i)), TIMESTAMPTZ '2026-05-01 00:00:00+00', 'm' || i, FALSE%s
			FROM range(5000) AS r(i)`, table, anna, secret, more))
		if err != nil {
			t.Fatal(err)
		}
	}
	err := s.inTransaction(t.Context(), s.folds, func(tx *sql.Tx) error {
		return s.insertRow(t.Context(), tx, schemas.MergesTable, map[string]any{
			"merge_id": "m", "table_name": "events", "batch_ids": []string{"b1"}, "merged_at": time.Now().UTC(),
			"rows_registered": 5000, "rows_applied": 5000, "rows_superseded": 0, "rows_stale": 0, "rows_erased": 0,
			"bytes_estimated": nil, "bytes_billed": nil, "job_id": nil,
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// occurs tells whether a value is in the bytes of the file or its journal.
func occurs(t testing.TB, path, value string) bool {
	t.Helper()
	for _, name := range []string{path, path + ".wal"} {
		raw, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if bytes.Contains(raw, []byte(value)) {
			return true
		}
	}
	return false
}

// everything is what is in all tables and views, and how they are made.
func everything(t testing.TB, w *Warehouse) map[string][]string {
	t.Helper()
	in := inspected{w}
	all := map[string][]string{}
	for _, row := range in.rows(t, "SELECT schema_name, table_name, column_name, data_type, is_nullable FROM duckdb_columns() WHERE database_name = current_database() AND NOT internal") {
		all["columns"] = append(all["columns"], fmt.Sprint(row))
	}
	for _, row := range in.rows(t, "SELECT schema_name, view_name, sql FROM duckdb_views() WHERE database_name = current_database() AND NOT internal") {
		all["views"] = append(all["views"], fmt.Sprint(row))
	}
	for _, row := range in.rows(t, "SELECT schema_name, table_name AS name FROM duckdb_tables() WHERE database_name = current_database() AND NOT internal UNION ALL SELECT schema_name, view_name FROM duckdb_views() WHERE database_name = current_database() AND NOT internal") {
		name := row["schema_name"] + "." + ident(row["name"])
		for _, r := range in.rows(t, "SELECT * FROM "+name) {
			all[name] = append(all[name], fmt.Sprint(r))
		}
	}
	for _, rows := range all {
		slices.Sort(rows)
	}
	return all
}

// TestCompact: what was removed is in the file until it is compacted, and then
// it is not; everything else is as it was.
func TestCompact(t *testing.T) {
	w := openTest(t)
	path := w.config.Path
	fillEvents(t, w)
	inspected{w}.exec(t, "CREATE TABLE main.of_somebody_else AS SELECT 42 AS \"an answer\"")
	inspected{w}.exec(t, "CHECKPOINT")
	if !occurs(t, path, secret) {
		t.Fatal("the file does not show a value as it is, so this shows nothing")
	}
	if got, err := w.RemovePeople(t.Context(), w.config.Catalogue.Table("events"), []string{connector.UserHash(anna)}); err != nil || got != (connector.RowCount{Latest: 100, Log: 100}) {
		t.Fatalf("%+v are removed: %v", got, err)
	}
	inspected{w}.exec(t, "CHECKPOINT")
	if !occurs(t, path, secret) {
		t.Error("CHECKPOINT is enough, so this shows nothing")
	}
	before := everything(t, w)
	if len(before["main.\"of_somebody_else\""]) != 1 || len(before["store.\"events\""]) != 4900 || len(before["views"]) < 60 {
		t.Errorf("%d events and %d views, so this shows less", len(before["store.\"events\""]), len(before["views"]))
	}
	for range 2 {
		inspected{w}.exec(t, plain)
		if err := w.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, everything(t, w)); diff != "" {
			t.Errorf("after it (-want +got):\n%.2000s", diff)
		}
		if occurs(t, path, secret) {
			t.Error("what was removed is still in the file")
		}
		if !occurs(t, path, "user 4999") {
			t.Error("the file does not show a value as it is, so this shows nothing")
		}
	}
	if err := w.RecordErasures(t.Context(), []connector.Erasure{{ID: "e", Entry: connector.EntryErase, UserHash: connector.UserHash(anna), RecordedAt: time.Now().UTC().Truncate(time.Microsecond)}}); err != nil {
		t.Fatal(err)
	}
	if e, err := w.Erased(t.Context()); err != nil || !e.Has(anna) {
		t.Errorf("it is not usable: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, not for its owner alone: %v", info.Mode(), err)
	}
	names, err := filepath.Glob(path + "*")
	if err != nil || slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, ".compact") }) {
		t.Errorf("files %q are left: %v", names, err)
	}
}

// TestCompactLeftovers: what a compaction left goes when the file is opened,
// but not while another has it open.
func TestCompactLeftovers(t *testing.T) {
	w := openTest(t)
	path := w.config.Path
	if err := os.WriteFile(compactOf(path), []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.Compact(t.Context()); err != nil {
		t.Fatalf("beside a leftover: %v", err)
	}
	for _, name := range []string{compactOf(path), compactOf(path) + ".wal"} {
		if err := os.WriteFile(name, []byte("half a file"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	spilled, others := filepath.Join(path+".tmp", "duckdb_temp_storage_DEFAULT-0.tmp"), filepath.Join(path+".tmp", "somebody's")
	err := errors.Join(w.Close(), os.MkdirAll(path+".tmp", 0o700), os.WriteFile(spilled, []byte("rows"), 0o600), os.WriteFile(others, nil, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), w.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	if names, err := filepath.Glob(path + ".tmp/*"); err != nil || !slices.Equal(names, []string{others}) {
		t.Errorf("%q are left: %v", names, err)
	}
	if names, err := filepath.Glob(path + ".compact*"); err != nil || len(names) > 0 {
		t.Errorf("%q are left: %v", names, err)
	}
	if err := again.Compact(t.Context()); err == nil {
		t.Error("a closed file is compacted")
	}
}

// TestCompactLink: a file that has its name from a link keeps both.
func TestCompactLink(t *testing.T) {
	w := openTest(t)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := w.config
	cfg.Path = filepath.Join(t.TempDir(), "link.duckdb")
	if err := os.Symlink(w.config.Path, cfg.Path); err != nil {
		t.Fatal(err)
	}
	linked, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer linked.mustClose(t)
	before, err := os.Stat(w.config.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := linked.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(w.config.Path)
	if info, linkErr := os.Lstat(cfg.Path); err != nil || linkErr != nil || info.Mode()&fs.ModeSymlink == 0 || os.SameFile(before, after) {
		t.Errorf("the link was replaced, or the file was not: %v, %v", err, linkErr)
	}
}

// TestCompactCancelled: the file is as it was, and usable.
func TestCompactCancelled(t *testing.T) {
	w := openTest(t)
	fillEvents(t, w)
	before := everything(t, w)
	for _, after := range []time.Duration{0, time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		if err := w.Compact(ctx); err != nil && ctx.Err() == nil {
			t.Errorf("after %v: %v", after, err)
		}
		cancel()
	}
	if diff := cmp.Diff(before, everything(t, w)); diff != "" {
		t.Errorf("(-want +got):\n%.2000s", diff)
	}
	if err := w.Compact(t.Context()); err != nil {
		t.Error(err)
	}
}
