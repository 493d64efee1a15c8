package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"vitalsink/connector/pubsub"
)

// lookEvery is how often a service looks whether Pub/Sub can be reached.
const lookEvery = 30 * time.Second

// lookout tells whether Pub/Sub can be reached: the client that receives keeps
// trying, without a word.
type lookout struct {
	source *pubsub.Source
	log    *slog.Logger
	lost   atomic.Bool
	stop   context.CancelFunc
	ended  chan struct{}
}

// watch refuses a subscription that would not work, or not well. Then it looks
// now and then whether Pub/Sub can be reached, until close.
func (sub subscription) watch(ctx context.Context, log *slog.Logger, allowOrdering bool) (*lookout, error) {
	source, err := sub.connect(ctx)
	if err != nil {
		return nil, err
	}
	d := &lookout{source: source, log: log, ended: make(chan struct{})}
	if err := d.check(ctx, allowOrdering); err != nil {
		return nil, errors.Join(err, source.Close())
	}
	ctx, d.stop = context.WithCancel(ctx)
	go d.look(ctx)
	return d, nil
}

// check is the first look.
func (d *lookout) check(ctx context.Context, allowOrdering bool) error {
	switch err := d.source.Check(ctx); {
	case err == nil || ctx.Err() != nil:
	case errors.Is(err, pubsub.ErrOutOfReach):
		d.report(err)
	case errors.Is(err, pubsub.ErrOrdering) && allowOrdering:
		d.log.Warn("receiving will be slow", "error", err)
	case errors.Is(err, pubsub.ErrOrdering):
		return fmt.Errorf("%w; create a subscription without (neither is needed: versions decide), or insist with --allow-ordering", err)
	case errors.Is(err, pubsub.ErrNoSubscription):
		return err
	default:
		d.log.Warn("may not look at the subscription; trying to receive all the same", "error", err)
	}
	return nil //nolint:nilerr // what does not keep it from receiving is logged
}

func (d *lookout) look(ctx context.Context) {
	defer close(d.ended)
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := d.source.Check(ctx); ctx.Err() == nil {
			d.report(err)
		}
	}
}

// report says when Pub/Sub gets out of reach, and when it is back.
func (d *lookout) report(err error) {
	lost := errors.Is(err, pubsub.ErrOutOfReach)
	switch was := d.lost.Swap(lost); {
	case lost && !was:
		d.log.Warn("nothing can be received; look at the network, at PUBSUB_EMULATOR_HOST if it is set, and at Google's status page", "error", err)
	case was && !lost:
		d.log.Warn("Pub/Sub can be reached again")
	}
}

func (d *lookout) close() error {
	d.stop()
	<-d.ended
	return d.source.Close()
}
