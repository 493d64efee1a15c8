package connectortest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitalsink/schemas"
	"vitalsink/transforms"
)

// stickyColumn: created_at is the least over all versions, whichever wins. The
// vendor promises that it does not change, and BigQuery's merges look for a row
// on that day alone, so here it moves within one UTC day.
func (s *suite) stickyColumn(t *testing.T) {
	s.sticky(t, func(n int) string { return fmt.Sprintf("2026-04-03T%02d:00:00Z", n) })
}

// MovingCreatedAt tests a warehouse whose merges find a row wherever it is:
// there the law holds even for values of created_at on different days.
func MovingCreatedAt(t *testing.T, open func(t testing.TB) Store) {
	c, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	s := &suite{catalogue: c, open: open}
	s.sticky(t, func(n int) string { return fmt.Sprintf("2026-04-%02dT00:00:00Z", n) })
}

// sticky merges versions with values of created_at; at(n) is before at(n+1).
func (s *suite) sticky(t *testing.T, at func(n int) string) {
	steps := []struct {
		message        transforms.Message
		score, created string
		applied        int
	}{
		{sleepMessage("m2", noon.Add(time.Hour), "82", "", ""), "82", "", 1},
		{sleepMessage("m1", noon, "81", at(3), ""), "82", at(3), 1}, // stale, but fills
		{sleepMessage("m0", noon.Add(-time.Hour), "80", at(4), ""), "82", at(3), 0},
		{sleepMessage("m3", noon.Add(2*time.Hour), "83", at(5), ""), "83", at(3), 1},
		{sleepMessage("m4", noon.Add(-time.Hour), "84", at(1), ""), "83", at(1), 1}, // stale, but lowers
	}
	w := s.open(t)
	for i, step := range steps {
		s.ingest(t, w, 1, step.message)
		if got := s.fold(t, w).Books; got.Applied != step.applied {
			t.Errorf("step %d: %+v, want %d applied", i, got, step.applied)
		}
		row, created := w.Latest(t, "sleep")[0], strings.Replace(step.created, "Z", ".000000Z", 1)
		if row["score"] != step.score || row["created_at"] != created {
			t.Errorf("step %d: score %q created_at %q, want %q %q", i, row["score"], row["created_at"], step.score, created)
		}
	}
	together := s.open(t)
	for _, step := range steps {
		s.ingest(t, together, 1, step.message)
	}
	s.fold(t, together)
	if diff := cmp.Diff(w.Latest(t, "sleep"), together.Latest(t, "sleep")); diff != "" {
		t.Errorf("in one merge instead of five (-five +one):\n%s", diff)
	}
}

// comingAndGoing: created_at appears in a later version of a record, or in an
// earlier one, and whichever of them comes first, in one merge or in several,
// there is one row, and it has the date. A version without a date is late; one
// with an old date is in the same merge.
func (s *suite) comingAndGoing(t *testing.T) {
	for _, date := range []string{"2026-05-01T07:00:00.000000Z", "2026-04-01T07:00:00.000000Z"} {
		first, second := versionsWith(date)
		ref := newReference(s.catalogue)
		for _, m := range append(first, second...) {
			ref.add(t, m)
		}
		for _, folds := range []int{1, 2} {
			w := s.open(t)
			s.ingest(t, w, 3, first...)
			if folds == 2 {
				s.fold(t, w)
			}
			s.ingest(t, w, 3, second...)
			s.fold(t, w)
			s.expect(t, w, ref)
			for _, row := range w.Latest(t, "sleep") {
				if row["score"] != "2" || row["created_at"] != date {
					t.Errorf("%s has score %q, created_at %q", row["id"], row["score"], row["created_at"])
				}
			}
		}
	}
}

// versionsWith are two versions each of eight records, of which one has a date.
// The bits of a record's number say which version that is, which of them comes
// first, and whether the one that comes first comes once more.
func versionsWith(date string) (first, second []transforms.Message) {
	for i := range 8 {
		dates := [2]string{"", date}
		if i&1 > 0 {
			dates = [2]string{date, ""}
		}
		versions := []transforms.Message{
			sleepMessage(fmt.Sprint("older", i), noon, "1", dates[0], ""),
			sleepMessage(fmt.Sprint("newer", i), noon.Add(time.Hour), "2", dates[1], ""),
		}
		for j := range versions {
			versions[j].Data = bytes.Replace(versions[j].Data, []byte(`"s1"`), fmt.Appendf(nil, `"s%d"`, i), 1)
		}
		if i&2 > 0 {
			slices.Reverse(versions)
		}
		first, second = append(first, versions[0]), append(second, versions[1])
		if i&4 > 0 {
			second = append(second, versions[0])
		}
	}
	return first, second
}
