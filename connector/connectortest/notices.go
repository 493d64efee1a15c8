package connectortest

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"vitalsink/connector"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// told is a message of an event about a user.
func told(t testing.TB, id, eventType, user string, at time.Time, data map[string]any) transforms.Message {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"event_type": eventType, "user_id": user, "team_id": "team", "client_user_id": "client of " + user, "data": data,
	})
	if err != nil {
		t.Fatal(err)
	}
	return transforms.NewMessage(id, eventType, at, body)
}

func pulled(t testing.TB, id, user, resource string, at time.Time) transforms.Message {
	return told(t, id, "historical.data."+resource+".created", user, at, map[string]any{
		"provider": "oura", "start_date": "2026-01-01T00:00:00Z", "end_date": "2025-06-01T12:30:00.5Z",
	})
}

func streamed(t testing.TB, id, kind, user, workout string, at time.Time) transforms.Message {
	return told(t, id, "daily.data.workout_stream."+kind, user, at, map[string]any{
		"workout_id": workout, "source": map[string]any{"provider": "garmin"},
	})
}

// answered is a row of fetches that answers a notice.
func answered(t testing.TB, id string, n connector.Notice, at time.Time, rows int) transforms.Message {
	data := map[string]any{
		"notice": n.Table, "subject": n.Subject(), "provider": n.Provider, "answered_version": n.Version,
		"outcome": "fetched", "fetched_at": at.Format(time.RFC3339Nano), "rows": rows,
	}
	if n.WorkoutID != "" {
		data["workout_id"] = n.WorkoutID
	} else {
		data["resource"], data["start_date"], data["end_date"] = n.Resource, n.Start.Format(time.RFC3339Nano), n.End.Format(time.RFC3339Nano)
	}
	return told(t, id, "vitalsink.fetched."+n.Table, n.Person.UserID, at, data)
}

// unanswered are the notices of all users, each in a few words.
func unanswered(t testing.TB, w Store) (all []connector.Notice, words []string) {
	t.Helper()
	users, err := w.UnansweredUsers(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(users) || len(slices.Compact(slices.Clone(users))) != len(users) {
		t.Errorf("users %v are not in order, each once", users)
	}
	if len(users) > 0 {
		if all, err = w.Unanswered(t.Context(), users); err != nil {
			t.Fatal(err)
		}
		rest, err := w.UnansweredUsers(t.Context(), users[0])
		if err != nil || !slices.Equal(rest, users[1:]) {
			t.Errorf("after the first of %v come %v: %v", users, rest, err)
		}
	}
	for _, n := range all {
		words = append(words, fmt.Sprint(n.Person.UserID, " ", n.Table, " ", n.Resource, n.WorkoutID))
	}
	return all, words
}

// notices: what was announced is unanswered until a fetch answered it at its
// version, of each user and kind, and again when it is announced anew.
func (s *suite) notices(t *testing.T) {
	w := s.open(t)
	want := func(what string, want ...string) []connector.Notice {
		t.Helper()
		s.fold(t, w)
		all, words := unanswered(t, w)
		if !slices.Equal(words, want) {
			t.Errorf("%s: %q, want %q", what, words, want)
		}
		return all
	}
	want("at the beginning")
	s.ingest(t, w, 1,
		pulled(t, "1", "u1", "sleep", noon), pulled(t, "2", "u1", "heartrate", noon), pulled(t, "3", "u2", "sleep", noon),
		streamed(t, "4", "created", "u2", "w1", noon), streamed(t, "5", "unavailable", "u2", "w2", noon))
	all := want("announced", "u1 historical_pulls heartrate", "u1 historical_pulls sleep", "u2 historical_pulls sleep", "u2 workout_streams w1")
	if len(all) != 4 {
		return
	}
	sleep := connector.Notice{
		Table: schemas.PullsTable, Person: connector.Person{UserID: "u1", TeamID: "team", ClientUserID: "client of u1"},
		Resource: "sleep", Provider: "oura", Version: all[1].Version,
		Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), End: time.Date(2025, 6, 1, 12, 30, 0, 500_000_000, time.UTC),
	}
	if all[1] != sleep || len(sleep.Version) != 56 || all[3].Provider != "garmin" {
		t.Errorf("notices %+v and %+v, want %+v", all[1], all[3], sleep)
	}
	s.ingest(t, w, 1, answered(t, "6", all[1], noon, 1), answered(t, "7", all[3], noon, 1))
	want("two are answered", "u1 historical_pulls heartrate", "u2 historical_pulls sleep")
	s.ingest(t, w, 1, pulled(t, "1", "u1", "sleep", noon), streamed(t, "4", "created", "u2", "w1", noon))
	want("delivered again", "u1 historical_pulls heartrate", "u2 historical_pulls sleep")
	s.ingest(t, w, 1, pulled(t, "8", "u1", "sleep", noon.Add(time.Hour)), streamed(t, "9", "updated", "u2", "w1", noon.Add(time.Hour)))
	all = want("announced anew", "u1 historical_pulls heartrate", "u1 historical_pulls sleep", "u2 historical_pulls sleep", "u2 workout_streams w1")
	for i, n := range all {
		s.ingest(t, w, 1, answered(t, fmt.Sprint("last ", i), n, noon.Add(2*time.Hour), 1))
	}
	want("all are answered")
}

