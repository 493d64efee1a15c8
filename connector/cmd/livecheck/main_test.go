//go:build cgo

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	bq "cloud.google.com/go/bigquery"
	"go.uber.org/goleak"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/iterator"

	"vitalsink/connector/bigquery/bigquerytest"
	"vitalsink/connector/connectortest"
	"vitalsink/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var denied = &googleapi.Error{Code: http.StatusForbidden, Errors: []googleapi.ErrorItem{{Reason: "accessDenied"}}}

// tried is a run against a stand-in.
type tried struct {
	code      int
	checklist string
	report
}

func start(t *testing.T, cfg bigquerytest.Config) *bigquerytest.Server {
	t.Helper()
	cfg.Location = "EU"
	server, err := bigquerytest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// try runs the checks with these flags against a stand-in, and wants its
// datasets to be gone afterwards. prepare may spoil it.
func try(t *testing.T, cfg bigquerytest.Config, prepare func(*bigquerytest.Server, context.CancelFunc), o options) tried {
	t.Helper()
	server := start(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if prepare != nil {
		prepare(server, cancel)
	}
	o.Location, o.MaxDollars, o.JSON = "EU", 5, true
	var out, errs bytes.Buffer
	r, err := look(ctx, o, standInAt(server), streams{&out, &errs})
	if err != nil {
		t.Fatal(err)
	}
	result := tried{code: r.code(), checklist: errs.String()}
	if err := json.Unmarshal(out.Bytes(), &result.report); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	server.Heal()
	if left := datasets(t, server); len(left) > 0 {
		t.Errorf("datasets are left: %q", left)
	}
	return result
}

func datasets(t *testing.T, server *bigquerytest.Server) (names []string) {
	t.Helper()
	client, err := bq.NewClient(t.Context(), standInProject, server.REST()...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close() //nolint:errcheck // only read
	it := client.Datasets(t.Context())
	for {
		d, err := it.Next()
		if errors.Is(err, iterator.Done) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, d.DatasetID)
	}
}

// outcomeOf is how a check ended; "" if it was not in the list.
func (r tried) outcomeOf(name string) outcome {
	for _, f := range r.Findings {
		if f.Check == name {
			return f.Outcome
		}
	}
	return ""
}

func (r tried) want(t *testing.T, code int, outcomes map[string]outcome) {
	t.Helper()
	for name, want := range outcomes {
		if got := r.outcomeOf(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	if t.Failed() {
		t.Log(r.checklist)
	}
}

// mayBeHidden are checks that need two jobs at the same time, and updates of
// which the load here is too small to see the cost.
var mayBeHidden = []string{"two transactions", "a fold in the way", "bill of updates", "worker pool"}

// TestChecklist: every check is there, and finds a stand-in as it should be.
func TestChecklist(t *testing.T) {
	connectortest.Long(t)
	r := try(t, bigquerytest.Config{}, nil, options{Samples: 3000})
	var names []string
	for _, f := range r.Findings {
		names = append(names, f.Check)
		if f.Outcome != ok && (f.Outcome != cannotBe || !slices.Contains(mayBeHidden, f.Check)) {
			t.Errorf("%s: %s: %s", f.Check, f.Outcome, f.Saw)
		}
		if f.Saw == "" || f.Assumed == "" {
			t.Errorf("%s does not say what was seen, or what is assumed", f.Check)
		}
	}
	var want []string
	for _, c := range append((&trial{}).checks(), cleanUp) {
		want = append(want, c.name)
	}
	if !slices.Equal(names, want) {
		t.Errorf("checks %q, want %q", names, want)
	}
	r.want(t, exitDone, nil)
	if r.Billed == 0 || !r.StandIn || !strings.HasPrefix(r.checklist, "This BigQuery is a stand-in") {
		t.Errorf("billed %d, a stand-in: %t", r.Billed, r.StandIn)
	}
	if found := regexp.MustCompile(person+`[a-z]+|[0-9a-f]{8}-[0-9a-f]{4}-`).FindAllString(strings.ReplaceAll(r.checklist, label, ""), -1); found != nil {
		t.Errorf("ids are printed: %q", found)
	}
}

// TestCapOfScripts: a BigQuery that caps scripts as a whole is found to be
// different.
func TestCapOfScripts(t *testing.T) {
	r := try(t, bigquerytest.Config{CapScripts: true}, nil, options{Samples: 1, Only: []string{"cap of a script"}})
	r.want(t, exitDifferent, map[string]outcome{"schema": ok, "cap of a script": differs, "load": "", "clean-up": ok})
	if !strings.Contains(r.checklist, "it means") || !strings.Contains(r.checklist, "finerParts") {
		t.Errorf("it does not say what that means:\n%s", r.checklist)
	}
}

// TestFoldFails: what fails is said, the others go on, and nothing is left.
func TestFoldFails(t *testing.T) {
	r := try(t, bigquerytest.Config{}, func(s *bigquerytest.Server, _ context.CancelFunc) {
		s.Inject(bigquerytest.Fault{
			Call: bigquerytest.CallJob, Table: schemas.TimeseriesTable, Skip: 1, Times: -1, // the first makes the table
			Job: &bigquerytest.JobError{Reason: "invalidQuery", Message: "Cannot read 'secret'"},
		})
	}, options{Samples: 1, Only: []string{"append and fold", "two folders", "cap of a script"}})
	r.want(t, exitFailed, map[string]outcome{"append and fold": failed, "two folders": failed, "cap of a script": ok, "clean-up": ok})
	if strings.Contains(r.checklist, "secret") {
		t.Errorf("the text of an error is printed:\n%s", r.checklist)
	}
}

// TestTablesFail: without tables nothing is looked at.
func TestTablesFail(t *testing.T) {
	r := try(t, bigquerytest.Config{}, func(s *bigquerytest.Server, _ context.CancelFunc) {
		s.Inject(bigquerytest.Fault{
			Call: bigquerytest.CallTablesInsert, Skip: 20, Times: -1, REST: denied,
		})
	}, options{Samples: 1, Only: []string{"load"}})
	r.want(t, exitFailed, map[string]outcome{"datasets": failed, "schema": notLookedAt, "load": notLookedAt, "clean-up": ok})
}

// TestInterrupted: stopped in the middle of a fold it deletes what it made.
func TestInterrupted(t *testing.T) {
	r := try(t, bigquerytest.Config{}, func(s *bigquerytest.Server, stop context.CancelFunc) {
		s.Inject(bigquerytest.Fault{
			Call: bigquerytest.CallJob, Table: schemas.TimeseriesTable, Skip: 1, Effect: bigquerytest.Pass, Do: func(string) { stop() },
		})
	}, options{Samples: 1, Only: []string{"append and fold", "load"}})
	r.want(t, exitFailed, map[string]outcome{"append and fold": failed, "load": notLookedAt, "clean-up": ok})
}

// TestWithoutLoad: there is no truth about a load that was not asked for.
func TestWithoutLoad(t *testing.T) {
	r := try(t, bigquerytest.Config{}, nil, options{Samples: 1, Only: []string{"truth"}})
	r.want(t, exitDone, map[string]outcome{"truth": cannotBe, "clean-up": ok})
}

// TestCleanUpFails: what could not be deleted is named, with the commands.
func TestCleanUpFails(t *testing.T) {
	server := start(t, bigquerytest.Config{})
	server.Inject(bigquerytest.Fault{Call: bigquerytest.CallDatasetsDelete, Times: -1, REST: denied})
	var out bytes.Buffer
	r, err := look(t.Context(), options{Location: "EU", Samples: 1, MaxDollars: 5, Only: []string{"worker pool"}}, standInAt(server), streams{&out, &out})
	if err != nil {
		t.Fatal(err)
	}
	if r.code() != exitFailed || strings.Count(out.String(), "bq rm -r -f -d "+standInProject+":"+r.Dataset) != 4 {
		t.Errorf("exit code %d:\n%s", r.code(), out.String())
	}
}

// TestTruthFails: a value that is another, a row that is missing and one that
// is there twice are found.
func TestTruthFails(t *testing.T) {
	connectortest.Long(t)
	server := start(t, bigquerytest.Config{})
	l := loaded(t, server)
	of := l.trial
	table := of.table("sleep_cycle")
	for _, spoiled := range []struct{ change, says string }{
		{"UPDATE " + table + " SET team_id = 'other' WHERE id = (SELECT MIN(id) FROM " + table + ")", "other values"},
		{"INSERT INTO " + table + " SELECT * FROM " + table + " AS T WHERE T.id = (SELECT MIN(id) FROM " + table + ")", "more than once"},
		{"DELETE FROM " + table + " WHERE TRUE", "0 rows"},
	} {
		if _, _, err := of.answer(t.Context(), of.prepared(spoiled.change)); err != nil {
			t.Fatal(errors.Unwrap(err))
		}
		var other different
		if _, err := l.compare(t.Context(), of); !errors.As(err, &other) || !strings.Contains(other.saw, spoiled.says) || strings.Contains(other.saw, ";") {
			t.Errorf("after %s: %v", spoiled.change, err)
		}
	}
}

// loaded is a load that was folded.
func loaded(t *testing.T, server *bigquerytest.Server) *load {
	t.Helper()
	of, err := newTrial(options{Location: "EU", Samples: 1, MaxDollars: 5}, standInAt(server), &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := deleteDatasets(context.Background(), of); err != nil {
			t.Error(err)
		}
	})
	l := &load{trial: of}
	for _, step := range []func(context.Context, *trial) (seen, error){makeDatasets, planAgain, l.run} {
		if _, err := step(t.Context(), of); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// TestUsage: a project is named by its id, never found in the credentials.
func TestUsage(t *testing.T) {
	for _, args := range [][]string{
		{"--project", bq.DetectProjectID}, {"--project", "a/b"}, {"--samples", "0"}, {"--location", ""}, {"--max-dollars", "NaN"},
		{"--max-dollars", "0.01"}, {"--samples", "1000000000"}, {"--only", "everything"}, {"--color"},
	} {
		var out, errs bytes.Buffer
		if code := execute(t.Context(), args, streams{&out, &errs}); code != exitUsage || errs.Len() == 0 {
			t.Errorf("%q: exit code %d: %s", args, code, errs.String())
		}
	}
	var out, errs bytes.Buffer
	if code := execute(t.Context(), []string{"--help"}, streams{&out, &errs}); code != exitDone || !strings.Contains(out.String(), "make live-check PROJECT=") {
		t.Errorf("--help: exit code %d: %s", code, out.String())
	}
}

// TestGreeting: a real project is told what it may cost before anything else.
func TestGreeting(t *testing.T) {
	var out strings.Builder
	greet(&out, &trial{target: target{project: "my-project", real: true}, options: options{Location: "EU", Samples: 1_000_000, MaxDollars: 5}})
	if text := out.String(); !strings.Contains(text, "my-project") || !strings.Contains(text, "$0.1") {
		t.Errorf("it says: %s", text)
	}
}

// TestMasked: of a text that is not known, names and numbers are not printed.
func TestMasked(t *testing.T) {
	got := masked("Aborted by `x y`: table a-b:c.d, transaction 17, key 'u1', \"v\"")
	if want := "Aborted by …: table …, transaction …, key …, …"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestPopulation: there are about as many samples as are asked for.
func TestPopulation(t *testing.T) {
	for _, samples := range []int{1, 4000, 1_000_000, mostSamples} {
		p := population(samples)
		if err := p.Check(); err != nil {
			t.Error(err)
		}
		if n := p.Users * p.Days * samplesADay; samples >= samplesADay && (n < samples*9/10 || n > samples*11/10) {
			t.Errorf("%d samples, want %d", n, samples)
		}
	}
}
