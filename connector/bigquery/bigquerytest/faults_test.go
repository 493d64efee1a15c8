//go:build cgo

package bigquerytest_test

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/bigquery"
	"google.golang.org/api/googleapi"

	"vitalsink/connector/bigquery/bigquerytest"
)

// TestRESTFaults: each call can be refused, lose its answer or its connection;
// the client tries again, and nothing is done twice.
func TestRESTFaults(t *testing.T) {
	for _, call := range []string{
		bigquerytest.CallJobsInsert, bigquerytest.CallJobsGet, bigquerytest.CallJobsGetQueryResults, bigquerytest.CallTabledataList,
		bigquerytest.CallDatasetsGet, bigquerytest.CallTablesGet,
	} {
		for _, effect := range []bigquerytest.Effect{bigquerytest.Refuse, bigquerytest.LoseReply, bigquerytest.Reset, bigquerytest.ResetAfter, bigquerytest.Pass} {
			d := open(t, bigquerytest.Config{})
			d.filled()
			before := d.Calls(call)
			var called atomic.Bool
			d.Inject(bigquerytest.Fault{Call: call, Effect: effect, Delay: time.Millisecond, Do: func(string) { called.Store(true) }})
			// A name of its own, so that a repeated request is seen to be one.
			q := d.query("UPDATE d.t SET n = n + 1 WHERE k = 'a'")
			q.JobID = "once"
			job, err := q.Run(t.Context())
			var rest *googleapi.Error
			if errors.As(err, &rest) && rest.Code == http.StatusConflict {
				if effect != bigquerytest.LoseReply && effect != bigquerytest.ResetAfter || call != bigquerytest.CallJobsInsert {
					t.Errorf("%s, effect %d: %v", call, effect, err)
				}
				job, err = d.client.JobFromID(t.Context(), "once")
			}
			if err != nil {
				t.Errorf("%s, effect %d: %v", call, effect, err)
				continue
			}
			d.readAll(call, job)
			if n := d.count("SELECT n FROM d.t WHERE k = 'a'"); n != 2 {
				t.Errorf("%s, effect %d: n is %d, want 2", call, effect, n)
			}
			if !called.Load() || d.Calls(call) == before {
				t.Errorf("%s, effect %d: it was not called", call, effect)
			}
		}
	}
}

// readAll makes every call that reads.
func (d *db) readAll(call string, job *bigquery.Job) {
	d.Helper()
	if status, err := job.Wait(d.Context()); err != nil || status.Err() != nil {
		d.Errorf("%s: %v, %v", call, status, err)
	}
	if _, err := job.Status(d.Context()); err != nil {
		d.Errorf("%s: %v", call, err)
	}
	if rows := d.all(d.client.Dataset("d").Table("t").Read(d.Context())); len(rows) != 2 {
		d.Errorf("%s: %d rows", call, len(rows))
	}
	if _, err := d.client.Dataset("d").Metadata(d.Context()); err != nil {
		d.Errorf("%s: %v", call, err)
	}
	if _, err := d.client.Dataset("d").Table("t").Metadata(d.Context()); err != nil {
		d.Errorf("%s: %v", call, err)
	}
}

