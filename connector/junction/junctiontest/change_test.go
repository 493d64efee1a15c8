package junctiontest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vitalsink/connector/junction/junctiontest"
	"vitalsink/connector/synth"
)

// heart is a sample of a user u at a time, with a value.
func heart(at time.Time, value int) synth.Record {
	return synth.Record{
		UserID: "u", Resource: "heartrate", Provider: "oura", At: at, Key: "heart " + at.Format(time.RFC3339Nano),
		Source: json.RawMessage(`{"provider":"oura"}`), Body: json.RawMessage(fmt.Sprint(value)),
	}
}

func day(hour, minute, second, micro int) time.Time {
	return time.Date(2026, 3, 2, hour, minute, second, micro*1000, time.UTC)
}

// values are the numbers of the samples in all pages.
func (j *junction) values(query string) string {
	j.Helper()
	all, _ := j.samples("/v2/timeseries/u/heartrate/grouped" + query)
	var values []string
	for _, one := range all {
		values = append(values, one[strings.LastIndex(one, " ")+1:])
	}
	return strings.Join(values, " ")
}

func TestWindows(t *testing.T) {
	j := open(t, junctiontest.Config{PageSize: 2})
	j.AddUser(synth.User{ID: "u"})
	for i, at := range []time.Time{day(0, 0, 0, -1), day(0, 0, 0, 0), day(12, 0, 0, 0), day(23, 59, 59, 0), day(23, 59, 59, 1), day(24, 0, 0, 0)} {
		j.Put(heart(at, i))
		j.Put(synth.Record{UserID: "u", Resource: "meal", At: at, Key: fmt.Sprint(i), Body: json.RawMessage(fmt.Sprint(i))})
	}
	for query, want := range map[string]string{
		"?start_date=2026-03-02&end_date=2026-03-02":                     "1 2 3",
		"?start_date=2026-03-02":                                         "1 2 3 4 5",
		"?start_date=2026-03-02T12:00:00Z&end_date=2026-03-02T23:59:59":  "2 3",
		"?start_date=2026-03-02T13:00:00%2B01:00&end_date=2026-03-02":    "2 3",
		"?start_date=2026-03-02T23:59:59.000001&end_date=2026-03-03":     "4 5",
		"?start_date=2026-03-02&provider=oura":                           "1 2 3 4 5",
		"?start_date=2026-03-03T00:00:00Z&end_date=2026-03-03T00:00:00Z": "5",
		"?start_date=2026-03-04":                                         "",
	} {
		if got := j.values(query); got != want {
			t.Errorf("samples in %s: %s, want %s", query, got, want)
		}
		var meals struct{ Meals []int }
		j.get("/v2/summary/meal/u"+strings.TrimSuffix(query, "&provider=oura"), http.StatusOK, &meals)
		if got := strings.Trim(fmt.Sprint(meals.Meals), "[]"); got != want {
			t.Errorf("meals in %s: %s, want %s", query, got, want)
		}
	}
	if got := j.values(ever + "&provider=garmin"); got != "" {
		t.Error(got)
	}
}

// TestChangesBetweenPages: a cursor is a place. What appears after it is shown,
// what appears before it is not, and nothing is shown twice.
func TestChangesBetweenPages(t *testing.T) {
	asked := 0
	var j *junction
	j = open(t, junctiontest.Config{PageSize: 2, Before: func(*http.Request) {
		if asked++; asked == 2 {
			j.Put(heart(day(0, 0, 0, 0), 90), heart(day(9, 0, 0, 0), 91), heart(day(4, 0, 0, 0), 92))
			j.Remove("heart " + day(2, 0, 0, 0).Format(time.RFC3339Nano)) // the last that was shown
		}
	}})
	j.AddUser(synth.User{ID: "u"})
	for hour := 1; hour <= 4; hour++ {
		j.Put(heart(day(hour, 0, 0, 0), hour))
	}
	if got := j.values(ever); got != "1 2 3 92 91" {
		t.Error(got)
	}
	if got := j.values(ever); got != "90 1 3 92 91" {
		t.Error(got)
	}
}

// TestSameTime: samples of one time are paged by key.
func TestSameTime(t *testing.T) {
	j := open(t, junctiontest.Config{PageSize: 1})
	j.AddUser(synth.User{ID: "u"})
	for i, key := range []string{"a", "ab", "b"} {
		r := heart(day(1, 0, 0, 0), i)
		r.Key = key
		j.Put(r)
	}
	if got := j.values(ever); got != "0 1 2" {
		t.Error(got)
	}
}

func TestStreamsComeAndGo(t *testing.T) {
	j := open(t, junctiontest.Config{})
	path := "/v2/timeseries/workouts/w/stream"
	j.SetStream("u", "w", json.RawMessage(`{"time":[1]}`))
	j.get(path, http.StatusNotFound, nil) // nobody's
	j.AddUser(synth.User{ID: "u"})
	j.get(path, http.StatusOK, nil)
	j.SetStream("u", "w", nil)
	j.get(path, http.StatusNotFound, nil)
}