// leftovers: samples of a stream that a later fetch did not bring, and no
// others; none of a fetch that brought nothing since Junction did not know it.
func (s *suite) leftovers(t *testing.T) {
	w := s.open(t)
	stream := func(id, user, workout string, at time.Time, from, to int) transforms.Message {
		var samples []map[string]any
		for i := from; i < to; i++ {
			samples = append(samples, map[string]any{"index": i, "heartrate": 90 + i})
		}
		return told(t, id, "vitalsink.data.workout_stream.fetched", user, at, map[string]any{"workout_id": workout, "data": samples})
	}
	of := func(user, workout string) connector.Notice {
		return connector.Notice{Table: schemas.StreamsTable, Person: connector.Person{UserID: user}, WorkoutID: workout}
	}
	first, second := noon.Add(time.Second/2), noon.Add(time.Hour)
	unknown := told(t, "11", "vitalsink.fetched.workout_streams", "u3", second, map[string]any{
		"notice": "workout_streams", "subject": "w1", "workout_id": "w1", "outcome": "absent", "fetched_at": second.Format(time.RFC3339Nano), "rows": 0,
	})
	s.ingest(t, w, 1,
		stream("1", "u1", "w1", first, 0, 5), answered(t, "2", of("u1", "w1"), first, 5),
		stream("3", "u1", "w2", first, 0, 3), answered(t, "4", of("u1", "w2"), first, 3),
		stream("5", "u2", "w1", first, 0, 3), answered(t, "6", of("u2", "w1"), first, 3),
		stream("7", "u3", "w1", first, 0, 2), unknown)
	s.fold(t, w)
	want := func(what string, want ...connector.Leftover) {
		t.Helper()
		got, err := w.Leftovers(t.Context(), noon)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	want("as fetched")
	s.ingest(t, w, 1,
		stream("8", "u1", "w1", second, 0, 3), answered(t, "9", of("u1", "w1"), second, 3),
		stream("10", "u2", "w1", second, 0, 4), answered(t, "12", of("u2", "w1"), second, 4))
	s.fold(t, w)
	left := []connector.Leftover{
		{UserID: "u1", WorkoutID: "w1", Index: 3, FetchedAt: second}, {UserID: "u1", WorkoutID: "w1", Index: 4, FetchedAt: second},
	}
	want("a shorter and a longer one", left...)
	var rows []map[string]any
	for _, l := range left {
		rows = append(rows, map[string]any{"user_id": l.UserID, "workout_id": l.WorkoutID, "index": l.Index})
	}
	m, err := transforms.Tombstones("13", second, s.catalogue.Table(schemas.SamplesTable), rows)
	if err != nil {
		t.Fatal(err)
	}
	s.ingest(t, w, 1, m)
	s.fold(t, w)
	want("deleted")
	if got := len(w.View(t, schemas.SamplesTable)); got != 3+3+4+2 {
		t.Errorf("%d samples are shown, want 12", got)
	}
	later, err := w.Leftovers(t.Context(), second.Add(time.Second))
	if err != nil || len(later) > 0 {
		t.Errorf("of fetches later than any: %v, %v", later, err)
	}
}

// fetchedByHand: what somebody had fetched by hand, and nothing that was
// announced, by user.
func (s *suite) fetchedByHand(t *testing.T) {
	w := s.open(t)
	by := func(id, notice, user, resource string) transforms.Message {
		n := connector.Notice{Table: notice, Person: connector.Person{UserID: user}, Resource: resource, Start: noon, End: noon.Add(time.Hour)}
		return answered(t, id, n, noon, 1)
	}
	s.ingest(t, w, 1, by("1", "command", "u1", "sleep"), by("2", "command", "u1", "hrv"), by("3", "command", "u2", "hrv"), by("4", schemas.PullsTable, "u3", "hrv"))
	s.fold(t, w)
	got, err := w.FetchedByHand(t.Context(), []string{"u1", "u3", "u4"})
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprint([]string{fmt.Sprintf("hrv//%d/%d", noon.UnixMicro(), noon.Add(time.Hour).UnixMicro()), fmt.Sprintf("sleep//%d/%d", noon.UnixMicro(), noon.Add(time.Hour).UnixMicro())})
	if len(got) != 1 || fmt.Sprint(got["u1"]) != want {
		t.Errorf("%v, want %s of u1", got, want)
	}
}
