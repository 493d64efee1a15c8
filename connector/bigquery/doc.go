// Package bigquery is the warehouse for a team: two datasets of a project, one
// of views that people query, and beside it, under the same name with _store,
// one of tables: logs, latest tables, fences, registry and ledger.
//
// Append writes Arrow through the Storage Write API: pending streams, which
// are committed together, and then the row of the registry. Merge is one
// multi-statement job with one transaction: whoever raises the fence first
// wins, and the books are checked before the commit. Nothing here creates or
// changes tables while it runs.
//
// A name says what is written when: a job's name is made of what it does, so
// that a process that asks for the same thing again, after a crash say, finds
// the job of the one before instead of doing it twice.
package bigquery