// TestDisagree: what Fill says is different is, and nothing else.
func TestDisagree(t *testing.T) {
	j, all, d := filled(t, 1, junctiontest.Config{Disagree: junctiontest.Disagree{Missing: 0.1, Changed: 0.1, Extra: 0.1}})
	held, n := map[string]int{}, 0
	for _, h := range all {
		for _, r := range of(h, "heartrate") {
			held[text(r.Provider, r.Source, r.Body)]++
		}
		n += len(h.Records)
		got, _ := j.samples("/v2/timeseries/" + h.User.ID + "/heartrate/grouped" + ever)
		for _, one := range got {
			held[one]--
		}
	}
	lacking, surplus := 0, 0
	for _, n := range held {
		lacking, surplus = lacking+max(0, n), surplus+max(0, -n)
	}
	count := func(keys []string) (n int) {
		for _, key := range keys {
			if strings.Contains(key, "|heartrate|") {
				n++
			}
		}
		return n
	}
	missing, changed, extra := count(d.Missing), count(d.Changed), count(d.Extra)
	if lacking != missing+changed || surplus != changed+extra {
		t.Errorf("%d missing, %d changed, %d extra: %d lack, %d are too many", missing, changed, extra, lacking, surplus)
	}
	for what, keys := range map[string][]string{"missing": d.Missing, "changed": d.Changed, "extra": d.Extra} {
		if share := float64(len(keys)) / float64(n); share < 0.08 || share > 0.12 {
			t.Errorf("%s: %.3f of the records", what, share)
		}
		kinds := map[string]bool{}
		for _, key := range keys {
			table, _, _ := strings.Cut(key, "|")
			kinds[table] = true
		}
		if len(kinds) < 4 {
			t.Errorf("%s: only %v", what, kinds)
		}
		if slices.Sort(keys); len(slices.Compact(keys)) != len(keys) {
			t.Errorf("%s: a key twice", what)
		}
	}
}

// TestEverythingChanges: there is no kind of record that a change leaves as it
// was.
func TestEverythingChanges(t *testing.T) {
	_, all, d := filled(t, 1, junctiontest.Config{Disagree: junctiontest.Disagree{Changed: 1}})
	changed := map[string]bool{}
	for _, key := range d.Changed {
		changed[key] = true
	}
	for _, h := range all {
		for _, r := range h.Records {
			if !changed[r.Key] {
				t.Errorf("%s was not changed", r.Key)
			}
		}
	}
}

func TestIntrospection(t *testing.T) {
	j, all, _ := filled(t, 1, junctiontest.Config{})
	type answer struct {
		Data []struct {
			UserID   string `json:"user_id"`
			Provider map[string]json.RawMessage
		}
		NextCursor *string `json:"next_cursor"`
	}
	var users []string
	sent := 0
	for more, cursor := true, ""; more; {
		var got answer
		j.get("/v2/introspect/resources?user_limit=2"+cursor, http.StatusOK, &got)
		for _, one := range got.Data {
			users = append(users, one.UserID)
			for _, raw := range one.Provider {
				var resources map[string]struct {
					Oldest, Newest time.Time
					SentCount      int `json:"sent_count"`
				}
				if err := json.Unmarshal(raw, &resources); err != nil {
					t.Fatal(err)
				}
				for _, r := range resources {
					sent += r.SentCount
				}
			}
		}
		if more = got.NextCursor != nil; more {
			cursor = "&next_cursor=" + url.QueryEscape(*got.NextCursor)
		}
	}
	want := 0
	for i, h := range all {
		want += len(h.Records) - len(of(h, "devices"))
		if users[i] != h.User.ID {
			t.Errorf("user %d is %s", i, users[i])
		}
	}
	if sent != want {
		t.Errorf("%d objects sent, want %d", sent, want)
	}
	u := all[0].User
	j.SetPull(u.ID, u.Providers[0].Slug, "heartrate", junctiontest.Pull{Status: "failure", Start: day(0, 0, 0, 0), Error: "gone"})
	var got answer
	j.get("/v2/introspect/historical_pull?user_id="+u.ID+"&provider="+u.Providers[0].Slug, http.StatusOK, &got)
	var pulls struct {
		Pulled map[string]struct {
			Status string
			Start  time.Time `json:"range_start"`
		}
	}
	if len(got.Data) != 1 || len(got.Data[0].Provider) != 1 {
		t.Fatal(got)
	}
	if err := json.Unmarshal(got.Data[0].Provider[u.Providers[0].Slug], &pulls); err != nil {
		t.Fatal(err)
	}
	if p := pulls.Pulled["heartrate"]; p.Status != "failure" || !p.Start.Equal(day(0, 0, 0, 0)) || pulls.Pulled["steps"].Status != "success" {
		t.Error(pulls)
	}
}

// TestManyAtOnce is for the race detector.
func TestManyAtOnce(t *testing.T) {
	j := open(t, junctiontest.Config{PageSize: 7})
	j.AddUser(synth.User{ID: "u", Providers: []synth.Provider{{Slug: "oura"}}})
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := range 20 {
				at := day(worker, i, 0, 0)
				j.Put(heart(at, i))
				j.AddUser(synth.User{ID: fmt.Sprint(worker), Providers: []synth.Provider{{Slug: "oura"}}})
				j.SetPull("u", "oura", "heartrate", junctiontest.Pull{})
				for _, path := range []string{"/v2/timeseries/u/heartrate/grouped" + ever, "/v2/user", "/v2/introspect/historical_pull", "/v2/user/providers/u"} {
					if response, _, err := j.ask(path); err != nil || response.StatusCode != http.StatusOK {
						t.Error(path, response, err)
					}
				}
				if i%2 == 0 {
					j.Remove(heart(at, i).Key)
				}
			}
		})
	}
	all.Wait()
	if got, _ := j.samples("/v2/timeseries/u/heartrate/grouped" + ever); len(got) != 40 {
		t.Errorf("%d samples", len(got))
	}
}
