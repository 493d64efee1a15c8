package pubsub

import (
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/protobuf/types/known/durationpb"

	"vitalsink/connector/terraformtest"
)

type plannedTopic struct {
	Name      string `json:"name"`
	Retention string `json:"message_retention_duration"`
}

type plannedSubscription struct {
	Name      string `json:"name"`
	Topic     string `json:"topic"`
	Deadline  int32  `json:"ack_deadline_seconds"`
	Retention string `json:"message_retention_duration"`
	Ordering  bool   `json:"enable_message_ordering"`
	Once      bool   `json:"enable_exactly_once_delivery"`
	Filter    string `json:"filter"`
	Retry     []struct {
		Least string `json:"minimum_backoff"`
		Most  string `json:"maximum_backoff"`
	} `json:"retry_policy"`
	DeadLetter []struct {
		Topic    string `json:"dead_letter_topic"`
		Attempts int32  `json:"max_delivery_attempts"`
	} `json:"dead_letter_policy"`
}

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
	made := map[string]bool{}
	for _, r := range planned {
		if r.Type != "google_pubsub_topic" {
			continue
		}
		var p plannedTopic
		r.Into(t, &p)
		name := "projects/my-project/topics/" + p.Name
		if _, err := s.GServer.CreateTopic(t.Context(), &pubsubpb.Topic{Name: name, MessageRetentionDuration: duration(t, p.Retention)}); err != nil {
			t.Fatalf("%s: %v", r.Address, err)
		}
		made[name] = true
	}
	for _, r := range planned {
		if r.Type != "google_pubsub_subscription" {
			continue
		}
		var p plannedSubscription
		r.Into(t, &p)
		sub := &pubsubpb.Subscription{
			Name: "projects/my-project/subscriptions/" + p.Name, Topic: p.Topic, AckDeadlineSeconds: p.Deadline, Filter: p.Filter,
			MessageRetentionDuration: kept(duration(t, p.Retention)), EnableMessageOrdering: p.Ordering, EnableExactlyOnceDelivery: p.Once,
		}
		for _, retry := range p.Retry {
			sub.RetryPolicy = &pubsubpb.RetryPolicy{MinimumBackoff: duration(t, retry.Least), MaximumBackoff: duration(t, retry.Most)}
		}
		for _, dead := range p.DeadLetter {
			if !made[dead.Topic] {
				t.Errorf("%s: there is no topic %s", r.Address, dead.Topic)
			}
			sub.DeadLetterPolicy = &pubsubpb.DeadLetterPolicy{DeadLetterTopic: dead.Topic, MaxDeliveryAttempts: dead.Attempts}
		}
		if _, err := s.GServer.CreateSubscription(t.Context(), sub); err != nil {
			t.Fatalf("%s: %v", r.Address, err)
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

// duration is one as Terraform writes it; nil for none.
func duration(t *testing.T, text string) *durationpb.Duration {
	t.Helper()
	if text == "" {
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return durationpb.New(d)
}

// kept is a retention that pstest takes: it does not know yet that Pub/Sub keeps
// what is not acknowledged for up to 31 days.
func kept(d *durationpb.Duration) *durationpb.Duration {
	return durationpb.New(min(d.AsDuration(), 7*24*time.Hour))
}
