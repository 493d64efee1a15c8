package connector_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vitalsink/connector"
)

// errBoom is what a warehouse out of order says.
var errBoom = errors.New("boom")

// outage is a warehouse that fails while down is true.
func outage(w connector.Warehouse, down *atomic.Bool) connector.Warehouse {
	return &faulty{w, func(*connector.Batch) error {
		if down.Load() {
			return errBoom
		}
		return nil
	}}
}

// TestPause: while the warehouse fails nothing is taken, acknowledged or given
// back; when it works again, all is committed.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		in := newIngest(t, outage(openFile(t), &down))
		in.FlushRows, in.GiveUp = 1, 50*time.Minute
		d := &door{n: 200, samples: 1}
		down.Store(true)
		ended := make(chan error, 1)
		go func() { ended <- in.Run(t.Context(), d) }()
		time.Sleep(20 * time.Minute)
		if in.Paused().IsZero() {
			t.Error("it does not say that it is paused")
		}
		if a, n, taken := d.acked.Load(), d.nacked.Load(), d.refused.Load(); a+n+taken != 0 {
			t.Errorf("while the warehouse fails: acked %d, nacked %d, refused %d", a, n, taken)
		}
		down.Store(false)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if d.acked.Load() != 200 || d.nacked.Load() != 0 || d.settledTwice.Load() != 0 || !in.Paused().IsZero() {
			t.Errorf("acked %d, nacked %d, twice %d, paused since %v; want 200, 0, 0, never",
				d.acked.Load(), d.nacked.Load(), d.settledTwice.Load(), in.Paused())
		}
	})
}

// open is a source that can be closed.
type open struct{ connector.Source }

func (open) Close() error { return nil }

// TestGiveUp: what cannot be committed for 50 minutes is let go, neither
// acknowledged nor given back; when the warehouse works again the service
// connects anew, by itself, and takes what is delivered again.
func TestGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		down.Store(true)
		in := newIngest(t, outage(openFile(t), &down))
		in.FlushRows, in.GiveUp = 1, 50*time.Minute
		doors := []*door{{n: 30, samples: 1, waits: true}, {n: 30, samples: 1}}
		connected := 0
		s := &connector.Service{
			Ingest: in, Log: slog.New(slog.DiscardHandler),
			Connect: func(context.Context) (connector.ClosingSource, error) {
				connected++
				return open{doors[connected-1]}, nil
			},
		}
		ended := make(chan error, 1)
		go func() { ended <- s.Run(t.Context()) }()
		time.Sleep(5 * time.Hour)
		if connected != 1 {
			t.Errorf("while the warehouse fails it connected %d times", connected)
		}
		if first := doors[0]; first.acked.Load() != 0 || first.nacked.Load() != 0 {
			t.Errorf("given up: acked %d, nacked %d; want neither", first.acked.Load(), first.nacked.Load())
		}
		down.Store(false)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if connected != 2 || doors[1].acked.Load() != 30 {
			t.Errorf("connected %d times, %d messages acked; want 2, 30", connected, doors[1].acked.Load())
		}
	})
}
