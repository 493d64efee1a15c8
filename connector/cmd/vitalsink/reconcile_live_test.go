//go:build cgo && linux

package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"path"
	"strings"
	"testing"
	"time"

	bq "cloud.google.com/go/bigquery"
	"google.golang.org/api/iterator"

	"vitalsink/connector"
	"vitalsink/connector/connectortest"
	"vitalsink/connector/junction/junctiontest"
	"vitalsink/connector/reconcile"
	"vitalsink/schemas"
)

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
	if got := p.ProcessState.ExitCode(); got != code {
		t.Fatalf("reconcile exits with %d, want %d: %.3000s%.3000s", got, code, out.String(), errs.String())
	}
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
		t.Fatalf("%v: %.500s", err, out.String())
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
	client, err := bq.NewClient(t.Context(), bigQueryProject, s.REST()...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close() //nolint:errcheck // the job has been waited for
	q := client.Query(statement)
	q.Location, q.DefaultProjectID, q.DefaultDatasetID = "EU", bigQueryProject, bigQueryDataset+"_store"
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
	mend := w.reconciles(t, a, exitAttention, "--share", "1", "--repair", "--topic", "pubsub://"+demoProject+"/"+path.Base(demoTopic))
	found, mended := driftOf(&mend)
	if !maps.Equal(found, all) {
		t.Errorf("a dry run changed something: %s", differ(found, all))
	}
	for at, n := range found {
		// What the log knows to be wrong is so until run has folded.
		if inside := at.check == connector.CheckBehind || at.check == connector.CheckUnequal; !inside && mended[at] != n || inside && mended[at] != 0 {
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
