//go:build !cgo

package duckdb

import (
	"context"
	"errors"
	"time"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// ErrNoDuckDB says that the binary was built without cgo.
var ErrNoDuckDB = errors.New("this vitalsink was built without DuckDB (CGO_ENABLED=0); build it with a C++ compiler and CGO_ENABLED=1")

// Version is empty: there is no DuckDB.
func Version() string { return "" }

// Warehouse stands for the one that is not there.
type Warehouse struct{ connector.Warehouse }

// Open returns ErrNoDuckDB.
func Open(context.Context, Config) (*Warehouse, error) { return nil, ErrNoDuckDB }

// QuarantinedIDs returns ErrNoDuckDB.
func (w *Warehouse) QuarantinedIDs(context.Context, string, []string) ([]connector.QuarantinedID, error) {
	return nil, ErrNoDuckDB
}

// Quarantined returns ErrNoDuckDB.
func (w *Warehouse) Quarantined(context.Context, []string, bool) ([]connector.Quarantined, error) {
	return nil, ErrNoDuckDB
}

// UnansweredUsers returns ErrNoDuckDB.
func (w *Warehouse) UnansweredUsers(context.Context, string) ([]string, error) {
	return nil, ErrNoDuckDB
}

// Unanswered returns ErrNoDuckDB.
func (w *Warehouse) Unanswered(context.Context, []string) ([]connector.Notice, error) {
	return nil, ErrNoDuckDB
}

// Leftovers returns ErrNoDuckDB.
func (w *Warehouse) Leftovers(context.Context, time.Time) ([]connector.Leftover, error) {
	return nil, ErrNoDuckDB
}

// FetchedByHand returns ErrNoDuckDB.
func (w *Warehouse) FetchedByHand(context.Context, []string) (map[string][]string, error) {
	return nil, ErrNoDuckDB
}

// Facts returns ErrNoDuckDB.
func (w *Warehouse) Facts(context.Context, connector.FactsQuery, func([]any) error) error {
	return ErrNoDuckDB
}

// Tallies returns ErrNoDuckDB.
func (w *Warehouse) Tallies(context.Context, connector.FactsQuery) ([]connector.Tally, error) {
	return nil, ErrNoDuckDB
}

// MergedSince returns ErrNoDuckDB.
func (w *Warehouse) MergedSince(context.Context, time.Time) ([]connector.Registered, error) {
	return nil, ErrNoDuckDB
}

// Duplicates returns ErrNoDuckDB.
func (w *Warehouse) Duplicates(context.Context, *schemas.Table, []time.Time) (*connector.Flaw, error) {
	return nil, ErrNoDuckDB
}

// Behind returns ErrNoDuckDB.
func (w *Warehouse) Behind(context.Context, *schemas.Table, []connector.Registered) ([]connector.Flaw, error) {
	return nil, ErrNoDuckDB
}

// QuarantineGrowth returns ErrNoDuckDB.
func (w *Warehouse) QuarantineGrowth(context.Context, time.Time, time.Time) ([]connector.Growth, error) {
	return nil, ErrNoDuckDB
}

// RemoveDuplicates returns ErrNoDuckDB.
func (w *Warehouse) RemoveDuplicates(context.Context, *schemas.Table, []time.Time) (int, error) {
	return 0, ErrNoDuckDB
}

// TableRows returns ErrNoDuckDB.
func (w *Warehouse) TableRows(context.Context) (map[string]int64, error) { return nil, ErrNoDuckDB }

// Record returns ErrNoDuckDB.
func (w *Warehouse) Record(context.Context, []connector.Finding) error { return ErrNoDuckDB }

// Findings returns ErrNoDuckDB.
func (w *Warehouse) Findings(context.Context, string, time.Time) ([]connector.Finding, error) {
	return nil, ErrNoDuckDB
}

// Erased returns ErrNoDuckDB.
func (w *Warehouse) Erased(context.Context) (connector.Erased, error) { return nil, ErrNoDuckDB }

// RecordErasures returns ErrNoDuckDB.
func (w *Warehouse) RecordErasures(context.Context, []connector.Erasure) error { return ErrNoDuckDB }

// Erasures returns ErrNoDuckDB.
func (w *Warehouse) Erasures(context.Context) ([]connector.Erasure, error) { return nil, ErrNoDuckDB }

// RaiseFence returns ErrNoDuckDB.
func (w *Warehouse) RaiseFence(context.Context, *schemas.Table) error { return ErrNoDuckDB }

// CountPeople returns ErrNoDuckDB.
func (w *Warehouse) CountPeople(context.Context, *schemas.Table, []string) ([]connector.PersonRows, error) {
	return nil, ErrNoDuckDB
}

// RemovePeople returns ErrNoDuckDB.
func (w *Warehouse) RemovePeople(context.Context, *schemas.Table, []string) (connector.RowCount, error) {
	return connector.RowCount{}, ErrNoDuckDB
}

// ClientUserIDs returns ErrNoDuckDB.
func (w *Warehouse) ClientUserIDs(context.Context, []string) ([]string, error) {
	return nil, ErrNoDuckDB
}

// UserIDs returns ErrNoDuckDB.
func (w *Warehouse) UserIDs(context.Context, []string) ([]string, error) { return nil, ErrNoDuckDB }

// Nameless returns ErrNoDuckDB.
func (w *Warehouse) Nameless(context.Context, *schemas.Table, bool, func(connector.NamelessRow) error) error {
	return ErrNoDuckDB
}

// RemoveNameless returns ErrNoDuckDB.
func (w *Warehouse) RemoveNameless(context.Context, *schemas.Table, []string) (connector.RowCount, error) {
	return connector.RowCount{}, ErrNoDuckDB
}

// Afterlife returns ErrNoDuckDB.
func (w *Warehouse) Afterlife(context.Context) (time.Duration, error) { return 0, ErrNoDuckDB }

// Compact returns ErrNoDuckDB.
func (w *Warehouse) Compact(context.Context) error { return ErrNoDuckDB }

// Close does nothing.
func (w *Warehouse) Close() error { return nil }

// BooksOf returns ErrNoDuckDB.
func (w *Warehouse) BooksOf(context.Context, connector.Window) (connector.WindowBooks, error) {
	return nil, ErrNoDuckDB
}

// Inspect says that there is no DuckDB.
func Inspect(_ context.Context, cfg Config, _ bool) connector.Checks {
	return connector.Checks{{
		Name: "duckdb file", Status: connector.Failed, Field: "--warehouse", Value: "duckdb://" + cfg.Path, Why: ErrNoDuckDB.Error(),
		Remedy: "build it so, or give --warehouse bigquery://PROJECT/DATASET",
	}}
}

// OpenReadOnly returns ErrNoDuckDB.
func OpenReadOnly(context.Context, string) (*Reader, error) { return nil, ErrNoDuckDB }

// Reader stands for the one that is not there.
type Reader struct{}

// Close does nothing.
func (r *Reader) Close() error { return nil }

// BooksOf returns ErrNoDuckDB.
func (r *Reader) BooksOf(context.Context, connector.Window) (connector.WindowBooks, error) {
	return nil, ErrNoDuckDB
}

// Query returns ErrNoDuckDB.
func (r *Reader) Query(context.Context, string, RowWriter) error { return ErrNoDuckDB }
