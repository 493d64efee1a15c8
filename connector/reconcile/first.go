package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// A first pass is cheap: for each person one request to introspection, and for
// each table the warehouse's number of rows and newest of them. It says where
// nothing can be, where something must be wrong, and where it is worth a look
// only now and then.

// of is a resource of a person, by the name that it has in events.
type of struct{ user, resource string }

// known is what both sides say of resources of some people, by provider.
type known struct {
	extents map[of][]connector.Extent
	tallies map[of][]connector.Tally
	absent  map[string]bool // people whom the source does not know any more
	silent  map[string]bool // people of whom introspection says nothing
}

// hashOf is a name of a person that tells nobody who it is.
func hashOf(userID string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(userID)))
	return hex.EncodeToString(sum[:8])
}

// turn tells whether it is the turn of a unit to be compared whatever the first
// pass says: each has its turn once in so many runs.
func (r *Reconcile) turn(user, resource string) bool {
	if r.Share <= 0 {
		return false
	}
	sum := sha256.Sum256([]byte(user + "/" + resource))
	return (binary.BigEndian.Uint64(sum[:8])+uint64(r.ordinal))%uint64(max(1, 1/r.Share)) == 0
}

// learn makes the first pass.
func (r *Reconcile) learn(ctx context.Context, people []connector.Person) (*known, error) {
	k := &known{map[of][]connector.Extent{}, map[of][]connector.Tally{}, map[string]bool{}, map[string]bool{}}
	if err := r.learnExtents(ctx, people, k); err != nil {
		return nil, err
	}
	users := make([]string, len(people))
	for i, p := range people {
		users[i] = p.UserID
	}
	slices.Sort(users)
	for _, t := range r.tables() {
		q := connector.FactsQuery{Table: t, Users: users}
		if t.DayColumn() != "" {
			q.From, q.Until = timeOf(r.window.from), timeOf(r.window.until)
		}
		if t.Index("resource") >= 0 {
			q.Resources = r.resourcesOf(t)
		}
		tallies, err := r.Warehouse.Tallies(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, one := range tallies {
			resource := one.Resource
			if resource == "" {
				resource = r.endpointsOf(t)[0].Resource
			}
			at := of{one.UserID, resource}
			k.tallies[at] = append(k.tallies[at], one)
			r.fresh(t.Name, resource, &one)
		}
	}
	return k, nil
}

// learnExtents asks introspection.
func (r *Reconcile) learnExtents(ctx context.Context, people []connector.Person, k *known) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(r.Parallel)
	for _, p := range people {
		g.Go(func() error {
			if err := r.spent(); err != nil {
				return err
			}
			extents, err := r.Source.Extents(gctx, p.UserID)
			r.mu.Lock()
			defer r.mu.Unlock()
			switch {
			case gctx.Err() != nil:
				return context.Cause(gctx)
			case errors.Is(err, connector.ErrKey):
				return err
			case errors.Is(err, connector.ErrAbsent):
				k.absent[p.UserID] = true
				return nil
			case err != nil:
				k.silent[p.UserID] = true
				r.warn("introspection does not answer, for one user at least: all of them is compared", "", err)
				return nil
			}
			for _, e := range extents {
				if endpoint, ok := r.Catalogue.Endpoint(e.Resource); ok {
					at := of{p.UserID, endpoint.Resource}
					k.extents[at] = append(k.extents[at], e)
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// worthALook decides about a unit in the days of the window: whether to compare
// it, and whether there is anything at all to be compared.
func (k *known) worthALook(user, resource string, in days) (look, there bool) {
	if k.silent[user] {
		return true, true
	}
	from, until := timeOf(in.from), timeOf(in.until)
	tallies := map[string]connector.Tally{}
	for _, t := range k.tallies[of{user, resource}] {
		tallies[t.Provider] = t
	}
	for _, e := range k.extents[of{user, resource}] {
		if tally, has := tallies[e.Provider]; has || !e.Newest.Before(from) && e.Oldest.Before(until) {
			there = true
			// The newest has not arrived, or there is more than ever was sent.
			look = look || !has || tally.Newest.Before(newestIn(e.Newest, tally.Newest, until)) || tally.Rows > e.Sent
		}
		delete(tallies, e.Provider)
	}
	// What is left the source knows nothing of.
	return look || len(tallies) > 0, there || len(tallies) > 0
}

// newestIn is the newest data of the source as far as the warehouse can show it:
// before the end of the window, and by day where that is all it shows.
func newestIn(newest, held, until time.Time) time.Time {
	if newest.After(until) {
		newest = until.Add(-1)
	}
	if held.Equal(held.Truncate(day)) {
		newest = newest.Truncate(day)
	}
	return newest
}

// tables are those with an endpoint that is compared.
func (r *Reconcile) tables() (all []*schemas.Table) {
	for _, t := range r.Catalogue.Versioned() {
		if len(r.endpointsOf(t)) > 0 {
			all = append(all, t)
		}
	}
	return all
}

// endpointsOf are those of a table that are compared: all that somebody wants,
// but not streams, which nothing announces day by day.
func (r *Reconcile) endpointsOf(t *schemas.Table) (all []schemas.Endpoint) {
	for _, e := range r.Catalogue.Endpoints() {
		wanted := len(r.Resources) == 0 || slices.Contains(r.Resources, e.Resource)
		if wanted && e.Form != schemas.FormColumns && r.Catalogue.Route(e.Event) == t {
			all = append(all, e)
		}
	}
	return all
}

func (r *Reconcile) resourcesOf(t *schemas.Table) (all []string) {
	for _, e := range r.endpointsOf(t) {
		all = append(all, e.Resource)
	}
	slices.Sort(all)
	return all
}
