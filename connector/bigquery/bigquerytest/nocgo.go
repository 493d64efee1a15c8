//go:build !cgo

package bigquerytest

// Server without DuckDB has only its faults: there is no New.
type Server struct{ faults faults }
