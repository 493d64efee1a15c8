//go:build cgo && linux

package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	bq "cloud.google.com/go/bigquery"

	"vitalsink/connector"
)

// TestBudgetUsedUp: a service whose day is used up folds no more, says so as an
// error and in its metrics, and goes on receiving; told to stop, it does.
func TestBudgetUsedUp(t *testing.T) {
	t.Parallel()
	pub, s, address := newService(t), newBigQuery(t), freeAddress(t)
	p := s.command("run", "--warehouse", s.url(), "--source", "pubsub://demo/vitalsink", "--http", address,
		"--flush-interval", "50ms", "--fold-interval", "100ms", "--max-bytes-billed-per-day", "1GiB")
	p.Env = append(p.Env, emulator+"="+pub.Addr)
	p.start(t)
	messages := scenarioPart(t, 90)
	pub.publish(messages[:80])
	text := awaitMetrics(t, pub, address, "the day is used up", func(text string) bool {
		return strings.Contains(text, "\nvitalsink_fold_paused 1\n")
	})
	for _, metric := range []string{
		`vitalsink_fold_billed_bytes_total{table="`, `vitalsink_fold_estimated_bytes_total{table="`, "\nvitalsink_billed_today_bytes ",
	} {
		if !strings.Contains(text, metric) {
			t.Errorf("there is no %q in\n%s", metric, text)
		}
	}
	checkLabels(t, text)
	pub.publish(messages[80:])
	pub.awaitAcks(t, len(messages))
	p.terminate(t)
	wants(t, p.wrote.String(), "level=ERROR", "folding pauses", "--max-bytes-billed-per-day 1.0 GiB", "it is tried again at 00:00 UTC")

	s.bill(t, 1<<30) // of the bytes so far it knows the merges' alone
	messagesFile, _ := generated(t, "--users", "2", "--days", "1")
	said := s.says(t, exitAttention, "load", "--warehouse", s.url(), "--max-bytes-billed-per-day", "1GiB", messagesFile)
	wants(t, said, "too little is left of the bytes that may be billed in a day", "rows folded   0 =", "rows are logged and not folded; the next fold takes them")
}

// bill enters a merge into the ledger that was billed for so many bytes.
func (s *bigQuery) bill(t *testing.T, bytes int64) {
	t.Helper()
	client, err := bq.NewClient(t.Context(), bigQueryProject, s.REST()...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close() //nolint:errcheck // the job has been waited for
	client.Location = "EU"
	job, err := client.Query(fmt.Sprintf("INSERT INTO `%s.%s_store.merges` (merge_id, table_name, batch_ids, merged_at, "+
		"rows_registered, rows_applied, rows_superseded, rows_stale, rows_erased, bytes_billed, job_id) "+
		"VALUES ('m', 'sleep', ['b'], CURRENT_TIMESTAMP(), 0, 0, 0, 0, 0, %d, 'j')", bigQueryProject, bigQueryDataset, bytes)).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	status, err := job.Wait(t.Context())
	if err == nil {
		err = status.Err()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestPrintBooks: what is left is not hidden by what was folded of before.
func TestPrintBooks(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	landed := connector.Landed{Books: connector.Books{Rows: 12}, Tables: map[string]connector.Books{"sleep": {Rows: 7}, "body": {Rows: 5}}}
	folded := connector.Folded{
		Books:  connector.MergeBooks{Registered: 17},
		Tables: map[string]connector.MergeBooks{"body": {Registered: 15}, "sleep": {Registered: 2}},
	}
	if err := printBooks(&out, landed, folded); err != nil {
		t.Fatal(err)
	}
	wants(t, out.String(), "10 of them were pending from before", "at least 5 rows are logged and not folded")
}
