package connector_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vitalsink/connector"
	"vitalsink/schemas"
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
		if f := in.Failure(); !f.Since.Equal(in.Paused()) || !errors.Is(f.Err, errBoom) {
			t.Errorf("it is paused since %s, and fails since %s: %v", in.Paused(), f.Since, f.Err)
		}
		if a, n, taken := d.acked.Load(), d.nacked.Load(), d.refused.Load(); a+n+taken != 0 {
			t.Errorf("while the warehouse fails: acked %d, nacked %d, refused %d", a, n, taken)
		}
		down.Store(false)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if f := in.Failure(); f.Err != nil {
			t.Errorf("when it works again it fails: %v", f.Err)
		}
		if last := in.Recent(); len(last) != 20 || last[19].Books.Messages != 1 || last[0].AppendedAt.After(last[19].AppendedAt) {
			t.Errorf("of 200 batches %d are kept: %+v", len(last), last)
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

// TestFoldEnds: a fold leaves to the next what comes in while it is at work. It
// did once go on for as long as anything came, and the late lane never had its
// turn.
func TestFoldEnds(t *testing.T) {
	w := openFile(t)
	arrivals := 0
	arrive := func() {
		if arrivals++; arrivals > 10 {
			return
		}
		if err := newIngest(t, w).Run(t.Context(), &door{n: 1, samples: 1}); err != nil {
			t.Error(err)
		}
	}
	arrive()
	folder := &connector.Folder{Warehouse: &refusing{w, func(*connector.Merge) error { arrive(); return nil }}, Catalogue: catalogue(t), Log: slog.New(slog.DiscardHandler)}
	for range 2 {
		f, err := folder.Fold(t.Context())
		if err != nil || f.Merges != 1 {
			t.Errorf("%d merges, want 1: %v", f.Merges, err)
		}
	}
}

// endless is a source of four messages a minute, every other of them late.
type endless struct{}

func (endless) Close() error { return nil }

func (endless) Receive(ctx context.Context, deliver func(context.Context, *connector.Message) error) error {
	ticker := time.NewTicker(15 * time.Second)
	defer ticker.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		m := &connector.Message{Message: heartrate(i, 1), Ack: func() {}, Nack: func() {}}
		if i%2 == 0 {
			m.PublishTime = m.PublishTime.AddDate(0, 1, 0)
		}
		if err := deliver(ctx, m); err != nil {
			return err
		}
	}
}

// TestLateBeat: the late lane is folded at every tenth beat of the recent one.
func TestLateBeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		count := map[connector.Lane]int{}
		w := &refusing{openFile(t), func(m *connector.Merge) error { count[m.Batches[0].Lane]++; return nil }}
		in := newIngest(t, w)
		in.FlushRows = 1
		s := &connector.Service{
			Ingest: in, Log: slog.New(slog.DiscardHandler), FoldInterval: time.Minute,
			Folder:  &connector.Folder{Warehouse: w, Catalogue: catalogue(t), Log: slog.New(slog.DiscardHandler)},
			Connect: func(context.Context) (connector.ClosingSource, error) { return endless{}, nil },
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute+50*time.Second)
		defer cancel()
		if err := s.Run(ctx); err != nil {
			t.Fatal(err)
		}
		// Beats 1 to 20, of them 10 and 20 for both lanes, and the last fold.
		if count[connector.Recent] != 21 || count[connector.Late] != 3 {
			t.Errorf("merges by lane: %v, want 21 recent and 3 late", count)
		}
	})
}

