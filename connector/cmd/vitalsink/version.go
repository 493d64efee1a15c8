package main

import (
	"fmt"
	"runtime/debug"

	"vitalsink/connector/duckdb"
	"vitalsink/schemas"
)

// version is set by the linker where a release is made: make release VERSION=….
var version string

type versionCommand struct {
	JSON bool `name:"json" help:"Print one JSON object."`
}

func (c *versionCommand) Help() string {
	return `The version of the program, the commit that it was built from and that commit's
date, and whether the tree had changes beside it; the version of Go, of DuckDB if
it is in, and of the catalogue of tables it knows. What the build did not tell is
unknown, or null.

  vitalsink version --json`
}

// build is what a binary knows of itself. Modified and DuckDB are nil where it
// was not told, and where there is none.
type build struct {
	Version   string  `json:"version"`
	Commit    string  `json:"commit"`
	Date      string  `json:"commit_date"` // RFC 3339, UTC
	Modified  *bool   `json:"modified"`
	Go        string  `json:"go"`
	DuckDB    *string `json:"duckdb"`
	Catalogue int     `json:"catalogue_version"`
}

func (c *versionCommand) Run(std streams) error {
	catalogue, err := schemas.Load()
	if err != nil {
		return err
	}
	b := built(catalogue.Version)
	if c.JSON {
		return printJSON(std.out, b)
	}
	commit, database := b.Commit, "without DuckDB"
	if b.Modified != nil {
		commit += " of " + b.Date
		if *b.Modified {
			commit += ", modified"
		}
	}
	if b.DuckDB != nil {
		database = "DuckDB " + *b.DuckDB
	}
	_, err = fmt.Fprintf(std.out, "vitalsink %s\ncommit    %s\nbuilt     with %s, %s\ncatalogue %d\n",
		b.Version, commit, b.Go, database, b.Catalogue)
	return err
}

// built is what the linker and Go's build information say.
func built(catalogue int) build {
	b := build{Version: "unknown", Commit: "unknown", Date: "unknown", Go: "unknown", Catalogue: catalogue}
	if v := duckdb.Version(); v != "" {
		b.DuckDB = &v
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		b.Version, b.Go = info.Main.Version, info.GoVersion
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Commit = s.Value
			case "vcs.time":
				b.Date = s.Value
			case "vcs.modified":
				modified := s.Value == "true"
				b.Modified = &modified
			}
		}
	}
	if version != "" {
		b.Version = version
	}
	return b
}
