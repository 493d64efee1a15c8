package connectortest

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"vitalsink/connector"
	"vitalsink/transforms"
)

// lifetime is a context that ends when it has been asked n times whether it
// has: somewhere within a step, whatever the step is made of.
type lifetime struct {
	context.Context
	end  context.CancelFunc
	left *atomic.Int64
}

func newLifetime(n int64) lifetime {
	ctx, end := context.WithCancel(context.Background())
	l := lifetime{ctx, end, &atomic.Int64{}}
	l.left.Store(n)
	return l
}

func (l lifetime) ask() {
	if l.left.Add(-1) < 0 {
		l.end()
	}
}

func (l lifetime) Done() <-chan struct{} { l.ask(); return l.Context.Done() }
func (l lifetime) Err() error            { l.ask(); return l.Context.Err() }

// mortal is a warehouse of which nothing more is heard once its life is over,
// as if the process had died.
type mortal struct {
	connector.Warehouse
	life lifetime
}

func (m mortal) Append(_ context.Context, b *connector.Batch) error {
	return m.Warehouse.Append(m.life, b)
}

func (m mortal) Pending(context.Context) (*connector.Pending, error) {
	return m.Warehouse.Pending(m.life)
}

func (m mortal) Merge(_ context.Context, merge *connector.Merge) (connector.MergeBooks, error) {
	return m.Warehouse.Merge(m.life, merge)
}

// workload are messages of several tables, both lanes, and with a quarantine.
func workload() []transforms.Message {
	spoilt := heartrates("m3", noon, 62, noon, noon.Add(time.Minute))
	spoilt.Data = append(spoilt.Data[:len(spoilt.Data)-3], `,{"timestamp":"?"}]}}`...)
	return []transforms.Message{
		sleepMessage("m1", noon, "80", "2026-05-01T00:00:00Z", ""),
		sleepMessage("m2", noon.Add(time.Hour), "81", "", ""),
		spoilt,
		heartrates("m4", noon.Add(time.Hour), 63, noon, noon.AddDate(-5, 0, 0)),
	}
}

// deaths is how many moments of a run it is made to die at.
const deaths = 24

// crash: whenever the process dies, what it left and the messages that are
// delivered again make the tables that they would have made without that. The
// moments are spread evenly, from a first that is another in every run.
func (s *suite) crash(t *testing.T) {
	count := newLifetime(math.MaxInt64)
	s.interrupted(t, func(w Store) connector.Warehouse { return mortal{w, count} })
	count.end()
	questions := math.MaxInt64 - count.left.Load()
	first, died := rand.Int64N(max(1, questions/deaths)), 0
	for i := range int64(deaths) {
		life := newLifetime(first + i*questions/deaths)
		s.interrupted(t, func(w Store) connector.Warehouse { return mortal{w, life} })
		life.end()
		if t.Failed() {
			t.Fatalf("it died at question %d of %d", first+i*questions/deaths, questions)
		}
		if life.left.Load() < 0 {
			died++
		}
	}
	if died < deaths/2 {
		t.Errorf("it died %d times within %d questions, so this shows little", died, questions)
	}
}

// errLost is what is left of an answer that got lost.
var errLost = errors.New("the answer got lost")

// forgetful does as it is told, but once the answer gets lost.
type forgetful struct {
	connector.Warehouse
	calls *int // until then
}

func (f forgetful) lost() error {
	if *f.calls--; *f.calls == -1 {
		return errLost
	}
	return nil
}

func (f forgetful) Append(ctx context.Context, b *connector.Batch) error {
	return errors.Join(f.Warehouse.Append(ctx, b), f.lost())
}

func (f forgetful) Merge(ctx context.Context, m *connector.Merge) (connector.MergeBooks, error) {
	books, err := f.Warehouse.Merge(ctx, m)
	return books, errors.Join(err, f.lost())
}

// answerLost: what was committed although it looks as if it failed does no harm
// when it is done once more.
func (s *suite) answerLost(t *testing.T) {
	for n := 0; ; n++ {
		calls := n
		s.interrupted(t, func(w Store) connector.Warehouse { return forgetful{w, &calls} })
		if t.Failed() {
			t.Fatalf("the answer to call %d got lost", n)
		}
		if calls >= 0 {
			if n < 5 {
				t.Errorf("there were %d calls, so this shows nothing", n)
			}
			return
		}
	}
}

// interrupted lets a process work in a warehouse that fails at some time, and
// then another in the same one, to which all messages are delivered again.
func (s *suite) interrupted(t *testing.T, failing func(Store) connector.Warehouse) {
	own := &scope{TB: t}
	defer own.end()
	w, ref := s.open(own), newReference(s.catalogue)
	messages := workload()
	for _, m := range messages {
		ref.add(t, m)
	}
	first := failing(w)
	// What these two say does not matter: nobody is left to hear it.
	_, _ = s.tryIngest(t, first, 2, slice(messages))
	_, _ = s.folder(first).Fold(context.Background())
	s.ingest(t, w, 2, messages...)
	s.fold(t, w)
	s.expect(t, w, ref)
	s.mergedOnce(t, w, nil)
	if n := len(s.pending(t, w).Batches); n != 0 {
		t.Errorf("%d batches are left", n)
	}
}
