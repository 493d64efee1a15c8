package pubsub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"vitalsink/connector"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreCurrent(), // of packages that start goroutines when they are loaded
		// One of the client's own waits for tickers that it has stopped; there
		// is one a Receive.
		goleak.IgnoreTopFunction("cloud.google.com/go/pubsub/v2.(*messageIterator).streamKeepAliveHandler"))
}

const (
	topic        = "projects/p/topics/junction"
	subscription = "projects/p/subscriptions/vitalsink"
	// patience is how long a test waits for what should take no time.
	patience = 30 * time.Second
)

// newServer is a Pub/Sub server with a topic and a subscription.
func newServer(t *testing.T, reactors ...pstest.ServerReactorOption) *pstest.Server {
	t.Helper()
	s := pstest.NewServer(reactors...)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := s.GServer.CreateTopic(t.Context(), &pubsubpb.Topic{Name: topic}); err != nil {
		t.Fatal(err)
	}
	_, err := s.GServer.CreateSubscription(t.Context(), &pubsubpb.Subscription{
		Name: subscription, Topic: topic, AckDeadlineSeconds: 60,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// publish sends n small messages.
func publish(s *pstest.Server, n int) {
	for i := range n {
		s.Publish(topic, fmt.Appendf(nil, "body %d", i), map[string]string{"event-type": "x", "number": fmt.Sprint(i)})
	}
}

func sourceOf(t *testing.T, s *pstest.Server, name string) *Source {
	t.Helper()
	source, err := NewSourceAt(t.Context(), s.Addr, "p", name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := source.Close(); err != nil {
			t.Error(err)
		}
	})
	return source
}

// receiving is a Receive that hands its messages to the test.
type receiving struct {
	messages chan *connector.Message
	stop     context.CancelFunc
	ended    chan error
}

// start receives until stop, or the end of the test.
func start(t *testing.T, source connector.Source) *receiving {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &receiving{make(chan *connector.Message), cancel, make(chan error, 1)}
	go func() {
		r.ended <- source.Receive(ctx, func(ctx context.Context, m *connector.Message) error {
			select {
			case r.messages <- m:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	return r
}

func (r *receiving) next(t *testing.T) *connector.Message {
	t.Helper()
	select {
	case m := <-r.messages:
		return m
	case err := <-r.ended:
		t.Fatalf("the source ended: %v", err)
	case <-time.After(patience):
		t.Fatal("no message came")
	}
	return nil
}

// end stops the source and waits until it has.
func (r *receiving) end(t *testing.T) {
	t.Helper()
	r.stop()
	select {
	case err := <-r.ended:
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the source ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the source does not end")
	}
}

// await polls the server until the condition holds for every message.
func await(t *testing.T, s *pstest.Server, what string, holds func(*pstest.Message) bool) {
	t.Helper()
	deadline, ticker := time.After(patience), time.NewTicker(5*time.Millisecond)
	defer ticker.Stop()
	for {
		missing := ""
		for _, m := range s.Messages() {
			if !holds(m) {
				missing = m.ID
			}
		}
		if missing == "" {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("waited in vain for message %s to be %s", missing, what)
		case <-ticker.C:
		}
	}
}

func acknowledged(m *pstest.Message) bool { return m.Acks == 1 }

func TestReceiveGivesMessagesAsTheyWerePublished(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	publish(s, 3)
	s.Publish(topic, nil, map[string]string{"": "", "ü": "\x00"})
	r := start(t, sourceOf(t, s, "vitalsink"))
	for range 4 {
		got := r.next(t)
		want := s.Message(got.ID)
		if want == nil {
			t.Fatalf("there is no message %q", got.ID)
		}
		if string(got.Data) != string(want.Data) || !got.PublishTime.Equal(want.PublishTime) || !got.AsOf.IsZero() || got.Refusal != nil {
			t.Errorf("published %+v, received %+v", want, &got.Message)
		}
		if diff := cmp.Diff(want.Attributes, got.Attributes); diff != "" {
			t.Errorf("attributes: published (-), received (+):\n%s", diff)
		}
		got.Ack()
	}
	await(t, s, "acknowledged", acknowledged)
	r.end(t)
}

// What is not acknowledged stays the server's: nothing acknowledges by itself.
func TestAckAndNackReachTheServer(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	publish(s, 6)
	r := start(t, sourceOf(t, s, "vitalsink"))
	seen := map[string]int{}
	for range 9 { // each that is given back comes twice
		m := r.next(t)
		seen[m.ID]++
		if number := m.Attributes["number"]; strings.Contains("024", number) && seen[m.ID] == 1 {
			if got := s.Message(m.ID); got.Acks != 0 {
				t.Errorf("message %s is acknowledged before anybody did", m.ID)
			}
			m.Nack()
			continue
		}
		m.Ack()
	}
	await(t, s, "acknowledged", acknowledged)
	r.end(t)
	for _, m := range s.Messages() {
		want := 1
		if strings.Contains("024", m.Attributes["number"]) {
			want = 2
		}
		if m.Deliveries != want || seen[m.ID] != want {
			t.Errorf("message %s was delivered %d times and received %d times, want %d", m.ID, m.Deliveries, seen[m.ID], want)
		}
	}
}

// A message that the pipeline refuses is given back, and comes again.
func TestReceiveGivesBackWhatIsRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	publish(s, 1)
	source := sourceOf(t, s, "vitalsink")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tries := make(chan int, 1)
	tries <- 0
	ended := make(chan error, 1)
	go func() {
		ended <- source.Receive(ctx, func(_ context.Context, m *connector.Message) error {
			n := <-tries + 1
			tries <- n
			if n < 3 {
				return errors.New("no room")
			}
			m.Ack()
			return nil
		})
	}()
	await(t, s, "acknowledged", acknowledged)
	cancel()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if m := s.Messages()[0]; m.Deliveries != 3 {
		t.Errorf("the message was delivered %d times, want 3", m.Deliveries)
	}
}

// At the order to stop, what nobody took is given back at once, and so is what
// is given back thereafter. Whether another receiver has it at once is up to
// the server: it may offer it to the one that is going.
func TestReceiveEndsAndGivesBack(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	publish(s, 20)
	first := sourceOf(t, s, "vitalsink")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var inHand sync.WaitGroup
	inHand.Add(20)
	ended := make(chan error, 1)
	go func() {
		ended <- first.Receive(ctx, func(ctx context.Context, m *connector.Message) error {
			inHand.Done()
			<-ctx.Done()
			if m.Attributes["number"] == "7" {
				m.Nack() // a batch that failed settles its messages itself
				return nil
			}
			return ctx.Err()
		})
	}()
	inHand.Wait()
	cancel()
	select {
	case err := <-ended:
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("the source does not end")
	}
	for _, m := range s.Messages() {
		if !slices.ContainsFunc(m.Modacks, func(a pstest.Modack) bool { return a.AckDeadline == 0 }) {
			t.Errorf("message %s was not given back", m.ID)
		}
	}
	acknowledgeAll(t, s)
}

// acknowledgeAll receives what is left. The server's clock runs fast meanwhile,
// so that leases end.
func acknowledgeAll(t *testing.T, s *pstest.Server) {
	t.Helper()
	began := time.Now()
	s.SetTimeNowFunc(func() time.Time { return time.Now().Add(30 * time.Since(began)) })
	source := sourceOf(t, s, "vitalsink")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- source.Receive(ctx, func(_ context.Context, m *connector.Message) error { m.Ack(); return nil })
	}()
	await(t, s, "acknowledged", acknowledged)
	cancel()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Messages that are in hand at the order to stop can still be acknowledged
// while they are committed, and Receive waits for that.
func TestReceiveWaitsForWhatIsInHand(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	publish(s, 5)
	r := start(t, sourceOf(t, s, "vitalsink"))
	var inHand []*connector.Message
	for range 5 {
		inHand = append(inHand, r.next(t))
	}
	r.stop()
	for _, m := range inHand {
		m.Ack()
	}
	r.end(t)
	for _, m := range s.Messages() {
		if m.Acks != 1 {
			t.Errorf("message %s is acknowledged %d times after the end, want 1", m.ID, m.Acks)
		}
	}
}

func TestReceiveNamesTheSubscription(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	r := start(t, sourceOf(t, s, "nowhere"))
	select {
	case err := <-r.ended:
		if err == nil || !strings.Contains(err.Error(), "nowhere") {
			t.Errorf("error %v does not name the subscription", err)
		}
	case <-time.After(patience):
		t.Fatal("it receives from a subscription that is not there")
	}
}

// NewSource goes where the environment says, as every client of Google's.
func TestNewSourceHonoursTheEmulator(t *testing.T) {
	s := newServer(t)
	t.Setenv("PUBSUB_EMULATOR_HOST", s.Addr)
	publish(s, 1)
	source, err := NewSource(t.Context(), "p", "vitalsink")
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, source)
	r.next(t).Ack()
	await(t, s, "acknowledged", acknowledged)
	r.end(t)
	if err := source.Close(); err != nil {
		t.Error(err)
	}
	if err := source.Close(); err != nil {
		t.Errorf("closing it again: %v", err)
	}
}
