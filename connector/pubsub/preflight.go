package pubsub

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"vitalsink/connector"
)

const (
	// consuming and looking are the permissions that a Source needs.
	consuming = "pubsub.subscriptions.consume"
	looking   = "pubsub.subscriptions.get"
	// leastRetention is for how long an outage may last without loss, and what
	// Pub/Sub keeps unless told.
	leastRetention = 7 * 24 * time.Hour
	// leastDeadline is what a message that has just been sent may need until it
	// is in hand, and its lease is prolonged.
	leastDeadline = 30 * time.Second
	// leastAttempts is how often a message may come again before it is a dead
	// letter: each death of a receiver is one.
	leastAttempts = 100
	// deletedTopic is the topic of a subscription whose own was deleted
	// (https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions).
	deletedTopic = "_deleted-topic_"
)

// Inspect looks at everything about the subscription that receiving needs, and
// at settings that hurt. It changes nothing and receives nothing. With
// allowOrdering what Check calls ErrOrdering only warns.
func (s *Source) Inspect(ctx context.Context, allowOrdering bool) connector.Checks {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	found := connector.Checks{}
	project, name := s.client.Project(), path.Base(s.subscription)
	s.inspectRights(ctx, &found)
	sub, err := s.look(ctx)
	switch {
	case err == nil:
		inspectSettings(&found, sub, project, name, allowOrdering)
		found.Well("subscription", s.subscription)
	case errors.Is(err, ErrNoSubscription):
		found.Found(connector.Failed, "subscription", "--source", s.subscription, "there is no such subscription",
			fmt.Sprintf("gcloud pubsub subscriptions create %s --topic TOPIC --project %s --ack-deadline 60 --expiration-period never", name, project))
	case errors.Is(err, ErrOutOfReach):
		found.Found(connector.Unseen, "subscription", "--source", s.subscription, "Pub/Sub does not answer", outOfReach)
	case status.Code(err) == codes.PermissionDenied:
		s.lacks(&found, looking)
		found.Found(connector.Skipped, "subscription", "--source", s.subscription, "its settings may not be looked at", "")
	default:
		found.Found(connector.Unseen, "subscription", "--source", s.subscription, "Pub/Sub answers "+status.Code(err).String(), outOfReach)
	}
	return found
}

const outOfReach = "look at the network, at PUBSUB_EMULATOR_HOST if it is set, and at Google's status page; then check again"

// rightsName is the name of the check of permissions.
const rightsName = "subscription rights"

func (s *Source) inspectRights(ctx context.Context, found *connector.Checks) {
	wanted := []string{consuming, looking}
	has, err := s.client.SubscriptionAdminClient.TestIamPermissions(ctx, &iampb.TestIamPermissionsRequest{Resource: s.subscription, Permissions: wanted})
	switch {
	case status.Code(err) == codes.Unimplemented:
		found.Found(connector.Skipped, rightsName, "", "", "the emulator lets everybody do all", "")
	case err == nil: // else the look at the subscription says why
		for _, permission := range wanted {
			if !slices.Contains(has.Permissions, permission) {
				s.lacks(found, permission)
			}
		}
		found.Well(rightsName, strings.Join(wanted, ", "))
	}
}

// lacks adds a permission that is missing, once.
func (s *Source) lacks(found *connector.Checks, permission string) {
	if slices.ContainsFunc(*found, func(c connector.Check) bool { return c.Field == permission }) {
		return
	}
	why, role := "without it nothing can be received", "roles/pubsub.subscriber"
	if permission == looking {
		why, role = "without it the start cannot look at the subscription", "roles/pubsub.viewer"
	}
	found.Found(connector.Failed, rightsName, permission, "missing", why,
		fmt.Sprintf("gcloud pubsub subscriptions add-iam-policy-binding %s --project %s --role %s --member serviceAccount:ACCOUNT", path.Base(s.subscription), s.client.Project(), role))
}

// setting is one of a subscription that is not as it should be.
type setting struct {
	is                        bool
	status                    connector.Status
	field, value, why, remedy string
}

