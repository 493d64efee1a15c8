package replay

import (
	"context"
	"errors"
	"sync"
	"time"

	"vitalsink/connector"
)

// Drain is a source with an end: it receives until nothing has come for a
// while, and nothing of what came waits to be settled.
type Drain struct {
	Source connector.Source // Required.
	// Idle is for how long nothing may come. Required.
	Idle time.Duration
	// Peek keeps whatever comes and gives it back at the end: nothing is
	// acknowledged. What the source lets out of its hands at once is then all
	// that is seen.
	Peek bool
}

// Receive returns nil at the end.
func (d Drain) Receive(ctx context.Context, deliver func(context.Context, *connector.Message) error) error {
	inner, stop := context.WithCancel(ctx)
	defer stop()
	r := &draining{Drain: d}
	r.idle = time.AfterFunc(d.Idle, func() {
		r.giveBack()
		stop()
	})
	defer r.idle.Stop()
	err := d.Source.Receive(inner, func(ctx context.Context, m *connector.Message) error {
		if !r.take(m) {
			return errOver
		}
		err := deliver(ctx, m)
		if err != nil {
			r.settled()
		}
		return err
	})
	if inner.Err() != nil && ctx.Err() == nil {
		return nil // there is an end, and this is it
	}
	r.giveBack()
	return err
}

// errOver refuses what still comes when all that was peeked at is given back:
// nobody else would.
var errOver = errors.New("the end of a look at messages")

// draining is a Drain at work.
type draining struct {
	Drain
	idle *time.Timer

	mu     sync.Mutex
	inHand int
	nacks  []func() // of what is peeked at
	over   bool     // these are called
}

// take changes what becomes of a message when it is settled; false refuses it.
func (r *draining) take(m *connector.Message) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return false
	}
	ack, nack := m.Ack, m.Nack
	if r.Peek {
		r.nacks = append(r.nacks, nack)
		m.Ack, m.Nack = func() {}, func() {}
		r.idle.Reset(r.Idle)
		return true
	}
	r.inHand++
	r.idle.Stop()
	m.Ack = func() { ack(); r.settled() }
	m.Nack = func() { nack(); r.settled() }
	return true
}

func (r *draining) settled() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.Peek {
		return
	}
	if r.inHand--; r.inHand == 0 {
		r.idle.Reset(r.Idle)
	}
}

func (r *draining) giveBack() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, nack := range r.nacks {
		nack()
	}
	r.nacks, r.over = nil, r.Peek
}
