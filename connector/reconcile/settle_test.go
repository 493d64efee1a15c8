package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"vitalsink/connector"
	"vitalsink/connector/reconcile"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// pair is a source that has a heart rate of each of its people, and a warehouse
// that has none, but for what a test puts there. Its clock is that of a bubble.
type pair struct {
	catalogue *schemas.Catalogue
	people    int
	takes     time.Duration // for an answer

	mu       sync.Mutex
	requests int64
	fetched  map[string][]time.Time // the begin of each request, by person
	rows     map[string][]any       // of the warehouse, by person, with all columns
	pending  []connector.Registered
	recorded []connector.Finding
	broken   error // of Duplicates
}

// newPair is one at a time at which tables take facts.
func newPair(t *testing.T, people int) *pair {
	t.Helper()
	catalogue, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)))
	return &pair{catalogue: catalogue, people: people, fetched: map[string][]time.Time{}, rows: map[string][]any{}}
}

func (p *pair) count(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *pair) Team(context.Context) (string, error) { return "t", nil }

func (p *pair) People(context.Context) iter.Seq2[connector.Person, error] {
	return func(yield func(connector.Person, error) bool) {
		for i := range p.people {
			if !yield(connector.Person{UserID: fmt.Sprint("user ", i)}, nil) {
				return
			}
		}
	}
}

func (p *pair) Extents(context.Context, string) ([]connector.Extent, error) {
	p.count(func() { p.requests++ })
	at := time.Now().Add(-24 * time.Hour)
	return []connector.Extent{{Provider: "oura", Resource: "heartrate", Oldest: at, Newest: at, Sent: 1}}, nil
}

func message(userID string, began time.Time) transforms.Message {
	m := transforms.NewMessage("m "+userID, "daily.data.heartrate.created", began, fmt.Appendf(nil,
		`{"event_type":"daily.data.heartrate.created","user_id":%q,"data":{"source":{"provider":"oura","type":"ring"},"data":[{"timestamp":"2026-03-04T08:00:00Z","value":60}]}}`, userID))
	m.PublishTime = began
	return m
}

func (p *pair) Fetch(ctx context.Context, q *connector.Query, take func(*transforms.Message, int) error) (connector.Answer, error) {
	began := time.Now().UTC()
	p.count(func() {
		p.requests++
		p.fetched[q.Person.UserID] = append(p.fetched[q.Person.UserID], began)
	})
	select {
	case <-time.After(p.takes):
	case <-ctx.Done():
		return connector.Answer{}, ctx.Err()
	}
	m := message(q.Person.UserID, began)
	return connector.Answer{Began: began, Rows: 1, Requests: 1}, take(&m, 1)
}

// holds puts a row into the warehouse: what a message told, with a value of its
// own.
func (p *pair) holds(t *testing.T, m transforms.Message, value float64) {
	t.Helper()
	d, err := transforms.NewDecoder(p.catalogue)
	if err != nil {
		t.Fatal(err)
	}
	table := p.catalogue.Table(schemas.TimeseriesTable)
	b := transforms.NewBuilder(memory.DefaultAllocator, table)
	defer b.Release()
	b.Append(d.Decode(&m))
	record := b.NewRecord()
	defer record.Release()
	row := transforms.Values(record, table.Columns, 0)
	row[table.Index("value")] = value
	p.rows[row[table.Index("user_id")].(string)] = row
}

func (p *pair) Facts(_ context.Context, q connector.FactsQuery, take func(row []any) error) error {
	all := p.catalogue.Table(q.Table.Name)
	for _, user := range q.Users {
		row := p.rows[user]
		if row == nil || all.Name != schemas.TimeseriesTable {
			continue
		}
		var some []any
		for _, c := range q.Table.Columns {
			some = append(some, row[all.Index(c.Name)])
		}
		if err := take(some); err != nil {
			return err
		}
	}
	return nil
}

