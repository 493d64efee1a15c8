package backfill_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"vitalsink/connector"
	"vitalsink/connector/backfill"
	"vitalsink/connector/junction/junctiontest"
)

// TestErased: nobody asks for who is erased, neither since it was announced nor
// by hand, and nothing is published of them; to name them is an error that does
// not say who it is.
func TestErased(t *testing.T) {
	s := newScene(t, junctiontest.Config{})
	erased := s.people[0].ID
	s.Erased = connector.Erased{connector.UserHash(erased): true}
	s.board.left = []connector.Leftover{{UserID: erased, WorkoutID: "w", FetchedAt: time.Now()}}
	order := backfill.Order{From: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)}
	sleep, _ := s.Catalogue.Endpoint("sleep")
	order.Endpoints = append(order.Endpoints, sleep)
	if err := errors.Join(s.Drain(t.Context(), s.board, backfill.Filter{}), s.Sweep(t.Context(), s.board), s.Fetch(t.Context(), order)); err != nil {
		t.Fatal(err)
	}
	const want = "caffeine empty, heartrate fetched, sleep fetched, sleep fetched"
	if r := s.Result(); s.outcomes() != want || r.Erased != 2 || r.Users != 1 || r.Deleted != 0 {
		t.Errorf("%s, %+v", s.outcomes(), r)
	}
	asked := s.server.Requests(junctiontest.AnyKind)
	order.Users = []string{s.people[1].ID, strings.ToUpper(erased)}
	for _, err := range []error{
		s.Fetch(t.Context(), order), s.Drain(t.Context(), s.board, backfill.Filter{Users: order.Users}),
	} {
		if !errors.Is(err, connector.ErrErased) || strings.Contains(strings.ToLower(err.Error()), erased) {
			t.Errorf("named, the error is %v", err)
		}
	}
	if more := s.server.Requests(junctiontest.AnyKind) - asked; more > 2 { // of the pass by hand: the team, and who is not erased
		t.Errorf("%d requests more", more)
	}
	if err := s.Drain(t.Context(), s.board, backfill.Filter{Users: order.Users[:1]}); err != nil || s.Result().Erased != 2 {
		t.Errorf("who is not wanted is left out: %v, %+v", err, s.Result())
	}
}
