package bigquery

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitalsink/connector"
	"vitalsink/schemas"
)

var update = flag.Bool("update", false, "write the golden statements anew")

const goldenDir = "../../testdata/sql/bigquery"

// TestStatements: what BigQuery is asked to run, as files to read.
func TestStatements(t *testing.T) {
	rendered := renderAll(t)
	if *update {
		for name, text := range rendered {
			if err := os.WriteFile(filepath.Join(goldenDir, name), []byte(text+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(goldenDir, "*.sql"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), rendered[name]+"\n"); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		delete(rendered, name)
	}
	for name := range rendered {
		t.Errorf("%s is not there; write it with -update", name)
	}
}

func mustDay(s string) time.Time {
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return d
}

// renderAll renders each statement for the tables that differ in it.
func renderAll(t *testing.T) map[string]string {
	t.Helper()
	c, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	s, err := newStatements("project", "health")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	render := func(name, file string, names any) {
		t.Helper()
		text, err := s.render(file, names)
		if err != nil {
			t.Fatal(err)
		}
		out[name+".sql"] = text
	}
	render("pending", "pending.sql", pendingNames{maxPending, c.Version})
	render("quarantined_ids", "quarantined_ids.sql", quarantinedNames{Most: mostQuarantined})
	render("quarantined_ids_by_reason", "quarantined_ids.sql", quarantinedNames{ByReason: true, Most: mostQuarantined})
	render("quarantined", "quarantined.sql", quarantinedNames{})
	render("quarantined_payload", "quarantined.sql", quarantinedNames{Payload: true})
	render("unanswered_users", "unanswered.sql", noticeNames{Most: usersAtOnce})
	render("unanswered", "unanswered.sql", noticeNames{Users: true})
	render("fetched_streams", "fetched_streams.sql", nil)
	render("leftovers", "leftovers.sql", noticeNames{Most: leftoversAtOnce})
	render("fetched_by_hand", "fetched_by_hand.sql", nil)
	render("books", "books.sql", namesOfBooks(c, connector.Window{Since: mustDay("2026-11-23")}))
	render("billed", "billed.sql", mustDay("2026-11-23"))
	for _, table := range []string{"timeseries", "sleep", "devices", "quarantine"} {
		m := goldenMerge(c.Table(table))
		n := namesFor(m, maxPartitions)
		n.Part = n.Parts[0]
		render("probe_"+table, "probe.sql", n)
		render("merge_insert_"+table, "merge.sql", n)
		render("landed_"+table, "landed.sql", n)
		render("fill_fence_"+table, "fill_fence.sql", n)
		n.Updates = updatesOf(m.Table, []probed{{day: mustDay("2026-11-22")}, {null: true}}, maxPartitions)
		render("merge_update_"+table, "merge.sql", n)
		for i, r := range n.reads() {
			render(fmt.Sprintf("read_%d_%s", i, table), "read.sql", r)
		}
	}
	renderReconcile(t, c, s, render)
	renderErase(t, c, render)
	wide := goldenMerge(c.Table("timeseries"))
	for i := range 4_500 { // more than a statement may change
		wide.Batches[0].Days = append(wide.Batches[0].Days, mustDay("2010-01-01").Add(time.Duration(i)*day))
	}
	render("merge_wide_timeseries", "merge.sql", namesFor(wide, maxPartitions))
	for _, v := range c.Views() {
		render("view_"+v.Name, "view.sql", viewNames{v})
	}
	return out
}

// renderReconcile renders what reconcile asks, for tables that differ in it.
func renderReconcile(t *testing.T, c *schemas.Catalogue, s *statements, render func(name, file string, names any)) {
	t.Helper()
	w := &Warehouse{statements: s, catalogue: c, pending: maxPending}
	since := time.Date(2026, 11, 23, 10, 0, 0, 123456000, time.UTC)
	render("merged", "merged.sql", mergedNamesOf(since))
	render("quarantine_growth", "quarantine_growth.sql", growthNames{Since: since, Before: since.Add(-day)})
	render("findings", "findings.sql", namesOfFindings(c, "r1", time.Time{}))
	render("findings_marks", "findings.sql", namesOfFindings(c, "", since))
	for _, name := range []string{"timeseries", "sleep", "electrocardiogram", "devices"} {
		table := c.Table(name)
		q := connector.FactsQuery{Table: table, Users: []string{"u1"}, From: mustDay("2026-11-22"), Until: mustDay("2026-11-24")}
		if name == schemas.TimeseriesTable {
			q.Resources = []string{"heartrate", "glucose"}
		}
		render("facts_"+name, "facts.sql", w.namesOfFacts(q))
		render("tallies_"+name, "tallies.sql", w.namesOfFacts(q))
		behind := w.namesOfBehind(table, goldenMerge(table).Batches)
		render("behind_"+name, "behind.sql", behind.With(behind.Parts[0]))
		places := placesOf(table, []time.Time{mustDay("2019-03-01"), mustDay("2026-11-22"), mustDay("2026-11-23")})
		render("duplicates_"+name, "duplicates.sql", duplicatesNames{namesOf(table), places[0], mostExamples})
		render("remove_"+name, "remove.sql", removeNames(table, places))
	}
}

// renderErase renders what an erasure asks, for tables that differ in it.
func renderErase(t *testing.T, c *schemas.Catalogue, render func(name, file string, names any)) {
	t.Helper()
	render("erasures", "erasures.sql", namesOfErasures(c))
	render("erased_hashes", "erased_hashes.sql", nil)
	render("links_client_user_ids", "links.sql", linksOf(c, "client_user_id"))
	render("links_user_ids", "links.sql", linksOf(c, "user_id"))
	now := time.Date(2026, 11, 23, 10, 0, 0, 123456000, time.UTC)
	logDays := bounds{Column: "_appended_at", Runs: runsOf([]time.Time{mustDay("2026-11-22"), mustDay("2026-11-23")})}
	for _, name := range []string{"timeseries", "sleep", "devices"} {
		table := c.Table(name)
		n := eraseNamesOf(table, now)
		render("bump_fence_"+name, "bump_fence.sql", namesOf(table))
		render("count_people_"+name, "count_people.sql", n)
		render("whereabouts_"+name, "whereabouts.sql", n)
		places := updatesOf(table, []probed{{day: mustDay("2026-11-22")}, {null: table.StickyColumn() != ""}}, maxPartitions)
		render("erase_"+name, "erase.sql", n.With(false, places[0]))
		render("erase_log_"+name, "erase.sql", n.With(true, logDays))
	}
	for _, name := range []string{schemas.QuarantineTable, schemas.EventsTable} {
		table := c.Table(name)
		for file, log := range map[string]bool{"nameless_" + name: false, "nameless_log_" + name: true} {
			n, err := namesOfNameless(table, log)
			if err != nil {
				t.Fatal(err)
			}
			render(file, "nameless.sql", n)
		}
		columns, _ := namelessOf(table)
		n := eraseNamesOf(table, now)
		n.Nameless = columns.ID
		render("whereabouts_nameless_"+name, "whereabouts.sql", n)
		render("erase_nameless_"+name, "erase.sql", n.With(false, updatesOf(table, []probed{{null: true}}, maxPartitions)[0]))
		render("erase_nameless_log_"+name, "erase.sql", n.With(true, logDays))
	}
}

// goldenMerge is a merge of two batches, with a day of 2019 among those of
// today, and a row without a day where there can be one.
func goldenMerge(t *schemas.Table) *connector.Merge {
	appended := time.Date(2026, 11, 23, 10, 0, 0, 123456000, time.UTC)
	b := connector.Registered{ID: "b1", Table: t.Name, AppendedAt: appended, Rows: 3, CatalogueVersion: 1}
	if t.Partition != nil {
		b.Days = []time.Time{mustDay("2019-03-01"), mustDay("2026-11-22"), mustDay("2026-11-23")}
	}
	if t.StickyColumn() != "" {
		b.RowsWithoutDay = 1
	}
	if t.IsKey("resource") {
		b.Resources = []string{"heartrate", "glucose"}
	}
	return &connector.Merge{
		ID: "m1", Table: t, Fence: 7, MergedAt: appended.Add(time.Minute),
		Batches: []connector.Registered{b, {ID: "b2", Table: t.Name, AppendedAt: appended.Add(time.Second), Rows: 1}},
	}
}
