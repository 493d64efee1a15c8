package connectortest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"vitalsink/connector"
	"vitalsink/transforms"
)

// batchOf is a batch of the rows of messages, which must be sleeps.
func (s *suite) batchOf(t testing.TB, id string, messages ...transforms.Message) *connector.Batch {
	t.Helper()
	table := s.catalogue.Table("sleep")
	b := transforms.NewBuilder(memory.DefaultAllocator, table)
	defer b.Release()
	d, err := transforms.NewDecoder(s.catalogue)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		b.Append(d.Decode(&m))
	}
	n := len(messages)
	return &connector.Batch{
		ID: id, Table: table, Lane: connector.Recent, CatalogueVersion: s.catalogue.Version,
		AppendedAt: noon, Record: b.NewRecord(),
		Books: connector.Books{Rows: n, RowsDecoded: n, Messages: n, MessagesLanded: n},
	}
}

// tombstone: a deletion is a version like any other, and the views hide it.
func (s *suite) tombstone(t *testing.T) {
	w := s.open(t)
	s.ingest(t, w, 1, sleepMessage("m1", noon, "80", "", ""))
	s.fold(t, w)
	gone := s.batchOf(t, "b-gone", sleepMessage("m2", noon.Add(time.Hour), "0", "", ""))
	gone.Record = withDeleted(gone)
	defer gone.Record.Release()
	if err := w.Append(context.Background(), gone); err != nil {
		t.Fatal(err)
	}
	s.fold(t, w)
	if rows := w.View(t, "sleep"); len(rows) != 0 {
		t.Errorf("the view shows %d deleted rows", len(rows))
	}
	if rows := w.Latest(t, "sleep"); len(rows) != 1 || rows[0]["_deleted"] != "true" {
		t.Errorf("latest: %d rows, want the tombstone", len(rows))
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

// twoFolders: two at once fold each batch once.
func (s *suite) twoFolders(t *testing.T) {
	w := s.open(t)
	for i := range 6 {
		s.ingest(t, w, 1, sleepMessage(fmt.Sprint("m", i), noon.Add(time.Duration(i)*time.Second), fmt.Sprint(i), "", ""))
	}
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i := range errs {
		wg.Go(func() { _, errs[i] = s.folder(w).Fold(context.Background()) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if got := w.Ledger(t); got.Registered != 6 || !got.Balanced() {
		t.Errorf("ledger: %+v, want 6 rows registered", got)
	}
	if rows := w.Latest(t, "sleep"); len(rows) != 1 || rows[0]["score"] != "5" {
		t.Errorf("latest: %v", rows)
	}
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

// withDeleted is the batch's record with its rows as tombstones.
func withDeleted(b *connector.Batch) arrow.Record {
	deleted := array.NewBooleanBuilder(memory.DefaultAllocator)
	defer deleted.Release()
	for range b.Record.NumRows() {
		deleted.Append(true)
	}
	column := deleted.NewArray()
	defer column.Release()
	changed, err := b.Record.SetColumn(b.Table.Index("_deleted"), column)
	if err != nil {
		panic(err) // the column has the type of the one it replaces
	}
	b.Record.Release()
	return changed
}
