package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/alecthomas/kong"

	"vitalsink/schemas"
	"vitalsink/transforms"
)

const repository = "../../.."

// foreignFlags are those of other programs that a text names alone.
var foreignFlags = []string{"auto-ack"}

// pages are the texts of all pages, by their path in the repository.
func pages(t testing.TB) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "terraform/*.md"} {
		files, err := filepath.Glob(filepath.Join(repository, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(repository, file)
			if err != nil {
				t.Fatal(err)
			}
			found[name] = string(text)
		}
	}
	return found
}

var (
	fencedBlock = regexp.MustCompile("(?ms)^ *```[a-z]*\n.*?^ *```$")
	inlineCode  = regexp.MustCompile("`([^`\n]+)`")
	continued   = regexp.MustCompile(`\\\n\s*`)
)

// shellLines are the lines of a page's blocks, which are fenced, or indented
// behind an empty line; one that goes on in the next is one.
func shellLines(page string) (lines []string) {
	fenced, block := false, true
	for line := range strings.Lines(continued.ReplaceAllString(page, "")) {
		text := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(text, "```"):
			fenced = !fenced
		case text == "":
			block = true
		case fenced, block && strings.HasPrefix(line, "    "):
			lines = append(lines, text)
		default:
			block = false
		}
	}
	return lines
}

// commandsOf are the commands of a line as a shell splits it, each with its
// arguments; assignments before them, redirections and comments are left out.
// Variables stay as they are written.
func commandsOf(line string) (commands [][]string) {
	var command []string
	var word strings.Builder
	var quote rune
	begun, redirected := false, false
	end := func() {
		if begun && !redirected && (len(command) > 0 || !assignment.MatchString(word.String())) {
			command = append(command, word.String())
		}
		if begun {
			redirected = false
		}
		word.Reset()
		begun = false
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, begun = r, true
		case r == '#' && !begun:
			return append(commands, command)
		case r == ' ' || r == '\t':
			end()
		case strings.ContainsRune("<>", r):
			end()
			redirected = true
		case strings.ContainsRune("|&;()", r):
			end()
			commands, command = append(commands, command), nil
		default:
			begun = true
			word.WriteRune(r)
		}
	}
	end()
	return append(commands, command)
}

var assignment = regexp.MustCompile(`^[A-Za-z_]+=`)

// TestCommandsOf: the shell's words, as far as pages use them.
func TestCommandsOf(t *testing.T) {
	for line, want := range map[string]string{
		`vitalsink query "SELECT 1; SELECT '#'"  # two`: `[[vitalsink query SELECT 1; SELECT '#']]`,
		`A=b vitalsink load a.gz >out | grep x`:         `[[vitalsink load a.gz] [grep x]]`,
		`vitalsink check && make test`:                  `[[vitalsink check] [] [make test]]`,
	} {
		got := []string{}
		for _, c := range commandsOf(line) {
			got = append(got, "["+strings.Join(c, " ")+"]")
		}
		if said := "[" + strings.Join(got, " ") + "]"; said != want {
			t.Errorf("%s: %s, want %s", line, said, want)
		}
	}
}

// parse reads a command line as the program does.
func parse(args []string) error {
	var c cli
	parser, err := kong.New(&c, kong.Name("vitalsink"), kong.DefaultEnvars("VITALSINK"), kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) {}))
	if err != nil {
		return err
	}
	_, err = parser.Parse(args)
	return err
}

func isProgram(command []string) bool {
	return len(command) > 0 && (command[0] == "vitalsink" || command[0] == "bin/vitalsink")
}

