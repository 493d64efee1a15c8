package connector

import (
	"context"
	"sync/atomic"

	"vitalsink/transforms"
)

// Message is a delivery that waits to be acknowledged.
type Message struct {
	transforms.Message
	// Ack tells the door that all of the message is committed. Required.
	Ack func()
	// Nack gives the message back to be delivered again. Required.
	Nack func()

	open   atomic.Int32 // batches that hold a part of it
	failed atomic.Bool
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
	if m.failed.Load() {
		m.Nack()
	} else {
		m.Ack()
	}
}

// A Source is a door that messages come through.
//
// Receive calls deliver, possibly from several goroutines, for every message
// until the source is exhausted or ctx is done, and returns when it will call
// it no more. A message that deliver refuses (non-nil error) is not lost: the
// source has to offer it again, now or to another process.
type Source interface {
	Receive(ctx context.Context, deliver func(context.Context, *Message) error) error
}
