//go:build linux

package main

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestStaticBinary: without cgo there is a binary that needs nothing of the
// machine, takes a BigQuery warehouse, and says that it has no DuckDB.
func TestStaticBinary(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "vitalsink")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
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
