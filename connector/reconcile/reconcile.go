package reconcile

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"vitalsink/connector"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// Source is where the facts come from.
type Source interface {
	// Fetch calls take with messages made of what a query asks for, and how
	// many records are in each. A message may come twice. It is no error if the
	// source does not know what was asked for.
	Fetch(ctx context.Context, q *connector.Query, take func(m *transforms.Message, rows int) error) (connector.Answer, error)
	// Extents are what the source says that it has of a user. The error is
	// connector.ErrAbsent if it does not know the user.
	Extents(ctx context.Context, userID string) ([]connector.Extent, error)
}

// Directory knows the people.
type Directory interface {
	// People are all.
	People(ctx context.Context) iter.Seq2[connector.Person, error]
	// Team is the one whose people these are. An error says that nothing can be
	// asked.
	Team(ctx context.Context) (string, error)
}

// Warehouse has the facts.
type Warehouse interface {
	// Facts calls take with each row of a latest table that a query asks for,
	// tombstones too, in order of user_id and then resource: a value for each
	// of the query's columns. An error of take ends it, and is returned.
	Facts(ctx context.Context, q connector.FactsQuery, take func(row []any) error) error
	// Tallies count them.
	Tallies(ctx context.Context, q connector.FactsQuery) ([]connector.Tally, error)
}

// Ledger is what a warehouse knows of itself.
type Ledger interface {
	connector.Bookkeeper
	// Pending are batches that are not folded.
	Pending(ctx context.Context) (*connector.Pending, error)
	// MergedSince are those that are, and were appended since a time.
	MergedSince(ctx context.Context, since time.Time) ([]connector.Registered, error)
	// Behind compares rows of such batches, all of one table, with the table.
	Behind(ctx context.Context, t *schemas.Table, batches []connector.Registered) ([]connector.Flaw, error)
	// Duplicates are keys with several rows: in days of the partition column if
	// that is part of the key, else anywhere. It is nil if there are none.
	Duplicates(ctx context.Context, t *schemas.Table, days []time.Time) (*connector.Flaw, error)
	// QuarantineGrowth counts rows in quarantine since a time, and since another
	// before that.
	QuarantineGrowth(ctx context.Context, since, before time.Time) ([]connector.Growth, error)
}

// Mender mends what no door can.
type Mender interface {
	// RemoveDuplicates leaves one row of each key, of the greatest version, and
	// returns how many it removed. The error is connector.ErrFenced if somebody
	// merged meanwhile.
	RemoveDuplicates(ctx context.Context, t *schemas.Table, days []time.Time) (removed int, err error)
}

// Diary keeps what was found.
type Diary interface {
	// Record appends findings.
	Record(ctx context.Context, findings []connector.Finding) error
	// Findings are those of a run or, if none is named, the marks of all that
	// began since a time, in order.
	Findings(ctx context.Context, runID string, since time.Time) ([]connector.Finding, error)
}

