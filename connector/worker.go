package connector

import (
	"context"
	"errors"
	"time"

	"vitalsink/schemas"
	"vitalsink/transforms"
)

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
	known        known
}

type batchKey struct {
	table string
	lane  Lane
}

func (b *openBatch) key() batchKey { return batchKey{b.table.Name, b.lane} }

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
		known: known{roster: &in.roster},
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
	if w.known.refresh(m) {
		d.Erase(w.known.has)
	}
	m.note(d)
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
		if w.open[part.key()] != part.openBatch {
			continue // the other part is in the same batch, which is sent
		}
		if part.builder.Rows() >= w.in.FlushRows || part.builder.Bytes()+part.held >= w.in.FlushBytes {
			w.send(part.openBatch)
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
func (w *worker) parts(d *transforms.Decoded) []part {
	var parts []part
	quarantine := w.in.Catalogue.Table(schemas.QuarantineTable)
	if d.Outcome != transforms.Quarantined {
		lane := Recent
		if d.Late {
			lane = Late
		}
		table := d.Table
		if table == nil { // it is erased, and would have been refused
			table = quarantine
		}
		parts = append(parts, part{w.batchOf(table, lane), false})
	}
	if len(d.Refusals()) > 0 {
		parts = append(parts, part{w.batchOf(quarantine, Recent), true})
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
	delete(w.open, b.key())
	w.filling -= len(b.messages)
	w.fillingBytes -= b.held
	w.commits <- b
}
