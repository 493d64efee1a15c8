package connector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	"vitalsink/schemas"
)

// maxFoldRows is the most rows of one merge, unless a single batch has more.
const maxFoldRows = 2_000_000

// maxFailures is how many batches of a table may fail, one by one, before a
// fold leaves the table to the next.
const maxFailures = 3

// maxLost is how often in a row a fold may lose against others, all that it
// tried to merge, before it gives up.
const maxLost = 10

// Folder merges what is registered into the latest tables.
type Folder struct {
	Warehouse Warehouse
	Catalogue *schemas.Catalogue
	Log       *slog.Logger
	// MaxRows of one merge. Optional, default 2 million.
	MaxRows int
	// Merges at once, each of another table. Optional, default 1.
	Merges int
	// Metrics are told what happens. Optional.
	Metrics *Metrics
	// Tracer makes a trace of each fold. Optional.
	Tracer trace.Tracer

	mu       sync.Mutex
	sum      Folded // of all folds
	seen     map[string]Seen
	lookedAt time.Time
	recent   []Merged
	failure  Failure
}

// Seen is how far a table is behind, as its folder last saw it.
type Seen struct {
	// Oldest is when the oldest batch was appended that is not merged; zero if
	// all are.
	Oldest time.Time
	// Newest is when the newest batch was appended that this folder merged;
	// zero if it has merged none.
	Newest time.Time
	// Waiting are the batches that are not merged; of a lane without any there
	// is nothing. Not to be changed.
	Waiting map[Lane]Waiting
}

// Waiting are batches of one table and lane that are not merged, as far as the
// warehouse named them.
type Waiting struct {
	Batches, Rows int
	Oldest        time.Time // when the oldest was appended
}

// Folded is what a fold did.
type Folded struct {
	Merges int                   `json:"merges"`
	Books  MergeBooks            `json:"books"`
	Tables map[string]MergeBooks `json:"tables"`
	// Newer counts batches of a newer catalogue: they wait for a folder that
	// knows it.
	Newer int `json:"newer_batches"`
}

// Fold merges what was appended when it begins, in these lanes, which are all
// if none is named; what is appended meanwhile is for the next fold, or this
// one might never end. A merge that fails is tried with half of its batches; one
// that fails alone stays pending, and the others are folded. A table whose
// warehouse is unavailable or not set up stays as it is; the other tables are
// folded. The error is ErrFenced if other folders kept being faster.
func (f *Folder) Fold(ctx context.Context, lanes ...Lane) (Folded, error) {
	done, err := f.fold(ctx, lanes)
	if err == nil || ctx.Err() == nil { // else it had to stop
		f.mu.Lock()
		defer f.mu.Unlock()
		f.failure = f.failure.failed(err, now())
	}
	return done, err
}

func (f *Folder) fold(ctx context.Context, lanes []Lane) (Folded, error) {
	g := &folding{
		Folder: f, lanes: lanes, done: Folded{Tables: map[string]MergeBooks{}}, began: now(), left: map[string]bool{},
		failed: map[string]error{}, failures: map[string]int{}, most: map[string]int{},
	}
	ctx, span := tracerOr(f.Tracer).Start(ctx, "fold", trace.WithNewRoot())
	err := g.rounds(ctx)
	endSpan(span, err, attribute.Int("merges", g.done.Merges), attribute.Int("rows", g.done.Books.Registered))
	return g.done, err
}

// folding is a fold at work.
type folding struct {
	*Folder
	lanes    []Lane
	began    time.Time
	known    map[string]bool // what was pending then, as far as the warehouse told
	left     map[string]bool // batches that failed alone
	done     Folded
	failed   map[string]error // the last of each table
	failures map[string]int   // batches that failed alone, since the last success
	most     map[string]int   // batches of a merge, of tables with one that failed
	lost     int              // rounds in a row, to other folders
}

// rounds merges until there is nothing left to do.
func (g *folding) rounds(ctx context.Context) error {
	for g.lost < maxLost {
		progress, err := g.round(ctx)
		if err != nil {
			return errors.Join(joinFailed(g.failed), err)
		}
		if !progress {
			break
		}
	}
	if g.lost >= maxLost {
		return errors.Join(joinFailed(g.failed), fmt.Errorf("%w, %d times; what is pending stays so until the next fold", ErrFenced, g.lost))
	}
	if g.done.Newer > 0 {
		g.Log.WarnContext(ctx, "batches of a newer catalogue wait: fold them with a newer vitalsink", "batches", g.done.Newer)
	}
	return joinFailed(g.failed)
}

