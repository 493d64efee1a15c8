//go:build cgo

package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vitalsink/connector/connectortest"
	"vitalsink/connector/files"
	"vitalsink/connector/junction/junctiontest"
	"vitalsink/connector/synth"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// history is people who connect: what Junction has of them, what it sends by
// itself, and what it only announces.
type history struct {
	*junctiontest.Server
	population *synth.Population
	truth      string // file of the rows that there must be in the end
	sent       string // file of messages: announcements, and what no endpoint has
	announced  int
	before     atomic.Pointer[func(*http.Request)] // is called with each request
	adjust     map[string][]string                 // the truth, see comparison
}

// faulty is an API that often fails.
func faulty() junctiontest.Faults {
	return junctiontest.Faults{
		Seed: 1, TooMany: 0.04, Unavailable: 0.04, Broken: 0.03, Malformed: 0.03, Cut: 0.03, Slow: 0.02, SlowFor: 50 * time.Millisecond,
	}
}

func newHistory(t testing.TB, users, days int, faults junctiontest.Faults) *history {
	t.Helper()
	h := &history{
		population: &synth.Population{Users: users, Days: days, Seed: 1, Start: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), Late: 0.05},
	}
	h.Server = junctiontest.New(junctiontest.Config{Faults: faults, Before: func(r *http.Request) {
		if f := h.before.Load(); f != nil {
			(*f)(r)
		}
	}})
	t.Cleanup(h.Close)
	var messages string
	messages, h.truth = generated(t, "--users", fmt.Sprint(users), "--days", fmt.Sprint(days),
		"--duplicates", "0", "--disorder", "0", "--updates", "0", "--late", "0.05")
	catalogue := mustCatalogue(t)
	if _, err := h.Fill(t.Context(), h.population, catalogue); err != nil {
		t.Fatal(err)
	}
	var lines []byte
	for _, line := range mustLines(t, messages) {
		m := files.ParseLine(line, time.Time{}, time.Time{})
		eventType := m.Attributes[transforms.AttrEventType] + m.Attributes["event_type"]
		if !fetchable(catalogue, eventType) && !strings.HasPrefix(eventType, "historical.") { // whose ranges overlap with ours
			lines = append(append(lines, line...), '\n')
		}
	}
	for held, err := range h.population.Records(t.Context(), catalogue) {
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range h.announce(t, catalogue, held) {
			lines = append(lines, line...)
			h.announced++
		}
	}
	h.sent = filepath.Join(t.TempDir(), "sent.ndjson")
	if err := os.WriteFile(h.sent, lines, 0o600); err != nil {
		t.Fatal(err)
	}
	return h
}

// fetchable tells whether events of a type are about what an endpoint has.
func fetchable(c *schemas.Catalogue, eventType string) bool {
	parts := strings.Split(eventType, ".")
	if len(parts) < 4 || parts[0] != "daily" {
		return false
	}
	e, ok := c.Endpoint(parts[2])
	return ok && e.Known && e.Event == "daily.data."+e.Resource+".created"
}

// announce are completions, one for each resource and provider of a person, as
// lines of messages.
func (h *history) announce(t testing.TB, c *schemas.Catalogue, held synth.Held) (lines []string) {
	t.Helper()
	var made []string
	for _, r := range held.Records {
		of := r.Resource + "/" + r.Provider
		if slices.Contains(made, of) || !fetchable(c, "daily.data."+r.Resource+".created") {
			continue
		}
		made = append(made, of)
		body, err := json.Marshal(map[string]any{
			"event_type": "historical.data." + r.Resource + ".created",
			"user_id":    held.User.ID, "team_id": held.User.TeamID, "client_user_id": held.User.ClientUserID,
			"data": map[string]any{
				"user_id": held.User.ID, "provider": r.Provider, "is_final": true,
				"start_date": h.population.Start.AddDate(0, 0, -90), "end_date": h.population.Start.AddDate(0, 0, h.population.Days),
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		m := transforms.NewMessage(held.User.ID+of, "historical.data."+r.Resource+".created", h.population.Start.AddDate(0, 0, h.population.Days+1), body)
		line, err := files.AppendLine(nil, &m)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line)+"\n")
	}
	return lines
}

// backfills runs a backfill, and returns what it says.
func (h *history) backfills(t testing.TB, code int, args ...string) string {
	t.Helper()
	var out, errs strings.Builder
	args = append([]string{"backfill", "--api-url", h.URL, "--request-rate", "1000", "--row-rate", "1e6"}, args...)
	if got := execute(t.Context(), args, streams{nil, &out, &errs}); got != code {
		t.Fatalf("backfill exited with %d, want %d: %s%s", got, code, out.String(), errs.String())
	}
	return out.String()
}

// compare wants the tables of a file to hold what they would if events had
// brought it all, and the streams.
func (h *history) compare(t testing.TB, file string) {
	t.Helper()
	c := &comparison{
		TB: t, truth: h.truth, fetched: true, adjust: h.adjust,
		untold:  []string{schemas.FetchesTable, schemas.SamplesTable, schemas.PullsTable},
		besides: []string{"_version", "_version_at", "_message_id"},
	}
	c.compareAll(file)
	want := h.samples(t)
	got := queried(t, file, `SELECT concat_ws('|', user_id, workout_id, "index", epoch_us("timestamp"), cadence, altitude, velocity_smooth, heartrate, lat, lng,
		distance, power, resistance, temperature, _extra) FROM store.workout_stream_samples WHERE NOT _deleted ORDER BY ALL`)
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) || len(want) == 0 {
		t.Errorf("%d samples of streams, want %d, and of these %d", len(got), len(want), common(got, want))
	}
}

