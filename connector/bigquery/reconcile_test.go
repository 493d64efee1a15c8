//go:build cgo

package bigquery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/googleapi"

	"vitalsink/connector"
	"vitalsink/connector/bigquery/bigquerytest"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// daily is a warehouse with a heart rate on each of n days.
func daily(t *testing.T, n int) (inspected, connector.FactsQuery) {
	t.Helper()
	s := openTest(t)
	s.ingest(t, samplesOn("m", noon, 60, daysFrom(noon.Truncate(day).Add(-time.Duration(n)*day), n)...))
	s.fold(t)
	s.pageRows = 10
	return s, connector.FactsQuery{Table: s.Catalogue().Table(schemas.TimeseriesTable), Users: []string{"u1"}}
}

// TestFactsPageByPage: rows are given away while others are still to be asked
// for, and who takes them may be slower than a call to BigQuery.
func TestFactsPageByPage(t *testing.T) {
	s, q := daily(t, 35)
	s.patience.callTimeout = time.Second
	before, asked := s.server.Calls(bigquerytest.CallJobsGetQueryResults), 0
	taken := map[any]int{}
	err := s.Facts(t.Context(), q, func(row []any) error {
		if len(taken) == 0 {
			asked = s.server.Calls(bigquerytest.CallJobsGetQueryResults) - before
			<-time.After(s.patience.callTimeout + 100*time.Millisecond)
		}
		taken[row[q.Table.Index("timestamp")]]++
		return nil
	})
	if err != nil || len(taken) != 35 {
		t.Errorf("%d rows of 35: %v", len(taken), err)
	}
	// One call waits for the job.
	if all := s.server.Calls(bigquerytest.CallJobsGetQueryResults) - before; asked != 2 || all != 5 {
		t.Errorf("%d calls before the first row and %d in all, want 2 and 5", asked, all)
	}
}

// TestFactsOnce: what goes wrong before the first row is tried again; after it
// that would bring rows twice.
func TestFactsOnce(t *testing.T) {
	busy := &googleapi.Error{Code: 403, Message: "Quota exceeded", Errors: []googleapi.ErrorItem{{Reason: "quotaExceeded"}}} // Google's client does not try again
	for _, test := range []struct {
		name  string
		fault bigquerytest.Fault
		taken int
		want  error
	}{
		{"submission", bigquerytest.Fault{Call: bigquerytest.CallJobsInsert, Effect: bigquerytest.LoseReply}, 35, nil},
		{"the job", bigquerytest.Fault{Call: bigquerytest.CallJob}, 35, nil},
		{"the first page", bigquerytest.Fault{Call: bigquerytest.CallJobsGetQueryResults, Skip: 1, REST: busy}, 35, nil},
		{"the second page", bigquerytest.Fault{Call: bigquerytest.CallJobsGetQueryResults, Skip: 2, REST: busy}, 10, connector.ErrUnavailable},
		{"the second page, for Google's client", bigquerytest.Fault{Call: bigquerytest.CallJobsGetQueryResults, Skip: 2}, 35, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, q := daily(t, 35)
			s.server.Inject(test.fault)
			taken := map[any]int{}
			err := s.Facts(t.Context(), q, func(row []any) error {
				taken[row[q.Table.Index("timestamp")]]++
				return nil
			})
			if !errors.Is(err, test.want) || len(taken) != test.taken || s.server.Met() == 0 {
				t.Errorf("%d rows, want %d: %v, want %v", len(taken), test.taken, err, test.want)
			}
			for at, n := range taken {
				if n != 1 {
					t.Errorf("that of %v comes %d times", at, n)
				}
			}
		})
	}
}

// TestFactsOfOldTables: a column that the tables lack is nil, and the others
// are where they belong.
func TestFactsOfOldTables(t *testing.T) {
	s := own(t, bigquerytest.Config{})
	s.apply(t, loadCatalogue(t))
	w := s.must(t, newer(t))
	w.ingest(t, snored(1))
	w.fold(t)
	table := newer(t).Table("sleep")
	var rows [][]any
	err := w.Facts(t.Context(), connector.FactsQuery{Table: table, Users: []string{"u1"}}, func(row []any) error {
		rows = append(rows, row)
		return nil
	})
	if err != nil || len(rows) != 1 || len(rows[0]) != len(table.Columns) {
		t.Fatalf("%v, %v", rows, err)
	}
	if row := rows[0]; row[table.Index("snoring")] != nil || row[table.Index("id")] != "s1" || row[table.Index("score")] != int64(1) {
		t.Errorf("the row is %v", row)
	}
	of, err := w.MergedSince(t.Context(), time.Time{})
	if err != nil || len(of) != 1 {
		t.Fatalf("%v, %v", of, err)
	}
	if flaws, err := w.Behind(t.Context(), table, of); err != nil || len(flaws) > 0 {
		t.Errorf("flaws %v, %v", flaws, err)
	}
}

