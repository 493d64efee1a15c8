//go:build cgo

package bigquery

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/googleapi"

	"vitalsink/connector"
	"vitalsink/connector/bigquery/bigquerytest"
	"vitalsink/connector/connectortest"
)

// attemptsOf are the last parts of the names of all merges that were asked for.
func (s inspected) attemptsOf() []string {
	var attempts []string
	for _, j := range s.jobs("merge") {
		attempts = append(attempts, j.ID[strings.LastIndexByte(j.ID, '_')+1:])
	}
	return attempts
}

func (s inspected) expectMerged(t *testing.T, attempts string) {
	t.Helper()
	if got := strings.Join(s.attemptsOf(), " "); got != attempts {
		t.Errorf("attempts: %s, want %s", got, attempts)
	}
	if books := s.Ledger(t); books.Registered != 1 || books.Applied != 1 {
		t.Errorf("ledger: %+v, want one row", books)
	}
	if rows := s.Latest(t, "sleep"); len(rows) != 1 {
		t.Errorf("%d rows, want one", len(rows))
	}
}

var conflict = &bigquerytest.JobError{
	Reason:  "invalidQuery",
	Message: "Transaction is aborted due to concurrent update against table project:health_store.sleep_fence. Transaction ID: 1",
}

// TestJobsThatGoWrong: whatever becomes of a job, its merge is made once, and
// the attempt rises only after a job has ended with an error.
func TestJobsThatGoWrong(t *testing.T) {
	// The merge is the fifth job that is submitted, dry runs among them.
	const submitted = 4
	for _, test := range []struct {
		name     string
		fault    bigquerytest.Fault
		attempts string
	}{
		{"refused for now", bigquerytest.Fault{Call: bigquerytest.CallJobsInsert, Skip: submitted}, "0"},
		{"reply of submission lost", bigquerytest.Fault{Call: bigquerytest.CallJobsInsert, Skip: submitted, Effect: bigquerytest.LoseReply}, "0"},
		{"reply of submission of the probe lost", bigquerytest.Fault{Call: bigquerytest.CallJobsInsert, Skip: 1, Effect: bigquerytest.LoseReply}, "0"},
		{"reply of submission of pending lost", bigquerytest.Fault{Call: bigquerytest.CallJobsInsert, Effect: bigquerytest.LoseReply}, "0"},
		{"connection lost after submission", bigquerytest.Fault{Call: bigquerytest.CallJobsInsert, Skip: submitted, Effect: bigquerytest.ResetAfter}, "0"},
		{"rate limit", bigquerytest.Fault{Call: bigquerytest.CallJobsInsert, Skip: submitted, REST: &googleapi.Error{
			Code: 403, Message: "Exceeded rate limits", Errors: []googleapi.ErrorItem{{Reason: "rateLimitExceeded"}},
		}}, "0"},
		{"poll fails", bigquerytest.Fault{Call: bigquerytest.CallJobsGet, Skip: 4, Times: 2}, "0"},
		{"result lost", bigquerytest.Fault{Call: bigquerytest.CallJobsGetQueryResults, Skip: 4, Effect: bigquerytest.Reset}, "0"},
		{"conflict, twice", bigquerytest.Fault{Call: bigquerytest.CallJob, Skip: 2, Times: 2, Job: conflict}, "0 1 2"},
		{"conflict in the middle", bigquerytest.Fault{Call: bigquerytest.CallStatement, Table: "merges", Job: conflict}, "0 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := openTest(t)
			s.ingest(t, sleepOf(1))
			s.server.Inject(test.fault)
			s.fold(t)
			s.expectMerged(t, test.attempts)
		})
	}
}

// TestJobOfDeadProcess: who asks for the merge that another process has asked
// for, and not lived to see, gets that one.
func TestJobOfDeadProcess(t *testing.T) {
	s := openTest(t)
	s.ingest(t, sleepOf(1))
	life, kill := context.WithCancel(context.Background())
	asked := make(chan struct{})
	s.server.Inject(bigquerytest.Fault{Call: bigquerytest.CallJob, Skip: 2, Effect: bigquerytest.Pass, Do: func(string) {
		kill()
		<-asked // the job runs on, for longer than its process
	}})
	if err := (mortal{s, life}).work(); err == nil {
		t.Fatal("nobody was killed")
	}
	s.server.Inject(bigquerytest.Fault{Call: bigquerytest.CallJobsInsert, Skip: 2, Effect: bigquerytest.Pass, Do: func(string) { close(asked) }})
	next := inspected{s.server.open(t), s.server}
	next.fold(t)
	next.expectMerged(t, "0")
}

