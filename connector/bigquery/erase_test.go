//go:build cgo

package bigquery

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/bigquery"
	"google.golang.org/api/googleapi"

	"vitalsink/connector"
	"vitalsink/connector/bigquery/bigquerytest"
	"vitalsink/connector/connectortest"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// sleepBy is a version of the one sleep of a user.
func sleepBy(user string, version int) transforms.Message {
	m := sleepOf(version)
	m.ID += user
	m.Data = []byte(strings.Replace(string(m.Data), `"u1"`, fmt.Sprintf("%q", user), 1))
	return m
}

// erase does what the command does, once.
func (s inspected) erase(ctx context.Context, user string) (connector.RowCount, error) {
	t := s.Catalogue().Table("sleep")
	err := s.RecordErasures(ctx, []connector.Erasure{{ID: "e1", Entry: connector.EntryErase, UserHash: connector.UserHash(user), RecordedAt: noon}})
	if err == nil {
		err = s.RaiseFence(ctx, t)
	}
	if err != nil {
		return connector.RowCount{}, err
	}
	return s.RemovePeople(ctx, t, []string{connector.UserHash(user)})
}

// TestEraseAtEveryPoint: whoever is erased at any moment of a merge that brings
// a newer row of theirs, or one that is not there yet, is gone when both are
// done, and nobody else is.
func TestEraseAtEveryPoint(t *testing.T) {
	connectortest.Long(t)
	points, waited := 0, 0
	for _, at := range moments[4:8] {
		for met := true; met; at.Skip++ {
			at.Effect = bigquerytest.Pass
			t.Run(fmt.Sprintf("%s %d", at.Call, at.Skip), func(t *testing.T) {
				s := openTest(t)
				var held bool
				met, held = s.eraseDuringFold(t, at, points%2 == 0)
				if held {
					waited++
				}
			})
			points++
		}
	}
	t.Logf("%d points were tried, at %d the erasure waited for the merge", points, waited)
	if points < 20 || waited < 3 || waited > points-10 {
		t.Errorf("%d points were tried, at %d the erasure waited for the merge", points, waited)
	}
}

// eraseDuringFold erases a user before a call or statement of a fold; there
// tells whether the merge finds a row of theirs. It is not met if there are no
// so many; held tells that the fence was the merge's.
func (s inspected) eraseDuringFold(t *testing.T, at bigquerytest.Fault, there bool) (met, held bool) {
	t.Helper()
	other := inspected{s.server.open(t), s.server}
	s.ingest(t, sleepBy("ben", 1))
	if there {
		s.ingest(t, sleepBy("anna", 1))
	}
	s.fold(t)
	s.ingest(t, sleepBy("anna", 2), sleepBy("ben", 2))
	var done sync.WaitGroup
	var erased error
	at.Do = func(string) {
		met, held = true, s.holdsFence()
		done.Go(func() { _, erased = other.erase(context.Background(), "anna") })
		if !held {
			done.Wait()
		}
	}
	s.server.Inject(at)
	_, err := s.folder().Fold(context.Background())
	s.server.Heal()
	done.Wait()
	if err := errors.Join(err, erased); err != nil {
		t.Error(err)
	}
	if !met {
		return met, held
	}
	// Of the latest table nothing is left, though nobody has looked again.
	for _, row := range s.Latest(t, "sleep") {
		if row["user_id"] != "ben" || row["score"] != "2" {
			t.Errorf("the table has score %s of %s", row["score"], row["user_id"])
		}
	}
	s.fold(t)
	if _, err := s.RemovePeople(t.Context(), s.Catalogue().Table("sleep"), []string{connector.UserHash("anna")}); err != nil {
		t.Error(err)
	}
	if latest, log := s.Latest(t, "sleep"), s.Latest(t, "sleep_log"); len(latest) != 1 || len(log) != 2 {
		t.Errorf("%d rows and %d of the log are left, want ben's 1 and 2", len(latest), len(log))
	}
	if b := s.Ledger(t); !b.Balanced() {
		t.Errorf("ledger: %+v", b)
	}
	return met, held
}

// TestEraseStreamedRows: rows of a log that were streamed just now can be
// removed, which a transaction could not.
func TestEraseStreamedRows(t *testing.T) {
	s := openTest(t)
	s.ingest(t, sleepBy("anna", 1), sleepBy("ben", 1))
	s.fold(t)
	q := s.client.Query("BEGIN TRANSACTION; DELETE FROM " + s.path("sleep_log") + " AS T WHERE T.user_id = 'anna'; COMMIT TRANSACTION;")
	q.Location = s.client.Location
	if _, err := q.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "streaming buffer") {
		t.Errorf("in a transaction: %v, want an error of the streaming buffer", err)
	}
	if got, err := s.erase(t.Context(), "anna"); err != nil || got != (connector.RowCount{Latest: 1, Log: 1}) {
		t.Errorf("%+v are removed, want 1 row and 1 of the log: %v", got, err)
	}
}

