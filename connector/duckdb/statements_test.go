//go:build cgo

package duckdb

import (
	"flag"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitalsink/connector"
	"vitalsink/schemas"
)

var update = flag.Bool("update", false, "write testdata/sql/duckdb anew")

const goldenDir = "../../testdata/sql/duckdb"

// rendering renders statements as the warehouse does, by the name of their file.
type rendering struct {
	*store
	t     *testing.T
	texts map[string]string
}

func (r *rendering) add(name string) func(text string, err error) {
	return func(text string, err error) {
		r.t.Helper()
		if err != nil {
			r.t.Fatalf("%s: %v", name, err)
		}
		r.texts[name+".sql"] = strings.TrimSpace(text) + "\n"
	}
}

// statements are those of one table whose partition is part of the key and of
// one with a sticky column, and what there is beside them.
func statements(t *testing.T) map[string]string {
	templates, err := newTemplates()
	if err != nil {
		t.Fatal(err)
	}
	c := catalogue(t)
	r := &rendering{&store{catalogue: c, templates: templates, database: "warehouse"}, t, map[string]string{}}
	resources := map[string][]string{schemas.TimeseriesTable: {"heartrate"}}
	for _, name := range []string{schemas.TimeseriesTable, "sleep"} {
		table := c.Table(name)
		files := []string{"raise_fence", "count_fence", "count_log", "repeated", "contested", "superseded", "matched", "remove", "insert"}
		if table.StickyColumn() != "" {
			files = append(files, "lower")
		}
		if table.StickyColumn() != "" {
			r.add("lower_surplus_" + name)(r.render("lower_surplus.sql", inspectNamesOf(table)))
		}
		for _, file := range []string{"duplicates", "read_fence", "count_surplus", "surplus", "remove_surplus", "behind"} {
			r.add(file + "_" + name)(r.render(file+".sql", inspectNamesOf(table)))
		}
		for bounds, until := range map[string]time.Time{"": {}, "_of_days": time.Unix(1, 0)} {
			asked, _, err := askedFor(connector.FactsQuery{Table: table, Until: until, Resources: resources[name]})
			if err != nil {
				t.Fatal(err)
			}
			r.add("gather_" + name + bounds)(r.render("gather.sql", asked))
			r.add("tallies_" + name + bounds)(r.render("tallies.sql", asked))
		}
		files = append(files, "erased_in_merge", "count_erased", "raise_any_fence", "count_people", "remove_people", "remove_people_log")
		for _, file := range files {
			r.add(file + "_" + name)(r.render(file+".sql", namesOf(table)))
		}
		without := namesOf(table)
		without.Erased = true
		for _, file := range []string{"repeated", "contested", "superseded", "matched", "insert"} {
			r.add(file + "_without_erased_" + name)(r.render(file+".sql", without))
		}
		r.add("append_" + name)(r.appendStatement(table))
		for _, st := range storeTables(c, table) {
			r.add("create_table_" + st.Name)(r.render("create_table.sql", st))
		}
	}
	for _, name := range []string{"taken", "count_superseded", "count_matched", "pass_over_matched", "pending", "merged", "facts", "quarantine_growth", "erased", "is_erased", "page_of_bytes", "differences"} {
		r.add(name)(r.render(name+".sql", nil))
	}
	r.add("quarantined_ids")(r.render("quarantined_ids.sql", quarantinedNames{Most: mostQuarantined}))
	r.add("quarantined_ids_by_reason")(r.render("quarantined_ids.sql", quarantinedNames{ByReason: true, Most: mostQuarantined}))
	r.add("quarantined")(r.render("quarantined.sql", quarantinedNames{}))
	r.add("quarantined_payload")(r.render("quarantined.sql", quarantinedNames{Payload: true}))
	r.add("unanswered_users")(r.render("unanswered.sql", noticeNames{Most: usersAtOnce}))
	r.add("unanswered")(r.render("unanswered.sql", noticeNames{Users: true}))
	r.add("leftovers")(r.render("leftovers.sql", noticeNames{Most: leftoversAtOnce}))
	r.add("fetched_by_hand")(r.render("fetched_by_hand.sql", nil))
	r.add("books")(r.render("books.sql", r.booksNames()))
	r.add("fences")(r.render("fences.sql", versionedNames(c)))
	r.add("table_rows")(r.render("table_rows.sql", versionedNames(c)))
	r.add("findings")(r.render("findings.sql", r.findingsNames(true)))
	r.add("findings_marks")(r.render("findings.sql", r.findingsNames(false)))
	r.add("erasures")(r.render("erasures.sql", namesOf(c.Table(schemas.ErasuresTable))))
	r.add("client_user_ids")(r.render("client_user_ids.sql", namingTables(c)))
	r.add("user_ids")(r.render("user_ids.sql", namingTables(c)))
	for _, name := range []string{schemas.QuarantineTable, schemas.EventsTable} {
		for suffix, log := range map[string]bool{"": false, "_log": true} {
			names, err := namelessNamesOf(c.Table(name), log)
			if err != nil {
				t.Fatal(err)
			}
			r.add("gather_nameless_" + name + suffix)(r.render("gather_nameless.sql", names))
			r.add("remove_nameless" + suffix + "_" + name)(r.render("remove_nameless"+suffix+".sql", names))
		}
	}
	for _, name := range []string{schemas.BatchesTable, schemas.MergesTable, schemas.ReconciliationsTable, schemas.ErasuresTable} {
		r.add("insert_row_" + name)(r.insertStatement(c.Table(name), 1))
		r.add("create_table_" + name)(r.render("create_table.sql", storeTables(c, c.Table(name))[0]))
	}
	for _, v := range c.Views() {
		// Of a table, of a resource, with a column that is hidden, of an
		// append-only table.
		if slices.Contains([]string{"sleep", "heartrate", "note", schemas.QuarantineTable, schemas.BatchesTable}, v.Name) {
			r.add("create_view_" + v.Name)(r.viewStatement(v))
		}
	}
	return r.texts
}

// TestStatements compares the statements with files that a person can read.
// With -update it writes them.
func TestStatements(t *testing.T) {
	got := statements(t)
	files, err := filepath.Glob(filepath.Join(goldenDir, "*.sql"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if _, ok := got[filepath.Base(file)]; ok {
			continue
		}
		if !*update {
			t.Errorf("%s: no such statement; write the files anew with -update", file)
		} else if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		file := filepath.Join(goldenDir, name)
		if *update {
			if err := os.WriteFile(file, []byte(got[name]), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), got[name]); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// TestStatementsComplete: every template is among them, by itself or within
// another.
func TestStatementsComplete(t *testing.T) {
	names := slices.Collect(maps.Keys(statements(t)))
	err := fs.WalkDir(sqlFiles, "sql", func(path string, d fs.DirEntry, err error) error {
		template := strings.TrimSuffix(d.Name(), ".sql")
		if d.IsDir() || slices.Contains([]string{"batches", "source", "asked", "on_days", "shared", "erased_users", "people", "removable", "named", "no_user"}, template) { // parts of others
			return err
		}
		if !slices.ContainsFunc(names, func(n string) bool { return n == template+".sql" || strings.HasPrefix(n, template+"_") }) {
			t.Errorf("%s is in no file of %s", path, goldenDir)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
