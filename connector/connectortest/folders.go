package connectortest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"vitalsink/connector"
	"vitalsink/transforms"
)

// recording notes which batches were appended.
type recording struct {
	connector.Warehouse
	appended *[]string
}

func (r recording) Append(ctx context.Context, b *connector.Batch) error {
	err := r.Warehouse.Append(ctx, b)
	if err == nil {
		*r.appended = append(*r.appended, b.ID)
	}
	return err
}

// twoFolders: two at once, for several rounds, with all that is pending or each
// with a lane of its own: every batch is merged once, and no key is there twice.
func (s *suite) twoFolders(t *testing.T) {
	store, ref := s.open(t), newReference(s.catalogue)
	var appended []string
	w := recording{store, &appended}
	for round := range 8 {
		var messages []transforms.Message
		for i := range 4 {
			at := noon.Add(time.Duration(10*round+i) * time.Second)
			id := fmt.Sprintf("%d.%d", round, i)
			messages = append(messages,
				sleepMessage("s"+id, at, fmt.Sprint(round), "", ""), // late: it has no created_at
				sleepMessage("r"+id, at, fmt.Sprint(round), "2026-05-01T00:00:00Z", ""),
				heartrates("h"+id, at, round, noon, noon.Add(time.Duration(i)*time.Minute)),
				heartrates("o"+id, at, round, noon.AddDate(-1, 0, 0), noon))
		}
		for _, m := range messages {
			ref.add(t, m)
		}
		s.ingest(t, w, 3, messages...)
		lanes := [2][]connector.Lane{}
		if round%2 == 0 {
			lanes = [2][]connector.Lane{{connector.Recent}, {connector.Late}}
		}
		var wg sync.WaitGroup
		errs := make([]error, 2)
		for i := range errs {
			wg.Go(func() { _, errs[i] = s.folder(w).Fold(context.Background(), lanes[i]...) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.pending(t, w).Batches); n != 0 {
		t.Errorf("%d batches are left", n)
	}
	s.expect(t, store, ref)
	s.mergedOnce(t, store, appended)
}

// mergedOnce wants each of the batches in one merge of the ledger, and no
// others; nil stands for whichever there are.
func (s *suite) mergedOnce(t testing.TB, w Store, batches []string) {
	t.Helper()
	times := map[string]int{}
	for _, id := range w.Merged(t) {
		times[id]++
		if times[id] > 1 {
			t.Errorf("batch %s is merged %d times", id, times[id])
		}
	}
	for _, id := range batches {
		if times[id] != 1 {
			t.Errorf("batch %s is merged %d times", id, times[id])
		}
	}
	if batches != nil && len(times) != len(batches) {
		t.Errorf("%d batches are merged of %d", len(times), len(batches))
	}
	if books := s.booksOf(t, w, connector.Window{}); !books.Balanced() {
		t.Errorf("books do not balance: %+v", books)
	}
}
