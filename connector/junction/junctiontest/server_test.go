package junctiontest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vitalsink/connector/junction/junctiontest"
	"vitalsink/connector/synth"
	"vitalsink/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type object = map[string]any

// junction is a Server with a client.
type junction struct {
	testing.TB
	*junctiontest.Server
	client *http.Client
}

func open(t testing.TB, cfg junctiontest.Config) *junction {
	t.Helper()
	j := &junction{t, junctiontest.New(cfg), &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(func() { j.client.CloseIdleConnections(); j.Close() })
	return j
}

func catalogue(t testing.TB) *schemas.Catalogue {
	t.Helper()
	cat, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	return cat
}

// days of three people: in three there is every series.
func days(n int) *synth.Population {
	return &synth.Population{Users: 3, Days: n, Seed: 1, Start: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), Updates: 0.2, Bad: 0.05}
}

// filled is a Server with some days, what the population holds, by user, and
// what is different.
func filled(t testing.TB, n int, cfg junctiontest.Config) (*junction, []synth.Held, junctiontest.Difference) {
	t.Helper()
	j, cat := open(t, cfg), catalogue(t)
	difference, err := j.Fill(t.Context(), days(n), cat)
	if err != nil {
		t.Fatal(err)
	}
	var all []synth.Held
	for h, err := range days(n).Records(t.Context(), cat) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, h)
	}
	return j, all, difference
}

// ask is one request, and its answer in full.
func (j *junction) ask(path string) (*http.Response, []byte, error) {
	r, err := http.NewRequestWithContext(j.Context(), http.MethodGet, j.URL+path, nil)
	if err != nil {
		j.Fatal(err)
	}
	r.Header.Set("X-Vital-API-Key", j.Key)
	response, err := j.client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response, body, err
}

// get wants a status, and reads the answer if it is 200.
func (j *junction) get(path string, status int, into any) {
	j.Helper()
	response, body, err := j.ask(path)
	if err != nil {
		j.Fatal(err)
	}
	if response.StatusCode != status {
		j.Fatalf("%s: %s %.200s, want %d", path, response.Status, body, status)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(body, into); err != nil {
		j.Fatalf("%s: %v", path, err)
	}
}

type page struct {
	Groups map[string][]struct {
		Source json.RawMessage
		Data   []json.RawMessage
	}
	Next       *string
	NextCursor *string `json:"next_cursor"`
}

// samples walks all pages: each sample as provider, source and text.
func (j *junction) samples(path string) (all []string, pages int) {
	j.Helper()
	for more, cursor := true, ""; more; {
		var p page
		j.get(path+cursor, http.StatusOK, &p)
		for provider, groups := range p.Groups {
			for _, g := range groups {
				for _, sample := range g.Data {
					all = append(all, text(provider, g.Source, sample))
				}
			}
		}
		pages++
		if more = p.NextCursor != nil; more {
			cursor = "&next_cursor=" + url.QueryEscape(*p.NextCursor)
		}
	}
	return all, pages
}

func text(provider string, source, body json.RawMessage) string {
	return fmt.Sprintf("%s %s %s", provider, source, body)
}

// of are the records of a resource.
func of(h synth.Held, resource string) []synth.Record {
	return slices.DeleteFunc(slices.Clone(h.Records), func(r synth.Record) bool { return r.Resource != resource })
}

const ever = "?start_date=2020-01-01"

// paths are the timeseries whose path is not their name in events.
var paths = map[string]string{"weight": "body_weight", "fat": "body_fat"}

// TestEverySample: pages of any size have every sample of the catalogue's
// series once, as the events have it.
func TestEverySample(t *testing.T) {
	j, all, _ := filled(t, 3, junctiontest.Config{PageSize: 100})
	for _, resource := range catalogue(t).Table(schemas.TimeseriesTable).Resources {
		path := resource.Name
		if paths[path] != "" {
			path = paths[path]
		}
		for _, h := range all {
			var want []string
			for _, r := range of(h, resource.Name) {
				want = append(want, text(r.Provider, r.Source, r.Body))
			}
			got, pages := j.samples("/v2/timeseries/" + h.User.ID + "/" + path + "/grouped" + ever)
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s: %d samples, want %d", path, len(got), len(want))
			}
			if need := max(1, (len(want)+99)/100); pages != need {
				t.Errorf("%s: %d pages for %d samples", path, pages, len(want))
			}
		}
	}
}

