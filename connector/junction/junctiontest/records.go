package junctiontest

import (
	"encoding/json"
	"net/http"
	"time"

	"vitalsink/connector/synth"
)

// summaries are those of a resource in a window: {"sleep": [{…}, …]}.
func (s *Server) summaries(r *http.Request) (any, error) {
	resource := r.PathValue("resource")
	list, ok := lists[resource]
	if !ok {
		return nil, refuse(http.StatusNotFound, "Not Found")
	}
	u, err := s.known(r)
	if err != nil {
		return nil, err
	}
	w, err := windowOf(r.URL.Query())
	if err != nil {
		return nil, err
	}
	found := bodies(s.store.records(place{u.ID, resource}), r, w.has)
	return map[string][]json.RawMessage{list: found}, nil
}

// profile is the newest, of all providers or one.
func (s *Server) profile(r *http.Request) (any, error) {
	u, err := s.known(r)
	if err != nil {
		return nil, err
	}
	var newest *synth.Record
	for _, one := range s.store.records(place{u.ID, profile}) {
		if ofProvider(one.Provider, r) && (newest == nil || one.Version.After(newest.Version)) {
			newest = &one
		}
	}
	if newest == nil {
		return nil, refuse(http.StatusNotFound, "Profile not found")
	}
	return []byte(newest.Body), nil
}

// devices are a user's: [{…}, …].
func (s *Server) devices(r *http.Request) (any, error) {
	u, err := s.known(r)
	if err != nil {
		return nil, err
	}
	return bodies(s.store.records(place{u.ID, devices}), r, nil), nil
}

// stream is the body of a workout's.
func (s *Server) stream(r *http.Request) (any, error) {
	s.store.mu.Lock()
	found, ok := s.store.streams[r.PathValue("workout")]
	_, known := s.store.index[found.user]
	s.store.mu.Unlock()
	if !ok || !known {
		return nil, refuse(http.StatusNotFound, "Workout stream not found")
	}
	return []byte(found.write()), nil
}

// bodies of the records that a request asks for, never nil.
func bodies(records []synth.Record, r *http.Request, within func(time.Time) bool) []json.RawMessage {
	found := []json.RawMessage{}
	for _, one := range records {
		if ofProvider(one.Provider, r) && (within == nil || within(one.At)) {
			found = append(found, one.Body)
		}
	}
	return found
}

// ofProvider tells whether a request asks for what a provider has.
func ofProvider(slug string, r *http.Request) bool {
	wanted := r.URL.Query().Get("provider")
	return wanted == "" || wanted == slug
}
