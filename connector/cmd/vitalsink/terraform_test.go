package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"vitalsink/connector/terraformtest"
)

// container is one that Terraform runs.
type container struct {
	Args []string `json:"args"`
	Env  []struct {
		Name   string `json:"name"`
		Value  string `json:"value"`
		Source []any  `json:"value_source"`
	} `json:"env"`
}

// instance is what runs a container, and as whom. A job's is within another
// template.
type instance struct {
	Containers []container `json:"containers"`
	Account    string      `json:"service_account"`
}

// instanceOf is the one of a workload; ok is false if it is none.
func instanceOf(t *testing.T, r terraformtest.Resource) (i instance, ok bool) {
	var w struct {
		Template []struct {
			instance
			Template []instance `json:"template"`
		} `json:"template"`
	}
	switch r.Type {
	case "google_cloud_run_v2_worker_pool", "google_cloud_run_v2_service", "google_cloud_run_v2_job":
	default:
		return i, false
	}
	r.Into(t, &w)
	if len(w.Template[0].Template) > 0 {
		return w.Template[0].Template[0], true
	}
	return w.Template[0].instance, true
}

// everythingPlanned is what Terraform is told so that it makes all that it can make.
func everythingPlanned() map[string]any {
	return map[string]any{
		"project_id": "my-project", "project_number": "1", "region": "europe-west1", "location": "EU",
		"junction_publishers": []string{}, "image": "registry/vitalsink@sha256:" + strings.Repeat("0", 64),
		"max_bytes_billed_per_day": "2TiB", "run_environment": map[string]string{"VITALSINK_FOLD_INTERVAL": "10m"},
		"enable_webhook": true, "enable_backfill": true, "enable_reconcile": true, "reconcile_repair": true, "enable_sweep": true,
	}
}

// TestTerraformRuns: every container that Terraform makes is told what the
// program understands, and every line of the log that an alert counts is one
// that the program writes.
func TestTerraformRuns(t *testing.T) {
	planned := terraformtest.Plan(t, "../../../terraform", everythingPlanned())
	source := programText(t)
	var ran, lines, values []string
	for _, r := range planned {
		if i, ok := instanceOf(t, r); ok {
			ran = append(ran, strings.Join(i.Containers[0].Args, " "))
			t.Run(r.Address, func(t *testing.T) { i.Containers[0].understood(t) })
		}
		if r.Type == "google_logging_metric" {
			filter, _ := r.Values["filter"].(string)
			for _, m := range regexp.MustCompile(`jsonPayload\.message:"([^"]+)"`).FindAllStringSubmatch(filter, -1) {
				lines = append(lines, m[1])
				if !strings.Contains(source, m[1]) {
					t.Errorf("%s: the program never says %q", r.Address, m[1])
				}
			}
			extractor, _ := r.Values["value_extractor"].(string)
			for _, m := range regexp.MustCompile(`^EXTRACT\(jsonPayload\.([a-z_]+)\)$`).FindAllStringSubmatch(extractor, -1) {
				values = append(values, m[1])
				if !strings.Contains(source, strconv.Quote(m[1])) {
					t.Errorf("%s: the program never tells %s", r.Address, m[1])
				}
			}
		}
	}
	slices.Sort(ran)
	if want := []string{"backfill", "erase --sweep", "reconcile", "run", "schema apply", "webhook"}; !slices.Equal(ran, want) {
		t.Errorf("Terraform runs %q, want %q", ran, want)
	}
	if len(lines) < 8 || len(values) != 3 {
		t.Errorf("only %d lines of the log are looked for, and values %q", len(lines), values)
	}
}

// understood checks that the program takes the container's command, and that
// each of its variables is one that the command reads.
func (c container) understood(t *testing.T) {
	for _, e := range os.Environ() {
		if name, value, _ := strings.Cut(e, "="); strings.HasPrefix(name, "VITALSINK_") {
			t.Setenv(name, value) // back at the end
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, e := range c.Env {
		value := e.Value
		if len(e.Source) > 0 {
			value = "secret"
		}
		t.Setenv(e.Name, value)
	}
	var args cli
	parser, err := kong.New(&args, kong.Name("vitalsink"), kong.DefaultEnvars("VITALSINK"))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.Parse(c.Args)
	if err != nil {
		t.Fatalf("the program does not take it: %v", err)
	}
	known := map[string][]string{"webhook": {secretVariable}, "backfill": {keyVariable}, "reconcile": {keyVariable}}[c.Args[0]]
	for _, f := range parsed.Flags() {
		known = append(known, f.Envs...)
	}
	for _, e := range c.Env {
		if !slices.Contains(known, e.Name) {
			t.Errorf("%s reads no %s", c.Args[0], e.Name)
		}
		if secret := e.Name == secretVariable || e.Name == keyVariable; secret != (len(e.Source) > 0) {
			t.Errorf("%s: from a secret: %v", e.Name, len(e.Source) > 0)
		}
	}
}

// programText is the text of the program, without tests.
func programText(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		b.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
