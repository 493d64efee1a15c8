package junctiontest

import (
	"net/http"

	"vitalsink/connector/synth"
)

type object = map[string]any

// users are a page of all: {"users": […], "total": …, "offset": …, "limit": …}.
func (s *Server) users(r *http.Request) (any, error) {
	query := r.URL.Query()
	offset, err := number(query, "offset", 0, 0, 1<<31-1)
	if err != nil {
		return nil, err
	}
	limit, err := number(query, "limit", 100, 1, 500)
	if err != nil {
		return nil, err
	}
	s.store.mu.Lock()
	all := s.store.users
	s.store.mu.Unlock()
	page := []object{}
	for _, u := range all[min(offset, len(all)):min(offset+limit, len(all))] {
		page = append(page, u.object())
	}
	return object{"users": page, "total": len(all), "offset": offset, "limit": limit}, nil
}

func (s *Server) user(r *http.Request) (any, error) {
	u, err := s.known(r)
	if err != nil {
		return nil, err
	}
	return u.object(), nil
}

// object is a user as answers show them.
func (u user) object() object {
	connected := []object{}
	for _, p := range u.Providers {
		connected = append(connected, object{"source": display(p), "created_on": stamp(u.since)})
	}
	return object{
		"user_id": u.ID, "team_id": u.TeamID, "client_user_id": u.ClientUserID, "created_on": stamp(u.since),
		"connected_sources": connected, "fallback_birth_date": nil,
		"fallback_time_zone": object{"id": u.TimeZone, "source_slug": "manual", "updated_at": stamp(u.since)},
	}
}

func display(p synth.Provider) object {
	return object{"name": p.Name, "slug": p.Slug, "logo": "https://logos.example/" + p.Slug + ".svg"}
}

// providers are a user's connections: {"providers": [{…}, …]}.
func (s *Server) providers(r *http.Request) (any, error) {
	u, err := s.known(r)
	if err != nil {
		return nil, err
	}
	held := s.store.extents(u.ID)
	list := []object{}
	for _, p := range u.Providers {
		one, available := display(p), object{}
		for resource := range held[p.Slug] {
			available[resource] = object{"status": "available", "scope_requirements": nil}
		}
		one["status"], one["created_on"], one["resource_availability"] = "connected", stamp(u.since), available
		list = append(list, one)
	}
	return object{"providers": list}, nil
}
