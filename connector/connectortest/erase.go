package connectortest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"vitalsink/connector"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// Users as Junction names them.
const (
	anna = "0b6f2b0a-6c1f-4e0e-9a53-d1a5f0c3e0aa"
	ben  = "7c1d90fe-2a4b-4f6d-8e11-90ab12cd34ef"
)

const firstErasure, secondErasure, thirdErasure = "00000000-0000-7000-8000-00000000000a", "00000000-0000-7000-8000-00000000000b", "00000000-0000-7000-8000-00000000000c"

// entry is a row of erasures about a user, minutes after noon.
func entry(id, kind, user string, minutes int) connector.Erasure {
	return connector.Erasure{ID: id, Entry: kind, UserHash: connector.UserHash(user), RecordedAt: noon.Add(time.Duration(minutes) * time.Minute)}
}

// record writes rows of erasures.
func record(t testing.TB, w Store, rows ...connector.Erasure) {
	t.Helper()
	if err := w.RecordErasures(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
}

// bring appends a batch of messages, which are all of one table, whoever they
// are of: an Ingest might drop them.
func (s *suite) bring(t testing.TB, w Store, id string, messages ...transforms.Message) {
	t.Helper()
	s.appendTo(t, w, s.batchOf(t, id, messages...))
}

func (s *suite) appendTo(t testing.TB, w Store, b *connector.Batch) {
	t.Helper()
	defer b.Record.Release()
	if err := w.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

// erasureRecords: rows of erasures come back as they were, each once, in order.
func (s *suite) erasureRecords(t *testing.T) {
	w := s.open(t)
	all := []connector.Erasure{
		entry(firstErasure, connector.EntryErase, anna, 0), entry(firstErasure, connector.EntryTable, anna, 1), entry(firstErasure, connector.EntryTable, anna, 2),
		entry(firstErasure, connector.EntryUnreadable, anna, 3), entry(firstErasure, connector.EntryComplete, anna, 4), entry(secondErasure, connector.EntryLift, ben, 5),
	}
	all[0].RequestedBy, all[0].RecordedAt = "é 'of' \"us\"\\", noon.Add(time.Microsecond)
	all[1].Table, all[1].Removed = "sleep", connector.RowCount{Latest: 1 << 40, Log: 2}
	all[2].Table = "workouts" // nothing was removed from it
	all[3].MessageIDs = []string{"m2", "m1", "é"}
	all[4].GoneAt = noon.AddDate(0, 0, 14).Add(time.Microsecond)
	if got, err := w.Erasures(t.Context()); err != nil || len(got) > 0 {
		t.Errorf("before there are any: %v, %v", got, err)
	}
	record(t, w)
	record(t, w, all[5], all[3], all[4])
	record(t, w, all[0], all[1], all[2], all[1])
	record(t, w, all...)
	got, err := w.Erasures(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(all, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, row := range w.View(t, schemas.ErasuresTable) {
		removed, ok := row["rows_removed"]
		log, logOK := row["log_rows_removed"]
		if table := row["entry"] == connector.EntryTable; ok != table || logOK != table {
			t.Errorf("row %s counts %q and %q rows", row["entry"], removed, log)
		}
		if row["table_name"] == "workouts" && (removed != "0" || log != "0") {
			t.Errorf("%q and %q rows, want 0", removed, log)
		}
		for column, of := range map[string]string{"requested_by": connector.EntryErase, "table_name": connector.EntryTable, "gone_at": connector.EntryComplete} {
			if _, ok := row[column]; ok != (row["entry"] == of) {
				t.Errorf("row %s has %s: %t", row["entry"], column, ok)
			}
		}
	}
}

// whoIsErased: from an erasure on until it is lifted, that one.
func (s *suite) whoIsErased(t *testing.T) {
	w := s.open(t)
	check := func(what string, want bool) {
		t.Helper()
		e, err := w.Erased(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if e.Has(anna) != want || e.Has(strings.ToUpper(anna)) != want || e.Has(ben) || want != (len(e) == 1) {
			t.Errorf("%s: %d are erased, anna %t, ben %t; want anna %t", what, len(e), e.Has(anna), e.Has(ben), want)
		}
	}
	check("nobody", false)
	record(t, w, entry(thirdErasure, connector.EntryTable, ben, 0), entry(thirdErasure, connector.EntryComplete, ben, 0))
	check("without a row erase", false)
	record(t, w, entry(firstErasure, connector.EntryErase, anna, 1))
	check("erased", true)
	record(t, w, entry(firstErasure, connector.EntryErase, anna, 1), entry(firstErasure, connector.EntryTable, anna, 2), entry(firstErasure, connector.EntryComplete, anna, 3))
	check("complete", true)
	record(t, w, entry(firstErasure, connector.EntryLift, anna, 4))
	check("lifted", false)
	record(t, w, entry(secondErasure, connector.EntryErase, anna, 5))
	check("erased again", true)
	record(t, w, entry(thirdErasure, connector.EntryErase, anna, 6), entry(secondErasure, connector.EntryLift, anna, 7))
	check("one of two lifted", true)
	record(t, w, entry(thirdErasure, connector.EntryLift, anna, 8))
	check("both lifted", false)
}

// everywhere are messages that bring a user a row of every versioned table but
// the quarantine.
func (s *suite) everywhere(t *testing.T, user string) (all []transforms.Message) {
	t.Helper()
	for _, table := range s.catalogue.Versioned() {
		if table.Rows == "" {
			continue
		}
		if table.Rows == schemas.RowsEvent {
			all = append(all, told(t, "events", "labtest.order.created", user, noon, map[string]any{"a": 1}))
			continue
		}
		var resource *schemas.Resource
		if table.Rows == schemas.RowsSamples {
			resource = &schemas.Resource{}
			if table.Name == schemas.TimeseriesTable {
				resource, _ = table.Resource("heartrate")
			}
		}
		m := extremeEvent(t, table, resource, 2)
		event := map[string]json.RawMessage{}
		err := json.Unmarshal(m.Data, &event)
		event["user_id"] = fmt.Appendf(nil, "%q", user)
		if table.Name == schemas.SamplesTable {
			event["event_type"] = json.RawMessage(`"vitalsink.data.workout_stream.created"`)
		}
		if err == nil {
			m.Data, err = json.Marshal(event)
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

// refused is a message that goes to quarantine, of a user.
func refused(id, user string, at time.Time) transforms.Message {
	return transforms.Message{ID: id, PublishTime: at, Data: []byte(`{"event_type":"daily.data.sleep.created","user_id":"` + user + `","data":{"score":80}}`)}
}

// quarantineOf is a batch of what is refused of messages.
func (s *suite) quarantineOf(t testing.TB, id string, messages ...transforms.Message) *connector.Batch {
	t.Helper()
	d, err := transforms.NewDecoder(s.catalogue)
	if err != nil {
		t.Fatal(err)
	}
	table := s.catalogue.Table(schemas.QuarantineTable)
	builder := transforms.NewBuilder(memory.DefaultAllocator, table)
	defer builder.Release()
	for _, m := range messages {
		builder.AppendQuarantine(d.Decode(&m))
	}
	b := &connector.Batch{ID: id, Table: table, Lane: connector.Recent, CatalogueVersion: s.catalogue.Version, AppendedAt: noon, Record: builder.NewRecord()}
	b.Books.Rows = int(b.Record.NumRows())
	b.Books.Messages, b.Books.MessagesQuarantined = len(messages), len(messages)
	b.Books.RowsDecoded, b.Books.RowsQuarantined = b.Books.Rows, b.Books.Rows
	b.RowsWithoutDay = b.Books.Rows
	return b
}

// bringEverywhere appends the messages of these users in batches of one table
// each, and of each a message in quarantine.
func (s *suite) bringEverywhere(t *testing.T, w Store, run string, users ...string) {
	t.Helper()
	var bad []transforms.Message
	tables := make([][]transforms.Message, len(s.everywhere(t, anna)))
	for _, user := range users {
		bad = append(bad, refused("refused "+user, user, noon))
		for i, m := range s.everywhere(t, user) {
			tables[i] = append(tables[i], m)
		}
	}
	for i, messages := range tables {
		s.bring(t, w, fmt.Sprintf("%s %d", run, i), messages...)
	}
	s.appendTo(t, w, s.quarantineOf(t, run+" refused", bad...))
}

// contents are the rows of each latest table, and of each log if logs are wanted,
// by its name, in order.
func (s *suite) contents(t testing.TB, w Store, logs bool) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, table := range s.catalogue.Versioned() {
		names := []string{table.Name}
		if logs {
			names = append(names, table.Name+"_log")
		}
		for _, name := range names {
			for _, row := range w.Latest(t, name) {
				all[name] = append(all[name], fmt.Sprint(row)) // in order of columns
			}
			slices.Sort(all[name])
		}
	}
	return all
}

// erasedEverywhere: of every versioned table and log a person's rows are
// counted and removed, however their id is spelt, and what comes after that
// stays out; other people's rows are what they are without that person.
func (s *suite) erasedEverywhere(t *testing.T) {
	w, without := s.open(t), s.open(t)
	s.bringEverywhere(t, without, "one", ben)
	s.fold(t, without)
	want := s.contents(t, without, true)
	for _, table := range s.catalogue.Versioned() {
		if len(want[table.Name]) != 1 || len(want[table.Name+"_log"]) != 1 {
			t.Errorf("%s has %d rows and %d in its log, so this shows less", table.Name, len(want[table.Name]), len(want[table.Name+"_log"]))
		}
	}
	s.bringEverywhere(t, w, "one", anna, ben, strings.ToUpper(anna))
	s.fold(t, w)
	hashes := []string{connector.UserHash(anna)}
	for _, table := range s.catalogue.Versioned() {
		two := connector.RowCount{Latest: 2, Log: 2}
		if got := people(t, w, table, anna)[connector.UserHash(anna)]; got.RowCount != two || got.Waiting != 0 {
			t.Errorf("%s: %+v are counted, want 2 rows and 2 of the log", table.Name, got)
		}
		if got, err := w.RemovePeople(t.Context(), table, hashes); err != nil || got != two {
			t.Errorf("%s: %+v are removed, want 2 rows and 2 of the log: %v", table.Name, got, err)
		}
		if got := people(t, w, table, anna); len(got) > 0 {
			t.Errorf("%s: %+v are left", table.Name, got)
		}
	}
	if diff := cmp.Diff(want, s.contents(t, w, true)); diff != "" {
		t.Errorf("others' rows (-without +got):\n%s", diff)
	}
	record(t, w, entry(firstErasure, connector.EntryErase, anna, 0), entry(firstErasure, connector.EntryErase, anna, 0))
	s.bringEverywhere(t, w, "two", strings.ToUpper(anna), ben, anna)
	s.bringEverywhere(t, w, "three", anna)
	n := len(s.catalogue.Versioned())
	if got, want := s.foldIn(t, w, n), (connector.MergeBooks{Registered: 4 * n, Stale: n, Erased: 3 * n}); got.Registered != want.Registered || got.Stale != want.Stale || got.Erased != want.Erased || got.Applied != 0 {
		t.Errorf("books of the fold: %+v, want %+v", got, want)
	}
	if got := w.Ledger(t); got.Erased != 3*n || !got.Balanced() {
		t.Errorf("ledger: %+v, want %d erased", got, 3*n)
	}
	if diff := cmp.Diff(s.contents(t, without, false), s.contents(t, w, false)); diff != "" {
		t.Errorf("after the erasure (-without +got):\n%s", diff)
	}
	if p := s.pending(t, w); len(p.Batches) > 0 {
		t.Errorf("%d batches are pending", len(p.Batches))
	}
}

// foldIn folds all that is pending in so many merges: of a merge that fails the
// halves are tried, and that could hide it.
func (s *suite) foldIn(t testing.TB, w Store, merges int) connector.MergeBooks {
	t.Helper()
	f := s.fold(t, w)
	if f.Merges != merges {
		t.Errorf("it took %d merges, want %d", f.Merges, merges)
	}
	return f.Books
}

// people are the rows of users in a table, by their hash, but for those that
// have none.
func people(t testing.TB, w Store, table *schemas.Table, users ...string) map[string]connector.PersonRows {
	t.Helper()
	var hashes []string
	for _, user := range users {
		hashes = append(hashes, connector.UserHash(user))
	}
	got, err := w.CountPeople(t.Context(), table, hashes)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]connector.PersonRows{}
	for _, p := range got {
		if _, twice := all[p.UserHash]; twice || !slices.Contains(hashes, p.UserHash) {
			t.Errorf("%s: %+v is counted twice, or was not asked for", table.Name, p)
		}
		if p.RowCount != (connector.RowCount{}) || p.Waiting > 0 {
			all[p.UserHash] = p
		}
	}
	return all
}

// leftOut: a merge leaves the rows of erased people out, whatever else it would
// do with them, and counts them.
func (s *suite) leftOut(t *testing.T) {
	w, without := s.open(t), s.open(t)
	sleep := func(id, user string, hour int, created string) transforms.Message {
		return told(t, id, "daily.data.sleep.created", user, noon.Add(time.Duration(hour)*time.Hour), map[string]any{"id": "s1", "score": 80 + hour, "created_at": created})
	}
	const early, late = "2026-05-01T00:00:00Z", "2026-05-01T03:00:00Z"
	for _, x := range []Store{w, without} {
		s.bring(t, x, "before", sleep("1", anna, 0, late), sleep("2", ben, 0, late))
		s.fold(t, x)
	}
	record(t, w, entry(firstErasure, connector.EntryErase, anna, 0))
	// Superseded and stale ones, ones that would be applied or lower created_at.
	hers := []transforms.Message{sleep("3", anna, 2, early), sleep("1", anna, 0, late), sleep("4", anna, -1, early), sleep("5", anna, 1, late)}
	his := []transforms.Message{sleep("6", ben, 1, late), sleep("2", ben, 0, late), sleep("7", ben, -1, early), sleep("8", ben, 2, "")}
	s.bring(t, without, "his", his...)
	want := s.fold(t, without).Books
	s.bring(t, w, "mixed", append(hers[:2:2], his[:2]...)...)
	s.bring(t, w, "his", his[2:]...)
	s.bring(t, w, "hers", hers[2:]...)
	want.Registered, want.Erased = want.Registered+len(hers), len(hers)
	got := s.foldIn(t, w, 1)
	want.BytesEstimated, want.BytesBilled = got.BytesEstimated, got.BytesBilled
	if got != want {
		t.Errorf("books: %+v, want %+v", got, want)
	}
	if diff := cmp.Diff(s.contents(t, without, false)["sleep"], s.contents(t, w, false)["sleep"]); diff != "" {
		t.Errorf("her row from before and his (-want +got):\n%s", diff)
	}

	// In quarantine a row of another, or of nobody, may have the key of hers.
	s.appendTo(t, w, s.quarantineOf(t, "refused", refused("m1", anna, noon.Add(time.Hour)), refused("m2", ben, noon)))
	s.bring(t, w, "resolved", s.deleted(t, "resolved", schemas.QuarantineTable, noon, map[string]any{"message_id": "m1", "_index": -1, "part": 0}))
	if got := s.foldIn(t, w, 1); got.Applied != 2 || got.Erased != 1 || got.Superseded != 0 {
		t.Errorf("books of the quarantine: %+v, want 2 applied and 1 erased", got)
	}
	for _, row := range w.Latest(t, schemas.QuarantineTable) {
		if deleted := row["message_id"] == "m1"; fmt.Sprint(deleted) != row["_deleted"] || row["user_id"] == anna {
			t.Errorf("quarantine has %s: user %q, deleted %s", row["message_id"], row["user_id"], row["_deleted"])
		}
	}

	record(t, w, entry(firstErasure, connector.EntryLift, anna, 1))
	s.bring(t, w, "lifted", hers...)
	if got := s.foldIn(t, w, 1); got.Erased != 0 || got.Applied == 0 {
		t.Errorf("books after the erasure was lifted: %+v", got)
	}
}

// erasureFence: a merge that was planned before the fence rose cannot commit,
// and one that was planned after leaves the person out.
func (s *suite) erasureFence(t *testing.T) {
	w := s.open(t)
	sleep := s.catalogue.Table("sleep")
	s.bring(t, w, "b1", told(t, "1", "daily.data.sleep.created", anna, noon, map[string]any{"id": "s1"}))
	planned := s.pending(t, w)
	record(t, w, entry(firstErasure, connector.EntryErase, anna, 0))
	if err := w.RaiseFence(t.Context(), sleep); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Merge(t.Context(), s.merge(planned)); !errors.Is(err, connector.ErrFenced) {
		t.Errorf("a merge planned before: %v, want ErrFenced", err)
	}
	again := s.pending(t, w)
	if again.Fences["sleep"] != planned.Fences["sleep"]+1 || again.Fences["workouts"] != planned.Fences["workouts"] {
		t.Errorf("the fences were %v, and are %v", planned.Fences, again.Fences)
	}
	if got, err := w.Merge(t.Context(), s.merge(again)); err != nil || got.Erased != 1 || got.Applied != 0 {
		t.Errorf("a merge planned after: %+v, %v; want 1 erased", got, err)
	}
	if rows := w.Latest(t, "sleep"); len(rows) > 0 {
		t.Errorf("%d rows are back", len(rows))
	}
	w.EmptyFence(t, "sleep")
	if err := w.RaiseFence(t.Context(), sleep); !errors.Is(err, connector.ErrConfiguration) {
		t.Errorf("without a fence: %v, want ErrConfiguration", err)
	}
}

// removePeople: of the latest table all rows of a person go, tombstones too; of
// the log those that no merge is waiting for.
func (s *suite) removePeople(t *testing.T) {
	w, table := s.open(t), s.catalogue.Table("sleep")
	sleep := func(user, record string, hour int) transforms.Message {
		return told(t, user+record, "daily.data.sleep.created", user, noon.Add(time.Duration(hour)*time.Hour), map[string]any{"id": record, "score": 80 + hour})
	}
	s.bring(t, w, "b1", sleep(anna, "s1", 0), sleep(anna, "s1", 1), sleep(ben, "s1", 0), sleep(anna, "old", 0), sleep(anna, "young", 0))
	s.bring(t, w, "b2", s.deleted(t, "gone", "sleep", noon.Add(time.Hour), map[string]any{"user_id": anna, "id": "s2"}, map[string]any{"user_id": ben, "id": "s2"}))
	s.fold(t, w)
	unregister := func(id string, age time.Duration) {
		w.Change(t, "sleep_log", fmt.Sprintf("_batch_id = 'unregistered', _appended_at = TIMESTAMP '%s+00'", time.Now().UTC().Add(-age).Format(time.DateTime)), "id = '"+id+"'")
	}
	unregister("old", connector.UnregisteredFor+10*time.Minute)
	unregister("young", connector.UnregisteredFor-10*time.Minute)
	s.bring(t, w, "b3", sleep(anna, "s3", 0), sleep(ben, "s3", 0), sleep(strings.ToUpper(anna), "s3", 0))
	counts := func(what string, hers, his connector.PersonRows) {
		t.Helper()
		want := map[string]connector.PersonRows{}
		for user, rows := range map[string]connector.PersonRows{anna: hers, ben: his} {
			if rows.UserHash = connector.UserHash(user); rows.RowCount != (connector.RowCount{}) || rows.Waiting > 0 {
				want[rows.UserHash] = rows
			}
		}
		if diff := cmp.Diff(want, people(t, w, table, anna, ben, "nobody")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	remove := func(what string, want connector.RowCount, users ...string) {
		t.Helper()
		var hashes []string
		for _, user := range users {
			hashes = append(hashes, connector.UserHash(user))
		}
		if got, err := w.RemovePeople(t.Context(), table, hashes); err != nil || got != want {
			t.Errorf("%s: %+v are removed, want %+v: %v", what, got, want, err)
		}
	}
	rows := func(latest, log, waiting int) connector.PersonRows {
		return connector.PersonRows{RowCount: connector.RowCount{Latest: latest, Log: log}, Waiting: waiting}
	}
	counts("at first", rows(4, 4, 3), rows(2, 2, 1))
	remove("nobody", connector.RowCount{})
	remove("strangers", connector.RowCount{}, "nobody", "u1")
	counts("strangers are removed", rows(4, 4, 3), rows(2, 2, 1))
	record(t, w, entry(firstErasure, connector.EntryErase, anna, 0))
	remove("her", connector.RowCount{Latest: 4, Log: 4}, anna, "nobody")
	counts("she is removed", rows(0, 0, 3), rows(2, 2, 1))
	remove("her again", connector.RowCount{}, anna)
	if got := s.foldIn(t, w, 1); got.Registered != 3 || got.Erased != 2 || got.Applied != 1 {
		t.Errorf("what waited is folded: %+v, want 2 erased and 1 applied", got)
	}
	counts("nothing waits but for a batch that is not registered", rows(0, 2, 1), rows(3, 3, 0))
	remove("the rest", connector.RowCount{Log: 2}, anna)
	unregister("young", connector.UnregisteredFor+10*time.Minute)
	remove("what never was registered", connector.RowCount{Log: 1}, anna)
	counts("nothing is left", rows(0, 0, 0), rows(3, 3, 0))
	s.flaws(t, w, "his are all there", "sleep")
	if books := s.booksOf(t, w, connector.Window{}); !books.Balanced() {
		t.Errorf("books do not balance: %+v", books)
	}
	remove("him", connector.RowCount{Latest: 3, Log: 3}, ben)
}

// personIDs: people by the ids that customers gave them, in tables and logs, and
// the other way round.
func (s *suite) personIDs(t *testing.T) {
	w := s.open(t)
	const carl = "9f8e7d6c-5b4a-4392-8170-6f5e4d3c2b1a"
	say := func(id, event, user, client string) transforms.Message {
		m := told(t, id, event, user, noon, map[string]any{"id": id})
		m.Data = bytes.Replace(m.Data, fmt.Appendf(nil, `"client of %s"`, user), fmt.Appendf(nil, "%q", client), 1)
		return m
	}
	s.bring(t, w, "b1", say("1", "daily.data.sleep.created", anna, "a1"), say("2", "daily.data.sleep.created", anna, "a1"), say("3", "daily.data.sleep.created", ben, "b"))
	s.bring(t, w, "b2", say("4", "daily.data.workouts.created", strings.ToUpper(anna), "a2"), say("5", "daily.data.workouts.created", carl, "a2"))
	s.bring(t, w, "b3", say("6", "labtest.order.created", carl, ""), say("8", "labtest.order.created", "", "b"))
	s.fold(t, w)
	s.bring(t, w, "b4", say("7", "daily.data.meal.created", anna, "pending"))
	check := func(what string, got []string, err error, want ...string) {
		t.Helper()
		slices.Sort(got)
		slices.Sort(want)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q: %v", what, got, want, err)
		}
	}
	clients := func(users ...string) ([]string, error) {
		var hashes []string
		for _, user := range users {
			hashes = append(hashes, connector.UserHash(user))
		}
		return w.ClientUserIDs(t.Context(), hashes)
	}
	got, err := clients(anna)
	check("hers", got, err, "a1", "a2", "pending")
	got, err = clients(ben, carl, "nobody")
	check("theirs", got, err, "a2", "b")
	got, err = clients()
	check("nobody's", got, err)
	got, err = w.UserIDs(t.Context(), []string{"a2", "nothing"})
	check("who is a2", got, err, carl, strings.ToUpper(anna))
	got, err = w.UserIDs(t.Context(), []string{"a1", "b"})
	check("who is a1 or b", got, err, anna, ben)
	got, err = w.UserIDs(t.Context(), []string{"pending"}) // of who is erased nothing is folded any more
	check("who is pending", got, err, anna)
	got, err = w.UserIDs(t.Context(), []string{"A1", "client of " + anna})
	check("who is nobody", got, err)
	got, err = w.UserIDs(t.Context(), nil)
	check("no ids", got, err)
}

// behindOfErased: rows of people who are erased are not missed.
func (s *suite) behindOfErased(t *testing.T) {
	w := s.open(t)
	sleep := func(user string) transforms.Message {
		return told(t, user, "daily.data.sleep.created", user, noon, map[string]any{"id": "s1", "created_at": createdAt})
	}
	s.bring(t, w, "b1", sleep(anna), sleep(ben), sleep(strings.ToUpper(anna)))
	s.bring(t, w, "b2", series(t, "h", "heartrate", anna, "oura", noon))
	s.fold(t, w)
	w.Remove(t, "sleep", "TRUE")
	w.Remove(t, schemas.TimeseriesTable, "TRUE")
	upper, hers, his := []any{strings.ToUpper(anna), "s1"}, []any{anna, "s1"}, []any{ben, "s1"}
	s.flaws(t, w, "before", "sleep", flawOf(connector.CheckBehind, upper, hers, his))
	s.flaws(t, w, "before", schemas.TimeseriesTable, flawOf(connector.CheckBehind, []any{anna, "heartrate", "oura", "unknown", noon, ""}))
	record(t, w, entry(firstErasure, connector.EntryErase, anna, 0))
	s.flaws(t, w, "after", "sleep", flawOf(connector.CheckBehind, his))
	s.flaws(t, w, "after", schemas.TimeseriesTable)
	record(t, w, entry(firstErasure, connector.EntryLift, anna, 1))
	s.flaws(t, w, "lifted", "sleep", flawOf(connector.CheckBehind, upper, hers, his))
}

// writtenBatch is a batch of rows as they are written, without those columns
// that are the same in all.
func (s *suite) writtenBatch(t testing.TB, id, table string, rows ...map[string]any) *connector.Batch {
	t.Helper()
	for i, row := range rows {
		row["_version"] = append(bytes.Repeat([]byte{1}, 27), byte(i))
		row["_version_at"], row["_message_id"], row["_deleted"] = noon.Format(time.RFC3339), fmt.Sprint("by ", i), false
	}
	raw, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	of := s.catalogue.Table(table)
	rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, of.ArrowSchema(), bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	b := &connector.Batch{ID: id, Table: of, Lane: connector.Recent, CatalogueVersion: s.catalogue.Version, AppendedAt: noon, Record: rec, RowsWithoutDay: len(rows)}
	b.Books = connector.Books{Rows: len(rows), RowsDecoded: len(rows), Messages: 1, MessagesLanded: 1}
	if table == schemas.QuarantineTable {
		b.Books.RowsQuarantined = len(rows)
	}
	return b
}

// nameless are the rows that name no user.
func nameless(t testing.TB, w Store, table *schemas.Table, log bool) (all []connector.NamelessRow) {
	t.Helper()
	err := w.Nameless(t.Context(), table, log, func(row connector.NamelessRow) error {
		all = append(all, row)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// namelessRows: what names no user comes in order, whatever it is.
func (s *suite) namelessRows(t *testing.T) {
	w := s.open(t)
	quarantine, events := s.catalogue.Table(schemas.QuarantineTable), s.catalogue.Table(schemas.EventsTable)
	part := func(id string, index, part int, user any, attributes, payload string) map[string]any {
		row := map[string]any{"message_id": id, "_index": index, "part": part, "user_id": user, "reason": "bad_gzip"}
		if attributes != "" {
			row["attributes"] = attributes
		}
		if payload != "" {
			row["payload"] = []byte(payload)
		}
		return row
	}
	event := func(key, user, payload string) map[string]any {
		return map[string]any{"event_key": key, "user_id": user, "event_type": "labtest.order.created", "payload": payload}
	}
	s.appendTo(t, w, s.writtenBatch(t, "b1", schemas.QuarantineTable,
		part("m2", -1, 0, "", "", ""), part("m1", 3, 0, nil, "", ""), part("m1", -1, 1, nil, "", "\x00\xff'"), part("m3", -1, 0, anna, "", "hers"),
		part("m1", -1, 10, nil, "", "last"), part("m1", -1, 2, nil, "", "mid"), part("m1", -1, 0, nil, `{"a":"é"}`, "first")))
	s.appendTo(t, w, s.writtenBatch(t, "b2", schemas.EventsTable, event("e2", "", `{"b":[1]}`), event("e1", anna, `{}`), event("e0", "", `{"a":"é"}`)))
	s.fold(t, w)
	s.appendTo(t, w, s.writtenBatch(t, "b3", schemas.QuarantineTable, part("m1", -1, 0, nil, "", "first again"), part("m0", -1, 0, nil, "", "")))
	latest := []connector.NamelessRow{
		{ID: "m1", Index: -1, Text: `{"a":"é"}`, Payload: []byte("first")}, {ID: "m1", Index: -1, Part: 1, Payload: []byte("\x00\xff'")},
		{ID: "m1", Index: -1, Part: 2, Payload: []byte("mid")}, {ID: "m1", Index: -1, Part: 10, Payload: []byte("last")}, {ID: "m1", Index: 3}, {ID: "m2", Index: -1},
	}
	log := []connector.NamelessRow{{ID: "m0", Batch: "b3", Index: -1}}
	for _, row := range latest {
		if row.Batch = "b1"; row.ID == "m2" {
			log = append(log, connector.NamelessRow{ID: "m1", Batch: "b3", Index: -1, Payload: []byte("first again")})
		}
		log = append(log, row)
	}
	check := func(what string, table *schemas.Table, ofLog bool, want ...connector.NamelessRow) {
		t.Helper()
		if diff := cmp.Diff(want, nameless(t, w, table, ofLog)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	check("quarantine", quarantine, false, latest...)
	check("its log", quarantine, true, log...)
	check("events", events, false, connector.NamelessRow{ID: "e0", Text: `{"a":"é"}`}, connector.NamelessRow{ID: "e2", Text: `{"b":[1]}`})
	check("their log", events, true, connector.NamelessRow{ID: "e0", Batch: "b2", Text: `{"a":"é"}`}, connector.NamelessRow{ID: "e2", Batch: "b2", Text: `{"b":[1]}`})

	remove := func(what string, table *schemas.Table, want connector.RowCount, ids ...string) {
		t.Helper()
		if got, err := w.RemoveNameless(t.Context(), table, ids); err != nil || got != want {
			t.Errorf("%s: %+v are removed, want %+v: %v", what, got, want, err)
		}
	}
	remove("none", quarantine, connector.RowCount{})
	remove("hers and those of nobody", quarantine, connector.RowCount{Latest: 5, Log: 5}, "m1", "m3", "m4")
	check("quarantine after that", quarantine, false, latest[5])
	check("its log after that", quarantine, true, log[0], connector.NamelessRow{ID: "m1", Batch: "b3", Index: -1, Payload: []byte("first again")}, log[len(log)-1])
	if rows := w.Latest(t, schemas.QuarantineTable); len(rows) != 2 {
		t.Errorf("%d rows are in quarantine, want hers and m2", len(rows))
	}
	if got := s.foldIn(t, w, 1); got.Applied != 2 {
		t.Errorf("what waited is folded: %+v, want 2 applied", got)
	}
	remove("what is merged now", quarantine, connector.RowCount{Latest: 2, Log: 2}, "m1", "m0")
	remove("an event", events, connector.RowCount{Latest: 1, Log: 1}, "e0", "e1")
	check("events after that", events, false, connector.NamelessRow{ID: "e2", Text: `{"b":[1]}`})
	if n := len(w.Latest(t, "events_log")); n != 2 {
		t.Errorf("%d events are in the log, want 2", n)
	}
}

// namelessBeside: whoever takes rows that name no user may be slow, and may end
// it.
func (s *suite) namelessBeside(t *testing.T) {
	w, table := s.open(t), s.catalogue.Table(schemas.QuarantineTable)
	var bad []transforms.Message
	for i := range 50 {
		bad = append(bad, transforms.Message{ID: fmt.Sprintf("m%02d", i), PublishTime: noon, Data: []byte("{")})
	}
	s.appendTo(t, w, s.quarantineOf(t, "b1", bad...))
	s.fold(t, w)
	taken := 0
	err := w.Nameless(t.Context(), table, false, func(row connector.NamelessRow) error {
		if taken++; taken == 1 || taken == 40 {
			s.appendTo(t, w, s.quarantineOf(t, fmt.Sprint("beside ", taken), transforms.Message{ID: fmt.Sprint("z", taken), PublishTime: noon, Data: []byte("{")}))
			s.fold(t, w)
			if got, err := w.RemoveNameless(t.Context(), table, []string{row.ID}); err != nil || got != (connector.RowCount{Latest: 1, Log: 1}) {
				t.Errorf("row %d: %+v are removed: %v", taken, got, err)
			}
		}
		return nil
	})
	if err != nil || taken < 50 {
		t.Errorf("%d rows of 50: %v", taken, err)
	}
	enough := errors.New("enough")
	taken = 0
	err = w.Nameless(t.Context(), table, true, func(connector.NamelessRow) error {
		taken++
		return enough
	})
	if !errors.Is(err, enough) || taken != 1 {
		t.Errorf("after %d rows the error is %v, want %v", taken, err, enough)
	}
}
