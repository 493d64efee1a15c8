//go:build linux

package main

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"vitalsink/connector"
)

// collector is one of OpenTelemetry's, which keeps what it is sent.
type collector struct {
	collectortrace.UnimplementedTraceServiceServer
	metricsServer
	address string

	mu      sync.Mutex
	spans   map[string]int // by name
	metrics map[string]bool
	origins []*resourcepb.Resource
	all     strings.Builder
}

type metricsServer struct {
	collectormetrics.UnimplementedMetricsServiceServer
	of *collector
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{address: "http://" + listener.Addr().String(), spans: map[string]int{}, metrics: map[string]bool{}}
	c.of = c
	server := grpc.NewServer()
	collectortrace.RegisterTraceServiceServer(server, c)
	collectormetrics.RegisterMetricsServiceServer(server, c.metricsServer)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return c
}

func (c *collector) keep(m proto.Message) {
	m = proto.Clone(m)
	clearIDs(m.ProtoReflect())
	text, _ := prototext.Marshal(m)
	c.all.Write(text)
}

// clearIDs takes the ids of traces and spans away: they are random bytes, and
// now and then two of them are a short id that is to be nowhere.
func clearIDs(m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Kind() == protoreflect.BytesKind && strings.HasSuffix(string(f.Name()), "_id"):
			m.Clear(f)
		case f.Kind() == protoreflect.MessageKind && f.IsList():
			for i := range v.List().Len() {
				clearIDs(v.List().Get(i).Message())
			}
		case f.Kind() == protoreflect.MessageKind:
			clearIDs(v.Message())
		}
		return true
	})
}

func (c *collector) Export(_ context.Context, r *collectortrace.ExportTraceServiceRequest) (*collectortrace.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(r)
	for _, of := range r.ResourceSpans {
		c.origins = append(c.origins, of.Resource)
		for _, scope := range of.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans[s.Name]++
			}
		}
	}
	return &collectortrace.ExportTraceServiceResponse{}, nil
}

func (s metricsServer) Export(_ context.Context, r *collectormetrics.ExportMetricsServiceRequest) (*collectormetrics.ExportMetricsServiceResponse, error) {
	c := s.of
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(r)
	for _, of := range r.ResourceMetrics {
		c.origins = append(c.origins, of.Resource)
		for _, scope := range of.ScopeMetrics {
			for _, m := range scope.Metrics {
				c.metrics[m.Name] = true
			}
		}
	}
	return &collectormetrics.ExportMetricsServiceResponse{}, nil
}

// TestCollector: what a run measures and traces reaches a collector before it
// ends, with where it came from, and with nothing of any message.
func TestCollector(t *testing.T) {
	t.Parallel()
	c, s := newCollector(t), newService(t)
	p := newProcess(s.Addr, filepath.Join(t.TempDir(), "run.duckdb"), "--log-format", "json", "--log-level", "debug")
	// Intervals that no test waits for: what comes, comes of the end.
	p.Env = append(p.Env, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.address, "OTEL_METRIC_EXPORT_INTERVAL=3600000", "OTEL_BSP_SCHEDULE_DELAY=3600000",
		"OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test")
	p.start(t)
	messages := append(scenarioPart(t, 50), canaries()...)
	s.publish(messages)
	s.awaitAcks(t, len(messages))
	began := time.Now()
	p.terminate(t)
	t.Logf("ended in %s", time.Since(began).Round(time.Millisecond))
	for _, span := range connector.Spans() {
		if c.spans[span.Name] == 0 {
			t.Errorf("there is no span %s: %v", span.Name, c.spans)
		}
	}
	for _, name := range []string{"vitalsink.rows", "vitalsink.freshness", "vitalsink.batch.age", "vitalsink.paused"} {
		if !c.metrics[name] {
			t.Errorf("there is no metric %s: %v", name, slices.Sorted(maps.Keys(c.metrics)))
		}
	}
	for _, origin := range c.origins {
		names := map[string]string{}
		for _, kv := range origin.Attributes {
			names[kv.Key] = kv.Value.GetStringValue()
		}
		if names["service.name"] != "vitalsink" || names["service.version"] == "" || names["service.instance.id"] == "" || names["deployment.environment.name"] != "test" {
			t.Errorf("it comes from %v", names)
		}
	}
	secretsOf(messages).check(t, map[string]string{"what is collected": c.all.String(), "the log": p.wrote.String()})
	// A line about a batch leads to its trace.
	for _, fields := range said(jsonLines(t, p.wrote.String()), "batch committed") {
		id, _ := fields["logging.googleapis.com/trace"].(string)
		if span, _ := fields["logging.googleapis.com/spanId"].(string); len(id) != 32 || len(span) != 16 || fields["batch"] == nil {
			t.Errorf("a batch is logged as %v", fields)
		}
	}
}

