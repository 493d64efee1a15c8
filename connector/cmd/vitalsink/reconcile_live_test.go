//go:build cgo && linux

package main

import (
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	bq "cloud.google.com/go/bigquery"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/iterator"

	"vitalsink/connector"
	"vitalsink/connector/connectortest"
	"vitalsink/connector/junction/junctiontest"
	"vitalsink/connector/reconcile"
	"vitalsink/schemas"
)

// asItSays is the exit code that what a reconcile says has to have.
const asItSays = -1

// reconciles runs a reconcile of the stand-in for BigQuery, in a process of its
// own, and returns what it says.
func (w *world) reconciles(t *testing.T, a *audited, code int, args ...string) (r reconciled) {
	t.Helper()
	p := w.remote(append([]string{
		"reconcile", "--api-url", a.URL, "--request-rate", "1000", "--row-rate", "1e6", "--json", "--settle", "0s",
		"--since", fmt.Sprintf("%dd", a.population.Days+4), "--sample", "0",
	}, args...)...)
	var out, errs screen
	p.Env, p.Stdout, p.Stderr = append(p.Env, emulator+"="+w.address, keyVariable+"="+a.Key), &out, &errs
	p.start(t)
	_ = p.Wait() // the exit code says it
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
		t.Fatalf("%v: %.500s%.500s", err, out.String(), errs.String())
	}
	if code == asItSays {
		if code = exitDone; r.Drift > r.Repaired {
			code = exitAttention
		}
	}
	if got := p.ProcessState.ExitCode(); got != code {
		t.Fatalf("reconcile exits with %d, want %d: %.3000s%.3000s", got, code, out.String(), errs.String())
	}
	for _, p := range a.people {
		if strings.Contains(out.String()+errs.String(), p.ID) {
			t.Error("the output names a user")
		}
	}
	return r
}

