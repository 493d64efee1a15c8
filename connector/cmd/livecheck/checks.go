package main

import (
	"context"
	"errors"
	"fmt"

	bq "cloud.google.com/go/bigquery"

	"vitalsink/connector/bigquery"
)

// check looks at one thing.
type check struct {
	name    string
	assumed string // what vitalsink takes for granted
	code    string // that takes it for granted
	means   string // to a user, if it is otherwise
	vital   bool   // without it there is nothing to look at
	look    func(context.Context, *trial) (seen, error)
}

// checks are what is looked at, in order.
func (t *trial) checks() []check {
	all := []check{
		datasetsCheck, schemaCheck, tablesCheck, foldCheck,
		pruningOf("a SELECT", selectOf, "connector/bigquery/sql/probe.sql"),
		pruningOf("a join", joinOf, "connector/bigquery/sql/target.sql, merge.sql"),
		pruningOf("a MERGE", mergeOf, "connector/bigquery/sql/merge.sql, bounds.go"),
		transactionsCheck, wayCheck, foldersCheck, scriptCheck, capCheck, columnCheck,
	}
	all = append(all, (&load{trial: t}).checks()...)
	all = append(all, (&bills{trial: t}).checks()...)
	return append(all, poolCheck)
}

var datasetsCheck = check{
	name: "datasets", vital: true, look: makeDatasets,
	assumed: "schema apply makes two datasets with all tables and views, and labels on a dataset do no harm",
	code:    "connector/bigquery/apply.go",
}

var schemaCheck = check{
	name: "schema", vital: true, look: planAgain,
	assumed: "after schema apply the plan is empty: BigQuery gives back what it was told, and the warehouse opens",
	code:    "connector/bigquery/compare.go",
	means:   "schema plan never ends empty, and run may refuse to start; compare.go has to take for equal what BigQuery makes of it",
}

var poolCheck = check{
	name: "worker pool", look: workerPool,
	assumed: "a worker pool waits about 10 seconds after SIGTERM; vitalsink commits for 7 of them",
	code:    "connector/ingest.go (drainTime)",
}

// cleanUp ends every trial.
var cleanUp = check{
	name: "clean-up", look: deleteDatasets,
	assumed: "both datasets are deleted, with all that is in them",
}

// makeDatasets makes the datasets, if nobody has any of that name.
func makeDatasets(ctx context.Context, t *trial) (saw seen, err error) {
	if t.client, err = bq.NewClient(ctx, t.project, t.rest...); err != nil {
		return saw, fmt.Errorf("connect to BigQuery: %w", err)
	}
	t.client.Location = t.options.Location
	schema, err := bigquery.OpenSchema(ctx, t.config(t.catalogue))
	if err != nil {
		return saw, err
	}
	defer func() { err = errors.Join(err, schema.Close()) }()
	plan, err := schema.Plan(ctx)
	if err != nil {
		return saw, err
	}
	if missing := plan.Of(bigquery.CreateDataset); len(missing) != len(t.datasets()) {
		return saw, errors.New("a dataset of that name is there already; nothing was touched")
	}
	t.ours = true
	t.announce()
	made := 0
	if _, err = schema.Apply(ctx, t.options.Location, func(bigquery.Difference) { made++ }); err != nil {
		return saw, err
	}
	for _, d := range t.datasets() {
		change := bq.DatasetMetadataToUpdate{}
		change.SetLabel("app", label)
		if _, err := t.client.Dataset(d).Update(ctx, change, ""); err != nil {
			return saw, told("label a dataset", err)
		}
	}
	saw.say("%d datasets, tables, rows of fences and views were made; the datasets have a label", made)
	saw.set("made", made)
	return saw, nil
}

// announce says how to delete the datasets by hand, before they are made: what
// ends this process in the middle may leave them.
func (t *trial) announce() {
	fmt.Fprintln(t.log, "Two datasets are made, and deleted at the end. Should they be left:")
	t.tellCommands()
}

// tellCommands prints what deletes the datasets by hand.
func (t *trial) tellCommands() {
	for _, d := range t.datasets() {
		fmt.Fprintf(t.log, "  bq rm -r -f -d %s:%s\n", t.project, d)
	}
}

// planAgain wants nothing to be left to do, and opens the warehouse.
func planAgain(ctx context.Context, t *trial) (saw seen, err error) {
	schema, err := bigquery.OpenSchema(ctx, t.config(t.catalogue))
	if err != nil {
		return saw, err
	}
	defer func() { err = errors.Join(err, schema.Close()) }()
	plan, err := schema.Plan(ctx)
	if err != nil {
		return saw, err
	}
	wrong := append(plan.Changes(), plan.Refused()...)
	saw.set("differences", len(wrong))
	saw.set("harmless_differences", len(plan.Differences)-len(wrong))
	if t.warehouse, err = t.open(ctx, t.config(t.catalogue)); err != nil {
		return saw, err
	}
	if len(wrong) > 0 {
		return saw, different{saw: fmt.Sprintf("the plan has %d differences, the first: %s %s", len(wrong), wrong[0].Action, wrong[0].Table)}
	}
	saw.say("nothing to do, and the warehouse opens")
	return saw, nil
}

func workerPool(context.Context, *trial) (seen, error) {
	return seen{}, hidden{"deploy vitalsink as a worker pool, let it receive, and stop it (a new revision will do): the log should have the line \"stopped\", " +
		"with what was received and folded, some seconds after the platform's notice of the stop. If it ends without that line, the wait is shorter than 7 seconds: nothing is lost, messages come again"}
}

// deleteDatasets deletes what the trial has made, within a time of its own.
func deleteDatasets(ctx context.Context, t *trial) (saw seen, err error) {
	ctx, cancel := context.WithTimeout(ctx, cleanUpTime)
	defer cancel()
	defer func() { err = errors.Join(err, t.close()) }()
	if !t.ours {
		saw.say("nothing was made")
		return saw, nil
	}
	var errs []error
	for _, d := range t.datasets() {
		if err := t.client.Dataset(d).DeleteWithContents(ctx); err != nil && !isNotFound(err) {
			errs = append(errs, told("delete "+d, err))
			continue
		}
		if _, err := t.client.Dataset(d).Metadata(ctx); !isNotFound(err) {
			errs = append(errs, fmt.Errorf("%s is still there", d))
		}
	}
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintln(t.log, "Not all is deleted. Do it by hand:")
		t.tellCommands()
		return saw, err
	}
	saw.say("both datasets are gone")
	return saw, nil
}
