package junctiontest

import (
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// window is a time from and to, both included, in µs.
type window struct{ from, to int64 }

func (w window) has(t time.Time) bool { return t.UnixMicro() >= w.from && t.UnixMicro() <= w.to }

// windowOf reads start_date, which is required, and end_date, without which
// there is no end. A date begins at 00:00:00 and ends at 23:59:59, not a
// microsecond later; a time without a zone is UTC.
func windowOf(query url.Values) (window, error) {
	w := window{to: math.MaxInt64}
	if query.Get("start_date") == "" {
		return w, invalid("start_date", "field required")
	}
	for name, bound := range map[string]*int64{"start_date": &w.from, "end_date": &w.to} {
		text := query.Get(name)
		if text == "" {
			continue
		}
		t, day, ok := moment(text)
		if !ok {
			return w, invalid(name, "neither a date nor a time")
		}
		if day && name == "end_date" {
			t = t.Add(24*time.Hour - time.Second)
		}
		*bound = t.UnixMicro()
	}
	return w, nil
}

func moment(text string) (t time.Time, day, ok bool) {
	for _, layout := range []string{time.DateOnly, time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, layout == time.DateOnly, true
		}
	}
	return time.Time{}, false, false
}

// number reads a parameter from lo to hi, or without it takes another.
func number(query url.Values, name string, without, lo, hi int) (int, error) {
	if query.Get(name) == "" {
		return without, nil
	}
	n, err := strconv.Atoi(query.Get(name))
	if err != nil || n < lo || n > hi {
		return 0, invalid(name, "out of range")
	}
	return n, nil
}

// stamp is a time as answers have it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999999-07:00") }

// known is the user of a path, or a refusal.
func (s *Server) known(r *http.Request) (user, error) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	i, ok := s.store.index[r.PathValue("user")]
	if !ok {
		return user{}, refuse(http.StatusNotFound, "User not found")
	}
	return s.store.users[i], nil
}
