package backfill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"vitalsink/connector"
	"vitalsink/transforms"
)

// mostAtOnce is how many rows are published in one go: more than an event has.
const mostAtOnce = 5_000

// overhead is about what a message on its way takes beside its bytes.
const overhead = 2 << 10

// errPublish: what was fetched could not be published. Nothing else will be.
var errPublish = errors.New("publish what was fetched")

// outlet publishes no more rows a second than a rate, and keeps no more bytes
// on their way than there is room for.
type outlet struct {
	publisher connector.Publisher
	rows      *rate.Limiter
	room      *semaphore.Weighted
	size      int64 // of the room
}

func newOutlet(p connector.Publisher, rows float64, bytes int64) *outlet {
	o := &outlet{publisher: p, rows: rate.NewLimiter(rate.Limit(rows), mostAtOnce), room: semaphore.NewWeighted(bytes), size: bytes}
	o.rows.AllowN(time.Now(), mostAtOnce) // what was not published before it began does not count
	return o
}

// shipment is messages that belong together.
type shipment struct {
	*outlet
	ctx   context.Context //nolint:containedctx // of the group
	group *errgroup.Group
}

// begin begins a shipment. Wait for it, or it is never over.
func (o *outlet) begin(ctx context.Context) *shipment {
	s := &shipment{outlet: o}
	s.group, s.ctx = errgroup.WithContext(ctx)
	return s
}

// take publishes a message by and by; wait tells whether it is safe.
func (s *shipment) take(m *transforms.Message, rows int) error {
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
			return fmt.Errorf("%w: %w", errPublish, err)
		}
		return nil
	})
	return nil
}

// wait returns when all that was taken is safe.
func (s *shipment) wait() error { return s.group.Wait() }
