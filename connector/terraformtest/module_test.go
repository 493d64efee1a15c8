package terraformtest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "../../terraform"

var update = flag.Bool("update", false, "write the tables of terraform/README.md anew")

// block is one block of the module, as terraform fmt lays it out.
type block struct{ kind, name, body string }

var blocks = regexp.MustCompile(`(?ms)^(variable|output|resource|data) ((?:"[^"]+" ?)+)\{\n(.*?)^\}`)

// readModule reads the blocks of all files, in order.
func readModule(t *testing.T) (all []block) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(module, "*.tf"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no module in %s: %v", module, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range blocks.FindAllStringSubmatch(string(text), -1) {
			name := strings.ReplaceAll(strings.TrimSpace(m[2]), `" "`, ".")
			all = append(all, block{m[1], strings.Trim(name, `"`), m[3]})
		}
	}
	return all
}

// argument is the value of an argument at the top of a block, "" if there is
// none. Of a value of several lines it is the first.
func (b block) argument(name string) string {
	m := regexp.MustCompile(`(?m)^  ` + name + ` +=[ ]*(.*)$`).FindStringSubmatch(b.body)
	if m == nil {
		return ""
	}
	return m[1]
}

func (b block) description(t *testing.T) string {
	t.Helper()
	text, err := strconv.Unquote(b.argument("description"))
	if err != nil || text == "" {
		t.Errorf("%s %s has no description of one line", b.kind, b.name)
	}
	return strings.ReplaceAll(text, "|", "\\|")
}

// TestReadme: the README's tables are the module's variables and outputs.
func TestReadme(t *testing.T) {
	var inputs, outputs strings.Builder
	fmt.Fprint(&inputs, "| input | what it is | type | default |\n|---|---|---|---|\n")
	fmt.Fprint(&outputs, "| output | what it is |\n|---|---|\n")
	for _, b := range readModule(t) {
		switch b.kind {
		case "variable":
			fallback := "required"
			if value := b.argument("default"); value != "" {
				fallback = "`" + value + "`"
			}
			fmt.Fprintf(&inputs, "| `%s` | %s | `%s` | %s |\n", b.name, b.description(t), strings.TrimSuffix(b.argument("type"), "({"), fallback)
		case "output":
			fmt.Fprintf(&outputs, "| `%s` | %s |\n", b.name, b.description(t))
		}
	}
	path := filepath.Join(module, "README.md")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := string(raw)
	for name, table := range map[string]string{"inputs": inputs.String(), "outputs": outputs.String()} {
		begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->"
		head, rest, ok := strings.Cut(want, begin)
		_, tail, found := strings.Cut(rest, end)
		if !ok || !found {
			t.Fatalf("%s has no place for %s", path, name)
		}
		want = head + begin + table + end + tail
	}
	if want == string(raw) {
		return
	}
	if !*update {
		t.Fatalf("%s is not what the module says; write it anew: go test ./connector/terraformtest -run TestReadme -update", path)
	}
	if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestModule: what no plan shows. What holds data that cannot be had again is
// not destroyed; access is added, never taken from others; a plan asks Google
// for nothing.
func TestModule(t *testing.T) {
	kept := []string{
		"google_bigquery_dataset.store", "google_bigquery_dataset.views", "google_pubsub_subscription.dead_letters",
		"google_pubsub_subscription.run", "google_pubsub_topic.junction", "google_secret_manager_secret.secret",
	}
	for _, b := range readModule(t) {
		if b.kind == "data" {
			t.Errorf("data source %s: a plan must work offline", b.name)
		}
		if strings.Contains(b.name, "_iam_binding.") || strings.Contains(b.name, "_iam_policy.") {
			t.Errorf("%s would take rights from others", b.name)
		}
		if protected := strings.Contains(b.body, "prevent_destroy = true"); b.kind == "resource" && protected != slices.Contains(kept, b.name) {
			t.Errorf("%s: prevent_destroy is %v", b.name, protected)
		} else if protected {
			kept = slices.DeleteFunc(slices.Clone(kept), func(name string) bool { return name == b.name })
		}
	}
	if len(kept) > 0 {
		t.Errorf("not in the module: %v", kept)
	}
}
