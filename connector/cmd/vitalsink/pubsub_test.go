package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"github.com/google/go-cmp/cmp"

	"vitalsink/transforms"
)

// servePubSub is a Pub/Sub server in a process of its own, without topics. It
// lets a minute pass for every line that it reads, and ends with them.
func servePubSub() {
	server := pstest.NewServer()
	var ahead atomic.Int64
	server.SetTimeNowFunc(func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) })
	fmt.Println("listening on", server.Addr)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		ahead.Add(int64(61 * time.Second))
	}
}

// service is a Pub/Sub server in this process with one topic and one
// subscription: those of the demo.
type service struct {
	*pstest.Server
	ahead  atomic.Int64 // of the real clock
	acks   atomic.Int64 // requests add up: a message may be acknowledged twice
	nacked atomic.Int64 // messages given back
	steady bool         // leases do not expire while a test waits
}

// React counts, and leaves what it counts to the server.
func (s *service) React(request any) (handled bool, ret any, err error) {
	switch r := request.(type) {
	case *pubsubpb.AcknowledgeRequest:
		s.acks.Add(int64(len(r.AckIds)))
	case *pubsubpb.ModifyAckDeadlineRequest:
		if r.AckDeadlineSeconds == 0 {
			s.nacked.Add(int64(len(r.AckIds)))
		}
	}
	return false, nil, nil
}

// emulator is the variable by which Google's clients find a server.
const emulator = "PUBSUB_EMULATOR_HOST"

// newService starts a server.
func newService(t *testing.T) *service {
	t.Helper()
	s := &service{}
	s.Server = pstest.NewServer(
		pstest.ServerReactorOption{FuncName: "Acknowledge", Reactor: s},
		pstest.ServerReactorOption{FuncName: "ModifyAckDeadline", Reactor: s})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	s.SetTimeNowFunc(func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) })
	if _, err := s.GServer.CreateTopic(t.Context(), &pubsubpb.Topic{Name: demoTopic}); err != nil {
		t.Fatal(err)
	}
	_, err := s.GServer.CreateSubscription(t.Context(), &pubsubpb.Subscription{
		Name: demoSubscription, Topic: demoTopic, AckDeadlineSeconds: 60,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// expireLeases lets the time pass after which the server delivers again what
// a dead receiver had. The server forgets messages after ten minutes, so no
// more may pass in a test.
func (s *service) expireLeases() {
	if s.ahead.Load() < int64(8*time.Minute) {
		s.ahead.Add(int64(61 * time.Second))
	}
}

// publish sends messages as a replay does, with their identities and times:
// the server would make up its own.
func (s *service) publish(messages []transforms.Message) {
	for _, m := range messages {
		attributes := map[string]string{
			"original-message-id":   m.ID,
			"original-publish-time": m.PublishTime.UTC().Format(time.RFC3339Nano),
		}
		for k, v := range m.Attributes {
			attributes[k] = v
		}
		s.Publish(demoTopic, m.Data, attributes)
	}
}

// progress counts the messages that were delivered, and that were acknowledged.
func (s *service) progress() (delivered, acked int) {
	for _, m := range s.Messages() {
		if m.Deliveries > 0 {
			delivered++
		}
		if m.Acks > 0 {
			acked++
		}
	}
	return delivered, acked
}

// await polls until the condition holds. Leases expire meanwhile: the server
// may have offered a message to a receiver that was about to go.
func (s *service) await(t *testing.T, what string, holds func(delivered, acked int) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	ticker, leases := time.NewTicker(5*time.Millisecond), time.NewTicker(15*time.Second)
	defer ticker.Stop()
	defer leases.Stop()
	for {
		delivered, acked := s.progress()
		if holds(delivered, acked) {
			return
		}
		select {
		case <-ctx.Done():
			stacks := make([]byte, 1<<20)
			t.Logf("%s", stacks[:runtime.Stack(stacks, true)]) // who waits for whom
			t.Fatalf("waited in vain for %s: %d messages delivered, %d acknowledged", what, delivered, acked)
		case <-leases.C:
			if !s.steady {
				s.expireLeases()
			}
		case <-ticker.C:
		}
	}
}

func (s *service) awaitAcks(t *testing.T, n int) {
	t.Helper()
	s.await(t, "acknowledgements", func(_, acked int) bool { return acked >= n })
}

// loaded are the tables that a load of all that was published makes.
func (s *service) loaded(t *testing.T) string {
	t.Helper()
	var lines bytes.Buffer
	for _, m := range s.Messages() {
		lines.Write(restLine(transforms.Message{
			ID: m.ID, PublishTime: m.PublishTime, Attributes: m.Attributes, Data: m.Data,
		}))
	}
	dir := t.TempDir()
	input, file := filepath.Join(dir, "published.ndjson"), filepath.Join(dir, "loaded.duckdb")
	if err := os.WriteFile(input, lines.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	code := execute(t.Context(), []string{"load", "--warehouse", "duckdb://" + file, input}, streams{nil, &out, &out})
	if code != exitDone && code != exitAttention {
		t.Fatalf("load exited with %d: %s", code, out.String())
	}
	return mustTables(t, file)
}

// wantLoaded wants a file that services wrote to have the tables of a load. Who
// is told to stop has some seconds left to fold, which may be too few where
// machines are slow: the rest is folded here.
func (s *service) wantLoaded(t *testing.T, file string) {
	t.Helper()
	foldFile(t, file)
	wantBalanced(t, "duckdb://"+file)
	if diff := cmp.Diff(s.loaded(t), mustTables(t, file)); diff != "" {
		t.Errorf("tables of a load (-) and of the run (+):\n%s", diff)
	}
}
