package junctiontest

import (
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"time"
)

// Pull is how a pull of history went.
type Pull struct {
	Status     string    // success, failure, in_progress, scheduled, retrying. Optional, default success.
	Start, End time.Time // what was asked for. Optional, default the days of what there is.
	Error      string    // error_details. Optional.
}

// pulled is what a pull was of.
type pulled struct{ user, provider, resource string }

// SetPull is how the pull of a resource, by its name in event types, from a
// provider went. What nobody sets was successful.
func (s *Server) SetPull(userID, provider, resource string, p Pull) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.pulls[pulled{userID, provider, resource}] = p
}

// extent is from when to when there are records, in µs, how many, and on which
// days since 1970.
type extent struct {
	from, to int64
	n        int
	days     map[int64]bool
}

const dayMicros = int64(24 * time.Hour / time.Microsecond)

// extents of what a user has, by provider and resource; devices are none.
func (s *store) extents(userID string) map[string]map[string]*extent {
	all := map[string]map[string]*extent{}
	add := func(provider, resource string, at int64) {
		if all[provider] == nil {
			all[provider] = map[string]*extent{}
		}
		e := all[provider][resource]
		if e == nil {
			e = &extent{at, at, 0, map[int64]bool{}}
			all[provider][resource] = e
		}
		e.from, e.to, e.n = min(e.from, at), max(e.to, at), e.n+1
		e.days[at/dayMicros] = true
	}
	s.mu.Lock()
	places := slices.AppendSeq(slices.Collect(maps.Keys(s.series)), maps.Keys(s.facts))
	s.mu.Unlock()
	for _, at := range places {
		if at.user != userID || at.resource == devices {
			continue
		}
		for _, one := range s.samples(at) {
			add(one.source.provider, at.resource, one.at)
		}
		for _, one := range s.records(at) {
			add(one.Provider, at.resource, one.At.UnixMicro())
		}
	}
	return all
}

// resources is what there is of every user: {"data": [{"user_id": …,
// "provider": {slug: {resource: {…}}}}, …], "next_cursor": …}.
func (s *Server) resources(r *http.Request) (any, error) {
	return s.introspect(r, func(u user, _ string, held map[string]*extent) object {
		shown := object{}
		for resource, e := range held {
			shown[resource] = object{
				"oldest_data": stamp(time.UnixMicro(e.from)), "newest_data": stamp(time.UnixMicro(e.to)), "sent_count": e.n,
				"last_attempt": object{"status": "success", "timestamp": stamp(s.config.Now())},
			}
		}
		return shown
	})
}

// pulls is how every pull of history went: as resources, with {"pulled":
// {resource: {…}}, "not_pulled": []}.
func (s *Server) pulls(r *http.Request) (any, error) {
	return s.introspect(r, func(u user, provider string, held map[string]*extent) object {
		s.store.mu.Lock()
		set := maps.Clone(s.store.pulls)
		s.store.mu.Unlock()
		shown := object{}
		for resource, e := range held {
			shown[resource] = set[pulled{u.ID, provider, resource}].object(e, u.since)
		}
		for what, p := range set {
			if what.user == u.ID && what.provider == provider && shown[what.resource] == nil {
				shown[what.resource] = p.object(&extent{}, u.since)
			}
		}
		return object{"pulled": shown, "not_pulled": []string{}}
	})
}

func (p Pull) object(e *extent, at time.Time) object {
	from, to := time.UnixMicro(e.from).UTC().Truncate(24*time.Hour), time.UnixMicro(e.to).UTC().Truncate(24*time.Hour)
	if !p.Start.IsZero() {
		from = p.Start
	}
	if !p.End.IsZero() {
		to = p.End
	}
	o := object{
		"status": p.Status, "range_start": stamp(from), "range_end": stamp(to), "days_with_data": len(e.days),
		"timeline": object{"scheduled_at": stamp(at), "started_at": stamp(at), "ended_at": stamp(at)},
		"release":  "stand-in", "trace_id": "00000000000000000000000000000000",
	}
	if p.Status == "" {
		o["status"] = "success"
	}
	if p.Error != "" {
		o["error_details"] = p.Error
	}
	return o
}

// introspect shows something of every provider of every user that a request
// asks for, so many users a page.
func (s *Server) introspect(r *http.Request, show func(user, string, map[string]*extent) object) (any, error) {
	page, next, err := s.asked(r)
	if err != nil {
		return nil, err
	}
	list := []object{}
	for _, u := range page {
		held, providers := s.store.extents(u.ID), object{}
		for _, p := range u.Providers {
			if ofProvider(p.Slug, r) {
				providers[p.Slug] = show(u, p.Slug, held[p.Slug])
			}
		}
		list = append(list, object{"user_id": u.ID, "provider": providers})
	}
	return object{"data": list, "next_cursor": next}, nil
}

// asked are the users that a request of introspection is about, and where to go
// on: null or a cursor.
func (s *Server) asked(r *http.Request) (page []user, next any, err error) {
	query := r.URL.Query()
	if id := query.Get("user_id"); id != "" {
		r.SetPathValue("user", id)
		u, err := s.known(r)
		return []user{u}, nil, err
	}
	limit, err := number(query, "user_limit", 50, 1, 1<<31-1)
	if err != nil {
		return nil, nil, err
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	all := s.store.users
	if text := query.Get("next_cursor"); text != "" {
		last, err := base64.RawURLEncoding.DecodeString(text)
		i, ok := s.store.index[string(last)]
		if err != nil || !ok {
			return nil, nil, invalid("next_cursor", "not a cursor")
		}
		all = all[i+1:]
	}
	if len(all) > limit {
		all = all[:limit]
		next = base64.RawURLEncoding.EncodeToString([]byte(all[limit-1].ID))
	}
	return all, next, nil
}
