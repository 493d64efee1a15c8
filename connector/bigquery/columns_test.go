//go:build cgo

package bigquery

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/bigquery"
	"cloud.google.com/go/bigquery/storage/apiv1/storagepb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"vitalsink/connector"
	"vitalsink/connector/bigquery/bigquerytest"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// own is a server for a test that changes its tables.
func own(t testing.TB, cfg bigquerytest.Config) standIn {
	t.Helper()
	server, err := bigquerytest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return standIn{server}
}

// with opens the warehouse with a catalogue of its own.
func (s standIn) with(t testing.TB, c *schemas.Catalogue) (inspected, error) {
	t.Helper()
	w, err := Open(context.Background(), Config{
		Project: testProject, Dataset: testDataset, Catalogue: c, REST: s.REST(), Write: s.Write(),
	})
	if err == nil {
		t.Cleanup(func() { _ = w.Close() })
	}
	return inspected{w, s}, err
}

func (s standIn) must(t testing.TB, c *schemas.Catalogue) inspected {
	t.Helper()
	w, err := s.with(t, c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// newer is the next catalogue: sleep has one more column.
func newer(t testing.TB) *schemas.Catalogue {
	c := *loadCatalogue(t)
	c.Version++
	c.Tables = slices.Clone(c.Tables)
	for i, old := range c.Tables {
		if old.Name == "sleep" {
			more := *old
			more.Columns = append([]schemas.Column{{Name: "snoring", Path: "snoring", Type: schemas.Int64, Description: "New."}}, old.Columns...)
			c.Tables[i] = &more
		}
	}
	return &c
}

// snored is a version of the sleep with a field that only the newer catalogue
// knows.
func snored(version int) transforms.Message {
	m := sleepOf(version)
	m.Data = []byte(strings.Replace(string(m.Data), `"id":`, `"snoring":7,"id":`, 1))
	return m
}

// TestOldTables: a newer binary works on tables that lack its column: the value
// is in _extra. When the column is there the next process fills it.
func TestOldTables(t *testing.T) {
	s := own(t, bigquerytest.Config{})
	s.apply(t, loadCatalogue(t))
	early := s.must(t, newer(t))
	if got := strings.Join(early.Lacking(), " "); got != "sleep.snoring" {
		t.Fatalf("lacking: %q", got)
	}
	early.ingest(t, snored(1))
	early.fold(t)
	early.sleepIs(t, "1", "", `{"snoring":7}`)

	s.apply(t, newer(t))
	late := s.must(t, newer(t))
	if len(late.Lacking()) != 0 {
		t.Errorf("lacking: %v", late.Lacking())
	}
	late.ingest(t, snored(2))
	early.fold(t) // it does not know that it has the column now, and carries it on
	late.sleepIs(t, "2", "7", "")
}

// TestNewTables: an older binary works on tables with a column more. It leaves
// rows of a newer catalogue to a newer folder, and what these hold in the column
// does not stay behind when its own row replaces them.
func TestNewTables(t *testing.T) {
	s := own(t, bigquerytest.Config{})
	s.apply(t, newer(t))
	old, late := s.must(t, loadCatalogue(t)), s.must(t, newer(t))
	late.ingest(t, snored(1))
	if f := old.fold(t); f.Newer != 1 || f.Merges != 0 {
		t.Errorf("the old folder: %+v, want one batch of a newer catalogue", f)
	}
	late.fold(t)
	late.sleepIs(t, "1", "7", "")
	old.ingest(t, snored(2))
	old.fold(t)
	late.sleepIs(t, "2", "", `{"snoring":7}`)
}

// sleepIs looks at the one sleep.
func (s inspected) sleepIs(t testing.TB, score, snoring, extra string) {
	t.Helper()
	rows := s.Latest(t, "sleep")
	if len(rows) != 1 || rows[0]["score"] != score || rows[0]["snoring"] != snoring || rows[0]["_extra"] != extra {
		t.Errorf("sleep is %v, want score %s, snoring %q, _extra %q", rows, score, snoring, extra)
	}
}

// TestNotSetUp: what rows cannot do without is one error at the start, which
// names it and the command that mends it.
func TestNotSetUp(t *testing.T) {
	s := own(t, bigquerytest.Config{})
	if _, err := s.with(t, loadCatalogue(t)); !isNotSetUp(err, "dataset health_store is missing") {
		t.Errorf("no dataset: %v", err)
	}
	s.apply(t, loadCatalogue(t))
	client := s.must(t, loadCatalogue(t)).client
	tables := client.Dataset(storeOf(testDataset))
	for _, table := range []string{"sleep_log", "timeseries_fence", "batches"} {
		if err := tables.Table(table).Delete(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.with(t, loadCatalogue(t))
	if !isNotSetUp(err, "health_store.batches is missing; health_store.sleep_log is missing; health_store.timeseries_fence is missing") {
		t.Errorf("no tables: %v", err)
	}
	s.apply(t, loadCatalogue(t))
	seeded{t, s.schema(t, loadCatalogue(t))}.without("batches", "days")
	if _, err := s.with(t, loadCatalogue(t)); !isNotSetUp(err, "health_store.batches has no column days") {
		t.Errorf("no column: %v", err)
	}
	s.apply(t, loadCatalogue(t))
	s.must(t, loadCatalogue(t)).EmptyFence(t, "sleep")
	if _, err := s.with(t, loadCatalogue(t)); !isNotSetUp(err, "health_store.sleep_fence has no row") {
		t.Errorf("no row: %v", err)
	}
	change := bigquery.TableMetadataToUpdate{TimePartitioning: &bigquery.TimePartitioning{
		Type: bigquery.HourPartitioningType, Field: "_appended_at", Expiration: time.Hour,
	}}
	s.apply(t, loadCatalogue(t))
	if _, err := tables.Table("sleep_log").Update(t.Context(), change, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := s.with(t, loadCatalogue(t)); !isNotSetUp(err, "health_store.sleep_log: its partitions expire") {
		t.Errorf("a log that expires: %v", err)
	}
}

func isNotSetUp(err error, what string) bool {
	return errors.Is(err, connector.ErrConfiguration) && strings.Contains(err.Error(), what) &&
		strings.Contains(err.Error(), "--warehouse bigquery://project/health")
}

// TestColumnLost: a merge that lacks a column says which, and other tables are
// merged.
func TestColumnLost(t *testing.T) {
	s := own(t, bigquerytest.Config{})
	s.apply(t, loadCatalogue(t))
	w := s.must(t, loadCatalogue(t))
	w.ingest(t, sleepOf(1), samplesOn("m2", noon, 60, noon.Truncate(day)))
	seeded{t, s.schema(t, loadCatalogue(t))}.without("sleep", "score")
	if _, err := w.folder().Fold(context.Background()); !isNotSetUp(err, "health_store.sleep has lost its column score") {
		t.Errorf("fold: %v", err)
	}
	if n := len(w.Latest(t, "timeseries")); n != 1 {
		t.Errorf("%d samples, want one", n)
	}
}

// TestColumnNotSeenYet: a column that was added lately is not seen by writers
// for a while; an append waits for it, and says so once.
func TestColumnNotSeenYet(t *testing.T) {
	var s standIn
	const lag = time.Minute
	var tries atomic.Int64
	tries.Store(1e9)
	s = own(t, bigquerytest.Config{SchemaLag: lag, Now: func() time.Time {
		now := time.Unix(1e9, 0)
		if tries.Load() < 1e9 && int64(s.Calls(bigquerytest.CallAppendRows)) > tries.Load()+2 {
			now = now.Add(lag)
		}
		return now
	}})
	s.apply(t, loadCatalogue(t))
	s.apply(t, newer(t))
	w := s.must(t, newer(t))
	log := w.hurry()
	tries.Store(int64(s.Calls(bigquerytest.CallAppendRows)))
	w.ingest(t, snored(1))
	w.fold(t)
	w.sleepIs(t, "1", "7", "")
	if n := strings.Count(log.String(), "writers do not see a table or a column"); n != 1 {
		t.Errorf("said %d times, want once:\n%s", n, log.String())
	}
}

// hurry has the appender not wait, and keeps what it logs.
func (s inspected) hurry() *bytes.Buffer {
	tuned := defaultLimits()
	tuned.tries, tuned.pause, tuned.unseen = 1, time.Millisecond, 50*time.Millisecond
	var log bytes.Buffer
	s.appender.tuned, s.appender.log = &tuned, slog.New(slog.NewTextHandler(&log, nil))
	return &log
}

// TestTableNotSeenYet: nor is a table that was made lately, which the start has
// found.
func TestTableNotSeenYet(t *testing.T) {
	for _, failed := range []*status.Status{
		status.New(codes.NotFound, "Requested entity was not found. Entity: projects/project/datasets/health_store/tables/sleep_log"),
		mustStatus(t, storagepb.StorageError_TABLE_NOT_FOUND),
	} {
		s := openTest(t)
		s.hurry()
		s.server.Inject(bigquerytest.Fault{Call: bigquerytest.CallCreateWriteStream, Times: 2, Status: failed})
		s.ingest(t, sleepOf(1))
		if f := s.fold(t); f.Books.Applied != 1 {
			t.Errorf("%s: %+v", failed.Code(), f.Books)
		}
	}
}

// TestCommitBeforeNotFound: after a commit nothing is written again under the
// same name, whatever is not found then, or the batch had more rows than it
// says.
func TestCommitBeforeNotFound(t *testing.T) {
	s := openTest(t)
	s.hurry()
	s.server.Inject(bigquerytest.Fault{Call: bigquerytest.CallBatchCommitWriteStreams, Effect: bigquerytest.LoseReply, Status: mustStatus(t, storagepb.StorageError_TABLE_NOT_FOUND)})
	if err := (mortal{s, context.Background()}).work(sleepOf(1)); !errors.Is(err, connector.ErrUnavailable) {
		t.Errorf("append: %v, want ErrUnavailable", err)
	}
	s.ingest(t, sleepOf(1))
	if f := s.fold(t); f.Books.Registered != 1 {
		t.Errorf("folded: %+v", f.Books)
	}
}

func mustStatus(t testing.TB, code storagepb.StorageError_StorageErrorCode) *status.Status {
	t.Helper()
	s, err := status.New(codes.NotFound, "").WithDetails(&storagepb.StorageError{Code: code})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestNewerInTheWay: however many batches of a newer catalogue wait, those that
// this one can fold are folded.
func TestNewerInTheWay(t *testing.T) {
	s := own(t, bigquerytest.Config{})
	s.apply(t, newer(t))
	old, late := s.must(t, loadCatalogue(t)), s.must(t, newer(t))
	old.pending = 2
	for version := range 3 {
		late.ingest(t, snored(version))
	}
	old.ingest(t, sleepOf(9))
	if f := old.fold(t); f.Books.Applied != 1 || f.Newer != 2 {
		t.Errorf("folded: %+v, want a row, and newer batches", f)
	}
}

// TestColumnNeverSeen: it does not wait for ever, and no row is to blame.
func TestColumnNeverSeen(t *testing.T) {
	s := own(t, bigquerytest.Config{SchemaLag: 24 * time.Hour})
	s.apply(t, loadCatalogue(t))
	s.apply(t, newer(t))
	w := s.must(t, newer(t))
	w.hurry()
	err := mortal{w, context.Background()}.work(snored(1))
	if !errors.Is(err, connector.ErrUnavailable) || errors.Is(err, connector.ErrRefused) {
		t.Errorf("append: %v, want ErrUnavailable", err)
	}
}
