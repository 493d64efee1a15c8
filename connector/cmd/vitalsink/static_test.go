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
	for warehouse, says := range map[string]string{
		"duckdb://new.duckdb":       "built without DuckDB",
		"bigquery://project/health": "BigQuery",
	} {
		load := exec.CommandContext(t.Context(), binary, "load", "--warehouse", warehouse, "-")
		load.Dir = t.TempDir()
		// Nobody listens there, and nobody's credentials are looked for.
		load.Env = append(os.Environ(), "GOOGLE_APPLICATION_CREDENTIALS=/nonexistent", "HOME="+load.Dir)
		out, err := load.CombinedOutput()
		if err == nil || !strings.Contains(string(out), says) {
			t.Errorf("load into %s: %v: %s", warehouse, err, out)
		}
	}
}
