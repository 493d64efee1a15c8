package connector

import (
	"slices"
	"time"
)

// mostRecent is how many batches and merges are kept for whoever looks.
const mostRecent = 20

// Failure is something that fails, and has not worked since.
type Failure struct {
	Since time.Time // zero if it works
	Err   error     // of the last try
}

// failed is the failure after another try at a time, which may have worked.
func (f Failure) failed(err error, at time.Time) Failure {
	switch {
	case err == nil:
		return Failure{}
	case f.Since.IsZero():
		return Failure{Since: at, Err: err}
	}
	return Failure{Since: f.Since, Err: err}
}

// Committed is a batch that an Ingest committed.
type Committed struct {
	ID         string
	Table      string
	Lane       Lane
	AppendedAt time.Time
	Books      Books
}

// Merged is a merge that a Folder made.
type Merged struct {
	ID       string
	Table    string
	Lane     Lane
	Batches  int
	MergedAt time.Time // when it began
	Took     time.Duration
	Books    MergeBooks
}

// keep adds the newest, and lets the oldest go.
func keep[T any](recent []T, newest T) []T {
	if len(recent) == mostRecent {
		recent = slices.Delete(recent, 0, 1)
	}
	return append(recent, newest)
}

// Failure tells since when the warehouse fails and nothing is received, and why.
func (in *Ingest) Failure() Failure {
	in.once.Do(in.setDefaults)
	return in.gate.failure()
}

// Recent are the last batches that were committed, at most 20, oldest first.
func (in *Ingest) Recent() []Committed {
	in.tally.mu.Lock()
	defer in.tally.mu.Unlock()
	return slices.Clone(in.tally.recent)
}

// Failure tells since when folds fail, and why: by the last that ended. A fold of
// some lanes says nothing of the others.
func (f *Folder) Failure() Failure {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failure
}

// Recent are the last merges, at most 20, oldest first.
func (f *Folder) Recent() []Merged {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.recent)
}

// LookedAt is when a fold last read what is pending; zero if none has.
func (f *Folder) LookedAt() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lookedAt
}
