//go:build cgo

package bigquery

import (
	"testing"

	"vitalsink/schemas"
)

// TestPartitions: every partitioned table is asked for the number of its
// partitions, and no other.
func TestPartitions(t *testing.T) {
	w := openTest(t)
	before, err := w.Partitions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, n := range before {
		if n != 0 {
			t.Errorf("%s has %d partitions and no rows", name, n)
		}
	}
	if _, fenced := before[fenceOf("sleep")]; fenced {
		t.Error("a fence has no partitions")
	}
	today := noon.Truncate(day)
	w.ingest(t, samplesOn("m", noon, 60, today, today.Add(-day), today.Add(-1000*day)))
	w.fold(t)
	got, err := w.Partitions(t.Context())
	if err != nil || got[schemas.TimeseriesTable] != 3 || got[logOf(schemas.TimeseriesTable)] != 1 || len(got) != len(before) {
		t.Errorf("three days in one batch: %v, %v", got, err)
	}
}