// query runs a statement in the dataset of tables, and returns its rows.
func (s *bigQuery) query(t *testing.T, statement string) (all [][]bq.Value) {
	t.Helper()
	client, err := bq.NewClient(t.Context(), s.project, s.REST()...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close() //nolint:errcheck // the job has been waited for
	q := client.Query(statement)
	q.Location, q.DefaultProjectID, q.DefaultDatasetID = "EU", s.project, bigQueryDataset+"_store"
	rows, err := q.Read(t.Context())
	for err == nil {
		var row []bq.Value
		if err = rows.Next(&row); err == nil {
			all = append(all, row)
		}
	}
	if !errors.Is(err, iterator.Done) {
		t.Fatalf("%v\n%s", err, statement)
	}
	return all
}

// breach breaks rows of a table.
type breach struct {
	found, inside string // the checks that find it: against the source, and within the warehouse
	table         string
	do            string // the statement, without its WHERE
	where         string
}

// breaches are the faults that BigQuery's own DML can make, of one user each.
func breaches(a *audited) []breach {
	since := a.population.Start.Format(time.DateOnly)
	samples := func(user int, resource string) string {
		return fmt.Sprintf("user_id = '%s' AND resource = '%s' AND timestamp >= TIMESTAMP '%s 00:00:00+00' AND MOD(EXTRACT(MINUTE FROM timestamp), 10) = 7",
			a.people[user].ID, resource, since)
	}
	summary := func(user int) string {
		return fmt.Sprintf("user_id = '%s' AND calendar_date >= DATE '%s'", a.people[user].ID, since)
	}
	return []breach{
		{connector.CheckMissing, connector.CheckBehind, "timeseries", "DELETE FROM timeseries", samples(0, "heartrate")},
		{connector.CheckMissing, connector.CheckBehind, "sleep", "DELETE FROM sleep", summary(0)},
		{connector.CheckStale, connector.CheckUnequal, "timeseries", "UPDATE timeseries SET value = value + 0.5", samples(1, "heartrate")},
		{connector.CheckStale, connector.CheckUnequal, "activity", "UPDATE activity SET steps = 1", summary(1)},
		{"", connector.CheckDuplicate, "timeseries", "INSERT INTO timeseries SELECT * FROM timeseries", samples(2, "heartrate")},
		{"", connector.CheckDuplicate, "sleep", "INSERT INTO sleep SELECT * FROM sleep", summary(2)},
	}
}

// breaks breaks the tables, and says where.
func (s *bigQuery) breaks(t *testing.T, all []breach) (places map[place]int) {
	t.Helper()
	places = map[place]int{}
	for _, b := range all {
		where := "SELECT resource, provider, CAST(DATE(timestamp) AS STRING) AS day, COUNT(*) AS n FROM timeseries WHERE " + b.where + " GROUP BY resource, provider, day"
		if b.table != "timeseries" {
			where = fmt.Sprintf("SELECT '%s' AS resource, source_provider, CAST(calendar_date AS STRING) AS day, COUNT(*) AS n FROM %s WHERE %s GROUP BY resource, source_provider, day",
				b.table, b.table, b.where)
		}
		rows := s.query(t, where)
		for _, row := range rows {
			provider, _ := row[1].(string)
			n := int(row[3].(int64))
			if b.found != "" {
				places[place{b.found, b.table, row[0].(string), provider, row[2].(string)}] += n
			}
			places[place{check: b.inside, table: b.table}] += n
		}
		if len(rows) == 0 {
			t.Fatalf("nothing is broken: %s", b.do)
		}
		s.query(t, b.do+" WHERE "+b.where)
	}
	return places
}

var (
	bigQueryUsers = flag.Int("reconcile.bigquery.users", 3, "users of TestReconcileBigQuery, at least 3")
	bigQueryDays  = flag.Int("reconcile.bigquery.days", 2, "days of each")
)

// TestReconcileBigQuery: tables that run filled agree with the source; what is
// broken in them is found, and nothing else; what is published to repair it is
// folded by run, and then all agrees again.
func TestReconcileBigQuery(t *testing.T) {
	connectortest.Long(t)
	t.Parallel()
	a, w := newTold(t, *bigQueryUsers, *bigQueryDays), newWorld(t)
	run := w.run(t, "vitalsink", w.remote)
	if err := w.publishOver(t, mustLines(t, a.messages), time.Second); err != nil {
		t.Fatal(err)
	}
	w.settle(t, run)
	w.bigQuery.fold(t)
	for _, how := range [][]string{{"--share", "1"}, {}} {
		asked, jobs := a.Requests(junctiontest.AnyKind), len(w.bigQuery.Jobs())
		r := w.reconciles(t, a, exitDone, how...)
		if r.Outcome != reconcile.Agree || r.Expected == 0 || r.Found != r.Expected || r.Unsettled+r.Failed > 0 {
			t.Errorf("of tables that are right it says %+v", r.Report)
		}
		if n := a.Requests(junctiontest.AnyKind) - asked; int(r.Requests) != n {
			t.Errorf("it counts %d requests, the source %d", r.Requests, n)
		}
		t.Logf("%v: %d users, %d user-days, %d facts: %d requests (%.1f a user-day), %d bytes billed (%.1f MiB a user-day), %d jobs; compared %d, passed %d",
			how, r.Users, r.UserDays, r.Expected, r.Requests, float64(r.Requests)/float64(r.UserDays), r.Bytes,
			float64(r.Bytes)/float64(r.UserDays)/(1<<20), len(w.bigQuery.Jobs())-jobs, r.Units, r.Passed)
	}

	all := w.bigQuery.breaks(t, breaches(a))
	dry := w.reconciles(t, a, exitAttention, "--share", "1")
	if found, _ := driftOf(&dry); !maps.Equal(found, all) {
		t.Errorf("%s", differ(found, all))
	}
	mend := w.reconciles(t, a, asItSays, "--share", "1", "--repair", "--topic", "pubsub://"+demoProject+"/"+path.Base(demoTopic))
	found, mended := driftOf(&mend)
	if !maps.Equal(found, all) {
		t.Errorf("a dry run changed something: %s", differ(found, all))
	}
	for at, n := range found {
		// What the log knows to be wrong is so until run has folded, which it may
		// have by the end.
		if inside := at.check == connector.CheckBehind || at.check == connector.CheckUnequal; !inside && mended[at] != n || mended[at] > n {
			t.Errorf("of %v %d are repaired, of %d", at, mended[at], n)
		}
	}
	w.settle(t, run)
	w.stop(t, run)
	last := w.reconciles(t, a, exitDone, "--share", "1")
	if last.Outcome != reconcile.Agree || last.Drift+last.Unsettled > 0 || last.Found != last.Expected {
		t.Errorf("after the repair: %+v", last.Report)
	}
	w.balanced(t)
	(&comparison{
		TB: t, truth: a.truth, untold: []string{schemas.FetchesTable},
		besides: []string{"_version", "_version_at", "_message_id", "_extra", "team_id", "client_user_id", "event_type"},
	}).compareAll(w.bigQuery.copied(t))
}

// front stands before an API: answer says what a request is answered with, 0
// for what the API says.
func (a *audited) front(t *testing.T, answer func(r *http.Request) (status int)) {
	t.Helper()
	api, err := url.Parse(a.URL)
	if err != nil {
		t.Fatal(err)
	}
	behind := httputil.NewSingleHostReverseProxy(api)
	behind.ErrorLog = log.New(io.Discard, "", 0) // clients are killed
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status := answer(r); status != 0 {
			w.WriteHeader(status)
			return
		}
		behind.ServeHTTP(w, r)
	}))
	was := a.URL
	a.URL = s.URL
	t.Cleanup(func() {
		a.URL = was
		s.CloseClientConnections()
		s.Close()
	})
}

