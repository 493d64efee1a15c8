//go:build cgo && linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"

	"vitalsink/connector"
	"vitalsink/connector/connectortest"
	"vitalsink/connector/erase"
	"vitalsink/connector/files"
	"vitalsink/connector/synth"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// forgotten is a source, and people of whom one is to be erased.
type forgotten struct {
	*audited
	victim synth.User
	// Files of messages: of all, of all but the victim, and of all but the one
	// that names the victim by nothing but a reference of the client's.
	all, others, byID string
	baseline          string // a warehouse that never knew of the victim
	secret            secrets
}

// newForgotten has the messages that events are made of, and others that are
// wrong in all ways, of the victim, of the others and of nobody.
func newForgotten(t *testing.T, users, days int) *forgotten {
	t.Helper()
	a := newTold(t, users, days)
	f := &forgotten{audited: a, victim: a.people[1], all: filepath.Join(t.TempDir(), "all.ndjson"), others: filepath.Join(t.TempDir(), "others.ndjson"), byID: filepath.Join(t.TempDir(), "byid.ndjson")}
	var theirs, rest []transforms.Message
	var all, others, byID []byte
	enter := func(line []byte, m transforms.Message, isTheirs bool) {
		all = append(append(all, line...), '\n')
		if !isTheirs || bytes.Contains(bytes.ToLower(m.Data), []byte(f.victim.ID)) {
			byID = append(append(byID, line...), '\n')
		}
		if isTheirs {
			theirs = append(theirs, m)
			return
		}
		rest = append(rest, m)
		others = append(append(others, line...), '\n')
	}
	for _, line := range mustLines(t, a.messages) {
		m := files.ParseLine(line, time.Time{}, time.Time{})
		body := jsonOf(t, &m)
		m.Data = body
		enter(line, m, bytes.Contains(body, []byte(f.victim.ID)))
	}
	for i, u := range a.people {
		for n, body := range spoilt(u) {
			m := transforms.NewMessage(fmt.Sprintf("spoilt-%d-%d", i, n), "", a.population.Start, []byte(body))
			line, err := files.AppendLine(nil, &m)
			if err != nil {
				t.Fatal(err)
			}
			m.Data = []byte(body)
			enter(line, m, u.ID == f.victim.ID)
		}
	}
	for name, text := range map[string][]byte{f.all: all, f.others: others, f.byID: byID} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f.secret = without(secretsOf(theirs), secretsOf(rest))
	for number := range f.secret.numbers {
		if len(number) < 7 { // others may have it by chance, in streams
			delete(f.secret.numbers, number)
		}
	}
	for i, text := range slices.Sorted(maps.Keys(f.secret.texts)) {
		if i%4 > 0 { // each is looked for in everything
			delete(f.secret.texts, text)
		}
	}
	f.secret.texts[f.victim.ID], f.secret.texts[strings.ToUpper(f.victim.ID)], f.secret.texts[f.victim.ClientUserID] = true, true, true
	if len(theirs) < 50 || len(rest) < 50 || len(f.secret.texts) < 100 {
		t.Fatalf("%d messages are the victim's, %d others', and %d texts are known", len(theirs), len(rest), len(f.secret.texts))
	}
	f.baseline = loadedBy(t, exitAttention, f.others)
	return f
}