// TestCollectorOutOfReach: nothing waits for a collector that is not there, and
// the log says so once.
func TestCollectorOutOfReach(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := newProcess(s.Addr, filepath.Join(t.TempDir(), "run.duckdb"))
	p.Env = append(p.Env, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+freeAddress(t), "OTEL_METRIC_EXPORT_INTERVAL=2", "OTEL_METRIC_EXPORT_TIMEOUT=1",
		"OTEL_BSP_SCHEDULE_DELAY=10", "OTEL_EXPORTER_OTLP_TIMEOUT=10")
	p.start(t)
	messages := scenarioPart(t, 50)
	s.publish(messages)
	s.awaitAcks(t, len(messages))
	s.await(t, "the warning", func(_, _ int) bool { return strings.Contains(p.wrote.String(), "telemetry cannot be sent") })
	p.terminate(t) // with exit code 0
	for text, n := range map[string]int{"telemetry cannot be sent": 1, "level=": strings.Count(p.wrote.String(), "\n")} {
		if got := strings.Count(p.wrote.String(), text); got != n {
			t.Errorf("%q is there %d times, want %d:\n%s", text, got, n, p.wrote.String())
		}
	}
}

// silent takes connections and says nothing.
func silent(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	})
	return "http://" + listener.Addr().String()
}

// TestFlushEnds: a collector that never answers delays the end by 2 s.
func TestFlushEnds(t *testing.T) {
	leaks(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", silent(t))
	var out screen
	telemetry, err := newTelemetry(t.Context(), false, slog.New(slog.NewTextHandler(&out, nil)))
	if err != nil {
		t.Fatal(err)
	}
	counter, err := telemetry.meters.Meter(scope).Int64Counter("vitalsink.rows")
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(t.Context(), 1)
	_, span := telemetry.tracers.Tracer(scope).Start(t.Context(), "batch")
	span.End()
	began := time.Now()
	telemetry.close()
	if took := time.Since(began); took < flushTime/2 || took > flushTime+patience/2 || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("it ended after %s, with %q", took, out.String())
	}
}

// TestTelemetryIsOff: unless it is asked for, or where it is asked for in a way
// that does not work, which is said.
func TestTelemetryIsOff(t *testing.T) {
	const here = "http://127.0.0.1:1"
	for name, c := range map[string]struct {
		env    map[string]string
		warned int
	}{
		"nothing set":  {nil, 0},
		"disabled":     {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": here, "OTEL_SDK_DISABLED": "true"}, 0},
		"none":         {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": here, "OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}, 0},
		"by HTTP":      {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": here, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, 2},
		"one, by HTTP": {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": here, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"}, 1},
		"not OTLP":     {map[string]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": here, "OTEL_METRICS_EXPORTER": "prometheus"}, 1},
		"to a console": {map[string]string{"OTEL_TRACES_EXPORTER": "console"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			var out screen
			telemetry, err := newTelemetry(t.Context(), false, slog.New(slog.NewTextHandler(&out, nil)))
			if err != nil || telemetry != nil {
				t.Errorf("it is on: %v", err)
			}
			if got := strings.Count(out.String(), "telemetry is not sent"); got != c.warned {
				t.Errorf("%d warnings, want %d: %s", got, c.warned, out.String())
			}
		})
	}
}
