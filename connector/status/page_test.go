package status_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitalsink/connector"
	"vitalsink/connector/status"
)

var update = flag.Bool("update", false, "write testdata and the pictures in docs anew")

// hostile is a name as nobody gives one in good faith.
const hostile = `</title></style><script>alert(1)</script>"'><img src=x onerror=alert(1)>`

// asOf is when the states of the tests are.
var asOf = time.Date(2026, 11, 29, 21, 14, 8, 0, time.UTC)

func ago(d time.Duration) *time.Time { return to(asOf.Add(-d)) }

func to[T any](v T) *T { return &v }

func id(n int) string { return fmt.Sprintf("019adc5e-%04x-7000-8000-%012x", n, n*0x9e3779b9) }

// well is a run with something of everything, and nothing wrong.
func well() status.State {
	s := status.State{
		At: asOf, Since: asOf.Add(-76 * time.Hour), Version: "v1.4.0", CatalogueVersion: 3, Command: "run",
		Source: "pubsub://my-project/my-subscription", Destination: "duckdb://vitalsink.duckdb",
		Folds:    &status.Folds{IntervalSeconds: 30, LateIntervalSeconds: 300, LookedAt: ago(11 * time.Second)},
		Rate:     status.Rate{Seconds: 60, MessagesPerSecond: 41.6, RowsPerSecond: 2873.25},
		Messages: 9_814_233, Rows: 711_402_118, HeldBytes: 12_582_912, RowsAt: ago(42 * time.Second),
		Reconciliation: &status.Reconciliation{
			StartedAt: asOf.Add(-18 * time.Hour), EndedAt: asOf.Add(-17*time.Hour - 12*time.Minute), Outcome: "repaired",
			Expected: 4_201_334, Drift: 12, Repaired: 12, Unsettled: 4,
		},
		ReconciliationAt: ago(42 * time.Second),
		Quarantine:       []status.Quarantined{{Reason: "no_user", Count: 2}, {Reason: "date_out_of_time", Count: 41}},
	}
	for i, name := range []string{"timeseries", "sleep", "sleep_cycle", "activity", "workouts", "body", "profile", "meal", "devices", "connections", "events", "quarantine"} {
		t := status.Table{Name: name, Rows: to(int64(711_000_000 / (1 + i*i*i*9))), LagSeconds: to(int64(0)), FreshnessSeconds: to(int64(14 + 13*i))}
		switch name {
		case "timeseries":
			t.LagSeconds = to(int64(131))
			t.Pending = []status.Pending{
				{Lane: connector.Recent, Batches: 2, Rows: 57_120, OldestSeconds: 9}, {Lane: connector.Late, Batches: 5, Rows: 1210, OldestSeconds: 131},
			}
		case "sleep":
			t.LagSeconds, t.Pending = to(int64(8)), []status.Pending{{Lane: connector.Recent, Batches: 1, Rows: 18, OldestSeconds: 8}}
		}
		s.Tables = append(s.Tables, t)
	}
	for i := range 5 {
		rows := 28_000 - 977*i
		s.Batches = append(s.Batches, status.Batch{
			ID: id(90 - i), Table: "timeseries", Lane: connector.Recent, AppendedAt: asOf.Add(-time.Duration(3+10*i) * time.Second),
			Books: connector.Books{Rows: rows, RowsDecoded: rows + i, RowsQuarantined: i, Messages: 416 - i, MessagesLanded: 416 - 2*i, MessagesPartlyQuarantined: i},
		})
		s.Merges = append(s.Merges, status.Merge{
			ID: id(60 - i), Table: "timeseries", Lane: connector.Recent, Batches: 3, MergedAt: asOf.Add(-time.Duration(11+30*i) * time.Second), TookSeconds: 1.42 + float64(i),
			MergeBooks: connector.MergeBooks{Registered: 3 * rows, Applied: 3*rows - 40, Superseded: 31, Stale: 9},
		})
	}
	return s
}

// paused is a run whose warehouse fails, with more that is wrong.
func paused() status.State {
	s := well()
	s.Paused = status.NewFailure(connector.Failure{Since: asOf.Add(-743 * time.Second), Err: errors.New(`append 28000 rows to the log of timeseries: IO Error: Could not write file "vitalsink.duckdb.wal": No space left on device`)})
	s.Folds.Failing = status.NewFailure(connector.Failure{Since: asOf.Add(-725 * time.Second), Err: errors.New("fold sleep, timeseries: IO Error: No space left on device")})
	s.Tables[0].LagSeconds, s.Tables[0].Pending[0].OldestSeconds = to(int64(745)), 745
	s.Rate = status.Rate{Seconds: 60}
	return s
}

