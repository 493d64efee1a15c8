package pubsub

import (
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"

	"vitalsink/connector/terraformtest"
)

// TestTerraformFlows: the topics and subscriptions that Terraform makes can be
// made, the source finds no fault with the one that it receives from, and a
// message flows through.
func TestTerraformFlows(t *testing.T) {
	planned := terraformtest.Plan(t, "../../terraform", map[string]any{
		"project_id": "my-project", "project_number": "1", "region": "europe-west1", "location": "EU",
		"junction_publishers": []string{}, "image": "registry/vitalsink@sha256:" + strings.Repeat("0", 64),
	})
	s := pstest.NewServer()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	topics, subscriptions := terraformtest.PubSub(t, planned)
	for _, topic := range topics {
		if _, err := s.GServer.CreateTopic(t.Context(), topic); err != nil {
			t.Fatalf("%s: %v", topic.Name, err)
		}
	}
	for _, sub := range subscriptions {
		if dead := sub.GetDeadLetterPolicy(); dead != nil && !slices.ContainsFunc(topics, func(topic *pubsubpb.Topic) bool { return topic.Name == dead.DeadLetterTopic }) {
			t.Errorf("%s: there is no topic %s", sub.Name, dead.DeadLetterTopic)
		}
		if _, err := s.GServer.CreateSubscription(t.Context(), sub); err != nil {
			t.Fatalf("%s: %v", sub.Name, err)
		}
	}
	source := sourceOf(t, s, "projects/my-project/subscriptions/vitalsink-run")
	if err := source.Check(t.Context()); err != nil {
		t.Errorf("run refuses the subscription: %v", err)
	}
	s.Publish("projects/my-project/topics/vitalsink-junction", []byte("body"), map[string]string{"event-type": "x"})
	receiver := start(t, source)
	m := receiver.next(t)
	if string(m.Data) != "body" {
		t.Errorf("received %q", m.Data)
	}
	m.Ack()
	receiver.end(t)
}
