package connector

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"vitalsink/transforms"
)

// Message is a delivery that waits to be acknowledged.
type Message struct {
	transforms.Message
	// Ack tells the door that all of the message is committed. Required.
	Ack func()
	// Nack gives the message back to be delivered again. Required.
	Nack func()

	received time.Time
	hand     *hand
	open     atomic.Int32 // batches that hold a part of it
	failed   atomic.Bool
	erased   Erased // the list that was in force
	mu       sync.Mutex
	outcome  transforms.Outcome
	refused  []int32
}

// Outcome is what became of the message, and the positions of those of its
// samples that are in quarantine; -1 is the whole message. It is settled when
// Ack is called.
func (m *Message) Outcome() (transforms.Outcome, []int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.outcome, m.refused
}

// note remembers what became of the message, as far as that is known.
func (m *Message) note(d *transforms.Decoded) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.outcome, m.refused = d.Outcome, nil
	for _, why := range d.Refusals() {
		m.refused = append(m.refused, why.Position())
	}
}

// done settles the part of the message that one batch held. With the last
// part it is acknowledged, or given back if any part failed.
func (m *Message) done(committed bool) {
	if !committed {
		m.failed.Store(true)
	}
	if m.open.Add(-1) > 0 {
		return
	}
	m.hand.messages.Add(-1)
	if m.failed.Load() {
		m.Nack()
	} else {
		m.Ack()
	}
}

// messageOverhead is about what a message takes beside its bytes: attributes,
// and what the transport knows of it.
const messageOverhead = 2 << 10

// size is about what the message takes, in bytes.
func (m *Message) size() int64 { return int64(cap(m.Data)) + messageOverhead }

// hand is what was received and is not settled.
type hand struct {
	messages atomic.Int64
	waiting  atomic.Int64 // bytes of messages that no worker has taken yet
}

// offer is called when a message arrives.
func (h *hand) offer(m *Message) {
	m.hand, m.received = h, time.Now()
	h.messages.Add(1)
	h.waiting.Add(m.size())
}

// refuse is called if nobody took the message.
func (h *hand) refuse(m *Message) {
	h.messages.Add(-1)
	h.waiting.Add(-m.size())
}

// A Source is a door that messages come through.
//
// Receive calls deliver, possibly from several goroutines, for every message
// until the source is exhausted or ctx is done, and returns when it will call
// it no more. deliver blocks while there is no room, or while the warehouse
// fails: a source does not take more from the transport than its own limits
// allow. A message that deliver refuses (non-nil error) is not lost: the
// source has to offer it again, now or to another process. If ctx ends for
// ErrGivenUp, the source gives nothing back: what it was lent is to run out.
type Source interface {
	Receive(ctx context.Context, deliver func(context.Context, *Message) error) error
}