// inTurn are the ids of people in the order in which they are compared.
func (a *audited) inTurn() (ids []string) {
	hash := func(id string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(id))) }
	for _, p := range a.people {
		ids = append(ids, p.ID)
	}
	slices.SortFunc(ids, func(a, b string) int { return strings.Compare(hash(a), hash(b)) })
	return ids
}

// process is a reconcile of the file in a process of its own.
func (a *audited) process(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command("vitalsink", append(a.args(), args...)...)} // see TestMain
	p.Env = append(os.Environ(), "GORACE="+quickExit())
	p.Stdout, p.Stderr = &p.wrote, &p.wrote
	p.start(t)
	return p
}

// oneByOne is a budget with which people are compared one after the other, and
// that is enough for four.
var oneByOne = []string{"--max-requests", "240"}

// wantSame wants two reports to say the same, but for what has to differ.
func wantSame(t *testing.T, got, want reconciled) {
	t.Helper()
	for _, r := range []*reconciled{&got, &want} {
		report := *r.Report
		r.Report, r.Findings = &report, slices.Clone(r.Findings)
		r.RunID, r.StartedAt, r.EndedAt, r.Requests = "", time.Time{}, time.Time{}, 0
		for i := range r.Findings {
			if f := &r.Findings[i]; f.Check == connector.CheckFreshness {
				f.Found = 0 // seconds until now
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reports differ (-want +got):\n%s", diff)
	}
}

// TestReconcileKilled: a run that is stopped, and killed, goes on with --resume
// where it was, and ends with what one says that was not disturbed.
func TestReconcileKilled(t *testing.T) {
	connectortest.Long(t)
	a := newAudited(t, 4, 1)
	for i, f := range faults()[:4] {
		a.inject(t, f, a.people[i].ID)
	}
	turns, reached := a.inTurn(), make(chan struct{})
	var hung atomic.Pointer[string] // whose requests are not answered
	a.front(t, func(r *http.Request) int {
		if who := hung.Load(); who != nil && strings.Contains(r.URL.Path, *who) {
			if hung.CompareAndSwap(who, &turns[0]) { // who is done
				reached <- struct{}{}
				<-r.Context().Done()
			}
		}
		return 0
	})
	asked := func() int { return a.Requests(junctiontest.AnyKind) }
	whole := a.reconciles(t, exitAttention, oneByOne...)
	all := asked()
	if whole.Drift == 0 || whole.Users != 4 || whole.UsersDone != 4 {
		t.Fatalf("%+v", whole.Report)
	}

	hung.Store(&turns[2])
	p := a.process(t, oneByOne...)
	<-reached
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait() // the exit code says it
	if code := p.ProcessState.ExitCode(); code != exitFailed || !strings.Contains(p.wrote.String(), "stopped before the end; run it again with --resume for the rest") {
		t.Errorf("on SIGTERM it exits with %d: %s", code, p.wrote.String())
	}
	stopped := reported(t, p.wrote.String())
	if stopped.Outcome != reconcile.Stopped || stopped.UsersDone < 1 || stopped.UsersDone > 2 {
		t.Errorf("on SIGTERM it says %+v", stopped.Report)
	}

	hung.Store(&turns[3])
	p = a.process(t, append(oneByOne, "--resume")...)
	<-reached
	p.kill(t)
	hung.Store(nil)
	before := asked()
	last := a.reconciles(t, exitAttention, append(oneByOne, "--resume")...)
	if n := asked() - before; last.RunID != stopped.RunID || n >= all*3/4 {
		t.Errorf("run %s went on as %s, with %d requests of %d", stopped.RunID, last.RunID, n, all)
	}
	if !last.StartedAt.Equal(stopped.StartedAt) || last.Requests <= int64(asked()-before) {
		t.Errorf("of what was before it does not know: %+v", last.Report)
	}
	wantSame(t, last, whole)

	again := a.reconciles(t, exitAttention, append(oneByOne, "--resume")...)
	if again.RunID == last.RunID || again.RunID == whole.RunID {
		t.Error("--resume goes on with a run that has ended")
	}
	wantSame(t, again, whole)
	short := a.reconciles(t, exitFailed, "--max-requests", "60")
	if fresh := a.reconciles(t, exitAttention, oneByOne...); fresh.RunID == short.RunID {
		t.Error("without --resume it goes on with a run that was stopped")
	}
}

// reported is the JSON among what a process wrote.
func reported(t *testing.T, said string) (r reconciled) {
	t.Helper()
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, "{") {
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatalf("%v: %.500s", err, line)
			}
			return r
		}
	}
	t.Fatalf("there is no JSON in %s", said)
	return r
}

