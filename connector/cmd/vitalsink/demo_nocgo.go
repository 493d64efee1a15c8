//go:build !cgo

package main

import (
	"context"
	"errors"
)

// demoInBigQuery needs the stand-in, whose tables are DuckDB's.
func demoInBigQuery(context.Context, streams, *demoRun) error {
	return errors.New("this vitalsink was built without the stand-in for BigQuery (CGO_ENABLED=0); build it with a C++ compiler and CGO_ENABLED=1")
}
