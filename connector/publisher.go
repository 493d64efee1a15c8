package connector

import (
	"context"
	"errors"

	"vitalsink/transforms"
)

// A Publisher takes messages from a door that has somebody waiting for an
// answer.
//
// Publish returns nil when the message is safe: whoever sent it may forget it.
// After an error it may be safe or not, and has to be sent again.
type Publisher interface {
	Publish(ctx context.Context, m *transforms.Message) error
}

// Inlet feeds what is published to it into an Ingest of the same process, and
// calls a message safe when it is committed. Use NewInlet.
type Inlet struct{ arrivals chan *Message }

var (
	_ Publisher     = (*Inlet)(nil)
	_ ClosingSource = (*Inlet)(nil)
)

// errNotCommitted: the Ingest gave the message back.
var errNotCommitted = errors.New("the message could not be committed")

// NewInlet makes an inlet.
func NewInlet() *Inlet { return &Inlet{arrivals: make(chan *Message)} }

// Publish hands a message over and returns when it is committed. The error is
// that of ctx if nobody takes it, or nobody commits it, in time.
func (i *Inlet) Publish(ctx context.Context, m *transforms.Message) error {
	settled := make(chan error, 1)
	arrival := &Message{
		Message: *m,
		Ack:     func() { settled <- nil },
		Nack:    func() { settled <- errNotCommitted },
	}
	select {
	case i.arrivals <- arrival:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-settled:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Receive delivers what is published until ctx is done.
func (i *Inlet) Receive(ctx context.Context, deliver func(context.Context, *Message) error) error {
	for {
		select {
		case m := <-i.arrivals:
			if err := deliver(ctx, m); err != nil {
				m.Nack()
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// Close does nothing: an inlet is as good as its process.
func (i *Inlet) Close() error { return nil }
