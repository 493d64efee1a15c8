package junction_test

import (
	"cmp"
	"net/http"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"vitalsink/connector"
	"vitalsink/connector/junction"
	"vitalsink/connector/junction/junctiontest"
	"vitalsink/connector/synth"
)

// introspections are what a client asks of them, each with what is shown of a
// resource and a provider, and what resources it finds.
var introspections = map[string]struct {
	path  string
	shown func(resource string) string
	found func(t *testing.T, c *junction.Client, userID string) ([]string, error)
}{
	"pulls": {
		"/v2/introspect/historical_pull",
		func(resource string) string {
			return `{"pulled":{"` + resource + `":{"status":"success","range_start":"2025-03-02T01:00:00+01:00","range_end":null}},"not_pulled":["x"]}`
		},
		func(t *testing.T, c *junction.Client, userID string) (found []string, err error) {
			pulls, err := c.Pulls(t.Context(), userID)
			for _, p := range pulls {
				found = append(found, p.Resource)
				if p != (connector.Pull{Resource: p.Resource, Provider: "oura", Status: "success", Start: march(2, 0)}) {
					t.Errorf("%+v", p)
				}
			}
			return found, err
		},
	},
	"extents": {
		"/v2/introspect/resources",
		func(resource string) string {
			return `{"` + resource + `":{"last_attempt":{"timestamp":"2025-03-04T00:00:00+00:00","status":"success"},` +
				`"oldest_data":"2025-03-02T01:00:00+01:00","newest_data":"2025-03-03T00:00:00.5+00:00","sent_count":7}}`
		},
		func(t *testing.T, c *junction.Client, userID string) (found []string, err error) {
			extents, err := c.Extents(t.Context(), userID)
			for _, e := range extents {
				found = append(found, e.Resource)
				want := connector.Extent{
					Provider: "oura", Resource: e.Resource, Oldest: march(2, 0), Newest: march(3, time.Second/2), Sent: 7, Status: "success",
				}
				if e != want {
					t.Errorf("%+v", e)
				}
			}
			return found, err
		},
	},
}

// march is a time in that month of 2025.
func march(day int, after time.Duration) time.Time {
	return time.Date(2025, 3, day, 0, 0, 0, 0, time.UTC).Add(after)
}

// TestIntrospection: what all pages show, whatever says that there are no more;
// a circle of pages is an error.
func TestIntrospection(t *testing.T) {
	for name, c := range map[string]struct {
		next map[string]string
		want []string
		err  error
	}{
		"one page":  {map[string]string{"": "null"}, []string{"r"}, nil},
		"None":      {map[string]string{"": `"None"`}, []string{"r"}, nil},
		"empty":     {map[string]string{"": `""`}, []string{"r"}, nil},
		"two pages": {map[string]string{"": `"a"`, "a": "null"}, []string{"r", "ra"}, nil},
		"three":     {map[string]string{"": `"a"`, "a": `"b"`, "b": `"None"`}, []string{"r", "ra", "rb"}, nil},
		"a circle":  {map[string]string{"": `"a"`, "a": `"b"`, "b": `"a"`}, []string{"r", "ra", "rb"}, junction.ErrUnavailable},
		"the same":  {map[string]string{"": `"a"`, "a": `"a"`}, []string{"r", "ra"}, junction.ErrUnavailable},
	} {
		for what, of := range introspections {
			t.Run(what+" "+name, func(t *testing.T) {
				asked := 0
				client := serve(t, func(w http.ResponseWriter, r *http.Request) {
					cursor := r.URL.Query().Get("next_cursor")
					if asked++; asked > 50 || r.URL.Query().Get("user_id") != secretUser || r.URL.Path != of.path {
						status(400)(w, r)
						return
					}
					text(`{"data":[{"user_id":"u","provider":{"oura":`+of.shown("r"+cursor)+`}}],"next_cursor":`+c.next[cursor]+`}`)(w, r)
				})
				got, err := of.found(t, client, secretUser)
				is(t, err, c.err)
				if !slices.Equal(got, c.want) {
					t.Errorf("%v, want %v", got, c.want)
				}
			})
		}
	}
}

