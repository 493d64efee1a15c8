package webhook

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"vitalsink/connector"
)

// Metrics are what a Door measures, by OpenTelemetry. A nil *Metrics measures
// nothing.
type Metrics struct {
	made []connector.Instrument

	taken, refused metric.Int64Counter
	publishTime    metric.Float64Histogram
}

// NewMetrics makes the instruments.
func NewMetrics(meter metric.Meter) (*Metrics, error) {
	k := connector.NewInstruments(meter)
	reason := connector.Label{Name: "reason"}
	for _, r := range refusals() {
		reason.Values = append(reason.Values, r.word)
	}
	m := &Metrics{
		taken:       k.Counter("vitalsink.webhook.taken", "", "Events that are safe: published, or appended."),
		refused:     k.Counter("vitalsink.webhook.refused", "", "Requests that were not answered with 204.", reason),
		publishTime: k.Seconds("vitalsink.webhook.publish.duration", "Time to make an event safe.", connector.Label{Name: "result", Values: []string{"ok", "failed"}}),
	}
	m.made = k.Made()
	return m, k.Err()
}

// Made are the instruments.
func (m *Metrics) Made() []connector.Instrument { return m.made }

func label(name, value string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String(name, value)))
}

func (m *Metrics) took() {
	if m != nil {
		m.taken.Add(context.Background(), 1)
	}
}

func (m *Metrics) refuse(why refusal) {
	if m != nil {
		m.refused.Add(context.Background(), 1, label("reason", why.word))
	}
}

func (m *Metrics) published(took time.Duration, err error) {
	if m == nil {
		return
	}
	result := "ok"
	if err != nil {
		result = "failed"
	}
	m.publishTime.Record(context.Background(), took.Seconds(), label("result", result))
}