// TestFailureOfDeadProcess: a merge that failed for a reason that stays is
// tried again by the next process, for it may be mended by now.
func TestFailureOfDeadProcess(t *testing.T) {
	s := openTest(t)
	s.ingest(t, sleepOf(1))
	denied := &bigquerytest.JobError{Reason: "accessDenied", Message: "Access Denied: Table project:health_store.sleep: Permission bigquery.tables.updateData denied"}
	s.server.Inject(bigquerytest.Fault{Call: bigquerytest.CallJob, Skip: 2, Job: denied})
	_, err := s.folder().Fold(context.Background())
	if !errors.Is(err, connector.ErrConfiguration) || !strings.Contains(err.Error(), "Table project:health_store.sleep") {
		t.Errorf("fold: %v, want ErrConfiguration and the table", err)
	}
	next := inspected{s.server.open(t), s.server}
	next.fold(t)
	next.expectMerged(t, "0 1")
}

// TestJobOfAnotherAccount: a merge that another account's job has made, which
// this one may not look at, is not waited for, and not done twice.
func TestJobOfAnotherAccount(t *testing.T) {
	s := openTest(t)
	s.ingest(t, sleepOf(1))
	denied := &googleapi.Error{Code: http.StatusForbidden, Errors: []googleapi.ErrorItem{{Reason: "accessDenied"}}}
	// The reply is lost, so that the client asks for the same job once more.
	s.server.Inject(bigquerytest.Fault{Call: bigquerytest.CallJobsInsert, Skip: 4, Effect: bigquerytest.LoseReply, Do: func(string) {
		s.server.Inject(bigquerytest.Fault{Call: bigquerytest.CallJobsGet, Effect: bigquerytest.Refuse, REST: denied})
	}})
	s.fold(t)
	s.expectMerged(t, "0 1")
}

// TestTablesSetBack: the job of a merge says that it is done, but somebody has
// set the tables back to a time before: it is done again.
func TestTablesSetBack(t *testing.T) {
	s := openTest(t)
	s.ingest(t, sleepOf(1))
	s.fold(t)
	for _, statement := range []string{
		"DELETE FROM " + s.path("sleep") + " WHERE TRUE", "DELETE FROM " + s.path("merges") + " WHERE TRUE",
		"UPDATE " + s.path("sleep_fence") + " SET n = 0 WHERE TRUE",
	} {
		s.values(t, statement)
	}
	s.fold(t)
	s.expectMerged(t, "0 1")
}

func (s inspected) path(table string) string {
	return ident(testProject + "." + storeOf(testDataset) + "." + table)
}

