//go:build cgo

package bigquery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"vitalsink/connector"
	"vitalsink/connector/bigquery/bigquerytest"
	"vitalsink/connector/connectortest"
	"vitalsink/transforms"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// source delivers messages that nobody needs back.
type source []transforms.Message

func (s source) Receive(ctx context.Context, deliver func(context.Context, *connector.Message) error) error {
	for _, m := range s {
		if err := deliver(ctx, &connector.Message{Message: m, Ack: func() {}, Nack: func() {}}); err != nil {
			return err
		}
	}
	return nil
}

// ingest sends messages through the pipeline, each in a batch of its own.
func (s inspected) ingest(t testing.TB, messages ...transforms.Message) {
	t.Helper()
	in := &connector.Ingest{
		Warehouse: ignorant{s}, Catalogue: s.Catalogue(), Log: slog.New(slog.DiscardHandler), Workers: 1, FlushRows: 1,
	}
	if err := in.Run(context.Background(), source(messages)); err != nil {
		t.Fatal(err)
	}
}

// ignorant is a warehouse for a receiver that does not know who is erased: it
// appends what is for the fold to leave out.
type ignorant struct{ inspected }

func (ignorant) Erased(context.Context) (connector.Erased, error) { return nil, nil }

func (s inspected) folder() *connector.Folder {
	return &connector.Folder{Warehouse: s, Catalogue: s.Catalogue(), Log: slog.New(slog.DiscardHandler)}
}

