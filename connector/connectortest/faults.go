package connectortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"vitalsink/connector"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// batchOf is a batch of the rows of messages, which are all of one table. The
// caller releases its record.
func (s *suite) batchOf(t testing.TB, id string, messages ...transforms.Message) *connector.Batch {
	t.Helper()
	d, err := transforms.NewDecoder(s.catalogue)
	if err != nil {
		t.Fatal(err)
	}
	var table *schemas.Table
	var builder *transforms.Builder
	for _, m := range messages {
		decoded := d.Decode(&m)
		if builder == nil {
			table = decoded.Table
			builder = transforms.NewBuilder(memory.DefaultAllocator, table)
			defer builder.Release()
		}
		builder.Append(decoded)
	}
	days, without := builder.Days()
	record := builder.NewRecord()
	rows, n := int(record.NumRows()), len(messages)
	return &connector.Batch{
		ID: id, Table: table, Lane: connector.Recent, CatalogueVersion: s.catalogue.Version,
		AppendedAt: noon, Record: record, Days: days, RowsWithoutDay: without, Resources: builder.Resources(),
		Books: connector.Books{Rows: rows, RowsDecoded: rows, Messages: n, MessagesLanded: n},
	}
}

// tombstone: a deletion is a version like any other, and the views hide it. It
// takes its own row and no other, whatever table it is of.
func (s *suite) tombstone(t *testing.T) {
	w := s.open(t)
	s.ingest(t, w, 1, sleepMessage("m1", noon, "80", "", ""), heartrates("h1", noon, 60, noon, noon.Add(time.Minute)))
	s.fold(t, w)
	s.ingest(t, w, 1, s.deletion(t, "sleep", "user_id", "u1", "id", "s1"),
		s.deletion(t, schemas.TimeseriesTable, "user_id", "u1", "resource", "heartrate", "provider", "unknown",
			"source_type", "unknown", "timestamp", noon, "discriminator", ""))
	s.fold(t, w)
	if rows := w.View(t, "sleep"); len(rows) != 0 {
		t.Errorf("the view shows %d deleted rows", len(rows))
	}
	if rows := w.Latest(t, "sleep"); len(rows) != 1 || rows[0]["_deleted"] != "true" {
		t.Errorf("latest: %d rows, want the tombstone", len(rows))
	}
	if shown, all := w.View(t, "heartrate"), w.Latest(t, schemas.TimeseriesTable); len(shown) != 1 || len(all) != 2 {
		t.Errorf("of two samples, one of them deleted, the view shows %d, and there are %d rows", len(shown), len(all))
	}
	s.ingest(t, w, 1, sleepMessage("m1b", noon.Add(time.Minute), "81", "", ""))
	s.fold(t, w)
	if rows := w.View(t, "sleep"); len(rows) != 0 {
		t.Errorf("an older version brought the deleted row back")
	}
	s.ingest(t, w, 1, sleepMessage("m3", noon.Add(2*time.Hour), "82", "", ""))
	s.fold(t, w)
	if rows := w.View(t, "sleep"); len(rows) != 1 {
		t.Errorf("a newer version did not bring the row back")
	}
}

// tableRows: each versioned table is counted, with its tombstones, and nothing
// else is.
func (s *suite) tableRows(t *testing.T) {
	w := s.open(t)
	want := map[string]int64{}
	for _, table := range s.catalogue.Versioned() {
		want[table.Name] = 0
	}
	count := func(when string) {
		t.Helper()
		got, err := w.TableRows(t.Context())
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v, -want +got:\n%s", when, err, diff)
		}
	}
	s.ingest(t, w, 10, sleepMessage("m1", noon, "80", "", ""), heartrates("h1", noon, 60, noon, noon.Add(time.Minute)))
	count("what is only in the log")
	s.fold(t, w)
	want["sleep"], want[schemas.TimeseriesTable] = 1, 2
	count("folded")
	s.ingest(t, w, 1, s.deletion(t, "sleep", "user_id", "u1", "id", "s1"))
	s.fold(t, w)
	count("deleted")
}

