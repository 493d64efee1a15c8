package analyzer

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPages: BigQuery would take each statement that our pages tell people to
// run on their datasets. pages has links, as golden is one.
func TestPages(t *testing.T) {
	var pages []string
	for _, pattern := range []string{"pages/*.md", "pages/docs/*.md", "pages/docs/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	checked := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range statementsOf(string(text)) {
			checked++
			if err := newAnalyzer(t).Check(inProject(statement)); err != nil {
				t.Errorf("%s: %v\n%s", page, err, statement)
			}
		}
	}
	if checked < 80 {
		t.Errorf("only %d statements were found", checked)
	}
}

var (
	// A block is fenced, or indented behind an empty line.
	fenced   = regexp.MustCompile("(?ms)^ *```(?:sql)?\n(.*?)^ *```$")
	indented = regexp.MustCompile(`(?m)(?:^ *\n|\A)((?:^(?: {4,}|\t).*\n)+)`)
	isQuery  = regexp.MustCompile(`(?is)^\s*(SELECT|WITH)\b`)
	bqQuery  = regexp.MustCompile(`(?s)bq query [^'"]*(?:'((?:SELECT|WITH) [^']*)'|"((?:SELECT|WITH) [^"]*)")`)
	dataset  = regexp.MustCompile("`?\\b(health|health_store)\\.([a-z_0-9]+)`?")
)

// statementsOf are the queries on our datasets that a page shows: blocks of
// nothing else, and what it gives to bq query.
func statementsOf(page string) (statements []string) {
	var found []string
	for _, m := range fenced.FindAllStringSubmatch(page, -1) {
		found = append(found, m[1])
	}
	for _, m := range indented.FindAllStringSubmatch(fenced.ReplaceAllString(page, "\n"), -1) {
		found = append(found, m[1])
	}
	for _, m := range bqQuery.FindAllStringSubmatch(page, -1) {
		found = append(found, m[1]+m[2])
	}
	for _, text := range found {
		if isQuery.MatchString(text) && dataset.MatchString(text) {
			statements = append(statements, strings.TrimSpace(text))
		}
	}
	return statements
}

// inProject names tables as the golden statements do.
func inProject(statement string) string {
	return dataset.ReplaceAllString(statement, "`project.$1.$2`")
}

// TestPagesAreRead: what a page can get wrong is found, whatever form it has.
func TestPagesAreRead(t *testing.T) {
	for _, page := range []string{
		"# A\n\n    SELECT tootal FROM `health.sleep`\n",
		"```sql\nSELECT tootal\nFROM health.sleep\n```\n",
		"as `bq query --nouse_legacy_sql 'SELECT tootal FROM health.sleep'` does",
		"    bq query --nouse_legacy_sql \"SELECT tootal FROM health.sleep\"\n",
	} {
		statements := statementsOf(page)
		if len(statements) != 1 {
			t.Errorf("%d statements in %q", len(statements), page)
			continue
		}
		if err := newAnalyzer(t).Check(inProject(statements[0])); err == nil || !strings.Contains(err.Error(), "tootal") {
			t.Errorf("%q: %v", page, err)
		}
	}
}
