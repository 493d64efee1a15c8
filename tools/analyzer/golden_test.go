package analyzer

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"vitalsink/schemas"
)

// goldenDir is a link: go test forgets a result only if a file changed that is
// inside the module, by its name.
const goldenDir = "golden"

// starting takes most of the time.
var start = sync.OnceValues(func() (*Analyzer, error) {
	c, err := schemas.Load()
	if err != nil {
		return nil, err
	}
	return New(c)
})

func newAnalyzer(t *testing.T) *Analyzer {
	t.Helper()
	a, err := start()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func readGolden(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(goldenDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestGoldenStatements: BigQuery would take each of them.
func TestGoldenStatements(t *testing.T) {
	entries, err := os.ReadDir(goldenDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".sql") {
			t.Errorf("%s is no statement", entry.Name())
			continue
		}
		t.Run(entry.Name(), func(t *testing.T) {
			if err := newAnalyzer(t).Check(readGolden(t, entry.Name())); err != nil {
				t.Error(err)
			}
		})
	}
	if len(entries) < 80 {
		t.Errorf("%d golden statements, want 80 or more", len(entries))
	}
}

// TestGoldenViews: each view of the catalogue has its statement, with just its
// columns.
func TestGoldenViews(t *testing.T) {
	c, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(goldenDir, "view_*.sql"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(c.Views()) {
		t.Errorf("%d golden views, the catalogue has %d", len(files), len(c.Views()))
	}
	for _, v := range c.Views() {
		t.Run(v.Name, func(t *testing.T) {
			got, err := newAnalyzer(t).ViewColumns(readGolden(t, "view_"+v.Name+".sql"))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, v.Columns) {
				t.Errorf("columns %v,\nwant %v", got, v.Columns)
			}
		})
	}
}
