//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	bq "cloud.google.com/go/bigquery"
	"github.com/dustin/go-humanize"
	"google.golang.org/api/iterator"

	"vitalsink/connector/bigquery"
	"vitalsink/connector/bigquery/bigquerytest"
	"vitalsink/connector/duckdb"
	"vitalsink/schemas"
)

// dollarsPerTiB is the price of BigQuery on demand, in the US:
// https://cloud.google.com/bigquery/pricing#on_demand_pricing
const dollarsPerTiB = 6.25

// demoNotice comes before the story.
const demoNotice = `This BigQuery is a stand-in within this process. It speaks BigQuery's protocols, on the
loopback interface, to Google's own clients, which is what "vitalsink run" uses. It is
not Google's service, and no cloud is touched.

`

// demoCost comes before the table of costs, demoCaution after it.
const (
	demoCost = `
What did BigQuery have to do for it?

%d batches were appended through the Storage Write API, which takes no jobs. These folded
them:

`
	demoCaution = `
On demand, at $%.2f per TiB, that would be $%.2f: by the stand-in's estimate, which is no
bill. Most of these jobs cost the least there is, 10 MB for each table that they read;
and this demo folds every few seconds, a service with BigQuery every 5 minutes.
`
)

// demoNext says what to do with a real project.
const demoNext = `
With a project of your own (see "Into BigQuery" in README.md) it is

  vitalsink schema apply --warehouse bigquery://my-project/health --location EU
  vitalsink run --source pubsub://my-project/my-subscription --warehouse bigquery://my-project/health
`

// demoInBigQuery is the demo with the tables in a stand-in for BigQuery, which
// are gone with it.
func demoInBigQuery(ctx context.Context, std streams, d *demoRun) (err error) {
	server, err := bigquerytest.New(bigquerytest.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	warehouse, err := openStandIn(ctx, server, d.catalogue)
	if err != nil {
		return err
	}
	before := len(server.Jobs())
	d.warehouse, d.merges, d.into = warehouse, bigMerges, "a stand-in for BigQuery"
	if err := errors.Join(d.run(ctx, std), warehouse.Close()); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // who interrupts one that lasts wants to see what came out
	jobs := server.Jobs()[before:]
	fmt.Fprint(std.out, demoNotice)
	if err := d.tell(std.out); err != nil {
		return err
	}
	if err := askStandIn(ctx, std.out, server); err != nil {
		return err
	}
	fmt.Fprintf(std.out, demoCost, d.service.Ingest.Landed().Batches)
	all, err := printCosts(std.out, jobs)
	if err != nil {
		return fmt.Errorf("print costs: %w", err)
	}
	fmt.Fprintf(std.out, demoCaution, dollarsPerTiB, all.dollars())
	fmt.Fprint(std.out, demoNext)
	return nil
}

// openStandIn opens the warehouse in a stand-in, with all of its tables.
func openStandIn(ctx context.Context, server *bigquerytest.Server, catalogue *schemas.Catalogue) (*bigquery.Warehouse, error) {
	cfg := bigquery.Config{
		Project: demoProject, Dataset: demoDataset, Catalogue: catalogue, REST: server.REST(), Write: server.Write(),
	}
	if err := makeTables(ctx, cfg); err != nil {
		return nil, err
	}
	return bigquery.Open(ctx, cfg)
}

// makeTables makes the datasets and all that is in them.
func makeTables(ctx context.Context, cfg bigquery.Config) error {
	schema, err := bigquery.OpenSchema(ctx, cfg)
	if err != nil {
		return err
	}
	_, err = schema.Apply(ctx, "US", func(bigquery.Difference) {})
	return errors.Join(err, schema.Close())
}

// askStandIn asks the questions through Google's client, as anybody does.
func askStandIn(ctx context.Context, out io.Writer, server *bigquerytest.Server) (err error) {
	client, err := bq.NewClient(ctx, demoProject, server.REST()...)
	if err != nil {
		return fmt.Errorf("connect to the stand-in for BigQuery: %w", err)
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	return askDemo(ctx, out, bigQueryReader{client}, demoQuery.inBigQuery)
}

// bigQueryReader asks BigQuery, as duckdb.Reader asks a file.
type bigQueryReader struct{ *bq.Client }

// Query writes the result of one statement.
func (r bigQueryReader) Query(ctx context.Context, statement string, out duckdb.RowWriter) error {
	rows, err := r.Client.Query(statement).Read(ctx)
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	for first := true; ; first = false {
		var row []bq.Value
		err := rows.Next(&row)
		ended := errors.Is(err, iterator.Done)
		if err != nil && !ended {
			return fmt.Errorf("query: %w", err)
		}
		if first { // only now the columns are known
			if err := out.Columns(columnsOf(rows.Schema)); err != nil {
				return err
			}
		}
		if ended {
			return nil
		}
		values := make([]any, len(row))
		for i, v := range row {
			values[i] = v
		}
		if err := out.Row(values); err != nil {
			return err
		}
	}
}

func columnsOf(s bq.Schema) (names, types []string) {
	for _, f := range s {
		names, types = append(names, f.Name), append(types, string(f.Type))
	}
	return names, types
}

// jobSteps are what jobs are for, by their label.
var jobSteps = map[string]string{
	"pending": "to see which batches are appended and not merged",
	"probe":   "to see which days hold an older version of a row",
	"merge":   "to fold them in one transaction, with the books checked before the commit",
}

// jobCost is what some jobs come to.
type jobCost struct{ jobs, bytes int64 }

func (c *jobCost) add(j bigquerytest.Job) {
	c.jobs++
	c.bytes += j.BytesBilled()
}

func (c *jobCost) dollars() float64 { return dollarsPerTiB * float64(c.bytes) / (1 << 40) }

// printCosts prints what the jobs come to, by their step, and returns the sum.
func printCosts(out io.Writer, jobs []bigquerytest.Job) (all jobCost, err error) {
	var order []string
	each := map[string]*jobCost{}
	for _, j := range jobs {
		step := j.Labels["step"]
		if each[step] == nil {
			each[step], order = &jobCost{}, append(order, step)
		}
		each[step].add(j)
		all.add(j)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(step string, c *jobCost, what string) {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", step, c.jobs, humanize.IBytes(uint64(c.bytes)), what)
	}
	fmt.Fprintln(w, "step\tjobs\tbilled\twhat for")
	for _, step := range order {
		line(step, each[step], jobSteps[step])
	}
	line("all", &all, "together")
	return all, w.Flush()
}
