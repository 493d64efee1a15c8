package connector

import (
	"context"
	"time"

	"vitalsink/schemas"
)

// A Warehouse stores logs and latest tables. Its methods may be called from
// several goroutines at once.
type Warehouse interface {
	// Append writes the batch's rows to the log of its table and then
	// registers the batch. When it returns nil both are durable, and a fold
	// will find the batch; with an error neither may be, or only rows that no
	// batch names, which is harmless. The error is ErrRefused if it is the
	// rows' fault and not the warehouse's: an Ingest then appends them in
	// parts, which may be slices of one record, to find those that are. It is
	// ErrBooks if the record has not the rows that the books say. ErrUnavailable
	// and ErrConfiguration are the warehouse's own fault, as is any other; the
	// batch is tried again. It does not release the record.
	Append(ctx context.Context, b *Batch) error

	// Pending reads the fences and then the registered batches that no merge
	// has taken, oldest first, each once: the registry may hold one twice. Of a
	// long backlog the oldest of each table and lane will do.
	Pending(ctx context.Context) (*Pending, error)

	// Merge folds the batches into their latest table and enters the merge
	// into the ledger, all in one transaction, which commits only if the
	// fence is still what m says, no merge took one of the batches before,
	// and the books balance. Rows of people who are erased, by what the table
	// erasures says within the transaction, are left out, and counted. The errors of these are ErrFenced, ErrTaken and
	// ErrBooks. ErrUnavailable and ErrConfiguration (a fence without its row is
	// one) have nothing to do with the batches: the table waits for the next
	// fold. After any other, ErrByteCap and ErrBudget among them, half of the
	// batches are tried.
	Merge(ctx context.Context, m *Merge) (MergeBooks, error)

	// Erased are the people who are erased. An Ingest drops their messages early;
	// it is Merge that keeps them out.
	Erased(ctx context.Context) (Erased, error)
}

// A Biller is a Warehouse that charges for what it reads.
type Biller interface {
	// Billed is what today has cost so far.
	Billed() Bill
	// Postponed tells whether a batch waits for tomorrow: a merge of nothing
	// else was ErrBudget today.
	Postponed(batchID string) bool
}

// Bill is what a warehouse has charged for in a day.
type Bill struct {
	Day    time.Time // its begin, UTC
	Bytes  int64
	Most   int64 // that it may charge for; 0 for no limit
	Paused bool  // something was not folded for the sake of Most
}

// Pending is what waits to be folded.
type Pending struct {
	// Fences count the merges of each table so far.
	Fences  map[string]int64
	Batches []Registered
}

// Registered is a batch as the registry knows it.
type Registered struct {
	ID               string
	Table            string
	Lane             Lane
	CatalogueVersion int
	AppendedAt       time.Time
	Rows             int
	// What the rows touch, or more than that, never less, for a warehouse
	// whose merges read no more than they must: UTC days of the partition
	// column, ascending, how many rows have none, and resources.
	Days           []time.Time
	RowsWithoutDay int
	Resources      []string
}

// Merge asks for one merge: batches of one table.
type Merge struct {
	ID       string // UUIDv7
	Table    *schemas.Table
	Fence    int64 // as Pending read it
	Batches  []Registered
	MergedAt time.Time
}

// Rows are the rows of the batches by the registry.
func (m *Merge) Rows() int {
	n := 0
	for _, b := range m.Batches {
		n += b.Rows
	}
	return n
}

// MergeBooks account for the rows of a merge: registered = applied +
// superseded + stale + erased, each counted on its own.
type MergeBooks struct {
	Registered int `json:"rows_registered"` // by the registry
	Applied    int `json:"rows_applied"`    // changed the table, says the merge
	Superseded int `json:"rows_superseded"` // a newer version is in the same merge
	Stale      int `json:"rows_stale"`      // the table holds this version or a newer one
	Erased     int `json:"rows_erased"`     // their person is erased

	// Bytes that the warehouse charges for: as it was expected before, and as it
	// was. 0 where it charges nothing.
	BytesEstimated int64 `json:"bytes_estimated,omitempty"`
	BytesBilled    int64 `json:"bytes_billed,omitempty"`
}

// Balanced tells whether the equation holds.
func (b MergeBooks) Balanced() bool {
	return b.Registered == b.Applied+b.Superseded+b.Stale+b.Erased
}

// Add adds other to b.
func (b *MergeBooks) Add(other MergeBooks) {
	b.Registered += other.Registered
	b.Applied += other.Applied
	b.Superseded += other.Superseded
	b.Stale += other.Stale
	b.Erased += other.Erased
	b.BytesEstimated += other.BytesEstimated
	b.BytesBilled += other.BytesBilled
}
