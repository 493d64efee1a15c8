package terraformtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWrongCatalogue: tables that BigQuery would not make are refused by the
// plan, before anything is made.
func TestWrongCatalogue(t *testing.T) {
	for name, test := range map[string]struct{ clustered, want string }{
		"too many": {"[resource, user_id, provider, source_type, discriminator]", "timeseries has more than 4 clustering columns, which BigQuery does not take."},
		"unknown":  {"[resource, user]", "timeseries is clustered by a column that it has not."},
	} {
		t.Run(name, func(t *testing.T) {
			changed := withTables(t, "timeseries.yaml", "cluster: [resource, user_id]", "cluster: "+test.clustered)
			said := strings.Join(strings.Fields(Refusal(t, changed, map[string]any{
				"project_id": "my-project", "project_number": "1", "region": "europe-west1", "location": "EU",
				"junction_publishers": []string{}, "image": "registry/vitalsink@sha256:" + strings.Repeat("0", 64),
			})), " ")
			if !strings.Contains(said, test.want) {
				t.Errorf("it says %s", said)
			}
		})
	}
}

// withTables is a copy of the module, with a line of a table's declaration
// changed.
func withTables(t *testing.T, table, line, changed string) string {
	t.Helper()
	dir := t.TempDir()
	for folder, pattern := range map[string]string{"terraform": "*.tf", "schemas": "*.yaml"} {
		files, err := filepath.Glob(filepath.Join(module, "..", folder, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("no %s in %s: %v", pattern, folder, err)
		}
		if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text := string(raw)
			if filepath.Base(file) == table {
				if text = strings.Replace(text, line, changed, 1); text == string(raw) {
					t.Fatalf("%s has no %q", table, line)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, folder, filepath.Base(file)), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	// What terraform init has made, if it was that which found the provider.
	for _, made := range []string{".terraform", ".terraform.lock.hcl"} {
		path, err := filepath.Abs(filepath.Join(module, made))
		if err == nil {
			err = os.Symlink(path, filepath.Join(dir, "terraform", made))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "terraform")
}