// inspectSettings judges the settings of a subscription.
func inspectSettings(found *connector.Checks, sub *pubsubpb.Subscription, project, name string, allowOrdering bool) {
	update := func(flags string) string {
		return fmt.Sprintf("gcloud pubsub subscriptions update %s --project %s %s", name, project, flags)
	}
	anew := func(without string) string {
		return fmt.Sprintf("it cannot be changed: create another subscription %s, and name it with --source", without)
	}
	slow := connector.Failed
	if allowOrdering {
		slow = connector.Warning
	}
	deadline := time.Duration(sub.AckDeadlineSeconds) * time.Second
	retention := leastRetention // unless it says another
	if d := sub.MessageRetentionDuration.AsDuration(); d > 0 {
		retention = d
	}
	expires := 31 * 24 * time.Hour // without a policy
	if sub.ExpirationPolicy != nil {
		expires = sub.ExpirationPolicy.Ttl.AsDuration() // 0 for never
	}
	letters := sub.DeadLetterPolicy
	pushes := sub.PushConfig.GetPushEndpoint() != "" || sub.BigqueryConfig != nil || sub.CloudStorageConfig != nil
	for _, s := range []setting{
		{sub.Topic == deletedTopic, connector.Failed, "topic", sub.Topic, "its topic was deleted: nothing will come any more",
			"gcloud pubsub subscriptions create NAME --topic TOPIC --project " + project + ", and name it with --source"},
		{sub.Detached, connector.Failed, "detached", "true", "it was detached from its topic: nothing will come any more",
			"gcloud pubsub subscriptions create NAME --topic TOPIC --project " + project + ", and name it with --source"},
		{pushes, connector.Failed, "delivery", "push or export", "its messages are sent elsewhere, and cannot be pulled", update("--push-endpoint=''")},
		{sub.EnableMessageOrdering, slow, "ordering", "true", orderingHurts, anew("without --enable-message-ordering") + ", or insist with --allow-ordering"},
		{sub.EnableExactlyOnceDelivery, slow, "exactly-once", "true", onceHurts, update("--no-enable-exactly-once-delivery") + ", or insist with --allow-ordering"},
		{sub.Filter != "", connector.Warning, "filter", sub.Filter, "messages that it leaves out are lost to the tables", anew("without --message-filter, unless it is meant")},
		{deadline < leastDeadline, connector.Warning, "ack-deadline", deadline.String(), "messages are delivered twice when a receiver is slow for so long", update("--ack-deadline 60")},
		{retention < leastRetention, connector.Warning, "retention", retention.String(), "an outage that is longer loses messages", update("--message-retention-duration 7d")},
		{expires > 0, connector.Warning, "expiration", expires.String(), "it is deleted when nobody receives for so long", update("--expiration-period never")},
		{letters == nil, connector.Warning, "dead-letter topic", "none", "a message that can never be landed comes again for ever",
			update("--dead-letter-topic TOPIC --max-delivery-attempts 100")},
		{letters != nil && letters.MaxDeliveryAttempts < leastAttempts, connector.Warning, "dead-letter attempts", fmt.Sprint(letters.GetMaxDeliveryAttempts()),
			"each death of a receiver counts: good messages become dead letters", update("--max-delivery-attempts 100")},
	} {
		if s.is {
			found.Found(s.status, "subscription", s.field, s.value, s.why, s.remedy)
		}
	}
}

// Inspect looks at whether publishing will work, as Check does.
func (t *Topic) Inspect(ctx context.Context) connector.Checks {
	found := connector.Checks{}
	project, name := t.client.Project(), path.Base(t.name)
	switch err := t.Check(ctx); {
	case err == nil:
		found.Well("topic", strings.Join([]string{t.name, publishing}, ", "))
	case errors.Is(err, ErrNoTopic):
		found.Found(connector.Failed, "topic", "--topic", t.name, "there is no such topic", fmt.Sprintf("gcloud pubsub topics create %s --project %s", name, project))
	case errors.Is(err, ErrNotAllowed):
		found.Found(connector.Failed, "topic", publishing, "missing", "without it nothing can be published",
			fmt.Sprintf("gcloud pubsub topics add-iam-policy-binding %s --project %s --role roles/pubsub.publisher --member serviceAccount:ACCOUNT", name, project))
	default:
		found.Found(connector.Unseen, "topic", "--topic", t.name, "Pub/Sub does not answer", outOfReach)
	}
	return found
}