// many has 40 tables, and lists that are full.
func many() status.State {
	s := well()
	s.Bill = &status.Bill{BilledBytes: 812_646_912_000, MostBytes: 2 << 40}
	s.Destination = "bigquery://my-project/health"
	for i := range 28 {
		s.Tables = append(s.Tables, status.Table{Name: fmt.Sprintf("a_table_with_a_rather_long_name_%02d", i), Rows: to(int64(1) << i), LagSeconds: to(int64(i)), FreshnessSeconds: to(int64(i * 1000))})
	}
	for len(s.Batches) < 20 {
		s.Batches, s.Merges = append(s.Batches, s.Batches[0]), append(s.Merges, s.Merges[0])
	}
	return s
}

// bad has a hostile word wherever a word can be.
func bad() status.State {
	s := paused()
	s.Version, s.Command, s.Source, s.Destination = hostile, hostile, hostile, hostile
	s.Paused = status.NewFailure(connector.Failure{Since: asOf.Add(-time.Hour), Err: errors.New(hostile)})
	for i := range s.Tables[:2] {
		s.Tables[i].Name = hostile
	}
	s.Batches[0].Table, s.Batches[0].ID, s.Batches[0].Lane = hostile, hostile, hostile
	s.Merges[0].Table, s.Merges[0].ID, s.Merges[0].Lane = hostile, hostile, hostile
	s.Quarantine[0].Reason, s.Reconciliation.Outcome = hostile, hostile
	return s
}

// bare is a run that has just begun on a warehouse that does not answer.
func bare() status.State {
	return status.State{At: asOf, Since: asOf.Add(-3 * time.Second), Folds: &status.Folds{IntervalSeconds: 30, LateIntervalSeconds: 300}, Tables: []status.Table{{Name: "sleep"}}}
}

