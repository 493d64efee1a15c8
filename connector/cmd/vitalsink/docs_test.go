package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/dustin/go-humanize"

	"vitalsink/connector/files"
	"vitalsink/transforms"
)

func mustDoc(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../../docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestNamedTests: what docs/reliability.md and docs/security.md say attacks a
// promise is there: tests by their names, cases of the conformance suite and
// attacks by theirs.
func TestNamedTests(t *testing.T) {
	var tests strings.Builder
	err := filepath.WalkDir("../../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") && !strings.HasSuffix(path, "connectortest/suite.go") {
			return err
		}
		text, err := os.ReadFile(path)
		tests.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for page, least := range map[string]int{"reliability.md": 40, "security.md": 20} {
		text := mustDoc(t, page)
		if before, door, ok := strings.Cut(text, "\n## The webhook door"); ok { // before it, only what begins with Test is a test
			text = strings.Join(regexp.MustCompile("`Test[A-Za-z0-9]+`").FindAllString(before, -1), " ") + door
		}
		named := regexp.MustCompile("`([A-Za-z0-9' ]+)`").FindAllStringSubmatch(text, -1)
		found := 0
		for _, m := range named {
			name := m[1]
			isTest := strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz")
			if strings.HasPrefix(name, "make ") || strings.HasPrefix(name, "vitalsink ") || page == "reliability.md" && !isTest && !strings.Contains(name, " ") {
				continue
			}
			found++
			if !strings.Contains(tests.String(), "func "+name+"(") && !strings.Contains(tests.String(), fmt.Sprintf("%q:", name)) {
				t.Errorf("%s: there is no test %s", page, name)
			}
		}
		if found < least {
			t.Errorf("%s: only %d names of tests were found", page, found)
		}
	}
}

func mebibytes(n int) string { return fmt.Sprintf("%d MiB", n>>20) }

// TestLimitsAreTrue: the numbers of docs/limits.md that the code exports are
// the code's.
func TestLimitsAreTrue(t *testing.T) {
	doc := mustDoc(t, "limits.md")
	for what, line := range map[string]string{
		"MaxBody":     fmt.Sprintf("| body after decompression | %s |", mebibytes(transforms.MaxBody)),
		"MaxDepth":    fmt.Sprintf("| nesting of objects and arrays | %d |", transforms.MaxDepth),
		"MaxRow":      fmt.Sprintf("| one row as it is stored | %s |", mebibytes(transforms.MaxRow)),
		"MaxExpanded": fmt.Sprintf("| all rows of a message | %s |", mebibytes(transforms.MaxExpanded)),
		"MaxPart":     fmt.Sprintf("| a part of a quarantined message's bytes, gzip'd | %s |", mebibytes(transforms.MaxPart)),
		"MaxLine":     fmt.Sprintf("| a line of a file (`load`, `replay`) | %s |", mebibytes(files.MaxLine)),
		"giveUp":      fmt.Sprintf("| time to append it | %.0f minutes ", giveUp.Minutes()),
		"leastMemory": "at least " + mebibytes(leastMemory),
		"bigFold":     humanize.Comma(bigFold) + " (`--fold-rows`)",
	} {
		if !strings.Contains(doc, line) {
			t.Errorf("%s: the page does not say %q", what, line)
		}
	}
}

// TestLogLinesArePaged: docs/operate.md says what each line of level WARN and
// ERROR asks for; of a line its beginning stands there.
func TestLogLinesArePaged(t *testing.T) {
	page, found := mustDoc(t, "operate.md"), 0
	logged := regexp.MustCompile(`(?i:\blog|\br)\.(Warn|Error|warn)\(\s*"([^";:]+)`)
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(filepath.Dir(path), "test") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range logged.FindAllStringSubmatch(string(text), -1) {
			found++
			begin, _, _ := strings.Cut(m[2], ",")
			cell := "| `" + begin
			if level := strings.ToUpper(m[1]); !regexp.MustCompile(regexp.QuoteMeta(cell) + "[^`]*` \\| " + level).MatchString(page) {
				t.Errorf("docs/operate.md has no line about the %s %q (%s)", level, begin, path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 30 {
		t.Errorf("only %d lines were found", found)
	}
}
