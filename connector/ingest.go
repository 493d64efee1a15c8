package connector

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"golang.org/x/sync/errgroup"

	"vitalsink/schemas"
	"vitalsink/transforms"
)

// Defaults of an Ingest.
const (
	defaultFlushRows     = 250_000
	defaultFlushBytes    = 64 << 20
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
type Ingest struct {
	Warehouse Warehouse
	Catalogue *schemas.Catalogue
	Log       *slog.Logger
	// Allocator of the rows. Optional, default the Go heap.
	Allocator memory.Allocator
	// Workers decode in parallel. Optional, default one per CPU.
	Workers int
	// FlushRows and FlushBytes are the size at which a batch is committed.
	// Optional, default 250,000 and 64 MiB.
	FlushRows  int
	FlushBytes int64
	// FlushInterval is the age at which a batch is committed. Optional,
	// default 10 s.
	FlushInterval time.Duration
	// MaxHeld bounds the bytes of messages and rows that are not committed
	// yet. It is overrun by at most one message per worker. Optional, default
	// 512 MiB.
	MaxHeld int64

	held  *budget
	tally tally
}

// Run receives from the source until it is exhausted or ctx is done, and
// commits what it received. A message that could not be committed is given
// back to the source. Run may be called once.
func (in *Ingest) Run(ctx context.Context, source Source) error {
	in.setDefaults()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
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
		g.Go(func() error { return in.commitAll(commitCtx, commits, fail) })
	}
	return g.Wait()
}

func (in *Ingest) setDefaults() {
	if in.Workers == 0 {
		in.Workers = runtime.GOMAXPROCS(0)
	}
	if in.Allocator == nil {
		in.Allocator = memory.DefaultAllocator
	}
	if in.FlushRows == 0 {
		in.FlushRows = defaultFlushRows
	}
	if in.FlushBytes == 0 {
		in.FlushBytes = defaultFlushBytes
	}
	if in.FlushInterval == 0 {
		in.FlushInterval = defaultFlushInterval
	}
	if in.MaxHeld == 0 {
		in.MaxHeld = defaultMaxHeld
	}
	in.held = newBudget(in.MaxHeld)
}

func (in *Ingest) receive(ctx context.Context, source Source, messages chan<- *Message) error {
	err := source.Receive(ctx, func(dctx context.Context, m *Message) error {
		select {
		case messages <- m:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-dctx.Done():
			return dctx.Err()
		}
	})
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("receive: %w", err)
	}
	return nil
}

// commitAll appends batches as they come, until there are no more. After a
// failure the source is stopped and the other batches are given back, so that
// nobody waits for them.
func (in *Ingest) commitAll(ctx context.Context, commits <-chan *openBatch, fail context.CancelCauseFunc) error {
	var failure error
	for b := range commits {
		if failure != nil {
			b.release()
		} else if failure = in.commit(ctx, b); failure != nil {
			fail(failure)
		}
		b.settle(failure == nil)
		in.held.release(b.held)
	}
	return failure
}

func (in *Ingest) commit(ctx context.Context, open *openBatch) error {
	b := open.batch(in.Catalogue.Version)
	defer b.Record.Release()
	if err := b.check(); err != nil {
		return err
	}
	if err := in.Warehouse.Append(ctx, b); err != nil {
		return fmt.Errorf("append %d rows to the log of %s: %w", b.Books.Rows, b.Table.Name, err)
	}
	in.tally.add(b, open.reasons)
	if b.Table.Name == schemas.QuarantineTable {
		in.Log.Warn("messages went to quarantine, in full or in part; query the view quarantine for each",
			"messages", len(open.messages), "reasons", open.reasons)
	}
	in.Log.Debug("batch committed", "batch", b.ID, "table", b.Table.Name, "rows", b.Books.Rows)
	return nil
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

// worker decodes messages into batches of its own.
type worker struct {
	in        *Ingest
	decoder   *transforms.Decoder
	messages  <-chan *Message
	exhausted <-chan struct{} // no more will come
	commits   chan<- *openBatch
	pressed   chan struct{} // somebody needs the memory
	open      map[batchKey]*openBatch
	due       *time.Timer
}

type batchKey struct {
	table string
	lane  Lane
}

func newWorker(in *Ingest, messages <-chan *Message, exhausted <-chan struct{}, commits chan<- *openBatch) (*worker, error) {
	d, err := transforms.NewDecoder(in.Catalogue)
	if err != nil {
		return nil, err
	}
	due := time.NewTimer(in.FlushInterval)
	due.Stop()
	return &worker{
		in: in, decoder: d, messages: messages, exhausted: exhausted, commits: commits,
		pressed: make(chan struct{}, 1), open: map[batchKey]*openBatch{}, due: due,
	}, nil
}

func (w *worker) askFlush() {
	select {
	case w.pressed <- struct{}{}:
	default:
	}
}

// run ends when there are no more messages, or ctx is done; what is open then
// is still handed to the committers.
func (w *worker) run(ctx context.Context) error {
	defer w.due.Stop()
	for {
		select {
		case m := <-w.messages:
			w.take(ctx, m)
		case <-w.exhausted:
			w.flush()
			return nil
		case <-w.due.C:
			w.flush()
		case <-w.pressed:
			w.flush()
		case <-ctx.Done():
			w.flush()
			return nil
		}
	}
}

// take decodes a message into the open batches. Where there is no room for
// it, all batches are flushed and one waits.
func (w *worker) take(ctx context.Context, m *Message) {
	if w.in.held.full() {
		w.flush()
		if w.in.held.wait(ctx) != nil {
			m.Nack()
			return
		}
	}
	d := w.decoder.Decode(&m.Message)
	parts := w.parts(d)
	m.open.Store(int32(len(parts)))
	for _, part := range parts {
		held := part.add(m, d)
		w.in.held.take(held)
	}
	for _, part := range parts {
		if part.builder.Rows() >= w.in.FlushRows || part.held >= w.in.FlushBytes {
			w.send(part)
		}
	}
}

// parts are the batches that a message goes into: one for its rows, one for
// what is refused of it.
func (w *worker) parts(d *transforms.Decoded) []*openBatch {
	var parts []*openBatch
	if d.Outcome != transforms.Quarantined {
		lane := Recent
		if d.Late {
			lane = Late
		}
		parts = append(parts, w.batchOf(d.Table, lane))
	}
	if len(d.Refusals()) > 0 {
		parts = append(parts, w.batchOf(w.in.Catalogue.Table(schemas.QuarantineTable), Recent))
	}
	return parts
}

func (w *worker) batchOf(t *schemas.Table, lane Lane) *openBatch {
	key := batchKey{t.Name, lane}
	b, ok := w.open[key]
	if !ok {
		b = newOpenBatch(w.in.Allocator, t, lane)
		if len(w.open) == 0 {
			w.due.Reset(w.in.FlushInterval)
		}
		w.open[key] = b
	}
	return b
}

func (w *worker) flush() {
	w.due.Stop()
	for _, b := range w.open {
		w.send(b)
	}
}

func (w *worker) send(b *openBatch) {
	delete(w.open, batchKey{b.table.Name, b.lane})
	w.commits <- b
}