// TestCommandsAreParsed: each command in a block of a page is one that the
// program takes, and what a text calls a command or a flag is one.
func TestCommandsAreParsed(t *testing.T) {
	parsed, flags := 0, flagNames(t)
	targets, err := os.ReadFile(filepath.Join(repository, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	makes := func(page string, args []string) {
		for _, arg := range args {
			if strings.Contains(arg, "=") || strings.HasPrefix(arg, "-") {
				continue
			}
			if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(arg) + `:`).Match(targets) {
				t.Errorf("%s: make %s: there is no such target", page, arg)
			}
		}
	}
	for page, text := range pages(t) {
		for _, line := range shellLines(text) {
			for _, command := range commandsOf(line) {
				switch {
				case isProgram(command):
					parsed++
					if err := parse(command[1:]); err != nil {
						t.Errorf("%s: %v\n%s", page, err, line)
					}
				case len(command) > 1 && command[0] == "make":
					makes(page, command[1:])
				}
			}
		}
		for _, code := range inlineCode.FindAllStringSubmatch(fencedBlock.ReplaceAllString(text, ""), -1) {
			for _, command := range commandsOf(code[1]) {
				switch {
				case isProgram(command) && len(command) > 1 && command[1] != "COMMAND":
					if err := parse(command[1:]); err != nil && isUnknown(err) {
						t.Errorf("%s: %v\n%s", page, err, code[1])
					}
				case len(command) > 1 && command[0] == "make":
					makes(page, command[1:])
				case len(command) > 0 && strings.HasPrefix(command[0], "--"):
					name, _, _ := strings.Cut(command[0][2:], "=")
					if !flags[name] && !slices.Contains(foreignFlags, name) {
						t.Errorf("%s: no command has --%s", page, name)
					}
				}
			}
		}
	}
	if parsed < 40 {
		t.Errorf("only %d commands were found", parsed)
	}
}

// isUnknown tells errors about what is there from those about what a text
// leaves out.
func isUnknown(err error) bool {
	var pe *kong.ParseError
	return errors.As(err, &pe) && (strings.Contains(err.Error(), "unknown flag") || strings.Contains(err.Error(), "unexpected argument"))
}

// flagNames are all flags of all commands.
func flagNames(t *testing.T) map[string]bool {
	t.Helper()
	var c cli
	parser, err := kong.New(&c, kong.Name("vitalsink"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	var walk func(n *kong.Node)
	walk = func(n *kong.Node) {
		for _, f := range n.Flags {
			names[f.Name] = true
		}
		for _, child := range n.Children {
			walk(child)
		}
	}
	walk(parser.Model.Node)
	return names
}

var (
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.+)$`)
	unspoken = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// anchors are what links can name of a page, as GitHub and GitLab make them.
func anchors(page string) map[string]bool {
	named := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fencedBlock.ReplaceAllString(page, ""), -1) {
		named[strings.ReplaceAll(unspoken.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return named
}

// TestLinks: each link between pages leads somewhere, to its heading, too.
func TestLinks(t *testing.T) {
	all := pages(t)
	followed := 0
	for page, text := range all {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			to := page
			if target != "" {
				to = filepath.Join(filepath.Dir(page), target)
			}
			followed++
			if _, err := os.Stat(filepath.Join(repository, to)); err != nil {
				t.Errorf("%s: %s is not there", page, m[1])
			} else if anchor != "" && !anchors(all[to])[anchor] {
				t.Errorf("%s: %s: there is no such heading", page, m[1])
			}
		}
	}
	if followed < 60 {
		t.Errorf("only %d links were found", followed)
	}
}

// TestNamesOfThings: files that pages name are there, and so are tests.
func TestNamesOfThings(t *testing.T) {
	place := regexp.MustCompile("`((?:connector|schemas|transforms|tools|terraform|testdata)/[a-z0-9_/.-]*)`")
	test := regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9]*)`")
	var tests strings.Builder
	for _, pattern := range []string{"schemas", "transforms", "connector", "connector/*", "connector/*/*", "tools/*"} {
		files, err := filepath.Glob(filepath.Join(repository, pattern, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(text)
		}
	}
	named := 0
	for page, text := range pages(t) {
		for _, m := range place.FindAllStringSubmatch(text, -1) {
			named++
			if _, err := os.Stat(filepath.Join(repository, m[1])); err != nil {
				t.Errorf("%s: %s is not there", page, m[1])
			}
		}
		for _, m := range test.FindAllStringSubmatch(text, -1) {
			named++
			if !strings.Contains(tests.String(), "func "+m[1]+"(") {
				t.Errorf("%s: there is no test %s", page, m[1])
			}
		}
	}
	if named < 150 {
		t.Errorf("only %d names were found", named)
	}
}

// TestWalkThrough: the table that ARCHITECTURE.md adds is one, and its first
// event becomes a row of it.
func TestWalkThrough(t *testing.T) {
	page := pages(t)["ARCHITECTURE.md"]
	_, rest, _ := strings.Cut(page, "```yaml\n")
	declared, rest, _ := strings.Cut(rest, "```")
	event := regexp.MustCompile(`\{"event_type".*\}`).FindString(rest)
	folder := fstest.MapFS{"hydration.yaml": {Data: []byte(regexp.MustCompile(`(?m)^   `).ReplaceAllString(declared, ""))}}
	files, err := filepath.Glob(filepath.Join(repository, "schemas", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		folder[filepath.Base(file)] = &fstest.MapFile{Data: text}
	}
	catalogue, err := schemas.LoadFS(folder)
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := transforms.NewDecoder(catalogue)
	if err != nil {
		t.Fatal(err)
	}
	m := transforms.NewMessage("walk", "daily.data.hydration.created", time.Date(2026, 5, 2, 0, 0, 0, 0, time.UTC), []byte(event))
	d := decoder.Decode(&m)
	if d.Outcome != transforms.Landed || d.Table.Name != "hydration" {
		t.Errorf("the event is %v: %v", d.Outcome, d.Refusals())
	}
}

// TestPagesAreListed: docs/README.md leads to every page.
func TestPagesAreListed(t *testing.T) {
	all := pages(t)
	for page := range all {
		name, in := strings.CutPrefix(page, "docs/")
		if in && name != "README.md" && !strings.Contains(all["docs/README.md"], "]("+name+")") {
			t.Errorf("docs/README.md does not link %s", name)
		}
	}
}
