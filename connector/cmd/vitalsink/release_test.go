//go:build cgo && linux

package main

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitalsink/connector/connectortest"
)

const root = "../../.."

// TestRelease builds what is released, by the command that the image and
// "make release" build it with.
func TestRelease(t *testing.T) {
	connectortest.Long(t)
	dir := t.TempDir()
	binary := filepath.Join(dir, "vitalsink")
	buildRelease(t, root, binary)
	t.Run("static", func(t *testing.T) { needsNothing(t, binary) })
	if _, err := os.Stat(filepath.Join(root, ".git")); err == nil { // else the tree is a copy, of no commit
		t.Run("same bytes from another folder", func(t *testing.T) { sameElsewhere(t, binary) })
		t.Run("version", func(t *testing.T) { tellsCommit(t, binary) })
	}
	t.Run("in the image", func(t *testing.T) { runsConfined(t, dir) })
}

func buildRelease(t *testing.T, tree, binary string) {
	t.Helper()
	build := exec.CommandContext(t.Context(), "tools/static", binary, "v0.0.1-test")
	build.Dir = tree
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
}

// needsNothing wants a binary that needs nothing of the machine, takes a
// BigQuery warehouse, and says that it has no DuckDB.
func needsNothing(t *testing.T, binary string) {
	f, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the binary is linked dynamically")
		}
	}
	for says, args := range map[string][]string{
		"built without DuckDB":                    {"load", "--warehouse", "duckdb://new.duckdb", "-"},
		"built without the stand-in for BigQuery": {"demo", "--warehouse", "bigquery"},
		"open bigquery://project/health: ":        {"load", "--warehouse", "bigquery://project/health", "-"},
	} {
		command := exec.CommandContext(t.Context(), binary, args...)
		command.Dir = t.TempDir()
		// Nobody listens there, and nobody's credentials are looked for.
		command.Env = append(os.Environ(), "GOOGLE_APPLICATION_CREDENTIALS=/nonexistent", "HOME="+command.Dir)
		out, err := command.CombinedOutput()
		if err == nil || !strings.Contains(string(out), says) {
			t.Errorf("%v: %v: %s", args, err, out)
		}
	}
}

// sameElsewhere builds from a copy of the tree.
func sameElsewhere(t *testing.T, binary string) {
	tree := t.TempDir()
	// What git knows or would take, and git's own: the same commit, as much modified.
	files := exec.CommandContext(t.Context(), "sh", "-c",
		`git ls-files -z --cached --others --exclude-standard | tar -c --null -T - --ignore-failed-read .git | tar -x -C "$0"`, tree)
	files.Dir = root
	if out, err := files.CombinedOutput(); err != nil {
		t.Fatalf("copy the tree: %v\n%s", err, out)
	}
	again := filepath.Join(t.TempDir(), "again")
	buildRelease(t, tree, again)
	if !bytes.Equal(mustRead(t, binary), mustRead(t, again)) {
		t.Error("the same tree gave other bytes")
	}
}

func mustRead(t *testing.T, file string) []byte {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func tellsCommit(t *testing.T, binary string) {
	git := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", root}, args...)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	out, err := exec.CommandContext(t.Context(), binary, "version", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var got build
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if got.Version != "v0.0.1-test" || got.Commit != git("rev-parse", "HEAD") || len(got.Date) != len("2026-11-30T00:00:00Z") ||
		got.Modified == nil || *got.Modified != (git("status", "--porcelain") != "") || got.DuckDB != nil || got.Catalogue != mustCatalogue(t).Version {
		t.Errorf("version says %s", out)
	}
}

// runsConfined runs the service as the image does: its folder is the whole file
// system, it is read-only, and the user has no rights. It brings messages from
// Pub/Sub to BigQuery there.
func runsConfined(t *testing.T, dir string) {
	confined := func(p *exec.Cmd) *exec.Cmd {
		p.Args = append([]string{"unshare", "--mount", "sh", "-c",
			`mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec chroot --userspec=65532:65532 "$0" /vitalsink "$@"`, dir}, p.Args[1:]...)
		p.Path, p.Err = "/usr/bin/unshare", nil
		return p
	}
	for _, path := range []string{dir, filepath.Dir(dir)} { // the user has to reach it
		if err := os.Chmod(path, 0o755); err != nil { //nolint:gosec // there is nothing to hide
			t.Fatal(err)
		}
	}
	if out, err := confined(exec.CommandContext(t.Context(), "vitalsink", "version")).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: this user or machine cannot run anything in a file system of its own: %v: %s", err, out)
	}
	out, err := confined(exec.CommandContext(t.Context(), "vitalsink", "generate", "--users", "1", "--days", "1", "--truth", "/truth")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "read-only file system") {
		t.Errorf("a file can be written: %v", err)
	}

	s, target := newService(t), newBigQuery(t)
	const messages = 20
	for i := range messages {
		s.Publish(demoTopic, fmt.Appendf(nil, `{"event_type":"daily.data.sleep.created","user_id":"u","data":{"id":"s-%d","created_at":"2026-05-01T08:00:00Z"}}`, i),
			map[string]string{"event-type": "daily.data.sleep.created"})
	}
	p := target.command("run", "--source", "pubsub://demo/vitalsink", "--warehouse", target.url(),
		"--http", "127.0.0.1:0", "--flush-interval", "200ms", "--fold-interval", "200ms")
	p.Env = append(p.Env, emulator+"="+s.Addr)
	confined(p.Cmd)
	p.start(t)
	s.await(t, "the messages", func(_, acked int) bool { return acked == messages })
	if _, page := p.get(t, "/status.json"); !strings.Contains(page, `"version": "v0.0.1-test"`) && !strings.Contains(page, `"version":"v0.0.1-test"`) {
		t.Errorf("the status page does not tell the version of the release: %.300s", page)
	}
	p.terminate(t) // folds, if there is time left
	target.fold(t)
	if got := target.query(t, "SELECT count(*) FROM health.sleep")[0][0]; got != int64(messages) {
		t.Errorf("%v rows of %d messages\n%s", got, messages, p.wrote.String())
	}
}