// TestFaultsOfChanges: calls that change tables and datasets can go wrong, and
// the client tries again.
func TestFaultsOfChanges(t *testing.T) {
	for call, do := range map[string]func(d *db) error{
		bigquerytest.CallDatasetsInsert: func(d *db) error { return d.client.Dataset("e").Create(d.Context(), nil) },
		bigquerytest.CallDatasetsList:   func(d *db) error { _, err := d.client.Datasets(d.Context()).Next(); return err },
		bigquerytest.CallDatasetsPatch: func(d *db) error {
			_, err := d.client.Dataset("d").Update(d.Context(), bigquery.DatasetMetadataToUpdate{Description: "x"}, "")
			return err
		},
		bigquerytest.CallDatasetsDelete: func(d *db) error { return d.client.Dataset("d").DeleteWithContents(d.Context()) },
		bigquerytest.CallTablesList:     func(d *db) error { _, err := d.client.Dataset("d").Tables(d.Context()).Next(); return err },
		bigquerytest.CallTablesInsert: func(d *db) error {
			return d.client.Dataset("d").Table("x").Create(d.Context(), &bigquery.TableMetadata{Schema: bigquery.Schema{field("k", bigquery.StringFieldType)}})
		},
		bigquerytest.CallTablesPatch: func(d *db) error {
			_, err := d.update("t", bigquery.TableMetadataToUpdate{Description: "x"})
			return err
		},
		bigquerytest.CallTablesDelete: func(d *db) error { return d.client.Dataset("d").Table("t").Delete(d.Context()) },
	} {
		table := map[string]string{bigquerytest.CallTablesInsert: "x", bigquerytest.CallTablesPatch: "t", bigquerytest.CallTablesDelete: "t"}[call]
		for _, effect := range []bigquerytest.Effect{bigquerytest.Refuse, bigquerytest.LoseReply} {
			d := open(t, bigquerytest.Config{})
			d.filled()
			before := d.Calls(call)
			denied := &googleapi.Error{Code: http.StatusForbidden, Errors: []googleapi.ErrorItem{{Reason: "accessDenied"}}}
			d.Inject(bigquerytest.Fault{Call: call, Table: table, Effect: effect, REST: denied})
			if err := do(d); !isReason(err, "accessDenied") {
				t.Errorf("%s: %v", call, err)
			}
			err := do(d)
			done := effect == bigquerytest.LoseReply && (isReason(err, "duplicate") || isReason(err, "notFound"))
			if err != nil && !done || d.Calls(call) != before+2 {
				t.Errorf("%s, effect %d, again: %v; %d calls", call, effect, err, d.Calls(call)-before)
			}
		}
	}
}

