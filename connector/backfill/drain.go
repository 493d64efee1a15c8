package backfill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"vitalsink/connector"
)

// chunkUsers is how many users' notices are read at a time.
const chunkUsers = 500

// Filter says which notices are wanted; what is empty lets all pass.
type Filter struct {
	Users, Resources, Providers []string
	// RecordOnly marks completions as answered, with what introspection says
	// beside: for subscriptions that deliver history as events. Streams are
	// fetched all the same, since they never come as events.
	RecordOnly bool
}

func (f *Filter) wants(n *connector.Notice, resource string) bool {
	has := func(list []string, one string) bool { return len(list) == 0 || slices.Contains(list, one) }
	return has(f.Users, n.Person.UserID) && has(f.Resources, resource) && has(f.Providers, n.Provider)
}

// Drain answers all notices that nobody has answered. One that cannot be
// answered now is left to the next time; Result tells how many.
func (b *Backfill) Drain(ctx context.Context, notices Notices, filter Filter) error {
	b.once.Do(b.setDefaults)
	for i, id := range filter.Users {
		if b.Erased.Has(id) {
			return fmt.Errorf("user %d of %d that were named: %w", i+1, len(filter.Users), connector.ErrErased)
		}
	}
	if err := b.beginPass(ctx); err != nil {
		return err
	}
	for after := ""; ; {
		users, err := notices.UnansweredUsers(ctx, after)
		if err != nil || len(users) == 0 {
			return err
		}
		after = users[len(users)-1]
		users = b.notErased(users, &filter)
		for chunk := range slices.Chunk(users, chunkUsers) {
			if err := b.drainChunk(ctx, notices, filter, chunk); err != nil {
				return err
			}
		}
	}
}

// notErased are those of some users who are not erased.
func (b *Backfill) notErased(users []string, filter *Filter) []string {
	left := slices.DeleteFunc(slices.Clone(users), b.Erased.Has)
	if len(filter.Users) == 0 { // else they were not wanted anyway
		b.tally.add(func(r *Result) { r.Erased += len(users) - len(left) })
	}
	return left
}

// beginPass forgets what the pass before logged, and what it answered, but for
// what this one is still shown: no more is remembered than is not folded yet.
func (b *Backfill) beginPass(ctx context.Context) (err error) {
	if !b.DryRun {
		if b.team, err = b.Directory.Team(ctx); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.said)
	clear(b.failures)
	b.before, b.answered = b.answered, map[noticeKey]string{}
	return nil
}

// isForeign tells whether a notice is of another team, whose people the key does
// not know: one topic can carry several. A backfill with their key answers it.
func (b *Backfill) isForeign(n *connector.Notice) bool {
	foreign := b.team != "" && n.Person.TeamID != "" && n.Person.TeamID != b.team
	if foreign && b.isNew("teams") {
		b.Log.Info("what was announced for other teams is left to backfills with their keys")
	}
	return foreign
}

// drainChunk answers the notices of some users.
func (b *Backfill) drainChunk(ctx context.Context, notices Notices, filter Filter, users []string) error {
	all, err := notices.Unanswered(ctx, users)
	if err != nil {
		return err
	}
	var tasks []task
	marked := map[string][]*connector.Notice{} // by user
	seen := map[string]bool{}
	for i := range all {
		n := &all[i]
		t, ok := b.taskOf(n)
		if b.wasAnswered(n) || !filter.wants(n, t.endpoint.Resource) {
			continue
		}
		if b.isForeign(n) {
			b.tally.add(func(r *Result) { r.Foreign++ })
			continue
		}
		seen[n.Person.UserID] = true
		if !ok {
			t.windows, t.nowhere = nil, true
		}
		if filter.RecordOnly && !isStream(n) {
			marked[n.Person.UserID] = append(marked[n.Person.UserID], n)
			continue
		}
		tasks = append(tasks, t)
	}
	b.tally.add(func(r *Result) {
		r.Users += len(seen)
		r.Notices += len(tasks)
		for _, of := range marked {
			r.Notices += len(of)
		}
	})
	// Streams first: the pull of all of somebody's streams need not ask again.
	slices.SortStableFunc(tasks, func(x, y task) int {
		return cmp.Or(strings.Compare(x.person.UserID, y.person.UserID), -strings.Compare(x.workout, y.workout))
	})
	b.forgetPeople()
	if err := b.work(ctx, tasks); err != nil || b.DryRun {
		return err
	}
	return b.mark(ctx, marked)
}

// forgetPeople keeps what is known of people from growing.
func (b *Backfill) forgetPeople() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.people)
	clear(b.streams)
}

// mostRecords is how many records are on their way at once: each waits until it
// is safe.
const mostRecords = 500

// mark records completions without fetching anything.
func (b *Backfill) mark(ctx context.Context, marked map[string][]*connector.Notice) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(mostRecords)
	for user, of := range marked {
		pulls, err := b.Source.Pulls(gctx, user)
		if gctx.Err() != nil {
			break
		}
		if errors.Is(err, connector.ErrKey) {
			return errors.Join(err, g.Wait())
		}
		if err != nil && b.isNew("introspection: "+err.Error()) {
			b.Log.Warn("introspection does not answer; what it says is left out", "error", err)
		}
		for _, n := range of {
			r := record{person: n.Person, outcome: recorded}
			for i := range pulls {
				if pulls[i].Resource == n.Resource && pulls[i].Provider == n.Provider {
					r.pull = &pulls[i]
				}
			}
			g.Go(func() error { return b.publishRecord(gctx, recordOf(n, r)) })
		}
	}
	return errors.Join(g.Wait(), ctx.Err())
}
