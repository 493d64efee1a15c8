package terraformtest

import (
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/protobuf/types/known/durationpb"
)

type topic struct {
	Project   string `json:"project"`
	Name      string `json:"name"`
	Retention string `json:"message_retention_duration"`
}

type subscription struct {
	Project   string `json:"project"`
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

// PubSub are the topics and subscriptions that are planned, as Pub/Sub is asked
// to make them.
func PubSub(t testing.TB, planned []Resource) (topics []*pubsubpb.Topic, subscriptions []*pubsubpb.Subscription) {
	t.Helper()
	for _, r := range planned {
		switch r.Type {
		case "google_pubsub_topic":
			var p topic
			r.Into(t, &p)
			topics = append(topics, &pubsubpb.Topic{
				Name: "projects/" + p.Project + "/topics/" + p.Name, MessageRetentionDuration: duration(t, p.Retention),
			})
		case "google_pubsub_subscription":
			var p subscription
			r.Into(t, &p)
			subscriptions = append(subscriptions, p.proto(t))
		}
	}
	return topics, subscriptions
}

func (p subscription) proto(t testing.TB) *pubsubpb.Subscription {
	t.Helper()
	sub := &pubsubpb.Subscription{
		Name: "projects/" + p.Project + "/subscriptions/" + p.Name, Topic: p.Topic, AckDeadlineSeconds: p.Deadline, Filter: p.Filter,
		MessageRetentionDuration: kept(duration(t, p.Retention)), EnableMessageOrdering: p.Ordering, EnableExactlyOnceDelivery: p.Once,
	}
	for _, retry := range p.Retry {
		sub.RetryPolicy = &pubsubpb.RetryPolicy{MinimumBackoff: duration(t, retry.Least), MaximumBackoff: duration(t, retry.Most)}
	}
	for _, dead := range p.DeadLetter {
		sub.DeadLetterPolicy = &pubsubpb.DeadLetterPolicy{DeadLetterTopic: dead.Topic, MaxDeliveryAttempts: dead.Attempts}
	}
	return sub
}

// duration is one as Terraform writes it; nil for none.
func duration(t testing.TB, text string) *durationpb.Duration {
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
