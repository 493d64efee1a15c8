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
	"github.com/cenkalti/backoff/v5"
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
	// Optional, default 250,000 and 64 MiB, or a worker's half of MaxHeld if
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

	once  sync.Once
	held  *budget
	hand  hand
	gate  *gate
	tally tally
}

// Run receives from the source until it is exhausted or ctx is done, and
// commits what it received. A message that could not be committed is given
// back to the source, but after ErrGivenUp; then Run may be called again.
func (in *Ingest) Run(ctx context.Context, source Source) error {
	in.once.Do(in.setDefaults)
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
		in.Allocator = memory.DefaultAllocator
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
			// It is let go, to be delivered again when its leases have run out,
			// and to end as a dead letter: the others go on.
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

func (in *Ingest) commit(ctx context.Context, open *openBatch) error {
	b := open.batch(in.Catalogue.Version)
	defer b.Record.Release()
	if err := b.check(); err != nil {
		return err
	}
	if err := in.persist(ctx, b, open.received); err != nil {
		return fmt.Errorf("append %d rows to the log of %s: %w", b.Books.Rows, b.Table.Name, err)
	}
	in.tally.add(b, open.reasons)
	in.Metrics.committed(b, open)
	if b.Table.Name == schemas.QuarantineTable {
		in.Log.Warn("messages went to quarantine, in full or in part; query the view quarantine for each",
			"messages", len(open.messages), "reasons", open.reasons)
	}
	in.Log.Debug("batch committed", "batch", b.ID, "table", b.Table.Name, "rows", b.Books.Rows)
	return nil
}

// persist appends a batch, again and again if it has to.
func (in *Ingest) persist(ctx context.Context, b *Batch, received time.Time) error {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = time.Second, 30*time.Second
	for {
		err := in.append(ctx, b, received)
		switch {
		case err == nil:
			in.gate.open()
			return nil
		case in.GiveUp == 0 || ctx.Err() != nil || errors.Is(err, ErrBooks) || errors.Is(err, ErrRefused):
			return err
		}
		in.gate.shut(err)
		if time.Since(received) > in.GiveUp {
			return fmt.Errorf("%w: %w", ErrGivenUp, err)
		}
		if !in.pause(ctx, pauses.NextBackOff()) {
			return err
		}
		// An append that failed may have been committed all the same. Under
		// another name the rows are there twice, which a fold mends; under
		// the same one the batch would have more rows than it says.
		b.ID, b.AppendedAt = newID(), now()
	}
}

// append tries once. One that hangs is cut off when its batch is to be given
// up; but messages that had to wait for long get their chance too.
func (in *Ingest) append(ctx context.Context, b *Batch, received time.Time) error {
	began := time.Now()
	if in.GiveUp > 0 {
		chance := max(in.GiveUp-began.Sub(received), in.GiveUp/10)
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, chance)
		defer cancel()
	}
	err := in.Warehouse.Append(ctx, b)
	in.Metrics.appended(b.Table.Name, time.Since(began), err)
	return err
}

// pause waits for a while, or until another append has worked. It is false
// when ctx is done.
func (in *Ingest) pause(ctx context.Context, d time.Duration) bool {
	_, changed := in.gate.state()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-changed:
	case <-ctx.Done():
		return false
	}
	return true
}

// probeEvery is how often a warehouse that fails is asked whether it works.
const probeEvery = time.Minute

// awaitWarehouse returns when the warehouse takes a batch again. Nothing is in
// hand then, so it is one without rows. It is false when ctx is done.
func (in *Ingest) awaitWarehouse(ctx context.Context) bool {
	for {
		empty := newOpenBatch(in.Allocator, in.Catalogue.Versioned()[0], Recent).batch(in.Catalogue.Version)
		probe, cancel := context.WithTimeout(ctx, probeEvery)
		err := in.Warehouse.Append(probe, empty)
		cancel()
		empty.Record.Release()
		if err == nil {
			in.gate.open()
			return true
		}
		if !in.pause(ctx, probeEvery) {
			return false
		}
	}
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

// worker decodes messages into batches of its own.
type worker struct {
	in        *Ingest
	decoder   *transforms.Decoder
	messages  <-chan *Message
	exhausted <-chan struct{} // no more will come
	commits   chan<- *openBatch
	pressed   chan struct{} // somebody needs the memory
	open      map[batchKey]*openBatch
	// What is in the open batches.
	filling      int // messages
	fillingBytes int64
	due          *time.Timer
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
		messages, changed := w.in.gate.pass(w.messages)
		select {
		case m := <-messages:
			w.in.hand.waiting.Add(-m.size())
			w.take(ctx, m)
		case <-changed:
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
			w.in.hand.messages.Add(-1)
			if !errors.Is(context.Cause(ctx), ErrGivenUp) {
				m.Nack()
			}
			return
		}
	}
	d := w.decoder.Decode(&m.Message)
	w.in.Metrics.received(d)
	parts := w.parts(d)
	m.open.Store(int32(len(parts)))
	w.filling += len(parts)
	for _, part := range parts {
		size := part.add(m, d)
		w.fillingBytes += size
		w.in.held.take(size)
	}
	for _, part := range parts {
		if part.builder.Rows() >= w.in.FlushRows || part.builder.Bytes()+part.held >= w.in.FlushBytes {
			w.send(part)
		}
	}
	if w.reached(int64(w.filling), int64(w.in.MaxMessages)) || w.reached(w.fillingBytes, w.in.MaxBytes) {
		w.flush()
	}
}

// reached tells whether a worker has its part of the half of a limit.
func (w *worker) reached(n, limit int64) bool {
	return limit > 0 && n >= max(1, limit/int64(2*w.in.Workers))
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
	w.filling -= len(b.messages)
	w.fillingBytes -= b.held
	w.commits <- b
}
