package connector_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"vitalsink/connector"
)

// traced has an ingest and a folder make traces, and log what they do.
func traced(in *connector.Ingest, f *connector.Folder) (spans *tracetest.InMemoryExporter, log *strings.Builder) {
	spans, log = tracetest.NewInMemoryExporter(), &strings.Builder{}
	in.Tracer = trace.NewTracerProvider(trace.WithSyncer(spans)).Tracer("test")
	in.Log = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	f.Tracer, f.Log = in.Tracer, in.Log
	return spans, log
}

// checkSpans wants each span to be as connector.Spans says, and returns them by
// name.
func checkSpans(t *testing.T, spans tracetest.SpanStubs) map[string]tracetest.SpanStubs {
	t.Helper()
	declared, names := map[string]connector.Span{}, map[string]string{}
	for _, s := range connector.Spans() {
		declared[s.Name] = s
	}
	for _, s := range spans {
		names[s.SpanContext.SpanID().String()] = s.Name
	}
	byName := map[string]tracetest.SpanStubs{}
	for _, s := range spans {
		byName[s.Name] = append(byName[s.Name], s)
		want := declared[s.Name]
		var got []string
		for _, kv := range s.Attributes {
			got = append(got, string(kv.Key))
		}
		if diff := cmp.Diff(want.Attributes, got); diff != "" {
			t.Errorf("%s: declared (-), made (+):\n%s", s.Name, diff)
		}
		if parent := names[s.Parent.SpanID().String()]; parent != want.Parent || len(s.Events) > 0 || s.Status.Description != "" {
			t.Errorf("%s is within %q, want %q; and it has events %v, status %q", s.Name, parent, want.Parent, s.Events, s.Status)
		}
		if s.EndTime.Before(s.StartTime) {
			t.Errorf("%s ends before it begins", s.Name)
		}
	}
	return byName
}

// attributesOf are a span's, by name.
func attributesOf(s tracetest.SpanStub) map[string]any {
	values := map[string]any{}
	for _, kv := range s.Attributes {
		values[string(kv.Key)] = kv.Value.AsInterface()
	}
	return values
}

// TestTraces: a batch is a trace, from its oldest message on, and so is a fold;
// the log names batches by their ids.
func TestTraces(t *testing.T) {
	w := openFile(t)
	in := newIngest(t, w)
	in.Workers = 1 // so that each table has one batch
	folder := &connector.Folder{Warehouse: w, Catalogue: catalogue(t)}
	spans, log := traced(in, folder)
	if err := in.Run(t.Context(), knownMessages()); err != nil {
		t.Fatal(err)
	}
	pending, err := w.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := folder.Fold(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen := checkSpans(t, spans.GetSpans())
	for name, n := range map[string]int{"batch": 3, "receive": 3, "decode": 3, "append": 3, "fold": 1, "merge": 3} {
		if len(seen[name]) != n {
			t.Errorf("%d spans %s, want %d", len(seen[name]), name, n)
		}
	}
	rows := map[string]any{"timeseries": int64(4), "sleep": int64(1), "quarantine": int64(5)}
	for _, s := range seen["batch"] {
		got := attributesOf(s)
		id, _ := got["batch"].(string)
		if !slices.ContainsFunc(pending.Batches, func(b connector.Registered) bool { return b.ID == id && b.Table == got["table"] }) {
			t.Errorf("a trace of batch %s of %s, which is not registered", id, got["table"])
		}
		if got["rows"] != rows[got["table"].(string)] || got["lane"] != "recent" || got["result"] != "ok" {
			t.Errorf("a batch is traced as %v", got)
		}
	}
	for _, s := range seen["merge"] {
		if got := attributesOf(s); got["rows"] != rows[got["table"].(string)] || got["batches"] != int64(1) || got["result"] != "ok" {
			t.Errorf("a merge is traced as %v", got)
		}
	}
	if got := attributesOf(seen["fold"][0]); got["merges"] != int64(3) || got["rows"] != int64(10) || got["result"] != "ok" {
		t.Errorf("a fold is traced as %v", got)
	}
	for _, b := range pending.Batches {
		if !logged(t, log.String(), "batch committed", b.ID) || b.Table == "quarantine" && !logged(t, log.String(), "messages went to quarantine", b.ID) {
			t.Errorf("the log does not name batch %s of %s:\n%s", b.ID, b.Table, log)
		}
	}
}

// logged tells whether a line of the log says something of a batch.
func logged(t *testing.T, log, text, batch string) bool {
	t.Helper()
	for line := range strings.Lines(log) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatal(err)
		}
		if message, _ := fields["msg"].(string); strings.HasPrefix(message, text) && fields["batch"] == batch {
			return true
		}
	}
	return false
}

// TestTracesOfFailure: what failed is to be seen, without a word of the error.
func TestTracesOfFailure(t *testing.T) {
	w := &unmerging{Warehouse: openFile(t)}
	in := newIngest(t, w)
	folder := &connector.Folder{Warehouse: w, Catalogue: catalogue(t)}
	spans, log := traced(in, folder)
	if err := in.Run(t.Context(), &door{n: 1, samples: 1}); err != nil {
		t.Fatal(err)
	}
	w.down.Store(true)
	if _, err := folder.Fold(context.Background()); err == nil {
		t.Fatal("a fold that cannot merge says nothing")
	}
	seen := checkSpans(t, spans.GetSpans())
	for _, name := range []string{"merge", "fold"} {
		if len(seen[name]) != 1 || seen[name][0].Status.Code != codes.Error || attributesOf(seen[name][0])["result"] != "failed" {
			t.Errorf("%s is traced as %+v", name, seen[name])
		}
	}
	if batch, _ := attributesOf(seen["batch"][0])["batch"].(string); !logged(t, log.String(), "a batch cannot be merged", batch) {
		t.Errorf("the log does not name batch %s:\n%s", batch, log)
	}
}