// created is a version of the one sleep that says that it was made on a day.
func created(version int, date string) transforms.Message {
	m := sleepOf(version)
	m.Data = []byte(strings.Replace(string(m.Data), "2026-11-20", date, 1))
	return m
}

// TestBehindElsewhere: a row that is in another partition than its batch says,
// for another version came first with another value of the sticky column, is
// not said to be missing. Only when one is missed all of the table is read.
func TestBehindElsewhere(t *testing.T) {
	s := openTest(t)
	s.ingest(t, created(1, "2026-11-20"), created(2, "2026-11-18"))
	s.fold(t)
	table := s.Catalogue().Table("sleep")
	of, err := s.MergedSince(t.Context(), time.Time{})
	if err != nil || len(of) != 2 {
		t.Fatalf("%v, %v", of, err)
	}
	behind := func(what string, jobs int, of []connector.Registered, want ...connector.Flaw) {
		t.Helper()
		before := len(s.jobs("look"))
		got, err := s.Behind(t.Context(), table, of)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
		if n := len(s.jobs("look")) - before; n != jobs {
			t.Errorf("%s: %d queries, want %d", what, n, jobs)
		}
	}
	one := [][]any{{"u1", "s1"}}
	moved := connector.Flaw{Check: connector.CheckMoved, Rows: 1, Examples: one}
	behind("the version that came later", 1, of[1:])
	behind("the version that is in another partition", 2, of[:1], moved)
	behind("both", 1, of, moved)
	s.pending = 1
	behind("each by itself", 3, of, moved)
	s.pending = maxPending
	s.Remove(t, "sleep", "TRUE")
	behind("none is there", 2, of, connector.Flaw{Check: connector.CheckBehind, Rows: 1, Examples: one}, moved)
}

// TestInspectedParts: of days that are too many for a statement each is looked
// at, in several, and what is read are these days.
func TestInspectedParts(t *testing.T) {
	const n = maxPartitions + 5
	s := openTest(t)
	days := daysFrom(mustDay("2010-01-01"), n)
	s.ingest(t, samplesOn("m", noon, 60, days...), samplesOn("other", noon, 61, mustDay("2026-05-02")))
	s.fold(t)
	table := s.Catalogue().Table(schemas.TimeseriesTable)
	for _, half := range []string{"<", ">="} { // all are too many for a statement
		s.Copy(t, table.Name, "timestamp "+half+" TIMESTAMP '2015-01-01 00:00:00+00'")
	}
	key := func(d time.Time) []any { return []any{"u1", "heartrate", "oura", "ring", d.Add(10 * time.Hour), ""} }
	want := &connector.Flaw{Check: connector.CheckDuplicate, Rows: n}
	for _, d := range days[:mostExamples] {
		want.Examples = append(want.Examples, key(d))
	}
	backwards := slices.Clone(days)
	slices.Reverse(backwards)
	looked := len(s.jobs("look")) // the ingest asked who is erased
	got, err := s.Duplicates(t.Context(), table, backwards)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for i, j := range s.jobs("look")[looked:] {
		if read := j.Statements[0].PartitionsRead[table.Name]; read != []int{maxPartitions, 5}[i] {
			t.Errorf("query %d reads %d partitions", i, read)
		}
	}
	before, bytes := len(s.server.Jobs()), s.Billed().Bytes
	if removed, err := s.RemoveDuplicates(t.Context(), table, days); err != nil || removed != n {
		t.Errorf("%d rows are removed, want %d: %v", removed, n, err)
	}
	var all int64
	for _, j := range s.server.Jobs()[before:] {
		all += j.BytesBilled()
	}
	if got := s.Billed().Bytes - bytes; got != all || all == 0 {
		t.Errorf("%d bytes are counted, the jobs have %d", got, all)
	}
	if got, err = s.Duplicates(t.Context(), table, days); err != nil || got != nil {
		t.Errorf("after it: %v, %v", got, err)
	}
	// The day that was not asked for has its duplicate yet.
	if rows := len(s.Latest(t, table.Name)); rows != n+2 {
		t.Errorf("%d rows, want %d", rows, n+2)
	}
}

// TestRemoveKeeps: the row that stays has what only a newer vitalsink knows of,
// and the least value of the sticky column, as after a fold.
func TestRemoveKeeps(t *testing.T) {
	s := own(t, bigquerytest.Config{})
	s.apply(t, newer(t))
	old, late := s.must(t, loadCatalogue(t)), s.must(t, newer(t))
	late.ingest(t, snored(1))
	late.fold(t)
	late.Copy(t, "sleep", "TRUE")
	late.Change(t, "sleep", "_version = FROM_HEX('00'), score = 2, snoring = 8, created_at = TIMESTAMP '2026-11-01 00:00:00+00'", "TRUE")
	late.ingest(t, snored(3))
	late.fold(t) // on another day, so the table has it once more
	late.Remove(t, "sleep", "score = 1")
	if n := len(late.Latest(t, "sleep")); n != 3 {
		t.Fatalf("%d rows, want 3", n)
	}
	if removed, err := old.RemoveDuplicates(t.Context(), loadCatalogue(t).Table("sleep"), nil); err != nil || removed != 2 {
		t.Errorf("%d rows are removed, want 2: %v", removed, err)
	}
	late.sleepIs(t, "3", "7", "")
	if at := late.Latest(t, "sleep")[0]["created_at"]; !strings.HasPrefix(at, "2026-11-01") {
		t.Errorf("it was made at %s", at)
	}
}

