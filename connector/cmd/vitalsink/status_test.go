package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitalsink/connector"
	"vitalsink/connector/status"
	"vitalsink/transforms"
)

// mustStatus asks a window how it is.
func mustStatus(t *testing.T, address string) (s status.State) {
	t.Helper()
	code, text := fetch(t, address, "/status.json")
	if err := json.Unmarshal([]byte(text), &s); err != nil || code != http.StatusOK {
		t.Fatalf("/status.json says %d, %v: %.300s", code, err, text)
	}
	return s
}

// tableOf is a table of a state.
func tableOf(t *testing.T, s status.State, name string) status.Table {
	t.Helper()
	for _, table := range s.Tables {
		if table.Name == name {
			return table
		}
	}
	t.Fatalf("there is no table %s", name)
	panic("unreachable")
}

// The page and its JSON tell of what a run did, and of nobody.
func TestStatusOfRun(t *testing.T) {
	leaks(t)
	s := newService(t)
	address := freeAddress(t)
	stop := startRun(t, s, append(runArgs(filepath.Join(t.TempDir(), "run.duckdb")), "--http", address))
	messages := append(scenarioPart(t, 60), inventive()...)
	s.publish(messages)
	var got status.State
	s.await(t, "all to be folded", func(_, acked int) bool {
		got = mustStatus(t, address)
		return acked == len(messages) && len(got.Merges) > 0 && got.Folds.LookedAt.After(got.Batches[0].AppendedAt) && len(tableOf(t, got, "timeseries").Pending) == 0
	})
	if got.Messages != int64(len(messages)) || got.Rows == 0 || got.Rate.RowsPerSecond <= 0 || got.Version == "" || got.Command != "run" {
		t.Errorf("%d messages and %d rows landed, %f rows a second: version %q of %q", got.Messages, got.Rows, got.Rate.RowsPerSecond, got.Version, got.Command)
	}
	if table := tableOf(t, got, "timeseries"); table.Rows == nil || table.FreshnessSeconds == nil || *table.LagSeconds != 0 {
		t.Errorf("of timeseries it says %+v", table)
	}
	if len(got.Quarantine) < 4 || got.ReconciliationAt == nil || got.Reconciliation != nil || got.Paused != nil || got.Bill != nil {
		t.Errorf("%d reasons, last reconciliation %+v asked at %v", len(got.Quarantine), got.Reconciliation, got.ReconciliationAt)
	}
	for _, b := range got.Batches {
		if landed := b.MessagesLanded + b.MessagesPartlyQuarantined + b.MessagesQuarantined + b.MessagesEmpty; b.ID == "" || b.Messages != landed {
			t.Errorf("a batch of %s has %d messages, but outcomes of %d", b.Table, b.Messages, landed)
		}
	}
	code, page := fetch(t, address, "/")
	if code != http.StatusOK || !strings.Contains(page, "<h1>It works: ") || !strings.Contains(page, got.Batches[0].ID) {
		t.Errorf("/ says %d: %.600s", code, page)
	}
	if code, _ := fetch(t, address, "/index.html"); code != http.StatusNotFound {
		t.Errorf("/index.html says %d", code)
	}
	_, asJSON := fetch(t, address, "/status.json")
	wantNobody(t, page+asJSON, messages)
	stop()
}

var userOfEvent = regexp.MustCompile(`"user_id": ?"([^"]+)"`)

// wantNobody wants no id of a person or a message in a text, and no word of those
// who want one there.
func wantNobody(t *testing.T, text string, messages []transforms.Message) {
	t.Helper()
	people := 0
	for _, m := range messages {
		secrets := []string{"INVENTED"}
		for _, of := range userOfEvent.FindAllStringSubmatch(string(m.Data), -1) {
			if people++; len(of[1]) > 8 {
				secrets = append(secrets, of[1])
			}
		}
		for _, secret := range append(secrets, `"`+m.ID+`"`) {
			if strings.Contains(text, secret) {
				t.Errorf("the page has something of message %s", m.ID)
			}
		}
	}
	if people == 0 {
		t.Error("there was nobody to look for")
	}
}

// hanging is a warehouse that answers nothing until it is let go.
type hanging struct {
	connector.Warehouse
	free  chan struct{}
	asked atomic.Int64
}

