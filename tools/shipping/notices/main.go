// Command notices writes THIRD_PARTY_NOTICES.md: the licences and notices of all
// modules that are linked into vitalsink, of which each wants to be passed on
// with it, word for word. It runs in tools/shipping. That no licence is among them which asks for more than
// that, go-licenses checks ("make notices" runs both).
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const command = "./connector/cmd/vitalsink"

// terms matches the names of files that hold a licence or a notice.
var terms = regexp.MustCompile(`(?i)^(licen[cs]e|notice|copying|copyright|patents)([.-]|$)`)

type module struct {
	Path, Version, Dir string
	Main               bool
}

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, w io.Writer) error {
	found, err := linked(ctx)
	if err != nil {
		return err
	}
	for _, root := range found.order {
		if len(found.files[root]) == 0 {
			return fmt.Errorf("%s has no licence", found.modules[root].Path)
		}
	}
	return found.write(w)
}

// linkedModules are the modules, and the files of terms in the folders of their
// linked packages and above.
type linkedModules struct {
	order   []string // folders of modules
	modules map[string]module
	files   map[string][]string
}

// linked asks Go for the packages of the binary with most in it.
func linked(ctx context.Context) (linkedModules, error) {
	l := linkedModules{modules: map[string]module{}, files: map[string][]string{}}
	list := exec.CommandContext(ctx, "go", "list", "-deps", "-json=Dir,Module", command)
	list.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=1")
	list.Dir, list.Stderr = "../..", os.Stderr
	out, err := list.Output()
	if err != nil {
		return l, fmt.Errorf("go list: %w", err)
	}
	seen := map[string]bool{}
	for packages := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Dir    string
			Module *module
		}
		if err := packages.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return l, fmt.Errorf("read what go list says: %w", err)
		}
		if p.Module == nil || p.Module.Main {
			continue
		}
		root := p.Module.Dir
		l.modules[root] = *p.Module
		for dir := p.Dir; !seen[dir] && strings.HasPrefix(dir, root); dir = filepath.Dir(dir) {
			seen[dir] = true
			entries, err := os.ReadDir(dir)
			if err != nil {
				return l, err
			}
			for _, e := range entries {
				if !e.IsDir() && terms.MatchString(e.Name()) && filepath.Ext(e.Name()) != ".go" {
					l.files[root] = append(l.files[root], filepath.Join(dir, e.Name()))
				}
			}
		}
	}
	// Whatever Go it is: its own library has had the same licence for years.
	goroot, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return l, fmt.Errorf("go env: %w", err)
	}
	root := strings.TrimSpace(string(goroot))
	l.modules[root] = module{Path: "Go's library", Version: "of the Go it is built with", Dir: root}
	l.files[root] = []string{filepath.Join(root, "LICENSE"), filepath.Join(root, "PATENTS")}
	for root := range l.modules {
		l.order = append(l.order, root)
		slices.Sort(l.files[root])
	}
	slices.SortFunc(l.order, func(a, b string) int { return strings.Compare(l.modules[a].Path, l.modules[b].Path) })
	return l, nil
}

const head = `# Third-party notices

What is linked into vitalsink, and the licences and notices of it. Written by ` + "`make notices`" + `.

The released binaries and the image are built without DuckDB: the modules below whose names begin with
github.com/duckdb are only in what ` + "`make build`" + ` makes. DuckDB itself is under the MIT licence, as its bindings are;
linked with it are fastpforlib, fmt, FSST, HyperLogLog, jemalloc, Mbed TLS, miniz, pg_query, RE2, skiplist, utf8proc,
yyjson, zstd, ICU and others, whose licences are in the folders third_party and extension of DuckDB's source.
Pass these on, too, if you pass on a binary with DuckDB.

`

// write lists the modules, and then each text once.
func (l linkedModules) write(w io.Writer) error {
	var texts []string
	of := map[string][]string{}
	page := bytes.NewBufferString(head + "| module | version |\n|---|---|\n")
	for _, root := range l.order {
		m := l.modules[root]
		fmt.Fprintf(page, "| %s | %s |\n", m.Path, m.Version)
		for _, file := range l.files[root] {
			raw, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			text := strings.TrimSpace(strings.ReplaceAll(string(raw), "\r\n", "\n"))
			if of[text] == nil {
				texts = append(texts, text)
			}
			inside, err := filepath.Rel(root, file)
			if err != nil {
				return err
			}
			of[text] = append(of[text], m.Path+": "+filepath.ToSlash(inside))
		}
	}
	for _, text := range texts {
		fmt.Fprintf(page, "\n## %s\n\n~~~~~~text\n%s\n~~~~~~\n", strings.Join(of[text], "\n## "), text)
	}
	_, err := page.WriteTo(w)
	return err
}
