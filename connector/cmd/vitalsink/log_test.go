package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"
)

// jsonLines are the lines of a log; each must have what Cloud Logging looks for.
func jsonLines(t *testing.T, text string) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for line := range strings.Lines(text) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Errorf("%v: %s", err, line)
			continue
		}
		when, _ := fields["time"].(string)
		if _, err := time.Parse(time.RFC3339Nano, when); err != nil {
			t.Errorf("%v: %s", err, line)
		}
		said, _ := fields["message"].(string)
		level, _ := fields["severity"].(string)
		if said == "" || !strings.Contains(" DEBUG INFO WARNING ERROR ", " "+level+" ") {
			t.Errorf("no message or no severity: %s", line)
		}
		lines = append(lines, fields)
	}
	return lines
}

// said are the lines that say something.
func said(lines []map[string]any, text string) (found []map[string]any) {
	for _, fields := range lines {
		if message, _ := fields["message"].(string); strings.Contains(message, text) {
			found = append(found, fields)
		}
	}
	return found
}

func TestCloudHandler(t *testing.T) {
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
	within := trace.ContextWithSpanContext(t.Context(), span)
	for project, prefix := range map[string]string{"": "", "my-project": "projects/my-project/traces/"} {
		var out strings.Builder
		log := slog.New(newCloudHandler(&out, slog.LevelDebug, project)).With("door", "pubsub")
		log.Debug("a")
		log.InfoContext(within, "b", "took", 72*time.Second, "rows", 3, "error", errors.New("disk\nfull"), "reasons", map[string]int{"not_json": 1})
		log.Warn("c", slog.Group("g", "msg", "inner", "level", slog.LevelWarn))
		log.Error("d")
		got := jsonLines(t, out.String())
		for _, fields := range got {
			delete(fields, "time")
		}
		want := []map[string]any{
			{"severity": "DEBUG", "message": "a", "door": "pubsub"},
			{
				"severity": "INFO", "message": "b", "door": "pubsub", "took": "1m12s", "rows": 3.0, "error": "disk\nfull",
				"reasons":                      map[string]any{"not_json": 1.0},
				"logging.googleapis.com/trace": prefix + span.TraceID().String(), "logging.googleapis.com/spanId": span.SpanID().String(),
			},
			{"severity": "WARNING", "message": "c", "door": "pubsub", "g": map[string]any{"msg": "inner", "level": "WARN"}},
			{"severity": "ERROR", "message": "d", "door": "pubsub"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("want (-), got (+):\n%s", diff)
		}
	}
}

// TestLogFormats: where standard error is no terminal it is JSON, all of it: the
// log, what a command says besides, how it ended, and wrong usage.
func TestLogFormats(t *testing.T) {
	t.Setenv("VITALSINK_LOG_FORMAT", "auto")
	file := "duckdb://" + filepath.Join(t.TempDir(), "a.duckdb")
	for name, c := range map[string]struct {
		args []string
		code int
		says []string // with severity
	}{
		"failure":   {[]string{"load", "/nonexistent", "--warehouse", file}, exitFailed, []string{"ERROR /nonexistent"}},
		"usage":     {[]string{"load", "--bogus"}, exitUsage, []string{"ERROR unknown flag --bogus"}},
		"no level":  {[]string{"version", "--log-level", "loud"}, exitUsage, []string{"ERROR --log-level"}},
		"attention": {[]string{"load", "-", "--warehouse", file}, exitAttention, []string{"ERROR messages that went to quarantine"}},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs screen
			if code := execute(t.Context(), c.args, streams{strings.NewReader("{}\n"), &out, &errs}); code != c.code {
				t.Errorf("exit code %d, want %d: %s", code, c.code, errs.String())
			}
			lines := jsonLines(t, errs.String())
			for _, says := range c.says {
				severity, text, _ := strings.Cut(says, " ")
				if found := said(lines, text); len(found) != 1 || found[0]["severity"] != severity {
					t.Errorf("no line says %q:\n%s", says, errs.String())
				}
			}
		})
	}
	for flag, begins := range map[string]string{"text": "vitalsink: ", "json": "{"} {
		var out, errs screen
		execute(t.Context(), []string{"load", "/nonexistent", "--warehouse", file, "--log-format", flag}, streams{nil, &out, &errs})
		if !strings.HasPrefix(errs.String(), begins) {
			t.Errorf("--log-format %s: %s", flag, errs.String())
		}
	}
}

// TestLineLog: what is no log becomes lines of it; what is wrong, one.
func TestLineLog(t *testing.T) {
	var out strings.Builder
	log := lineLog{slog.New(newCloudHandler(&out, slog.LevelInfo, ""))}
	fmt.Fprintln(log, "vitalsink: the disk\nis full")
	fmt.Fprintln(log, "changes: 1\n  why: \"x\"")
	var got []string
	for _, fields := range jsonLines(t, out.String()) {
		got = append(got, fmt.Sprint(fields["severity"], " ", fields["message"]))
	}
	if diff := cmp.Diff([]string{"ERROR the disk\nis full", "INFO changes: 1", `INFO   why: "x"`}, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}