// common is how many texts two sorted lists have in common.
func common(a, b []string) (n int) {
	for _, text := range a {
		if _, found := slices.BinarySearch(b, text); found {
			n++
		}
	}
	return n
}

// samples are those of all streams, as the comparison's query writes them.
func (h *history) samples(t testing.TB) (all []string) {
	t.Helper()
	for held, err := range h.population.Records(t.Context(), mustCatalogue(t)) {
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range held.Workouts {
			var stream map[string][]*float64
			if err := json.Unmarshal(h.population.Stream(w), &stream); err != nil {
				t.Fatal(err)
			}
			for i := range stream["time"] {
				parts := []string{held.User.ID, w.ID, fmt.Sprint(i), fmt.Sprintf("%.0f", *stream["time"][i]*1e6)}
				for _, name := range strings.Fields("cadence altitude velocity_smooth heartrate lat lng distance power resistance temperature") {
					if i < len(stream[name]) && stream[name][i] != nil {
						parts = append(parts, duckDBText(*stream[name][i]))
					}
				}
				all = append(all, strings.Join(parts, "|"))
			}
		}
	}
	return all
}

// duckDBText is a number as DuckDB writes it.
func duckDBText(v float64) string {
	text := strconv.FormatFloat(v, 'g', -1, 64)
	if math.Abs(v) >= 1e-4 && math.Abs(v) < 1e15 {
		text = strconv.FormatFloat(v, 'f', -1, 64)
	}
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return text
}

