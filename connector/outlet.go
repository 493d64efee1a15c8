package connector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"vitalsink/transforms"
)

// mostAtOnce is how many rows are published in one go: more than an event has.
const mostAtOnce = 5_000

// overhead is about what a message on its way takes beside its bytes.
const overhead = 2 << 10

// ErrPublish is of Outlets: a message could not be published. Nothing else will
// be.
var ErrPublish = errors.New("publish what was fetched")

// Outlet publishes no more rows a second than a rate, and keeps no more bytes
// on their way than there is room for. Use NewOutlet.
type Outlet struct {
	publisher Publisher
	rows      *rate.Limiter
	room      *semaphore.Weighted
	size      int64 // of the room
}

// NewOutlet makes an outlet for so many rows a second, and bytes on their way.
func NewOutlet(p Publisher, rows float64, bytes int64) *Outlet {
	o := &Outlet{publisher: p, rows: rate.NewLimiter(rate.Limit(rows), mostAtOnce), room: semaphore.NewWeighted(bytes), size: bytes}
	o.rows.AllowN(time.Now(), mostAtOnce) // what was not published before it began does not count
	return o
}

// Shipment is messages of an Outlet that belong together.
type Shipment struct {
	*Outlet
	ctx   context.Context //nolint:containedctx // of the group
	group *errgroup.Group
}

// Begin begins a Shipment. Wait for it, or it is never over.
func (o *Outlet) Begin(ctx context.Context) *Shipment {
	s := &Shipment{Outlet: o}
	s.group, s.ctx = errgroup.WithContext(ctx)
	return s
}

// Take publishes a message by and by; Wait tells whether it is safe.
func (s *Shipment) Take(m *transforms.Message, rows int) error {
	weight := min(int64(len(m.Data))+overhead, s.size)
	// With a deadline WaitN fails beforehand, when ctx has no cause yet.
	if err := s.rows.WaitN(s.ctx, min(rows, mostAtOnce)); err != nil {
		return cmp.Or(context.Cause(s.ctx), err)
	}
	if err := s.room.Acquire(s.ctx, weight); err != nil {
		return cmp.Or(context.Cause(s.ctx), err)
	}
	s.group.Go(func() error {
		defer s.room.Release(weight)
		if err := s.publisher.Publish(s.ctx, m); err != nil {
			return fmt.Errorf("%w: %w", ErrPublish, err)
		}
		return nil
	})
	return nil
}

// Wait returns when all that was taken is safe.
func (s *Shipment) Wait() error { return s.group.Wait() }

// Context ends when something of the shipment could not be published.
func (s *Shipment) Context() context.Context { return s.ctx }
