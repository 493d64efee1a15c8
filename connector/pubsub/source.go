// Package pubsub is the door for messages from a Google Cloud Pub/Sub
// subscription.
//
// Neither ordering keys nor exactly-once delivery are wanted: versions decide
// what is latest, and both make delivery slower. PUBSUB_EMULATOR_HOST is
// honoured, as by every client of Google's.
package pubsub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"vitalsink/connector"
	"vitalsink/transforms"
)

const (
	// Defaults of a Source.
	defaultMaxMessages = 10_000
	defaultMaxBytes    = 64 << 20
	// Streams are open side by side: the server gives each at most 10 MB/s
	// (https://cloud.google.com/pubsub/quotas), and bounds what each has out to
	// its part of the Source's limits.
	Streams = 4
	// ackExtension is short: a receiver that dies is soon replaced.
	ackExtension = time.Minute
	// maxExtension is for how long a message is kept from being delivered
	// again. It is more than a batch is given to be committed.
	maxExtension = 55 * time.Minute
	// stopTime is how long the client may take to settle what is in hand
	// after the order to stop; committing it takes up to 7 seconds.
	stopTime = 8 * time.Second
	// idleTime is how long it may take with nothing in hand; acknowledgements
	// are sent within a fraction of a second.
	idleTime = time.Second
	// checkTime is how long the server may take to tell of a subscription.
	checkTime = 10 * time.Second
)

// What Check finds; compare with errors.Is.
var (
	// ErrNoSubscription: the subscription does not exist.
	ErrNoSubscription = errors.New("there is no such subscription")
	// ErrOrdering: the subscription has message ordering or exactly-once
	// delivery on.
	ErrOrdering = errors.New("the subscription promises more than is good for it")
	// ErrOutOfReach: the server does not answer. Receive goes on trying.
	ErrOutOfReach = errors.New("Pub/Sub is out of reach")
)

// Source receives from one subscription.
type Source struct {
	// MaxMessages and MaxBytes are what may be in hand at once. The server
	// counts messages until they are acknowledged, which is when their batch
	// is committed: the client's own default of 1,000 would bound a batch.
	// Each takes some KiB beside its bytes. Optional, default 10,000 and
	// 64 MiB.
	MaxMessages int
	MaxBytes    int64

	client       *pubsub.Client
	subscription string
	closing      func() error // closes the client, once
	inHand       atomic.Int64 // messages delivered and not settled
}

var _ connector.Source = (*Source)(nil)

// NewSource connects to a project. Close the source.
func NewSource(ctx context.Context, project, subscription string) (*Source, error) {
	client, err := pubsub.NewClient(ctx, project)
	if err != nil {
		return nil, fmt.Errorf("connect to pubsub project %s: %w", project, err)
	}
	return newSource(client, subscription), nil
}

func newSource(client *pubsub.Client, subscription string) *Source {
	if !strings.Contains(subscription, "/") {
		subscription = fmt.Sprintf("projects/%s/subscriptions/%s", client.Project(), subscription)
	}
	return &Source{client: client, subscription: subscription, closing: sync.OnceValue(client.Close)}
}

// NewSourceAt connects to a Pub/Sub server at an address, in plain text and
// with no credentials: an emulator.
func NewSourceAt(ctx context.Context, address, project, subscription string) (*Source, error) {
	client, err := newClientAt(ctx, address, project)
	if err != nil {
		return nil, err
	}
	return newSource(client, subscription), nil
}

func newClientAt(ctx context.Context, address, project string) (*pubsub.Client, error) {
	client, err := pubsub.NewClient(ctx, project,
		option.WithEndpoint(address), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	if err != nil {
		return nil, fmt.Errorf("connect to pubsub at %s: %w", address, err)
	}
	return client, nil
}

// Close gives up the connection.
func (s *Source) Close() error { return s.closing() }

// Check asks the server for the subscription. The error is ErrNoSubscription,
// ErrOrdering or ErrOutOfReach; another may mean that asking is not allowed.
func (s *Source) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	sub, err := s.look(ctx)
	switch {
	case err != nil:
		return err
	case sub.EnableMessageOrdering:
		return fmt.Errorf("%w: %s has message ordering on, so that %s", ErrOrdering, s.subscription, orderingHurts)
	case sub.EnableExactlyOnceDelivery:
		return fmt.Errorf("%w: %s has exactly-once delivery on, which %s", ErrOrdering, s.subscription, onceHurts)
	}
	return nil
}