// TestFaultsOfItsOwn: a fault says what is answered.
func TestFaultsOfItsOwn(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.filled()
	d.Inject(bigquerytest.Fault{Call: bigquerytest.CallTablesGet, Table: "t", REST: &googleapi.Error{
		Code: http.StatusForbidden, Message: "no", Errors: []googleapi.ErrorItem{{Reason: "accessDenied", Message: "no"}},
	}})
	if _, err := d.client.Dataset("d").Table("marker").Metadata(t.Context()); err != nil {
		t.Error(err)
	}
	_, err := d.client.Dataset("d").Table("t").Metadata(t.Context())
	if reason, text := reasonOf(err); reason != "accessDenied" || text != "no" {
		t.Error(err)
	}
	d.Inject(bigquerytest.Fault{Call: bigquerytest.CallTablesGet, Times: -1})
	d.Heal()
	if _, err := d.client.Dataset("d").Table("t").Metadata(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestJobFaults: a job fails before it begins, before or after a statement,
// and what is not committed is gone.
func TestJobFaults(t *testing.T) {
	const text = "BEGIN TRANSACTION; UPDATE d.t SET n = n + 1 WHERE k = 'a'; INSERT INTO d.marker (x) VALUES (1); COMMIT TRANSACTION;"
	for _, test := range []struct {
		name  string
		fault bigquerytest.Fault
		n     int64
	}{
		{"job", bigquerytest.Fault{Call: bigquerytest.CallJob}, 1},
		{"job that worked", bigquerytest.Fault{Call: bigquerytest.CallJob, Effect: bigquerytest.LoseReply}, 2},
		{"first statement", bigquerytest.Fault{Call: bigquerytest.CallStatement}, 1},
		{"update", bigquerytest.Fault{Call: bigquerytest.CallStatement, Table: "t", Effect: bigquerytest.LoseReply}, 1},
		{"insert", bigquerytest.Fault{Call: bigquerytest.CallStatement, Table: "marker"}, 1},
		{"commit", bigquerytest.Fault{Call: bigquerytest.CallStatement, Skip: 3}, 1},
		{"after the commit", bigquerytest.Fault{Call: bigquerytest.CallStatement, Skip: 3, Effect: bigquerytest.LoseReply}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := open(t, bigquerytest.Config{})
			d.filled()
			test.fault.Job = &bigquerytest.JobError{Reason: "jobInternalError", Message: "Retrying the job may solve the problem."}
			d.Inject(test.fault)
			job, err := d.query(text).Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_, err = job.Wait(t.Context())
			var failed *googleapi.Error
			if !errors.As(err, &failed) || failed.Errors[0].Reason != "jobInternalError" {
				t.Errorf("wait: %v", err)
			}
			status, err := job.Status(t.Context())
			var bad *bigquery.Error
			if err != nil || !errors.As(status.Err(), &bad) || bad.Reason != "jobInternalError" {
				t.Errorf("status: %v, %v", status.Err(), err)
			}
			if n := d.count("SELECT n FROM d.t WHERE k = 'a'"); n != test.n {
				t.Errorf("n is %d, want %d", n, test.n)
			}
			jobs := d.Jobs()
			if jobs[len(jobs)-2].Error == nil {
				t.Error("the job has no error")
			}
		})
	}
}

// TestHungJob: a job that hangs is RUNNING, until it is cancelled or its time
// is up.
func TestHungJob(t *testing.T) {
	for name, cancel := range map[string]bool{"cancelled": true, "timed out": false} {
		d := open(t, bigquerytest.Config{})
		d.filled()
		var began atomic.Bool
		d.Inject(bigquerytest.Fault{Call: bigquerytest.CallStatement, Delay: time.Hour, Effect: bigquerytest.Pass, Do: func(string) { began.Store(true) }})
		q := d.query("UPDATE d.t SET n = 5 WHERE TRUE")
		q.JobTimeout = time.Hour
		if !cancel {
			q.JobTimeout = 60 * time.Millisecond
		}
		job, err := q.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		status, err := job.Status(t.Context())
		if err != nil || status.Done() {
			t.Errorf("%s: %v, %v; want it to run", name, status, err)
		}
		if cancel {
			if err := job.Cancel(t.Context()); err != nil {
				t.Error(err)
			}
		}
		_, err = job.Wait(t.Context())
		if reason, text := reasonOf(err); reason != "stopped" || !strings.Contains(text, "Job execution was cancelled") {
			t.Errorf("%s: %v", name, err)
		}
		if began.Load() || d.count("SELECT MAX(n) FROM d.t") != 1 {
			t.Errorf("%s: the statement ran", name)
		}
	}
}

// TestClose: a server that is closed under a running job ends it.
func TestClose(t *testing.T) {
	s, err := bigquerytest.New(bigquerytest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	client, err := bigquery.NewClient(context.Background(), "p", s.REST()...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	s.Inject(bigquerytest.Fault{Call: bigquerytest.CallJob, Delay: time.Hour})
	if _, err := client.Query("SELECT 1").Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestSpills: what has no room in memory goes into the directory for what is
// temporary, not into the one where the process is, and not for longer than the
// server lives.
func TestSpills(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	s, err := bigquerytest.New(bigquerytest.Config{Memory: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	d := &db{TB: t, Server: s}
	if d.client, err = bigquery.NewClient(t.Context(), "p", s.REST()...); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.client.Close() }()
	seen := make(chan bool, 1)
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		any := false
		for ctx.Err() == nil {
			files, err := filepath.Glob(filepath.Join(temporary, "*", "duckdb_temp_*"))
			any = any || err == nil && len(files) > 0
			time.Sleep(time.Millisecond)
		}
		seen <- any
	}()
	d.must("CREATE TEMP TABLE x AS SELECT CAST(i AS STRING) AS s, i AS n FROM UNNEST(GENERATE_ARRAY(1, 5000000)) AS i; SELECT COUNT(*) FROM x")
	stop()
	if !<-seen {
		t.Error("nothing was put aside: the test shows nothing")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if files, err := os.ReadDir(temporary); err != nil || len(files) > 0 {
		t.Errorf("%v is left: %v", files, err)
	}
	if _, err := os.Stat(".tmp"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a .tmp: %v", err)
	}
}
