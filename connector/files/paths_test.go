package files

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// link makes a symbolic link in a directory.
func link(t *testing.T, dir, name, target string) {
	t.Helper()
	if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

// tree makes files that hold their own path, and returns their directory.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		text := name + "\n"
		if strings.HasSuffix(name, ".gz") {
			text = zipped(t, text)
		}
		writeFile(t, filepath.Join(dir, name), text)
	}
	return dir
}

func TestReceiveReadsDirectories(t *testing.T) {
	none := "d: no file in it ends in .ndjson, .jsonl or .json, with or without .gz"
	for name, c := range map[string]struct {
		files    []string
		links    map[string]string
		want     []string
		problems []string
	}{
		"all endings": {
			files: []string{"d/a.ndjson", "d/b.jsonl", "d/c.json", "d/d.ndjson.gz", "d/e.jsonl.gz", "d/f.json.gz", "d/G.JSON"},
			want:  []string{"d/G.JSON", "d/a.ndjson", "d/b.jsonl", "d/c.json", "d/d.ndjson.gz", "d/e.jsonl.gz", "d/f.json.gz"},
		},
		"other files": {
			files: []string{"d/a.ndjson", "d/a.csv", "d/README", "d/a.ndjson.zst", "d/a.gz", "d/json", "d/a.ndjson.tmp"},
			want:  []string{"d/a.ndjson"},
		},
		"below, in the order of their paths": {
			files: []string{"d/b.json", "d/b/z.json", "d/a/b/c.json", "d/b-1/x.json"},
			want:  []string{"d/a/b/c.json", "d/b-1/x.json", "d/b.json", "d/b/z.json"},
		},
		"what is hidden": {
			files: []string{"d/.a.json", "d/.git/b.json", "d/c/.d.json", "d/e.json"},
			want:  []string{"d/e.json"},
		},
		"a link to the directory":    {files: []string{"real/a.json"}, links: map[string]string{"d": "real"}, want: []string{"real/a.json"}},
		"a link in circles":          {files: []string{"d/a.json"}, links: map[string]string{"d/again": "..", "d/self": "self"}, want: []string{"d/a.json"}},
		"a link to a file elsewhere": {files: []string{"d/a.json", "x/b"}, links: map[string]string{"d/b.json": "../x/b"}, want: []string{"d/a.json", "x/b"}},
		"a file under two names":     {files: []string{"d/a.json", "d/b.json"}, links: map[string]string{"d/c.json": "a.json"}, want: []string{"d/a.json", "d/b.json"}},
		"a link to nowhere": {
			files: []string{"d/b.json"}, links: map[string]string{"d/a.json": "nowhere"},
			want: []string{"d/b.json"}, problems: []string{"d/a.json: there is no such file"},
		},
		"nothing":           {files: []string{"d/a.csv"}, problems: []string{none}},
		"only hidden files": {files: []string{"d/.a.json"}, problems: []string{none}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tree(t, c.files...)
			for name, target := range c.links {
				link(t, dir, name, target)
			}
			messages, problems := receive(t, &Source{Paths: []string{filepath.Join(dir, "d")}, Began: began, Workers: 1})
			if diff := cmp.Diff(c.want, bodies(messages)); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
			if diff := cmp.Diff(c.problems, problems); diff != "" {
				t.Errorf("problems: want (-), got (+):\n%s", diff)
			}
		})
	}
}

// What is named is read, however often; hidden too, and with any ending.
func TestReceiveReadsWhatIsNamed(t *testing.T) {
	dir := tree(t, ".d/a.json", ".d/.b")
	paths := []string{filepath.Join(dir, ".d"), filepath.Join(dir, ".d/.b"), filepath.Join(dir, ".d/a.json"), filepath.Join(dir, ".d/.")}
	messages, problems := receive(t, &Source{Paths: paths, Began: began, Workers: 1})
	want := []string{".d/a.json", ".d/.b", ".d/a.json", ".d/a.json"}
	if got := bodies(messages); !slices.Equal(got, want) || len(problems) > 0 {
		t.Errorf("delivered %q, want %q; problems %q", got, want, problems)
	}
}

// A directory on which nobody may look does not keep the others from being
// read.
func TestReceiveNamesClosedDirectories(t *testing.T) {
	dir := tree(t, "d/a.json", "d/b/c.json", "d/d.json")
	closed := filepath.Join(dir, "d/b")
	if err := os.Chmod(closed, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(closed, 0o700) }) // for it to be removed
	if _, err := os.ReadDir(closed); err == nil {
		t.Skip("this user may look everywhere")
	}
	messages, problems := receive(t, &Source{Paths: []string{filepath.Join(dir, "d")}, Began: began, Workers: 1})
	if got := bodies(messages); !slices.Equal(got, []string{"d/a.json", "d/d.json"}) {
		t.Errorf("delivered %q", got)
	}
	if !slices.Equal(problems, []string{"d/b: permission denied"}) {
		t.Errorf("problems %q", problems)
	}
}

func TestReceiveReadsManyFiles(t *testing.T) {
	var names []string
	for i := range 500 {
		names = append(names, fmt.Sprintf("d/%04d.json", i))
	}
	dir := tree(t, names...)
	messages, problems := receive(t, &Source{Paths: []string{dir}, Began: began})
	if len(messages) != len(names) || len(problems) > 0 {
		t.Errorf("%d messages of %d files, problems %q", len(messages), len(names), problems)
	}
	for _, m := range messages {
		var i int
		if _, err := fmt.Sscanf(string(m.Data), "d/%d.json", &i); err != nil || m.PublishTime.UnixMicro() != int64(i) {
			t.Errorf("%s is published %s", m.Data, m.PublishTime)
		}
	}
}
