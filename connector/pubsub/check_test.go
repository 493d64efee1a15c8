package pubsub

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"

	"vitalsink/connector"
)

// Check tells what is wrong with a subscription, and names it.
func TestCheck(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for name, edit := range map[string]func(*pubsubpb.Subscription){
		"ordered": func(sub *pubsubpb.Subscription) { sub.EnableMessageOrdering = true },
		"once":    func(sub *pubsubpb.Subscription) { sub.EnableExactlyOnceDelivery = true },
	} {
		sub := &pubsubpb.Subscription{Name: "projects/p/subscriptions/" + name, Topic: topic, AckDeadlineSeconds: 60}
		edit(sub)
		if _, err := s.GServer.CreateSubscription(t.Context(), sub); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		want error
		says string
	}{
		"vitalsink":                        {nil, ""},
		"projects/p/subscriptions/ordered": {ErrOrdering, "message ordering"},
		"ordered":                          {ErrOrdering, "message ordering"},
		"once":                             {ErrOrdering, "exactly-once"},
		"nowhere":                          {ErrNoSubscription, "nowhere"},
		"projects/q/subscriptions/nowhere": {ErrNoSubscription, "projects/q/subscriptions/nowhere"},
	} {
		err := sourceOf(t, s, name).Check(t.Context())
		if c.want == nil && err == nil {
			continue
		}
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want %v, and that it says %q", name, err, c.want, c.says)
		}
	}
}

// A server that cannot be reached, or does not let us ask, tells nothing about
// the subscription.
func TestCheckWithoutAnswer(t *testing.T) {
	t.Parallel()
	forbidden := pstest.WithErrorInjection("GetSubscription", 7 /* PERMISSION_DENIED */, "not allowed")
	s := pstest.NewServer(forbidden)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	away, err := NewSourceAt(t.Context(), "127.0.0.1:1", "p", "vitalsink") // nobody listens there
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := away.Close(); err != nil {
			t.Error(err)
		}
	})
	for name, source := range map[string]*Source{"forbidden": sourceOf(t, s, "vitalsink"), "away": away} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		err := source.Check(ctx)
		cancel()
		if err == nil || errors.Is(err, ErrNoSubscription) || errors.Is(err, ErrOrdering) || !strings.Contains(err.Error(), subscription) {
			t.Errorf("%s: %v, want another error, that names %s", name, err, subscription)
		}
	}
}

// crowd counts the messages that are in hand at once.
type crowd struct {
	present, most atomic.Int64
}

func (c *crowd) enter() {
	for n := c.present.Add(1); ; {
		if old := c.most.Load(); n <= old || c.most.CompareAndSwap(old, n) {
			return
		}
	}
}

// No more than MaxMessages wait in deliver at once; the next come when some of
// them return. (How many are out of the server's hands is up to the server,
// and this one does not count.)
func TestMaxMessages(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	publish(s, 40)
	source := sourceOf(t, s, "vitalsink")
	source.MaxMessages = 2 * Streams
	var inHand crowd
	r := startCrowd(t, source, &inHand)
	var taken []*connector.Message
	for len(taken) < 2*Streams {
		taken = append(taken, r.next(t)) // there is room for so many, so they have to come
	}
	for range 40 {
		if len(taken) == 0 {
			taken = append(taken, r.next(t))
		}
		inHand.present.Add(-1)
		taken[0].Ack()
		taken = taken[1:]
	}
	await(t, s, "acknowledged", acknowledged)
	r.end(t)
	if most := inHand.most.Load(); most != 2*Streams {
		t.Errorf("at most %d messages were delivered at once, want %d", most, 2*Streams)
	}
}

// startCrowd receives until the end of the test. deliver returns when the
// message is acknowledged.
func startCrowd(t *testing.T, source *Source, inHand *crowd) *receiving {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &receiving{make(chan *connector.Message, 40), cancel, make(chan error, 1)}
	go func() {
		r.ended <- source.Receive(ctx, func(ctx context.Context, m *connector.Message) error {
			inHand.enter()
			settled := make(chan struct{})
			ack := m.Ack
			m.Ack = func() { ack(); close(settled) }
			r.messages <- m
			select {
			case <-settled:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	return r
}

// refusals counts what is given back: deadlines set to 0.
type refusals struct{ atomic.Int64 }

func (r *refusals) React(request any) (handled bool, ret any, err error) {
	if m := request.(*pubsubpb.ModifyAckDeadlineRequest); m.AckDeadlineSeconds == 0 {
		r.Add(int64(len(m.AckIds)))
	}
	return false, nil, nil
}

// newCountingServer is newServer that counts what is given back.
func newCountingServer(t *testing.T) (*pstest.Server, *refusals) {
	t.Helper()
	var nacks refusals
	s := newServer(t, pstest.ServerReactorOption{FuncName: "ModifyAckDeadline", Reactor: &nacks})
	return s, &nacks
}

// What is given up is not given back: each time would count towards the
// dead-letter limit. The connection is cut, and the leases run out. Any other
// end gives it back: that is how this test knows that it would see it.
func TestGivenUpIsNotGivenBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cause error
		nacks int64
	}{"given up": {connector.ErrGivenUp, 0}, "stopped": {errors.New("stopped"), 12}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, nacks := newCountingServer(t)
			publish(s, 12)
			source := sourceOf(t, s, "vitalsink")
			if err := receiveUntil(t, source, 12, c.cause); err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("it ended with %v", err)
			}
			if closed := source.Check(t.Context()); (closed != nil) != (c.nacks == 0) {
				t.Errorf("afterwards the source says %v", closed)
			}
			acknowledgeAll(t, s) // what is on its way has arrived then
			// One that was given back may have been delivered once more in between.
			if got := nacks.Load(); got < c.nacks || (got > 0) != (c.nacks > 0) {
				t.Errorf("%d messages were given back, want %d", got, c.nacks)
			}
		})
	}
}

// receiveUntil receives until n messages are in hand and then ends for a
// cause. Two thirds are held by those who took them, the others wait to be
// taken.
func receiveUntil(t *testing.T, source *Source, n int, cause error) error {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	arrived := make(chan *connector.Message, n)
	ended := make(chan error, 1)
	go func() {
		ended <- source.Receive(ctx, func(_ context.Context, m *connector.Message) error {
			arrived <- m
			if m.Attributes["number"] < "3" { // 0, 1, 10, 11, 2
				<-ctx.Done()
				return context.Cause(ctx)
			}
			return nil
		})
	}()
	var held []*connector.Message
	for range n {
		select {
		case m := <-arrived:
			if m.Attributes["number"] >= "3" {
				held = append(held, m)
			}
		case <-time.After(patience):
			t.Fatal("no message came")
		}
	}
	cancel(cause)
	if !errors.Is(cause, connector.ErrGivenUp) {
		for _, m := range held {
			m.Nack() // as the pipeline does
		}
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(patience):
		t.Fatal("the source does not end")
		return nil
	}
}