func render(t *testing.T, s status.State) string {
	t.Helper()
	var b bytes.Buffer
	if err := status.HTML(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func renderJSON(t *testing.T, s status.State) string {
	t.Helper()
	var b bytes.Buffer
	if err := status.JSON(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestGolden: the page and the JSON of a run in trouble.
func TestGolden(t *testing.T) {
	for name, got := range map[string]string{
		"paused.html": render(t, paused()), "paused.json": renderJSON(t, paused()), "nothing.json": renderJSON(t, status.State{}),
	} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s, -want +got, write it with -update:\n%s", name, diff)
		}
	}
}

// TestClosed: nothing on the page is loaded or runs, whatever things are called;
// it asks for itself again.
func TestClosed(t *testing.T) {
	for name, s := range map[string]status.State{"well": well(), "paused": paused(), "many": many(), "bad": bad(), "bare": bare(), "nothing": {}} {
		got := render(t, s)
		for _, not := range []string{"<script", "<img", "<link", "http:", "https:", "url(", "@import", " style=", " src=\"", "<no value>"} {
			if strings.Contains(got, not) {
				t.Errorf("%s: the page has %q", name, not)
			}
		}
		if !strings.Contains(got, `<meta http-equiv="refresh" content="10">`) {
			t.Errorf("%s: the page does not ask again", name)
		}
	}
	if n := strings.Count(render(t, bad()), "&lt;script&gt;alert(1)"); n < 12 {
		t.Errorf("the hostile word is there %d times as text", n)
	}
	if strings.Contains(renderJSON(t, bad()), "<script") {
		t.Error("the JSON would be a page to who takes it for one")
	}
}

var headline = regexp.MustCompile(`<h1>(.*)</h1>`)

// TestHeadlines: the worst comes first, with since when.
func TestHeadlines(t *testing.T) {
	const since = " (since 2026-11-29 21:01:45 UTC)"
	failure := func(err error) *status.Failure {
		return status.NewFailure(connector.Failure{Since: asOf.Add(-743 * time.Second), Err: err})
	}
	for want, change := range map[string]func(*status.State){
		"It works: what comes is appended, and folded into the tables": func(*status.State) {},
		"It works: what comes is appended; another process folds":      func(s *status.State) { s.Folds = nil },
		"It works: what comes is published": func(s *status.State) {
			s.Folds, s.Requests = nil, &status.Requests{}
		},
		"Paused for 12 min 23 s" + since + ": the warehouse fails": func(s *status.State) {
			s.Paused, s.Folds.Failing, s.PubSubLostAt = failure(errors.New("boom")), failure(errors.New("boom")), ago(time.Hour)
		},
		"Pub/Sub is out of reach for 12 min 23 s" + since: func(s *status.State) {
			s.PubSubLostAt, s.Folds.Failing = ago(743*time.Second), failure(errors.New("boom"))
		},
		"Folds fail for 12 min 23 s" + since: func(s *status.State) {
			s.Folds.Failing = failure(errors.New("boom"))
		},
		"Folding pauses for 12 min 23 s" + since + ": the day&#39;s bytes are used up": func(s *status.State) {
			s.Folds.Failing = failure(fmt.Errorf("fold sleep: %w", connector.ErrBudget))
		},
		"No fold has looked at the warehouse for 12 min 23 s" + since: func(s *status.State) {
			s.Folds.LookedAt = ago(743 * time.Second)
		},
		"1 batch of a newer catalogue wait": func(s *status.State) { s.Folds.NewerBatches = 1 },
		"Behind: timeseries has batches that wait for 15 min 1 s": func(s *status.State) {
			s.Tables[0].Pending[1].OldestSeconds = 901 // three late beats are 900
		},
		"Behind: sleep has batches that wait for 1 min 31 s": func(s *status.State) { s.Tables[1].Pending[0].OldestSeconds = 91 },
	} {
		s := well()
		change(&s)
		if got := headline.FindStringSubmatch(render(t, s)); got == nil || got[1] != want {
			t.Errorf("the headline is %q, want %q", got, want)
		}
	}
}

// TestAdvice: what to do depends on what went wrong, and is never missing.
func TestAdvice(t *testing.T) {
	for err, want := range map[error]string{
		connector.ErrBudget: "--max-bytes-billed-per-day", connector.ErrByteCap: "--max-bytes-billed.", connector.ErrBooks: "vitalsink check",
		connector.ErrFenced: "--no-fold", connector.ErrConfiguration: "schema plan", connector.ErrUnavailable: "network", errors.New("boom"): "disk",
	} {
		f := status.NewFailure(connector.Failure{Since: asOf, Err: errors.Join(fmt.Errorf("fold sleep: %w", err))})
		if !strings.Contains(f.Advice, want) || !strings.Contains(f.Because, err.Error()) {
			t.Errorf("%v: because %q, do %q", err, f.Because, f.Advice)
		}
	}
	if status.NewFailure(connector.Failure{}) != nil {
		t.Error("what works has failed")
	}
	long := status.NewFailure(connector.Failure{Since: asOf, Err: errors.New(strings.Repeat("ä", 5000))})
	if len(long.Because) > 1100 {
		t.Errorf("a reason has %d bytes", len(long.Because))
	}
}

// TestOrder: tables that are furthest behind come first, and so does what is
// refused most.
func TestOrder(t *testing.T) {
	var got status.State
	if err := json.Unmarshal([]byte(renderJSON(t, many())), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Tables) != 40 || got.Tables[0].Name != "timeseries" || *got.Tables[1].LagSeconds != 27 || got.Quarantine[0].Reason != "date_out_of_time" {
		t.Errorf("%d tables, the first %s, the next %d s behind; most is refused for %s", len(got.Tables), got.Tables[0].Name, *got.Tables[1].LagSeconds, got.Quarantine[0].Reason)
	}
	if text := renderJSON(t, status.State{Tables: []status.Table{{}}}); strings.Contains(text, `"pending": null`) || strings.Contains(text, `"batches": null`) {
		t.Error("a list without anything is null")
	}
}

// TestSnakeCase: names in the JSON are small letters with _ between.
func TestSnakeCase(t *testing.T) {
	s := many()
	s.Paused, s.Requests, s.PubSubLostAt = paused().Paused, &status.Requests{}, &asOf
	for _, m := range regexp.MustCompile(`(?m)^ *"([^"]+)":`).FindAllStringSubmatch(renderJSON(t, s), -1) {
		if !regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`).MatchString(m[1]) {
			t.Errorf("a name is %q", m[1])
		}
	}
}
