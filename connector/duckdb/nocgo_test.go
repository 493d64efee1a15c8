//go:build !cgo

package duckdb

import (
	"os"
	"testing"
)

// TestNoDuckDB: without a C compiler Go leaves all tests of this package out
// without a word.
func TestNoDuckDB(t *testing.T) {
	if os.Getenv("VITALSINK_WITHOUT_DUCKDB") == "" {
		t.Error("DuckDB is not tested: install a C++ compiler and set CGO_ENABLED=1, or set VITALSINK_WITHOUT_DUCKDB=1")
	}
}