// TestFoldHalves: a merge that is too much for the warehouse is made in parts.
func TestFoldHalves(t *testing.T) {
	w := openFile(t)
	in := newIngest(t, w)
	in.FlushRows = 1
	if err := in.Run(t.Context(), &door{n: 24, samples: 1}); err != nil {
		t.Fatal(err)
	}
	most := 0
	small := &refusing{w, func(m *connector.Merge) error {
		if m.Rows() > 5 {
			return errBoom
		}
		most = max(most, m.Rows())
		return nil
	}}
	folder := &connector.Folder{Warehouse: small, Catalogue: catalogue(t), Log: slog.New(slog.DiscardHandler)}
	f, err := folder.Fold(t.Context())
	if err != nil || f.Books.Registered != 24 || most < 2 {
		t.Errorf("%d rows folded of 24, at most %d at once: %v", f.Books.Registered, most, err)
	}
	if sum := folder.Folded(); sum.Books != f.Books || sum.Merges != f.Merges {
		t.Errorf("in all %+v, of one fold that did %+v", sum, f)
	}
}

// refusing is a real warehouse that asks before each merge.
type refusing struct {
	connector.Warehouse
	before func(*connector.Merge) error
}

func (r *refusing) Merge(ctx context.Context, m *connector.Merge) (connector.MergeBooks, error) {
	if err := r.before(m); err != nil {
		return connector.MergeBooks{}, err
	}
	return r.Warehouse.Merge(ctx, m)
}

// TestFoldOfNothing: batches without rows can be pending in any number. Halving
// their rows, a fold that failed once went round for ever.
func TestFoldOfNothing(t *testing.T) {
	w := openFile(t)
	in := newIngest(t, w)
	in.FlushRows = 1
	if err := in.Run(t.Context(), &door{n: 4, samples: 0}); err != nil {
		t.Fatal(err)
	}
	tries := 0
	down := &refusing{w, func(*connector.Merge) error { tries++; return errBoom }}
	folder := &connector.Folder{Warehouse: down, Catalogue: catalogue(t), Log: slog.New(slog.DiscardHandler)}
	if _, err := folder.Fold(t.Context()); !errors.Is(err, errBoom) || tries == 0 || tries > 10 {
		t.Errorf("%d tries: %v", tries, err)
	}
}

// TestFoldGoesOn: a batch that cannot be merged stays pending, and the others
// of its table are merged.
func TestFoldGoesOn(t *testing.T) {
	w := openFile(t)
	in := newIngest(t, w)
	in.FlushRows = 1
	if err := in.Run(t.Context(), &door{n: 9, samples: 1}); err != nil {
		t.Fatal(err)
	}
	pending, err := w.Pending(t.Context())
	if err != nil || len(pending.Batches) < 4 {
		t.Fatalf("%d batches: %v", len(pending.Batches), err)
	}
	bad := pending.Batches[0]
	picky := &refusing{w, func(m *connector.Merge) error {
		if slices.ContainsFunc(m.Batches, func(b connector.Registered) bool { return b.ID == bad.ID }) {
			return errBoom
		}
		return nil
	}}
	folder := &connector.Folder{Warehouse: picky, Catalogue: catalogue(t), Log: slog.New(slog.DiscardHandler)}
	f, err := folder.Fold(t.Context())
	if !errors.Is(err, errBoom) || f.Books.Registered != 9-bad.Rows {
		t.Errorf("%d rows folded, want all but the %d of one batch: %v", f.Books.Registered, bad.Rows, err)
	}
}

// TestRefusedBatch: what not even quarantine takes is let go, neither
// acknowledged nor given back, and does not keep the others waiting.
func TestRefusedBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		w := &faulty{openFile(t), func(b *connector.Batch) error {
			if b.Table.Name == schemas.QuarantineTable || n.Add(1) == 3 {
				return fmt.Errorf("%w: a value", connector.ErrRefused)
			}
			return nil
		}}
		in := newIngest(t, w)
		in.FlushRows, in.GiveUp = 1, 50*time.Minute
		d := &door{n: 20, samples: 1}
		if err := in.Run(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if d.acked.Load() != 19 || d.nacked.Load() != 0 || !in.Paused().IsZero() {
			t.Errorf("acked %d, nacked %d, paused since %v; want 19, 0, never", d.acked.Load(), d.nacked.Load(), in.Paused())
		}
	})
}
