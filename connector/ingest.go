package connector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	"vitalsink/schemas"
	"vitalsink/transforms"
)

// Defaults of an Ingest.
const (
	defaultFlushRows     = 500_000
	defaultFlushBytes    = 256 << 20
	defaultFlushInterval = 10 * time.Second
	defaultMaxHeld       = 512 << 20
	// drainTime is what is left for committing after the order to stop:
	// Cloud Run gives about 10 seconds.
	drainTime = 7 * time.Second
)

// Ingest appends what comes through a door.
//
// Workers decode side by side, each into batches of its own, one per table
// and lane. A full or old batch is committed while the next one fills; what
// all of them hold is bounded. A message is acknowledged when every batch
// that holds a part of it is committed.
//
// What is of people who are erased is dropped: the list is read when Run begins,
// and every 5 minutes. A message of which nothing is left is acknowledged with
// a batch that counts its rows as erased.
type Ingest struct {
	Warehouse Warehouse
	Catalogue *schemas.Catalogue
	Log       *slog.Logger
	// Allocator of the rows. Optional, default one that uses memory again.
	Allocator memory.Allocator
	// Workers decode in parallel. Optional, default one per CPU.
	Workers int
	// FlushRows and FlushBytes are the size at which a batch is committed.
	// Optional, default 500,000 and 256 MiB, or a worker's half of MaxHeld if
	// that is less.
	FlushRows  int
	FlushBytes int64
	// FlushInterval is the age at which a batch is committed. Optional,
	// default 10 s.
	FlushInterval time.Duration
	// MaxHeld bounds the bytes of messages and rows that are not committed
	// yet. It is overrun by at most one message per worker. Optional, default
	// 512 MiB.
	MaxHeld int64
	// MaxMessages and MaxBytes are what the source, or each stream of it, lets
	// out of its hands before it is acknowledged; from half of either on
	// batches are committed, or the source would wait for us and we for the
	// source. Optional, default unlimited.
	MaxMessages int
	MaxBytes    int64
	// GiveUp is for how long an append that fails is tried again, counted
	// from the arrival of the batch's oldest message. Meanwhile nothing is
	// received. Optional, default 0: the first failure ends the ingest.
	GiveUp time.Duration
	// Metrics are told what happens. Optional.
	Metrics *Metrics
	// Tracer makes a trace of each batch. Optional.
	Tracer trace.Tracer

	once   sync.Once
	held   *budget
	hand   hand
	gate   *gate
	tally  tally
	roster roster
}

// Run receives from the source until it is exhausted or ctx is done, and
// commits what it received. A message that could not be committed is given
// back to the source, but after ErrGivenUp; then Run may be called again.
func (in *Ingest) Run(ctx context.Context, source Source) error {
	in.once.Do(in.setDefaults)
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	defer in.roster.keep(ctx, in.Warehouse, in.Log)()
	g, gctx := errgroup.WithContext(ctx)
	// Not closed at the end: a source that had to be left alone may still try
	// to deliver, and is refused then.
	messages, exhausted := make(chan *Message), make(chan struct{})
	commits := make(chan *openBatch)
	workers := make([]*worker, in.Workers)
	for i := range workers {
		w, err := newWorker(in, messages, exhausted, commits)
		if err != nil {
			return err
		}
		workers[i] = w
	}
	in.held.relieve = func() {
		for _, w := range workers {
			w.askFlush()
		}
	}
	g.Go(func() error {
		defer close(exhausted)
		return in.receive(gctx, source, messages)
	})
	var filling sync.WaitGroup
	for _, w := range workers {
		filling.Add(1)
		g.Go(func() error { defer filling.Done(); return w.run(gctx) })
	}
	g.Go(func() error { filling.Wait(); close(commits); return nil })
	// What is in hand when the order to stop comes still has a while.
	commitCtx, cancel := graceful(gctx, drainTime)
	defer cancel()
	for range in.Workers {
		g.Go(func() error {
			return in.commitAll(commitCtx, commits, func(err error) (givenUp bool) {
				fail(err)
				return errors.Is(context.Cause(gctx), ErrGivenUp)
			})
		})
	}
	err := g.Wait()
	if cause := context.Cause(ctx); errors.Is(cause, ErrGivenUp) || errors.Is(cause, ErrBooks) {
		return cause // another committer may have been the first to end
	}
	return err
}

