package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: performance DOCS, the folder of performance/results.txt")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "performance:", err)
		os.Exit(1)
	}
}

// write makes the page and its plots.
func write(docs string) error {
	r, err := read(filepath.Join(docs, "performance", "results.txt"))
	if err != nil {
		return err
	}
	for _, p := range plots {
		if err := p.save(r, filepath.Join(docs, "performance")); err != nil {
			return fmt.Errorf("plot %s: %w", p.name, err)
		}
	}
	page, err := render(r)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(docs, "performance.md"), page, 0o644)
}
