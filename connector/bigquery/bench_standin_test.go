//go:build cgo && unix

package bigquery

import "testing"

// BenchmarkAppendStandIn appends to the stand-in, which checks every value and
// writes it into DuckDB: it says more of the stand-in than of us.
func BenchmarkAppendStandIn(b *testing.B) {
	s := startTest(b)
	w := s.open(b)
	benchAppend(b, w.config.Catalogue, w.Append)
}
