package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"vitalsink/connector"
	"vitalsink/connector/webhook"
)

const (
	// scope names what measures and traces.
	scope = "vitalsink"
	// flushTime is for what is measured and traced, and not yet sent, at the end.
	flushTime = 2 * time.Second
)

// telemetry is what a service measures and traces. It goes to Prometheus, where
// there is a window, and by OTLP to a collector, if the environment names one in
// the way of OpenTelemetry (OTEL_EXPORTER_OTLP_ENDPOINT and its like); else
// nowhere, and no connection is made. Nil is for nobody.
type telemetry struct {
	registry *prometheus.Registry // nil if there is no window
	meters   *sdkmetric.MeterProvider
	tracers  *sdktrace.TracerProvider // nil if there is no collector of traces
	spans    sdktrace.SpanExporter
}

// measure measures and traces a service and a door, each if there is one, as the
// environment asks for; window tells whether Prometheus may ask, too. The caller
// closes it before the warehouse.
func measure(ctx context.Context, window bool, s *connector.Service, d *webhook.Door, log *slog.Logger) (*telemetry, error) {
	t, err := newTelemetry(ctx, window, log)
	if t == nil || err != nil {
		return nil, err
	}
	if d != nil {
		d.Metrics, err = webhook.NewMetrics(t.meters.Meter(scope))
	}
	if s != nil {
		err = errors.Join(err, t.follow(s))
	}
	if err != nil {
		t.close()
		return nil, fmt.Errorf("measure: %w", err)
	}
	return t, nil
}

// newTelemetry makes what the environment asks for; window tells whether
// Prometheus may ask, too.
func newTelemetry(ctx context.Context, window bool, log *slog.Logger) (*telemetry, error) {
	metrics, traces := collected("METRICS", log), collected("TRACES", log)
	if !window && !metrics && !traces {
		return nil, nil
	}
	// The SDK would write to standard error as it likes, values of variables
	// included; what matters of it the exporters below say.
	otel.SetLogger(logr.Discard())
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	origin, err := originOf(ctx)
	if err != nil {
		return nil, err
	}
	t := &telemetry{}
	options := []sdkmetric.Option{sdkmetric.WithResource(origin)}
	if window {
		reader, err := t.register()
		if err != nil {
			return nil, err
		}
		options = append(options, sdkmetric.WithReader(reader))
	}
	var unsent sync.Once
	if metrics {
		exporter, err := otlpmetricgrpc.New(ctx)
		if err != nil {
			return nil, err
		}
		options = append(options, sdkmetric.WithReader(sdkmetric.NewPeriodicReader(&metricExporter{exporter, log, &unsent})))
	}
	if traces {
		exporter, err := otlptracegrpc.New(ctx)
		if err != nil {
			return nil, err
		}
		t.spans = &spanExporter{exporter, log, &unsent}
		t.tracers = sdktrace.NewTracerProvider(sdktrace.WithResource(origin), sdktrace.WithBatcher(t.spans))
	}
	t.meters = sdkmetric.NewMeterProvider(options...)
	return t, nil
}

// collected tells whether a signal is to be sent to a collector. Its address, and
// all the rest, the exporter reads for itself.
func collected(signal string, log *slog.Logger) bool {
	of := func(name string) string {
		if v := os.Getenv("OTEL_EXPORTER_OTLP_" + signal + "_" + name); v != "" {
			return v
		}
		return os.Getenv("OTEL_EXPORTER_OTLP_" + name)
	}
	exporter := os.Getenv("OTEL_" + signal + "_EXPORTER")
	if of("ENDPOINT") == "" && exporter == "" || exporter == "none" || os.Getenv("OTEL_SDK_DISABLED") == "true" {
		return false
	}
	if protocol := of("PROTOCOL"); protocol != "" && protocol != "grpc" || exporter != "" && exporter != "otlp" {
		log.Warn("telemetry is not sent: it could only be by OTLP over gRPC; set OTEL_EXPORTER_OTLP_PROTOCOL=grpc and the collector's address for it, which often ends in :4317",
			"signal", signal, "exporter", exporter, "protocol", protocol)
		return false
	}
	return true
}

// originOf says who measures. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go
// before what we say. Each process has an id, or the sums of two would be one.
func originOf(ctx context.Context) (*resource.Resource, error) {
	origin, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", "vitalsink"), attribute.String("service.version", built(0).Version),
		attribute.String("service.instance.id", uuid.NewString()),
	), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if errors.Is(err, resource.ErrPartialResource) { // a variable that cannot be read in full
		err = nil
	}
	return origin, err
}

// register lets instruments end in a Prometheus registry, too.
func (t *telemetry) register() (sdkmetric.Reader, error) {
	t.registry = prometheus.NewRegistry()
	t.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return otelprometheus.New(otelprometheus.WithRegisterer(t.registry), otelprometheus.WithoutScopeInfo(), otelprometheus.WithoutTargetInfo())
}

// follow measures and traces a service.
func (t *telemetry) follow(s *connector.Service) error {
	meter := t.meters.Meter(scope)
	metrics, err := connector.NewMetrics(meter)
	if err != nil {
		return err
	}
	s.Ingest.Metrics = metrics
	if t.tracers != nil {
		s.Ingest.Tracer = t.tracers.Tracer(scope)
	}
	if s.Folder != nil {
		s.Folder.Metrics, s.Folder.Tracer = metrics, s.Ingest.Tracer
	}
	_, err = metrics.Observe(meter, s.Ingest, s.Folder)
	return err
}

// close sends what is left, if that takes no more than 2 seconds. That it cannot
// be sent is no failure of the service.
func (t *telemetry) close() {
	if t == nil {
		return
	}
	late, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	var both sync.WaitGroup
	both.Go(func() { _ = t.meters.Shutdown(late) })
	if t.tracers != nil {
		both.Go(func() {
			if t.tracers.Shutdown(late) != nil {
				_ = t.spans.Shutdown(late) // it is late: this breaks off what is still being sent
			}
		})
	}
	both.Wait()
}

// An exporter that does not reach its collector says so once, and never fails:
// OpenTelemetry would write of each failure to standard error.
type (
	metricExporter struct {
		sdkmetric.Exporter
		log    *slog.Logger
		unsent *sync.Once
	}
	spanExporter struct {
		sdktrace.SpanExporter
		log    *slog.Logger
		unsent *sync.Once
	}
)

func (e *metricExporter) Export(ctx context.Context, m *metricdata.ResourceMetrics) error {
	sayUnsent(ctx, e.log, e.unsent, e.Exporter.Export(ctx, m))
	return nil
}

func (e *spanExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	sayUnsent(ctx, e.log, e.unsent, e.SpanExporter.ExportSpans(ctx, spans))
	return nil
}

func sayUnsent(ctx context.Context, log *slog.Logger, once *sync.Once, err error) {
	if err != nil && !errors.Is(ctx.Err(), context.Canceled) { // at the end, the last try takes over
		once.Do(func() {
			log.Warn("telemetry cannot be sent to the collector: it is tried again, but not told again; nothing else is concerned", "error", err)
		})
	}
}
