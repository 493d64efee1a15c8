package synth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"vitalsink/schemas"
)

// worn is a population with everything that can go wrong.
func worn(users, days int) *Population {
	p := population(users, days)
	p.Duplicates, p.Disorder, p.Updates, p.Late, p.Bad = 0.1, 0.1, 0.3, 0.1, 0.1
	return p
}

func held(t *testing.T, p *Population) []Held {
	t.Helper()
	var all []Held
	for h, err := range p.Records(t.Context(), newGenerator(t, 1).catalogue) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, h)
	}
	return all
}

// TestRecordsAreTheTruth: the source holds the facts that the truth has, in the
// versions that it has.
func TestRecordsAreTheTruth(t *testing.T) {
	p, cat := worn(3, 3), newGenerator(t, 1).catalogue
	want := map[string]int{} // by table, user and version
	for i := range p.Users {
		for _, f := range p.truthOf(t.Context(), cat, i, asRows).order {
			name := f.table.Name
			if name == schemas.TimeseriesTable || slices.Equal(f.table.Key, []string{"user_id", "id"}) {
				var row struct {
					UserID    string `json:"user_id"`
					VersionAt string `json:"_version_at"`
				}
				if err := json.Unmarshal(f.row, &row); err != nil {
					t.Fatal(err)
				}
				want[name+row.UserID+row.VersionAt]++
			}
		}
	}
	keys := map[string]bool{}
	for i, h := range held(t, p) {
		if h.User.ID != p.People(cat)[i].ID {
			t.Errorf("user %d is %s", i, h.User.ID)
		}
		for _, r := range h.Records {
			if keys[r.Key] || r.UserID != h.User.ID || r.Provider == "" || r.At.IsZero() || r.Resource == "" {
				t.Errorf("a record twice, or not whole: %q %q %v", r.Key, r.Provider, r.At)
			}
			keys[r.Key] = true
			table, _, _ := strings.Cut(r.Key, "|")
			want[table+r.UserID+micros(r.Version)]--
		}
	}
	for what, n := range want {
		if n != 0 {
			t.Errorf("%s: %d facts too few", what, n)
		}
	}
	if len(keys) < 10_000 {
		t.Errorf("%d facts", len(keys))
	}
}

// TestRecordsAreAsTold: what the source holds stood in an event, byte by byte.
func TestRecordsAreAsTold(t *testing.T) {
	p, cat := worn(3, 1), newGenerator(t, 1).catalogue
	told := map[string][]byte{}
	for i := range p.Users {
		c := courier{Population: p, person: p.person(cat, i, 0)}
		for _, a := range c.deliver(0) {
			told[c.user.ID] = append(append(told[c.user.ID], a.told.body...), '\n')
		}
	}
	lone := 0
	for _, h := range held(t, p) {
		for i, r := range h.Records {
			if r.Resource == "blood_pressure" && bytes.Contains(r.Body, []byte("user_key")) {
				lone++ // was taken apart
				continue
			}
			if r.Resource != "heartrate" || i%10 == 0 { // there are many
				if !bytes.Contains(told[r.UserID], r.Body) || !bytes.Contains(told[r.UserID], r.Source) {
					t.Errorf("nobody told %s", r.Key)
				}
			}
			if (r.Source != nil) != strings.HasPrefix(r.Key, schemas.TimeseriesTable+"|") {
				t.Errorf("source of %s: %s", r.Key, r.Source)
			}
		}
	}
	if lone == 0 {
		t.Error("no blood pressure that is itself the data of its event")
	}
}

// TestRecordTimes: windows of dates select a summary by its own day.
func TestRecordTimes(t *testing.T) {
	seen := map[string]bool{}
	for _, h := range held(t, population(3, 2)) {
		for _, r := range h.Records {
			var body map[string]any
			if err := json.Unmarshal(r.Body, &body); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"calendar_date", "session_start", "period_start", "timestamp", "start", "created_at"} {
				said, ok := body[name].(string)
				if !ok {
					continue
				}
				seen[r.Resource] = true
				if at := r.At.Format(time.RFC3339); !strings.HasPrefix(at, said[:min(len(said), 19)]) {
					t.Errorf("%s: %v, %s %s", r.Resource, at, name, said)
				}
				break
			}
		}
	}
	for _, resource := range []string{"activity", "sleep", "sleep_cycle", "workouts", "body", "profile", "meal", "menstrual_cycle", "electrocardiogram", "heartrate"} {
		if !seen[resource] {
			t.Errorf("no %s with a time", resource)
		}
	}
}

func TestRecordsEndWithContext(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	n, last := 0, error(nil)
	for _, err := range population(3, 1).Records(ctx, newGenerator(t, 1).catalogue) {
		n, last = n+1, err
		stop()
	}
	if n != 2 || !errors.Is(last, context.Canceled) {
		t.Errorf("%d users, then %v", n-1, last)
	}
}

// TestStreams: every workout has a stream, always the same, with all that is
// wrong with streams somewhere.
func TestStreams(t *testing.T) {
	p := population(6, 3)
	sports, seen := map[string]bool{}, map[string]bool{}
	for _, h := range held(t, p) {
		for _, w := range h.Workouts {
			body := p.Stream(w)
			if !bytes.Equal(body, p.Stream(w)) {
				t.Fatal("asked twice, it is another stream")
			}
			var stream map[string][]*float64
			if err := json.Unmarshal(body, &stream); err != nil {
				t.Fatal(err)
			}
			points := len(stream["time"])
			if len(stream) != 11 || points < 120 || points > 720 || int64(*stream["time"][0]) != w.Start.Unix() {
				t.Errorf("%d arrays, %d points of %v", len(stream), points, w)
			}
			sports[w.Sport] = true
			for name, values := range stream {
				seen["null"] = seen["null"] || values == nil
				seen["empty"] = seen["empty"] || values != nil && len(values) == 0
				seen["shorter"] = seen["shorter"] || len(values) > 0 && len(values) < points
				seen["gap"] = seen["gap"] || slices.Contains(values, nil)
				if name == "power" && (len(values) > 0) != (w.Sport == "cycling") {
					t.Errorf("%s with power: %d", w.Sport, len(values))
				}
			}
		}
	}
	if len(sports) != 3 || !seen["null"] || !seen["empty"] || !seen["shorter"] || !seen["gap"] {
		t.Error(sports, seen)
	}
}
