package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"vitalsink/schemas"
)

type schemaCommand struct {
	Plan  schemaPlanCommand  `cmd:"" help:"Show how BigQuery's tables differ from those that are needed."`
	Apply schemaApplyCommand `cmd:"" help:"Make what is missing in BigQuery: tables, columns, views."`
	Show  schemaShowCommand  `cmd:"" help:"Show the tables, or one of them with its columns."`
}

type schemaShowCommand struct {
	Table string `arg:"" optional:"" help:"A table, or a resource of timeseries such as heartrate."`
	JSON  bool   `name:"json" help:"Print the declarations as one JSON object."`
}

func (c *schemaShowCommand) Help() string {
	return `Without a name it lists the tables and the resources of timeseries; with one it
shows the columns, their units, and where in an event each comes from.

  vitalsink schema show sleep
  vitalsink schema show heartrate`
}

func (c *schemaShowCommand) Run(std streams) error {
	catalogue, err := schemas.Load()
	if err != nil {
		return err
	}
	if c.Table == "" {
		if c.JSON {
			return printJSON(std.out, catalogue)
		}
		return showTables(std.out, catalogue)
	}
	for _, v := range catalogue.Views() {
		if v.Name != c.Table {
			continue
		}
		if c.JSON {
			return printJSON(std.out, v.Table)
		}
		return showView(std.out, v)
	}
	return usage{fmt.Errorf("there is no table or resource %q; vitalsink schema show lists them", c.Table)}
}

func showTables(out io.Writer, c *schemas.Catalogue) error {
	fmt.Fprintf(out, "Catalogue %d\n\n", c.Version)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, t := range c.Tables {
		fmt.Fprintf(w, "%s\t%s\n", t.Name, t.Description)
	}
	fmt.Fprint(w, "\t\nresources of timeseries, each with a view of its own\t\n")
	for _, r := range c.Table(schemas.TimeseriesTable).Resources {
		note := ""
		if r.Deprecated {
			note = " Deprecated by Junction."
		}
		fmt.Fprintf(w, "%s\t%s [%s]%s\n", r.Name, r.Description, r.Unit, note)
	}
	return w.Flush()
}

func showView(out io.Writer, v schemas.View) error {
	t := v.Table
	fmt.Fprintf(out, "%s: %s\n", v.Name, v.Description)
	if v.Resource != "" {
		fmt.Fprintf(out, "rows of timeseries with resource = '%s'\n", v.Resource)
	}
	if len(t.Events) > 0 {
		fmt.Fprintln(out, "events:", strings.Join(t.Events, ", "))
	}
	if len(t.Key) > 0 {
		fmt.Fprintln(out, "key:", strings.Join(t.Key, ", "))
	}
	if t.Partition != nil {
		fmt.Fprintf(out, "partitioned by day of %s (%s)\n", t.Partition.Column, t.Partition.Rule)
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "column\ttype\tunit\tpath\tdescription")
	for _, name := range v.Columns {
		c := t.Columns[t.Index(name)]
		kind := string(c.Type)
		if c.Repeated {
			kind = "repeated " + kind
		}
		if c.Required {
			kind += " required"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", c.Name, kind, c.Unit, strings.Join(c.Paths(), " | "), c.Description)
	}
	if err := w.Flush(); err != nil {
		return errors.Join(errors.New("print schema"), err)
	}
	return nil
}
