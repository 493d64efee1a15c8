package connectortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitalsink/connector"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// anotherSleep is a sleepMessage of another record.
func anotherSleep(record, id string, published time.Time, score, created string) transforms.Message {
	m := sleepMessage(id, published, score, created, "")
	m.Data = bytes.Replace(m.Data, []byte(`"s1"`), fmt.Appendf(nil, "%q", record), 1)
	return m
}

// merged are the batches that are merged, those of one table if it is named.
func merged(t testing.TB, w Store, since time.Time, table string) []connector.Registered {
	t.Helper()
	all, err := w.MergedSince(t.Context(), since)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(b connector.Registered) bool { return table != "" && b.Table != table })
}

// mergedSince: batches that wait are not among them, and those that are merged
// come each once, in order, with what the registry says of them.
func (s *suite) mergedSince(t *testing.T) {
	w := s.open(t)
	s.ingest(t, w, 10, sleepMessage("m1", noon, "80", "2026-05-01T00:00:00Z", ""))
	s.ingest(t, w, 10, heartrates("m2", noon, 60, noon, noon.AddDate(0, 0, -1)))
	s.ingest(t, w, 10, sleepMessage("m3", noon, "81", "", ""))
	want := s.pending(t, w).Batches
	if len(want) != 3 {
		t.Fatalf("%d batches are pending, want 3", len(want))
	}
	if got := merged(t, w, time.Time{}, ""); len(got) != 0 {
		t.Errorf("%d batches are merged before any is", len(got))
	}
	s.fold(t, w)
	w.RegisterAgain(t, want[1].ID)
	s.ingest(t, w, 10, sleepMessage("m4", noon, "82", "", "")) // it waits
	for i, b := range want {
		since := b.AppendedAt
		if i == 0 {
			since = time.Time{}
		}
		if diff := cmp.Diff(want[i:], merged(t, w, since, "")); diff != "" {
			t.Errorf("since that of batch %d (-want +got):\n%s", i, diff)
		}
	}
	if got := merged(t, w, want[2].AppendedAt.Add(time.Microsecond), ""); len(got) != 0 {
		t.Errorf("%d batches are merged since later than the last", len(got))
	}
}

