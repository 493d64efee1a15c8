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
	made []Instrument

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
	k := NewInstruments(meter)
	appended, merged := Label{"result", []string{"ok", "failed"}}, Label{"result", []string{"ok", "lost", "failed"}}
	m := &Metrics{
		messages: k.Counter("vitalsink.messages.received", "", "Messages decoded.", outcomes()),
		rows: k.Counter("vitalsink.rows", "", "Rows appended, and then what a fold made of them.",
			byTable, Label{"outcome", []string{"appended", "applied", "superseded", "stale", "erased"}}),
		quarantined: k.Counter("vitalsink.quarantined", "", "Messages and samples refused.", reasons()),
		batchRows:   k.Sizes("vitalsink.batch.rows", "Rows of a committed batch."),
		batchAge:    k.Seconds("vitalsink.batch.age", "From the arrival of a batch's oldest message to its commit."),
		appendTime:  k.Seconds("vitalsink.append.duration", "Time of one append.", byTable, appended),
		foldTime:    k.Seconds("vitalsink.fold.duration", "Time of one merge; lost: another folder was faster.", byTable, merged),
		estimated:   k.Counter("vitalsink.fold.estimated", "By", "BigQuery: bytes that merges were expected to be billed for.", byTable),
		billed:      k.Counter("vitalsink.fold.billed", "By", "BigQuery: bytes that merges were billed for.", byTable),
		billedToday: k.Gauge("vitalsink.billed.today", "By", "BigQuery: bytes that all jobs of the day (UTC) were billed for, lookups included."),
		foldPaused:  k.Gauge("vitalsink.fold.paused", "", "BigQuery: 1 while something is not folded because too little is left of the day's bytes, else 0."),
		held:        k.Gauge("vitalsink.held", "By", "Bytes in hand: messages that wait or are not committed, and their rows."),
		inHand:      k.Gauge("vitalsink.messages.held", "", "Messages received and not settled."),
		paused:      k.Gauge("vitalsink.paused", "", "1 while the warehouse fails and nothing is received, else 0."),
		lag:         k.Age("vitalsink.lag", "Age of a table's oldest batch that is appended and not merged, as the last fold saw it.", byTable),
		freshness:   k.Age("vitalsink.freshness", "Age of a table's newest batch that is merged.", byTable),
	}
	m.made = k.Made()
	return m, k.Err()
}

// Made are the instruments.
func (m *Metrics) Made() []Instrument { return m.made }

// outcomes are what may become of a message.
func outcomes() Label {
	l := Label{Name: "outcome"}
	for o := transforms.Landed; o <= transforms.Erased; o++ {
		l.Values = append(l.Values, o.String())
	}
	return l
}

// reasons are why something may be refused. That samples are is no reason of its
// own: each of them has one.
func reasons() Label {
	l := Label{Name: "reason"}
	for _, r := range transforms.Reasons() {
		if r != transforms.Samples {
			l.Values = append(l.Values, string(r))
		}
	}
	return l
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

// Measurements do not point to traces: those hold more than labels may.
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