func (h *hanging) hang(ctx context.Context) error {
	select {
	case <-h.free:
		return connector.ErrUnavailable
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *hanging) Append(ctx context.Context, _ *connector.Batch) error { return h.hang(ctx) }

func (h *hanging) Pending(ctx context.Context) (*connector.Pending, error) { return nil, h.hang(ctx) }

func (h *hanging) Erased(ctx context.Context) (connector.Erased, error) { return nil, h.hang(ctx) }

func (h *hanging) TableRows(ctx context.Context) (map[string]int64, error) {
	h.asked.Add(1)
	select {
	case <-h.free:
		return map[string]int64{"sleep": 7}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (h *hanging) Findings(ctx context.Context, _ string, _ time.Time) ([]connector.Finding, error) {
	select {
	case <-h.free:
		return []connector.Finding{{Check: connector.CheckRun, Outcome: "agree"}, {Check: connector.CheckBegun, Outcome: "late"}}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// The page answers within two seconds while all calls of the warehouse hang, says
// that nothing looks at the warehouse, asks it no second time, and shows what it
// says when it answers, with its age.
func TestStatusWhileWarehouseHangs(t *testing.T) {
	catalogue := mustCatalogue(t)
	log := slog.New(slog.DiscardHandler)
	synctest.Test(t, func(t *testing.T) {
		w := &hanging{free: make(chan struct{})}
		service := &connector.Service{
			Ingest:       &connector.Ingest{Warehouse: w, Catalogue: catalogue, Log: log, FlushInterval: time.Second, GiveUp: giveUp},
			Folder:       &connector.Folder{Warehouse: w, Catalogue: catalogue, Log: log},
			FoldInterval: 30 * time.Second, Log: log,
			Connect: func(context.Context) (connector.ClosingSource, error) { return connector.NewInlet(), nil },
		}
		b := newBoard(watched{command: "run", catalogue: catalogue, service: service}, log)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- service.Run(ctx) }()
		look := func() (page string) {
			t.Helper()
			began := time.Now()
			answer := httptest.NewRecorder()
			b.serve("text/html", status.HTML)(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("the page took %s", took)
			}
			if policy := answer.Header().Get("Content-Security-Policy"); policy != status.Policy {
				t.Errorf("its policy is %q", policy)
			}
			return answer.Body.String()
		}
		for range 3 {
			if page := look(); !strings.Contains(page, "Rows are not counted yet") || !strings.Contains(page, "Not known: the warehouse has not answered") {
				t.Errorf("while nothing answers: %s", page)
			}
		}
		if w.asked.Load() != 1 {
			t.Errorf("a warehouse that hangs was asked %d times", w.asked.Load())
		}
		time.Sleep(2 * time.Minute)
		if page := look(); !strings.Contains(page, "<h1>No fold has looked at the warehouse for 2 min 4 s") {
			t.Errorf("two minutes later: %s", page)
		}
		close(w.free)
		synctest.Wait()
		if page := look(); !strings.Contains(page, "Rows were counted 0 s ago") || !strings.Contains(page, "<dd>agree</dd>") {
			t.Errorf("when it answers: %s", page)
		}
		time.Sleep(30 * time.Second)
		before := w.asked.Load()
		if page := look(); !strings.Contains(page, "Rows were counted 30 s ago") || w.asked.Load() != before {
			t.Errorf("half a minute later it was asked %d times more: %s", w.asked.Load()-before, page)
		}
		time.Sleep(30 * time.Second)
		if look(); w.asked.Load() != before+1 {
			t.Errorf("a minute later it was asked %d times more", w.asked.Load()-before)
		}
		b.stop()
		cancel()
		if err := <-ended; err == nil {
			t.Error("the last fold has worked, on a warehouse that does not")
		}
	})
}

// TestStatusRate: it is that of the last minute, or since the start.
func TestStatusRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(watched{}, slog.New(slog.DiscardHandler))
		b.stop() // the test notes itself
		began := time.Now()
		at := func(seconds int, messages int64) sample {
			return sample{began.Add(time.Duration(seconds) * time.Second), messages, 10 * messages}
		}
		if diff := cmp.Diff(status.Rate{}, b.rate(at(0, 0))); diff != "" {
			t.Errorf("at the start (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(status.Rate{Seconds: 10, MessagesPerSecond: 5, RowsPerSecond: 50}, b.rate(at(10, 50))); diff != "" {
			t.Errorf("soon after (-want +got):\n%s", diff)
		}
		for s := 5; s <= 300; s += 5 {
			b.note(at(s, int64(s)))
		}
		if diff := cmp.Diff(status.Rate{Seconds: 64, MessagesPerSecond: 1, RowsPerSecond: 10}, b.rate(at(304, 304))); diff != "" {
			t.Errorf("later (-want +got):\n%s", diff)
		}
		if len(b.samples) > 14 {
			t.Errorf("%d samples are kept", len(b.samples))
		}
	})
}

// TestStatusOfWebhook: with --http a door has the page too, whether it publishes
// or appends; its own address has no page.
func TestStatusOfWebhook(t *testing.T) {
	leaks(t)
	t.Setenv(emulator, newService(t).Addr)
	for name, args := range map[string][]string{
		"topic": {"--topic", "pubsub://demo/junction"}, "warehouse": {"--warehouse", "duckdb://" + filepath.Join(t.TempDir(), "hook.duckdb")},
	} {
		t.Run(name, func(t *testing.T) {
			address := freeAddress(t)
			url, stop := startWebhook(t, append(args, "--http", address)...)
			defer stop()
			mustPost(t, url, orderly(t)[:3]...)
			got := mustStatus(t, address)
			if got.Command != "webhook" || got.Requests == nil || got.Requests.Taken != 3 || got.Messages != 3 || len(got.Tables) > 0 != (name == "warehouse") {
				t.Errorf("it says %+v of %q, %d messages and %d tables", got.Requests, got.Command, got.Messages, len(got.Tables))
			}
			for _, path := range []string{"/", "/healthz", "/readyz", "/metrics"} {
				if code, body := fetch(t, address, path); code != http.StatusOK {
					t.Errorf("%s says %d: %s", path, code, body)
				}
			}
			r, err := http.Get(strings.TrimSuffix(url, "/webhooks/junction") + "/status.json")
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, r.Body)
			if r.Body.Close(); r.StatusCode != http.StatusNotFound {
				t.Errorf("the door itself says %d to /status.json", r.StatusCode)
			}
		})
	}
}
