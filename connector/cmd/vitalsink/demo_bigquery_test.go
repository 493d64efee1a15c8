//go:build cgo

package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"

	"vitalsink/connector"
	"vitalsink/connector/bigquery/bigquerytest"
)

// stopping ends the work once a batch is appended.
type stopping struct {
	connector.Warehouse
	stop context.CancelFunc
}

func (w stopping) Append(ctx context.Context, b *connector.Batch) error {
	defer w.stop()
	return w.Warehouse.Append(ctx, b)
}

// TestDemoStops: interrupted in the middle, the demo in BigQuery ends, and
// leaves nothing running.
func TestDemoStops(t *testing.T) {
	leaks(t)
	server, err := bigquerytest.New(bigquerytest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	catalogue := mustCatalogue(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	warehouse, err := openStandIn(ctx, server, catalogue)
	if err != nil {
		t.Fatal(errors.Join(err, server.Close()))
	}
	d := &demoRun{
		catalogue: catalogue, warehouse: stopping{warehouse, stop}, merges: bigMerges, population: demoPopulation, log: slog.New(slog.DiscardHandler),
	}
	if err := d.run(ctx, streams{err: io.Discard}); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	if err := errors.Join(warehouse.Close(), server.Close()); err != nil {
		t.Error(err)
	}
}
