package connectortest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
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

func flawOf(check string, examples ...[]any) connector.Flaw {
	return connector.Flaw{Check: check, Rows: len(examples), Examples: examples}
}

const createdAt = "2026-05-01T00:00:00Z"

// tampering is what somebody did to a record of sleep, by its id, and the check
// that is to find it.
var tampering = []struct {
	id, what, set, check string // removed if nothing is set
}{
	{"s00", "nothing", "score = 82", ""},
	{"s01", "an older version", "_version = FROM_HEX('00')", connector.CheckBehind},
	{"s02", "an older version with another content", "_version = FROM_HEX('00'), score = 1", connector.CheckBehind},
	{"s03", "a newer version", "_version = FROM_HEX('" + strings.Repeat("ff", 28) + "'), score = 1", ""},
	{"s04", "a row that is gone", "", connector.CheckBehind},
	{"s05", "another value", "score = 1", connector.CheckUnequal},
	{"s06", "a value that is gone", "score = NULL", connector.CheckUnequal},
	{"s07", "a value that was none", "bedtime_start = TIMESTAMP '2026-01-01 00:00:00+00'", connector.CheckUnequal},
	{"s08", "other JSON", `sleep_stream = JSON '{"a":[1,2]}'`, connector.CheckUnequal},
	{"s09", "no JSON", "sleep_stream = NULL", connector.CheckUnequal},
	{"s10", "a float that differs a little", "average_hrv = 0.30000000000000004", connector.CheckUnequal},
	{"s11", "another date", "calendar_date = DATE '2026-05-02'", connector.CheckUnequal},
	{"s12", "the message of another", "_message_id = 'another'", connector.CheckUnequal},
	{"t00", "a tombstone", "_deleted = TRUE", ""},
	{"t01", "a tombstone that is gone", "", connector.CheckBehind},
	{"t02", "a tombstone undone", "_deleted = FALSE", connector.CheckUnequal},
}