// TestEraseAnswerLost: whatever becomes of the jobs that remove rows, each row
// is counted once, and the fence has its one row.
func TestEraseAnswerLost(t *testing.T) {
	conflict := &bigquerytest.JobError{Reason: "invalidQuery", Message: "Could not serialize access to table project:health_store.sleep due to concurrent update"}
	// Of the jobs of the table the first raises the fence, the second looks for rows, the next two remove them.
	for name, fault := range map[string]bigquerytest.Fault{
		"refused for now":             {Call: bigquerytest.CallJobsInsert, Skip: 2},
		"answer of submission lost":   {Call: bigquerytest.CallJobsInsert, Skip: 2, Effect: bigquerytest.LoseReply},
		"connection lost":             {Call: bigquerytest.CallJobsInsert, Skip: 2, Effect: bigquerytest.ResetAfter},
		"connection lost, of the log": {Call: bigquerytest.CallJobsInsert, Skip: 3, Effect: bigquerytest.ResetAfter},
		"all answers lost, for Google's client": {Call: bigquerytest.CallJobsInsert, Skip: 2, Effect: bigquerytest.LoseReply, REST: &googleapi.Error{
			Code: 403, Message: "Exceeded rate limits", Errors: []googleapi.ErrorItem{{Reason: "quotaExceeded"}},
		}},
		"poll lost":               {Call: bigquerytest.CallJobsGet, Skip: 3, Times: 3, Effect: bigquerytest.Reset},
		"poll refused":            {Call: bigquerytest.CallJobsGet, Skip: 3, Times: 3, REST: &googleapi.Error{Code: 403, Errors: []googleapi.ErrorItem{{Reason: "quotaExceeded"}}}},
		"conflict, twice":         {Call: bigquerytest.CallJob, Skip: 2, Times: 2, Job: conflict},
		"conflict of the log":     {Call: bigquerytest.CallStatement, Table: "sleep_log", Job: conflict},
		"conflict of the fence":   {Call: bigquerytest.CallJob, Times: 2, Job: conflict},
		"answer of the fence":     {Call: bigquerytest.CallJobsInsert, Effect: bigquerytest.ResetAfter},
		"looking for rows failed": {Call: bigquerytest.CallJob, Skip: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openTest(t)
			s.ingest(t, sleepBy("anna", 1), sleepBy("ben", 1), sleepBy("anna", 2))
			s.fold(t)
			if fault.Table == "" {
				fault.Table = "sleep"
			}
			met := s.server.Met()
			s.server.Inject(fault)
			got, err := s.erase(t.Context(), "anna")
			if err != nil || got != (connector.RowCount{Latest: 1, Log: 2}) {
				t.Errorf("%+v are removed, want 1 row and 2 of the log: %v", got, err)
			}
			if s.server.Met() == met {
				t.Error("nothing went wrong")
			}
			changed := 0
			for _, j := range s.jobs("erase") {
				for _, statement := range j.Statements {
					changed += int(statement.RowsChanged)
				}
			}
			if changed != 3 {
				t.Errorf("jobs have removed %d rows, want 3", changed)
			}
		})
	}
}

// TestEraseWide: what a person has in more partitions than one statement may
// change is removed by several, rows without a day among it.
func TestEraseWide(t *testing.T) {
	connectortest.Long(t)
	s := openTest(t)
	days := daysFrom(noon.Truncate(day).Add(-4_500*day), 4_500)
	s.ingest(t, samplesOn("wide", noon, 60, days...))
	s.fold(t)
	t.Run("latest", func(t *testing.T) {
		s.removesWide(t, connector.RowCount{Latest: 4_500, Log: 4_500}, 3)
	})
	// A log of a year, of which every hour has rows of theirs.
	s.ingest(t, samplesOn("log", noon.Add(time.Hour), 60, days...))
	s.fold(t)
	log := s.path("timeseries_log")
	for _, half := range []string{"<", ">="} { // of days as hours
		s.values(t, "UPDATE "+log+" SET _appended_at = TIMESTAMP_SECONDS(1767225600 + 3600 * DATE_DIFF(DATE(timestamp), DATE '2014-07-01', DAY)) "+
			"WHERE timestamp "+half+" TIMESTAMP '2020-01-01 00:00:00+00'")
	}
	t.Run("log", func(t *testing.T) {
		s.removesWide(t, connector.RowCount{Latest: 4_500, Log: 4_500}, 4)
	})
}

