//go:build cgo

package main

import (
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"vitalsink/connector"
	"vitalsink/connector/connectortest"
	"vitalsink/connector/junction/junctiontest"
	"vitalsink/connector/reconcile"
	"vitalsink/connector/synth"
)

var (
	reconcileUsers = flag.Int("reconcile.users", 8, "users of TestReconcileFaults")
	reconcileDays  = flag.Int("reconcile.days", 3, "days of each")
)

// audited is a source, and files with what events told of the same people.
type audited struct {
	*junctiontest.Server
	population      *synth.Population
	messages, truth string
	file            string // a warehouse into which the messages were loaded
	people          []synth.User
}

// newAudited is one with a file.
func newAudited(t testing.TB, users, days int) *audited {
	t.Helper()
	t.Setenv(keyVariable, "sk_us_standin")
	a := newTold(t, users, days)
	a.file = loadedFile(t, a.messages)
	return a
}

// newTold is one without. What it tells of ends yesterday: until today is what
// is compared.
func newTold(t testing.TB, users, days int) *audited {
	t.Helper()
	start := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -days-1)
	a := &audited{
		Server:     junctiontest.New(junctiontest.Config{}),
		population: &synth.Population{Users: users, Days: days, Seed: 7, Start: start, Duplicates: 0.02, Disorder: 0.05, Updates: 0.05},
	}
	t.Cleanup(a.Close)
	a.messages, a.truth = generated(t, "--users", fmt.Sprint(users), "--days", fmt.Sprint(days), "--seed", "7", "--start", start.Format(time.DateOnly), "--late", "0")
	if _, err := a.Fill(t.Context(), a.population, mustCatalogue(t)); err != nil {
		t.Fatal(err)
	}
	a.people = a.population.People(mustCatalogue(t))
	return a
}

