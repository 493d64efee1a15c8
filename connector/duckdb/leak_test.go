//go:build cgo && linux

package duckdb

import (
	"context"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"vitalsink/connector/connectortest"
	"vitalsink/connector/duckdb/duckarrow"
	"vitalsink/schemas"
)

var anonymous = regexp.MustCompile(`RssAnon:\s+(\d+) kB`)

// TestScanLeaksNothing: Arrow's schemas were never released, 40 kB with every
// batch; a service that ran for half an hour took half as much again as it was
// told.
func TestScanLeaksNothing(t *testing.T) {
	connectortest.Long(t)
	w := openTest(t)
	table := w.config.Catalogue.Table(schemas.TimeseriesTable)
	rows := array.NewRecordBuilder(memory.DefaultAllocator, table.ArrowSchema())
	defer rows.Release()
	none := rows.NewRecord()
	defer none.Release()
	stmt, err := w.open.appendStatement(table)
	if err != nil {
		t.Fatal(err)
	}
	resident := func() int {
		text, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Fatal(err)
		}
		kib, err := strconv.Atoi(string(anonymous.FindSubmatch(text)[1]))
		if err != nil {
			t.Fatal(err)
		}
		return kib << 10
	}
	const warm, times, leaked = 200, 1500, 40_000
	before := 0
	for i := range warm + times {
		if i == warm {
			before = resident()
		}
		release, err := duckarrow.Scan(w.open.appends, none, incoming)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.open.appends.ExecContext(context.Background(), stmt, "b", "2026-03-01"); err != nil {
			t.Fatal(err)
		}
		release()
	}
	if grown := resident() - before; grown > times*leaked/4 {
		t.Errorf("%d scans left %d bytes behind", times, grown)
	}
}