func (s inspected) removesWide(t *testing.T, want connector.RowCount, statements int) {
	t.Helper()
	before := len(s.jobs("erase"))
	got, err := s.RemovePeople(t.Context(), s.Catalogue().Table(schemas.TimeseriesTable), []string{connector.UserHash("u1")})
	if err != nil || got != want {
		t.Errorf("%+v are removed, want %+v: %v", got, want, err)
	}
	jobs := s.jobs("erase")[before:]
	if len(jobs) != statements {
		t.Errorf("%d jobs, want %d", len(jobs), statements)
	}
	if n := len(s.Latest(t, "timeseries")) + len(s.Latest(t, "timeseries_log")); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

// TestEraseWithoutDay: rows whose partition column is NULL go with the others.
func TestEraseWithoutDay(t *testing.T) {
	s := openTest(t)
	dayless := sleepBy("anna", 1)
	dayless.Data = []byte(strings.Replace(string(dayless.Data), `"id":"s1","score":1,"created_at":"2026-11-20T01:00:00Z"`, `"id":"s2"`, 1))
	s.ingest(t, dayless, sleepBy("ben", 1))
	s.fold(t)
	if rows := s.Latest(t, "sleep"); len(rows) != 2 {
		t.Fatalf("%d rows", len(rows))
	}
	if got, err := s.erase(t.Context(), "anna"); err != nil || got != (connector.RowCount{Latest: 1, Log: 1}) {
		t.Errorf("alone: %+v are removed: %v", got, err)
	}
	dayless.ID = "again"
	s.values(t, "DELETE FROM "+s.path("erasures")+" WHERE TRUE")
	s.ingest(t, dayless, sleepBy("anna", 2))
	s.fold(t)
	if got, err := s.erase(t.Context(), "anna"); err != nil || got != (connector.RowCount{Latest: 2, Log: 2}) {
		t.Errorf("beside another: %+v are removed: %v", got, err)
	}
	if rows := s.Latest(t, "sleep"); len(rows) != 1 || rows[0]["user_id"] != "ben" {
		t.Errorf("left: %v", rows)
	}
}

// TestEraseFiltered: somebody may have a filter required of whoever reads logs,
// and tables by whose key they are partitioned.
func TestEraseFiltered(t *testing.T) {
	s := own(t, bigquerytest.Config{})
	s.apply(t, loadCatalogue(t))
	w := s.must(t, loadCatalogue(t))
	for _, table := range w.Catalogue().Versioned() {
		names := []string{logOf(table.Name)}
		if table.Partition != nil && table.Partition.Rule == schemas.PartOfKey {
			names = append(names, table.Name)
		}
		for _, name := range names {
			filtered := bigquery.TableMetadataToUpdate{RequirePartitionFilter: true}
			if _, err := w.client.Dataset(storeOf(testDataset)).Table(name).Update(t.Context(), filtered, ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.ingest(t, samplesOn("m", noon, 60, noon.Truncate(day)), transforms.Message{ID: "bad", PublishTime: noon, Data: []byte("{")})
	w.fold(t)
	hashes := []string{connector.UserHash("u1")}
	if _, err := w.ClientUserIDs(t.Context(), hashes); err != nil {
		t.Error(err)
	}
	table, quarantine := w.Catalogue().Table(schemas.TimeseriesTable), w.Catalogue().Table(schemas.QuarantineTable)
	one := connector.RowCount{Latest: 1, Log: 1}
	if got, err := w.CountPeople(t.Context(), table, hashes); err != nil || len(got) != 1 || got[0].RowCount != one {
		t.Errorf("counted: %+v, %v", got, err)
	}
	if got, err := w.RemovePeople(t.Context(), table, hashes); err != nil || got != one {
		t.Errorf("removed: %+v, %v", got, err)
	}
	for _, log := range []bool{false, true} {
		if err := w.Nameless(t.Context(), quarantine, log, func(connector.NamelessRow) error { return nil }); err != nil {
			t.Error(err)
		}
	}
	if got, err := w.RemoveNameless(t.Context(), quarantine, []string{"bad"}); err != nil || got != one {
		t.Errorf("nobody's removed: %+v, %v", got, err)
	}
}

// TestEraseJobs: what an erasure has run names nobody, and is labelled and
// capped.
func TestEraseJobs(t *testing.T) {
	s := openTest(t)
	s.ingest(t, sleepBy("anna", 1))
	s.fold(t)
	before := len(s.server.Jobs())
	table := s.Catalogue().Table("sleep")
	hashes := []string{connector.UserHash("anna")}
	_, counted := s.CountPeople(t.Context(), table, hashes)
	_, removed := s.erase(t.Context(), "anna")
	_, erased := s.Erased(t.Context())
	_, users := s.UserIDs(t.Context(), []string{"client of anna"})
	_, clients := s.ClientUserIDs(t.Context(), hashes)
	if err := errors.Join(counted, removed, erased, users, clients); err != nil {
		t.Fatal(err)
	}
	jobs := s.server.Jobs()[before:]
	if len(jobs) != 8 {
		t.Errorf("%d jobs", len(jobs))
	}
	for _, j := range jobs {
		if j.Labels["app"] != "vitalsink" || j.Labels["step"] == "" || j.MaximumBytesBilled <= 0 {
			t.Errorf("job %s: labels %v, cap %d", j.ID, j.Labels, j.MaximumBytesBilled)
		}
		if strings.Contains(j.Query, "anna") || strings.Contains(j.Query, hashes[0]) {
			t.Errorf("job %s names a person", j.ID)
		}
	}
}

// TestErasedRowsCounted: a merge reads the log once more only if it brings rows
// of somebody who is erased.
func TestErasedRowsCounted(t *testing.T) {
	s := openTest(t)
	if _, err := s.erase(t.Context(), "anna"); err != nil {
		t.Fatal(err)
	}
	for i, test := range []struct {
		users  []string
		erased int
		reads  int
	}{{[]string{"ben"}, 0, 1}, {[]string{"ANNA", "carl"}, 1, 2}, {[]string{"anna"}, 1, 2}} {
		for _, user := range test.users {
			s.ingest(t, sleepBy(user, i+1))
		}
		before := len(s.jobs("merge"))
		if got := s.fold(t).Books; got.Erased != test.erased || got.Registered != len(test.users) || !got.Balanced() {
			t.Errorf("%v: %+v, want %d erased", test.users, got, test.erased)
		}
		reads := 0
		for _, j := range s.jobs("merge")[before:] {
			for _, statement := range j.Statements {
				if _, ok := statement.PartitionsRead["sleep_log"]; ok {
					reads++
				}
			}
		}
		if reads != test.reads {
			t.Errorf("%v: the log is read %d times, want %d", test.users, reads, test.reads)
		}
	}
}

// TestErasedRowsMissing: rows that the log lacks are not taken for erased ones.
func TestErasedRowsMissing(t *testing.T) {
	s := openTest(t)
	if _, err := s.erase(t.Context(), "anna"); err != nil {
		t.Fatal(err)
	}
	s.ingest(t, sleepBy("anna", 1), sleepBy("ben", 1))
	s.values(t, "DELETE FROM "+s.path("sleep_log")+" WHERE user_id = 'ben'")
	if _, err := s.folder().Fold(context.Background()); !errors.Is(err, connector.ErrBooks) || !strings.Contains(err.Error(), "erased") {
		t.Errorf("fold: %v, want ErrBooks", err)
	}
	if b := s.Ledger(t); b.Registered != 1 || b.Erased != 1 {
		t.Errorf("ledger: %+v, want only the batch that is whole", b)
	}
}

// TestAfterlife: time travel as the dataset has it, and fail-safe.
func TestAfterlife(t *testing.T) {
	s := own(t, bigquerytest.Config{})
	s.apply(t, loadCatalogue(t))
	w := s.must(t, loadCatalogue(t))
	store := w.client.Dataset(storeOf(testDataset))
	for _, test := range []struct{ travel, want time.Duration }{{0, 14 * day}, {2 * day, 9 * day}} {
		if test.travel > 0 {
			if _, err := store.Update(t.Context(), bigquery.DatasetMetadataToUpdate{MaxTimeTravel: test.travel}, ""); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := w.Afterlife(t.Context()); err != nil || got != test.want {
			t.Errorf("with %v of time travel: %v, %v; want %v", test.travel, got, err, test.want)
		}
	}
}

// TestOpenWithoutErasures: datasets of an older vitalsink need the new table
// first, and Apply makes it.
func TestOpenWithoutErasures(t *testing.T) {
	s := own(t, bigquerytest.Config{})
	s.apply(t, loadCatalogue(t))
	if err := s.must(t, loadCatalogue(t)).client.Dataset(storeOf(testDataset)).Table(schemas.ErasuresTable).Delete(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := s.with(t, loadCatalogue(t))
	if !errors.Is(err, connector.ErrConfiguration) || !strings.Contains(err.Error(), "health_store.erasures is missing; next: vitalsink schema apply") {
		t.Errorf("open: %v", err)
	}
	s.apply(t, loadCatalogue(t))
	s.must(t, loadCatalogue(t))
}
