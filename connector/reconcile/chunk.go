package reconcile

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// chunk is some people who are looked at together.
type chunk struct {
	*Reconcile
	people  []connector.Person
	looks   []*look
	waiting int64 // candidates that are kept until the second look
	sums    sums
	done    progress // with these people
}

// count counts what is done with the people, and so in all.
func (c *chunk) count(f func(*Result)) {
	c.done.add(f)
	c.progress.add(f)
}

// first learns what there is, and compares what is worth it.
func (c *chunk) first(ctx context.Context) error {
	k, err := c.learn(ctx, c.people)
	if err != nil {
		return err
	}
	sample := c.sampleDays(k)
	c.count(func(r *Result) {
		r.UserDays += (len(c.people) - len(k.absent)) * int(c.window.until-c.window.from+sample.until-sample.from)
	})
	for _, t := range c.tables() {
		units := c.inWindow(k, t)
		if t.DayColumn() == "" {
			c.plan(t, c.window, units)
			continue
		}
		for _, in := range c.window.blocks() {
			c.plan(t, in, slices.Clone(units))
		}
		if sample.from < sample.until {
			c.plan(t, sample, c.inSample(k, t, sample))
		}
	}
	for _, l := range c.looks {
		if err := c.look(ctx, l, nil); err != nil {
			return err
		}
		c.waiting += l.keep(c)
	}
	c.count(func(r *Result) { r.Again += int(c.waiting) })
	return nil
}

func (c *chunk) plan(t *schemas.Table, in days, units []unit) {
	if len(units) > 0 {
		inOrder(units)
		c.looks = append(c.looks, &look{table: t, in: in, units: units, count: c.count})
	}
}

// inWindow are the units of a table that are compared in the window: those that
// are worth a look, and those whose turn it is.
func (c *chunk) inWindow(k *known, t *schemas.Table) (units []unit) {
	for _, p := range c.people {
		if k.absent[p.UserID] {
			continue
		}
		for _, e := range c.endpointsOf(t) {
			look, there := k.worthALook(p.UserID, e.Resource, c.window)
			look = look || there && c.suspect[t.Name]
			if !e.Dates { // introspection does not know of these
				look, there = true, true
			}
			switch {
			case look || there && c.turn(p.UserID, e.Resource):
				units = append(units, unitOf(p, e, t))
			case there:
				c.count(func(r *Result) { r.Passed++ })
			}
		}
	}
	return units
}

func unitOf(p connector.Person, e schemas.Endpoint, t *schemas.Table) unit {
	u := unit{person: p, endpoint: e}
	if t.Index("resource") >= 0 {
		u.resource = e.Resource
	}
	return u
}

// sampleDays are days before the window, others with every run: in time it
// walks through all that the source has of these people.
func (c *chunk) sampleDays(k *known) days {
	oldest := c.window.from
	for _, extents := range k.extents {
		for _, e := range extents {
			if !e.Oldest.Before(earliest) {
				oldest = min(oldest, dayOf(e.Oldest))
			}
		}
	}
	if c.Sample <= 0 || oldest == c.window.from {
		return days{}
	}
	blocks := (int(c.window.from-oldest) + c.Sample - 1) / c.Sample
	until := c.window.from - int32(c.ordinal%blocks*c.Sample)
	return days{from: max(oldest, until-int32(c.Sample)), until: until}
}

// inSample are the units of a table of which the source has something in these
// days, or on both sides of them.
func (c *chunk) inSample(k *known, t *schemas.Table, in days) (units []unit) {
	for _, p := range c.people {
		for _, e := range c.endpointsOf(t) {
			has := func(x connector.Extent) bool {
				return !x.Newest.IsZero() && dayOf(x.Oldest) < in.until && dayOf(x.Newest) >= in.from
			}
			if e.Dates && slices.ContainsFunc(k.extents[of{p.UserID, e.Resource}], has) {
				units = append(units, unitOf(p, e, t))
			}
		}
	}
	return units
}

