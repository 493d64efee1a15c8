//go:build cgo

package bigquery

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/googleapi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"vitalsink/connector"
	"vitalsink/connector/bigquery/bigquerytest"
)

// TestNotAboutRows: that BigQuery calls a request invalid does not make its
// rows bad. Only errors of rows do, or healthy rows would go to quarantine.
func TestNotAboutRows(t *testing.T) {
	for _, call := range []string{
		bigquerytest.CallCreateWriteStream, bigquerytest.CallAppendRows,
		bigquerytest.CallFinalizeWriteStream, bigquerytest.CallBatchCommitWriteStreams,
	} {
		t.Run(call, func(t *testing.T) {
			s := openTest(t)
			s.server.Inject(bigquerytest.Fault{Call: call, Times: -1, Status: status.New(codes.InvalidArgument, "Invalid stream name")})
			err := mortal{s, context.Background()}.work(sleepOf(1))
			if !errors.Is(err, connector.ErrConfiguration) || errors.Is(err, connector.ErrRefused) {
				t.Errorf("append: %v, want ErrConfiguration", err)
			}
			s.server.Heal()
			s.fold(t)
			if rows := s.Latest(t, "quarantine"); len(rows) != 0 {
				t.Errorf("%d rows went to quarantine", len(rows))
			}
		})
	}
}

// TestRegistryLacksResource: what prunes is checked: a row of a resource, or a
// day, that the registry does not tell of is in no part, and the books say so.
func TestRegistryLacksResource(t *testing.T) {
	for column, value := range map[string]string{"resources": "['glucose']", "days": "[DATE '2020-01-01']"} {
		t.Run(column, func(t *testing.T) {
			s := openTest(t)
			s.ingest(t, samplesOn("m1", noon, 60, noon.Truncate(day)))
			s.fold(t)
			s.ingest(t, samplesOn("m2", noon.Add(time.Second), 61, noon.Truncate(day)))
			p, err := s.Pending(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			s.values(t, "UPDATE "+s.path("batches")+" SET "+column+" = "+value+" WHERE batch_id = "+literal(p.Batches[0].ID))
			if _, err := s.folder().Fold(context.Background()); !errors.Is(err, connector.ErrBooks) {
				t.Errorf("fold: %v, want ErrBooks", err)
			}
			if rows := s.Latest(t, "timeseries"); len(rows) != 1 || rows[0]["value"] != "60" {
				t.Errorf("latest: %v", rows)
			}
		})
	}
}

// TestKeyTwice: a table that holds a key twice, because Junction has moved a
// record's created_at to another day after all, is not changed any more where
// the two are seen, and the error says why.
func TestKeyTwice(t *testing.T) {
	s := openTest(t)
	moved, without := sleepOf(2), sleepOf(3)
	moved.Data = []byte(strings.Replace(string(moved.Data), "2026-11-20T01", "2026-11-18T01", 1))
	without.Data = []byte(strings.Replace(string(without.Data), `,"created_at":"2026-11-20T01:00:00Z"`, "", 1))
	s.ingest(t, sleepOf(1))
	s.fold(t)
	s.ingest(t, moved)
	s.fold(t)
	if rows := s.Latest(t, "sleep"); len(rows) != 2 {
		t.Fatalf("%d rows: has something learnt to find a record that moved? Then say so in the README", len(rows))
	}
	s.ingest(t, without)
	_, err := s.folder().Fold(context.Background())
	if !errors.Is(err, connector.ErrBooks) || !strings.Contains(err.Error(), "holds a key twice") {
		t.Errorf("fold: %v, want ErrBooks", err)
	}
}

// TestFenceOutOfSight: a fence that is not there does not keep other tables
// from being folded.
func TestFenceOutOfSight(t *testing.T) {
	s := openTest(t)
	s.ingest(t, sleepOf(1), samplesOn("m2", noon, 60, noon.Truncate(day)))
	s.server.Inject(bigquerytest.Fault{Call: bigquerytest.CallTabledataList, Table: "sleep_fence", Times: -1, REST: &googleapi.Error{
		Code: 404, Message: "Not found: Table project:health_store.sleep_fence", Errors: []googleapi.ErrorItem{{Reason: "notFound"}},
	}})
	if _, err := s.folder().Fold(context.Background()); err == nil {
		t.Error("nothing is said of the fence")
	}
	if sleeps, samples := len(s.Latest(t, "sleep")), len(s.Latest(t, "timeseries")); sleeps != 0 || samples != 1 {
		t.Errorf("%d sleeps and %d samples, want none and one", sleeps, samples)
	}
}

// TestBacklog: a fold does not leave what the first look at a long backlog did
// not show.
func TestBacklog(t *testing.T) {
	s := openTest(t)
	for version := range 5 {
		s.ingest(t, sleepOf(version))
	}
	s.pending = 2
	if f := s.fold(t); f.Books.Registered != 5 || f.Merges != 3 {
		t.Errorf("folded: %+v, want 5 rows in 3 merges", f)
	}
}