// Reconcile compares a warehouse with its source.
type Reconcile struct {
	Source    Source              // Required.
	Directory Directory           // Required.
	Warehouse Warehouse           // Required.
	Ledger    Ledger              // Required.
	Mender    Mender              // Required, if Repair.
	Diary     Diary               // Required.
	Publisher connector.Publisher // Required, if Repair or DeleteExtra.
	Catalogue *schemas.Catalogue  // Required.
	Log       *slog.Logger        // Required.

	// From and Until bound the days that are compared, Until not included.
	// Required.
	From, Until time.Time
	// Sample is how many older days are compared beside, others with every run.
	Sample int
	// Share of what the first pass finds nothing wrong with is compared all the
	// same, others with every run: from 0, nothing, to 1, all.
	Share float64
	// Users, by their ids, and Resources are compared; none for all.
	Users, Resources []string
	// Erased are people who are not compared: of them nothing is missing, and
	// nothing too much. To name one of them is connector.ErrErased. Optional.
	Erased connector.Erased
	// Settle is how long after the first look the second is: twice as long as an
	// event needs, at the most, from the source into the log.
	Settle time.Duration
	// MaxUnmerged is how long a batch may wait to be folded. Optional, default 2
	// hours.
	MaxUnmerged time.Duration

	Repair      bool // publish what is missing or stale, remove duplicates
	DeleteExtra bool // publish tombstones for what the source does not have any more
	// Fold folds what was published; nil if another process does.
	Fold func(ctx context.Context) error

	// Parallel is how many resources of people the source is asked for at once.
	// Optional, default 4.
	Parallel int
	// RowRate and MaxBytes bound what is published, see connector.Outlet.
	// Optional, default 20,000 rows a second and 32 MiB on their way.
	RowRate  float64
	MaxBytes int64
	// Spent is how many requests were made and bytes billed so far. Optional.
	Spent func() (requests, bytes int64)
	// MaxRequests and MaxBilled bound them: when they are reached no more people
	// are looked at, but those who were are looked at again, for else all that
	// was spent on them would be lost. Then the error is ErrSpent, or, if nobody's
	// turn came to its end, ErrTooLittle. 0 for no bound.
	MaxRequests, MaxBilled int64
	// ChunkUsers is how many people are looked at together. Optional, default 100,
	// or as many as MaxRequests is likely to do for twice.
	ChunkUsers int
	// Resume goes on with the last run, if it was stopped.
	Resume bool

	window    days
	ordinal   int // see begun
	outlet    *connector.Outlet
	decoders  sync.Pool
	providers names
	progress  progress
	run       run

	mu     sync.Mutex
	newest map[scope]time.Time // of the facts
	// suspect are tables with which something is wrong by themselves: all of them
	// is compared. earliest is a day of what is.
	suspect  map[string]bool
	earliest time.Time
	said     map[string]bool // what was logged
}

const (
	mostChunks  = 64      // of them, that wait for their second look
	mostWaiting = 4 << 20 // candidates that do, each 24 bytes
	pastRuns    = 400 * day
)

// Errors of Run; compare with errors.Is.
var (
	// ErrSpent: it stopped since it may not ask for more.
	ErrSpent = errors.New("it may not ask for more")
	// ErrTooLittle: likewise, and got nowhere; with as much it never will.
	ErrTooLittle = errors.New("it may not ask for as much as the next people take")
)

func (r *Reconcile) now() time.Time { return time.Now().UTC() }

// spent is ErrSpent if enough was asked for.
func (r *Reconcile) spent() error {
	if r.Spent == nil {
		return nil
	}
	requests, bytes := r.Spent()
	if r.MaxRequests > 0 && requests >= r.MaxRequests || r.MaxBilled > 0 && bytes >= r.MaxBilled {
		return ErrSpent
	}
	return nil
}

// failed says that the source did not answer about a unit.
func (r *Reconcile) failed(u *unit, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.warn("could not be compared, for one user at least", u.endpoint.Resource, err)
}

// warn logs something once. The caller holds mu, or is alone.
func (r *Reconcile) warn(what, about string, err error) {
	key := what + about + err.Error()
	if !r.said[key] {
		r.said[key] = true
		r.Log.Warn(what, "of", about, "error", err)
	}
}

