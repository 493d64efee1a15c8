// Package connector is the domain: how messages become rows of a warehouse.
//
// Two steps, and nothing else changes a table:
//
//   - Ingest decodes messages, appends every row version it receives to the
//     log of its table, registers the batch, and only then acknowledges. It
//     never reads and never merges.
//   - Fold takes registered batches that no merge has taken yet and merges
//     them: per key, the row with the greatest version stays.
//
// The fold is commutative, associative and idempotent, so order of arrival,
// redelivery, batch boundaries and crashes cannot change the result. The
// process keeps no state: what is pending is read from the warehouse.
//
// Books balance or the batch does not pass; see Books and MergeBooks.
package connector