// TestReconcileBudget: with as many requests as one user takes and a few, each
// process gets one further, until all are done; with fewer none does.
func TestReconcileBudget(t *testing.T) {
	connectortest.Long(t)
	a := newAudited(t, 4, 1)
	a.inject(t, faults()[0], a.people[0].ID)
	whole := a.reconciles(t, exitAttention, oneByOne...)
	page := filepath.Join(t.TempDir(), "report.html")
	budget := []string{"--max-requests", "60", "--resume", "--html", page}
	var id string
	done, runs := 0, 0
	for done < 4 {
		before := a.Requests(junctiontest.AnyKind)
		var out, errs strings.Builder
		code := execute(t.Context(), append(a.args(), budget...), streams{nil, &out, &errs})
		r := reported(t, out.String())
		if n := a.Requests(junctiontest.AnyKind) - before; n > 60+4+20 { // what is under way, and second looks
			t.Errorf("%d requests, of 60", n)
		}
		if runs++; r.UsersDone <= done || id != "" && r.RunID != id {
			t.Fatalf("after %d users %s %+v", done, id, r.Report)
		}
		if id, done = r.RunID, r.UsersDone; done == 4 && code == exitAttention {
			wantSame(t, r, whole)
			break
		}
		if code != exitFailed || r.Outcome != reconcile.Stopped ||
			!strings.Contains(errs.String(), "stopped before the end, at --max-requests or --max-bytes; run it again with --resume for the rest\n") {
			t.Fatalf("it exits with %d: %s %+v", code, errs.String(), r.Report)
		}
		if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "Stopped before the end") {
			t.Errorf("the page does not say that it was stopped: %v", err)
		}
	}
	if runs < 3 {
		t.Errorf("%d runs, want several", runs)
	}
	var out, errs strings.Builder
	code := execute(t.Context(), append(a.args(), "--max-requests", "5"), streams{nil, &out, &errs})
	if r := reported(t, out.String()); code != exitFailed || r.UsersDone != 0 || !strings.Contains(errs.String(), "before anybody was compared to the end: give more of them") {
		t.Errorf("it exits with %d: %s %+v", code, errs.String(), r.Report)
	}
}

