//go:build cgo

package bigquery

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/bigquery"

	"vitalsink/connector"
	"vitalsink/connector/bigquery/bigquerytest"
)

// TestBytesOfMerge: what a merge was expected to be billed for, and was, is in
// the ledger, in its books and in the sum of the day, and is what its jobs say.
func TestBytesOfMerge(t *testing.T) {
	s := openTest(t)
	for version := range 2 { // one inserts, the next updates
		before, jobs := s.Billed().Bytes, len(s.server.Jobs())
		s.ingest(t, sleepOf(version))
		f := s.fold(t)
		var merges, all int64
		for _, j := range s.server.Jobs()[jobs:] {
			if step := j.Labels["step"]; step == "probe" || step == "merge" {
				merges += j.BytesBilled()
			}
			all += j.BytesBilled()
		}
		ledger := s.values(t, "SELECT bytes_estimated, bytes_billed FROM "+s.path("merges")+" ORDER BY merged_at DESC LIMIT 1")[0]
		if f.Books.BytesBilled != merges || ledger[1] != bigquery.Value(merges) {
			t.Errorf("version %d: billed are %d by the jobs, %d by the books, %v by the ledger", version, merges, f.Books.BytesBilled, ledger[1])
		}
		if got := s.Billed().Bytes - before; got != all {
			t.Errorf("version %d: the day has %d bytes more, the jobs have %d", version, got, all)
		}
		if f.Books.BytesEstimated < merges/2 || f.Books.BytesEstimated > merges*2 || ledger[0] != bigquery.Value(f.Books.BytesEstimated) {
			t.Errorf("version %d: %d bytes were estimated (%v in the ledger), %d billed", version, f.Books.BytesEstimated, ledger[0], merges)
		}
	}
}

// TestBudgetOfDay: when the day's bytes are used up nothing is merged and
// nothing lost; a process that begins later knows; the next day goes on.
func TestBudgetOfDay(t *testing.T) {
	s := openTest(t)
	clock := time.Now().UTC()
	begin := func(most int64) inspected {
		t.Helper()
		w := s.server.open(t)
		w.billing.most, w.billing.now = most, func() time.Time { return clock }
		return inspected{w, s.server}
	}
	w := begin(1 << 30)
	w.ingest(t, sleepOf(1))
	spent := w.fold(t).Books.BytesBilled
	w.ingest(t, sleepOf(2))

	for _, test := range []struct {
		left  int64  // for a look at the ledger, two tables of what is pending, two of the probe
		last  string // step that begins
		error bool   // it is stopped
	}{
		{leastBilled, "billed", false}, {2 * leastBilled, "pending", true}, {3 * leastBilled, "pending", false}, {4 * leastBilled, "probe", true}, {6 * leastBilled, "pending", true}, // again, after a merge that was not begun
	} {
		w = begin(spent + test.left)
		before := len(s.server.Jobs())
		_, err := w.folder().Fold(context.Background())
		if !errors.Is(err, connector.ErrBudget) || errors.Is(err, connector.ErrByteCap) || !strings.Contains(err.Error(), "--max-bytes-billed-per-day") {
			t.Errorf("fold: %v, want ErrBudget", err)
		}
		if b := w.Billed(); !b.Paused || b.Bytes < spent {
			t.Errorf("bill: %+v", b)
		}
		jobs := s.server.Jobs()[before:]
		last := jobs[len(jobs)-1]
		if i := slices.IndexFunc(jobs, func(j bigquerytest.Job) bool { return j.Error != nil }); i >= 0 {
			last = jobs[i]
		}
		if slices.ContainsFunc(jobs, func(j bigquerytest.Job) bool { return j.Labels["step"] == "merge" }) {
			t.Errorf("with %d left a merge was begun", test.left)
		}
		if last.Labels["step"] != test.last || (last.Error != nil) != test.error {
			t.Errorf("with %d left the last job is %s, %v; want %s", test.left, last.Labels["step"], last.Error, test.last)
		}
	}
	if rows := w.Latest(t, "sleep"); rows[0]["score"] != "1" {
		t.Errorf("latest: %v", rows)
	}
	clock = clock.Add(day)
	w.billing.most = 1 << 30
	if f := w.fold(t); f.Books.Applied != 1 || w.Billed().Paused {
		t.Errorf("the next day: %+v", f)
	}
}

// TestNoEstimate: a merge does not need one.
func TestNoEstimate(t *testing.T) {
	s := openTest(t)
	s.ingest(t, sleepOf(1))
	names := namesFor(&connector.Merge{Table: s.Catalogue().Table("sleep")}, maxPartitions)
	names.Log = "missing"
	if n := s.estimate(t.Context(), &connector.Merge{Table: s.Catalogue().Table("sleep")}, names); n.Valid {
		t.Errorf("estimate: %v", n)
	}
}

// TestPostponedBatch: a batch that waits for the next day does not keep others
// of its table from being folded, nor is it looked for again and again.
func TestPostponedBatch(t *testing.T) {
	s := openTest(t)
	s.billing.most = 1 << 40
	s.ingest(t, sleepOf(1))
	p, err := s.Pending(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	s.billing.refuse(&connector.Merge{Batches: p.Batches}, s.billing.date())
	s.ingest(t, sleepOf(2))
	before := len(s.jobs("pending"))
	f, err := s.folder().Fold(context.Background())
	if !connector.IsBudget(err) || f.Books.Applied != 1 {
		t.Errorf("folded: %+v, %v", f, err)
	}
	if n := len(s.jobs("pending")) - before; n != 2 {
		t.Errorf("it looked %d times", n)
	}
	s.billing.now = func() time.Time { return time.Now().Add(day) }
	if f := s.fold(t); f.Books.Stale != 1 {
		t.Errorf("the next day: %+v", f)
	}
}
