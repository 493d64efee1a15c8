package main

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitalsink/connector/connectortest"
)

// TestDemo: in both warehouses the books balance and the same questions have
// the same answers.
func TestDemo(t *testing.T) {
	connectortest.Long(t)
	t.Parallel()
	file := filepath.Join(t.TempDir(), "demo.duckdb")
	var inDuckDB, inBigQuery, viaDoor string
	t.Run("run", func(t *testing.T) {
		t.Run("duckdb", func(t *testing.T) {
			t.Parallel()
			inDuckDB = runDemo(t, "--file", file)
		})
		t.Run("bigquery", func(t *testing.T) {
			t.Parallel()
			inBigQuery = runDemo(t, "--warehouse", "bigquery")
		})
		t.Run("webhook", func(t *testing.T) {
			t.Parallel()
			viaDoor = runDemo(t, "--via", "webhook")
		})
	})
	if t.Failed() {
		return
	}
	checkBooks(t, inDuckDB)
	checkBooks(t, inBigQuery)
	checkBooks(t, viaDoor)
	for _, q := range demoQueries {
		want := answer(t, inDuckDB, q.question, q.inDuckDB())
		if diff := cmp.Diff(want, answer(t, inBigQuery, q.question, q.inBigQuery())); diff != "" {
			t.Errorf("%q: DuckDB's answer (-) and BigQuery's (+):\n%s", q.question, diff)
		}
		if diff := cmp.Diff(want, answer(t, viaDoor, q.question, q.inDuckDB())); diff != "" && !strings.Contains(q.question, "refused") { // a webhook has no attributes that could be wrong
			t.Errorf("%q: the answer through Pub/Sub (-) and through webhooks (+):\n%s", q.question, diff)
		}
	}
	checkNextStep(t, inDuckDB, file)
	checkCosts(t, inBigQuery)
}

// runDemo is what the demo prints.
func runDemo(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs strings.Builder
	if code := execute(t.Context(), append([]string{"demo"}, args...), streams{nil, &out, &errs}); code != exitDone {
		t.Fatalf("demo exited with %d: %s", code, errs.String())
	}
	// Where it takes long, as under the race detector, it says how far it is.
	if said := progressLine.ReplaceAllString(errs.String(), ""); said != "" {
		t.Errorf("standard error: %s", said)
	}
	return out.String()
}

var progressLine = regexp.MustCompile(`(?m)^[0-9,]+ published; .*\n`)

// checkNextStep: what it says to do next works.
func checkNextStep(t *testing.T, text, file string) {
	t.Helper()
	if !strings.Contains(text, "vitalsink query --warehouse duckdb://"+file) {
		t.Error("it does not say how to ask on")
	}
	next := []string{"query", "--warehouse", "duckdb://" + file, "--format", "csv", "SHOW TABLES"}
	var tables, errs strings.Builder
	if code := execute(t.Context(), next, streams{nil, &tables, &errs}); code != exitDone {
		t.Errorf("query exited with %d: %s", code, errs.String())
	}
	if !strings.Contains(tables.String(), "\nheartrate\n") {
		t.Errorf("there is no heartrate among the tables: %s", tables.String())
	}
}

// checkCosts wants the demo in BigQuery to say what it is and what it took.
func checkCosts(t *testing.T, text string) {
	t.Helper()
	for _, want := range []string{
		`^This BigQuery is a stand-in within this process\.`,
		`(?m)^[1-9]\d+ batches were appended through the Storage Write API`,
		`(?m)^step +jobs +billed +what for$`,
		`(?m)^pending +\d+ +\d\S* [KMG]iB +to see `,
		`(?m)^probe +\d+ +\d\S* [KMG]iB +to see `,
		`(?m)^merge +\d+ +\d\S* [KMG]iB +to fold `,
		`(?m)^On demand, at \$6\.25 per TiB, that would be \$0\.\d\d: by the stand-in's estimate`,
		`vitalsink run --source \S+ --warehouse bigquery://my-project/health\n$`,
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("it does not say %s:\n%s", want, text)
		}
	}
	sum := 0
	for _, line := range regexp.MustCompile(`(?m)^([a-z]+) +(\d+) +\S+ [KMG]iB`).FindAllStringSubmatch(text, -1) {
		if n := number(t, line[2]); line[1] != "all" {
			sum += n
		} else if n != sum {
			t.Errorf("%d jobs in all, the steps have %d", n, sum)
		}
	}
}

// TestDemoFlags: a warehouse that there is none of, and a file for one that
// has none. What other commands take for their warehouse does not matter.
func TestDemoFlags(t *testing.T) {
	t.Setenv("VITALSINK_WAREHOUSE", "bigquery://project/dataset")
	there := t.TempDir()
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--warehouse", "bigquery://project/dataset"}, `--warehouse must be one of "duckdb","bigquery" but got "bigquery://project/dataset"`},
		{[]string{"--warehouse", "bigquery", "--file", "new.duckdb"}, "--file is for DuckDB"},
		{[]string{"--file", there}, "--file " + there + " exists already"},
	} {
		var out, errs strings.Builder
		code := execute(t.Context(), append([]string{"demo"}, c.args...), streams{nil, &out, &errs})
		if code != exitUsage || !strings.Contains(errs.String(), c.says) || strings.Count(errs.String(), "\n") != 1 || out.Len() > 0 {
			t.Errorf("demo %q exited with %d and says %q%s, want %q", c.args, code, errs.String(), out.String(), c.says)
		}
	}
}

// TestDemoLasts: a demo that is to last ends when its time is up, with its books.
func TestDemoLasts(t *testing.T) {
	t.Parallel()
	var out, errs strings.Builder
	if code := execute(t.Context(), []string{"demo", "--for", "2s"}, streams{nil, &out, &errs}); code != exitDone || !strings.Contains(out.String(), "for 1 day.") {
		t.Errorf("it exits with %d, and says %.300s%s", code, out.String(), errs.String())
	}
	checkBooks(t, out.String())
}

// equation is a line of the books: what is counted, a sum and its terms.
var equation = regexp.MustCompile(`(?m)^([a-z ]+?)  +(\d+) = (\d+ .*)$`)

// checkBooks adds up every line of the books, and wants all that was logged to
// be folded: folds that were broken off at the end went uncounted.
func checkBooks(t *testing.T, text string) {
	t.Helper()
	lines := equation.FindAllStringSubmatch(text, -1)
	if len(lines) != 4 {
		t.Errorf("the books have %d lines, want 4: messages, rows decoded, rows logged, rows folded\n%s", len(lines), text)
	}
	sums := map[string]int{}
	for _, line := range lines {
		sum := 0
		for _, term := range strings.Split(line[3], " + ") {
			sum += number(t, strings.Fields(term)[0])
		}
		if want := number(t, line[2]); sum != want || sum == 0 {
			t.Errorf("%q adds up to %d", line[0], sum)
		}
		sums[line[1]] = sum
	}
	if sums["rows logged"] != sums["rows folded"] {
		t.Errorf("%d rows are logged, and %d folded", sums["rows logged"], sums["rows folded"])
	}
}

// answer is the table that answers a question.
func answer(t *testing.T, text, question, statement string) string {
	t.Helper()
	_, after, found := strings.Cut(text, "\n"+question+"\n\n"+statement+"\n\n")
	if !found {
		t.Errorf("it does not ask %q", question)
		return ""
	}
	result, _, _ := strings.Cut(after, "\n\n")
	result = strings.TrimSpace(result)
	if rows := strings.Count(result, "\n"); rows < 3 {
		t.Errorf("%q is answered in %d rows:\n%s", question, rows, result)
	}
	return result
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
