package main

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestDemo(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "demo.duckdb")
	var out, errs strings.Builder
	if code := execute(t.Context(), []string{"demo", "--file", file}, streams{nil, &out, &errs}); code != exitDone {
		t.Fatalf("demo exited with %d: %s", code, errs.String())
	}
	if errs.Len() > 0 {
		t.Errorf("standard error: %s", errs.String())
	}
	checkBooks(t, out.String())
	for _, q := range demoQueries {
		checkResult(t, out.String(), q.question, q.statement)
	}
	// What it says to do next works.
	if !strings.Contains(out.String(), "vitalsink query --warehouse duckdb://"+file) {
		t.Error("it does not say how to ask on")
	}
	next := []string{"query", "--warehouse", "duckdb://" + file, "--format", "csv", "SHOW TABLES"}
	var tables strings.Builder
	if code := execute(t.Context(), next, streams{nil, &tables, &errs}); code != exitDone {
		t.Errorf("query exited with %d: %s", code, errs.String())
	}
	if !strings.Contains(tables.String(), "\nheartrate\n") {
		t.Errorf("there is no heartrate among the tables: %s", tables.String())
	}
}

// equation is a line of the books: a sum and its terms.
var equation = regexp.MustCompile(`(?m)^[a-z ]+?  +(\d+) = (\d+ .*)$`)

// checkBooks adds up every line of the books.
func checkBooks(t *testing.T, text string) {
	t.Helper()
	lines := equation.FindAllStringSubmatch(text, -1)
	if len(lines) != 4 {
		t.Errorf("the books have %d lines, want 4: messages, rows decoded, rows logged, rows folded\n%s", len(lines), text)
	}
	for _, line := range lines {
		sum := 0
		for _, term := range strings.Split(line[2], " + ") {
			sum += number(t, strings.Fields(term)[0])
		}
		if want := number(t, line[1]); sum != want || sum == 0 {
			t.Errorf("%q adds up to %d", line[0], sum)
		}
	}
}

// checkResult wants a question, its statement, and a table with rows.
func checkResult(t *testing.T, text, question, statement string) {
	t.Helper()
	_, after, found := strings.Cut(text, "\n"+question+"\n\n"+statement+"\n\n")
	if !found {
		t.Errorf("it does not ask %q", question)
		return
	}
	result, _, _ := strings.Cut(after, "\n\n")
	if rows := strings.Count(strings.TrimSpace(result), "\n"); rows < 3 {
		t.Errorf("%q is answered in %d rows:\n%s", question, rows, result)
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
