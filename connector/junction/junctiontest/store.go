package junctiontest

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"vitalsink/connector/synth"
)

// store is what a Server holds. Its lock is held for moments only: what is read
// is never changed, only replaced.
type store struct {
	mu      sync.Mutex
	users   []user         // in the order in which they came
	index   map[string]int // of users, by id
	series  map[place]*series
	facts   map[place]map[string]synth.Record // summaries and devices, by key
	sources map[source]*source
	streams map[string]stream // by workout
	pulls   map[pulled]Pull
}

type user struct {
	synth.User
	since time.Time
}

// place is where records of a user are.
type place struct{ user, resource string }

// source is what samples have in common.
type source struct{ provider, text string }

// sample is a record without what its place and source say.
type sample struct {
	at     int64 // µs
	key    string
	source *source
	body   json.RawMessage
}

func (a sample) compare(b sample) int {
	return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(a.key, b.key))
}

// stream is written when it is asked for: there are many, and they are large.
type stream struct {
	user  string
	write func() json.RawMessage
}

func newStore() store {
	return store{
		index: map[string]int{}, series: map[place]*series{}, facts: map[place]map[string]synth.Record{},
		sources: map[source]*source{}, streams: map[string]stream{}, pulls: map[pulled]Pull{},
	}
}

// series are the samples of a place.
type series struct {
	sorted []sample // by at and key, each once
	added  []sample // since
}

// all are the samples by at and key. Nobody changes what it returns.
func (s *series) all() []sample {
	if len(s.added) == 0 {
		return s.sorted
	}
	slices.SortStableFunc(s.added, sample.compare)
	merged := make([]sample, 0, len(s.sorted)+len(s.added))
	put := func(next sample) {
		if n := len(merged); n > 0 && merged[n-1].compare(next) == 0 {
			merged[n-1] = next
			return
		}
		merged = append(merged, next)
	}
	old := s.sorted
	for _, next := range s.added {
		for len(old) > 0 && old[0].compare(next) <= 0 {
			put(old[0])
			old = old[1:]
		}
		put(next)
	}
	s.sorted, s.added = append(merged, old...), nil
	return s.sorted
}

// AddUser makes a user known, or replaces them. Records of a user who is not
// known are held, but not shown.
func (s *Server) AddUser(u synth.User) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if i, ok := s.store.index[u.ID]; ok {
		s.store.users = slices.Clone(s.store.users)
		s.store.users[i].User = u
		return
	}
	s.store.index[u.ID] = len(s.store.users)
	s.store.users = append(s.store.users, user{u, s.config.Now().UTC().Truncate(time.Second)})
}

// Put adds records, or replaces those with the same key. A sample that is
// replaced must have the same At: its time is part of what it is.
func (s *Server) Put(records ...synth.Record) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	for _, r := range records {
		at := place{r.UserID, r.Resource}
		if !isSample(r.Resource) {
			if s.store.facts[at] == nil {
				s.store.facts[at] = map[string]synth.Record{}
			}
			s.store.facts[at][r.Key] = r
			continue
		}
		if s.store.series[at] == nil {
			s.store.series[at] = &series{}
		}
		one := s.store.series[at]
		one.added = append(one.added, sample{r.At.UnixMicro(), r.Key, s.store.source(r), r.Body})
	}
}

// source of a sample: one for all that have the same.
func (s *store) source(r synth.Record) *source {
	name := source{r.Provider, string(r.Source)}
	if s.sources[name] == nil {
		s.sources[name] = &name
	}
	return s.sources[name]
}

// Remove deletes the records with these keys; those that there are not are
// fine. It looks through everything once, however many keys there are.
func (s *Server) Remove(keys ...string) {
	gone := setOf(keys...)
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	for _, facts := range s.store.facts {
		maps.DeleteFunc(facts, func(key string, _ synth.Record) bool { return gone[key] })
	}
	isGone := func(one sample) bool { return gone[one.key] }
	for _, one := range s.store.series {
		if all := one.all(); slices.ContainsFunc(all, isGone) {
			one.sorted = slices.DeleteFunc(slices.Clone(all), isGone)
		}
	}
}

// SetStream is the stream of a user's workout; null takes it away.
func (s *Server) SetStream(userID, workoutID string, body json.RawMessage) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	delete(s.store.streams, workoutID)
	if body != nil && string(body) != "null" {
		s.store.streams[workoutID] = stream{userID, func() json.RawMessage { return body }}
	}
}

// samples of a place, by at and key.
func (s *store) samples(at place) []sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.series[at]; one != nil {
		return one.all()
	}
	return nil
}

// records of a place, by At and key.
func (s *store) records(at place) []synth.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []synth.Record
	for _, r := range s.facts[at] {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b synth.Record) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.Key, b.Key))
	})
	return all
}
