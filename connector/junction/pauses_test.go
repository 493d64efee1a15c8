package junction_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"vitalsink/connector/junction"
)

// TestCancel: a fetch ends when its context does, wherever it is, with the
// cause.
func TestCancel(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, answer := range map[string]http.HandlerFunc{
		"without an answer": hang,
		"between attempts":  status(503),
		"told to wait": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "50")
			status(429)(w, r)
		},
		"in the body": func(w http.ResponseWriter, r *http.Request) {
			text(pageOf(2, "null")[:99])(w, r)
			_ = http.NewResponseController(w).Flush()
			hang(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := bubble(t, answer)
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(1500*time.Millisecond, func() { cancel(errTake) })
				began := time.Now()
				_, err := fetch(ctx, c, query(t, "heartrate"))
				if took := time.Since(began); !errors.Is(err, errTake) || took != 1500*time.Millisecond {
					t.Errorf("%v after %v", err, took)
				}
			})
		})
	}
}

// TestDeadline: a request whose turn comes too late is not made, and the error
// tells why.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := junction.New(junction.Config{BaseURL: "http://localhost", Key: secretKey, Rate: 0.001})
		if err != nil {
			t.Fatal(err)
		}
		c.Through(func(context.Context, string, string) (net.Conn, error) { return nil, net.ErrClosed })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = fetch(ctx, c, query(t, "heartrate"))
		is(t, err, context.DeadlineExceeded)
	})
}

// TestRetryAfter: the server says how long to wait, in seconds or as a time, but
// no more than a minute.
func TestRetryAfter(t *testing.T) {
	for name, c := range map[string]struct {
		after    func() string
		from, to time.Duration
	}{
		"seconds":            {func() string { return "7" }, 7 * time.Second, 7 * time.Second},
		"none":               {func() string { return "0" }, 250 * time.Millisecond, 750 * time.Millisecond},
		"less than none":     {func() string { return "-5" }, 250 * time.Millisecond, 750 * time.Millisecond},
		"words":              {func() string { return "soon" }, 250 * time.Millisecond, 750 * time.Millisecond},
		"an hour":            {func() string { return "3600" }, time.Minute, time.Minute},
		"a large number":     {func() string { return "99999999999999999999" }, time.Minute, time.Minute},
		"a time":             {func() string { return in(20 * time.Second) }, 20 * time.Second, 21 * time.Second},
		"a time that is":     {func() string { return in(-time.Hour) }, 250 * time.Millisecond, 750 * time.Millisecond},
		"a time far from it": {func() string { return in(500 * time.Hour) }, time.Minute, time.Minute},
	} {
		for _, code := range []int{429, 503} {
			t.Run(name+" "+strconv.Itoa(code), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var asked []time.Time
					client := bubble(t, func(w http.ResponseWriter, r *http.Request) {
						if asked = append(asked, time.Now()); len(asked) == 1 {
							w.Header().Set("Retry-After", c.after())
							status(code)(w, r)
							return
						}
						text(pageOf(2, "null"))(w, r)
					})
					must(t, client, query(t, "heartrate"))
					if pause := asked[1].Sub(asked[0]); pause < c.from || pause > c.to {
						t.Errorf("asked again after %v, want %v to %v", pause, c.from, c.to)
					}
				})
			})
		}
	}
}

func in(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }

// TestPauses: the pauses grow, and a request is given up within two minutes.
func TestPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []time.Time
		c := bubble(t, func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, time.Now())
			status(503)(w, r)
		})
		_, err := fetch(t.Context(), c, query(t, "heartrate"))
		is(t, err, junction.ErrUnavailable)
		if all := asked[7].Sub(asked[0]); len(asked) != 8 || !slices.IsSortedFunc(asked, time.Time.Compare) || all < 30*time.Second || all > 2*time.Minute {
			t.Errorf("%d requests in %v", len(asked), all)
		}
	})
}
