package connectortest

import (
	"context"
	"testing"
	"time"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// Store is a warehouse under test, and a look into its tables.
type Store interface {
	connector.Warehouse
	connector.Bookkeeper
	notices
	inspections
	erasures
	// TableRows counts the rows of each versioned table, tombstones too.
	TableRows(ctx context.Context) (map[string]int64, error)
	// Latest are the rows of a versioned table, tombstones too, values as
	// Text gives them.
	Latest(t testing.TB, table string) []Row
	// View are the rows that people see.
	View(t testing.TB, view string) []Row
	// Ledger sums up the ledger.
	Ledger(t testing.TB) connector.MergeBooks
	// Merged are the ids of the batches that the merges of the ledger took, as
	// often as they stand there.
	Merged(t testing.TB) []string
	// EmptyFence deletes what is in the fence of a table.
	EmptyFence(t testing.TB, table string)
	// RegisterAgain enters a batch that is registered once more, as it is.
	RegisterAgain(t testing.TB, batchID string)
	// Enter writes a row of an append-only table, a value for each column.
	Enter(t testing.TB, table string, row map[string]any)
	// Copy, Change and Remove break a latest table: they insert a copy of each of
	// its rows for which a condition holds, set columns of these, or delete them.
	// Conditions and what is set are in the SQL that all warehouses share.
	Copy(t testing.TB, table, where string)
	Change(t testing.TB, table, set, where string)
	Remove(t testing.TB, table, where string)
}

// inspections is what a reconciliation asks of a warehouse.
type inspections interface {
	Facts(ctx context.Context, q connector.FactsQuery, take func(row []any) error) error
	Tallies(ctx context.Context, q connector.FactsQuery) ([]connector.Tally, error)
	MergedSince(ctx context.Context, since time.Time) ([]connector.Registered, error)
	Duplicates(ctx context.Context, t *schemas.Table, days []time.Time) (*connector.Flaw, error)
	Behind(ctx context.Context, t *schemas.Table, batches []connector.Registered) ([]connector.Flaw, error)
	QuarantineGrowth(ctx context.Context, since, before time.Time) ([]connector.Growth, error)
	RemoveDuplicates(ctx context.Context, t *schemas.Table, days []time.Time) (removed int, err error)
	Record(ctx context.Context, findings []connector.Finding) error
	Findings(ctx context.Context, runID string, since time.Time) ([]connector.Finding, error)
}

// erasures is what an erasure asks of a warehouse.
type erasures interface {
	RecordErasures(ctx context.Context, rows []connector.Erasure) error
	Erasures(ctx context.Context) ([]connector.Erasure, error)
	RaiseFence(ctx context.Context, t *schemas.Table) error
	CountPeople(ctx context.Context, t *schemas.Table, hashes []string) ([]connector.PersonRows, error)
	RemovePeople(ctx context.Context, t *schemas.Table, hashes []string) (connector.RowCount, error)
	ClientUserIDs(ctx context.Context, hashes []string) ([]string, error)
	UserIDs(ctx context.Context, clientUserIDs []string) ([]string, error)
	Nameless(ctx context.Context, t *schemas.Table, log bool, take func(connector.NamelessRow) error) error
	RemoveNameless(ctx context.Context, t *schemas.Table, ids []string) (connector.RowCount, error)
	Afterlife(ctx context.Context) (time.Duration, error)
}

// notices is what a backfill asks of a warehouse.
type notices interface {
	UnansweredUsers(ctx context.Context, after string) ([]string, error)
	Unanswered(ctx context.Context, users []string) ([]connector.Notice, error)
	Leftovers(ctx context.Context, since time.Time) ([]connector.Leftover, error)
	FetchedByHand(ctx context.Context, users []string) (map[string][]string, error)
}

// scope is a part of a test with an end of its own, so that a test that opens
// many warehouses has one at a time.
type scope struct {
	testing.TB
	cleanups []func()
}

func (s *scope) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

func (s *scope) end() {
	for i := len(s.cleanups) - 1; i >= 0; i-- {
		s.cleanups[i]()
	}
}