// jsonOf is the JSON of a message.
func jsonOf(t testing.TB, m *transforms.Message) []byte {
	t.Helper()
	if !bytes.HasPrefix(m.Data, []byte{0x1f, 0x8b}) {
		return m.Data
	}
	zip, err := gzip.NewReader(bytes.NewReader(m.Data))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// without are secrets that others do not hold too, as times and providers.
func without(s, others secrets) secrets {
	for text := range others.texts {
		delete(s.texts, text)
	}
	for number := range others.numbers {
		delete(s.numbers, number)
	}
	return s
}

// spoilt are messages of somebody that cannot become rows, or name nobody in the
// place where an event does.
func spoilt(u synth.User) []string {
	sample := `{"timestamp":"yesterday","value":1}`
	return []string{
		fmt.Sprintf(`{"event_type":"daily.data.heartrate.created","user_id":%q,"data":{"data":[%s`, u.ID, sample),
		fmt.Sprintf(`{"event_type":"daily.data.heartrate.created","user_id":%q,"data":{"source":{"provider":"oura"},"data":[%s]}}`, u.ID, sample),
		fmt.Sprintf(`{"event_type":"daily.data.sleep.created","user_id":null,"client_user_id":%q,"data":{"id":7}}`, u.ClientUserID),
		fmt.Sprintf(`{"event_type":"team.note.created","data":{"about":%q,"of":"%s"}}`, strings.ToUpper(u.ID), strings.Repeat("x", 2000)),
		fmt.Sprintf(`{"event_type":"daily.data.heartrate.created","user_id":%q,"data":{"source":{"provider":"whoop"},"data":[{"timestamp":"2026-11-01T00:00:00Z","value":61}]}}`, strings.ToUpper(u.ID)),
	}
}

// loadedBy is a new file with messages.
func loadedBy(t testing.TB, code int, messages string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "loaded.duckdb")
	loads(t, code, file, messages)
	return file
}

// loads loads messages into a file, and returns what it says.
func loads(t testing.TB, code int, file, messages string) string {
	t.Helper()
	var out, errs strings.Builder
	if got := execute(t.Context(), []string{"load", messages, "--warehouse", "duckdb://" + file, "--json"}, streams{nil, &out, &errs}); got != code {
		t.Fatalf("load exits with %d, want %d: %s%.2000s", got, code, out.String(), errs.String())
	}
	return out.String() + errs.String()
}

// erases runs an erase of the file, and returns what it says.
func (f *forgotten) erases(t testing.TB, code int, args ...string) string {
	t.Helper()
	var out, errs strings.Builder
	args = append([]string{"erase", "--warehouse", "duckdb://" + f.file, "--requested-by", "the test"}, args...)
	if got := execute(t.Context(), args, streams{nil, &out, &errs}); got != code {
		t.Fatalf("erase exits with %d, want %d: %s%.2000s", got, code, out.String(), errs.String())
	}
	if found := f.secret.in(errs.String() + out.String()); len(found) > 0 {
		t.Errorf("erase tells %d secrets", len(found))
	}
	return out.String()
}

// rowsOf are all rows of tables as texts, in order, each after the table's name.
func rowsOf(t testing.TB, file string, columns map[string]string) []string {
	t.Helper()
	var each []string
	for _, table := range slices.Sorted(maps.Keys(columns)) {
		each = append(each, fmt.Sprintf("SELECT '%s: ' || T::VARCHAR FROM (SELECT %s FROM store.%s) AS T", table, columns[table], table))
	}
	return queried(t, file, strings.Join(each, " UNION ALL ")+" ORDER BY 1")
}

// everything is all columns of all tables and logs.
func everything(t testing.TB) map[string]string {
	t.Helper()
	columns := map[string]string{}
	for _, table := range mustCatalogue(t).Tables {
		columns[table.Name] = "*"
		if table.Kind == schemas.Versioned {
			columns[table.Name+"_log"] = "*"
		}
	}
	return columns
}

// isGone wants nothing of the victim in any table or log of a file, nor in its
// bytes.
func (f *forgotten) isGone(t *testing.T, file string) {
	t.Helper()
	if found := f.secret.in(strings.Join(rowsOf(t, file, everything(t)), "\n")); len(found) > 0 {
		t.Errorf("the tables hold %d secrets of who is erased, such as %.60q", len(found), found[0])
	}
	for _, name := range []string{file, file + ".wal"} {
		raw, err := os.ReadFile(name)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for _, id := range []string{f.victim.ID, strings.ToUpper(f.victim.ID), f.victim.ClientUserID} {
			if bytes.Contains(raw, []byte(id)) {
				t.Errorf("the bytes of %s hold an id", filepath.Base(name))
			}
		}
	}
}