func (s inspected) fold(t testing.TB) connector.Folded {
	t.Helper()
	f, err := s.folder().Fold(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// sleepOf is a version of the one sleep of these tests.
func sleepOf(version int) transforms.Message {
	return transforms.Message{
		ID: fmt.Sprint("m", version), PublishTime: noon.Add(time.Duration(version) * time.Minute),
		Data: fmt.Appendf(nil, `{"event_type":"daily.data.sleep.updated","user_id":"u1","data":{"id":"s1","score":%d,"created_at":"2026-11-20T01:00:00Z"}}`, version),
	}
}

// samplesOn is a message of one heart-rate sample a day.
func samplesOn(id string, published time.Time, value int, days ...time.Time) transforms.Message {
	samples := make([]string, len(days))
	for i, d := range days {
		samples[i] = fmt.Sprintf(`{"timestamp":%q,"value":%d}`, d.Add(10*time.Hour).Format(time.RFC3339), value)
	}
	return transforms.Message{ID: id, PublishTime: published, Data: fmt.Appendf(nil,
		`{"event_type":"daily.data.heartrate.created","user_id":"u1","data":{"source":{"provider":"oura","type":"ring"},"data":[%s]}}`,
		strings.Join(samples, ","))}
}

func daysFrom(first time.Time, n int) []time.Time {
	days := make([]time.Time, n)
	for i := range days {
		days[i] = first.Add(time.Duration(i) * day)
	}
	return days
}

// jobs are the jobs for a step that the server has seen.
func (s inspected) jobs(step string) []bigquerytest.Job {
	var jobs []bigquerytest.Job
	for _, j := range s.server.Jobs() {
		if j.Labels["step"] == step {
			jobs = append(jobs, j)
		}
	}
	return jobs
}

// TestPartitionsRead: a merge of a message with one sample from 2019 among
// today's reads two or three partitions, be the table of three days or of a
// thousand.
func TestPartitionsRead(t *testing.T) {
	today := noon.Truncate(day)
	late := []time.Time{mustDay("2019-06-01"), today.Add(-day), today}
	read := map[int]map[string]int{}
	for _, size := range []int{3, 1000} {
		s := openTest(t)
		table := append(daysFrom(today.Add(-time.Duration(size-2)*day), size-1), mustDay("2019-06-01"))
		s.ingest(t, samplesOn("before", noon, 60, table...))
		s.fold(t)
		jobs := len(s.server.Jobs())
		s.ingest(t, samplesOn("late", noon.Add(time.Hour), 61, late...))
		s.fold(t)
		read[size] = map[string]int{}
		for _, j := range s.server.Jobs()[jobs:] {
			for _, statement := range j.Statements {
				if n, ok := statement.PartitionsRead["timeseries"]; ok {
					read[size][j.Labels["step"]] = max(read[size][j.Labels["step"]], n)
				}
			}
		}
		if rows := s.Latest(t, "timeseries"); len(rows) != size {
			t.Errorf("%d rows, want %d", len(rows), size)
		}
	}
	for step, n := range read[3] {
		if n != len(late) || read[1000][step] != n {
			t.Errorf("%s reads %d partitions of 3 days and %d of 1,000, want %d of each", step, n, read[1000][step], len(late))
		}
	}
	if read[3]["probe"] == 0 || read[3]["merge"] == 0 {
		t.Errorf("partitions read: %v; is it counted?", read)
	}
}

// TestUpdatesOnlyWhereThereAreAny: a merge that only inserts has no statement
// that pays for whole partitions, and one that changes a row names its
// partition alone.
func TestUpdatesOnlyWhereThereAreAny(t *testing.T) {
	s := openTest(t)
	today := noon.Truncate(day)
	s.ingest(t, samplesOn("m1", noon, 60, daysFrom(today.Add(-3*day), 4)...))
	s.fold(t)
	s.ingest(t, samplesOn("m2", noon.Add(time.Hour), 61, today.Add(-2*day), today.Add(day)))
	s.fold(t)
	merges := s.jobs("merge")
	if len(merges) != 2 {
		t.Fatalf("%d merges, want 2", len(merges))
	}
	if strings.Contains(merges[0].Query, "MERGE INTO") {
		t.Error("the first merge has nothing to update, and does")
	}
	changed := 0
	for _, statement := range merges[1].Statements {
		if strings.HasPrefix(statement.Text, "MERGE INTO") {
			changed++
			if n := statement.PartitionsRead["timeseries"]; n != 1 || statement.RowsChanged != 1 {
				t.Errorf("the update reads %d partitions and changes %d rows, want 1 and 1", n, statement.RowsChanged)
			}
		}
	}
	if changed != 1 {
		t.Errorf("%d updates, want one", changed)
	}
}

// TestJobs: every job is labelled and capped, and no value of a row is in the
// text of one, which stays in the history of jobs.
func TestJobs(t *testing.T) {
	s := openTest(t)
	s.ingest(t, sleepOf(1), samplesOn("m2", noon, 61, noon.Truncate(day)))
	s.fold(t)
	s.ingest(t, sleepOf(2))
	s.fold(t)
	jobs := s.server.Jobs()
	if len(jobs) == 0 {
		t.Fatal("no jobs")
	}
	for _, j := range jobs {
		if j.Labels["app"] != "vitalsink" || j.Labels["step"] == "" || j.MaximumBytesBilled <= 0 {
			t.Errorf("job %s: labels %v, cap %d", j.ID, j.Labels, j.MaximumBytesBilled)
		}
		for _, value := range []string{"u1", "s1", "oura", "ring"} {
			if strings.Contains(j.Query, "'"+value+"'") {
				t.Errorf("job %s has the value %s in its text", j.ID, value)
			}
		}
	}
}

// holdsFence tells whether a merge that is running has raised the fence.
func (s inspected) holdsFence() bool {
	for _, j := range s.jobs("merge") {
		for _, statement := range j.Statements {
			if j.State == "RUNNING" && strings.HasPrefix(statement.Text, "UPDATE") {
				return true
			}
		}
	}
	return false
}

// TestFoldsAtEveryPoint: another folder that merges the same batch, or one
// more, at any moment of a merge changes nothing of the result: one of the two
// starts over.
func TestFoldsAtEveryPoint(t *testing.T) {
	connectortest.Long(t)
	points, fenced, cancelled := 0, 0, 0
	for _, at := range moments {
		for met := true; met; at.Skip++ {
			at.Effect = bigquerytest.Pass
			t.Run(fmt.Sprintf("%s %d", at.Call, at.Skip), func(t *testing.T) {
				s := openTest(t)
				met = s.foldDuringFold(t, at)
				for _, j := range s.jobs("merge") {
					switch {
					case j.Error == nil:
					case strings.Contains(j.Error.Message, raisedFenced):
						fenced++
					case strings.Contains(j.Error.Message, "concurrent update"):
						cancelled++
					default:
						t.Errorf("a merge ended with %s %s", j.Error.Reason, j.Error.Message)
					}
				}
			})
			points++
		}
	}
	if points < 30 || fenced < 10 {
		t.Errorf("%d points were tried; %d merges were stopped by the fence and %d by the other transaction", points, fenced, cancelled)
	}
	t.Logf("%d points; %d merges stopped by the fence, %d by the other transaction", points, fenced, cancelled)
}

// foldDuringFold lets another folder begin before a call or statement of a
// fold. It is false if there are no so many.
func (s inspected) foldDuringFold(t *testing.T, at bigquerytest.Fault) bool {
	t.Helper()
	other := inspected{s.server.open(t), s.server}
	s.ingest(t, sleepOf(1))
	s.fold(t)
	s.ingest(t, sleepOf(2))
	var done sync.WaitGroup
	var otherErr error
	met := false
	at.Do = func(string) {
		met = true
		other.ingest(t, sleepOf(3))
		done.Go(func() { _, otherErr = other.folder().Fold(context.Background()) })
		if !s.holdsFence() {
			done.Wait() // it commits before we go on
		}
	}
	s.server.Inject(at)
	_, err := s.folder().Fold(context.Background())
	s.server.Heal()
	done.Wait()
	if err := errors.Join(err, otherErr); err != nil {
		t.Error(err)
	}
	s.fold(t)
	if rows := s.Latest(t, "sleep"); len(rows) != 1 || rows[0]["score"] != map[bool]string{true: "3", false: "2"}[met] {
		t.Errorf("latest: %v", rows)
	}
	if b := s.Ledger(t); b.Registered != map[bool]int{true: 3, false: 2}[met] || !b.Balanced() {
		t.Errorf("ledger: %+v", b)
	}
	return met
}