// Why a subscription is better without what ErrOrdering is about.
const (
	orderingHurts = "a message waits until those of its user before it are committed"
	onceHurts     = "costs most of the throughput"
)

// look asks the server for the subscription.
func (s *Source) look(ctx context.Context) (*pubsubpb.Subscription, error) {
	sub, err := s.client.SubscriptionAdminClient.GetSubscription(ctx, &pubsubpb.GetSubscriptionRequest{Subscription: s.subscription})
	switch {
	case status.Code(err) == codes.NotFound:
		return nil, fmt.Errorf("%w: %s", ErrNoSubscription, s.subscription)
	case status.Code(err) == codes.Unavailable || errors.Is(err, context.DeadlineExceeded) || status.Code(err) == codes.DeadlineExceeded:
		return nil, fmt.Errorf("%w: no answer about subscription %s", ErrOutOfReach, s.subscription)
	case err != nil:
		return nil, fmt.Errorf("look at subscription %s: %w", s.subscription, err)
	}
	return sub, nil
}

// Receive delivers messages until ctx is done. Those that are not
// acknowledged by then are given back, unless ctx ended for
// connector.ErrGivenUp: then the connection is cut, and their leases run out.
func (s *Source) Receive(ctx context.Context, deliver func(context.Context, *connector.Message) error) error {
	receiving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.receive(receiving, deliver) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	if errors.Is(context.Cause(ctx), connector.ErrGivenUp) {
		return errors.Join(ctx.Err(), s.Close()) // first: the client gives back what it can
	}
	stop()
	// A client that cannot reach the server does not hear the order to stop
	// (seen with pubsub/v2 v2.8.1), until its connection is gone.
	giveUp, idle := time.After(stopTime), time.NewTicker(idleTime)
	defer idle.Stop()
	for wasIdle := false; ; {
		select {
		case err := <-ended:
			return err
		case <-giveUp:
			return errors.Join(ctx.Err(), s.Close())
		case <-idle.C:
			isIdle := s.inHand.Load() == 0
			if isIdle && wasIdle { // there is nothing to wait for
				return errors.Join(ctx.Err(), s.Close())
			}
			wasIdle = isIdle
		}
	}
}

func (s *Source) receive(ctx context.Context, deliver func(context.Context, *connector.Message) error) error {
	sub := s.client.Subscriber(s.subscription)
	sub.ReceiveSettings.NumGoroutines = Streams
	sub.ReceiveSettings.EnablePerStreamFlowControl = true
	sub.ReceiveSettings.MaxOutstandingMessages = max(1, cmp.Or(s.MaxMessages, defaultMaxMessages)/Streams)
	sub.ReceiveSettings.MaxOutstandingBytes = max(1, int(cmp.Or(s.MaxBytes, defaultMaxBytes)/Streams))
	sub.ReceiveSettings.MaxDurationPerAckExtension = ackExtension
	sub.ReceiveSettings.MaxExtension = maxExtension
	err := sub.Receive(ctx, func(ctx context.Context, pm *pubsub.Message) {
		m := &connector.Message{
			Message: transforms.Message{
				ID: pm.ID, PublishTime: pm.PublishTime, Attributes: pm.Attributes, Data: pm.Data,
			},
			Ack:  func() { s.inHand.Add(-1); pm.Ack() },
			Nack: func() { s.inHand.Add(-1); pm.Nack() },
		}
		s.inHand.Add(1)
		if err := deliver(ctx, m); err != nil && !errors.Is(err, connector.ErrGivenUp) {
			m.Nack()
		}
	})
	if err != nil {
		return fmt.Errorf("receive from subscription %s: %w", s.subscription, err)
	}
	return nil
}
