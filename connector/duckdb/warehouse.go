//go:build cgo

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"vitalsink/connector"
)

// defaultMemory is what DuckDB may take; beyond it, it spills to a folder
// beside the file.
const defaultMemory = 2 << 30

// memoryPerThread is what DuckDB's guide to tuning asks for at the least
// (https://duckdb.org/docs/stable/guides/performance/environment); with less
// it fails rather than spills.
const memoryPerThread = 125 << 20

// ErrInUse says that another process has the file.
var ErrInUse = errors.New("another process has the file open; one process per file")

var errNotDuckDB = errors.New("it is not a DuckDB file; name another, or a new one")

// Warehouse is a DuckDB file. After some failures, such as of a full disk,
// DuckDB refuses all further work on a file that it has open: then the file is
// opened anew, for the next call that needs it. Close it.
type Warehouse struct {
	config Config

	mu     sync.RWMutex
	open   *store // nil if it could not be opened anew
	closed bool
}

var _ connector.Warehouse = (*Warehouse)(nil)

// Open opens the file, creating it and whatever the catalogue has and the
// file has not. The error is ErrInUse if another process has it.
func Open(ctx context.Context, cfg Config) (*Warehouse, error) {
	if err := create(ctx, cfg); err != nil {
		return nil, err
	}
	s, err := openClean(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &Warehouse{config: cfg, open: s}, nil
}

// Close writes what is in the journal into the file and gives it up.
func (w *Warehouse) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.open == nil {
		return nil
	}
	err := w.open.close()
	w.open = nil
	return err
}

// Append writes log rows and registry row in one transaction.
func (w *Warehouse) Append(ctx context.Context, b *connector.Batch) error {
	return w.use(ctx, func(s *store) error { return s.append(ctx, b) })
}

// Pending reads the fences first: a merge that commits in between raises one,
// and then no merge planned from this reading can commit.
func (w *Warehouse) Pending(ctx context.Context) (p *connector.Pending, err error) {
	err = w.use(ctx, func(s *store) error {
		p, err = s.pending(ctx)
		return err
	})
	return p, err
}

// Merge folds batches in one transaction.
func (w *Warehouse) Merge(ctx context.Context, m *connector.Merge) (books connector.MergeBooks, err error) {
	err = w.use(ctx, func(s *store) error {
		books, err = s.merge(ctx, m)
		return err
	})
	return books, err
}

// use calls f with the open file.
func (w *Warehouse) use(ctx context.Context, f func(*store) error) error {
	s, err := w.acquire(ctx)
	if err != nil {
		return err
	}
	err = func() error {
		defer w.mu.RUnlock()
		return f(s)
	}()
	if isFatal(err) {
		w.giveUp(s)
	}
	return explain(err)
}

// acquire is the open file, with a read lock held on it.
func (w *Warehouse) acquire(ctx context.Context) (*store, error) {
	for {
		w.mu.RLock()
		if w.open != nil {
			return w.open, nil
		}
		w.mu.RUnlock()
		if err := w.reopen(ctx); err != nil {
			return nil, err
		}
	}
}

func (w *Warehouse) reopen(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return errors.New("the duckdb file is closed")
	}
	if w.open != nil {
		return nil
	}
	s, err := openClean(ctx, w.config) // if it is gone, an empty one is not the same
	if err != nil {
		return fmt.Errorf("open the file anew: %w", err)
	}
	w.open = s
	return nil
}

// giveUp closes a file that DuckDB no longer works on, once nobody uses it.
func (w *Warehouse) giveUp(s *store) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open != s {
		return // somebody was faster
	}
	_ = s.close() // it fails for the same reason; the file is read anew in any case
	w.open = nil
}

// isFatal tells whether DuckDB will refuse whatever comes next.
func isFatal(err error) bool {
	var de *duckdb.Error
	if !errors.As(err, &de) {
		return false
	}
	return de.Type == duckdb.ErrorTypeFatal || de.Type == duckdb.ErrorTypeInternal ||
		strings.Contains(de.Msg, "database has been invalidated")
}
