package connector

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Span is what is known of the spans of a name: docs/metrics.md is made of it.
// They hold ids of ours, words of the catalogue and numbers, and nothing that
// came with a message.
type Span struct {
	Name, Parent string // Parent is "" of a trace's root
	What         string
	Attributes   []string
}

// Spans are those that an Ingest and a Folder make: a trace is a batch or a fold.
func Spans() []Span {
	return []Span{
		{"batch", "", "A batch, from the arrival of its oldest message until it is committed or not.", []string{"batch", "table", "lane", "rows", "messages", "result"}},
		{"receive", "batch", "Its oldest message waits to be decoded.", nil},
		{"decode", "batch", "Messages are decoded into it, until it is full or old.", nil},
		{"append", "batch", "One try to append it. The next one is under another id.", []string{"batch", "result"}},
		{"fold", "", "A fold: everything that was pending when it began.", []string{"merges", "rows", "result"}},
		{"merge", "fold", "One merge. Rows are those of its batches.", []string{"merge", "table", "lane", "batches", "rows", "bytes_billed", "result"}},
	}
}

func tracerOr(t trace.Tracer) trace.Tracer {
	if t == nil {
		return noop.Tracer{}
	}
	return t
}

// traceBatch begins the span of a batch: what was before it is known by now.
func (in *Ingest) traceBatch(ctx context.Context, open *openBatch) (context.Context, trace.Span) {
	tracer := tracerOr(in.Tracer)
	ctx, span := tracer.Start(ctx, "batch", trace.WithNewRoot(), trace.WithTimestamp(open.received))
	for _, past := range []struct {
		name     string
		from, to time.Time
	}{{"receive", open.received, open.began}, {"decode", open.began, open.ended}} {
		_, s := tracer.Start(ctx, past.name, trace.WithTimestamp(past.from))
		s.End(trace.WithTimestamp(past.to))
	}
	return ctx, span
}

// endSpan ends a span with what came of it. What went wrong the log tells, under
// the span's id.
func endSpan(span trace.Span, err error, attributes ...attribute.KeyValue) {
	result := resultOf(err)
	span.SetAttributes(append(attributes, attribute.String("result", result))...)
	if result == "failed" {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}