// TestReconcileFails: what cannot be asked is no drift, and nobody is named.
func TestReconcileFails(t *testing.T) {
	connectortest.Long(t)
	a := newAudited(t, 2, 1)
	clean := a.reconciles(t, exitDone)
	a.inject(t, faults()[0], a.people[0].ID)
	var answer atomic.Pointer[func(*http.Request) int]
	a.front(t, func(r *http.Request) int {
		if f := answer.Load(); f != nil {
			return (*f)(r)
		}
		return 0
	})
	is := func(f func(*http.Request) int) { answer.Store(&f) }
	broken := a.reconciles(t, exitAttention)

	is(func(r *http.Request) int {
		if strings.HasPrefix(r.URL.Path, "/v2/summary/sleep/") {
			return http.StatusBadRequest
		}
		return 0
	})
	failing := a.reconciles(t, exitFailed)
	if failing.Failed != 2 || failing.Expected == 0 || failing.Outcome != reconcile.Drift {
		t.Errorf("of an API that has no sleeps it says %+v", failing.Report)
	}
	for at, n := range drifted(&failing) {
		if at.resource == "sleep" || n > drifted(&broken)[at] {
			t.Errorf("of an API that has no sleeps it says %v: %d", at, n)
		}
	}
	is(func(r *http.Request) int {
		if strings.Contains(r.URL.Path, "/heartrate/") {
			return http.StatusBadRequest
		}
		return 0
	})
	page := filepath.Join(t.TempDir(), "report.html")
	if other := a.reconciles(t, exitFailed, "--user", a.people[1].ID, "--html", page); other.Failed != 1 || driftAgainst(&other) != 0 {
		t.Errorf("of an API without heart rates it says %+v", other.Report)
	}

	is(func(r *http.Request) int { // gone after introspection
		if strings.Contains(r.URL.Path, a.people[0].ID) {
			return http.StatusNotFound
		}
		return 0
	})
	if gone := a.reconciles(t, exitAttention); driftAgainst(&gone) != 0 || gone.Absent == 0 || gone.Failed != 0 || gone.Expected == 0 || gone.Expected >= clean.Expected {
		t.Errorf("of a user who is gone it says %+v", gone.Report)
	}
	var looks sync.Map
	is(func(r *http.Request) int { // gone between two looks
		if _, before := looks.LoadOrStore(r.URL.String(), true); before && strings.Contains(r.URL.Path, a.people[0].ID) {
			return http.StatusNotFound
		}
		return 0
	})
	if gone := a.reconciles(t, exitAttention); driftAgainst(&gone) != 0 || gone.Unsettled != driftAgainst(&broken) {
		t.Errorf("of a user who goes it says %+v, want %d unsettled", gone.Report, driftAgainst(&broken))
	}
	is(func(r *http.Request) int { // introspection does not work; all sleeps of a user are missing
		if strings.HasPrefix(r.URL.Path, "/v2/introspect/") {
			return http.StatusForbidden
		}
		return 0
	})
	if all := a.reconciles(t, exitAttention, "--share", "0"); driftAgainst(&all) != driftAgainst(&broken) {
		t.Errorf("without introspection it says %+v, with it %+v", all.Report, broken.Report)
	}
	answer.Store(nil)

	for says, args := range map[string][]string{
		"--user: Junction knows nothing of it": {"--user", a.people[0].ID, "--user", "9d57f370-0000-4000-8000-926b925f6f0e"},
	} {
		a.refuses(t, says, args...)
	}
	if twice := a.reconciles(t, exitAttention, "--user", a.people[1].ID, "--user", a.people[1].ID, "--resource", "sleep"); twice.Users != 1 || driftAgainst(&twice) != 0 {
		t.Errorf("of a user who is named twice it says %+v", twice.Report)
	}
	t.Setenv(keyVariable, "sk_us_wrong")
	a.refuses(t, "Junction does not accept the API key; look at "+keyVariable+", --environment and --region")
}

