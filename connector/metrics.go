package connector

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"vitalsink/schemas"
	"vitalsink/transforms"
)

// Metrics are what an Ingest and a Folder measure, by OpenTelemetry. Labels
// are names of the catalogue, lanes, outcomes and reasons: never anything that
// came with a message. A nil *Metrics measures nothing.
type Metrics struct {
	messages, rows, quarantined    metric.Int64Counter
	estimated, billed              metric.Int64Counter
	batchRows                      metric.Int64Histogram
	batchAge, appendTime, foldTime metric.Float64Histogram
	held, inHand, paused           metric.Int64ObservableGauge
	billedToday, foldPaused        metric.Int64ObservableGauge
	lag, freshness                 metric.Float64ObservableGauge
}

// NewMetrics makes the instruments.
func NewMetrics(meter metric.Meter) (*Metrics, error) {
	k := kit{meter: meter}
	m := &Metrics{
		messages: k.counter("vitalsink.messages.received",
			"Messages decoded, by outcome: landed, partly_quarantined, quarantined, empty, erased."),
		rows: k.counter("vitalsink.rows",
			"Rows by table and outcome: appended, and then applied, superseded, stale or erased by a fold."),
		quarantined: k.counter("vitalsink.quarantined", "Messages and samples refused, by reason."),
		batchRows:   k.sizes("vitalsink.batch.rows", "Rows of a committed batch."),
		batchAge:    k.seconds("vitalsink.batch.age", "From the arrival of a batch's oldest message to its commit."),
		appendTime:  k.seconds("vitalsink.append.duration", "Time of one append, by table and result: ok, failed."),
		foldTime:    k.seconds("vitalsink.fold.duration", "Time of one merge, by table and result: ok, lost (another was faster), failed."),
		estimated:   k.bytes("vitalsink.fold.estimated", "Bytes that merges were expected to be billed for, by table."),
		billed:      k.bytes("vitalsink.fold.billed", "Bytes that merges were billed for, by table."),
		billedToday: k.gauge("vitalsink.billed.today", "By",
			"Bytes that all jobs of the day (UTC) were billed for, lookups included."),
		foldPaused: k.gauge("vitalsink.fold.paused", "", "1 while something is not folded because too little is left of the day's bytes, else 0."),
		held:       k.gauge("vitalsink.held", "By", "Bytes in hand: messages that wait or are not committed, and their rows."),
		inHand:     k.gauge("vitalsink.messages.held", "", "Messages received and not settled."),
		paused:     k.gauge("vitalsink.paused", "", "1 while the warehouse fails and nothing is received, else 0."),
		lag:        k.age("vitalsink.lag", "Age of a table's oldest batch that is appended and not merged, as the last fold saw it."),
		freshness:  k.age("vitalsink.freshness", "Age of a table's newest batch that is merged."),
	}
	return m, errors.Join(k.errs...)
}

// kit makes instruments and keeps what went wrong.
type kit struct {
	meter metric.Meter
	errs  []error
}

func made[T any](k *kit, instrument T, err error) T {
	k.errs = append(k.errs, err)
	return instrument
}

func (k *kit) counter(name, what string) metric.Int64Counter {
	c, err := k.meter.Int64Counter(name, metric.WithDescription(what))
	return made(k, c, err)
}

func (k *kit) bytes(name, what string) metric.Int64Counter {
	c, err := k.meter.Int64Counter(name, metric.WithUnit("By"), metric.WithDescription(what))
	return made(k, c, err)
}

func (k *kit) sizes(name, what string) metric.Int64Histogram {
	h, err := k.meter.Int64Histogram(name, metric.WithDescription(what),
		metric.WithExplicitBucketBoundaries(1, 10, 100, 1e3, 1e4, 1e5, 1e6))
	return made(k, h, err)
}

func (k *kit) seconds(name, what string) metric.Float64Histogram {
	h, err := k.meter.Float64Histogram(name, metric.WithDescription(what), metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(.01, .1, .5, 1, 5, 15, 60, 300, 1800))
	return made(k, h, err)
}

