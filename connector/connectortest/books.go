package connectortest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// booksOf are the books of a window.
func (s *suite) booksOf(t testing.TB, w Store, window connector.Window) connector.WindowBooks {
	t.Helper()
	books, err := w.BooksOf(context.Background(), window)
	if err != nil {
		t.Fatal(err)
	}
	return books
}

// books: registry and ledger say what ingest and fold have said, at every
// stage, whatever stands in the registry twice.
func (s *suite) books(t *testing.T) {
	w := s.open(t)
	if books := s.booksOf(t, w, connector.Window{}); len(books) > 0 || !books.Balanced() {
		t.Errorf("an empty warehouse has books: %+v", books)
	}
	first := s.ingest(t, w, 1, workload()...)
	s.expectBooks(t, w, first, connector.Folded{})
	for _, b := range s.pending(t, w).Batches {
		w.RegisterAgain(t, b.ID)
	}
	s.expectBooks(t, w, first, connector.Folded{})
	folded := s.fold(t, w)
	s.expectBooks(t, w, first, folded)

	both := s.ingest(t, w, 10, workload()...)
	both.Batches += first.Batches
	for table, books := range first.Tables {
		books.Add(both.Tables[table])
		both.Tables[table] = books
	}
	s.expectBooks(t, w, both, folded)
}

// expectBooks wants the books of all time to be those of what landed and of
// what was folded of it; the rest is pending.
func (s *suite) expectBooks(t testing.TB, w Store, landed connector.Landed, folded connector.Folded) {
	t.Helper()
	books := s.booksOf(t, w, connector.Window{})
	if !books.Balanced() {
		t.Errorf("books do not balance: %+v", books)
	}
	registry, ledger, pending := map[string]connector.Books{}, map[string]connector.MergeBooks{}, map[string]int{}
	for table, b := range books {
		registry[table] = b.Registry
		if b.Merges > 0 {
			ledger[table] = b.Ledger
		}
		if b.PendingRows > 0 {
			pending[table] = b.PendingRows
		}
	}
	left := map[string]int{}
	for _, b := range s.pending(t, w).Batches {
		left[b.Table] += b.Rows
	}
	if diff := cmp.Diff(landed.Tables, registry); diff != "" {
		t.Errorf("what landed (-) and the registry (+):\n%s", diff)
	}
	wantLedger := maps.Clone(folded.Tables)
	if wantLedger == nil {
		wantLedger = map[string]connector.MergeBooks{}
	}
	if diff := cmp.Diff(wantLedger, ledger); diff != "" {
		t.Errorf("what was folded (-) and the ledger (+):\n%s", diff)
	}
	if diff := cmp.Diff(left, pending); diff != "" {
		t.Errorf("what is pending (-) and the books (+):\n%s", diff)
	}
	sum := books.Sum()
	if n := len(s.pending(t, w).Batches); sum.Batches != landed.Batches || sum.PendingBatches != n || sum.Merges != folded.Merges || sum.RowsBeyond != 0 {
		t.Errorf("%d batches, %d pending, %d merges, %d rows beyond; want %d, %d, %d, 0",
			sum.Batches, sum.PendingBatches, sum.Merges, sum.RowsBeyond, landed.Batches, n, folded.Merges)
	}
}

