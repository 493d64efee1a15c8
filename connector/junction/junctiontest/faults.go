package junctiontest

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Faults are what goes wrong, as shares of the requests, from 0 to 1 and
// together at most 1. One request has at most one of them.
type Faults struct {
	Seed uint64

	TooMany     float64 // 429
	Unavailable float64 // 503
	Broken      float64 // 500
	Slow        float64 // answered after SlowFor
	Hang        float64 // headers, then nothing until the client leaves
	Malformed   float64 // half of the JSON
	Cut         float64 // half of the JSON, and the connection is closed

	// RetryAfter is the Retry-After of a 429, in seconds.
	RetryAfter int
	SlowFor    time.Duration
	// InARow is how often the same URL meets a fault before it is answered. Who
	// asks often enough gets an answer; the shares are a bit less than they
	// say. Optional, default 3; -1 is no bound.
	InARow int
}

// Fault is something that went wrong.
type Fault string

// The faults.
const (
	TooMany     Fault = "too many"
	Unavailable Fault = "unavailable"
	Broken      Fault = "broken"
	Slow        Fault = "slow"
	Hang        Fault = "hang"
	Malformed   Fault = "malformed"
	Cut         Fault = "cut"
	none        Fault = ""
)

// faults decides what goes wrong.
type faults struct {
	mu sync.Mutex
	Faults
	chance *rand.Rand
	row    map[string]int // faults in a row, by URL
	met    map[Fault]int
}

// SetFaults begins anew with other faults, and forgets what was met.
func (s *Server) SetFaults(f Faults) {
	if f.InARow == 0 {
		f.InARow = 3
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.Faults, s.faults.chance = f, rand.New(rand.NewPCG(f.Seed, 0))
	s.faults.row, s.faults.met = map[string]int{}, map[Fault]int{}
}

// Met is how many requests met a fault.
func (s *Server) Met(f Fault) int {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	return s.faults.met[f]
}

// draw is what a request of a URL meets.
func (f *faults) draw(url string) (Fault, Faults) {
	f.mu.Lock()
	defer f.mu.Unlock()
	x := f.chance.Float64()
	for _, one := range []struct {
		fault Fault
		share float64
	}{
		{TooMany, f.TooMany}, {Unavailable, f.Unavailable}, {Broken, f.Broken}, {Slow, f.Slow},
		{Hang, f.Hang}, {Malformed, f.Malformed}, {Cut, f.Cut},
	} {
		if x < one.share && f.row[url] != f.InARow {
			f.row[url]++
			f.met[one.fault]++
			return one.fault, f.Faults
		}
		x -= one.share
	}
	delete(f.row, url)
	return none, f.Faults
}

// spoil does to a request what it meets. answer is asked only if there is one.
func (s *Server) spoil(w http.ResponseWriter, r *http.Request, answer endpoint) {
	fault, how := s.faults.draw(r.URL.String())
	refused := func(status int, detail string) { send(w, status, refuse(status, detail).body()) }
	switch fault {
	case TooMany:
		w.Header().Set("Retry-After", strconv.Itoa(how.RetryAfter))
		refused(http.StatusTooManyRequests, "Too Many Requests")
		return
	case Unavailable:
		refused(http.StatusServiceUnavailable, "Service Unavailable")
		return
	case Broken:
		refused(http.StatusInternalServerError, "Internal Server Error")
		return
	case Hang:
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		s.wait(r, nil)
		return
	case Slow:
		later := time.NewTimer(how.SlowFor)
		defer later.Stop()
		s.wait(r, later.C)
	}
	status, body := answered(answer(r))
	switch fault {
	case Malformed:
		body = body[:len(body)/2]
	case Cut:
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) // which is how one closes the connection
	}
	send(w, status, body)
}

// wait ends with the client, the server, or a tick of the clock.
func (s *Server) wait(r *http.Request, clock <-chan time.Time) {
	select {
	case <-r.Context().Done():
	case <-s.closed:
	case <-clock:
	}
}
