//go:build cgo

package main

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitalsink/connector"
)

// TestPrintUnbalanced: what does not balance stands between the other numbers,
// and again below, with the ids to look for.
func TestPrintUnbalanced(t *testing.T) {
	sleep := connector.TableBooks{
		Batches: 3, PendingBatches: 1, PendingRows: 2, Merges: 2, RowsBeyond: 1,
		Registry: connector.Books{Rows: 9, RowsDecoded: 9, Messages: 5, MessagesLanded: 4},
		Ledger:   connector.MergeBooks{Registered: 9, Applied: 6, Superseded: 1, Stale: 1},
		Faults: []connector.Fault{
			{Kind: connector.MessagesUnaccounted, Count: 1, Example: "0190-1"},
			{Kind: connector.MergeUnaccounted, Count: 2, Example: "0190-2"},
		},
	}
	meal := connector.TableBooks{Batches: 1, PendingBatches: 1, PendingRows: 4, Registry: connector.Books{Rows: 4, RowsDecoded: 4}}
	var out strings.Builder
	if err := printWindow(&out, connector.Window{}, connector.WindowBooks{"sleep": sleep, "meal": meal}); err != nil {
		t.Fatal(err)
	}
	const want = `messages      5 ≠ 4 landed + 0 partly quarantined + 0 quarantined + 0 empty
rows decoded  13 = 13 appended + 0 quarantined + 0 erased
rows logged   13 = 13 appended + 0 about quarantine
              13 ≠ 8 folded + 6 pending
rows folded   9 ≠ 6 applied + 1 superseded + 1 stale + 0 erased
              1 of them are of batches that were not registered in this time
batches       4, of them 2 pending
merges        2

  table  batches  logged  pending  merges  folded  applied  superseded  stale  erased
   meal        1       4        4       0       0        0           0      0       0
  sleep        3       9        2       2       9        6           1      1       0

What does not balance:

sleep  messages_unaccounted  1 batches with messages whose outcome is unknown              for example 0190-1
sleep  merge_unaccounted     2 merges with rows of which nobody knows what became of them  for example 0190-2
sleep  sums                  messages do not add up
sleep  sums                  rows registered do not add up
sleep  sums                  rows merged do not add up

The ids are those of the views batches and merges.
`
	if diff := cmp.Diff(want, trimLines(out.String())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// trimLines is the text without the spaces with which tabwriter ends lines.
func trimLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// TestFaultsHaveMeaning: for people each kind has words.
func TestFaultsHaveMeaning(t *testing.T) {
	for _, kind := range append(connector.BatchFaults(), connector.MergeFaults()...) {
		if meaning(kind) == "" {
			t.Errorf("%s means nothing", kind)
		}
	}
}

// TestCheckUnbalanced: a ledger that somebody changed is found, and left as it
// is.
func TestCheckUnbalanced(t *testing.T) {
	t.Parallel()
	messages, _ := generated(t, "--users", "1", "--days", "1")
	file := loadedFile(t, messages)
	changeFile(t, file, "UPDATE store.merges SET rows_stale = rows_stale + 1 WHERE table_name = 'timeseries'")
	for _, flags := range [][]string{nil, {"--json"}} {
		var out, errs strings.Builder
		args := append([]string{"check", "--warehouse", "duckdb://" + file}, flags...)
		if code := execute(t.Context(), args, streams{nil, &out, &errs}); code != exitAttention {
			t.Errorf("check exited with %d: %s", code, errs.String())
		}
		wants(t, out.String(), "merge_unaccounted", "timeseries")
		wants(t, errs.String(), "vitalsink: the books do not balance", "report it")
		if strings.Contains(out.String(), "balance.\n") {
			t.Errorf("it says that they balance:\n%s", out.String())
		}
	}
}

// TestCheckOfOtherFile: a DuckDB file that is no warehouse has no books, and
// one line says so.
func TestCheckOfOtherFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "other.duckdb")
	changeFile(t, file, "CREATE TABLE mine (n INTEGER)")
	var out, errs strings.Builder
	if code := execute(t.Context(), []string{"check", "--warehouse", "duckdb://" + file}, streams{nil, &out, &errs}); code != exitAttention {
		t.Errorf("check exited with %d", code)
	}
	wants(t, out.String(), "lacks the tables batches and merges", "skipped  books")
	if text := errs.String(); strings.Count(text, "\n") != 1 {
		t.Errorf("it says %q", text)
	}
}

// wantBalanced wants the books of a warehouse that nobody has open to balance.
func wantBalanced(t testing.TB, url string) {
	t.Helper()
	var out, errs strings.Builder
	if code := execute(t.Context(), []string{"check", "--warehouse", url}, streams{nil, &out, &errs}); code != exitDone {
		t.Errorf("check exited with %d: %s\n%s", code, errs.String(), out.String())
	}
}

// changeFile runs a statement on a DuckDB file as anybody could.
func changeFile(t *testing.T, file, statement string) {
	t.Helper()
	db, err := sql.Open("duckdb", file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