// windows: whatever was ingested and folded when, the books of every window
// balance, and those of windows that meet are, of the registry, those of both.
func (s *suite) windows(t *testing.T) {
	check(t, 10, func(rt *rapid.T) {
		own := &scope{TB: t}
		defer own.end()
		w := s.open(own)
		for i := range rapid.IntRange(1, 4).Draw(rt, "runs") {
			messages := rapid.SliceOfN(rapid.Custom(drawMessage), 1, 6).Draw(rt, "messages")
			for j := range messages {
				messages[j].ID = fmt.Sprint("m", i, ".", j)
			}
			s.ingest(t, w, rapid.IntRange(1, 5).Draw(rt, "flush rows"), messages...)
			if rapid.Bool().Draw(rt, "fold") {
				s.fold(t, w)
			}
		}
		var edges []time.Time
		for _, row := range w.View(t, schemas.BatchesTable) {
			at, err := time.Parse(TimeFormat, row["registered_at"])
			if err != nil {
				t.Fatal(err)
			}
			edges = append(edges, at)
		}
		slices.SortFunc(edges, time.Time.Compare)
		edge := rapid.SampledFrom(edges).Draw(rt, "edge")
		other := rapid.SampledFrom(append(edges, time.Time{})).Draw(rt, "other edge")
		before := s.booksOf(t, w, connector.Window{Until: edge})
		after := s.booksOf(t, w, connector.Window{Since: edge})
		all := s.booksOf(t, w, connector.Window{})
		for _, books := range []connector.WindowBooks{before, after, all, s.booksOf(t, w, connector.Window{Since: edge, Until: other})} {
			if !books.Balanced() {
				t.Errorf("books do not balance: %+v", books)
			}
		}
		one, two, both := before.Sum(), after.Sum(), all.Sum()
		one.Registry.Add(two.Registry)
		if one.Batches+two.Batches != both.Batches || both.Batches != len(edges) || one.Registry != both.Registry ||
			one.Merged()+two.Merged() != both.Merged() {
			t.Errorf("%+v and %+v are not %+v of %d batches", one, two, both, len(edges))
		}
		if t.Failed() {
			rt.FailNow()
		}
	})
}

// faults: each fault is found, in every window that it is in, and nothing else.
// Every case has an hour of its own.
func (s *suite) faults(t *testing.T) {
	w, count := s.open(t), 0
	for i, c := range spoiltBooks() {
		t.Run(c.name, func(t *testing.T) {
			e := entered()
			c.spoil(e)
			for _, row := range e.batches {
				w.Enter(t, schemas.BatchesTable, placed(row, i))
			}
			for _, row := range e.merges {
				w.Enter(t, schemas.MergesTable, placed(row, i))
			}
			later := time.Duration(i) * time.Hour
			s.expectFaults(t, w, c, registeredAt.Add(later), mergedAt.Add(later))
		})
		for _, f := range c.want {
			count += f.Count
		}
	}
	found := 0
	for _, b := range s.booksOf(t, w, connector.Window{}) {
		for _, f := range b.Faults {
			found += f.Count
		}
	}
	if found != count {
		t.Errorf("in all there are %d faults, want %d", found, count)
	}
}

// expectFaults wants the faults of a case in the windows that hold them, and
// nothing at all in those beside.
func (s *suite) expectFaults(t *testing.T, w Store, c spoilt, registered, merged time.Time) {
	t.Helper()
	const tick = time.Microsecond
	within := []connector.Window{{Since: registered}, {Since: registered, Until: merged.Add(tick)}}
	if !c.unregistered {
		within = append(within, connector.Window{Since: registered, Until: registered.Add(tick)})
	}
	for _, window := range within {
		books := s.booksOf(t, w, window)
		for table, b := range books {
			var want, got []fault
			if table == c.table {
				want = c.want
			}
			for _, f := range b.Faults {
				example, _, _ := strings.Cut(f.Example, " of ")
				got = append(got, fault{f.Kind, f.Count, example})
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("faults of %s in %v (-want +got):\n%s", table, window, diff)
			}
		}
		if _, ok := books[c.table]; !ok && c.want != nil || books.Balanced() != (c.want == nil) {
			t.Errorf("in %v Balanced is %t, for %+v", window, books.Balanced(), books)
		}
	}
	for _, window := range []connector.Window{{Since: registered.Add(-time.Minute), Until: registered}, {Since: merged.Add(tick)}} {
		if books := s.booksOf(t, w, window); len(books) > 0 {
			t.Errorf("in %v nothing was registered, but there is %+v", window, books)
		}
	}
}