// refuses wants a reconcile to fail without a report, in one line that names
// nobody.
func (a *audited) refuses(t *testing.T, says string, args ...string) {
	t.Helper()
	var out, errs strings.Builder
	code := execute(t.Context(), append(a.args(), args...), streams{nil, &out, &errs})
	said := errs.String()
	if code != exitFailed || out.Len() > 0 || strings.Count(said, "\n") != 1 || !strings.Contains(said, says) || strings.Contains(said, "9d57f370") {
		t.Errorf("it exits with %d: %s%s", code, out.String(), said)
	}
}

// drifted is what a report says of drift against the source.
func drifted(r *reconciled) map[place]int {
	found, _ := driftOf(r)
	maps.DeleteFunc(found, func(at place, _ int) bool {
		return at.check != connector.CheckMissing && at.check != connector.CheckStale && at.check != connector.CheckExtra
	})
	return found
}

func driftAgainst(r *reconciled) (n int) {
	for _, one := range drifted(r) {
		n += one
	}
	return n
}

// TestReconcileAlone: a file has one process. What is written of it holds
// neither ids nor values.
func TestReconcileAlone(t *testing.T) {
	a := newAudited(t, 1, 1)
	const value = "123456.789"
	db, err := sql.Open("duckdb", a.file)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), "UPDATE store.timeseries SET value = "+value+" WHERE resource = 'heartrate' AND timestamp >= '"+a.population.Start.Format(time.DateOnly)+"'")
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	reached, let := make(chan struct{}), make(chan struct{})
	var once sync.Once
	a.front(t, func(r *http.Request) int {
		once.Do(func() {
			close(reached)
			<-let
		})
		return 0
	})
	page := filepath.Join(t.TempDir(), "report.html")
	p := a.process(t, "--html", page)
	<-reached
	a.refuses(t, "another process has the file open; one process per file")
	close(let)
	_ = p.Wait() // the exit code says it
	if code := p.ProcessState.ExitCode(); code != exitAttention {
		t.Fatalf("it exits with %d: %s", code, p.wrote.String())
	}
	html, err := os.ReadFile(page)
	if err != nil || !strings.Contains(string(html), "Drift remains") {
		t.Errorf("the page does not say what was found: %v", err)
	}
	rows := strings.Join(queried(t, a.file, "SELECT reconciliations::VARCHAR FROM main.reconciliations"), "\n")
	if !strings.Contains(rows, connector.CheckStale) || reported(t, p.wrote.String()).Drift == 0 {
		t.Errorf("nothing was found: %s", rows)
	}
	for what, text := range map[string]string{"output": p.wrote.String(), "page": string(html), "table": rows} {
		for _, secret := range []string{a.people[0].ID, a.people[0].ClientUserID, value} {
			if strings.Contains(text, secret) {
				t.Errorf("the %s holds %s", what, secret)
			}
		}
	}
}
