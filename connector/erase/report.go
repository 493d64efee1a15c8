package erase

import (
	"maps"
	"slices"
	"time"

	"vitalsink/connector"
)

// Report is what an erasure, or a count, found and did.
type Report struct {
	People []Person `json:"people"`
	// Tables that something was found in, and removed from.
	Tables map[string]connector.RowCount `json:"tables"`
	// Waiting are rows of logs that cannot be removed yet, by table: their batch
	// is not merged, or may still be registered.
	Waiting map[string]int `json:"waiting"`
	// Unreadable are messages in quarantine that name no user and could not be
	// searched.
	Unreadable []string `json:"unreadable"`
	// GoneAt is when the last copy is gone that the warehouse, or what is before
	// it, can still give back. Zero unless the erasure is complete.
	GoneAt *time.Time `json:"gone_at,omitempty"`
}

// Person is one of the people, who is not named.
type Person struct {
	ErasureID string             `json:"erasure_id,omitempty"`
	UserHash  string             `json:"user_hash"`
	Removed   connector.RowCount `json:"removed"`
}

// Sum is what was found in all tables.
func (r *Report) Sum() (sum connector.RowCount) {
	for _, n := range r.Tables {
		sum.Add(n)
	}
	return sum
}

// report is what was done so far.
func (w *work) report() *Report {
	r := &Report{Tables: w.found, Waiting: map[string]int{}, Unreadable: slices.AppendSeq([]string{}, maps.Keys(w.unreadable))}
	slices.Sort(r.Unreadable)
	for table, n := range w.waiting {
		if n > 0 {
			r.Waiting[table] = n
		}
	}
	for _, t := range w.targets {
		r.People = append(r.People, Person{t.id, t.hash, w.people[t.hash]})
	}
	if !w.gone.IsZero() {
		r.GoneAt = &w.gone
	}
	return r
}