// likeBaseline wants the rows of the others as if there had never been a victim.
// What came through a topic has other attributes.
func (f *forgotten) likeBaseline(t *testing.T, file string, throughTopic bool) {
	t.Helper()
	columns := map[string]string{}
	for _, table := range mustCatalogue(t).Versioned() {
		columns[table.Name] = "*"
	}
	if throughTopic {
		columns[schemas.QuarantineTable] = "* EXCLUDE (attributes)"
	}
	want, got := rowsOf(t, f.baseline, columns), rowsOf(t, file, columns)
	if !slices.Equal(got, want) || len(want) < 1000 {
		t.Errorf("%d rows, want %d: other people's rows are not as they were (%.500s)", len(got), len(want), cmp.Diff(want, got))
	}
}

// TestErase: nothing of who is erased is left, and nothing brings it back, but
// for lifting the erasure.
func TestErase(t *testing.T) {
	connectortest.Long(t)
	t.Setenv(keyVariable, "sk_us_standin")
	f := newForgotten(t, 2, 1)
	f.file = loadedBy(t, exitAttention, f.all)
	if f.secret.in(strings.Join(rowsOf(t, f.file, map[string]string{"timeseries": "*"}), "\n")) == nil {
		t.Fatal("nothing of the victim is there to be erased")
	}

	var counted, done erased
	decode(t, f.erases(t, exitDone, "--user", f.victim.ID, "--dry-run", "--json"), &counted)
	if counted.Outcome != outcomeCounted || counted.Removed.Latest == 0 {
		t.Errorf("a dry run says %+v", counted)
	}
	decode(t, f.erases(t, exitDone, "--user", f.victim.ID, "--json"), &done)
	if done.Outcome != outcomeComplete || done.Removed != counted.Removed || done.GoneAt == nil || len(done.People) != 1 {
		t.Errorf("it removed %+v of %+v: %s", done.Removed, counted.Removed, done.Outcome)
	}
	f.isGone(t, f.file)
	f.likeBaseline(t, f.file, false)
	checkFile(t, f.file)

	var again struct {
		Books connector.Books `json:"books"`
	}
	said := loads(t, exitAttention, f.file, f.byID)
	decode(t, strings.SplitN(said, "\n", 2)[0], &again)
	if found := f.secret.in(said); len(found) > 0 || again.Books.RowsErased == 0 {
		t.Errorf("to load it all again says %d secrets, %d rows erased", len(found), again.Books.RowsErased)
	}
	f.isGone(t, f.file)
	f.likeBaseline(t, f.file, false)
	// Who that is that only a reference of the client's names, nobody can know any more.
	loads(t, exitAttention, f.file, f.all)
	f.erases(t, exitDone, "--user", f.victim.ID, "--client-user-id", f.victim.ClientUserID)
	f.isGone(t, f.file)
	f.likeBaseline(t, f.file, false)

	f.comesBackByNoJob(t)
	if out := f.erases(t, exitDone, "--list", "--user", f.victim.ID); !strings.Contains(out, "the test") || strings.Count(out, "\n") != 3 {
		t.Errorf("the list says %s", out)
	}
	f.erases(t, exitDone, "--lift", "--user", f.victim.ID)
	loads(t, exitAttention, f.file, f.all)
	if f.secret.in(strings.Join(rowsOf(t, f.file, map[string]string{"timeseries": "*"}), "\n")) == nil {
		t.Error("after the erasure is lifted nothing comes back")
	}
}