// behind: rows of the log that the table does not hold, or not like this, are
// found, and no others.
func (s *suite) behind(t *testing.T) {
	w := s.open(t)
	s.foldedSleeps(t, w)
	s.ingest(t, w, 100, workout(t, "w1", "u1", "w1", map[string]any{"hr_zones": []int{1, 2}, "distance": 0.1}), workout(t, "w2", "u1", "w2", map[string]any{"hr_zones": []int{1, 2}}),
		workout(t, "w3", "u1", "w3", nil), series(t, "h", "heartrate", "u1", "oura", noon, noon.Add(time.Second), noon.Add(time.Minute)))
	s.fold(t, w)
	tables := []string{"sleep", "workouts", schemas.TimeseriesTable}
	for _, table := range tables {
		s.flaws(t, w, "as folded, "+table, table)
	}
	found := map[string][][]any{}
	for _, fault := range tampering {
		if where := "id = '" + fault.id + "'"; fault.set == "" {
			w.Remove(t, "sleep", where)
		} else {
			w.Change(t, "sleep", fault.set, where)
		}
		found[fault.check] = append(found[fault.check], []any{"u1", fault.id})
	}
	w.Change(t, "workouts", "hr_zones = [1, 3]", "id = 'w1'")
	w.Change(t, "workouts", "hr_zones = [1, 2, 3]", "id = 'w2'")
	w.Change(t, schemas.TimeseriesTable, "value = 1", "value = 61.5")
	w.Remove(t, schemas.TimeseriesTable, "value = 60.5")
	sample := func(at time.Time) []any { return []any{"u1", "heartrate", "oura", "unknown", at, ""} }
	s.flaws(t, w, "records", "sleep", flawOf(connector.CheckBehind, found[connector.CheckBehind]...), flawOf(connector.CheckUnequal, found[connector.CheckUnequal]...))
	s.flaws(t, w, "lists", "workouts", flawOf(connector.CheckUnequal, []any{"u1", "w1"}, []any{"u1", "w2"}))
	s.flaws(t, w, "samples", schemas.TimeseriesTable, flawOf(connector.CheckBehind, sample(noon)), flawOf(connector.CheckUnequal, sample(noon.Add(time.Second))))

	// Only rows of the batches are looked at.
	for what, batches := range map[string][]connector.Registered{"of tombstones": merged(t, w, time.Time{}, "sleep")[2:], "none": nil} {
		got, err := w.Behind(t.Context(), s.catalogue.Table("sleep"), batches)
		if err != nil {
			t.Fatal(err)
		}
		var want []connector.Flaw
		if batches != nil {
			want = []connector.Flaw{flawOf(connector.CheckBehind, []any{"u1", "t01"}), flawOf(connector.CheckUnequal, []any{"u1", "t02"})}
		}
		slices.SortFunc(got, func(a, b connector.Flaw) int { return strings.Compare(a.Check, b.Check) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("batches %s (-want +got):\n%s", what, diff)
		}
	}
	w.Remove(t, "sleep", "TRUE")
	all := connector.Flaw{Check: connector.CheckBehind, Rows: len(tampering)}
	for _, fault := range tampering[:10] {
		all.Examples = append(all.Examples, []any{"u1", fault.id})
	}
	s.flaws(t, w, "a table that is empty", "sleep", all)
}

// foldedSleeps folds the records of tampering, which come in three batches: an
// older version and a newer one, or the newer one first; the newer one again; and
// tombstones.
func (s *suite) foldedSleeps(t testing.TB, w Store) {
	t.Helper()
	var first, second []transforms.Message
	var gone []map[string]any
	for i, fault := range tampering {
		newer := told(t, "newer "+fault.id, "daily.data.sleep.created", "u1", noon.Add(time.Hour), map[string]any{
			"id": fault.id, "score": 82, "created_at": createdAt, "sleep_stream": map[string]any{"a": []int{1}}, "average_hrv": 0.3, "calendar_date": "2026-05-01", "unheard_of": 1,
		})
		older := anotherSleep(fault.id, "older "+fault.id, noon, "80", createdAt)
		if i%2 == 0 {
			first, second = append(first, older, newer), append(second, newer)
		} else {
			first, second = append(first, newer), append(second, older, newer)
		}
		if fault.id >= "t" {
			gone = append(gone, map[string]any{"user_id": "u1", "id": fault.id, "created_at": createdAt})
		}
	}
	for _, messages := range [][]transforms.Message{first, second, {s.deleted(t, "gone", "sleep", noon.Add(2*time.Hour), gone...)}} {
		s.ingest(t, w, 100, messages...)
		s.fold(t, w)
	}
}

// moved: the sticky column is the least of its values, all of one day: the
// vendor promises that, and merges prune by it.
func (s *suite) moved(t *testing.T) {
	const later, nextDay = "2026-05-01T02:00:00Z", "2026-05-02T00:00:00Z"
	const setEarlier, setLater = "created_at = TIMESTAMP '2026-04-30 23:00:00+00'", "created_at = TIMESTAMP '2026-05-01 01:00:00+00'"
	newer := ", _version = FROM_HEX('" + strings.Repeat("ff", 28) + "')"
	var messages []transforms.Message
	var want [][]any
	tests := []struct {
		what, first, second, set string
		moved                    bool
	}{
		{"the same", createdAt, createdAt, "", false},
		{"none", "", "", "", false},
		{"one that comes", "", createdAt, "", false},
		{"one that goes", createdAt, "", "", false},
		{"two values of a day", createdAt, later, "", false},
		{"two values of a day, the later first", later, createdAt, "", false},
		{"two days", createdAt, nextDay, "", true},
		{"two days, the later first", nextDay, createdAt, "", true},
		{"later in the table", createdAt, "", setLater, true},
		{"none in the table", createdAt, createdAt, "created_at = NULL", true},
		{"later in a newer version of the table", createdAt, createdAt, setLater + newer, true},
		{"earlier in the table, of a batch long ago", later, later, setLater, false},
		{"on a day before in the table", createdAt, createdAt, setEarlier, true},
		{"only in the table", "", "", setEarlier, false},
	}
	for i, test := range tests {
		id := fmt.Sprintf("s%02d", i)
		messages = append(messages, anotherSleep(id, id+" 1", noon, "80", test.first), anotherSleep(id, id+" 2", noon.Add(time.Hour), "81", test.second))
		if test.moved {
			want = append(want, []any{"u1", id})
		}
	}
	w := s.open(t)
	s.ingest(t, w, 100, messages...)
	s.fold(t, w)
	for i, test := range tests {
		if test.set != "" {
			w.Change(t, "sleep", test.set, fmt.Sprintf("id = 's%02d'", i))
		}
	}
	s.flaws(t, w, fmt.Sprintf("%+v", tests), "sleep", flawOf(connector.CheckMoved, want...))
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
