package main

import (
	"os"
	"path/filepath"
	"testing"
)

const docs = "../../docs"

// TestPage: the page is what the benchmarks printed that stands beside it.
func TestPage(t *testing.T) {
	r, err := read(filepath.Join(docs, "performance", "results.txt"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := render(r)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(docs, "performance.md"))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("docs/performance.md is not what its results say; go run . ../../docs writes it anew")
	}
	for _, p := range plots {
		if err := p.save(r, t.TempDir()); err != nil {
			t.Errorf("plot %s: %v", p.name, err)
		}
	}
}

// TestSpread: medians, and ratios within a round.
func TestSpread(t *testing.T) {
	r := &results{rounds: map[string]map[string][]float64{"A": {"s": {4, 9, 6}}, "B": {"s": {2, 3, 1}}, "C": {"s": {1}}}}
	if got, err := r.ratio("A", "B", "s"); err != nil || got != (spread{median: 3, least: 2, most: 6}) {
		t.Errorf("%+v, %v", got, err)
	}
	if got := spreadOf([]float64{4, 1, 2, 8}); got.median != 3 {
		t.Errorf("median %v, want 3", got.median)
	}
	for _, name := range []string{"C", "D"} {
		if _, err := r.ratio("A", name, "s"); err == nil {
			t.Errorf("a ratio to %s, which did not run as often", name)
		}
	}
}
