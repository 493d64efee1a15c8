//go:build unix

package connector_test

import (
	"context"
	"log/slog"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"vitalsink/connector"
	"vitalsink/connector/connectortest"
	"vitalsink/connector/synth"
	"vitalsink/transforms"
)

// discard is a warehouse that takes everything and keeps nothing.
type discard struct{ connector.Warehouse }

func (discard) Append(context.Context, *connector.Batch) error { return nil }

func (discard) Erased(context.Context) (connector.Erased, error) { return nil, nil }

// repeated is a source of the same messages, again and again. As every door it
// delivers from several goroutines: one a processor, the least that any has.
type repeated struct {
	messages []transforms.Message
	n        int
}

func (r *repeated) Receive(ctx context.Context, deliver func(context.Context, *connector.Message) error) error {
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range runtime.GOMAXPROCS(0) {
		g.Go(func() error {
			for i := int(next.Add(1)); i <= r.n; i = int(next.Add(1)) {
				if err := deliver(ctx, &connector.Message{Message: r.messages[i%len(r.messages)], Ack: func() {}, Nack: func() {}}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// BenchmarkIngest is all of the ingest but the warehouse, with a worker per
// processor (-cpu 1,2): an operation is one message of 300 samples.
func BenchmarkIngest(b *testing.B) {
	const samples = 300
	g, at := synth.New(7, catalogue(b)), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	source := &repeated{}
	for range 100 {
		body := g.Event("daily.data.heartrate.created", synth.Modern, g.User(), at, samples)
		source.messages = append(source.messages, g.Message("daily.data.heartrate.created", body, at.Add(30*time.Hour)))
	}
	in := &connector.Ingest{
		Warehouse: discard{}, Catalogue: catalogue(b), Log: slog.New(slog.DiscardHandler), Workers: runtime.GOMAXPROCS(0), FlushRows: 100_000,
	}
	const warm = 4_000 // some batches: memory that is new is slow
	for _, source.n = range []int{warm, b.N} {
		b.ResetTimer()
		cpu := connectortest.StartCPU(b)
		if err := in.Run(b.Context(), source); err != nil {
			b.Fatal(err)
		}
		cpu.Report(b)
	}
	b.ReportMetric(float64(b.N)*samples/b.Elapsed().Seconds(), "samples/s")
	if got := in.Landed().Books.Rows; got != (warm+b.N)*samples {
		b.Fatalf("%d rows of %d", got, (warm+b.N)*samples)
	}
}