func (in *Ingest) setDefaults() {
	if in.Workers == 0 {
		in.Workers = runtime.GOMAXPROCS(0)
	}
	if in.Allocator == nil {
		in.Allocator = &transforms.Recycler{}
	}
	if in.FlushRows == 0 {
		in.FlushRows = defaultFlushRows
	}
	if in.FlushInterval == 0 {
		in.FlushInterval = defaultFlushInterval
	}
	if in.MaxHeld == 0 {
		in.MaxHeld = defaultMaxHeld
	}
	if in.FlushBytes == 0 {
		in.FlushBytes = min(defaultFlushBytes, in.MaxHeld/int64(2*in.Workers))
	}
	in.held = &budget{limit: in.MaxHeld}
	in.Allocator = counted{in.Allocator, in.held}
	in.gate = newGate(in.Log)
}

func (in *Ingest) receive(ctx context.Context, source Source, messages chan<- *Message) error {
	in.hand.messages.Store(0) // what was given up is no longer ours
	in.hand.waiting.Store(0)
	err := source.Receive(ctx, func(dctx context.Context, m *Message) error {
		in.hand.offer(m)
		select {
		case messages <- m:
			return nil
		case <-ctx.Done():
			in.hand.refuse(m)
			return context.Cause(ctx)
		case <-dctx.Done():
			in.hand.refuse(m)
			return context.Cause(dctx)
		}
	})
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("receive: %w", err)
	}
	return nil
}

// commitAll appends batches as they come, until there are no more. After a
// failure the source is stopped and the other batches are given back, so that
// nobody waits for them. stop is called with the failure; it tells whether the
// reason for stopping, here or in another committer, is that a batch was given
// up: then nothing is given back.
func (in *Ingest) commitAll(ctx context.Context, commits <-chan *openBatch, stop func(error) (givenUp bool)) error {
	var failure error
	for b := range commits {
		if failure != nil {
			b.release()
		} else {
			failure = in.commit(ctx, b)
		}
		switch {
		case failure == nil:
			b.settle(true)
		case in.GiveUp > 0 && errors.Is(failure, ErrRefused):
			// Not even quarantine takes its rows, or it is not about rows. It is
			// let go, to be delivered again when its leases have run out, and
			// to end as a dead letter: the others go on.
			in.Log.Error("a batch cannot be appended; its messages stay with Pub/Sub until they are dead letters, or a newer vitalsink takes them",
				"error", failure)
			in.hand.messages.Add(-int64(len(b.messages)))
			failure = nil
		case !stop(failure):
			b.settle(false)
		}
		in.held.release(b.held)
	}
	return failure
}

// commit appends an open batch: whole or, if the warehouse refuses rows of it,
// in parts.
func (in *Ingest) commit(ctx context.Context, open *openBatch) error {
	b := open.batch(in.Catalogue.Version)
	defer b.Record.Release()
	err := in.commitBatch(ctx, b, open)
	if errors.Is(err, ErrRefused) && b.Books.Rows > 0 && b.Table.Name != schemas.QuarantineTable {
		return in.bisect(ctx, b, open)
	}
	return err
}

// commitBatch appends one batch, of what is in the open one.
func (in *Ingest) commitBatch(ctx context.Context, b *Batch, open *openBatch) (err error) {
	ctx, span := in.traceBatch(ctx, open)
	defer func() {
		endSpan(span, err, attribute.String("batch", b.ID), attribute.String("table", b.Table.Name), attribute.String("lane", string(b.Lane)),
			attribute.Int("rows", b.Books.Rows), attribute.Int("messages", b.Books.Messages))
	}()
	if err := b.check(); err != nil {
		return err
	}
	if err := in.persist(ctx, b, open.received); err != nil {
		return fmt.Errorf("append batch %s, %d rows, to the log of %s: %w", b.ID, b.Books.Rows, b.Table.Name, err)
	}
	in.tally.add(b, open.reasons)
	in.Metrics.committed(b, open)
	if b.Table.Name == schemas.QuarantineTable && open.refused > 0 {
		in.Log.WarnContext(ctx, "messages went to quarantine, in full or in part; query the view quarantine for each",
			"batch", b.ID, "messages", open.refused, "reasons", open.reasons)
	}
	in.Log.DebugContext(ctx, "batch committed", "batch", b.ID, "table", b.Table.Name, "lane", string(b.Lane), "rows", b.Books.Rows)
	return nil
}

// Paused tells since when the warehouse fails and nothing is received; zero
// if it does not.
func (in *Ingest) Paused() time.Time {
	in.once.Do(in.setDefaults)
	since, _ := in.gate.state()
	return since
}

// Held is the number of bytes in hand: of messages that wait or are not
// committed yet, and of their rows.
func (in *Ingest) Held() int64 {
	in.once.Do(in.setDefaults)
	return in.held.used.Load() + in.hand.waiting.Load()
}

// graceful is done the given time after ctx is; its cancel frees it.
func graceful(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		t := time.AfterFunc(grace, cancel)
		context.AfterFunc(late, func() { t.Stop() })
	})
	return late, func() { stop(); cancel() }
}