// TestRemovalsThatGoWrong: whatever becomes of the job, duplicates are removed
// once, or the table is as it was.
func TestRemovalsThatGoWrong(t *testing.T) {
	other := &bigquerytest.JobError{Reason: "invalidQuery", Message: "Query error: " + raisedBooks + " {found=2, surplus=1, deleted=3, inserted=1} at [30:5]"}
	for _, test := range []struct {
		name     string
		fault    bigquerytest.Fault
		attempts int
		want     error
	}{
		{"reply of submission lost", bigquerytest.Fault{Call: bigquerytest.CallJobsInsert, Effect: bigquerytest.LoseReply}, 1, nil},
		{"connection lost after submission", bigquerytest.Fault{Call: bigquerytest.CallJobsInsert, Effect: bigquerytest.ResetAfter}, 1, nil},
		{"poll fails", bigquerytest.Fault{Call: bigquerytest.CallJobsGet, Times: 2}, 1, nil},
		{"result lost", bigquerytest.Fault{Call: bigquerytest.CallJobsGetQueryResults, Effect: bigquerytest.Reset}, 1, nil},
		{"conflict", bigquerytest.Fault{Call: bigquerytest.CallStatement, Table: "sleep", Job: conflict}, 2, nil},
		{"other rows", bigquerytest.Fault{Call: bigquerytest.CallStatement, Skip: 5, Job: other}, 1, connector.ErrBooks},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := openTest(t)
			s.ingest(t, sleepOf(1))
			s.fold(t)
			s.Copy(t, "sleep", "TRUE")
			s.server.Inject(test.fault)
			removed, err := s.RemoveDuplicates(context.Background(), s.Catalogue().Table("sleep"), nil)
			rows := 1
			if test.want != nil {
				rows = 2
			}
			if !errors.Is(err, test.want) || removed != 2-rows || len(s.Latest(t, "sleep")) != rows {
				t.Errorf("%d rows are removed, %d left: %v", removed, len(s.Latest(t, "sleep")), err)
			}
			if n := len(s.jobs("remove")); n != test.attempts || len(s.attempts.known) > 0 || s.server.Met() == 0 {
				t.Errorf("%d jobs, want %d; remembered are %v", n, test.attempts, s.attempts.known)
			}
		})
	}
}

// TestRemovalIsFenced: if somebody folds after the fence was read, nothing is
// removed.
func TestRemovalIsFenced(t *testing.T) {
	s := openTest(t)
	s.ingest(t, sleepOf(1))
	s.fold(t)
	s.Copy(t, "sleep", "TRUE")
	s.ingest(t, created(2, "2026-11-19"))
	s.server.Inject(bigquerytest.Fault{Call: bigquerytest.CallJobsInsert, Table: "sleep", Effect: bigquerytest.Pass, Do: func(string) { s.fold(t) }})
	removed, err := s.RemoveDuplicates(t.Context(), s.Catalogue().Table("sleep"), nil)
	if !errors.Is(err, connector.ErrFenced) || removed != 0 || len(s.Latest(t, "sleep")) != 3 {
		t.Errorf("%d rows are removed, %d left: %v; want ErrFenced", removed, len(s.Latest(t, "sleep")), err)
	}
}

// TestRecordParts: what does not fit into a request comes in several, and what
// is sent again after a lost answer is read once.
func TestRecordParts(t *testing.T) {
	s := openUnlucky(t)
	s.appender.tuned.request = requestOverhead + 4<<10
	var findings []connector.Finding
	for i := range 100 {
		findings = append(findings, connector.Finding{
			RunID: "r1", StartedAt: noon, RecordedAt: noon, Part: i, Check: connector.CheckCompared, Day: noon.Truncate(day),
			Examples: []string{fmt.Sprintf("%016x", i)}, Details: strings.Repeat("x", 200),
		})
	}
	s.server.Inject(bigquerytest.Fault{Call: bigquerytest.CallAppendRows, Skip: 2, Effect: bigquerytest.ResetAfter})
	if err := s.Record(t.Context(), findings); err != nil {
		t.Fatal(err)
	}
	got, err := s.Findings(t.Context(), "r1", time.Time{})
	if diff := cmp.Diff(findings, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if n := s.server.Calls(bigquerytest.CallAppendRows); n < 6 {
		t.Errorf("%d requests, want several", n)
	}
	if n := len(s.View(t, schemas.ReconciliationsTable)); n <= len(findings) {
		t.Errorf("%d rows: none is there twice", n)
	}
}
