package connector

import (
	"time"

	"vitalsink/schemas"
)

// FactsQuery asks a warehouse for rows of a latest table.
type FactsQuery struct {
	Table *schemas.Table
	Users []string
	// Resources of samples; none for all. Only for tables with a column resource.
	Resources []string
	// From and Until bound the days of the table's DayColumn, UTC, Until not
	// included; rows without a day are asked for whatever the bounds. Zero for
	// all rows, and for tables without such a column.
	From, Until time.Time
}

// Tally counts the facts of a person, resource and provider in the days of a
// FactsQuery, but for those that are deleted.
type Tally struct {
	UserID   string
	Resource string // "" for tables without such a column
	Provider string
	Rows     int
	Newest   time.Time // the greatest value of the table's DayColumn; zero if it has none
}

// Checks that reconcile makes: the check_name of a Finding.
const (
	// Marks of a run.
	CheckBegun    = "begun"
	CheckProgress = "progress"
	CheckRun      = "run"
	// Within the warehouse.
	CheckBooks      = "books"      // registry and ledger do not balance
	CheckUnmerged   = "unmerged"   // a batch waits for too long
	CheckDuplicate  = "duplicate"  // a key has several rows
	CheckBehind     = "behind"     // the table holds an older version than a merged row, or none
	CheckUnequal    = "unequal"    // the same version, with another content
	CheckMoved      = "moved"      // a sticky column changed its day, or is not the least
	CheckFreshness  = "freshness"  // how old the newest fact is
	CheckQuarantine = "quarantine" // rows that are new
	// Against the source.
	CheckCompared = "compared"
	CheckMissing  = "missing" // the source has it, the warehouse has not
	CheckStale    = "stale"   // the warehouse has another content
	CheckExtra    = "extra"   // the source does not have it any more
)

// Flaw is what a warehouse finds wrong with a table by itself.
type Flaw struct {
	Check string // CheckDuplicate, CheckBehind, CheckUnequal or CheckMoved
	Rows  int    // keys that it concerns
	// Examples are some of the keys, ten at most, in order: the values of the
	// table's Key, as Facts gives values.
	Examples [][]any
}

// Growth counts rows in quarantine that are not resolved, by reason: those
// published since a time, and those in as long a time before.
type Growth struct {
	Reason         string
	Recent, Before int
}

// Finding is a row of reconciliations; the catalogue says what each field is.
// What is zero is NULL there, but for the counts.
type Finding struct {
	RunID                 string
	StartedAt, RecordedAt time.Time
	Part                  int
	Check                 string
	Table                 string
	Resource              string
	Provider              string
	Day                   time.Time
	Users                 int
	Expected, Found       int
	Drift, Unsettled      int
	Repaired              int
	Examples              []string
	Requests              int64
	Bytes                 int64
	Outcome               string
	Details               string // JSON
}
