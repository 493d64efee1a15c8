package connector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.opentelemetry.io/otel/attribute"
)

// persist appends a batch, again and again if it has to.
func (in *Ingest) persist(ctx context.Context, b *Batch, received time.Time) error {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = time.Second, 10*time.Second // half as much more at random
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
	ctx, span := tracerOr(in.Tracer).Start(ctx, "append")
	err := in.Warehouse.Append(ctx, b)
	endSpan(span, err, attribute.String("batch", b.ID))
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
