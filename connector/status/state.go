package status

import (
	"time"

	"vitalsink/connector"
)

// State is how a command is at a moment. A nil pointer is something that is not
// known, or that the command does not have.
type State struct {
	At               time.Time `json:"at"`
	Since            time.Time `json:"since"` // it runs
	Version          string    `json:"version"`
	CatalogueVersion int       `json:"catalogue_version"`
	Command          string    `json:"command"`
	Source           string    `json:"source"`      // where messages come from
	Destination      string    `json:"destination"` // where they go: a warehouse, or a topic

	Paused       *Failure   `json:"paused"`         // nil while it receives
	PubSubLostAt *time.Time `json:"pubsub_lost_at"` // nil while Pub/Sub can be reached
	Folds        *Folds     `json:"folds"`          // nil if another process folds
	Requests     *Requests  `json:"requests"`       // nil if it is no webhook door

	Rate Rate `json:"rate"`
	// Messages and Rows that landed since the start, and what is in hand.
	Messages  int64 `json:"messages"`
	Rows      int64 `json:"rows"`
	HeldBytes int64 `json:"held_bytes"`

	Tables []Table `json:"tables"`
	// RowsAt is when the rows of the tables were counted; nil if never.
	RowsAt *time.Time `json:"table_rows_at"`

	Batches []Batch `json:"batches"` // the last, newest first
	Merges  []Merge `json:"merges"`  // the last, newest first

	Quarantine []Quarantined `json:"quarantine"` // since the start

	// Reconciliation is the last that ended; nil if there is none, or nobody
	// knows. ReconciliationAt is when the warehouse was last asked; nil if never.
	Reconciliation   *Reconciliation `json:"reconciliation"`
	ReconciliationAt *time.Time      `json:"reconciliation_at"`

	Bill *Bill `json:"bill"` // nil if the warehouse charges for nothing
}

// Failure is something that does not work.
type Failure struct {
	Since   time.Time `json:"since"`
	Because string    `json:"because"`
	Advice  string    `json:"advice"`
	// Budget tells that it is the limit of the day's bytes, and nothing else.
	Budget bool `json:"budget"`
}

// Folds are how folding goes.
type Folds struct {
	IntervalSeconds     float64    `json:"interval_seconds"`      // between beats of the recent lane
	LateIntervalSeconds float64    `json:"late_interval_seconds"` // and of the late one
	LookedAt            *time.Time `json:"looked_at"`             // when a fold last read what is pending; nil if none has
	Failing             *Failure   `json:"failing"`               // nil while folds work
	NewerBatches        int        `json:"newer_batches"`         // of a newer catalogue, which wait for a newer vitalsink
}

// Requests are what a webhook door answered since the start.
type Requests struct {
	Taken   int64 `json:"taken"` // events that are safe
	Refused int64 `json:"refused"`
}

// Rate is what came in a time that has just passed.
type Rate struct {
	Seconds           float64 `json:"seconds"` // of that time
	MessagesPerSecond float64 `json:"messages_per_second"`
	RowsPerSecond     float64 `json:"rows_per_second"`
}

// Table is a versioned table. Pending, lag and freshness are as the last fold saw
// them.
type Table struct {
	Name             string    `json:"table"`
	Rows             *int64    `json:"rows"`              // of the latest table, tombstones too
	LagSeconds       *int64    `json:"lag_seconds"`       // age of the oldest batch that is not merged, 0 if all are
	FreshnessSeconds *int64    `json:"freshness_seconds"` // age of the newest batch that this process merged
	Pending          []Pending `json:"pending"`           // a lane each
}

// Pending are batches of a table and lane that are not merged.
type Pending struct {
	Lane          connector.Lane `json:"lane"`
	Batches       int            `json:"batches"`
	Rows          int            `json:"rows"`
	OldestSeconds int64          `json:"oldest_seconds"`
}

// Batch is one that was appended.
type Batch struct {
	ID         string         `json:"batch_id"`
	Table      string         `json:"table"`
	Lane       connector.Lane `json:"lane"`
	AppendedAt time.Time      `json:"appended_at"`
	connector.Books
}

// Merge is one that a fold made.
type Merge struct {
	ID          string         `json:"merge_id"`
	Table       string         `json:"table"`
	Lane        connector.Lane `json:"lane"`
	Batches     int            `json:"batches"`
	MergedAt    time.Time      `json:"merged_at"`
	TookSeconds float64        `json:"took_seconds"`
	connector.MergeBooks
}

// Quarantined is how many messages and samples were refused for a reason.
type Quarantined struct {
	Reason string `json:"reason"`
	Count  int    `json:"count"`
}

// Reconciliation is what a run of reconcile came to: facts, but for the times.
type Reconciliation struct {
	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at"`
	Outcome   string    `json:"outcome"` // as the table reconciliations has it
	Expected  int       `json:"expected"`
	Drift     int       `json:"drift"`
	Repaired  int       `json:"repaired"`
	Unsettled int       `json:"unsettled"`
}

// Bill is what the warehouse charges for the day (UTC).
type Bill struct {
	BilledBytes int64 `json:"billed_bytes"`
	MostBytes   int64 `json:"most_bytes"` // 0 for no limit
	Paused      bool  `json:"paused"`     // something is not folded for the sake of the limit
}
