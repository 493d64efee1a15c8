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

// lookout tells whether Pub/Sub can be reached: the client that receives, or
// publishes, keeps trying without a word.
type lookout struct {
	at    interface{ Check(context.Context) error }
	log   *slog.Logger
	lost  atomic.Pointer[time.Time] // since when it cannot; nil if it can
	stop  context.CancelFunc
	ended chan struct{}
}

// watch refuses a subscription that would not work, or not well. Then it looks
// now and then whether Pub/Sub can be reached, until close.
func watch(ctx context.Context, log *slog.Logger, source *pubsub.Source, allowOrdering bool) (*lookout, error) {
	d := &lookout{at: source, log: log}
	if err := d.check(ctx, source.Check(ctx), allowOrdering); err != nil {
		return nil, err
	}
	d.begin(ctx)
	return d, nil
}

// watchTopic is watch for a topic.
func watchTopic(ctx context.Context, log *slog.Logger, topic *pubsub.Topic) (*lookout, error) {
	d := &lookout{at: topic, log: log}
	switch err := topic.Check(ctx); {
	case errors.Is(err, pubsub.ErrOutOfReach):
		d.report(err)
	case err != nil && ctx.Err() == nil:
		return nil, err
	}
	d.begin(ctx)
	return d, nil
}

func (d *lookout) begin(ctx context.Context) {
	ctx, d.stop = context.WithCancel(ctx)
	d.ended = make(chan struct{})
	go d.look(ctx)
}

// check is the first look.
func (d *lookout) check(ctx context.Context, err error, allowOrdering bool) error {
	switch {
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
		if err := d.at.Check(ctx); ctx.Err() == nil {
			d.report(err)
		}
	}
}

// report says when Pub/Sub gets out of reach, and when it is back.
func (d *lookout) report(err error) {
	lost := errors.Is(err, pubsub.ErrOutOfReach) || errors.Is(err, pubsub.ErrNoTopic) || errors.Is(err, pubsub.ErrNotAllowed)
	was := d.lost.Load() != nil
	switch {
	case lost && !was:
		now := time.Now()
		d.lost.Store(&now)
		d.log.Warn("Pub/Sub cannot be used; look at the network, at PUBSUB_EMULATOR_HOST if it is set, and at Google's status page", "error", err)
	case was && !lost:
		d.lost.Store(nil)
		d.log.Warn("Pub/Sub can be reached again")
	}
}

// reached tells that Pub/Sub is out of reach.
func (d *lookout) reached() error {
	if d.lost.Load() != nil {
		return errors.New("Pub/Sub is out of reach")
	}
	return nil
}

func (d *lookout) close() {
	d.stop()
	<-d.ended
}
