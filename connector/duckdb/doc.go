// Package duckdb is the embedded warehouse: logs, latest tables, views,
// registry and ledger in one DuckDB file.
//
// The schema store holds the tables, main holds the views that people query.
// Appending and folding each have a connection of their own and do one
// transaction at a time, so a crash at any moment leaves the file as it was
// after the last commit. One process at a time has the file; a second one is
// told so.
//
// With CGO_ENABLED=0 the package builds, and Open says that the binary has no
// DuckDB.
package duckdb
