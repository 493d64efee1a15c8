package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	docs := flag.String("docs", "docs", "folder of performance.md and of its plots")
	machine := flag.String("machine", "", "what it ran on")
	flag.Parse()
	if err := run(*docs, *machine, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "performance:", err)
		os.Exit(1)
	}
}

func run(docs, machine string, files []string) error {
	r, err := read(files)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(docs, "performance"), 0o755); err != nil {
		return err
	}
	for _, p := range plots {
		if err := p.save(r, filepath.Join(docs, "performance")); err != nil {
			return fmt.Errorf("plot %s: %w", p.name, err)
		}
	}
	page, err := render(r, machine)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(docs, "performance.md"), page, 0o644)
}