// queried is a column of texts of a file.
func queried(t testing.TB, file, query string) (all []string) {
	t.Helper()
	db, err := sql.Open("duckdb", file+"?access_mode=read_only")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // only read
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// result is what a backfill says with --json.
func result(t testing.TB, said string) (r backfilled) {
	t.Helper()
	if err := json.Unmarshal([]byte(said), &r); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return r
}

// TestBackfill: what is only announced is fetched from an API that often fails,
// and in the end the tables hold what they would if events had brought it all.
// A second backfill has nothing to do. A stream that is issued anew, and
// shorter, is.
func TestBackfill(t *testing.T) {
	connectortest.Long(t)
	t.Setenv(keyVariable, "sk_us_standin")
	h := newHistory(t, 3, 3, faulty())
	file := loadedFile(t, h.sent)
	into := []string{"--warehouse", "duckdb://" + file, "--json"}
	dry := result(t, h.backfills(t, exitDone, append(into, "--dry-run")...))
	if dry.Notices < h.announced || dry.Rows != 0 || dry.Windows == 0 || h.Requests(junctiontest.AnyKind) > 0 {
		t.Errorf("a dry run says %+v, of %d that were announced", dry, h.announced)
	}
	first := result(t, h.backfills(t, exitDone, into...))
	if first.Answered != first.Notices || first.Notices != dry.Notices || first.Windows != dry.Windows || first.Failed > 0 {
		t.Errorf("it says %+v, and a dry run before %+v", first, dry)
	}
	h.compare(t, file)
	second := result(t, h.backfills(t, exitDone, into...))
	if second.Notices != 0 || second.Windows != 0 || second.Rows != 0 {
		t.Errorf("a second backfill finds %+v", second)
	}

	workout := queried(t, file, "SELECT min(user_id || ' ' || workout_id) FROM main.workout_streams")[0]
	user, id, _ := strings.Cut(workout, " ")
	h.SetStream(user, id, json.RawMessage(`{"time":[1772600000,1772600001,null],"heartrate":[90,null],"power":null,"slope":[0.5]}`))
	again := filepath.Join(t.TempDir(), "again.ndjson")
	line := fmt.Sprintf(`{"event_type":"daily.data.workout_stream.updated","user_id":%q,"data":{"workout_id":%q,"source":{"provider":"garmin"}}}`, user, id)
	if err := os.WriteFile(again, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	if code := execute(t.Context(), []string{"load", "--published-at", "2026-10-01T00:00:00Z", "--warehouse", "duckdb://" + file, again},
		streams{nil, io.Discard, &errs}); code != exitDone {
		t.Fatalf("load exited with %d: %s", code, errs.String())
	}
	third := result(t, h.backfills(t, exitDone, into...))
	got := queried(t, file, fmt.Sprintf(`SELECT concat_ws('|', "index", epoch("timestamp"), heartrate, power, _extra) FROM main.workout_stream_samples
		WHERE workout_id = '%s' ORDER BY "index"`, id))
	if want := []string{`0|1772600000.0|90.0|{"slope":0.5}`, `1|1772600001.0`, `2`}; third.Answered != 1 || third.Deleted == 0 || !slices.Equal(got, want) {
		t.Errorf("%+v, and the stream is %q, want %q", third, got, want)
	}
}

// TestBackfillByHand: a file that nobody announced anything in gets what is
// named, and no more; failures exit with 3 or 1, and name nobody.
func TestBackfillByHand(t *testing.T) {
	t.Setenv(keyVariable, " sk_us_standin\n")
	h := newHistory(t, 1, 2, junctiontest.Faults{})
	user := h.population.People(mustCatalogue(t))[0].ID
	file := filepath.Join(t.TempDir(), "new.duckdb")
	by := func(args ...string) []string {
		return append([]string{"--warehouse", "duckdb://" + file, "--from", "2026-03-01", "--to", "2026-03-04"}, args...)
	}
	if said := h.backfills(t, exitDone, by("--all-users", "--dry-run")...); !strings.Contains(said, "Nothing was done. There is to do:") {
		t.Errorf("it says %q", said)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a dry run makes a file")
	}
	h.backfills(t, exitDone, by("--all-users", "--resource", "sleep", "--resource", "heartrate", "--resource", "device")...)
	got := queried(t, file, "SELECT resource || ' ' || (count(*) > 1000) FROM store.timeseries GROUP BY resource UNION ALL SELECT 'sleep ' || count(*) FROM main.sleep UNION ALL SELECT 'devices ' || count(*) FROM main.devices ORDER BY ALL")
	if want := []string{"devices 6", "heartrate true", "sleep 2"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for _, windows := range []int{1, 0} { // without --to, the end is the same all day long
		r := result(t, h.backfills(t, exitDone, "--warehouse", "duckdb://"+file, "--from", time.Now().UTC().Format(time.DateOnly),
			"--all-users", "--resource", "sleep", "--resume", "--json"))
		if r.Windows != windows {
			t.Errorf("%d windows, want %d", r.Windows, windows)
		}
	}
	again := result(t, h.backfills(t, exitDone, by("--all-users", "--resource", "sleep", "--resource", "hrv", "--resume", "--json")...))
	if again.Windows != 1 || again.WindowsDone != 1 {
		t.Errorf("what is finished is fetched again: %+v", again)
	}
	h.backfills(t, exitDone, by("--user", user, "--resource", "workout_stream", "--resource", "workouts")...)
	if n := queried(t, file, "SELECT (count(*) > 0)::VARCHAR FROM main.workout_stream_samples"); n[0] != "true" {
		t.Error("streams of the workouts of a range are not fetched")
	}
	for name, test := range map[string]struct {
		key, url string
		code     int
		says     string
	}{
		"wrong key":  {"sk_us_wrong", h.URL, exitFailed, "Junction does not accept the API key"},
		"no such id": {"sk_us_standin", h.URL, exitFailed, "Junction knows nothing of it"},
	} {
		t.Setenv(keyVariable, test.key)
		var out, errs strings.Builder
		args := append([]string{"backfill", "--api-url", test.url}, by("--user", "9d57f370-0000-4000-8000-926b925f6f0e", "--resource", "sleep")...)
		if code := execute(t.Context(), args, streams{nil, &out, &errs}); code != test.code || !strings.Contains(errs.String(), test.says) || strings.Contains(errs.String(), "9d57f370") {
			t.Errorf("%s: exit code %d, want %d: %s", name, code, test.code, errs.String())
		}
	}
}

// TestBackfillRecordOnly: history that comes as events is marked, and nothing of
// it is fetched, then or later.
func TestBackfillRecordOnly(t *testing.T) {
	t.Setenv(keyVariable, "sk_us_standin")
	h := newHistory(t, 1, 1, junctiontest.Faults{})
	file := loadedFile(t, h.sent)
	r := result(t, h.backfills(t, exitDone, "--warehouse", "duckdb://"+file, "--record-only", "--json"))
	if r.Answered != r.Notices || r.Windows > 2 || r.Notices < h.announced {
		t.Errorf("%+v", r)
	}
	got := queried(t, file, "SELECT outcome || ' ' || coalesce(pull_status, '-') || ' ' || (count(*) > 10) FROM main.fetches WHERE notice = 'historical_pulls' GROUP BY outcome, pull_status")
	if !slices.Equal(got, []string{"recorded success true"}) {
		t.Errorf("%q", got)
	}
	if r := result(t, h.backfills(t, exitDone, "--warehouse", "duckdb://"+file, "--json")); r.Notices != 0 {
		t.Errorf("then %+v", r)
	}
}
