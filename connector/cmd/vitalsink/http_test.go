package main

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitalsink/schemas"
	"vitalsink/transforms"
)

// freeAddress is one where nobody listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String()
}

// fetch asks a window, on a connection that it does not keep.
func fetch(t *testing.T, address, path string) (status int, body string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	r, err := client.Get("http://" + address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

// promised are the metrics of connector/metrics.go under their Prometheus
// names.
var promised = map[string]string{
	"vitalsink_messages_received_total": "counter",
	"vitalsink_rows_total":              "counter",
	"vitalsink_quarantined_total":       "counter",
	"vitalsink_batch_rows":              "histogram",
	"vitalsink_batch_age_seconds":       "histogram",
	"vitalsink_append_duration_seconds": "histogram",
	"vitalsink_fold_duration_seconds":   "histogram",
	"vitalsink_held_bytes":              "gauge",
	"vitalsink_messages_held":           "gauge",
	"vitalsink_paused":                  "gauge",
	"vitalsink_lag_seconds":             "gauge",
	"vitalsink_freshness_seconds":       "gauge",
}

// ownMetrics are the metrics in a text, by kind, without those of Go and of the
// process.
func ownMetrics(text string) map[string]string {
	own := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`).FindAllStringSubmatch(text, -1) {
		if !strings.HasPrefix(m[1], "go_") && !strings.HasPrefix(m[1], "process_") {
			own[m[1]] = m[2]
		}
	}
	return own
}

// labelled are the values of each label of our metrics, in a text.
func labelled(text string) map[string]map[string]bool {
	values := map[string]map[string]bool{}
	for _, line := range regexp.MustCompile(`(?m)^vitalsink_\w+\{(.*)\} \S+$`).FindAllStringSubmatch(text, -1) {
		for _, pair := range regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`).FindAllStringSubmatch(line[1], -1) {
			if values[pair[1]] == nil {
				values[pair[1]] = map[string]bool{}
			}
			values[pair[1]][pair[2]] = true
		}
	}
	return values
}

// permitted are the values that each label may have.
func permitted(t *testing.T) map[string][]string {
	t.Helper()
	catalogue, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	words := map[string][]string{
		"outcome": {
			"landed", "partly_quarantined", "quarantined", "empty", // of messages
			"appended", "applied", "superseded", "stale", "erased", // of rows
		},
		"result": {"ok", "lost", "failed"},
		"lane":   {"recent", "late"},
	}
	for _, table := range catalogue.Versioned() {
		words["table"] = append(words["table"], table.Name)
	}
	for _, reason := range []transforms.Reason{
		transforms.BadEnvelope, transforms.BadBlobType, transforms.BadCodec, transforms.BadGzip, transforms.TooLarge,
		transforms.TooDeep, transforms.InvalidUTF8, transforms.NotJSON, transforms.DuplicateKey, transforms.NoEventType,
		transforms.NoUser, transforms.BadShape, transforms.BadKey, transforms.DecoderFault, transforms.DateOutOfTime,
		transforms.WarehouseRefused,
	} {
		words["reason"] = append(words["reason"], string(reason))
	}
	return words
}

// checkLabels wants no label and no value but the permitted.
func checkLabels(t *testing.T, text string) {
	t.Helper()
	words := permitted(t)
	for label, values := range labelled(text) {
		for value := range values {
			number := label == "le" && regexp.MustCompile(`^(\+Inf|[0-9.e+]+)$`).MatchString(value)
			if !number && !slices.Contains(words[label], value) {
				t.Errorf("a label %s has the value %q", label, value)
			}
		}
	}
}

// inMarch is when messages made up in here were published.
var inMarch = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// inventive are messages that try to get words of their own into labels.
func inventive() []transforms.Message {
	var messages []transforms.Message
	for i, body := range []string{
		`{"event_type":"daily.data.INVENTED.created","user_id":"u","data":{"data":[{"timestamp":"2026-03-01T08:00:00Z","value":1}]}}`,
		`{"event_type":"INVENTED.event","user_id":"u","data":{}}`,
		`{"event_type":"INVENTED\"} 1","user_id":"u","data":{}}`,
		`{"event_type":"daily.data.steps.created","user_id":"u","data":{"data":[{"timestamp":"2026-03-01T08:00:00Z","value":1},{"timestamp":"?"}]}}`,
		`{"event_type":"daily.data.steps.created","user_id":"u","data":{"data":[]}}`,
		`{"event_type":["INVENTED"]}`, `{"INVENTED":1}`, `INVENTED`, "\xff",
	} {
		messages = append(messages, transforms.Message{
			ID: fmt.Sprint("invented", i), PublishTime: inMarch, Data: []byte(body),
			Attributes: map[string]string{"event-type": "INVENTED", "INVENTED": "INVENTED"},
		})
	}
	return append(messages, transforms.Message{
		ID: "invented", PublishTime: inMarch, Data: []byte("{}"), Attributes: map[string]string{"blob-type": "INVENTED"},
	})
}

