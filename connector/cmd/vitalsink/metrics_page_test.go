package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"vitalsink/connector"
	"vitalsink/connector/webhook"
	"vitalsink/schemas"
)

// TestMetricsPage: docs/metrics.md lists what the code measures and traces.
func TestMetricsPage(t *testing.T) {
	const path = "../../../docs/metrics.md"
	want := metricsPage(t)
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := mustDoc(t, "metrics.md"); got != want {
		t.Errorf("%s is not what the code says; write it anew: go test ./connector/cmd/vitalsink -run TestMetricsPage -update", path)
	}
}

const metricsIntro = `# Metrics and traces

<!-- Made of the code by go test ./connector/cmd/vitalsink -run TestMetricsPage -update -->

To Prometheus: ` + "`run --http 127.0.0.1:9090`" + ` serves them at ` + "`/metrics`" + `, beside those of Go and of the process.

By OTLP over gRPC, to a collector, from ` + "`run` and `webhook`" + `, under the names of OpenTelemetry, and traces with them:

    export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317

Other variables of OpenTelemetry work as elsewhere: ` + "`OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`,\n`OTEL_RESOURCE_ATTRIBUTES`, `OTEL_METRIC_EXPORT_INTERVAL`, `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_EXPORTER=none`, `OTEL_SDK_DISABLED`" + ` and
so on. Where none is set, nothing is sent, and nobody is connected to. A collector that cannot be reached is told of in the log,
once, and keeps nothing waiting; at the end there are 2 s to send what is left.

Labels and attributes hold words of the catalogue, ids that we made, and numbers: nothing that came with a message. So there is
a most of series, whatever comes.
`

// metricsPage is the text of the page.
func metricsPage(t *testing.T) string {
	t.Helper()
	service, err := connector.NewMetrics(noop.Meter{})
	if err != nil {
		t.Fatal(err)
	}
	door, err := webhook.NewMetrics(noop.Meter{})
	if err != nil {
		t.Fatal(err)
	}
	var page strings.Builder
	page.WriteString(metricsIntro)
	listInstruments(t, &page, "Receiving and folding", service.Made())
	listInstruments(t, &page, "The webhook door", door.Made())
	page.WriteString("\n`table` is one of " + strings.Join(versionedTables(t), ", ") + ".\n")
	page.WriteString("\n## Spans\n\nA trace is a batch or a fold. A line of the log about it has its id, where logs are JSON.\n\n" +
		"| span | within | what it is | attributes |\n|---|---|---|---|\n")
	for _, s := range connector.Spans() {
		fmt.Fprintf(&page, "| `%s` | %s | %s | %s |\n", s.Name, inCode(s.Parent), s.What, inCode(s.Attributes...))
	}
	page.WriteString("\n`result` is ok, failed or lost (another folder was faster). What went wrong is in the log.\n")
	return page.String()
}

func listInstruments(t *testing.T, page *strings.Builder, title string, made []connector.Instrument) {
	t.Helper()
	fmt.Fprintf(page, "\n## %s\n\n| Prometheus | OTLP | type, unit | labels | what it is |\n|---|---|---|---|---|\n", title)
	for _, i := range made {
		var labels []string
		for _, l := range i.Labels {
			text := inCode(l.Name)
			if l.Values != nil {
				text += ": " + strings.Join(l.Values, ", ")
			}
			labels = append(labels, text)
		}
		kind := i.Kind
		if unit := map[string]string{"s": "seconds", "By": "bytes"}[i.Unit]; unit != "" {
			kind += ", " + unit
		}
		fmt.Fprintf(page, "| `%s` | `%s` | %s | %s | %s |\n", prometheusName(t, i), i.Name, kind, strings.Join(labels, "; "), i.What)
	}
}

func inCode(words ...string) string {
	var all []string
	for _, w := range words {
		if w != "" {
			all = append(all, "`"+w+"`")
		}
	}
	return strings.Join(all, ", ")
}

func versionedTables(t *testing.T) (names []string) {
	t.Helper()
	catalogue, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range catalogue.Versioned() {
		names = append(names, table.Name)
	}
	return names
}

// prometheusName is what the exporter makes of an instrument's name.
func prometheusName(t *testing.T, i connector.Instrument) string {
	t.Helper()
	registry := prometheus.NewRegistry()
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo(), otelprometheus.WithoutTargetInfo())
	if err != nil {
		t.Fatal(err)
	}
	meter := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter)).Meter(scope)
	switch i.Kind {
	case "counter":
		c, counterErr := meter.Int64Counter(i.Name, metric.WithUnit(i.Unit))
		c.Add(t.Context(), 1)
		err = counterErr
	case "histogram":
		h, histogramErr := meter.Int64Histogram(i.Name, metric.WithUnit(i.Unit))
		h.Record(t.Context(), 1)
		err = histogramErr
	case "gauge":
		g, gaugeErr := meter.Int64Gauge(i.Name, metric.WithUnit(i.Unit))
		g.Record(t.Context(), 1)
		err = gaugeErr
	}
	if err != nil {
		t.Fatal(err)
	}
	seen, err := registry.Gather()
	if err != nil || len(seen) != 1 {
		t.Fatalf("%s ends as %v: %v", i.Name, seen, err)
	}
	return seen[0].GetName()
}
