package backfill

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"vitalsink/connector"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// Outcomes of a fetch, and what it was about if no notice asked for it.
const (
	fetched  = "fetched"
	empty    = "empty"
	absent   = "absent"
	outside  = "outside"
	recorded = "recorded"

	streamOfWorkout = "workouts"
	byHand          = "command"
)

func outcomeOf(a connector.Answer) string {
	switch {
	case a.Absent:
		return absent
	case a.Began.IsZero():
		return outside // nobody was asked
	case a.Rows == 0:
		return empty
	}
	return fetched
}

// record is a row of fetches.
type record struct {
	person             connector.Person
	notice, subject    string
	resource, provider string
	workout            string
	start, end         time.Time // as announced
	version            string    // that is answered
	answer             connector.Answer
	outcome            string
	pull               *connector.Pull   // what introspection says, if it was asked
	of                 *connector.Notice // that is answered; nil if none asked
}

// recordOf is the answer to a notice.
func recordOf(n *connector.Notice, r record) *record {
	r.of, r.notice, r.subject, r.version = n, n.Table, n.Subject(), n.Version
	r.provider, r.workout, r.start, r.end = n.Provider, n.WorkoutID, n.Start, n.End
	if n.Resource != "" {
		r.resource = n.Resource // as announced: the notice is found by it
	}
	return &r
}

// publishRecord makes a row of fetches safe.
func (b *Backfill) publishRecord(ctx context.Context, r *record) error {
	data := map[string]any{
		"notice": r.notice, "subject": r.subject, "resource": r.resource, "outcome": r.outcome,
		"rows": r.answer.Rows, "requests": r.answer.Requests,
	}
	for name, text := range map[string]string{
		"provider": r.provider, "workout_id": r.workout, "answered_version": r.version,
	} {
		if text != "" {
			data[name] = text
		}
	}
	times := map[string]time.Time{"start_date": r.start, "end_date": r.end, "fetched_at": r.answer.Began}
	if r.pull != nil {
		data["pull_status"] = r.pull.Status
		times["pull_start"], times["pull_end"] = r.pull.Start, r.pull.End
	}
	for name, at := range times {
		if !at.IsZero() {
			data[name] = at.UTC().Format(time.RFC3339Nano)
		}
	}
	eventType := "vitalsink.fetched." + r.notice
	body, err := json.Marshal(map[string]any{
		"event_type": eventType, "user_id": r.person.UserID, "team_id": r.person.TeamID, "client_user_id": r.person.ClientUserID, "data": data,
	})
	if err != nil {
		return fmt.Errorf("write a record of a fetch: %w", err)
	}
	m := transforms.NewMessage(uuid.NewString(), eventType, time.Now().UTC().Truncate(time.Microsecond), body)
	if err := b.publish(ctx, &m); err != nil || r.of == nil {
		return err
	}
	if r.notice == byHand {
		return nil
	}
	b.mu.Lock()
	b.answered[keyOf(r.of)] = r.version
	b.mu.Unlock()
	b.tally.add(func(sum *Result) { sum.Answered++ })
	return nil
}

// publish makes a message of our own safe.
func (b *Backfill) publish(ctx context.Context, m *transforms.Message) error {
	s := b.outlet.Begin(ctx)
	err := s.Take(m, 1)
	if publishErr := s.Wait(); publishErr != nil {
		err = publishErr
	}
	return err
}

// wasAnswered tells whether this process answered a notice at this version.
func (b *Backfill) wasAnswered(n *connector.Notice) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := keyOf(n)
	if b.before[key] == n.Version {
		b.answered[key] = n.Version
	}
	return b.answered[key] == n.Version
}

// isStream tells whether a notice is about what no subscription delivers.
func isStream(n *connector.Notice) bool {
	return n.Table == schemas.StreamsTable || n.Resource == streamResource
}
