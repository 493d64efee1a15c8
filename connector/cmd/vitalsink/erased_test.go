//go:build cgo

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitalsink/connector"
	"vitalsink/connector/connectortest"
	"vitalsink/connector/duckdb"
	"vitalsink/schemas"
)

// inFile does something to a warehouse.
func inFile(t *testing.T, file string, do func(*duckdb.Warehouse) error) {
	t.Helper()
	w, err := duckdb.Open(t.Context(), duckdb.Config{Path: file, Catalogue: mustCatalogue(t)})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(do(w), w.Close()); err != nil {
		t.Fatal(err)
	}
}

// eraseIn records that somebody is erased, and removes the rows that say whose
// they are.
func eraseIn(t *testing.T, file, user string) {
	t.Helper()
	hash := connector.UserHash(user)
	inFile(t, file, func(w *duckdb.Warehouse) error {
		err := w.RecordErasures(t.Context(), []connector.Erasure{{
			ID: "e1", Entry: connector.EntryErase, UserHash: hash, RecordedAt: time.Now().UTC().Truncate(time.Microsecond), RequestedBy: "test",
		}})
		for _, table := range mustCatalogue(t).Versioned() {
			_, removeErr := w.RemovePeople(t.Context(), table, []string{hash})
			err = errors.Join(err, removeErr)
		}
		return err
	})
}

// says runs a command, which is not to name somebody, and returns what it says.
func says(t *testing.T, user string, code int, args ...string) string {
	t.Helper()
	var out, errs strings.Builder
	if got := execute(t.Context(), args, streams{nil, &out, &errs}); got != code {
		t.Errorf("%s exited with %d, want %d: %s%s", args[0], got, code, out.String(), errs.String())
	}
	if said := strings.ToLower(out.String() + errs.String()); strings.Contains(said, user) || strings.Contains(said, connector.UserHash(user)) {
		t.Errorf("%s says who is erased", args[0])
	}
	return out.String() + errs.String()
}

// TestErasedStayAway: whatever door somebody's data would come back through who
// is erased, it does not, and nothing of the others changes.
func TestErasedStayAway(t *testing.T) {
	connectortest.Long(t)
	a := newAudited(t, 3, 2)
	user := a.people[0].ID
	torn := filepath.Join(t.TempDir(), "torn.ndjson")
	if err := os.WriteFile(torn, fmt.Appendf(nil, `{"event_type":"lab.order","data":{"for":"%s"`+"\n", user), 0o600); err != nil {
		t.Fatal(err)
	}
	where, api := []string{"--warehouse", "duckdb://" + a.file}, []string{"--api-url", a.URL, "--request-rate", "1000", "--row-rate", "1e6"}
	args := func(command string, parts ...[]string) []string {
		return slices.Concat(append([][]string{{command}}, parts...)...)
	}
	says(t, user, exitAttention, args("load", where, []string{torn})...)
	before, id := a.others(t, user), queried(t, a.file, "SELECT message_id FROM quarantine WHERE reason = 'not_json'")[0]
	eraseIn(t, a.file, user)
	if replayed := says(t, user, exitDone, args("replay", where, []string{"quarantine", "--message", id})...); !strings.Contains(replayed, "+ 1 erased") {
		t.Errorf("replay says: %s", replayed)
	}
	inFile(t, a.file, func(w *duckdb.Warehouse) error { // what an erasure finds by a search
		_, err := w.RemoveNameless(t.Context(), mustCatalogue(t).Table(schemas.QuarantineTable), []string{id})
		return err
	})
	for _, again := range []string{torn, a.messages} {
		if loaded := says(t, user, exitDone, args("load", where, []string{again})...); !strings.Contains(loaded, " erased\n") == (again == a.messages) {
			t.Errorf("load says: %s", loaded)
		}
	}
	byHand := []string{"--from", a.population.Start.Format(time.DateOnly), "--resource", "sleep", "--resource", "heartrate"}
	for _, of := range [][]string{{"--all-users"}, {"--all-users", "--dry-run"}} {
		if filled := says(t, user, exitDone, args("backfill", where, api, byHand, of, []string{"--json"})...); !strings.Contains(filled, `"users":2,"erased":1,`) {
			t.Errorf("backfill says: %s", filled)
		}
	}
	if found := a.reconciles(t, exitDone, "--repair", "--delete-extra"); found.Erased != 1 || found.Users != 2 || found.Drift != 0 {
		t.Errorf("reconcile says: %+v", found.Result)
	}
	for _, named := range [][]string{args("backfill", where, api, byHand, []string{"--user", user}), append(a.args(), "--user", user)} {
		if refused := says(t, user, exitFailed, named...); !strings.Contains(refused, "that user is erased") || !strings.Contains(refused, "--lift") {
			t.Errorf("%s says: %s", named[0], refused)
		}
	}
	for _, table := range a.tables(t) {
		for _, name := range []string{table, table + "_log"} {
			if n := queried(t, a.file, "SELECT count(*)::VARCHAR FROM store."+name+" AS r WHERE lower(r::VARCHAR) LIKE '%"+user+"%'"); n[0] != "0" {
				t.Errorf("%s rows of %s are theirs", n[0], name)
			}
		}
	}
	if diff := cmp.Diff(before, a.others(t, user)); diff != "" {
		t.Errorf("others, before (-) and after (+):\n%.3000s", diff)
	}
}

// tables are the names of all that are versioned.
func (a *audited) tables(t *testing.T) (names []string) {
	for _, table := range mustCatalogue(t).Versioned() {
		names = append(names, table.Name)
	}
	return names
}

// others is how many rows the latest tables have of each of the others, but for
// what a backfill writes anew.
func (a *audited) others(t *testing.T, user string) (rows []string) {
	t.Helper()
	for _, table := range a.tables(t) {
		if table != schemas.FetchesTable && table != schemas.QuarantineTable {
			rows = append(rows, queried(t, a.file, "SELECT concat_ws(' ', '"+table+"', user_id, count(*)) FROM store."+table+
				" WHERE user_id <> '"+user+"' AND NOT _deleted GROUP BY user_id ORDER BY ALL")...)
		}
	}
	return rows
}
