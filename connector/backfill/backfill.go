package backfill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"vitalsink/connector"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// Source is where the records are.
type Source interface {
	// Fetch calls take with messages made of what a query asks for, and how
	// many records are in each. A message may come twice. It is no error if the
	// source does not know what was asked for.
	Fetch(ctx context.Context, q *connector.Query, take func(m *transforms.Message, rows int) error) (connector.Answer, error)
	// Workouts are the ids of those that a query asks for; of the answer there
	// are no rows.
	Workouts(ctx context.Context, q *connector.Query) ([]string, connector.Answer, error)
	// Pulls are what the source says of its pulls of a user's history.
	Pulls(ctx context.Context, userID string) ([]connector.Pull, error)
}

// Directory knows the people.
type Directory interface {
	// Person is one by Junction's id. The error is connector.ErrAbsent if there
	// is none.
	Person(ctx context.Context, userID string) (connector.Person, error)
	// People are all.
	People(ctx context.Context) iter.Seq2[connector.Person, error]
	// Team is the one whose people these are, "" if that is not known. An error
	// says that nothing can be asked.
	Team(ctx context.Context) (string, error)
}

// Notices are those of a warehouse. It shows what is folded.
type Notices interface {
	// UnansweredUsers are users with notices that no fetch has answered, in
	// order, those after the given one; none at the end.
	UnansweredUsers(ctx context.Context, after string) ([]string, error)
	// Unanswered are these notices, of users.
	Unanswered(ctx context.Context, users []string) ([]connector.Notice, error)
	// Leftovers are samples of streams that were fetched since a time, but are
	// not in the latest fetch; not all of them, perhaps.
	Leftovers(ctx context.Context, since time.Time) ([]connector.Leftover, error)
}

// History is what a warehouse knows of what was fetched by hand.
type History interface {
	// FetchedByHand are subjects of that, by user.
	FetchedByHand(ctx context.Context, users []string) (map[string][]string, error)
}

// Defaults of a Backfill.
const (
	defaultParallel = 4
	defaultRowRate  = 20_000
	defaultMaxBytes = 32 << 20
)

// Backfill fetches and publishes.
type Backfill struct {
	Source    Source              // Required.
	Directory Directory           // Required.
	Publisher connector.Publisher // Required, unless DryRun.
	Catalogue *schemas.Catalogue  // Required.
	Log       *slog.Logger        // Required.
	// Erased are people who are not asked for; to ask for one by name is
	// connector.ErrErased. It may change between passes. Optional.
	Erased connector.Erased
	// Parallel is how many resources of people are fetched at once. Optional,
	// default 4.
	Parallel int
	// RowRate is how many rows are published a second, at most. Optional,
	// default 20,000.
	RowRate float64
	// MaxBytes are on their way to be published, at most. Optional, default
	// 32 MiB.
	MaxBytes int64
	// DryRun only counts what there is to be done.
	DryRun bool

	once   sync.Once
	outlet *connector.Outlet
	tally  tally

	mu sync.Mutex
	// answered are versions of notices that this process has answered, in the
	// pass before or in this one: until that is folded, the warehouse shows them
	// as if nobody had.
	before, answered map[noticeKey]string
	people           map[string]connector.Person
	streams          map[string]connector.Answer // of workouts, among the people of now
	said             map[string]bool             // what was logged in this pass
	failures         map[string]int              // tasks that failed, one after the other, by resource
	team             string
}

// noticeKey tells notices apart.
type noticeKey struct{ table, user, subject string }

func keyOf(n *connector.Notice) noticeKey {
	return noticeKey{n.Table, n.Person.UserID, n.Subject()}
}

func (b *Backfill) setDefaults() {
	b.Parallel = cmp.Or(b.Parallel, defaultParallel)
	b.outlet = connector.NewOutlet(b.Publisher, cmp.Or(b.RowRate, defaultRowRate), cmp.Or(b.MaxBytes, defaultMaxBytes))
	b.answered, b.people, b.said = map[noticeKey]string{}, map[string]connector.Person{}, map[string]bool{}
	b.streams, b.failures = map[string]connector.Answer{}, map[string]int{}
}

