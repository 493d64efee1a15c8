//go:build cgo && unix

package main

import (
	"bytes"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vitalsink/connector"
	"vitalsink/connector/connectortest"
	"vitalsink/connector/duckdb"
	"vitalsink/connector/files"
	"vitalsink/transforms"
)

// foldTables are how many rows the tables have that BenchmarkFold folds into.
var foldTables = []int{1_000_000, 10_000_000, 100_000_000}

// BenchmarkFold folds recent batches, of five days of a hundred people, into
// tables of theirs that reach back ever longer: an operation is one fold.
func BenchmarkFold(b *testing.B) {
	for _, rows := range foldTables {
		file := filepath.Join(b.TempDir(), "fold.duckdb")
		c := newCrowd(b, 13)
		writeHistory(b, file, c, rows)
		w, err := duckdb.Open(b.Context(), duckdb.Config{Path: file, Catalogue: mustCatalogue(b)})
		if err != nil {
			b.Fatal(err)
		}
		folder := &connector.Folder{Warehouse: w, Catalogue: mustCatalogue(b), Log: slog.New(slog.DiscardHandler)}
		fold := func() {
			if _, err := folder.Fold(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		appendDays(b, w, c)
		fold() // for the next to have something to change
		b.Run(fmt.Sprintf("table=%d", rows), func(b *testing.B) {
			b.StopTimer()
			var cpu time.Duration
			for range b.N {
				appendDays(b, w, c)
				b.StartTimer()
				clock := connectortest.StartCPU(b)
				fold()
				cpu += clock.Spent(b)
				b.StopTimer()
			}
			b.ReportMetric(float64(cpu)/float64(b.N), "cpu-ns/op")
		})
		if got := folder.Folded().Books; got.Superseded == 0 || got.Applied == 0 {
			b.Errorf("folded %+v", got)
		}
		if err := errors.Join(w.Close(), os.Remove(file)); err != nil {
			b.Fatal(err)
		}
	}
}

// appendDays appends the next five days of a crowd, late lane and all.
func appendDays(b *testing.B, w connector.Warehouse, c *crowd) {
	b.Helper()
	var lines bytes.Buffer
	for range 5 * len(c.people) {
		c.live(func(m transforms.Message, _ []byte, _ int) { lines.Write(restLine(m)) })
	}
	path := filepath.Join(b.TempDir(), "days.ndjson")
	if err := os.WriteFile(path, lines.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	in := &connector.Ingest{Warehouse: w, Catalogue: mustCatalogue(b), Log: slog.New(slog.DiscardHandler), FlushInterval: time.Hour}
	if err := in.Run(b.Context(), &files.Source{Paths: []string{path}, Began: time.Now()}); err != nil {
		b.Fatal(err)
	}
}

//go:embed testdata/history.sql
var historySQL string

// block is how many rows are made at once, and put in as often as it takes.
const block = 1_000_000

// writeHistory fills a new file with rows of the crowd from before its days.
func writeHistory(b *testing.B, file string, c *crowd, rows int) {
	b.Helper()
	w, err := duckdb.Open(b.Context(), duckdb.Config{Path: file, Catalogue: mustCatalogue(b)})
	if err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	db, err := sql.Open("duckdb", file)
	if err != nil {
		b.Fatal(err)
	}
	db.SetMaxOpenConns(1) // which has the temporary table
	var ids []string
	for _, u := range c.people {
		ids = append(ids, u.ID)
	}
	if _, err := db.ExecContext(b.Context(), historySQL, ids, block, c.at); err != nil {
		b.Fatal(err)
	}
	for before := rows/block - 1; before >= 0; before-- {
		_, err := db.ExecContext(b.Context(), `INSERT INTO store.timeseries BY NAME
			SELECT * REPLACE (timestamp - to_minutes(3 * ? * ?) AS timestamp) FROM history`, before, block/100)
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
}
