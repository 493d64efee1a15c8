package reconcile_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vitalsink/connector"
	"vitalsink/connector/reconcile"
)

// TestErased: of who is erased nothing is missing and nothing too much, nobody
// asks for them, and a run that was stopped goes on past them.
func TestErased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, 4)
		r := p.reconcile()
		r.Repair, r.MaxRequests = true, 7
		first, err := r.Run(t.Context())
		if !errors.Is(err, reconcile.ErrSpent) || first.UsersDone == 0 || first.UsersDone > 3 {
			t.Fatalf("%+v, %v", first, err)
		}
		var erased []string // one who was compared, one who was not
		for _, user := range []string{"user 0", "user 1", "user 2", "user 3"} {
			done := len(p.fetched[user]) > 0
			if len(erased) == 0 && done || len(erased) == 1 && !done {
				erased = append(erased, user)
			}
		}
		p.holds(t, message(erased[len(erased)-1], time.Now()), 60)
		asked, published := len(p.fetched[erased[1]]), len(p.pending)
		r = p.reconcile()
		r.Repair, r.DeleteExtra, r.Resume = true, true, true
		r.Erased = connector.Erased{connector.UserHash(erased[0]): true, connector.UserHash(erased[1]): true}
		report, err := r.Run(t.Context())
		if err != nil || report.Erased != 2 || report.Users != 2 || report.UsersDone != 2 || report.RunID != first.RunID {
			t.Errorf("%+v, %v", report, err)
		}
		if len(p.fetched[erased[1]]) != asked || len(p.pending)-published != 3-first.UsersDone {
			t.Errorf("%d requests, %d messages published", len(p.fetched[erased[1]])-asked, len(p.pending)-published)
		}
		r = p.reconcile()
		r.Erased, r.Users = connector.Erased{connector.UserHash("user 2"): true}, []string{"user 1", "user 2"}
		if _, err := r.Run(t.Context()); !errors.Is(err, connector.ErrErased) || strings.Contains(err.Error(), "user 2") {
			t.Errorf("named, the error is %v", err)
		}
	})
}
