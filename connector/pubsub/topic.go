package pubsub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"vitalsink/connector"
	"vitalsink/transforms"
)

const (
	// lingerTime is how long a message waits for others to be sent along with.
	lingerTime = 5 * time.Millisecond
	// sendTime is for how long the client tries to send a message, whether or
	// not somebody still waits.
	sendTime = 10 * time.Second
	// publishing is the one permission that a Topic needs.
	publishing = "pubsub.topics.publish"
)

// What Check of a Topic finds; compare with errors.Is.
var (
	// ErrNoTopic: the topic does not exist.
	ErrNoTopic = errors.New("there is no such topic")
	// ErrNotAllowed: the permission to publish is missing.
	ErrNotAllowed = errors.New("publishing is not allowed")
)

// Topic publishes to one topic.
type Topic struct {
	client    *pubsub.Client
	publisher *pubsub.Publisher
	name      string
}

var _ connector.Publisher = (*Topic)(nil)

// NewTopic connects to a project. Messages on their way take no more than a
// number of bytes; those beyond wait. Close the topic.
func NewTopic(ctx context.Context, project, topic string, maxBytes int) (*Topic, error) {
	client, err := pubsub.NewClient(ctx, project)
	if err != nil {
		return nil, fmt.Errorf("connect to pubsub project %s: %w", project, err)
	}
	return newTopic(client, topic, maxBytes), nil
}

// NewTopicAt connects to a Pub/Sub server at an address, in plain text and with
// no credentials: an emulator.
func NewTopicAt(ctx context.Context, address, project, topic string, maxBytes int) (*Topic, error) {
	client, err := newClientAt(ctx, address, project)
	if err != nil {
		return nil, err
	}
	return newTopic(client, topic, maxBytes), nil
}

func newTopic(client *pubsub.Client, topic string, maxBytes int) *Topic {
	t := &Topic{client: client, name: fmt.Sprintf("projects/%s/topics/%s", client.Project(), topic)}
	t.publisher = client.Publisher(t.name)
	t.publisher.PublishSettings.DelayThreshold = lingerTime
	t.publisher.PublishSettings.Timeout = sendTime
	t.publisher.PublishSettings.FlowControlSettings = pubsub.FlowControlSettings{
		MaxOutstandingBytes: maxBytes, LimitExceededBehavior: pubsub.FlowControlBlock,
	}
	return t
}

// Publish returns when the server has the message. Its errors quote nothing of
// it.
func (t *Topic) Publish(ctx context.Context, m *transforms.Message) error {
	_, err := t.publisher.Publish(ctx, &pubsub.Message{Data: m.Data, Attributes: m.Attributes}).Get(ctx)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pubsub.ErrOversizedMessage):
		return fmt.Errorf("publish to %s: the message is too large for Pub/Sub", t.name)
	case ctx.Err() != nil:
		return fmt.Errorf("publish to %s: %w", t.name, context.Cause(ctx))
	}
	return fmt.Errorf("publish to %s: %s", t.name, status.Code(err))
}

// Check asks the server whether publishing will work. The error is ErrNoTopic,
// ErrNotAllowed or ErrOutOfReach. It needs no permission but that to publish.
func (t *Topic) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	has, err := t.client.TopicAdminClient.TestIamPermissions(ctx, &iampb.TestIamPermissionsRequest{
		Resource: t.name, Permissions: []string{publishing},
	})
	if status.Code(err) == codes.Unimplemented { // by a stand-in, which lets everybody do all
		has = &iampb.TestIamPermissionsResponse{Permissions: []string{publishing}}
		_, err = t.client.TopicAdminClient.GetTopic(ctx, &pubsubpb.GetTopicRequest{Topic: t.name})
	}
	switch {
	case status.Code(err) == codes.NotFound:
		return fmt.Errorf("%w: %s", ErrNoTopic, t.name)
	case status.Code(err) == codes.PermissionDenied, err == nil && !slices.Contains(has.Permissions, publishing):
		return fmt.Errorf("%w: %s on %s is missing", ErrNotAllowed, publishing, t.name)
	case err != nil:
		return fmt.Errorf("%w: no answer about topic %s: %s", ErrOutOfReach, t.name, status.Code(err))
	}
	return nil
}

// Close sends what is on its way and gives up the connection.
func (t *Topic) Close() error {
	t.publisher.Stop()
	return t.client.Close()
}
