// Package terraformtest plans the module in terraform/ as a first apply would,
// offline, and says what is planned. It is for tests that compare it with what
// the program expects.
//
// It needs terraform, and the provider hashicorp/google: either the module is
// initialized (terraform init), or the environment's TF_CLI_CONFIG_FILE names a
// configuration that overrides it. Where there is none a test is skipped, but
// fails if the environment has CI=true: there nobody reads what was skipped.
package terraformtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// patience is how long a plan may take: on a busy machine it takes half a
// minute.
const patience = 5 * time.Minute

// Resource is one that is planned. Values that only an apply knows are not
// there.
type Resource struct {
	Address string         `json:"address"`
	Type    string         `json:"type"`
	Name    string         `json:"name"`
	Index   any            `json:"index"`
	Values  map[string]any `json:"values"`
}

// Key is the one of for_each, "" if there is none.
func (r Resource) Key() string {
	key, _ := r.Index.(string)
	return key
}

// Into decodes the resource's values.
func (r Resource) Into(t testing.TB, values any) {
	t.Helper()
	raw, err := json.Marshal(r.Values)
	if err == nil {
		err = json.Unmarshal(raw, values)
	}
	if err != nil {
		t.Fatalf("%s: %v", r.Address, err)
	}
}

// Plan plans the module of that folder, with these variables.
func Plan(t testing.TB, module string, variables map[string]any) []Resource {
	t.Helper()
	saved, err := plan(t, module, variables)
	if err != nil {
		t.Fatal(err)
	}
	out, err := run(module, "show", "-json", saved)
	if err != nil {
		t.Fatal(err)
	}
	var plan struct {
		PlannedValues struct {
			RootModule struct {
				Resources []Resource `json:"resources"`
			} `json:"root_module"`
		} `json:"planned_values"`
	}
	if err := json.Unmarshal(out, &plan); err != nil {
		t.Fatalf("read the plan: %v", err)
	}
	if len(plan.PlannedValues.RootModule.Resources) == 0 {
		t.Fatal("the plan has no resources")
	}
	return plan.PlannedValues.RootModule.Resources
}

// Refusal is why the module of that folder is not planned with these variables.
func Refusal(t testing.TB, module string, variables map[string]any) string {
	t.Helper()
	_, err := plan(t, module, variables)
	if err == nil {
		t.Fatal("it is planned")
	}
	return err.Error()
}

// plan makes a plan, and returns its file.
func plan(t testing.TB, module string, variables map[string]any) (file string, err error) {
	t.Helper()
	find(t, module)
	read(t, module)
	dir := t.TempDir()
	raw, err := json.Marshal(variables)
	if err != nil {
		return "", err
	}
	vars, saved := filepath.Join(dir, "vars.tfvars.json"), filepath.Join(dir, "plan")
	if err := os.WriteFile(vars, raw, 0o600); err != nil {
		return "", err
	}
	_, err = run(module, "plan", "-no-color", "-input=false", "-lock=false", "-refresh=false", "-state="+filepath.Join(dir, "state"), "-var-file="+vars, "-out="+saved)
	return saved, err
}

// find makes sure that there is what a plan needs.
func find(t testing.TB, module string) {
	t.Helper()
	lacking := ""
	if _, err := exec.LookPath("terraform"); err != nil {
		lacking = "no terraform"
	} else if _, err := os.Stat(filepath.Join(module, ".terraform", "providers")); err != nil && !overridden() {
		lacking = "no provider for terraform: run terraform init in terraform/"
	}
	switch {
	case lacking == "":
	case os.Getenv("CI") == "true":
		t.Fatal(lacking)
	default:
		t.Skip(lacking)
	}
}

// overridden tells whether the environment has a configuration that names the
// provider.
func overridden() bool {
	_, err := os.Stat(os.Getenv("TF_CLI_CONFIG_FILE"))
	return err == nil
}

// read reads the module, so that Go does not take the result of a test from its
// cache when the module has changed.
func read(t testing.TB, module string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(module, "*.tf"))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s holds no module", module)
	}
	for _, name := range files {
		_, readErr := os.ReadFile(name)
		err = errors.Join(err, readErr)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func run(module string, args ...string) ([]byte, error) {
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	var complaints bytes.Buffer
	c := exec.CommandContext(ctx, "terraform", append([]string{"-chdir=" + module}, args...)...)
	// A token that nobody takes: what is planned offline asks for nothing.
	c.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1", "GOOGLE_OAUTH_ACCESS_TOKEN=none")
	c.Stderr = &complaints
	out, err := c.Output()
	if err != nil {
		err = fmt.Errorf("terraform %s: %w\n%s", args[0], err, complaints.String())
	}
	return out, err
}
