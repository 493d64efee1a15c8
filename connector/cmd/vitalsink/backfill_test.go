//go:build cgo

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
		Server:     junctiontest.New(junctiontest.Config{Faults: faults}),
		population: &synth.Population{Users: users, Days: days, Seed: 1, Start: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), Late: 0.05},
	}
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
		if !fetchable(catalogue, m.Attributes[transforms.AttrEventType]+m.Attributes["event_type"]) {
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

// rest is what backfills have no truth for, and what differs by the way.
func (h *history) compare(t testing.TB, file string) {
	t.Helper()
	c := &comparison{
		TB: t, truth: h.truth, fetched: true,
		untold:  []string{schemas.FetchesTable, schemas.SamplesTable, schemas.PullsTable},
		besides: []string{"_version", "_version_at", "_message_id"},
	}
	c.compareAll(file)
}

// TestBackfill: what is only announced is fetched, and in the end the tables
// hold what they would if events had brought it all. A second backfill has
// nothing to do.
func TestBackfill(t *testing.T) {
	connectortest.Long(t)
	t.Setenv(keyVariable, "sk_us_standin")
	h := newHistory(t, 3, 3, faulty())
	file := loadedFile(t, h.sent)
	said := h.backfills(t, exitDone, "--warehouse", "duckdb://"+file)
	t.Log(said)
	h.compare(t, file)
	t.Log(h.backfills(t, exitDone, "--warehouse", "duckdb://"+file))
}