// work does tasks side by side. One that fails is left to another time, with a
// word in the log; the error is one that concerns all of them.
func (b *Backfill) work(ctx context.Context, tasks []task) error {
	windows := 0
	for i := range tasks {
		windows += len(tasks[i].windows)
	}
	b.tally.add(func(r *Result) { r.Windows += windows })
	if b.DryRun {
		return nil
	}
	g, gctx := errgroup.WithContext(ctx)
	slots := semaphore.NewWeighted(int64(b.Parallel))
	for i := range tasks {
		if slots.Acquire(gctx, 1) != nil {
			break
		}
		g.Go(func() error { return b.settle(gctx, &tasks[i], func() { slots.Release(1) }) })
	}
	return errors.Join(g.Wait(), ctx.Err())
}

// settle does a task. It calls release when it asks no more questions: until
// all is safe, another task can. The error is one that concerns others too.
func (b *Backfill) settle(ctx context.Context, t *task, release func()) error {
	var pending []pending
	err := errLeftOut
	if b.row(t.endpoint.Resource) < mostFailures {
		pending, err = b.do(ctx, t)
	}
	asked := err
	if asked != nil {
		b.count(t.endpoint.Resource, asked) // before another task begins
	}
	release()
	// What was fetched before something failed is safe, or given up, too.
	for _, p := range pending {
		if pendingErr := b.finish(ctx, p); err == nil {
			err = pendingErr
		}
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, connector.ErrKey), errors.Is(err, connector.ErrPublish):
		return err
	}
	if asked == nil {
		b.count(t.endpoint.Resource, err)
	}
	if err == nil {
		return nil
	}
	b.tally.add(func(r *Result) { r.Failed += len(t.windows) - t.done; r.WindowsDone += len(t.windows) - t.done })
	if b.isNew(t.endpoint.Resource + ": " + err.Error()) {
		b.Log.Warn("could not be fetched, by now for one user at least; the next backfill tries again", "resource", t.endpoint.Resource, "error", err)
	}
	return b.isThere(ctx)
}

// mostFailures is how many tasks of a resource may fail one after the other: the
// others are left out then. After as many of any resource it is asked whether
// anybody is there.
const mostFailures = 20

var errLeftOut = fmt.Errorf("left out: it failed %d times in a row", mostFailures)

// anyResource stands for all of them in counts of failures.
const anyResource = ""

// row is how many tasks of a resource failed, one after the other.
func (b *Backfill) row(resource string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failures[resource]
}

// count enters how a task ended.
func (b *Backfill) count(resource string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, of := range []string{resource, anyResource} {
		if b.failures[of]++; err == nil {
			b.failures[of] = 0
		}
	}
}

// isThere is nil unless so much failed that it had to be asked whether anybody
// is there, and nobody is.
func (b *Backfill) isThere(ctx context.Context) error {
	b.mu.Lock()
	ask := b.failures[anyResource] >= mostFailures
	if ask {
		b.failures[anyResource] = 0
	}
	b.mu.Unlock()
	if !ask {
		return nil
	}
	if _, err := b.Directory.Team(ctx); err != nil {
		return fmt.Errorf("%d resources of people in a row could not be fetched: %w", mostFailures, err)
	}
	return nil
}

// isNew tells whether this has not been logged yet since the last pass began.
func (b *Backfill) isNew(what string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	is := !b.said[what]
	b.said[what] = true
	return is
}

// finish waits until a shipment is safe, and records it.
func (b *Backfill) finish(ctx context.Context, p pending) error {
	if err := p.shipment.Wait(); err != nil || p.record == nil {
		return err
	}
	return b.publishRecord(ctx, p.record)
}

// known is a person with all ids; what a notice lacks the source is asked for.
func (b *Backfill) known(ctx context.Context, p connector.Person) (connector.Person, error) {
	if p.TeamID != "" && p.ClientUserID != "" {
		return p, nil
	}
	b.mu.Lock()
	found, ok := b.people[p.UserID]
	b.mu.Unlock()
	if ok {
		return found, nil
	}
	found, err := b.Directory.Person(ctx, p.UserID)
	if err != nil {
		return p, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.people[p.UserID] = found
	return found, nil
}
