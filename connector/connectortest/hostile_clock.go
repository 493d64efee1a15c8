package connectortest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"vitalsink/connector"
	"vitalsink/transforms"
)

// skewed is a warehouse of a machine whose clock is wrong.
type skewed struct {
	connector.Warehouse
	by time.Duration
}

func (s skewed) Append(ctx context.Context, b *connector.Batch) error {
	wrong := *b
	wrong.AppendedAt = b.AppendedAt.Add(s.by)
	return s.Warehouse.Append(ctx, &wrong)
}

func (s skewed) Merge(ctx context.Context, m *connector.Merge) (connector.MergeBooks, error) {
	wrong := *m
	wrong.MergedAt = m.MergedAt.Add(s.by)
	return s.Warehouse.Merge(ctx, &wrong)
}

const year = 365 * 24 * time.Hour

// tellings are versions of the same rows, told n times.
func tellings(n int) [][]transforms.Message {
	all := make([][]transforms.Message, n)
	for i := range n {
		at := noon.Add(time.Duration(i*7%n) * time.Hour) // not in their order
		all[i] = []transforms.Message{
			sleepMessage(fmt.Sprint("s", i), at, fmt.Sprint(i), "2026-05-01T00:00:00Z", ""),
			heartrates(fmt.Sprint("h", i), at, 60+i, noon, noon.Add(time.Duration(i)*time.Second)),
			{ID: fmt.Sprint("q", i), PublishTime: at, Data: []byte("{")},
		}
	}
	return all
}

// clockJumps: what is latest is told by versions, never by our clock: with one
// that jumps by years, ahead and back, between appends and between merges, the
// tables are the same.
func (s *suite) clockJumps(t *testing.T) {
	jumps := [][2]time.Duration{{4 * year, 4 * year}, {-4 * year, -4 * year}, {-20 * year, 4 * year}, {0, 0}}
	var messages []transforms.Message
	w := s.open(t)
	for i, told := range tellings(len(jumps)) {
		s.ingest(t, skewed{w, jumps[i][0]}, 2, told...)
		s.fold(t, skewed{w, jumps[i][1]})
		messages = append(messages, told...)
	}
	s.ingest(t, w, 100, messages...)
	s.fold(t, w)
	s.settled(t, w, s.refer(t, messages...))
}

// clockBehind: a folder whose clock is a year behind that of the appends may
// refuse to merge, for it could not tell what is merged already; then it says
// so and merges nothing, and when the clock is right all is merged.
func (s *suite) clockBehind(t *testing.T) {
	w := s.open(t)
	all := tellings(3)
	s.ingest(t, w, 2, all[0]...)
	s.fold(t, w)
	s.ingest(t, w, 2, all[1]...)
	before, waiting := w.Ledger(t), len(s.pending(t, w).Batches)
	f, err := s.folder(skewed{w, -year}).Fold(t.Context())
	switch {
	case err == nil:
	case !errors.Is(err, connector.ErrConfiguration):
		t.Errorf("fold: %v, want ErrConfiguration", err)
	case f.Merges != 0 || w.Ledger(t) != before || len(s.pending(t, w).Batches) != waiting:
		t.Errorf("it says %v, and has merged %+v", err, f)
	default:
		t.Logf("it says: %v", err)
	}
	s.ingest(t, skewed{w, -year}, 2, all[2]...)
	s.fold(t, w)
	s.settled(t, w, s.refer(t, append(append(all[0], all[1]...), all[2]...)...))
}

// discarding is a warehouse that takes everything and keeps nothing.
type discarding struct{ connector.Warehouse }

func (discarding) Append(context.Context, *connector.Batch) error { return nil }