// round makes one merge per table that has something pending. progress tells
// whether another round may find more to do.
func (g *folding) round(ctx context.Context) (progress bool, err error) {
	pending, err := g.Warehouse.Pending(ctx)
	if err != nil {
		return false, fmt.Errorf("read what is pending: %w", err)
	}
	g.saw(pending.Batches)
	if g.known == nil {
		g.known = map[string]bool{}
		for _, b := range pending.Batches {
			g.known[b.ID] = true
		}
	}
	merges, newer := g.plan(pending)
	g.done.Newer = newer
	g.mu.Lock()
	g.sum.Newer = newer
	g.mu.Unlock()
	results := make([]error, len(merges))
	var each errgroup.Group
	each.SetLimit(max(1, g.Merges))
	for i, m := range merges {
		each.Go(func() error {
			var books MergeBooks
			if books, results[i] = g.merge(ctx, m); results[i] == nil {
				g.mu.Lock()
				defer g.mu.Unlock()
				g.done.add(m.Table.Name, books)
			}
			return nil
		})
	}
	_ = each.Wait() // every merge has its own result
	return g.judge(ctx, merges, results)
}

// judge tells whether another round may find more to do after these merges.
func (g *folding) judge(ctx context.Context, merges []*Merge, results []error) (progress bool, err error) {
	lost, done := 0, 0
	for i, m := range merges {
		switch err := results[i]; {
		case err == nil:
			g.failures[m.Table.Name] = 0
			g.most[m.Table.Name] *= 2 // 0 is as many as there are
			done++
		case errors.Is(err, ErrFenced) || errors.Is(err, ErrTaken):
			lost++
		case ctx.Err() != nil:
			return false, ctx.Err()
		default:
			progress = g.fail(ctx, m, err) || progress
		}
	}
	switch {
	case done > 0:
		g.lost = 0
	case lost > 0:
		g.lost++
	}
	return progress || done+lost > 0, nil
}

// fail tells what to do after a merge that failed: it is tried with half of the
// batches, for it may have been too much. One that fails alone stays pending,
// and the others go on, unless it looks as if all of them would fail. If it is
// not about the batches at all, fewer of them would fail as well, and each try
// may take as long as the warehouse is waited for: the table's turn is over.
func (g *folding) fail(ctx context.Context, m *Merge, err error) (progress bool) {
	table := m.Table.Name
	if errors.Is(err, ErrUnavailable) || errors.Is(err, ErrConfiguration) {
		g.failed[table], g.failures[table] = err, maxFailures
		return false
	}
	if n := len(m.Batches); n > 1 {
		g.most[table] = n / 2
		return true
	}
	g.failed[table] = err
	g.left[m.Batches[0].ID] = true
	g.Log.DebugContext(ctx, "a batch cannot be merged", "batch", m.Batches[0].ID, "table", table, "error", err)
	g.failures[table]++
	return g.failures[table] < maxFailures
}

func (g *folding) merge(ctx context.Context, m *Merge) (MergeBooks, error) {
	began := time.Now()
	ctx, span := tracerOr(g.Tracer).Start(ctx, "merge")
	books, err := g.Warehouse.Merge(ctx, m)
	lane := string(m.Batches[0].Lane)
	endSpan(span, err, attribute.String("merge", m.ID), attribute.String("table", m.Table.Name), attribute.String("lane", lane),
		attribute.Int("batches", len(m.Batches)), attribute.Int("rows", m.Rows()), attribute.Int64("bytes_billed", books.BytesBilled))
	g.Metrics.merged(m, books, time.Since(began), err)
	if err == nil {
		g.Log.DebugContext(ctx, "merged", "merge", m.ID, "table", m.Table.Name, "lane", lane, "batches", len(m.Batches), "rows", m.Rows())
		g.mu.Lock()
		defer g.mu.Unlock()
		g.sum.add(m.Table.Name, books)
		g.merged(m)
		g.recent = keep(g.recent, Merged{
			ID: m.ID, Table: m.Table.Name, Lane: m.Batches[0].Lane, Batches: len(m.Batches),
			MergedAt: m.MergedAt, Took: time.Since(began), Books: books,
		})
	}
	return books, err
}

