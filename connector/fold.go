package connector

import (
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

	"vitalsink/schemas"
)

// maxFoldRows is the most rows of one merge, unless a single batch has more.
const maxFoldRows = 2_000_000

// maxLost is how often a fold may lose against others before it gives up.
const maxLost = 10

// Folder merges what is registered into the latest tables.
type Folder struct {
	Warehouse Warehouse
	Catalogue *schemas.Catalogue
	Log       *slog.Logger
	// MaxRows of one merge. Optional, default 2 million.
	MaxRows int
	// Metrics are told what happens. Optional.
	Metrics *Metrics

	mu  sync.Mutex
	sum Folded
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

// Fold merges what is pending when it begins, in these lanes, which are all if
// none is named; what comes in meanwhile is for the next fold, or this one
// might never end. A table that fails does not keep the others from being
// folded; its batches stay pending. The error is ErrFenced if other folders
// kept being faster.
func (f *Folder) Fold(ctx context.Context, lanes ...Lane) (Folded, error) {
	done := Folded{Tables: map[string]MergeBooks{}}
	failed := map[string]error{}
	lost := 0
	var begin *Pending
	for lost < maxLost {
		pending, err := f.Warehouse.Pending(ctx)
		if err != nil {
			return done, errors.Join(joinFailed(failed), fmt.Errorf("read what is pending: %w", err))
		}
		f.Metrics.pending(pending.Batches)
		if begin == nil {
			begin = pending
		}
		merges, newer := f.plan(pending.of(begin), lanes)
		done.Newer = newer
		f.mu.Lock()
		f.sum.Newer = newer
		f.mu.Unlock()
		progress := false
		for _, m := range merges {
			if failed[m.Table.Name] != nil {
				continue
			}
			began := time.Now()
			books, err := f.Warehouse.Merge(ctx, m)
			f.Metrics.merged(m, books, time.Since(began), err)
			switch {
			case err == nil:
				done.add(m.Table.Name, books)
				f.tally(m.Table.Name, books)
				progress = true
			case errors.Is(err, ErrFenced) || errors.Is(err, ErrTaken):
				lost++
				progress = true
			case ctx.Err() != nil:
				return done, ctx.Err()
			default:
				failed[m.Table.Name] = err
			}
		}
		if !progress {
			break
		}
	}
	if lost >= maxLost {
		return done, errors.Join(joinFailed(failed), fmt.Errorf("%w, %d times; what is pending stays so until the next fold", ErrFenced, lost))
	}
	if done.Newer > 0 {
		f.Log.Warn("batches of a newer catalogue wait: fold them with a newer vitalsink", "batches", done.Newer)
	}
	return done, joinFailed(failed)
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

func (d *Folded) add(table string, books MergeBooks) {
	d.Merges++
	d.Books.Add(books)
	sum := d.Tables[table]
	sum.Add(books)
	d.Tables[table] = sum
}

// plan makes at most one merge per table: whole batches of one of the lanes,
// oldest first, up to MaxRows. It also counts the batches of a newer
// catalogue.
func (f *Folder) plan(p *Pending, lanes []Lane) (merges []*Merge, newer int) {
	limit := f.MaxRows
	if limit == 0 {
		limit = maxFoldRows
	}
	open := map[string]*Merge{}
	full := map[string]bool{}
	for _, b := range p.Batches {
		t := f.Catalogue.Table(b.Table)
		if t == nil || b.CatalogueVersion > f.Catalogue.Version {
			newer++
			continue
		}
		if len(lanes) > 0 && !slices.Contains(lanes, b.Lane) {
			continue
		}
		m := open[b.Table]
		if m == nil {
			m = &Merge{ID: newID(), Table: t, Fence: p.Fences[b.Table], MergedAt: now()}
			open[b.Table] = m
			merges = append(merges, m)
		} else if full[b.Table] || b.Lane != m.Batches[0].Lane {
			continue
		} else if m.Rows()+b.Rows > limit {
			full[b.Table] = true
			continue
		}
		m.Batches = append(m.Batches, b)
	}
	return merges, newer
}

// newID is a UUIDv7: ids of later batches and merges sort after earlier ones.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// now is the time in the precision of the warehouses.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// of are the batches that were pending then, too.
func (p *Pending) of(then *Pending) *Pending {
	known := map[string]bool{}
	for _, b := range then.Batches {
		known[b.ID] = true
	}
	both := &Pending{Fences: p.Fences}
	for _, b := range p.Batches {
		if known[b.ID] {
			both.Batches = append(both.Batches, b)
		}
	}
	return both
}

func (f *Folder) tally(table string, books MergeBooks) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sum.Tables == nil {
		f.sum.Tables = map[string]MergeBooks{}
	}
	f.sum.add(table, books)
}

// Folded is what all folds did so far, one that is at work included.
func (f *Folder) Folded() Folded {
	f.mu.Lock()
	defer f.mu.Unlock()
	sum := f.sum
	sum.Tables = maps.Clone(sum.Tables)
	return sum
}
