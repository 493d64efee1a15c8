//go:build cgo && linux

package duckdb

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"vitalsink/connector"
	"vitalsink/connector/connectortest"
	"vitalsink/connector/files"
	"vitalsink/schemas"
)

func TestScratch(t *testing.T) {
	path := "/tmp/p/s.duckdb"
	os.Remove(path)
	os.Remove(path + ".wal")
	c, _ := schemas.Load()
	w, err := Open(t.Context(), Config{Path: path, Catalogue: c})
	if err != nil {
		t.Fatal(err)
	}
	step := func(what string, f func()) {
		clock, began := connectortest.StartCPU(t), time.Now()
		f()
		fmt.Printf("%-12s %8.2f s, cpu %8.2f s\n", what, time.Since(began).Seconds(), clock.Spent(t).Seconds())
	}
	if q := os.Getenv("SETTINGS"); q != "" {
		if _, err := w.open.appends.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	step("ingest", func() {
		in := &connector.Ingest{Warehouse: w, Catalogue: c, Log: slog.New(slog.DiscardHandler), FlushInterval: time.Minute}
		in.FlushRows = 491520
		if os.Getenv("ROWS") != "" {
			fmt.Sscan(os.Getenv("ROWS"), &in.FlushRows)
		}
		in.FlushBytes = 1 << 40
		in.MaxHeld = 4 << 30
		if err := in.Run(t.Context(), &files.Source{Paths: []string{"/tmp/bench/job-1500000/messages.ndjson"}, Began: time.Now()}); err != nil {
			t.Fatal(err)
		}
	})
	folder := &connector.Folder{Warehouse: w, Catalogue: c, Log: slog.New(slog.DiscardHandler)}
	step("fold", func() {
		if _, err := folder.Fold(context.Background()); err != nil {
			t.Fatal(err)
		}
	})
	step("close", func() { w.Close() })
}
