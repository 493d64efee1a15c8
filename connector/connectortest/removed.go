package connectortest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// removeDuplicates: of each key the row with the greatest version stays, and
// nothing else changes.
func (s *suite) removeDuplicates(t *testing.T) {
	w := s.open(t)
	s.foldedSleeps(t, w)
	s.ingest(t, w, 100, workout(t, "w1", "u1", "w1", nil), workout(t, "w2", "u1", "w2", nil), series(t, "h", "heartrate", "u1", "oura", noon), series(t, "v", "hrv", "u1", "oura", noon))
	s.fold(t, w)
	latest := func(table string) map[string]Row {
		rows := map[string]Row{}
		for _, row := range w.Latest(t, table) {
			rows[keyOf(s.catalogue.Table(table), row)] = row
		}
		return rows
	}
	remove := func(table string, want int, days ...time.Time) {
		t.Helper()
		if got, err := w.RemoveDuplicates(t.Context(), s.catalogue.Table(table), days); err != nil || got != want {
			t.Errorf("%d rows of %s are removed, want %d: %v", got, table, want, err)
		}
	}
	check := func(what, table string, want map[string]Row) {
		t.Helper()
		if diff := cmp.Diff(want, latest(table)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
		if rows := w.Latest(t, table); len(rows) != len(want) {
			t.Errorf("%s: %d rows, want %d", what, len(rows), len(want))
		}
	}
	want := latest("sleep")
	remove("sleep", 0)
	check("without duplicates", "sleep", want)
	w.Copy(t, "sleep", "id = 's01' OR id = 't01'")
	w.Copy(t, "sleep", "id = 't01'")
	remove("sleep", 1+3)
	check("of equal versions", "sleep", want)
	// s02 becomes an older version of s01, with a content of its own.
	w.Change(t, "sleep", "id = 's01', _version = FROM_HEX('00'), created_at = TIMESTAMP '2026-04-01 00:00:00+00'", "id = 's02'")
	remove("sleep", 1)
	delete(want, "u1\x00s02")
	want["u1\x00s01"]["created_at"] = time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC).Format(TimeFormat) // the least there was
	check("of different versions", "sleep", want)
	s.removeOnDays(t, w, latest, remove, check)

	w.EmptyFence(t, "workouts")
	w.Copy(t, "workouts", "TRUE")
	if n, err := w.RemoveDuplicates(t.Context(), s.catalogue.Table("workouts"), nil); !errors.Is(err, connector.ErrConfiguration) || n != 0 {
		t.Errorf("without a fence: %d rows, %v; want ErrConfiguration", n, err)
	}
	if n := len(w.Latest(t, "workouts")); n != 4 {
		t.Errorf("without a fence %d rows are left of 4", n)
	}
}

// removeOnDays: samples are removed on the days alone, and a merge that was
// planned before must not commit.
func (s *suite) removeOnDays(t *testing.T, w Store, latest func(string) map[string]Row, remove func(string, int, ...time.Time), check func(string, string, map[string]Row)) {
	t.Helper()
	day, table := noon.Truncate(24*time.Hour), schemas.TimeseriesTable
	want := latest(table)
	w.Copy(t, table, "TRUE")
	remove(table, 0)
	remove(table, 0, day.AddDate(0, 0, -1), day.AddDate(0, 0, 1))
	s.ingest(t, w, 1, sleepMessage("late", noon, "80", "", ""), series(t, "late", "heartrate", "u9", "oura", noon))
	planned := s.pending(t, w)
	remove(table, len(want), day.AddDate(0, 0, -1), day)
	check("samples", table, want)
	w.Copy(t, "sleep", "id = 's01'")
	remove("sleep", 1)
	if _, err := w.Merge(t.Context(), s.merge(planned)); !errors.Is(err, connector.ErrFenced) {
		t.Errorf("a merge planned before: %v, want ErrFenced", err)
	}
	if f := s.fold(t, w); f.Books.Registered != 2 {
		t.Errorf("the fold after it: %+v", f.Books)
	}
}

// removeBeside: beside a folder either is fenced, and the table is right.
func (s *suite) removeBeside(t *testing.T) {
	w, ref := s.open(t), newReference(s.catalogue)
	ingest := func(id string, n int) {
		m := series(t, id, "heartrate", "u1", "oura", noon, noon.Add(time.Duration(n)*time.Second))
		ref.add(t, m)
		s.ingest(t, w, 100, m)
	}
	ingest("first", 1)
	s.fold(t, w)
	for round := range 6 {
		ingest(fmt.Sprint("round ", round), round+2)
		w.Copy(t, schemas.TimeseriesTable, fmt.Sprintf("timestamp = TIMESTAMP '2026-05-01 12:00:%02d+00'", round+1))
		var wg sync.WaitGroup
		errs := make([]error, 2)
		wg.Go(func() { _, errs[0] = s.folder(w).Fold(context.Background()) })
		wg.Go(func() {
			for range 10 {
				if _, errs[1] = w.RemoveDuplicates(context.Background(), s.catalogue.Table(schemas.TimeseriesTable), []time.Time{noon.Truncate(24 * time.Hour)}); !errors.Is(errs[1], connector.ErrFenced) {
					break
				}
			}
		})
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		s.fold(t, w)
		s.expect(t, w, ref)
	}
}
