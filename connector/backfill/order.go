package backfill

import (
	"context"
	"fmt"
	"slices"
	"time"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// Order is what somebody asks for by hand.
type Order struct {
	Users     []string // none for all
	Endpoints []schemas.Endpoint
	Providers []string // none for all
	From, To  time.Time
	// Finished, if it is given, leaves out what an order of the same range has
	// fetched before.
	Finished History
}

// Outside tells whether a range is one that no table takes.
func Outside(from, to time.Time) bool { return len(windows(from, to, time.Now())) == 0 }

// Fetch does what somebody asks for by hand, and records it.
func (b *Backfill) Fetch(ctx context.Context, o Order) error {
	b.once.Do(b.setDefaults)
	if err := b.beginPass(ctx); err != nil {
		return err
	}
	people, err := b.peopleOf(ctx, o.Users)
	if err != nil {
		return err
	}
	b.tally.add(func(r *Result) { r.Users = len(people) })
	for chunk := range slices.Chunk(people, chunkUsers) {
		finished, err := o.finished(ctx, chunk)
		if err != nil {
			return err
		}
		var tasks []task
		for _, p := range chunk {
			tasks = append(tasks, o.tasks(p, finished[p.UserID])...)
		}
		if err := b.work(ctx, tasks); err != nil {
			return err
		}
	}
	return nil
}

// finished are subjects of what need not be fetched again, by user.
func (o *Order) finished(ctx context.Context, people []connector.Person) (map[string][]string, error) {
	if o.Finished == nil {
		return nil, nil
	}
	ids := make([]string, len(people))
	for i, p := range people {
		ids[i] = p.UserID
	}
	return o.Finished.FetchedByHand(ctx, ids)
}

// tasks are those of a person, but for what is finished.
func (o *Order) tasks(p connector.Person, finished []string) (all []task) {
	providers := o.Providers
	if len(providers) == 0 {
		providers = []string{""}
	}
	for _, e := range o.Endpoints {
		for _, provider := range providers {
			n := &connector.Notice{Table: byHand, Person: p, Resource: e.Resource, Provider: provider, Start: o.From, End: o.To}
			if slices.Contains(finished, n.Subject()) {
				continue
			}
			t := task{person: p, endpoint: e, provider: provider, notice: n}
			t.setWindows(o.From, o.To)
			all = append(all, t)
		}
	}
	return all
}

// peopleOf are the people with these ids, or all.
func (b *Backfill) peopleOf(ctx context.Context, ids []string) (people []connector.Person, err error) {
	for i, id := range ids {
		if slices.Contains(ids[:i], id) {
			continue
		}
		if b.Erased.Has(id) {
			return nil, fmt.Errorf("user %d of %d that were named: %w", i+1, len(ids), connector.ErrErased)
		}
		p, err := b.Directory.Person(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("user %d of %d that were named: %w", i+1, len(ids), err)
		}
		people = append(people, p)
	}
	if len(ids) > 0 {
		return people, nil
	}
	for p, err := range b.Directory.People(ctx) {
		if err != nil {
			return nil, err
		}
		if b.Erased.Has(p.UserID) {
			b.tally.add(func(r *Result) { r.Erased++ })
			continue
		}
		people = append(people, p)
	}
	return people, nil
}
