//go:build cgo && linux

package duckdb

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"vitalsink/connector"
	"vitalsink/connector/connectortest"
	"vitalsink/transforms"
)

// stepsBatch has n samples that no other batch of the test has.
func stepsBatch(t *testing.T, number, n int) *connector.Batch {
	t.Helper()
	c := catalogue(t)
	at := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	var samples strings.Builder
	for i := range n {
		if i > 0 {
			samples.WriteByte(',')
		}
		fmt.Fprintf(&samples, `{"timestamp":%q,"value":%d}`, at.Add(time.Duration(i)*time.Second).Format(time.RFC3339), i)
	}
	decoder, err := transforms.NewDecoder(c)
	if err != nil {
		t.Fatal(err)
	}
	d := decoder.Decode(&transforms.Message{
		ID: fmt.Sprint("m", number), PublishTime: at.AddDate(0, 0, 1),
		Data: fmt.Appendf(nil, `{"event_type":"daily.data.steps.created","user_id":"u%d","data":{"data":[%s]}}`, number, &samples),
	})
	builder := transforms.NewBuilder(memory.DefaultAllocator, c.Table("timeseries"))
	defer builder.Release()
	builder.Append(d)
	days, without := builder.Days()
	return &connector.Batch{
		ID: fmt.Sprintf("00000000-0000-7000-8000-%012d", number), Table: c.Table("timeseries"), Lane: connector.Recent,
		CatalogueVersion: c.Version, AppendedAt: time.Now().UTC().Truncate(time.Microsecond),
		Record: builder.NewRecord(), Days: days, RowsWithoutDay: without, Resources: builder.Resources(),
		Books: connector.Books{Rows: n, RowsDecoded: n, Messages: 1, MessagesLanded: 1},
	}
}

// A disk that fills up fails appends and folds; once it has room again the
// same warehouse works on, in the same process, and has all that it said it
// had.
func TestFullDisk(t *testing.T) {
	connectortest.Long(t)
	disk := connectortest.NewDisk(t, "64m")
	w, err := Open(context.Background(), Config{Path: filepath.Join(disk.Dir, "w.duckdb"), Catalogue: catalogue(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer w.mustClose(t)
	const rows = 10_000
	folder := &connector.Folder{Warehouse: w, Catalogue: catalogue(t), Log: slog.New(slog.DiscardHandler)}
	number, landed := 0, map[int]bool{}
	add := func() error {
		b := stepsBatch(t, number, rows)
		defer b.Record.Release()
		err := w.Append(context.Background(), b)
		landed[number] = landed[number] || err == nil
		number++
		return err
	}
	for round, left := range []int64{0, 100_000, 1 << 20} {
		if err := add(); err != nil {
			t.Fatalf("round %d: with room again: %v", round, err)
		}
		disk.Fill(t, left)
		failures := 0
		for range 40 {
			err := add()
			_, ferr := folder.Fold(context.Background())
			if err != nil {
				t.Logf("round %d: append: %.300v", round, err)
				failures++
			}
			if ferr != nil {
				t.Logf("round %d: fold: %.300v", round, ferr)
				failures++
			}
			if failures > 2 {
				break
			}
		}
		if failures == 0 {
			t.Fatal("the disk is full, and nothing failed")
		}
		disk.Free(t)
	}
	if _, err := folder.Fold(context.Background()); err != nil {
		t.Fatal(err)
	}
	for n, ok := range landed {
		var got int
		err := w.open.folds.QueryRowContext(context.Background(),
			"SELECT count(*) FROM store.timeseries WHERE user_id = ?", fmt.Sprint("u", n)).Scan(&got)
		if err != nil {
			t.Fatal(err)
		}
		if got != rows && (ok || got != 0) {
			t.Errorf("batch %d (said to be landed: %t) has %d rows in the table, want %d", n, ok, got, rows)
		}
	}
}

// TestCompactFullDisk: without room for a second file the first is as it was, and
// it is said what to do.
func TestCompactFullDisk(t *testing.T) {
	connectortest.Long(t)
	disk := connectortest.NewDisk(t, "64m")
	w, err := Open(context.Background(), Config{Path: filepath.Join(disk.Dir, "w.duckdb"), Catalogue: catalogue(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer w.mustClose(t)
	fillEvents(t, w)
	before := everything(t, w)
	inspected{w}.exec(t, "CHECKPOINT")
	disk.Fill(t, 1<<20)
	inspected{w}.exec(t, plain)
	if err := w.Compact(t.Context()); err == nil || !strings.Contains(err.Error(), "room") {
		t.Errorf("without room: %v", err)
	}
	if diff := cmp.Diff(before, everything(t, w)); diff != "" {
		t.Errorf("(-want +got):\n%.2000s", diff)
	}
	if names, err := filepath.Glob(filepath.Join(disk.Dir, "*.compact*")); err != nil || len(names) > 0 {
		t.Errorf("%q are left: %v", names, err)
	}
	disk.Free(t)
	if err := w.Compact(t.Context()); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if diff := cmp.Diff(before, everything(t, w)); diff != "" {
		t.Errorf("(-want +got):\n%.2000s", diff)
	}
}
