package webhook

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// measured are all values by name and label; of a histogram its count.
func measured(t *testing.T, reader metric.Reader) map[string]int {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	values := map[string]int{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					values[m.Name+"{"+p.Attributes.Encoded(attribute.DefaultEncoder())+"}"] = int(p.Value)
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					values[m.Name+"{"+p.Attributes.Encoded(attribute.DefaultEncoder())+"}"] = int(p.Count)
				}
			}
		}
	}
	return values
}

// TestMetrics: what is taken and refused is counted, by reasons that have each a
// word of their own.
func TestMetrics(t *testing.T) {
	reader := metric.NewManualReader()
	metrics, err := NewMetrics(metric.NewMeterProvider(metric.WithReader(reader)).Meter("test"))
	if err != nil {
		t.Fatal(err)
	}
	d, to := newDoor(t)
	d.Metrics = metrics
	d.serve(signed(anyID, anyBody, time.Now()))
	d.serve(signed(anyID, anyBody, time.Now()))
	to.fails = errors.New("no")
	d.serve(signed(anyID, anyBody, time.Now()))
	forged := signed(anyID, anyBody, time.Now())
	forged.Header.Set("svix-signature", sign(otherKey, anyID, time.Now(), anyBody))
	d.serve(forged)
	get := signed(anyID, anyBody, time.Now())
	get.Method = http.MethodGet
	d.serve(get)
	elsewhere := signed(anyID, anyBody, time.Now())
	elsewhere.URL.Path = "/sk_eu_secret"
	d.serve(elsewhere)
	want := map[string]int{
		"vitalsink.webhook.taken{}": 2, "vitalsink.webhook.publish.duration{result=ok}": 2, "vitalsink.webhook.publish.duration{result=failed}": 1,
		"vitalsink.webhook.refused{reason=publish}": 1, "vitalsink.webhook.refused{reason=signature}": 1,
		"vitalsink.webhook.refused{reason=method}": 1, "vitalsink.webhook.refused{reason=path}": 1,
	}
	got := measured(t, reader)
	for name, n := range want {
		if got[name] != n {
			t.Errorf("%s is %d, want %d", name, got[name], n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("want (-), got (+):\n%s", cmp.Diff(want, got))
	}
	words := map[string]bool{}
	for _, r := range refusals() {
		if r.word == "" || words[r.word] {
			t.Errorf("%q is the word of no refusal, or of two", r.word)
		}
		words[r.word] = true
	}
}
