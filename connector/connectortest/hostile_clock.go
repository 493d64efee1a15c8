package connectortest

import (
	"context"
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

// clockBehind: whichever clock is wrong by years, that of the folder or that of
// the appends, what is pending is merged at once. In BigQuery it stayed pending
// until the folder's clock had come to the time of the appends.
func (s *suite) clockBehind(t *testing.T) {
	w := s.open(t)
	all := tellings(4)
	clocks := [][2]time.Duration{{0, 0}, {0, -year}, {4 * year, 0}, {-year, 0}}
	var messages []transforms.Message
	for i, told := range all {
		s.ingest(t, skewed{w, clocks[i][0]}, 2, told...)
		s.fold(t, skewed{w, clocks[i][1]})
		messages = append(messages, told...)
		s.settled(t, w, s.refer(t, messages...))
	}
}

// discarding is a warehouse that takes everything and keeps nothing.
type discarding struct{ connector.Warehouse }

func (discarding) Append(context.Context, *connector.Batch) error { return nil }

// Erased: nobody is.
func (discarding) Erased(context.Context) (connector.Erased, error) { return nil, nil }