// deletion deletes a row of a table an hour after noon; its key is names and
// values in turn.
func (s *suite) deletion(t testing.TB, table string, key ...any) transforms.Message {
	t.Helper()
	row := map[string]any{}
	for i := 0; i < len(key); i += 2 {
		row[key[i].(string)] = key[i+1]
	}
	m, err := transforms.Tombstones("delete from "+table, noon.Add(time.Hour), s.catalogue.Table(table), []map[string]any{row})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// unbalancedBatch: a batch whose record has other rows than its books say.
func (s *suite) unbalancedBatch(t *testing.T) {
	w := s.open(t)
	b := s.batchOf(t, "b1", sleepMessage("m1", noon, "80", "", ""))
	defer b.Record.Release()
	b.Books.Rows = 2
	if err := w.Append(context.Background(), b); !errors.Is(err, connector.ErrBooks) {
		t.Errorf("append: %v, want ErrBooks", err)
	}
	if p := s.pending(t, w); len(p.Batches) != 0 {
		t.Errorf("the batch is registered all the same")
	}
}

// missingRows: the registry promises rows that the log does not have.
func (s *suite) missingRows(t *testing.T) {
	w := s.open(t)
	s.ingest(t, w, 1, sleepMessage("m1", noon, "80", "", ""))
	m := s.merge(s.pending(t, w))
	m.Batches[0].Rows = 2
	if _, err := w.Merge(context.Background(), m); !errors.Is(err, connector.ErrBooks) {
		t.Errorf("merge: %v, want ErrBooks", err)
	}
	if rows := w.Latest(t, "sleep"); len(rows) != 0 {
		t.Errorf("the merge committed %d rows", len(rows))
	}
	s.fold(t, w) // what the registry really says still folds
}

// emptyFence: a fence without its row (somebody emptied the table) would let
// any two folders pass, or none. It is an error that says what to mend, not a
// race that is tried again, and other tables are folded.
func (s *suite) emptyFence(t *testing.T) {
	w := s.open(t)
	s.ingest(t, w, 10, sleepMessage("m1", noon, "80", "", ""), heartrates("m2", noon, 60, noon))
	w.EmptyFence(t, "sleep")
	f, err := s.folder(w).Fold(context.Background())
	if !errors.Is(err, connector.ErrConfiguration) || !strings.Contains(fmt.Sprint(err), "sleep_fence") {
		t.Errorf("fold: %v, want ErrConfiguration that names the table sleep_fence", err)
	}
	if rows := w.Latest(t, "sleep"); len(rows) != 0 {
		t.Errorf("it merged %d rows all the same", len(rows))
	}
	if f.Books.Applied != 1 || len(w.Latest(t, schemas.TimeseriesTable)) != 1 {
		t.Errorf("the other table is not folded: %+v", f)
	}
}

// registeredTwice: a row of the registry that was written again, because the
// answer to the first try was lost, is the same batch.
func (s *suite) registeredTwice(t *testing.T) {
	w := s.open(t)
	s.ingest(t, w, 10, sleepMessage("m1", noon, "80", "2026-05-01T00:00:00Z", ""))
	s.ingest(t, w, 10, heartrates("m2", noon, 60, noon, noon.AddDate(0, 0, -1)))
	for _, b := range s.pending(t, w).Batches {
		w.RegisterAgain(t, b.ID)
	}
	if n := len(s.pending(t, w).Batches); n != 2 {
		t.Errorf("%d batches are pending, want 2", n)
	}
	if f := s.fold(t, w); f.Books.Registered != 3 || f.Books.Applied != 3 {
		t.Errorf("folded: %+v", f)
	}
	if n := len(s.pending(t, w).Batches); n != 0 {
		t.Errorf("after the fold %d batches are pending", n)
	}
}

// touched: what a batch touches comes back.
func (s *suite) touched(t *testing.T) {
	w := s.open(t)
	day := func(d int) time.Time { return time.Date(2026, 4, d, 0, 0, 0, 0, time.UTC) }
	sleeps := s.batchOf(t, "b1",
		sleepMessage("m1", noon, "80", "2026-04-09T23:59:59.999999Z", ""), sleepMessage("m2", noon, "81", "", ""),
		sleepMessage("m3", noon, "82", "2026-04-02T00:00:00Z", ""), sleepMessage("m4", noon, "83", "2026-04-09T00:00:00Z", ""))
	glow := heartrates("m6", noon, 61, day(9))
	glow.Data = bytes.ReplaceAll(glow.Data, []byte("heartrate"), []byte("glow"))
	samples := s.batchOf(t, "b2", heartrates("m5", noon, 60, day(11), day(1)), glow)
	for _, b := range []*connector.Batch{sleeps, samples} {
		defer b.Record.Release()
		if err := w.Append(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []connector.Registered{
		{Days: []time.Time{day(2), day(9)}, RowsWithoutDay: 1},
		{Days: []time.Time{day(1), day(9), day(11)}, Resources: []string{"glow", "heartrate"}},
	} {
		got := s.pending(t, w).Batches[i]
		if !slices.EqualFunc(got.Days, want.Days, time.Time.Equal) || got.RowsWithoutDay != want.RowsWithoutDay ||
			!slices.Equal(got.Resources, want.Resources) {
			t.Errorf("%s touches %v, %d rows without a day, %v; want %v, %d, %v",
				got.Table, got.Days, got.RowsWithoutDay, got.Resources, want.Days, want.RowsWithoutDay, want.Resources)
		}
	}
}

// emptyBatch: messages without rows are registered, and merge to nothing.
func (s *suite) emptyBatch(t *testing.T) {
	w := s.open(t)
	landed := s.ingest(t, w, 1, transforms.Message{
		ID: "m1", PublishTime: noon,
		Data: []byte(`{"event_type":"daily.data.steps.created","user_id":"u1","data":{"data":[]}}`),
	})
	if landed.Books.MessagesEmpty != 1 || landed.Batches != 1 {
		t.Errorf("landed: %+v", landed)
	}
	if f := s.fold(t, w); f.Merges != 1 || f.Books.Registered != 0 {
		t.Errorf("folded: %+v", f)
	}
	if p := s.pending(t, w); len(p.Batches) != 0 {
		t.Errorf("%d batches are still pending", len(p.Batches))
	}
}

// newerCatalogue: batches of a newer catalogue wait, the others do not.
func (s *suite) newerCatalogue(t *testing.T) {
	w := s.open(t)
	newer := s.batchOf(t, "b-newer", sleepMessage("m2", noon.Add(time.Hour), "81", "", ""))
	defer newer.Record.Release()
	newer.CatalogueVersion++
	if err := w.Append(context.Background(), newer); err != nil {
		t.Fatal(err)
	}
	s.ingest(t, w, 1, sleepMessage("m1", noon, "80", "", ""))
	if f := s.fold(t, w); f.Newer != 1 || f.Books.Applied != 1 {
		t.Errorf("folded: %+v", f)
	}
}

// cancelled: with ctx done nothing happens, and it says so.
func (s *suite) cancelled(t *testing.T) {
	w := s.open(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b := s.batchOf(t, "b1", sleepMessage("m1", noon, "80", "", ""))
	defer b.Record.Release()
	if err := w.Append(ctx, b); !errors.Is(err, context.Canceled) {
		t.Errorf("append: %v", err)
	}
	if p := s.pending(t, w); len(p.Batches) != 0 {
		t.Errorf("the batch is registered all the same")
	}
	if err := w.Append(context.Background(), b); err != nil {
		t.Errorf("append after that: %v", err)
	}
	s.fold(t, w)
}

// cancelledMidway: an order to stop that comes in the middle of a step leaves
// either all of it or nothing, and the warehouse usable.
func (s *suite) cancelledMidway(t *testing.T) {
	w := s.open(t)
	for i := range 60 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i)*200*time.Microsecond)
		b := s.batchOf(t, fmt.Sprint("b", i), sleepMessage(fmt.Sprint("m", i), noon.Add(time.Duration(i)*time.Second), "1", "", ""))
		if err := w.Append(ctx, b); err != nil && ctx.Err() == nil {
			t.Errorf("append: %v", err)
		}
		b.Record.Release()
		if _, err := s.folder(w).Fold(ctx); err != nil && ctx.Err() == nil {
			t.Errorf("fold: %v", err)
		}
		cancel()
	}
	s.ingest(t, w, 1, sleepMessage("last", noon.Add(time.Hour), "99", "", ""))
	s.fold(t, w)
	if rows := w.Latest(t, "sleep"); len(rows) != 1 || rows[0]["score"] != "99" {
		t.Errorf("latest: %v", rows)
	}
	if books := w.Ledger(t); !books.Balanced() || books.Registered == 0 {
		t.Errorf("ledger: %+v", books)
	}
}

// foldRows: a merge takes whole batches up to its bound, in several merges.
func (s *suite) foldRows(t *testing.T) {
	w := s.open(t)
	for i := range 5 {
		s.ingest(t, w, 1, sleepMessage(fmt.Sprint("m", i), noon.Add(time.Duration(i)*time.Second), fmt.Sprint(i), "", ""))
	}
	folder := s.folder(w)
	folder.MaxRows = 2
	f, err := folder.Fold(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if f.Merges != 3 || f.Books.Registered != 5 {
		t.Errorf("folded %+v, want 3 merges of 5 rows", f)
	}
}