// duplicates: keys with several rows, and how many they are.
func (s *suite) duplicates(t *testing.T) {
	w := s.open(t)
	check := func(what, table string, days []time.Time, want *connector.Flaw) {
		t.Helper()
		got, err := w.Duplicates(t.Context(), s.catalogue.Table(table), days)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	var messages []transforms.Message
	for i := range 12 {
		messages = append(messages, anotherSleep(fmt.Sprintf("s%02d", i), fmt.Sprint(i), noon, "80", "2026-05-01T00:00:00Z"))
	}
	before, day := noon.AddDate(0, 0, -1), noon.Truncate(24*time.Hour)
	messages = append(messages, s.deleted(t, "gone", "sleep", noon.Add(time.Hour), map[string]any{"user_id": "u1", "id": "s00"}),
		series(t, "samples", "heartrate", "u1", "oura", before, noon, noon.Add(time.Second)))
	s.ingest(t, w, 100, messages...)
	s.fold(t, w)
	days := []time.Time{day.AddDate(0, 0, -1), day}
	check("no duplicate sleeps", "sleep", nil, nil)
	check("no duplicate samples", schemas.TimeseriesTable, days, nil)
	w.Copy(t, "sleep", "id = 's03'")
	w.Copy(t, "sleep", "id = 's03'") // two of them: four rows
	w.Copy(t, "sleep", "id = 's00'")
	check("a key with two rows and one with four", "sleep", days[:1], &connector.Flaw{
		Check: connector.CheckDuplicate, Rows: 2, Examples: [][]any{{"u1", "s00"}, {"u1", "s03"}},
	})
	w.Copy(t, "sleep", "id > 's03'")
	var ten [][]any
	for _, i := range []int{0, 3, 4, 5, 6, 7, 8, 9, 10, 11} {
		ten = append(ten, []any{"u1", fmt.Sprintf("s%02d", i)})
	}
	check("as many as there are examples", "sleep", nil, &connector.Flaw{Check: connector.CheckDuplicate, Rows: 10, Examples: ten})
	w.Copy(t, "sleep", "id = 's01'")
	ten = slices.Insert(ten[:9], 1, []any{"u1", "s01"})
	check("more than that", "sleep", nil, &connector.Flaw{Check: connector.CheckDuplicate, Rows: 11, Examples: ten})
	w.Copy(t, schemas.TimeseriesTable, "value = 60.5 OR value = 61.5")
	key := func(at time.Time) []any { return []any{"u1", "heartrate", "oura", "unknown", at, ""} }
	check("samples", schemas.TimeseriesTable, days, &connector.Flaw{Check: connector.CheckDuplicate, Rows: 2, Examples: [][]any{key(before), key(noon)}})
	check("samples of a day", schemas.TimeseriesTable, days[1:], &connector.Flaw{Check: connector.CheckDuplicate, Rows: 1, Examples: [][]any{key(noon)}})
	check("samples of another day", schemas.TimeseriesTable, []time.Time{day.AddDate(0, 0, 1)}, nil)
	check("samples of no day", schemas.TimeseriesTable, nil, nil)
}

// flaws wants these flaws of the merged batches of a table.
func (s *suite) flaws(t testing.TB, w Store, what, table string, want ...connector.Flaw) {
	t.Helper()
	got, err := w.Behind(t.Context(), s.catalogue.Table(table), merged(t, w, time.Time{}, table))
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	byCheck := func(a, b connector.Flaw) int { return strings.Compare(a.Check, b.Check) }
	slices.SortFunc(got, byCheck)
	slices.SortFunc(want, byCheck)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// behind: rows of the log that the table does not hold, or not like this. Each
// fault is in a warehouse that was right before.
func (s *suite) behind(t *testing.T) {
	flaw := func(check string, examples ...[]any) connector.Flaw {
		return connector.Flaw{Check: check, Rows: len(examples), Examples: examples}
	}
	sample := []any{"u1", "heartrate", "oura", "unknown", noon, ""}
	newest := strings.Repeat("ff", 28)
	for _, fault := range []struct {
		what, table, set, where string // removed if nothing is set
		want                    []connector.Flaw
	}{
		{"nothing", "sleep", "score = 1", "id = 'none'", nil},
		{"an older version", "sleep", "_version = FROM_HEX('00')", "id = 's1'", []connector.Flaw{flaw(connector.CheckBehind, []any{"u1", "s1"})}},
		{"an older version with another content", "sleep", "_version = FROM_HEX('00'), score = 1", "id = 's1'", []connector.Flaw{flaw(connector.CheckBehind, []any{"u1", "s1"})}},
		{"a row that is gone", "sleep", "", "id = 's2'", []connector.Flaw{flaw(connector.CheckBehind, []any{"u1", "s2"})}},
		{"a tombstone that is gone", "sleep", "", "id = 's3'", []connector.Flaw{flaw(connector.CheckBehind, []any{"u1", "s3"})}},
		{"a tombstone undone", "sleep", "_deleted = FALSE", "id = 's3'", []connector.Flaw{flaw(connector.CheckUnequal, []any{"u1", "s3"})}},
		{"a newer version", "sleep", "_version = FROM_HEX('" + newest + "'), score = 1", "id = 's1'", nil},
		{"another value", "sleep", "score = 1", "id = 's1'", []connector.Flaw{flaw(connector.CheckUnequal, []any{"u1", "s1"})}},
		{"a value that is gone", "sleep", "score = NULL", "id = 's1'", []connector.Flaw{flaw(connector.CheckUnequal, []any{"u1", "s1"})}},
		{"a value that was none", "sleep", "bedtime_start = TIMESTAMP '2026-01-01 00:00:00+00'", "id = 's1'", []connector.Flaw{flaw(connector.CheckUnequal, []any{"u1", "s1"})}},
		{"other JSON", "sleep", `sleep_stream = JSON '{"a":[1,2]}'`, "id = 's1'", []connector.Flaw{flaw(connector.CheckUnequal, []any{"u1", "s1"})}},
		{"no JSON", "sleep", "sleep_stream = NULL", "id = 's1'", []connector.Flaw{flaw(connector.CheckUnequal, []any{"u1", "s1"})}},
		{"another list", "workouts", "hr_zones = [1, 3]", "id = 'w1'", []connector.Flaw{flaw(connector.CheckUnequal, []any{"u1", "w1"})}},
		{"a longer list", "workouts", "hr_zones = [1, 2, 3]", "id = 'w1'", []connector.Flaw{flaw(connector.CheckUnequal, []any{"u1", "w1"})}},
		{"a sample that is gone", schemas.TimeseriesTable, "", "resource = 'heartrate'", []connector.Flaw{flaw(connector.CheckBehind, sample)}},
		{"another value of a sample", schemas.TimeseriesTable, "value = 1", "resource = 'heartrate'", []connector.Flaw{flaw(connector.CheckUnequal, sample)}},
		{"two faults", "sleep", "_version = FROM_HEX('00')", "id < 's3'", []connector.Flaw{flaw(connector.CheckBehind, []any{"u1", "s1"}, []any{"u1", "s2"})}},
	} {
		own := &scope{TB: t}
		w := s.open(own)
		s.someFolded(t, w)
		s.flaws(t, w, "before "+fault.what, fault.table)
		if fault.set == "" {
			w.Remove(t, fault.table, fault.where)
		} else {
			w.Change(t, fault.table, fault.set, fault.where)
		}
		s.flaws(t, w, fault.what, fault.table, fault.want...)
		own.end()
	}
	w := s.open(t)
	s.someFolded(t, w)
	w.Remove(t, "sleep", "id = 's1'")
	// Only rows of the batches are looked at: those of the others may be erased.
	of := merged(t, w, time.Time{}, "sleep")
	got, err := w.Behind(t.Context(), s.catalogue.Table("sleep"), of[len(of)-1:])
	if err != nil || len(got) > 0 {
		t.Errorf("a batch without the row: %+v, %v", got, err)
	}
	if got, err = w.Behind(t.Context(), s.catalogue.Table("sleep"), nil); err != nil || len(got) > 0 {
		t.Errorf("no batches: %+v, %v", got, err)
	}
	w.Remove(t, "sleep", "id = 's2' OR id = 's3'")
	w.Change(t, schemas.TimeseriesTable, "value = 1", "TRUE")
	s.flaws(t, w, "a table that is empty", "sleep", flaw(connector.CheckBehind, []any{"u1", "s1"}, []any{"u1", "s2"}, []any{"u1", "s3"}))
}

// someFolded folds some records: s1 and s2 in several versions, which are
// slower or faster than each other, and in one message twice; s3 is deleted.
func (s *suite) someFolded(t testing.TB, w Store) {
	t.Helper()
	const created = "2026-05-01T00:00:00Z"
	withJSON := told(t, "4", "daily.data.sleep.created", "u1", noon.Add(time.Hour), map[string]any{
		"id": "s1", "score": 82, "created_at": created, "sleep_stream": map[string]any{"a": []int{1}}, "average_hrv": 0.1, "unheard_of": 1,
	})
	s.ingest(t, w, 100, sleepMessage("1", noon, "80", created, ""), anotherSleep("s2", "2", noon.Add(time.Hour), "81", created), anotherSleep("s3", "3", noon, "82", created), withJSON)
	s.fold(t, w)
	s.ingest(t, w, 100, anotherSleep("s2", "5", noon, "79", created), withJSON)
	s.ingest(t, w, 100, workout(t, "6", "u1", "w1", map[string]any{"hr_zones": []int{1, 2}, "distance": 0.1}), workout(t, "7", "u1", "w2", nil),
		series(t, "8", "heartrate", "u1", "oura", noon), series(t, "9", "hrv", "u1", "oura", noon))
	s.ingest(t, w, 100, s.deleted(t, "10", "sleep", noon.Add(time.Hour), map[string]any{"user_id": "u1", "id": "s3", "created_at": created}))
	s.fold(t, w)
}

// moved: the sticky column is the least of its values, of which the vendor
// promises that there is one.
func (s *suite) moved(t *testing.T) {
	flaw := connector.Flaw{Check: connector.CheckMoved, Rows: 1, Examples: [][]any{{"u1", "s1"}}}
	const created = "2026-05-01T01:00:00Z"
	messages := func(first, second string) []transforms.Message {
		return []transforms.Message{sleepMessage("1", noon, "80", first, ""), sleepMessage("2", noon.Add(time.Hour), "81", second, "")}
	}
	for _, test := range []struct {
		what, first, second, set string
		want                     []connector.Flaw
	}{
		{"the same", created, created, "", nil},
		{"none", "", "", "", nil},
		{"one that comes", "", created, "", nil},
		{"one that goes", created, "", "", nil},
		{"two values", created, "2026-05-01T02:00:00Z", "", []connector.Flaw{flaw}},
		{"two values, the later first", "2026-05-01T02:00:00Z", created, "", []connector.Flaw{flaw}},
		{"later in the table", created, "", "created_at = TIMESTAMP '2026-05-01 02:00:00+00'", []connector.Flaw{flaw}},
		{"none in the table", created, created, "created_at = NULL", []connector.Flaw{flaw}},
		{"earlier in the table, of a batch long ago", created, created, "created_at = TIMESTAMP '2026-05-01 00:00:00+00'", nil},
		{"only in the table", "", "", "created_at = TIMESTAMP '2026-05-01 00:00:00+00'", nil},
	} {
		own := &scope{TB: t}
		w := s.open(own)
		s.ingest(t, w, 1, messages(test.first, test.second)...)
		s.fold(t, w)
		if test.set != "" {
			w.Change(t, "sleep", test.set, "id = 's1'")
		}
		s.flaws(t, w, test.what, "sleep", test.want...)
		own.end()
	}
}

// quarantineGrowth: refusals by reason and time, but for those resolved.
func (s *suite) quarantineGrowth(t *testing.T) {
	w := s.open(t)
	before, since := noon.AddDate(0, 0, -2), noon.AddDate(0, 0, -1)
	bad := func(id, body string, at time.Time) transforms.Message {
		return transforms.Message{ID: id, PublishTime: at, Data: []byte(body)}
	}
	const nobody = `{"event_type":"daily.data.sleep.created","data":{"id":"s1"}}`
	s.ingest(t, w, 100,
		bad("1", "{", since), bad("2", "{", noon), bad("3", "{", since.Add(-time.Microsecond)), bad("4", "{", before),
		bad("5", "{", before.Add(-time.Microsecond)), bad("6", nobody, noon), bad("7", "{", noon), bad("8", nobody, before.AddDate(-1, 0, 0)))
	s.ingest(t, w, 100, s.deleted(t, "9", schemas.QuarantineTable, noon.Add(time.Hour), map[string]any{"message_id": "7", "_index": -1, "part": 0}))
	s.fold(t, w)
	got, err := w.QuarantineGrowth(t.Context(), since, before)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got, func(a, b connector.Growth) int { return strings.Compare(a.Reason, b.Reason) })
	want := []connector.Growth{{Reason: string(transforms.NoUser), Recent: 1}, {Reason: string(transforms.NotJSON), Recent: 2, Before: 2}}
	slices.SortFunc(want, func(a, b connector.Growth) int { return strings.Compare(a.Reason, b.Reason) })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// removeDuplicates: of each key the row with the greatest version stays, and
// nothing else changes.
func (s *suite) removeDuplicates(t *testing.T) {
	w := s.open(t)
	s.someFolded(t, w)
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
	w.Copy(t, "sleep", "id = 's1' OR id = 's3'")
	w.Copy(t, "sleep", "id = 's3'")
	remove("sleep", 1+3)
	check("of equal versions", "sleep", want)
	// An older version of s1, with another content and on another day.
	w.Change(t, "sleep", "id = 's1', _version = FROM_HEX('00')", "id = 's2'")
	remove("sleep", 1)
	delete(want, "u1\x00s2")
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
	w.Copy(t, "sleep", "id = 's1'")
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