// comesBackByNoJob fetches and repairs all that there is of everybody.
func (f *forgotten) comesBackByNoJob(t *testing.T) {
	t.Helper()
	h := &history{Server: f.Server, population: f.population}
	announced := filepath.Join(t.TempDir(), "announced.ndjson")
	if err := os.WriteFile(announced, bytes.Join(f.announced(t), nil), 0o600); err != nil {
		t.Fatal(err)
	}
	loads(t, exitDone, f.file, announced)
	into := "duckdb://" + f.file
	said := h.backfills(t, exitDone, "--warehouse", into, "--json")
	said += h.backfills(t, exitDone, "--warehouse", into, "--json", "--all-users", "--from", f.population.Start.Format(time.DateOnly), "--to", time.Now().UTC().Format(time.DateOnly), "--resource", "sleep")
	if found := f.secret.in(said); len(found) > 0 {
		t.Errorf("backfill tells %d secrets", len(found))
	}
	if r := f.reconciles(t, exitDone, "--repair", "--delete-extra"); r.Users != len(f.people)-1 {
		t.Errorf("reconcile compared %d users, want %d", r.Users, len(f.people)-1)
	}
	f.isGone(t, f.file)
	checkFile(t, f.file)
}

// announced are messages that tell of history to fetch, of everybody.
func (f *forgotten) announced(t *testing.T) (lines [][]byte) {
	t.Helper()
	h := &history{population: f.population}
	for held, err := range f.population.Records(t.Context(), mustCatalogue(t)) {
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range h.announce(t, mustCatalogue(t), held) {
			lines = append(lines, []byte(line))
		}
	}
	return lines
}

func decode(t testing.TB, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v: %.500s", err, text)
	}
}

// TestEraseKilled: killed at any moment and started again, an erasure comes to
// its end, and the others' rows are as they were.
func TestEraseKilled(t *testing.T) {
	connectortest.Long(t)
	t.Parallel()
	f := newForgotten(t, 2, 1)
	f.file = loadedBy(t, exitAttention, f.all)
	w := &world{file: f.file}
	dice := rand.New(rand.NewPCG(1, 2))
	kills := 0
	for try := 0; ; try++ {
		p := w.local("erase", "--user", f.victim.ID, "--json")
		p.start(t)
		ended := make(chan struct{})
		go func() {
			_ = p.Wait() // the exit code says it
			close(ended)
		}()
		killing := time.After(time.Duration(dice.IntN(1+100*(try+1))) * time.Millisecond)
		select {
		case <-killing:
			_ = p.Process.Kill()
			<-ended
		case <-ended:
		}
		if status := p.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() {
			if p.ProcessState.ExitCode() != exitDone {
				t.Fatalf("it ends with %d: %s", p.ProcessState.ExitCode(), p.wrote.String())
			}
			break
		}
		kills++
	}
	t.Logf("killed %d times", kills)
	f.isGone(t, f.file)
	f.likeBaseline(t, f.file, false)
	checkFile(t, f.file)
	var list struct{ Erasures []erase.Record }
	decode(t, f.erases(t, exitDone, "--list", "--json"), &list)
	if kills == 0 || len(list.Erasures) == 0 {
		t.Errorf("killed %d times, %d erasures are on record", kills, len(list.Erasures))
	}
	// One that broke off goes on. Only who is killed after the record says that it
	// is complete, and before the exit, asks for one more.
	for i, r := range list.Erasures {
		if r.CompletedAt == nil {
			t.Errorf("erasure %d of %d is not complete", i+1, len(list.Erasures))
		} else if i+1 < len(list.Erasures) && list.Erasures[i+1].RequestedAt.Before(*r.CompletedAt) {
			t.Errorf("erasure %d was requested before %d was complete", i+2, i+1)
		}
	}
}