func (p *pair) Tallies(context.Context, connector.FactsQuery) ([]connector.Tally, error) {
	return nil, nil
}

func (p *pair) BooksOf(context.Context, connector.Window) (connector.WindowBooks, error) {
	return nil, nil
}

func (p *pair) Pending(context.Context) (*connector.Pending, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return &connector.Pending{Batches: slices.Clone(p.pending)}, nil
}

func (p *pair) MergedSince(context.Context, time.Time) ([]connector.Registered, error) {
	return nil, nil
}

func (p *pair) Behind(context.Context, *schemas.Table, []connector.Registered) ([]connector.Flaw, error) {
	return nil, nil
}

// Duplicates there are in one table.
func (p *pair) Duplicates(_ context.Context, t *schemas.Table, _ []time.Time) (*connector.Flaw, error) {
	if p.broken != nil || t.Name != "sleep" {
		return nil, p.broken
	}
	return &connector.Flaw{Check: connector.CheckDuplicate, Rows: 3}, nil
}

func (p *pair) QuarantineGrowth(context.Context, time.Time, time.Time) ([]connector.Growth, error) {
	return nil, nil
}

func (p *pair) RemoveDuplicates(context.Context, *schemas.Table, []time.Time) (int, error) {
	return 3, nil
}

func (p *pair) Record(_ context.Context, findings []connector.Finding) error {
	p.count(func() { p.recorded = append(p.recorded, findings...) })
	return nil
}

func (p *pair) Findings(_ context.Context, runID string, _ time.Time) (all []connector.Finding, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.recorded {
		mark := f.Check == connector.CheckBegun || f.Check == connector.CheckProgress || f.Check == connector.CheckRun
		if f.RunID == runID || runID == "" && mark {
			all = append(all, f)
		}
	}
	return all, nil
}

// Publish appends, and leaves it to be folded.
func (p *pair) Publish(context.Context, *transforms.Message) error {
	p.count(func() {
		p.pending = append(p.pending, connector.Registered{
			Table: schemas.TimeseriesTable, AppendedAt: time.Now(), Days: []time.Time{time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)}, Resources: []string{"heartrate"},
		})
	})
	return nil
}

// reconcile is one of the heart rates of a week, person by person.
func (p *pair) reconcile() *reconcile.Reconcile {
	before := p.requests
	until := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1)
	return &reconcile.Reconcile{
		Source: p, Directory: p, Warehouse: p, Ledger: p, Mender: p, Diary: p, Publisher: p, Catalogue: p.catalogue, Log: slog.New(slog.DiscardHandler),
		From: until.AddDate(0, 0, -7), Until: until, Share: 1, Resources: []string{"heartrate"}, ChunkUsers: 1, Parallel: 1, Settle: 15 * time.Minute,
		Spent: func() (int64, int64) {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.requests - before, 0
		},
	}
}

// against is the drift that only the source tells of: the rest are duplicates.
func against(r *reconcile.Report) int { return r.Drift - 3 }

// TestSecondLookWaits: however long the source takes for all, nothing is looked
// at again before --settle has passed since it was asked.
func TestSecondLookWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, 4)
		p.takes = 10 * time.Minute
		for i := range 3 { // only the last differs
			p.holds(t, message(fmt.Sprint("user ", i), time.Now()), 60)
		}
		r := p.reconcile()
		r.ChunkUsers = 4
		report, err := r.Run(t.Context())
		if err != nil || against(report) != 1 {
			t.Errorf("%+v, %v", report, err)
		}
		if at := p.fetched["user 3"]; len(at) != 2 || at[1].Sub(at[0]) < r.Settle {
			t.Errorf("it is looked at at %v", at)
		}
	})
}

