//go:build cgo && linux

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bq "cloud.google.com/go/bigquery"
)

// says runs a command to its end.
func (s *bigQuery) says(t *testing.T, code int, args ...string) string {
	t.Helper()
	p := s.command(args...)
	p.start(t)
	_ = p.Wait() // the exit code says it
	said := p.wrote.String()
	if got := p.ProcessState.ExitCode(); got != code {
		t.Fatalf("vitalsink %s exits with %d, want %d:\n%s", strings.Join(args, " "), got, code, said)
	}
	return said
}

func wants(t *testing.T, said string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(said, part) {
			t.Errorf("output lacks %q:\n%s", part, said)
		}
	}
}

// TestSchemaApply: from an empty project to a load, and to a table that
// somebody changed.
func TestSchemaApply(t *testing.T) {
	t.Parallel()
	s := newEmptyBigQuery(t)
	events := filepath.Join(t.TempDir(), "events.ndjson")
	event := `{"event_type":"daily.data.sleep.created","user_id":"u1","data":{"id":"s1","score":90,"created_at":"2026-05-01T08:00:00Z"}}`
	if err := os.WriteFile(events, []byte(event), 0o600); err != nil {
		t.Fatal(err)
	}
	plan := []string{"schema", "plan", "--warehouse", s.url()}
	apply := []string{"schema", "apply", "--warehouse", s.url()}
	load := []string{"load", "--warehouse", s.url(), events}

	wants(t, s.says(t, exitFailed, load...), "dataset health_store is missing", "vitalsink schema apply --location EU --warehouse "+s.url())
	wants(t, s.says(t, exitAttention, plan...), "+ create dataset health_store", "+ create view    health.heartrate", "differences that need a person: 0")
	wants(t, s.says(t, exitUsage, apply...), "say where to make it, such as --location EU")
	wants(t, s.says(t, exitDone, append(apply, "--location", "EU")...), "+ create table   health_store.sleep_log", "+ fill fence     health_store.sleep_fence", "changes made: ")
	wants(t, s.says(t, exitDone, plan...), "changes to make: 0, differences that need a person: 0")
	wants(t, s.says(t, exitDone, apply...), "changes made: 0")
	s.says(t, exitDone, load...)

	client := s.client(t)
	sleep := client.Dataset("health_store").Table("sleep_log")
	if err := sleep.Delete(t.Context()); err != nil {
		t.Fatal(err)
	}
	md := &bq.TableMetadata{Schema: bq.Schema{{Name: "user_id", Type: bq.IntegerFieldType, Required: true}}}
	if err := sleep.Create(t.Context(), md); err != nil {
		t.Fatal(err)
	}
	wants(t, s.says(t, exitAttention, plan...), "! refuse         health_store.sleep_log: user_id", "the column is INTEGER and must be STRING", "what to do: if it has no rows delete it (bq rm")
	wants(t, s.says(t, exitFailed, apply...), "! refuse         health_store.sleep_log: user_id", "nothing was changed")
	wants(t, s.says(t, exitFailed, load...), "health_store.sleep_log.user_id: the column is INTEGER", "vitalsink schema plan --warehouse "+s.url())
}

// TestSchemaPlanJSON: one object, whatever is found.
func TestSchemaPlanJSON(t *testing.T) {
	t.Parallel()
	s := newEmptyBigQuery(t)
	if said := s.says(t, exitDone, "schema", "apply", "--json", "--location", "EU", "--warehouse", s.url()); !strings.HasPrefix(said, `{"catalogue_version":`) {
		t.Errorf("apply says:\n%s", said)
	}
	if err := s.client(t).Dataset("health").Table("sleep").Delete(t.Context()); err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(s.says(t, exitAttention, "schema", "plan", "--json", "--warehouse", s.url()), "\n")
	var p struct {
		Location    string `json:"location"`
		Differences []struct{ Action, Dataset, Table string }
	}
	if err := json.Unmarshal([]byte(line), &p); err != nil {
		t.Fatal(err)
	}
	if p.Location != "EU" || len(p.Differences) != 1 || p.Differences[0].Action != "create view" || p.Differences[0].Table != "sleep" {
		t.Errorf("the plan is %s", line)
	}
}

// TestSchemaOfDuckDB: a file needs no plan.
func TestSchemaOfDuckDB(t *testing.T) {
	t.Parallel()
	s := newEmptyBigQuery(t)
	for _, command := range []string{"plan", "apply"} {
		wants(t, s.says(t, exitUsage, "schema", command), "load and run make the tables of a DuckDB file")
	}
}

func (s *bigQuery) client(t *testing.T) *bq.Client {
	t.Helper()
	client, err := bq.NewClient(t.Context(), s.project, s.REST()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// TestOldTablesAreSaid: a service on tables that lack a column says so once, as
// an error, with the command, and works.
func TestOldTablesAreSaid(t *testing.T) {
	t.Parallel()
	s := newBigQuery(t)
	client := s.client(t)
	table := client.Dataset("health_store").Table("sleep")
	md, err := table.Metadata(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Delete(t.Context()); err != nil {
		t.Fatal(err)
	}
	var less bq.Schema
	for _, f := range md.Schema {
		if f.Name != "score" {
			less = append(less, f)
		}
	}
	if err := table.Create(t.Context(), &bq.TableMetadata{Schema: less, TimePartitioning: md.TimePartitioning, Clustering: md.Clustering}); err != nil {
		t.Fatal(err)
	}
	events := filepath.Join(t.TempDir(), "events.ndjson")
	event := `{"event_type":"daily.data.sleep.created","user_id":"u1","data":{"id":"s1","score":90}}`
	if err := os.WriteFile(events, []byte(event), 0o600); err != nil {
		t.Fatal(err)
	}
	said := s.says(t, exitDone, "load", "--warehouse", s.url(), events)
	wants(t, said, "level=ERROR", "columns=sleep.score", "vitalsink schema apply --warehouse "+s.url(), "1 landed")
	if n := strings.Count(said, "schema apply --warehouse"); n != 1 {
		t.Errorf("said %d times:\n%s", n, said)
	}
}

// TestFlagsOfBilling: sizes that are none are refused, all of them.
func TestFlagsOfBilling(t *testing.T) {
	t.Parallel()
	s := newEmptyBigQuery(t)
	said := s.says(t, exitUsage, "load", "--warehouse", s.url(), "--max-bytes-billed", "much", "--max-bytes-billed-per-day", "1MiB", "none.ndjson")
	wants(t, said, "--max-bytes-billed much: write a size", "--max-bytes-billed-per-day 1MiB: write a size of at least 1.0 GiB")
}
