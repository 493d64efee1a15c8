//go:build cgo && linux

package duckdb

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"vitalsink/connector"
	"vitalsink/connector/connectortest"
	"vitalsink/connector/files"
	"vitalsink/schemas"
)

type keep struct {
	connector.Warehouse
	all []*connector.Batch
}

func (w *keep) Append(ctx context.Context, b *connector.Batch) error {
	if os.Getenv("KEEP") != "" {
	b.Record.Retain()
	w.all = append(w.all, b)
}
	return nil
}

func TestScratch3(t *testing.T) {
	path := "/tmp/p/s3.duckdb"
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
	k := &keep{}
	step("decode", func() {
		in := &connector.Ingest{Warehouse: k, Catalogue: c, Log: slog.New(slog.DiscardHandler), FlushInterval: time.Minute, FlushRows: 491520, FlushBytes: 1 << 40, MaxHeld: 16 << 30}
		if err := in.Run(t.Context(), &files.Source{Paths: []string{"/tmp/bench/job-1500000/messages.ndjson"}, Began: time.Now()}); err != nil {
			t.Fatal(err)
		}
	})
	ctx := context.Background()
	_ = ctx
	if q := os.Getenv("SETTINGS"); q != "" {
		if _, err := w.open.appends.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range k.all {
		step(fmt.Sprint(b.Books.Rows), func() {
			if err := w.Append(ctx, b); err != nil {
				t.Fatal(err)
			}
		})
	}
	_ = arrow.Table(nil)
	step("close", func() { w.Close() })
}
