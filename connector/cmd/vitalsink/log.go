package main

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"os"
	"strings"

	"go.opentelemetry.io/otel/trace"
)

// logFlags say what is logged, and how.
type logFlags struct {
	LogLevel  string `default:"info" enum:"debug,info,warn,error" placeholder:"LEVEL" help:"What to log: debug, info, warn or error. Default ${default}."`
	LogFormat string `default:"auto" enum:"auto,text,json" placeholder:"FORM" help:"How to log: text, or json with the field names of Cloud Logging, where all of standard error is JSON lines. Default ${default}: text on a terminal, json elsewhere."`
}

// begin opens the log on standard error. Where it is JSON, whatever else is
// written to the stream it returns is a line of the log too.
func (f logFlags) begin(std streams) (streams, *slog.Logger) {
	var level slog.Level
	_ = level.UnmarshalText([]byte(f.LogLevel)) // else the command line is refused
	// Of one that could not be parsed only the environment is known.
	form := cmp.Or(f.LogFormat, os.Getenv("VITALSINK_LOG_FORMAT"), "auto")
	if form == "text" || form != "json" && terminalWidth(std.err) > 0 {
		return std, slog.New(slog.NewTextHandler(logWriter{std.err}, &slog.HandlerOptions{Level: level}))
	}
	log := slog.New(newCloudHandler(std.err, level, os.Getenv("GOOGLE_CLOUD_PROJECT")))
	std.err = lineLog{log}
	return std, log
}

// lineLog makes lines of the log of what is written to it: of what begins with
// "vitalsink: ", as whatever is wrong does, one error, else one of each line. A
// write is of whole lines.
type lineLog struct{ *slog.Logger }

func (l lineLog) Write(text []byte) (int, error) {
	if wrong, ok := strings.CutPrefix(string(text), "vitalsink: "); ok {
		l.Error(strings.TrimRight(wrong, "\n"))
		return len(text), nil
	}
	for line := range strings.Lines(string(text)) {
		l.Info(strings.TrimRight(line, "\n"))
	}
	return len(text), nil
}

// cloudHandler writes JSON as Cloud Logging reads it: severity, message and
// time, and of what is logged within a span, which one.
type cloudHandler struct {
	slog.Handler
	traces string // before an id
}

// newCloudHandler logs to out. The project, of traces, may be empty: then their
// names are their ids, which Cloud Logging takes to be of its own project.
func newCloudHandler(out io.Writer, level slog.Leveler, project string) cloudHandler {
	h := cloudHandler{Handler: slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: cloudName})}
	if project != "" {
		h.traces = "projects/" + project + "/traces/"
	}
	return h
}

// cloudName renames what slog adds to a line, and writes durations for people,
// as in text.
func cloudName(groups []string, a slog.Attr) slog.Attr {
	level, isLevel := a.Value.Any().(slog.Level)
	switch {
	case a.Value.Kind() == slog.KindDuration:
		a.Value = slog.StringValue(a.Value.Duration().String())
	case len(groups) > 0:
	case a.Key == slog.MessageKey:
		a.Key = "message"
	case a.Key == slog.LevelKey && isLevel:
		return slog.String("severity", severity(level))
	}
	return a
}

// severity is the name that Cloud Logging has for a level.
func severity(level slog.Level) string {
	if level == slog.LevelWarn {
		return "WARNING"
	}
	return level.String()
}

func (h cloudHandler) Handle(ctx context.Context, r slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		r.AddAttrs(slog.String("logging.googleapis.com/trace", h.traces+span.TraceID().String()),
			slog.String("logging.googleapis.com/spanId", span.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

func (h cloudHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return cloudHandler{h.Handler.WithAttrs(attrs), h.traces}
}

func (h cloudHandler) WithGroup(name string) slog.Handler {
	return cloudHandler{h.Handler.WithGroup(name), h.traces}
}