// keep keeps of a first look what the second has to know, and says how many
// candidates that is. What agrees is entered.
func (l *look) keep(c *chunk) (n int64) {
	l.seen, l.extra = make([][]candidate, len(l.units)), make([]bool, len(l.units))
	for i := range l.results {
		out := &l.results[i]
		if len(out.seen) == 0 {
			c.sums.enter(c.Reconcile, l, i)
		}
		l.seen[i], l.extra[i] = out.seen, out.extra
		n += int64(len(out.seen))
	}
	return n
}

// second looks once more at what differed, after a while, and mends what is
// confirmed.
func (c *chunk) second(ctx context.Context, turn *semaphore.Weighted) error {
	for _, l := range c.looks {
		again := l.again()
		if len(again.units) == 0 {
			continue
		}
		if err := sleep(ctx, time.Until(l.ended.Add(c.Settle))); err != nil {
			return err
		}
		if err := turn.Acquire(ctx, 1); err != nil {
			return context.Cause(ctx)
		}
		err := c.confirm(ctx, l, again)
		turn.Release(1)
		if err != nil {
			return err
		}
	}
	return nil
}

// again is a second look at the units that differed.
func (l *look) again() *look {
	again := &look{table: l.table, in: l.in, count: l.count}
	for i := range l.units {
		if len(l.seen[i]) > 0 {
			again.units, again.seen, again.extra = append(again.units, l.units[i]), append(again.seen, l.seen[i]), append(again.extra, l.extra[i])
		}
	}
	return again
}

// confirm makes the second look, and enters what came of it.
func (c *chunk) confirm(ctx context.Context, l, again *look) error {
	if c.Fold != nil && (c.Repair || c.DeleteExtra) { // what was published for others would be taken for what is on its way
		if err := c.Fold(ctx); err != nil {
			return err
		}
	}
	// Before the rows: what is folded in between is in them.
	pending, err := c.Ledger.Pending(ctx)
	if err != nil {
		return err
	}
	again.touched = touched(pending.Batches, l.table, l.ended.Add(c.Settle/2))
	m := c.newMend(ctx)
	again.done = c.judge(l, again, m)
	err = c.look(ctx, again, m)
	if m != nil {
		if waitErr := m.shipment.Wait(); err == nil {
			err = waitErr
		}
	}
	return err
}

// judge enters what a second look at a unit brought, as soon as it is there: all
// of its differences are in memory until then.
func (c *chunk) judge(l, again *look, m *mend) func(unit int) {
	var first []int // where the units are in the first look
	for i := range l.units {
		if len(l.seen[i]) > 0 {
			first = append(first, i)
		}
	}
	var mu sync.Mutex
	return func(unit int) {
		mu.Lock()
		defer mu.Unlock()
		of, at := again, unit
		if !c.sums.judge(c.Reconcile, again, unit, m) {
			of, at = l, first[unit]
			c.sums.unsettled(c.Reconcile, l, at)
		}
		c.sums.enter(c.Reconcile, of, at)
	}
}

// touched tells of which days and resources of a table there are rows that were
// appended before a time and are not folded.
func touched(pending []connector.Registered, t *schemas.Table, before time.Time) func(resource string, day int32) bool {
	byDay := t.Partition != nil && t.Partition.Column == t.DayColumn()
	var of []connector.Registered
	for _, b := range pending {
		if b.Table == t.Name && b.AppendedAt.Before(before) {
			of = append(of, b)
		}
	}
	return func(resource string, day int32) bool {
		return slices.ContainsFunc(of, func(b connector.Registered) bool {
			if !byDay {
				return true
			}
			return slices.ContainsFunc(b.Days, func(d time.Time) bool { return dayOf(d) == day }) &&
				(len(b.Resources) == 0 || slices.Contains(b.Resources, resource))
		})
	}
}