// TestByteCap: a merge that would be billed for too much is left to the folder
// if it has several batches, to try with fewer; one batch is done in fewer days
// a statement, then with all of the limit, and then it is an error that says
// what to do.
func TestByteCap(t *testing.T) {
	const least = 10 << 20 // of a statement, for each table
	for _, test := range []struct {
		name    string
		batches int
		limit   int64
		passes  bool
		limits  []int64 // of the probes
	}{
		{"enough", 1, 100 * least, true, []int64{10 * least}},
		{"all of it", 1, 9 * least, true, []int64{9 * least / 10, 9 * least / 10, 9 * least}},
		{"too little", 1, least, false, []int64{least / 10, least / 10, least}},
		{"too little for several", 2, least, false, []int64{least / 10}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := openTest(t)
			for i := range test.batches {
				s.ingest(t, samplesOn(fmt.Sprint("m", i), noon, 60, daysFrom(noon.Truncate(day).Add(-4*day), 4)...))
			}
			p, err := s.Pending(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			s.config.MaxBytesBilled = test.limit
			_, err = s.Merge(context.Background(), &connector.Merge{
				ID: "m", Table: s.config.Catalogue.Table("timeseries"), Batches: p.Batches, MergedAt: p.Batches[0].AppendedAt,
			})
			if test.passes != (err == nil) || err != nil && !errors.Is(err, connector.ErrByteCap) {
				t.Errorf("merge: %v", err)
			}
			if !test.passes && test.batches == 1 && !strings.Contains(err.Error(), fmt.Sprintf(
				"20971520 bytes are needed, the limit is %d; batch %s of timeseries stays pending until --max-bytes-billed allows it", test.limit, p.Batches[0].ID)) {
				t.Errorf("merge: %v", err)
			}
			var limits []int64
			for _, j := range s.jobs("probe") {
				limits = append(limits, j.MaximumBytesBilled)
			}
			if diff := cmp.Diff(test.limits, limits); diff != "" {
				t.Errorf("limits of the probes (-want +got):\n%s", diff)
			}
			if rows := s.Latest(t, "timeseries"); len(rows) != map[bool]int{true: 4}[test.passes] {
				t.Errorf("%d rows", len(rows))
			}
		})
	}
}

// TestPartsOfOneMerge: a batch that is looked up in several statements, each
// of a few days, ends in the same table.
func TestPartsOfOneMerge(t *testing.T) {
	connectortest.Long(t)
	days := daysFrom(noon.Truncate(day).Add(-19*day), 20)
	for _, most := range []int{1, 3, 7, 100} {
		t.Run(fmt.Sprint(most), func(t *testing.T) {
			s := openTest(t)
			s.ingest(t, samplesOn("before", noon, 60, days[:10]...))
			s.fold(t)
			s.ingest(t, samplesOn("m1", noon.Add(-time.Minute), 61, days[:5]...), samplesOn("m2", noon.Add(time.Minute), 62, days[3:]...))
			p, err := s.Pending(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			books, err := s.merge(context.Background(), &connector.Merge{
				ID: "m", Table: s.config.Catalogue.Table("timeseries"), Fence: p.Fences["timeseries"],
				Batches: p.Batches, MergedAt: p.Batches[0].AppendedAt,
			}, most, defaultMaxBytesBilled)
			books.BytesEstimated, books.BytesBilled = 0, 0 // see TestBytesOfMerge
			want := connector.MergeBooks{Registered: 22, Applied: 17, Superseded: 2, Stale: 3}
			if err != nil || books != want {
				t.Errorf("%+v, %v; want %+v", books, err, want)
			}
			for _, row := range s.Latest(t, "timeseries") {
				value := map[bool]string{true: "60", false: "62"}[row["timestamp"] < days[3].Format("2006-01-02")]
				if row["value"] != value {
					t.Errorf("%s: %s, want %s", row["timestamp"], row["value"], value)
				}
			}
		})
	}
}

// TestWithoutFence shows that the fence is what keeps two folders apart: with
// it removed, both insert the same key.
func TestWithoutFence(t *testing.T) {
	s := openTest(t)
	other := inspected{s.server.open(t), s.server}
	s.removeFence(t)
	other.removeFence(t)
	s.ingest(t, sleepOf(1))
	s.server.Inject(bigquerytest.Fault{Call: bigquerytest.CallStatement, Table: "merges", Effect: bigquerytest.Pass, Do: func(string) {
		other.ingest(t, sleepOf(2))
		other.fold(t)
	}})
	s.fold(t)
	if rows := s.Latest(t, "sleep"); len(rows) < 2 {
		t.Errorf("%d rows: without the fence there should be two of a key, or the tests with it show nothing", len(rows))
	}
}

// removeFence takes the statements about the fence out of the script.
func (s inspected) removeFence(t *testing.T) {
	t.Helper()
	text, err := sqlFiles.ReadFile("sql/merge.sql")
	if err != nil {
		t.Fatal(err)
	}
	before, after, found := strings.Cut(string(text), `{{template "raise_fence.sql" .}}`)
	if !found {
		t.Fatal("the script has no fence to remove")
	}
	if _, err := s.statements.templates.New("merge.sql").Parse(before + after); err != nil {
		t.Fatal(err)
	}
}