// TestBudgetIsOfUse: whoever was looked at before a budget was used up is looked
// at again, however long that takes, and does not count as still to be done.
func TestBudgetIsOfUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, 5)
		var id string
		for _, done := range []int{2, 4, 5} {
			r := p.reconcile()
			r.MaxRequests, r.Resume = 5, true
			report, err := r.Run(t.Context())
			if last := done == 5; last && err != nil || !last && !errors.Is(err, reconcile.ErrSpent) {
				t.Fatal(err)
			}
			if report.UsersDone != done || against(report) != done || id != "" && report.RunID != id {
				t.Errorf("after %d people it says %+v", done, report)
			}
			id = report.RunID
		}
		r := p.reconcile()
		r.MaxRequests = 1
		if report, err := r.Run(t.Context()); !errors.Is(err, reconcile.ErrTooLittle) || report.Outcome != reconcile.Stopped || report.RunID == id {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

// TestStoppedInside: a run that was stopped while it looked at the warehouse by
// itself does so again, and one that was stopped later does not count it twice.
func TestStoppedInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, 5)
		p.broken = errors.New("out of reach")
		r := p.reconcile()
		if _, err := r.Run(t.Context()); !errors.Is(err, p.broken) {
			t.Error(err)
		}
		p.broken = nil
		var id string
		for _, done := range []int{2, 5} {
			r := p.reconcile()
			r.Resume, r.Repair = true, done == 5
			if done < 5 {
				r.MaxRequests = 5
			}
			report, err := r.Run(t.Context())
			if err != nil && done == 5 || report.UsersDone != done || against(report) != done || id != "" && report.RunID != id {
				t.Errorf("%+v, %v", report, err)
			}
			// Of those who were compared without --repair nothing was.
			if done == 5 && report.Repaired != 3+3 {
				t.Errorf("%d are repaired, want 3 duplicates and what 3 people missed", report.Repaired)
			}
			id = report.RunID
		}
	})
}

// TestRepairsOfOthers: where this process folds, what it published for some
// people does not make of others what is on its way.
func TestRepairsOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, 5)
		p.takes = time.Second
		r := p.reconcile()
		r.Repair, r.Settle = true, 0
		r.Fold = func(context.Context) error {
			p.count(func() { p.pending = nil })
			return nil
		}
		if report, err := r.Run(t.Context()); err != nil || report.Unsettled != 0 || report.Repaired != 5+3 || report.Outcome != reconcile.Repaired {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

// TestNewerWins: what is published for a row with a newer version would change
// nothing, so the row is not repaired.
func TestNewerWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, 2)
		p.holds(t, message("user 0", time.Now().Add(-time.Hour)), 61)
		p.holds(t, message("user 1", time.Now().Add(time.Hour)), 61)
		r := p.reconcile()
		r.Repair = true
		if report, err := r.Run(t.Context()); err != nil || against(report) != 2 || report.Repaired != 1+3 || len(p.pending) != 1 || report.Outcome != reconcile.Drift {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

// TestTurns: whatever other runs there are in between, everything is compared
// once in so many of a kind.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, 20)
		for i := range 20 { // as the first pass is to have it
			p.holds(t, message(fmt.Sprint("user ", i), time.Now().Add(-time.Hour)), 61)
		}
		compared := 0
		for range 2 {
			for _, kind := range [][]string{{"heartrate"}, {"steps"}} {
				r := p.reconcile()
				r.Warehouse, r.Share, r.Resources = quiet{p}, 0.5, kind
				report, err := r.Run(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if kind[0] == "heartrate" {
					compared += report.Units - report.Again // each is looked at twice
				}
			}
		}
		if compared != 20 {
			t.Errorf("%d of 20 are compared", compared)
		}
	})
}

// quiet has nothing that the first pass would want to look at.
type quiet struct{ *pair }

func (q quiet) Tallies(_ context.Context, asked connector.FactsQuery) (all []connector.Tally, err error) {
	if slices.Contains(asked.Resources, "heartrate") {
		for _, user := range asked.Users {
			all = append(all, connector.Tally{UserID: user, Resource: "heartrate", Provider: "oura", Rows: 1, Newest: time.Now()})
		}
	}
	return all, nil
}