// TestIntrospectionErrors: a user who is not there is absent, an answer that
// says nothing of data is none, and without a user nobody is asked: it would
// show all.
func TestIntrospectionErrors(t *testing.T) {
	for what, of := range introspections {
		t.Run(what, func(t *testing.T) {
			for _, c := range []struct {
				answer http.HandlerFunc
				user   string
				err    error
			}{
				{status(404), secretUser, connector.ErrAbsent},
				{status(401), secretUser, connector.ErrKey},
				{status(422), secretUser, junction.ErrRefused},
				{text(`{"data":[]}`), secretUser, nil},
				{text(`{"data":[]}`), "", junction.ErrRefused},
				{text(`{"data":[{"provider":null},{},null],"next_cursor":null}`), secretUser, nil},
				{text(`{"data":[{"provider":{"oura":null}}]}`), secretUser, nil},
				{text(`{"data":null}`), secretUser, junction.ErrUnavailable},
				{text(`{"next_cursor":"` + secretCursor + `"}`), secretUser, junction.ErrUnavailable},
				{text(`{"data":{"` + secretUser + `":` + secretValue + `}}`), secretUser, junction.ErrUnavailable},
				{text(`{"data":[{"provider":{"oura":{"pulled":` + secretValue + `}}}]}`), secretUser, junction.ErrUnavailable},
				{text(`{"data":[{"provider":{"oura":"` + secretValue + `"}}]}`), secretUser, junction.ErrUnavailable},
				{text(`[]`), secretUser, junction.ErrUnavailable},
				{text(`null`), secretUser, junction.ErrUnavailable},
			} {
				got, err := of.found(t, serve(t, c.answer), c.user)
				is(t, err, c.err)
				if len(got) > 0 {
					t.Errorf("%v", got)
				}
			}
		})
	}
}

// TestIntrospectionAgain: of an answer that was no good nothing is left in the
// next one. Its cursor was.
func TestIntrospectionAgain(t *testing.T) {
	for what, of := range introspections {
		t.Run(what, func(t *testing.T) {
			asked := 0
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if asked++; asked == 1 {
					text(`{"next_cursor":"`+secretCursor+`","data":[{"provider":{"oura":`+of.shown("old")+`,"fitbit":7}}]}`)(w, r)
					return
				}
				text(`{"data":[{"provider":{"oura":`+of.shown("new")+`}}],"next_cursor":null}`)(w, r)
			})
			got, err := of.found(t, c, secretUser)
			is(t, err, nil)
			if !slices.Equal(got, []string{"new"}) || asked != 2 {
				t.Errorf("%v in %d requests", got, asked)
			}
		})
	}
}

// TestExtentsOdd: what Junction does not say is zero, and a name that we do not
// know is kept.
func TestExtentsOdd(t *testing.T) {
	nothing := connector.Extent{Provider: "oura", Resource: "aura"}
	for body, want := range map[string]connector.Extent{
		`null`: nothing,
		`{}`:   nothing,
		`{"last_attempt":null,"oldest_data":null,"newest_data":null,"sent_count":null}`: nothing,
		`{"last_attempt":{},"oldest_data":"","newest_data":"never","more":[1]}`:         nothing,
		`{"last_attempt":{"status":null},"sent_count":3}`:                               {Provider: "oura", Resource: "aura", Sent: 3},
		`{"last_attempt":{"status":"unknown"},"newest_data":"2025-03-02T00:00:00Z"}`: {
			Provider: "oura", Resource: "aura", Status: "unknown", Newest: march(2, 0),
		},
	} {
		got, err := serve(t, text(`{"data":[{"provider":{"oura":{"aura":`+body+`},"fitbit":{}}}]}`)).Extents(t.Context(), secretUser)
		is(t, err, nil)
		if d := gocmp.Diff([]connector.Extent{want}, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", body, d)
		}
	}
}

// TestExtents: of a user, and no other, what there is of each provider and
// resource.
func TestExtents(t *testing.T) {
	s := junctiontest.New(junctiontest.Config{Key: secretKey})
	t.Cleanup(s.Close)
	for _, id := range []string{"first", secretUser, "last"} {
		s.AddUser(synth.User{ID: id, Providers: []synth.Provider{{Slug: "oura"}, {Slug: "garmin"}, {Slug: "fitbit"}}})
		for _, r := range []struct {
			resource, provider string
			days               []int
		}{{"heartrate", "oura", []int{3, 2, 5}}, {"heartrate", "garmin", []int{4}}, {"sleep", "oura", []int{6, 7}}, {"devices", "oura", []int{1}}} {
			for _, day := range r.days {
				s.Put(synth.Record{
					UserID: id, Resource: r.resource, Provider: r.provider, At: march(day, time.Hour), Key: id + r.provider + r.resource + march(day, 0).String(),
					Source: []byte(`{"provider":"` + r.provider + `"}`), Body: []byte(`7`),
				})
			}
		}
	}
	c := client(t, s.URL)
	got, err := c.Extents(t.Context(), secretUser)
	is(t, err, nil)
	slices.SortFunc(got, func(a, b connector.Extent) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Resource, b.Resource))
	})
	at := func(day int) time.Time { return march(day, time.Hour) }
	want := []connector.Extent{
		{Provider: "garmin", Resource: "heartrate", Oldest: at(4), Newest: at(4), Sent: 1, Status: "success"},
		{Provider: "oura", Resource: "heartrate", Oldest: at(2), Newest: at(5), Sent: 3, Status: "success"},
		{Provider: "oura", Resource: "sleep", Oldest: at(6), Newest: at(7), Sent: 2, Status: "success"},
	}
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for what, of := range introspections {
		if _, err := of.found(t, c, secretUser+"2"); err == nil {
			t.Errorf("%s of nobody", what)
		} else {
			is(t, err, connector.ErrAbsent)
		}
	}
}
