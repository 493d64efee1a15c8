package main

import (
	"context"
	"log/slog"
	"math"
	"time"

	"vitalsink/connector"
	"vitalsink/connector/bigquery"
)

const (
	// pulseEvery is how often a service says how it is.
	pulseEvery = time.Minute
	// countEvery is how often partitions are counted: a table gets 24 more in a
	// day, and with history some thousand at once.
	countEvery = 6 * time.Hour
)

// partitioned is a warehouse whose tables have partitions, and can have only so
// many.
type partitioned interface {
	Partitions(ctx context.Context) (map[string]int, error)
}

// pulse says in the log how a service is. Alerts of terraform/ read it.
type pulse struct {
	service *connector.Service
	log     *slog.Logger
	speaks  bool // what it measures, not only what is wrong
	counted time.Time
}

// feel takes the pulse of a service every minute until stop is called.
func feel(ctx context.Context, s *connector.Service, log *slog.Logger, speaks bool) (stop func()) {
	p := &pulse{service: s, log: log, speaks: speaks}
	ctx, cancel := context.WithCancel(ctx)
	end := every(pulseEvery, func() { p.beat(ctx) })
	return func() { cancel(); end() }
}

func (p *pulse) beat(ctx context.Context) {
	if p.speaks {
		p.log.Info("at work", p.measured()...)
	}
	if w, ok := p.service.Ingest.Warehouse.(partitioned); ok && time.Since(p.counted) >= countEvery {
		p.counted = time.Now()
		p.count(ctx, w)
	}
}

// measured are sums since the start, and the state of now. What is not known is
// left out.
func (p *pulse) measured() []any {
	in := p.service.Ingest
	landed := in.Landed().Books
	values := []any{
		"messages", landed.Messages, "rows", landed.Rows, "folded", foldedOf(p.service).Books.Registered,
		"quarantined", landed.MessagesQuarantined + landed.MessagesPartlyQuarantined,
		"held_bytes", in.Held(), "paused", !in.Paused().IsZero(),
	}
	if b, ok := in.Warehouse.(connector.Biller); ok {
		values = append(values, "billed_bytes", b.Billed().Bytes)
	}
	if p.service.Folder == nil {
		return values
	}
	lag, freshness := time.Duration(0), time.Duration(math.MaxInt64)
	for _, seen := range p.service.Folder.Seen() {
		if !seen.Oldest.IsZero() {
			lag = max(lag, time.Since(seen.Oldest))
		}
		if !seen.Newest.IsZero() {
			freshness = min(freshness, time.Since(seen.Newest))
		}
	}
	values = append(values, "lag_seconds", int(lag.Seconds()))
	if freshness < math.MaxInt64 {
		values = append(values, "freshness_seconds", int(freshness.Seconds()))
	}
	return values
}

// count warns of tables that cannot get many more partitions.
func (p *pulse) count(ctx context.Context, w partitioned) {
	counts, err := w.Partitions(ctx)
	if err != nil && ctx.Err() == nil {
		p.log.Warn("cannot count partitions; it is tried again in some hours", "error", err)
	}
	for table, n := range counts {
		if n >= bigquery.ManyPartitions {
			p.log.Warn("a table nears the most partitions that BigQuery allows: beyond them nothing can be added to it",
				"table", table, "partitions", n, "most", bigquery.MaxPartitions)
		}
	}
}
