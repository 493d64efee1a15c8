package connector

import (
	"context"
	"time"

	"vitalsink/schemas"
)

// A Bookkeeper can say, from registry and ledger alone, what became of every
// message and row.
type Bookkeeper interface {
	// BooksOf are the books of the batches that were registered in the window,
	// and of all merges that took one of them. They are those of one moment, and
	// nothing is changed. Registry and ledger are read whole, so that a merge is
	// judged by all of its batches, wherever the window ends. A batch that
	// stands in the registry several times counts once, as of the first time;
	// one that a merge took and that is not there, as of that merge.
	BooksOf(ctx context.Context, w Window) (WindowBooks, error)
}

// Window is a span of time: from Since on, and before Until. A zero time is no
// bound.
type Window struct{ Since, Until time.Time }

// Bounds are both ends as instants to compare with: one that is not set is
// where time begins or ends for a warehouse.
func (w Window) Bounds() (since, until time.Time) {
	if w.Until.IsZero() {
		w.Until = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
	}
	return w.Since, w.Until
}

// WindowBooks are the books of a window, by table.
type WindowBooks map[string]TableBooks

// TableBooks are the books of one table in a window.
type TableBooks struct {
	Batches  int   `json:"batches"`  // that were registered, each once
	Registry Books `json:"registry"` // the sums of their books
	// Of them, those that no merge has taken.
	PendingBatches int `json:"pending_batches"`
	PendingRows    int `json:"pending_rows"`

	Merges int        `json:"merges"` // that took one of the batches or more
	Ledger MergeBooks `json:"ledger"` // the sums of their books
	// RowsBeyond are rows of batches outside of the window that these merges
	// took too, by the registry.
	RowsBeyond int `json:"rows_beyond"`

	// Faults are what a warehouse found when it looked at each batch and merge.
	Faults []Fault `json:"faults,omitempty"`
}

// Fault is a law that batches or merges of a table break.
type Fault struct {
	Kind    FaultKind `json:"kind"`
	Count   int       `json:"count"`   // of batches or merges
	Example string    `json:"example"` // the least of their ids
}

// FaultKind is a law that is broken: a word for people, and a column of the
// statements that look for it.
type FaultKind string

// The faults of a batch.
const (
	// MessagesUnaccounted: its messages are not those that landed, went to
	// quarantine, in part or in full, or were empty.
	MessagesUnaccounted FaultKind = "messages_unaccounted"
	// RowsUnaccounted: the rows that were decoded are not those in the log, in
	// quarantine or erased.
	RowsUnaccounted FaultKind = "rows_unaccounted"
	// CopiesDiffer: it stands in the registry several times, and they say
	// different things; only the time of registration may differ.
	CopiesDiffer FaultKind = "copies_differ"
	// TakenTwice: the ledger has it more than once.
	TakenTwice FaultKind = "taken_twice"
)

// The faults of a merge.
const (
	// MergeUnaccounted: its rows are not those applied, superseded, stale or
	// erased.
	MergeUnaccounted FaultKind = "merge_unaccounted"
	// RegistryDiffers: its rows are not those that its batches have in the
	// registry.
	RegistryDiffers FaultKind = "registry_differs"
	// BatchUnregistered: it took a batch that is not in the registry.
	BatchUnregistered FaultKind = "batch_unregistered"
	// TableDiffers: it took a batch of another table.
	TableDiffers FaultKind = "table_differs"
)

// BatchFaults are the kinds of which the example is a batch.
func BatchFaults() []FaultKind {
	return []FaultKind{MessagesUnaccounted, RowsUnaccounted, CopiesDiffer, TakenTwice}
}

// MergeFaults are the kinds of which the example is a merge.
func MergeFaults() []FaultKind {
	return []FaultKind{MergeUnaccounted, RegistryDiffers, BatchUnregistered, TableDiffers}
}

// Equation is one that the sums of a table have to fulfil.
type Equation string

// The equations.
const (
	// MessagesAddUp: messages = landed + partly quarantined + quarantined + empty.
	MessagesAddUp Equation = "messages"
	// RowsAddUp: rows decoded = rows + quarantined + erased. Rows of the
	// quarantine describe rows, they are none.
	RowsAddUp Equation = "rows decoded"
	// RegistryAddsUp: rows registered = rows merged + rows pending.
	RegistryAddsUp Equation = "rows registered"
	// LedgerAddsUp: rows merged = applied + superseded + stale + erased.
	LedgerAddsUp Equation = "rows merged"
)

// Merged are the rows of the window's batches that were merged, by the ledger.
func (b *TableBooks) Merged() int { return b.Ledger.Registered - b.RowsBeyond }

// Unequal are the equations that the sums do not fulfil. It is a second look,
// at sums alone, that trusts no statement of a warehouse to have judged them.
func (b *TableBooks) Unequal(table string) []Equation {
	var unequal []Equation
	for _, e := range []struct {
		name Equation
		ok   bool
	}{
		{MessagesAddUp, b.Registry.Messages == b.Registry.outcomes()},
		{RowsAddUp, b.Registry.RowsDecoded == b.Registry.accounted(table)},
		{RegistryAddsUp, b.Registry.Rows == b.Merged()+b.PendingRows},
		{LedgerAddsUp, b.Ledger.Balanced()},
	} {
		if !e.ok {
			unequal = append(unequal, e.name)
		}
	}
	return unequal
}

// Balanced tells whether every batch and merge keeps every law, and all sums
// add up.
func (b WindowBooks) Balanced() bool {
	for table, books := range b {
		if len(books.Faults) > 0 || len(books.Unequal(table)) > 0 {
			return false
		}
	}
	return true
}

// Sum adds up the tables. Of the faults it has none, and of the registry's rows
// not those of the quarantine, which describe rows and are none.
func (b WindowBooks) Sum() TableBooks {
	var sum TableBooks
	for table, books := range b {
		if table == schemas.QuarantineTable {
			books.Registry.Rows = 0
		}
		sum.Batches += books.Batches
		sum.Registry.Add(books.Registry)
		sum.PendingBatches += books.PendingBatches
		sum.PendingRows += books.PendingRows
		sum.Merges += books.Merges
		sum.Ledger.Add(books.Ledger)
		sum.RowsBeyond += books.RowsBeyond
	}
	return sum
}