// reconciles runs a reconcile of all, and returns what it says.
func (a *audited) reconciles(t testing.TB, code int, args ...string) (r reconciled) {
	t.Helper()
	var out, errs strings.Builder
	if got := execute(t.Context(), append(a.args(), args...), streams{nil, &out, &errs}); got != code {
		t.Fatalf("reconcile exited with %d, want %d: %s%.2000s", got, code, out.String(), errs.String())
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

// args are those of a reconcile of all.
func (a *audited) args() []string {
	return []string{
		"reconcile", "--api-url", a.URL, "--request-rate", "1000", "--row-rate", "1e6", "--json", "--warehouse", "duckdb://" + a.file,
		"--since", fmt.Sprintf("%dd", a.population.Days+4), "--sample", "0", "--share", "1",
	}
}

// place is where a fault is to be found.
type place struct{ check, table, resource, provider, day string }

// fault is a statement that breaks something, after one that says where: for
// each row the table, resource, provider and day.
type fault struct {
	name   string
	found  string // the check against the source that finds it
	inside string // the check within the warehouse that does, "" for none
	where  string
	break_ string
}

// faults are of one user each, so that they do not meet.
func faults() []fault {
	const (
		samples  = "SELECT 'timeseries', resource, provider, strftime(timestamp, '%Y-%m-%d'), rowid FROM store.timeseries WHERE user_id = $1 AND timestamp >= $2"
		sleep    = "SELECT 'sleep', 'sleep', source_provider, strftime(calendar_date, '%Y-%m-%d'), rowid FROM store.sleep WHERE user_id = $1 AND calendar_date >= $2"
		activity = "SELECT 'activity', 'activity', source_provider, strftime(calendar_date, '%Y-%m-%d'), rowid FROM store.activity WHERE user_id = $1 AND calendar_date >= $2"
		some     = " AND resource IN ('heartrate', 'steps', 'glucose', 'calories_active') AND hash(timestamp) % 40 = 0"
	)
	in := func(table string) string { return " IN (SELECT id FROM broken WHERE place = '" + table + "')" }
	return []fault{
		{"rows removed", connector.CheckMissing, connector.CheckBehind, samples + some + " UNION ALL " + sleep,
			"DELETE FROM store.timeseries WHERE rowid" + in("timeseries") + "; DELETE FROM store.sleep WHERE rowid" + in("sleep")},
		{"values changed", connector.CheckStale, connector.CheckUnequal, samples + some + " AND value IS NOT NULL UNION ALL " + activity,
			"UPDATE store.timeseries SET value = value + 0.5 WHERE rowid" + in("timeseries") + "; UPDATE store.activity SET steps = coalesce(steps, 0) + 1 WHERE rowid" + in("activity")},
		{"an older version put back", connector.CheckStale, connector.CheckBehind, samples + some + " AND value IS NOT NULL UNION ALL " + sleep,
			`UPDATE store.timeseries SET value = value - 1, _version = '\x00\x01'::BLOB || _version[3:], _version_at = '2001-01-01' WHERE rowid` + in("timeseries") +
				`; UPDATE store.sleep SET duration = -1, _version = '\x00\x01'::BLOB || _version[3:] WHERE rowid` + in("sleep")},
		{"a duplicate inserted", connector.CheckDuplicate, "", samples + some + " UNION ALL " + sleep,
			"INSERT INTO store.timeseries SELECT * FROM store.timeseries WHERE rowid" + in("timeseries") + "; INSERT INTO store.sleep SELECT * FROM store.sleep WHERE rowid" + in("sleep")},
		{"a whole day missing", connector.CheckMissing, connector.CheckBehind,
			samples + " AND strftime(timestamp, '%Y-%m-%d') = (SELECT min(strftime(timestamp, '%Y-%m-%d')) FROM store.timeseries WHERE user_id = $1 AND timestamp >= $2 AND resource = 'heartrate')",
			"DELETE FROM store.timeseries WHERE rowid" + in("timeseries")},
		{"one provider missing", connector.CheckMissing, connector.CheckBehind,
			samples + " AND provider = (SELECT min(provider) FROM store.timeseries WHERE user_id = $1 AND timestamp >= $2)", "DELETE FROM store.timeseries WHERE rowid" + in("timeseries")},
	}
}

// inject breaks the file by a fault about a user, and says where.
func (a *audited) inject(t testing.TB, f fault, user string) (places map[place]int) {
	t.Helper()
	db, err := sql.Open("duckdb", a.file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // what it did is committed
	db.SetMaxOpenConns(1)
	where := strings.NewReplacer("$1", "'"+user+"'", "$2", "'"+a.population.Start.Format(time.DateOnly)+"'").Replace(f.where)
	if _, err := db.ExecContext(t.Context(), `SET TimeZone = 'UTC'; CREATE TEMP TABLE broken (place VARCHAR, resource VARCHAR, provider VARCHAR, day VARCHAR, id BIGINT);
		INSERT INTO broken `+where+"; "+f.break_); err != nil {
		t.Fatalf("%s: %v", f.name, err)
	}
	rows, err := db.QueryContext(t.Context(), "SELECT place, resource, coalesce(provider, ''), day, count(*) FROM broken GROUP BY ALL")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	places = map[place]int{}
	for rows.Next() {
		at, n := place{check: f.found}, 0
		if err := rows.Scan(&at.table, &at.resource, &at.provider, &at.day, &n); err != nil {
			t.Fatal(err)
		}
		if f.found == connector.CheckDuplicate { // which is found within the warehouse
			at = place{check: f.found, table: at.table}
		}
		places[at] += n
		if f.inside != "" {
			places[place{check: f.inside, table: at.table}] += n
		}
	}
	if err := rows.Err(); err != nil || len(places) == 0 {
		t.Fatalf("%s: nothing is broken: %v", f.name, err)
	}
	return places
}

// forget removes facts of a user from the source.
func (a *audited) forget(t testing.TB, user int) (places map[place]int) {
	t.Helper()
	places = map[place]int{}
	var keys []string
	i := 0
	for held, err := range a.population.Records(t.Context(), mustCatalogue(t)) {
		if err != nil {
			t.Fatal(err)
		}
		if i++; i != user+1 {
			continue
		}
		for n, r := range held.Records {
			sleep, beat := r.Resource == "sleep" && n%2 == 0, r.Resource == "heartrate" && n%50 == 0
			if !sleep && !beat {
				continue
			}
			table := "timeseries"
			if sleep {
				table = "sleep"
			}
			keys = append(keys, r.Key)
			places[place{connector.CheckExtra, table, r.Resource, r.Provider, r.At.Format(time.DateOnly)}]++
		}
	}
	a.Remove(keys...)
	return places
}

// drift is what a report says, by place.
func driftOf(r *reconciled) (found, repaired map[place]int) {
	found, repaired = map[place]int{}, map[place]int{}
	for _, f := range r.Findings {
		if f.Drift > 0 && f.Check != connector.CheckCompared {
			at := place{f.Check, f.Table, f.Resource, f.Provider, f.Day}
			found[at], repaired[at] = f.Drift, f.Repaired
		}
	}
	return found, repaired
}

// TestReconcileFaults breaks a warehouse in every way that is known, wants each
// fault found, nothing else, and all of it repaired.
func TestReconcileFaults(t *testing.T) {
	connectortest.Long(t)
	a := newAudited(t, *reconcileUsers, *reconcileDays)
	clean := a.reconciles(t, exitDone)
	if clean.Outcome != reconcile.Agree || clean.Expected == 0 || clean.Found != clean.Expected || clean.Drift+clean.Unsettled+clean.Failed > 0 {
		t.Fatalf("of a warehouse that is right it says %+v", clean.Report)
	}
	injected, all := map[string]map[place]int{}, map[place]int{}
	names := []string{}
	for i, f := range faults() {
		injected[f.name], names = a.inject(t, f, a.people[i].ID), append(names, f.name)
	}
	injected["gone from the source"], names = a.forget(t, len(names)), append(names, "gone from the source")
	for _, places := range injected {
		for at, n := range places {
			all[at] += n
		}
	}
	dry := a.reconciles(t, exitAttention)
	found, _ := driftOf(&dry)
	if !maps.Equal(found, all) {
		t.Errorf("%s", differ(found, all))
	}
	before := a.reconciles(t, exitAttention, "--repair")
	if again, mended := driftOf(&before); !maps.Equal(again, all) {
		t.Errorf("a dry run changed something: %s", differ(again, all))
	} else {
		for at, n := range again {
			if want := n; mended[at] != want && at.check != connector.CheckExtra || at.check == connector.CheckExtra && mended[at] != 0 {
				t.Errorf("of %v %d are repaired, of %d", at, mended[at], n)
			}
		}
	}
	extra := a.reconciles(t, exitDone, "--repair", "--delete-extra")
	if extra.Outcome != reconcile.Repaired || extra.Repaired != extra.Drift {
		t.Errorf("%+v", extra.Report)
	}
	last := a.reconciles(t, exitDone)
	if last.Outcome != reconcile.Agree || last.Drift+last.Unsettled > 0 || last.Found != last.Expected {
		t.Errorf("after the repair: %+v", last.Report)
	}
	checkFile(t, a.file)
	table(t, names, injected, &dry, &before, &extra, clean)
}

func checkFile(t testing.TB, file string) {
	t.Helper()
	var out, errs strings.Builder
	if code := execute(t.Context(), []string{"check", "--warehouse", "duckdb://" + file}, streams{nil, &out, &errs}); code != exitDone {
		t.Errorf("check exited with %d: %s%s", code, out.String(), errs.String())
	}
}

// differ says how two maps differ.
func differ(got, want map[place]int) string {
	var b strings.Builder
	for at, n := range want {
		if got[at] != n {
			fmt.Fprintf(&b, "%v: %d, want %d\n", at, got[at], n)
		}
	}
	for at, n := range got {
		if want[at] == 0 {
			fmt.Fprintf(&b, "%v: %d, which is a false alarm\n", at, n)
		}
	}
	return b.String()
}

// table logs what became of each fault.
func table(t testing.TB, names []string, injected map[string]map[place]int, dry, repair, extra *reconciled, clean reconciled) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	found, _ := driftOf(dry)
	_, mended := driftOf(repair)
	_, deleted := driftOf(extra)
	fmt.Fprintf(w, "%d users, %d days of users, %d facts, %d requests a run\n", clean.Users, clean.UserDays, clean.Expected, clean.Requests)
	fmt.Fprintln(w, "fault\tby check\tinjected\tfound\trepaired")
	sum := 0
	for _, name := range names {
		byCheck := map[string][3]int{}
		for at, n := range injected[name] {
			c := byCheck[at.check]
			c[0] += n
			// Faults share places within the warehouse: of those, what was injected here.
			c[1] += min(n, found[at])
			c[2] += min(n, mended[at]+deleted[at])
			byCheck[at.check] = c
			sum += n
		}
		for _, check := range slices.Sorted(maps.Keys(byCheck)) {
			c := byCheck[check]
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\n", name, check, c[0], c[1], c[2])
		}
	}
	all := 0
	for _, n := range found {
		all += n
	}
	fmt.Fprintf(w, "false alarms\t\t\t%d\n", all-sum)
	_ = w.Flush()
	t.Log("\n" + b.String())
}

// TestMeter: bytes of days that are over count too.
func TestMeter(t *testing.T) {
	day := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	var m meter
	for _, c := range []struct {
		bill connector.Bill
		want int64
	}{
		{connector.Bill{Day: day, Bytes: 5}, 5}, {connector.Bill{Day: day, Bytes: 9}, 9}, {connector.Bill{Day: day.AddDate(0, 0, 1), Bytes: 0}, 9},
		{connector.Bill{Day: day, Bytes: 9}, 9}, {connector.Bill{Day: day.AddDate(0, 0, 1), Bytes: 4}, 13},
	} {
		if got := m.read(c.bill); got != c.want {
			t.Errorf("%+v: %d, want %d", c.bill, got, c.want)
		}
	}
}