// TestEraseBeside: while a service receives everything once more, one of the
// people is erased, by a process that is killed thrice; then all that Junction
// has is fetched and repaired. In the end nothing of theirs is in BigQuery's
// tables and logs; the others' rows are as they were.
func TestEraseBeside(t *testing.T) {
	connectortest.Long(t)
	t.Parallel()
	f, w := newForgotten(t, 2, 1), newWorld(t)
	r := w.run(t, "vitalsink", w.remote)
	lines := mustLines(t, f.all)
	if err := w.publishOver(t, lines, time.Second); err != nil {
		t.Fatal(err)
	}
	w.settle(t, r)
	sent := make(chan error, 1)
	go func() { sent <- w.publishOver(t, lines, 10*time.Second) }()
	var said strings.Builder
	for _, after := range []time.Duration{300 * time.Millisecond, 900 * time.Millisecond, 2 * time.Second} {
		p := w.remote("erase", "--user", f.victim.ID, "--settle", "3s", "--json")
		p.start(t)
		<-time.After(after)
		p.kill(t)
		said.WriteString(p.wrote.String())
	}
	said.WriteString(w.does(t, nil, "erase", "--user", f.victim.ID, "--settle", "3s", "--json"))
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	w.settle(t, r)
	w.bigQuery.fold(t)
	f.likeBaseline(t, w.bigQuery.copied(t), true) // whatever the service does not know

	f.tellsAll(t, w, r, &said)
	r.terminate(t)
	said.WriteString(r.wrote.String())
	w.bigQuery.fold(t)
	if found := f.secret.in(w.bigQuery.text(t, "")); len(found) > 0 {
		t.Errorf("the tables hold %d secrets of who is erased, such as %.60q", len(found), found[0])
	}
	said.WriteString(w.does(t, nil, "erase", "--sweep", "--settle", "0s", "--json"))
	for _, of := range []string{"", "_log"} {
		if found := f.secret.in(w.bigQuery.text(t, of)); len(found) > 0 {
			t.Errorf("tables%s hold %d secrets of who is erased, such as %.60q", of, len(found), found[0])
		}
	}
	if found := f.secret.in(said.String()); len(found) > 0 {
		t.Errorf("the outputs tell %d secrets, such as %.60q", len(found), found[0])
	}
	w.does(t, nil, "check")
}

// does runs a command on BigQuery, and returns what it says.
func (w *world) does(t *testing.T, env []string, args ...string) string {
	t.Helper()
	p := w.remote(args...)
	p.Env = append(p.Env, env...)
	p.start(t)
	if err := p.Wait(); err != nil {
		t.Errorf("%s: %v: %.2000s", args[0], err, p.wrote.String())
	}
	return p.wrote.String()
}

// text is all that is in tables, or in what else there is of each, but for the
// ids that the topic gave to messages.
func (s *bigQuery) text(t *testing.T, of string) string {
	t.Helper()
	var text strings.Builder
	for _, table := range mustCatalogue(t).Versioned() {
		for _, row := range s.query(t, "SELECT * FROM "+table.Name+of) {
			fmt.Fprintf(&text, "%v\n", row)
		}
	}
	return serverID.ReplaceAllString(text.String(), "")
}

// tellsAll fetches and repairs all that Junction has, of everybody.
func (f *forgotten) tellsAll(t *testing.T, w *world, r *receiver, said *strings.Builder) {
	t.Helper()
	if err := w.publishOver(t, f.announced(t), time.Second); err != nil {
		t.Fatal(err)
	}
	w.settle(t, r)
	w.bigQuery.fold(t)
	env := []string{emulator + "=" + w.address, keyVariable + "=" + f.Key}
	topic := "pubsub://" + demoProject + "/" + path.Base(demoTopic)
	for _, what := range [][]string{{}, {"--all-users", "--from", f.population.Start.Format(time.DateOnly), "--resource", "sleep"}} {
		said.WriteString(w.does(t, env, append([]string{"backfill", "--api-url", f.URL, "--request-rate", "1000", "--topic", topic, "--json"}, what...)...))
	}
	w.settle(t, r)
	w.bigQuery.fold(t)
	if found := w.reconciles(t, f.audited, asItSays, "--share", "1", "--repair", "--delete-extra", "--topic", topic); found.Users != len(f.people)-1 || found.Erased != 1 {
		t.Errorf("reconcile says %+v", found.Report)
	}
	w.settle(t, r)
}