// awaitMetrics polls until a text of metrics is as wanted, and returns it.
func awaitMetrics(t *testing.T, s *service, address, what string, holds func(text string) bool) (text string) {
	t.Helper()
	s.await(t, what, func(_, _ int) bool {
		_, text = fetch(t, address, "/metrics")
		return holds(text)
	})
	return text
}

// applied tells whether a text of metrics has just so many rows that folds
// applied to the timeseries.
func applied(n int) func(string) bool {
	line := fmt.Sprintf("\nvitalsink_rows_total{outcome=\"applied\",table=\"timeseries\"} %d\n", n)
	return func(text string) bool { return strings.Contains(text, line) }
}

// All that is promised to be measured is to be seen once it has happened, and
// nothing else; labels are words of ours, whatever the messages say.
func TestWindowShowsMetrics(t *testing.T) {
	leaks(t)
	s := newService(t)
	address := freeAddress(t)
	file := filepath.Join(t.TempDir(), "run.duckdb")
	stop := startRun(t, s, append(runArgs(file), "--http", address))
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := fetch(t, address, path); status != http.StatusOK || body != "ok\n" {
			t.Errorf("%s says %d %q", path, status, body)
		}
	}
	if status, _ := fetch(t, address, "/debug/pprof/"); status != http.StatusNotFound {
		t.Errorf("/debug/pprof/ says %d", status)
	}
	messages := append(scenarioPart(t, 60), inventive()...)
	s.publish(messages)
	s.awaitAcks(t, len(messages))
	text := awaitPending(t, s, address)
	if diff := cmp.Diff(promised, ownMetrics(text)); diff != "" {
		t.Errorf("promised (-), seen (+):\n%s", diff)
	}
	checkLabels(t, text)
	if reasons := labelled(text)["reason"]; len(reasons) < 4 {
		t.Errorf("reasons of the quarantine: %v, want more of them", slices.Collect(maps.Keys(reasons)))
	}
	if strings.Contains(text, "INVENTED") {
		t.Error("a word of a message is among the metrics")
	}
	stop()
	if c, err := net.DialTimeout("tcp", address, time.Second); err == nil {
		t.Errorf("after the run somebody still listens at %s: %v", address, c.Close())
	}
}

// awaitPending publishes samples of old days, which wait for their own beat of
// the fold, until one is seen to wait; only then there is a lag.
func awaitPending(t *testing.T, s *service, address string) (text string) {
	t.Helper()
	published := 0
	return awaitMetrics(t, s, address, "a lag", func(text string) bool {
		if _, acked := s.progress(); acked < len(s.Messages()) {
			return false
		}
		if published++; published > 100 {
			t.Fatal("old samples never wait for a fold")
		}
		s.Publish(demoTopic, fmt.Appendf(nil, `{"event_type":"daily.data.heartrate.created","user_id":"old","data":{"data":[`+
			`{"timestamp":"2020-01-01T00:00:%02dZ","value":1}]}}`, published%60), nil)
		// A fold that has only begun sees a lag too.
		return strings.Contains(text, "\nvitalsink_lag_seconds{") && strings.Contains(text, "\nvitalsink_freshness_seconds{")
	})
}

// An address where nobody can listen is wrong usage.
func TestWindowRefusesAddress(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := taken.Close(); err != nil {
			t.Error(err)
		}
	})
	for name, address := range map[string]string{
		"in use": taken.Addr().String(), "no port": "127.0.0.1", "no number": "127.0.0.1:junk", "too large": "127.0.0.1:65536",
		"a URL": "http://127.0.0.1:9090", "not ours": "192.0.2.1:9090",
	} {
		t.Run(name, func(t *testing.T) {
			leaks(t)
			s := newService(t)
			t.Setenv(emulator, s.Addr)
			code, wrote := executeBriefly(t, append(runArgs(filepath.Join(t.TempDir(), "run.duckdb")), "--http", address))
			if code != exitUsage || strings.Count(wrote, "\n") != 1 || !strings.Contains(wrote, "--http "+address) {
				t.Errorf("exit code %d, want %d and one line that names --http %s:\n%s", code, exitUsage, address, wrote)
			}
		})
	}
}

// Two runs of one process do not get into each other's metrics, and the second
// can have the address of the first.
func TestWindowOpensAgain(t *testing.T) {
	leaks(t)
	s := newService(t)
	address := freeAddress(t)
	args := append(runArgs(filepath.Join(t.TempDir(), "run.duckdb")), "--http", address)
	for i := range 2 {
		stop := startRun(t, s, args)
		s.Publish(demoTopic, sampleOf(fmt.Sprint("user", i), 60), nil)
		awaitMetrics(t, s, address, "one row", applied(1))
		stop()
	}
}