func (k *kit) gauge(name, unit, what string) metric.Int64ObservableGauge {
	g, err := k.meter.Int64ObservableGauge(name, metric.WithDescription(what), metric.WithUnit(unit))
	return made(k, g, err)
}

func (k *kit) age(name, what string) metric.Float64ObservableGauge {
	g, err := k.meter.Float64ObservableGauge(name, metric.WithDescription(what), metric.WithUnit("s"))
	return made(k, g, err)
}

// Observe has the state of an ingest, and of the folds if f is not nil, read
// whenever metrics are collected, until stop is called.
func (m *Metrics) Observe(meter metric.Meter, in *Ingest, f *Folder) (stop func() error, err error) {
	r, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(m.held, in.Held())
		o.ObserveInt64(m.inHand, in.hand.messages.Load())
		paused := int64(0)
		if !in.Paused().IsZero() {
			paused = 1
		}
		o.ObserveInt64(m.paused, paused)
		if b, ok := in.Warehouse.(Biller); ok {
			m.observeBill(o, b.Billed())
		}
		if f == nil {
			return nil
		}
		for table, seen := range f.Seen() {
			if !seen.Oldest.IsZero() {
				o.ObserveFloat64(m.lag, time.Since(seen.Oldest).Seconds(), with("table", table))
			}
			if !seen.Newest.IsZero() {
				o.ObserveFloat64(m.freshness, time.Since(seen.Newest).Seconds(), with("table", table))
			}
		}
		return nil
	}, m.held, m.inHand, m.paused, m.billedToday, m.foldPaused, m.lag, m.freshness)
	if err != nil {
		return nil, err
	}
	return r.Unregister, nil
}

func (m *Metrics) observeBill(o metric.Observer, b Bill) {
	o.ObserveInt64(m.billedToday, b.Bytes)
	paused := int64(0)
	if b.Paused {
		paused = 1
	}
	o.ObserveInt64(m.foldPaused, paused)
}

// with are labels: names and values in turn.
func with(pairs ...string) metric.MeasurementOption {
	var kvs []attribute.KeyValue
	for i := 0; i < len(pairs); i += 2 {
		kvs = append(kvs, attribute.String(pairs[i], pairs[i+1]))
	}
	return metric.WithAttributeSet(attribute.NewSet(kvs...))
}

// Measurements have no context of their own: there are no traces yet.
var background = context.Background()

func (m *Metrics) received(d *transforms.Decoded) {
	if m != nil {
		m.messages.Add(background, 1, with("outcome", d.Outcome.String()))
	}
}

func (m *Metrics) committed(b *Batch, open *openBatch) {
	if m == nil {
		return
	}
	m.rows.Add(background, int64(b.Books.Rows), with("table", b.Table.Name, "outcome", "appended"))
	m.batchRows.Record(background, int64(b.Books.Rows))
	m.batchAge.Record(background, time.Since(open.received).Seconds())
	if b.Table.Name == schemas.QuarantineTable {
		for reason, n := range open.reasons {
			m.quarantined.Add(background, int64(n), with("reason", string(reason)))
		}
	}
}

func (m *Metrics) appended(table string, took time.Duration, err error) {
	if m != nil {
		m.appendTime.Record(background, took.Seconds(), with("table", table, "result", resultOf(err)))
	}
}

func resultOf(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, ErrFenced) || errors.Is(err, ErrTaken):
		return "lost"
	}
	return "failed"
}

func (m *Metrics) merged(merge *Merge, books MergeBooks, took time.Duration, err error) {
	if m == nil {
		return
	}
	table := merge.Table.Name
	m.foldTime.Record(background, took.Seconds(), with("table", table, "result", resultOf(err)))
	if err != nil {
		return
	}
	for outcome, n := range map[string]int{
		"applied": books.Applied, "superseded": books.Superseded, "stale": books.Stale, "erased": books.Erased,
	} {
		m.rows.Add(background, int64(n), with("table", table, "outcome", outcome))
	}
	if books.BytesBilled > 0 {
		m.estimated.Add(background, books.BytesEstimated, with("table", table))
		m.billed.Add(background, books.BytesBilled, with("table", table))
	}
}