// saw is told what waits to be merged, oldest first.
func (f *Folder) saw(pending []Registered) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lookedAt = now()
	before := f.seen
	f.seen = map[string]Seen{}
	for table, s := range before {
		if !s.Newest.IsZero() {
			f.seen[table] = Seen{Newest: s.Newest}
		}
	}
	for _, b := range pending {
		s := f.seen[b.Table]
		if s.Oldest.IsZero() {
			s.Oldest, s.Waiting = b.AppendedAt, map[Lane]Waiting{}
			f.seen[b.Table] = s
		}
		w := s.Waiting[b.Lane]
		if w.Batches == 0 {
			w.Oldest = b.AppendedAt
		}
		s.Waiting[b.Lane] = Waiting{w.Batches + 1, w.Rows + b.Rows, w.Oldest}
	}
}

// merged is told what was merged. The caller holds mu.
func (f *Folder) merged(m *Merge) {
	s := f.seen[m.Table.Name]
	for _, b := range m.Batches {
		if b.AppendedAt.After(s.Newest) {
			s.Newest = b.AppendedAt
		}
	}
	f.seen[m.Table.Name] = s
}

// plan makes at most one merge per table that has not failed: whole batches of
// one of the lanes, oldest first, up to MaxRows, or the number of batches that
// is left to the table. It also counts the batches of a newer catalogue.
func (g *folding) plan(p *Pending) (merges []*Merge, newer int) {
	open, full := map[string]*Merge{}, map[string]bool{}
	for _, b := range p.Batches {
		t := g.Catalogue.Table(b.Table)
		if t == nil || b.CatalogueVersion > g.Catalogue.Version {
			newer++
			continue
		}
		if !g.known[b.ID] && !b.AppendedAt.Before(g.began) || g.left[b.ID] || g.failures[b.Table] >= maxFailures || len(g.lanes) > 0 && !slices.Contains(g.lanes, b.Lane) {
			continue
		}
		if g.postponed(b) {
			continue
		}
		m := open[b.Table]
		switch {
		case m == nil:
			m = &Merge{ID: newID(), Table: t, Fence: p.Fences[b.Table], MergedAt: now()}
			open[b.Table] = m
			merges = append(merges, m)
		case full[b.Table] || b.Lane != m.Batches[0].Lane:
			continue
		case m.Rows()+b.Rows > cmp.Or(g.MaxRows, maxFoldRows) || len(m.Batches) == g.most[b.Table]:
			full[b.Table] = true
			continue
		}
		m.Batches = append(m.Batches, b)
	}
	return merges, newer
}

// postponed tells whether a batch waits for tomorrow. That is a failure of its
// table, but none that keeps the others from being tried.
func (g *folding) postponed(b Registered) bool {
	biller, ok := g.Warehouse.(Biller)
	if !ok || !biller.Postponed(b.ID) {
		return false
	}
	if g.failed[b.Table] == nil {
		g.failed[b.Table] = fmt.Errorf("%w: batches wait for 00:00 UTC", ErrBudget)
	}
	return true
}

// joinFailed names the tables of each error.
func joinFailed(failed map[string]error) error {
	tables, causes := map[string][]string{}, map[string]error{}
	for _, table := range slices.Sorted(maps.Keys(failed)) {
		text := failed[table].Error()
		tables[text], causes[text] = append(tables[text], table), failed[table]
	}
	var errs []error
	for _, text := range slices.Sorted(maps.Keys(causes)) {
		errs = append(errs, fmt.Errorf("fold %s: %w", strings.Join(tables[text], ", "), causes[text]))
	}
	return errors.Join(errs...)
}

// IsBudget tells whether all that kept a fold from its end is the day's budget.
func IsBudget(err error) bool {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, part := range several.Unwrap() {
			if !IsBudget(part) {
				return false
			}
		}
		return true
	}
	return errors.Is(err, ErrBudget)
}

func (d *Folded) add(table string, books MergeBooks) {
	if d.Tables == nil {
		d.Tables = map[string]MergeBooks{}
	}
	d.Merges++
	d.Books.Add(books)
	sum := d.Tables[table]
	sum.Add(books)
	d.Tables[table] = sum
}

// newID is a UUIDv7: ids of later batches and merges sort after earlier ones.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// now is the time in the precision of the warehouses.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Folded is what all folds did so far, one that is at work included.
func (f *Folder) Folded() Folded {
	f.mu.Lock()
	defer f.mu.Unlock()
	sum := f.sum
	sum.Tables = maps.Clone(sum.Tables)
	return sum
}

// Seen are the tables of which it knows how far they are behind.
func (f *Folder) Seen() map[string]Seen {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.seen)
}
