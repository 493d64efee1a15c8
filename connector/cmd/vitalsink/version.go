package main

import (
	"fmt"
	"runtime/debug"

	"vitalsink/schemas"
)

type versionCommand struct {
	JSON bool `name:"json" help:"Print one JSON object."`
}

func (c *versionCommand) Help() string {
	return `The version of the program, of Go, and of the catalogue of tables it knows.

  vitalsink version --json`
}

func (c *versionCommand) Run(std streams) error {
	catalogue, err := schemas.Load()
	if err != nil {
		return err
	}
	v := struct {
		Version   string `json:"version"`
		Go        string `json:"go"`
		Catalogue int    `json:"catalogue_version"`
	}{"unknown", "unknown", catalogue.Version}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Version, v.Go = info.Main.Version, info.GoVersion
	}
	if c.JSON {
		return printJSON(std.out, v)
	}
	_, err = fmt.Fprintf(std.out, "vitalsink %s, %s, catalogue %d\n", v.Version, v.Go, v.Catalogue)
	return err
}
