package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"vitalsink/connector/bigquery"
	"vitalsink/schemas"
)

type schemaPlanCommand struct {
	warehouseFlag
	JSON bool `name:"json" help:"Print one JSON object."`
}

func (c *schemaPlanCommand) Help() string {
	return `Compares the tables, columns, fence rows and views that this vitalsink needs with
the datasets in BigQuery, and changes nothing. The exit code is 0 if they are the
same, and 3 if schema apply, or a person, has something to do.

  vitalsink schema plan --warehouse bigquery://my-project/health`
}

type schemaApplyCommand struct {
	warehouseFlag
	Location string `placeholder:"NAME" help:"Where datasets that are missing are made: EU, US, europe-west1, … It cannot be changed later."`
	JSON     bool   `name:"json" help:"Print one JSON object at the end."`
}

func (c *schemaApplyCommand) Help() string {
	return `Makes what schema plan shows as missing: datasets, tables, nullable columns, the
one row of each fence, views; views that an older vitalsink made are replaced.
It removes nothing, changes no column and no row. If something differs that
cannot be mended like that, it makes nothing and says what to do. Writers see
new tables and columns some minutes later.

  vitalsink schema apply --warehouse bigquery://my-project/health --location EU`
}

// schemaOf is the BigQuery that a flag names, to be compared.
func schemaOf(ctx context.Context, f warehouseFlag) (*bigquery.Schema, error) {
	location, err := f.location()
	if err != nil {
		return nil, err
	}
	if !location.isBigQuery() {
		return nil, usage{errors.New("give --warehouse bigquery://PROJECT/DATASET; load and run make the tables of a DuckDB file")}
	}
	catalogue, err := schemas.Load()
	if err != nil {
		return nil, err
	}
	cfg, err := location.bigQuery(catalogue)
	if err != nil {
		return nil, err
	}
	return bigquery.OpenSchema(ctx, cfg)
}

func (c *schemaPlanCommand) Run(ctx context.Context, std streams) (err error) {
	schema, err := schemaOf(ctx, c.warehouseFlag)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, schema.Close()) }()
	p, err := schema.Plan(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(std.out, p)
	} else {
		err = printPlan(std.out, p)
	}
	return errors.Join(err, c.verdict(p))
}

// verdict is nil if there is nothing to do.
func (c *schemaPlanCommand) verdict(p *bigquery.Plan) error {
	refused, changes := len(p.Refused()), len(p.Changes())
	switch {
	case refused > 0:
		return attention{fmt.Sprintf("differences that need a person: %d", refused)}
	case changes > 0:
		location := ""
		if p.Location == "" {
			location = " --location EU, or where you want the data"
		}
		return attention{fmt.Sprintf("differences: %d; mend them with: vitalsink schema apply --warehouse %s%s", changes, c.Warehouse, location)}
	}
	return nil
}

func (c *schemaApplyCommand) Run(ctx context.Context, std streams) (err error) {
	schema, err := schemaOf(ctx, c.warehouseFlag)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, schema.Close()) }()
	p, err := schema.Apply(ctx, c.Location, func(d bigquery.Difference) {
		if !c.JSON {
			printDifference(std.out, d)
		}
	})
	switch {
	case errors.Is(err, bigquery.ErrNoLocation):
		return usage{fmt.Errorf("dataset %s is missing; say where to make it, such as --location EU (it cannot be changed later)", p.Of(bigquery.CreateDataset)[0].Dataset)}
	case err != nil && p != nil:
		for _, d := range p.Refused() {
			printDifference(std.err, d)
		}
		return err
	case err != nil:
		return err
	}
	return c.look(ctx, std, schema, p)
}

// look looks whether what was made is all there was to make.
func (c *schemaApplyCommand) look(ctx context.Context, std streams, schema *bigquery.Schema, made *bigquery.Plan) error {
	left, err := schema.Plan(ctx)
	if err != nil {
		return err
	}
	if n := len(left.Changes()) + len(left.Refused()); n > 0 {
		return fmt.Errorf("differences left: %d; see vitalsink schema plan --warehouse %s", n, c.Warehouse)
	}
	if c.JSON {
		return printJSON(std.out, struct {
			*bigquery.Plan
			Applied []bigquery.Difference `json:"applied"`
		}{left, made.Changes()})
	}
	_, err = fmt.Fprintf(std.out, "changes made: %d; the datasets are what catalogue %d wants\n", len(made.Changes()), made.Catalogue)
	return err
}

func printPlan(out io.Writer, p *bigquery.Plan) error {
	for _, d := range p.Differences {
		printDifference(out, d)
	}
	_, err := fmt.Fprintf(out, "catalogue %d: changes to make: %d, differences that need a person: %d\n",
		p.Catalogue, len(p.Changes()), len(p.Refused()))
	return err
}

// marks of differences in a list.
var marks = map[bigquery.Action]string{bigquery.Refuse: "!", bigquery.Keep: "=", bigquery.ReplaceView: "~"}

func printDifference(out io.Writer, d bigquery.Difference) {
	mark, what := marks[d.Action], string(d.Action)
	if mark == "" {
		mark = "+"
	}
	line := fmt.Sprintf("%s %-14s %s", mark, what, d.Name())
	if len(d.Columns) > 0 {
		line += ": " + strings.Join(d.Columns, ", ")
	}
	fmt.Fprintln(out, line)
	if d.Why != "" {
		fmt.Fprintln(out, "    why:       ", d.Why)
	}
	if d.Remedy != "" {
		fmt.Fprintln(out, "    what to do:", d.Remedy)
	}
}
