package junction_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"vitalsink/connector"
	"vitalsink/connector/connectortest"
	"vitalsink/connector/junction"
	"vitalsink/connector/junction/junctiontest"
	"vitalsink/connector/synth"
	"vitalsink/schemas"
)

// people are three, in three days of whom there is every resource.
func people() *synth.Population {
	return &synth.Population{Users: 3, Days: 3, Seed: 1, Start: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), Updates: 0.2}
}

// standIn is a filled server, a client of it, and what it holds.
func standIn(t testing.TB, cfg junctiontest.Config) (*junctiontest.Server, *junction.Client, []synth.Held) {
	t.Helper()
	cfg.Key = secretKey
	s := junctiontest.New(cfg)
	t.Cleanup(s.Close)
	if _, err := s.Fill(t.Context(), people(), catalogue()); err != nil {
		t.Fatal(err)
	}
	var all []synth.Held
	for h, err := range people().Records(t.Context(), catalogue()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, h)
	}
	return s, client(t, s.URL), all
}

// asked are the queries of a resource that together bring all that is held.
func asked(t testing.TB, e schemas.Endpoint, all []synth.Held) (queries []*connector.Query) {
	t.Helper()
	for _, h := range all {
		q := query(t, e.Resource)
		q.Person = connector.Person{UserID: h.User.ID, TeamID: h.User.TeamID, ClientUserID: h.User.ClientUserID}
		if e.Form != schemas.FormColumns {
			queries = append(queries, q)
			continue
		}
		for _, w := range h.Workouts {
			of := *q
			of.WorkoutID = w.ID
			queries = append(queries, &of)
		}
	}
	return queries
}

// TestEveryEndpoint: of every resource each fact that Junction holds becomes one
// row, once, in small pages and large ones, whatever goes wrong on the way.
func TestEveryEndpoint(t *testing.T) {
	connectortest.Long(t)
	_, c, held := standIn(t, junctiontest.Config{PageSize: 2000})
	s, bad, _ := standIn(t, junctiontest.Config{PageSize: 50, Faults: junctiontest.Faults{
		TooMany: 0.05, Unavailable: 0.05, Broken: 0.05, Malformed: 0.05, Cut: 0.05, Slow: 0.05, SlowFor: time.Microsecond, InARow: 5,
	}})
	counts := map[string]int{}
	endpoints := catalogue().Endpoints()
	for _, e := range endpoints {
		for _, q := range asked(t, e, held) {
			good, spoilt := must(t, c, q), must(t, bad, q)
			facts := factsOf(t, good)
			counts[e.Resource] += len(facts)
			sameKeys(t, q, facts, held)
			if twice := factsOf(t, spoilt); !slices.Equal(facts, compact(twice)) || spoilt.Rows != good.Rows {
				t.Errorf("%s: %d facts with faults, %d without; %d and %d rows said", e.Resource, len(compact(twice)), len(facts), spoilt.Rows, good.Rows)
			}
		}
	}
	report(t, endpoints, counts)
	for _, f := range []junctiontest.Fault{junctiontest.TooMany, junctiontest.Unavailable, junctiontest.Broken, junctiontest.Malformed, junctiontest.Cut, junctiontest.Slow} {
		if s.Met(f) == 0 {
			t.Errorf("no request met the fault %q", f)
		}
	}
}

// fact is a row's key, and all that it says.
type fact struct{ key, text string }

// factsOf are those of a fetch, sorted. Its count of rows is right for what
// came without faults.
func factsOf(t testing.TB, f fetched) []fact {
	t.Helper()
	var facts []fact
	for _, r := range rowsOf(t, f.messages) {
		facts = append(facts, fact{r.key(), r.fact()})
	}
	if f.Requests == 1 && f.Rows != len(facts) {
		t.Errorf("%d rows are said to be %d", len(facts), f.Rows)
	}
	sum := 0
	for _, n := range f.rows {
		sum += n
	}
	if sum != len(facts) {
		t.Errorf("take heard of %d rows, there are %d", sum, len(facts))
	}
	slices.SortFunc(facts, func(a, b fact) int { return cmp.Or(strings.Compare(a.key, b.key), strings.Compare(a.text, b.text)) })
	return facts
}

// compact leaves one of those that came again, after a page broke off.
func compact(facts []fact) []fact { return slices.Compact(facts) }

// sameKeys compares facts with what is held.
func sameKeys(t testing.TB, q *connector.Query, facts []fact, held []synth.Held) {
	t.Helper()
	var got, want []string
	for _, f := range facts {
		got = append(got, f.key)
	}
	switch q.Endpoint.Resource {
	case "workout_stream":
		for i := range got {
			want = append(want, fmt.Sprintf("workout_stream_samples|%s|%s|%d", q.Person.UserID, q.WorkoutID, i))
		}
	case "profile": // the API has the newest only
		if len(got) != 1 {
			t.Errorf("%d profiles", len(got))
		}
		return
	default:
		want = keysOf(q, held)
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: %d rows, want %d", q.Endpoint.Resource, len(got), len(want))
	}
}

// keysOf are those of the records that a query asks for.
func keysOf(q *connector.Query, held []synth.Held) (keys []string) {
	resource := q.Endpoint.Resource
	if resource == "device" {
		resource = "devices"
	}
	for _, h := range held {
		for _, r := range h.Records {
			if r.UserID == q.Person.UserID && r.Resource == resource {
				keys = append(keys, r.Key)
			}
		}
	}
	return keys
}

// report is a table of what was found.
func report(t testing.TB, endpoints []schemas.Endpoint, counts map[string]int) {
	t.Helper()
	var b strings.Builder
	for _, e := range endpoints {
		fmt.Fprintf(&b, "%-32s %-64s %6d\n", e.Resource, e.Path, counts[e.Resource])
		if counts[e.Resource] == 0 {
			t.Errorf("%s: no rows", e.Resource)
		}
	}
	t.Logf("resource | path | rows\n%s", b.String())
	if len(endpoints) != 9+51+2 {
		t.Errorf("%d endpoints", len(endpoints))
	}
}