// Run compares, and mends if that is asked for. What it found is complete
// unless there is an error; then it is what was found until then, and recorded.
func (r *Reconcile) Run(ctx context.Context) (*Report, error) {
	r.progress.begin()
	r.Parallel, r.MaxUnmerged = cmp.Or(r.Parallel, 4), cmp.Or(r.MaxUnmerged, 2*time.Hour)
	r.outlet = connector.NewOutlet(r.Publisher, cmp.Or(r.RowRate, 20_000), cmp.Or(r.MaxBytes, 32<<20))
	r.newest, r.said = map[scope]time.Time{}, map[string]bool{}
	if _, err := r.Directory.Team(ctx); err != nil {
		return nil, err
	}
	people, err := r.people(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	err = r.all(ctx, people)
	return r.end(ctx, err)
}

// people are those who are compared, in the order of their hashes.
func (r *Reconcile) people(ctx context.Context) (all []connector.Person, err error) {
	if slices.ContainsFunc(r.Users, r.Erased.Has) {
		return nil, connector.ErrErased
	}
	for p, err := range r.Directory.People(ctx) {
		if err != nil {
			return nil, err
		}
		if len(r.Users) > 0 && !slices.Contains(r.Users, p.UserID) {
			continue
		}
		if r.Erased.Has(p.UserID) {
			r.progress.add(func(p *Result) { p.Erased++ })
			continue
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b connector.Person) int { return strings.Compare(hashOf(a.UserID), hashOf(b.UserID)) })
	if len(all) < len(slices.Compact(slices.Sorted(slices.Values(r.Users)))) {
		return nil, connector.ErrAbsent
	}
	return all, nil
}

// all inspects the warehouse and compares people, then looks whether what was
// mended is.
func (r *Reconcile) all(ctx context.Context, people []connector.Person) error {
	before, err := r.inspect(ctx, r.Repair)
	if err != nil {
		return err
	}
	r.suspect = before.suspects()
	if r.run.found.inspected() { // by a process before
		before = r.run.found.mended(before)
	}
	if err := r.record(ctx, before, nil); err != nil {
		return err
	}
	done, _ := slices.BinarySearchFunc(people, r.run.upTo, func(p connector.Person, upTo string) int {
		if hashOf(p.UserID) <= upTo {
			return -1
		}
		return 1
	})
	r.progress.add(func(p *Result) { p.Users, p.UsersDone = len(people), done })
	if err := r.walk(ctx, people[done:]); err != nil {
		return err
	}
	if err := r.record(ctx, r.freshness(), nil); err != nil {
		return err
	}
	if !r.Repair || !r.run.found.open() {
		return nil
	}
	// What was published may have mended that, as soon as it is folded.
	if r.Fold == nil {
		err = sleep(ctx, r.Settle)
	} else {
		err = r.Fold(ctx)
	}
	if err != nil {
		return err
	}
	after, err := r.inspect(ctx, false)
	if err != nil {
		return err
	}
	return r.record(ctx, r.run.found.gone(after), nil)
}

// walk compares people, some at a time. First looks come one after the other,
// and while their second looks are waited for, others begin. What is found is
// recorded in the order of the people.
func (r *Reconcile) walk(ctx context.Context, people []connector.Person) error {
	g, gctx := errgroup.WithContext(ctx)
	chunks, candidates, turn := semaphore.NewWeighted(mostChunks), semaphore.NewWeighted(mostWaiting), semaphore.NewWeighted(1)
	before := make(chan struct{})
	close(before)
	var spent error
	looked := 0
	for some := range slices.Chunk(people, r.chunkUsers()) {
		if chunks.Acquire(gctx, 1) != nil {
			break
		}
		c := &chunk{Reconcile: r, people: some}
		err := c.first(gctx)
		if errors.Is(err, ErrSpent) {
			if spent = err; looked == 0 {
				spent = ErrTooLittle
			}
			break
		}
		if err != nil {
			g.Go(func() error { return err })
			break
		}
		looked++
		kept := min(c.waiting, mostWaiting)
		if candidates.Acquire(gctx, kept) != nil {
			break
		}
		after, recorded := before, make(chan struct{})
		before = recorded
		g.Go(func() error {
			defer chunks.Release(1)
			defer candidates.Release(kept)
			if err := c.second(gctx, turn); err != nil {
				return err
			}
			select {
			case <-after:
			case <-gctx.Done():
				return context.Cause(gctx)
			}
			defer close(recorded)
			return r.record(gctx, c.sums, c)
		})
	}
	if err := errors.Join(g.Wait(), ctx.Err()); err != nil {
		return err
	}
	return spent
}

// chunkUsers is how many people are looked at together: of what was not looked
// at to its end nothing is recorded.
func (r *Reconcile) chunkUsers() int {
	n := cmp.Or(r.ChunkUsers, 100)
	if r.MaxRequests > 0 {
		each := int64(1) // introspection
		for _, t := range r.tables() {
			each += int64(len(r.endpointsOf(t)) * (1 + int(r.window.until-r.window.from)/windowDays))
		}
		n = min(n, int(max(1, r.MaxRequests/(2*each))))
	}
	return n
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
