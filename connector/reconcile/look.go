package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"vitalsink/connector"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// names gives texts numbers, of which there are few: providers.
type names struct {
	mu      sync.Mutex
	numbers map[string]int32
	texts   []string
}

func (n *names) of(text string) int32 {
	n.mu.Lock()
	defer n.mu.Unlock()
	i, ok := n.numbers[text]
	if !ok {
		if n.numbers == nil {
			n.numbers = map[string]int32{}
		}
		i = int32(len(n.texts))
		n.texts = append(n.texts, text)
		n.numbers[text] = i
	}
	return i
}

func (n *names) text(i int32) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.texts[i]
}

// look is a comparison of some units of a table, in some days.
type look struct {
	table *schemas.Table
	units []unit // in the order of the warehouse's rows
	in    days
	count func(func(*Result)) // what is done
	ended time.Time           // by then the source was asked about all of them
	seen  [][]candidate       // at a second look: of each unit
	extra []bool              // at a second look: of each unit, whether something seemed to be gone from the source
	// touched tells, at a second look, of which days and resources a batch is
	// still to be folded that was there at the first.
	touched func(resource string, day int32) bool

	done func(unit int) // at a second look: takes the result of each unit

	results []looked // of each unit
}

// inOrder sorts units as the warehouse's rows are sorted.
func inOrder(units []unit) {
	slices.SortFunc(units, func(a, b unit) int {
		return cmp.Or(strings.Compare(a.person.UserID, b.person.UserID), strings.Compare(a.resource, b.resource))
	})
}

// query is what the warehouse is asked for. As of the source, a day more at both
// ends: then a fact whose day has changed by one is not missing.
func (l *look) query(t *schemas.Table) connector.FactsQuery {
	q := connector.FactsQuery{Table: t}
	for _, u := range l.units {
		if n := len(q.Users); n == 0 || q.Users[n-1] != u.person.UserID {
			q.Users = append(q.Users, u.person.UserID)
		}
		if u.resource != "" && !slices.Contains(q.Resources, u.resource) {
			q.Resources = append(q.Resources, u.resource)
		}
	}
	slices.Sort(q.Resources)
	if t.DayColumn() != "" {
		q.From, q.Until = timeOf(l.in.from-1), timeOf(l.in.until+1)
	}
	return q
}

// gathered is what the warehouse has of a unit.
type gathered struct {
	facts []fact
	keys  map[digest][]any // of candidates: what a tombstone says of them
}

// look compares units: the warehouse's rows are read in one go, and as soon as
// all of a unit are there the source is asked, for some units side by side.
func (r *Reconcile) look(ctx context.Context, l *look, mend *mend) error {
	l.results = make([]looked, len(l.units))
	form := newForm(l.table)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(r.Parallel)
	at, have := 0, gathered{}
	next := func() {
		i, all := at, have
		at, have = at+1, gathered{}
		g.Go(func() error {
			err := r.settle(gctx, l, i, all, mend)
			if err == nil && l.done != nil {
				l.done(i)
			}
			return err
		})
	}
	err := r.Warehouse.Facts(gctx, l.query(form.table), func(row []any) error {
		user, _ := row[form.user].(string)
		resource := ""
		if form.resource >= 0 {
			resource, _ = row[form.resource].(string)
		}
		for at < len(l.units) && l.units[at].before(user, resource) {
			next()
		}
		if at < len(l.units) && l.units[at].person.UserID == user && l.units[at].resource == resource {
			have.add(form, row, r, l, at)
		}
		return gctx.Err()
	})
	for err == nil && at < len(l.units) {
		next()
	}
	waitErr := g.Wait()
	l.ended = time.Now()
	if waitErr != nil {
		return waitErr // and not that reading was ended for it
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", l.table.Name, err)
	}
	return nil
}

func (u *unit) before(user, resource string) bool {
	if u.person.UserID != user {
		return u.person.UserID < user
	}
	return u.resource < resource
}

func (g *gathered) add(form *form, row []any, r *Reconcile, l *look, at int) {
	one := form.fact(row, r.providers.of)
	g.facts = append(g.facts, one)
	if l.seen == nil || !r.DeleteExtra || !l.extra[at] || one.deleted || !isCandidate(l.seen[at], one.key) {
		return
	}
	if g.keys == nil {
		g.keys = map[digest][]any{}
	}
	g.keys[one.key] = row
}

// settle asks the source about a unit and compares. What fails is the unit's:
// the error is one that concerns all.
func (r *Reconcile) settle(ctx context.Context, l *look, i int, have gathered, mend *mend) error {
	if l.seen == nil {
		if err := r.spent(); err != nil {
			return err
		}
	}
	out, u := &l.results[i], &l.units[i]
	if l.seen != nil && len(l.seen[i]) == 0 {
		return nil
	}
	reader, err := r.reader(l.table)
	if err != nil {
		return err
	}
	defer r.decoders.Put(reader.decoder)
	warehouse := sorted(have.facts)
	gone := l.extra != nil && l.extra[i]
	if mend != nil && r.Repair {
		reader.take = mend.taker(l, i, warehouse)
	}
	// Whose day has changed by more than a day is not gone: only all that the
	// source has tells.
	wide := gone && u.endpoint.Dates && !l.table.IsKey(l.table.DayColumn())
	answer, err := reader.all(ctx, r.Source, u, l.in, wide)
	l.count(func(p *Result) { p.Units++; p.Rows += answer.Rows })
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, connector.ErrKey), errors.Is(err, connector.ErrPublish):
		return err
	case err != nil:
		out.err = err
		l.count(func(p *Result) { p.Failed++ })
		r.failed(u, err)
		return nil
	}
	if out.absent = answer.Absent; out.absent {
		l.count(func(p *Result) { p.Absent++ })
		return nil
	}
	out.compared = compare(reader.facts, warehouse, l.in, !u.endpoint.Dates)
	if l.seen == nil { // all that is kept
		out.seen, out.extra = candidates(out.differences), slices.ContainsFunc(out.differences, isExtra)
		out.differences = nil
		return nil
	}
	if mend != nil && r.DeleteExtra && gone {
		return mend.delete(l, i, have.keys, answer.Began)
	}
	return nil
}

// reader is one for a table.
func (r *Reconcile) reader(t *schemas.Table) (*reader, error) {
	d, ok := r.decoders.Get().(*transforms.Decoder)
	if !ok {
		var err error
		if d, err = transforms.NewDecoder(r.Catalogue); err != nil {
			return nil, err
		}
	}
	return &reader{form: newForm(t), table: t, decoder: d, providers: &r.providers}, nil
}
