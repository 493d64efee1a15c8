package pubsub

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"vitalsink/transforms"
)

func topicAt(t *testing.T, address, name string) *Topic {
	t.Helper()
	topic, err := NewTopicAt(t.Context(), address, "p", name, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := topic.Close(); err != nil {
			t.Error(err)
		}
	})
	return topic
}

// TestPublish: what Publish calls safe is at the server as it was given.
func TestPublish(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	m := &transforms.Message{ID: "m1", Data: []byte("body"), Attributes: map[string]string{"event-type": "x", "event-time": "2026-03-01T00:00:00Z"}}
	if err := topicAt(t, s.Addr, "junction").Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := s.Messages()
	if len(got) != 1 || string(got[0].Data) != "body" || got[0].OrderingKey != "" {
		t.Fatalf("%d messages at the server", len(got))
	}
	if diff := cmp.Diff(m.Attributes, got[0].Attributes); diff != "" {
		t.Errorf("attributes, -want +got:\n%s", diff)
	}
}

// TestPublishFails: the error says why, in time, and quotes nothing of the
// message.
func TestPublishFails(t *testing.T) {
	t.Parallel()
	const canary = "canary"
	s := newServer(t)
	forbidding := pstest.NewServer(pstest.WithErrorInjection("Publish", codes.PermissionDenied, "not "+canary))
	t.Cleanup(func() {
		if err := forbidding.Close(); err != nil {
			t.Error(err)
		}
	})
	for name, test := range map[string]struct {
		topic *Topic
		size  int
		wait  time.Duration
		says  string
	}{
		"no such topic": {topicAt(t, s.Addr, "nowhere"), 1, patience, "NotFound"},
		"not allowed":   {topicAt(t, forbidding.Addr, "junction"), 1, patience, "PermissionDenied"},
		"too large":     {topicAt(t, s.Addr, "junction"), 2_000_000, patience, "too large"},
		"out of reach":  {topicAt(t, "127.0.0.1:1", "junction"), 1, time.Second, "deadline exceeded"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), test.wait)
		err := test.topic.Publish(ctx, &transforms.Message{Data: []byte(strings.Repeat(canary, test.size))})
		cancel()
		if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v, want an error that says %q and quotes nothing", name, err, test.says)
		}
	}
}

// iam answers what a caller may do, as Google's does: with what it may of what
// it asks for.
type iam struct {
	iampb.UnimplementedIAMPolicyServer
	may []string
	err error
}

func (i *iam) TestIamPermissions(context.Context, *iampb.TestIamPermissionsRequest) (*iampb.TestIamPermissionsResponse, error) {
	return &iampb.TestIamPermissionsResponse{Permissions: i.may}, i.err
}

// serveIAM is a server that knows of permissions, which pstest does not.
func serveIAM(t *testing.T, i *iam) (address string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	iampb.RegisterIAMPolicyServer(s, i)
	go func() { _ = s.Serve(listener) }() // until it is stopped
	t.Cleanup(s.Stop)
	return listener.Addr().String()
}

// TestCheckTopic tells what is wrong with a topic, and names it.
func TestCheckTopic(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for name, test := range map[string]struct {
		topic *Topic
		want  error
	}{
		"there":          {topicAt(t, s.Addr, "junction"), nil},
		"not there":      {topicAt(t, s.Addr, "nowhere"), ErrNoTopic},
		"out of reach":   {topicAt(t, "127.0.0.1:1", "junction"), ErrOutOfReach},
		"allowed":        {topicAt(t, serveIAM(t, &iam{may: []string{publishing}}), "junction"), nil},
		"not allowed":    {topicAt(t, serveIAM(t, &iam{}), "junction"), ErrNotAllowed},
		"deleted":        {topicAt(t, serveIAM(t, &iam{err: status.Error(codes.NotFound, "")}), "junction"), ErrNoTopic},
		"not to be seen": {topicAt(t, serveIAM(t, &iam{err: status.Error(codes.PermissionDenied, "")}), "junction"), ErrNotAllowed},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err := test.topic.Check(ctx)
		cancel()
		if !errors.Is(err, test.want) || (err != nil) != (test.want != nil) || err != nil && !strings.Contains(err.Error(), "projects/p/topics/") {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}