func TestEverySummary(t *testing.T) {
	j, all, _ := filled(t, 1, junctiontest.Config{})
	for resource, list := range map[string]string{
		"activity": "activity", "sleep": "sleep", "sleep_cycle": "sleep_cycle", "workouts": "workouts", "body": "body",
		"meal": "meals", "menstrual_cycle": "menstrual_cycle", "electrocardiogram": "electrocardiogram",
	} {
		found := 0
		for _, h := range all {
			var got map[string][]json.RawMessage
			j.get("/v2/summary/"+resource+"/"+h.User.ID+ever, http.StatusOK, &got)
			var want, have []string
			for _, r := range of(h, resource) {
				want = append(want, string(r.Body))
			}
			for _, body := range got[list] {
				have = append(have, string(body))
			}
			slices.Sort(want)
			slices.Sort(have)
			if got[list] == nil || !slices.Equal(have, want) {
				t.Errorf("%s: %d, want %d", resource, len(have), len(want))
			}
			found += len(want)
		}
		if found == 0 {
			t.Errorf("nobody has %s", resource)
		}
	}
}

// TestPeople: users, profiles, devices, connections and streams have their
// shapes.
func TestPeople(t *testing.T) {
	j, all, _ := filled(t, 1, junctiontest.Config{})
	var users struct {
		Users                []object
		Total, Offset, Limit int
	}
	j.get("/v2/user?offset=1&limit=1", http.StatusOK, &users)
	if len(users.Users) != 1 || users.Total != 3 || users.Offset != 1 || users.Limit != 1 || users.Users[0]["user_id"] != all[1].User.ID {
		t.Error(users)
	}
	for _, h := range all {
		id := h.User.ID
		var user, profile object
		j.get("/v2/user/"+id, http.StatusOK, &user)
		if user["client_user_id"] != h.User.ClientUserID || user["team_id"] != h.User.TeamID {
			t.Error(user)
		}
		if len(of(h, "profile")) > 0 {
			j.get("/v2/summary/profile/"+id, http.StatusOK, &profile)
		}
		if len(of(h, "profile")) > 0 && profile["user_id"] != id {
			t.Error(profile)
		}
		var devices []object
		j.get("/v2/user/"+id+"/device", http.StatusOK, &devices)
		if want := len(of(h, "devices")); len(devices) != want || want == 0 {
			t.Errorf("%d devices, want %d", len(devices), want)
		}
		var connected struct{ Providers []object }
		j.get("/v2/user/providers/"+id, http.StatusOK, &connected)
		if len(connected.Providers) != len(h.User.Providers) || connected.Providers[0]["status"] != "connected" {
			t.Error(connected)
		}
		for _, w := range h.Workouts {
			var stream map[string][]*float64
			j.get("/v2/timeseries/workouts/"+w.ID+"/stream", http.StatusOK, &stream)
			if len(stream) != 11 || len(stream["time"]) < 120 {
				t.Errorf("%d arrays, %d points", len(stream), len(stream["time"]))
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	j := open(t, junctiontest.Config{})
	j.AddUser(synth.User{ID: "u"})
	for path, status := range map[string]int{
		"/v2/user/nobody":                                              404,
		"/v2/user/nobody/device":                                       404,
		"/v2/user/u/shoes":                                             404,
		"/v2/user/providers/nobody":                                    404,
		"/v2/user?limit=501":                                           422,
		"/v2/summary/sleep/nobody" + ever:                              404,
		"/v2/summary/sleep/u":                                          422,
		"/v2/summary/sleep/u?start_date=yesterday":                     422,
		"/v2/summary/steps/u" + ever:                                   404,
		"/v2/summary/profile/u":                                        404,
		"/v2/timeseries/u/weight/grouped" + ever:                       404, // is body_weight
		"/v2/timeseries/u/heartrate/grouped":                           422,
		"/v2/timeseries/u/heartrate/grouped" + ever:                    200,
		"/v2/timeseries/u/heartrate/grouped" + ever + "&next_cursor=x": 422,
		"/v2/timeseries/workouts/w/stream":                             404,
		"/v2/introspect/resources?user_id=nobody":                      404,
		"/v3": 404,
	} {
		j.get(path, status, nil)
	}
	if j.Requests(junctiontest.Grouped) != 4 || j.Requests(junctiontest.Unknown) != 2 || j.Requests(junctiontest.AnyKind) != 17 {
		t.Error(j.Requests(junctiontest.Grouped), j.Requests(junctiontest.Unknown), j.Requests(junctiontest.AnyKind))
	}
	j.Key = "another"
	j.get("/v2/user", http.StatusUnauthorized, nil)
}

// TestDate: the clock of answers is the server's.
func TestDate(t *testing.T) {
	now := time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)
	j := open(t, junctiontest.Config{Now: func() time.Time { return now }})
	for _, path := range []string{"/v2/user", "/v2/user/nobody", "/v3"} {
		response, _, err := j.ask(path)
		if err != nil || response.Header.Get("Date") != "Tue, 06 May 2031 07:08:09 GMT" {
			t.Error(path, response, err)
		}
	}
}