// TestDockerfile: what the image is made of is there, it is built as TestRelease
// builds, without secrets, and nobody in it is root.
func TestDockerfile(t *testing.T) {
	text := strings.ReplaceAll(string(mustRead(t, filepath.Join(root, "Dockerfile"))), "\\\n", " ")
	has := map[string][]string{}
	for line := range strings.Lines(text) {
		instruction, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if instruction != "" && instruction != "#" {
			has[instruction] = append(has[instruction], strings.Join(strings.Fields(rest), " "))
		}
	}
	for instruction, want := range map[string][]string{
		"RUN":        {"go mod download", "tools/static /vitalsink $VERSION"},
		"ARG":        {"VERSION"},
		"ENV":        nil,
		"USER":       {"65532:65532"},
		"ENTRYPOINT": {`["/vitalsink"]`},
	} {
		if diff := cmp.Diff(want, has[instruction]); diff != "" {
			t.Errorf("%s: want -, is +:\n%s", instruction, diff)
		}
	}
	ignored := ignoredByDocker(t)
	for _, copied := range has["COPY"] {
		paths := strings.Fields(copied)
		if strings.HasPrefix(copied, "--from=") {
			continue // from the other stage, where RUN put it
		}
		for _, path := range paths[:len(paths)-1] {
			if _, err := os.Stat(filepath.Join(root, path)); err != nil || ignored(path) {
				t.Errorf("COPY %s: %s is not there", copied, path)
			}
		}
	}
	if len(has["COPY"]) < 4 || len(has["FROM"]) != 2 {
		t.Errorf("the Dockerfile was not understood: %q", has)
	}
	// The Go that the release is built with is the image's: none is downloaded.
	_, release, _ := strings.Cut(string(mustRead(t, filepath.Join(root, "tools/static"))), "GOTOOLCHAIN=go")
	if release = strings.Fields(release)[0]; !strings.HasPrefix(has["FROM"][0], "golang:"+release+" ") && !strings.HasPrefix(has["FROM"][0], "golang:"+release+"@") {
		t.Errorf("it is built with Go %s, on %s", release, has["FROM"][0])
	}
	// What git knows is in the context, or the tree would count as modified.
	files, err := exec.CommandContext(t.Context(), "git", "-C", root, "ls-files").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range strings.Fields(string(files)) {
		if ignored(file) {
			t.Errorf(".dockerignore leaves out %s", file)
		}
	}
}

// ignoredByDocker reads .dockerignore, of whose language it knows what is used.
func ignoredByDocker(t *testing.T) func(file string) bool {
	var patterns []string
	for line := range strings.Lines(string(mustRead(t, filepath.Join(root, ".dockerignore")))) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			line = strings.NewReplacer(".", `\.`, "**/", "(.*/)?", "*", "[^/]*").Replace(line)
			patterns = append(patterns, "^"+line+"(/|$)")
		}
	}
	matches := regexp.MustCompile(strings.Join(patterns, "|"))
	return matches.MatchString
}

// TestNotices: the licence and the notices of every module that is linked are
// passed on, word for word.
func TestNotices(t *testing.T) {
	page := string(mustRead(t, filepath.Join(root, "THIRD_PARTY_NOTICES.md")))
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}", ".")
	list.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	modules := strings.Split(strings.TrimSpace(string(out)), "\n")
	slices.Sort(modules)
	modules = slices.Compact(modules)
	for _, line := range modules {
		m := strings.Fields(line)
		if !strings.Contains(page, fmt.Sprintf("\n| %s | %s |\n", m[0], m[1])) {
			t.Errorf("%s %s is missing: make notices", m[0], m[1])
		}
		terms := 0
		for _, pattern := range []string{"LICEN[CS]E*", "COPYING*", "NOTICE*"} {
			files, err := fs.Glob(os.DirFS(m[2]), pattern)
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				terms++
				text := strings.ReplaceAll(string(mustRead(t, filepath.Join(m[2], file))), "\r\n", "\n")
				if !strings.Contains(page, strings.TrimSpace(text)) || !strings.Contains(page, "\n## "+m[0]+": "+file+"\n") {
					t.Errorf("%s of %s is missing: make notices", file, m[0])
				}
			}
		}
		if terms == 0 {
			t.Errorf("%s has no licence", m[0])
		}
	}
	if rows := strings.Count(page, "\n| "); len(modules) < 50 || rows != len(modules)+2 { // the head, and Go's library
		t.Errorf("%d modules are linked, and the page has %d rows", len(modules), rows)
	}
}
