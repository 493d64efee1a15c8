package junction_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"vitalsink/transforms"
)

// paged is a server of three pages of two samples, each of which takes ten
// seconds; its clock is wrong.
func paged(skew time.Duration, dated bool) http.HandlerFunc {
	next := map[string]string{"": `"a"`, "a": `"b"`, "b": "null"}
	return func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(10 * time.Second) // of the bubble
		w.Header()["Date"] = nil     // or the server writes one
		if dated {
			w.Header().Set("Date", time.Now().Add(skew).UTC().Format(http.TimeFormat))
		}
		text(pageOf(2, next[r.URL.Query().Get("next_cursor")]))(w, r)
	}
}

// TestEventTime: every message of all pages has the time at which the first
// request began, by the earlier of two clocks, to the second below.
func TestEventTime(t *testing.T) {
	for name, c := range map[string]struct {
		skew     time.Duration
		dated    bool
		from, to time.Duration // after the request began; both are included
	}{
		"right":           {0, true, -time.Second, 0},
		"an hour behind":  {-time.Hour, true, -time.Hour - time.Second, -time.Hour},
		"an hour ahead":   {time.Hour, true, 0, 0},
		"a second ahead":  {time.Second, true, -time.Second, 0},
		"without a Date":  {-time.Hour, false, 0, 0},
		"years behind":    {-20000 * time.Hour, true, -20000*time.Hour - time.Second, -20000 * time.Hour},
		"a little behind": {-1500 * time.Millisecond, true, -2500 * time.Millisecond, -1500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := bubble(t, paged(c.skew, c.dated))
				time.Sleep(123_456_789 * time.Nanosecond) // a request seldom begins with a second
				began := time.Now().Truncate(time.Microsecond)
				var times []time.Time
				answer, err := client.Fetch(t.Context(), query(t, "heartrate"), func(m *transforms.Message, _ int) error {
					times = append(times, eventTime(t, m))
					time.Sleep(time.Minute)
					return nil
				})
				if err != nil || len(times) != 3 || answer.Rows != 6 || answer.Requests != 3 {
					t.Fatalf("%+v, %d messages: %v", answer, len(times), err)
				}
				for _, at := range times {
					if since := at.Sub(began); since < c.from || since > c.to || !at.Equal(answer.Began) {
						t.Errorf("event-time %v after the request, want %v to %v; Began %v", since, c.from, c.to, answer.Began.Sub(began))
					}
				}
			})
		})
	}
}

// TestEventTimeOfRetry: an attempt that failed without a message does not make
// the version later than the request that was answered, nor does one that broke
// off.
func TestEventTimeOfRetry(t *testing.T) {
	for name, first := range map[string]http.HandlerFunc{
		"unavailable": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"half":        text(pageOf(2, "null")[:40]),
		"nearly all":  text(pageOf(2, "null")[:len(pageOf(2, "null"))-1]),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked []time.Time
				c := bubble(t, func(w http.ResponseWriter, r *http.Request) {
					if asked = append(asked, time.Now()); len(asked) == 1 {
						first(w, r)
						return
					}
					text(pageOf(2, "null"))(w, r)
				})
				f := must(t, c, query(t, "heartrate"))
				if len(asked) != 2 || f.Requests != 2 || f.Rows != 2 {
					t.Fatalf("%d requests, %+v", len(asked), f.Answer)
				}
				for i := range f.messages {
					if at := eventTime(t, &f.messages[i]); at.After(asked[1]) || at.Before(asked[0].Add(-time.Second)) {
						t.Errorf("event-time %v, asked at %v", at, asked)
					}
				}
			})
		})
	}
}

// TestPublishTime: a message that is fetched was published when it was made, and
// its identity is its own.
func TestPublishTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := must(t, bubble(t, paged(0, true)), query(t, "heartrate"))
		ids := map[string]bool{}
		for _, m := range f.messages {
			ids[m.ID] = true
			if eventTime(t, &m).After(m.PublishTime) || m.PublishTime.After(time.Now()) {
				t.Errorf("published at %v, event-time %v", m.PublishTime, eventTime(t, &m))
			}
		}
		if len(ids) != 3 {
			t.Errorf("%d ids of 3 messages", len(ids))
		}
	})
}
