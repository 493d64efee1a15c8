package bigquery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	bq "google.golang.org/api/bigquery/v2"

	"vitalsink/connector"
)

const (
	// preflightTime is how long one call may take, and preflightRetry for how
	// long it is made again: somebody waits.
	preflightTime  = 10 * time.Second
	preflightRetry = 5 * time.Second
)

// Uses say what a command does with the datasets.
type Uses struct {
	Writes   bool   // it appends or folds
	Queries  bool   // it runs jobs
	Location string // where the datasets are said to be. Optional.
}

// tableRights are what the permissions on tables are for.
var tableRights = map[string]string{
	"bigquery.tables.get":        "the start cannot look at the tables",
	"bigquery.tables.getData":    "nothing can be read, and nothing folded",
	"bigquery.tables.updateData": "nothing can be appended or folded",
}

// Inspect looks at all that a use of the datasets needs: permissions, where they
// are, and whether they are what the catalogue wants. It changes nothing, and is
// billed for nothing.
func Inspect(ctx context.Context, cfg Config, uses Uses) connector.Checks {
	p := preflight{config: cfg, uses: uses, store: storeOf(cfg.Dataset)}
	var err error
	if p.Schema, err = OpenSchema(ctx, cfg); err != nil {
		p.found.Found(connector.Unseen, "bigquery", "--warehouse", p.url(), "there is no connection: "+explain(err).Error(), hints["authError"][2:])
		return p.found
	}
	defer func() { _ = p.Close() }() // nothing was sent that matters
	p.warehouse.patience.callTimeout, p.warehouse.patience.retryFor = preflightTime, preflightRetry
	if uses.Queries {
		p.jobs(ctx)
	}
	if p.dataset(ctx) {
		p.rights(ctx)
		p.tables(ctx)
		p.partitions(ctx)
	}
	return p.found
}

// preflight is an Inspect at work.
type preflight struct {
	*Schema
	config Config
	uses   Uses
	store  string
	found  connector.Checks
}

func (p *preflight) url() string {
	return fmt.Sprintf("bigquery://%s/%s", p.config.Project, p.config.Dataset)
}

func (p *preflight) apply() string { return "vitalsink schema apply --warehouse " + p.url() }

// grant is the command that gives an account a right to the store.
func (p *preflight) grant() string {
	return fmt.Sprintf("bq query --nouse_legacy_sql 'GRANT `projects/%s/roles/vitalsinkWriter` ON SCHEMA `%s`.%s TO \"serviceAccount:ACCOUNT\"'; README.md tells how to make that role",
		p.config.Project, p.config.Project, p.store)
}

// unanswered adds what kept a look from being taken.
func (p *preflight) unanswered(name, what string, err error) {
	remedy := "look at the network and at Google's status page, then check again"
	if errors.Is(err, connector.ErrConfiguration) {
		remedy = "see what it says; " + hints["authError"][2:]
	}
	p.found.Found(connector.Unseen, name, what, "", err.Error(), remedy)
}

// denied tells whether an error is about a permission.
func denied(err error) bool {
	return errors.Is(err, connector.ErrConfiguration) && strings.Contains(err.Error(), "accessDenied")
}

// jobs looks whether jobs can be run, by a dry run.
func (p *preflight) jobs(ctx context.Context) {
	query := p.warehouse.client.Query("SELECT 1")
	query.DryRun = true
	_, err := within(ctx, p.warehouse.patience, query.Run)
	switch {
	case err == nil:
		p.found.Well("bigquery jobs", "bigquery.jobs.create")
	case denied(err):
		p.found.Found(connector.Failed, "bigquery jobs", "bigquery.jobs.create", "missing", "without it nothing is folded or read",
			fmt.Sprintf("gcloud projects add-iam-policy-binding %s --role roles/bigquery.jobUser --member serviceAccount:ACCOUNT", p.config.Project))
	default:
		p.unanswered("bigquery jobs", "bigquery.jobs.create", err)
	}
}

// dataset looks at the one of tables. It tells whether there is more to be seen.
func (p *preflight) dataset(ctx context.Context) bool {
	d, err := within(ctx, p.warehouse.patience, func(ctx context.Context) (*bq.Dataset, error) {
		return p.warehouse.rest.Datasets.Get(p.config.Project, p.store).Context(ctx).Do()
	})
	switch {
	case isNotFound(err):
		p.found.Found(connector.Failed, "dataset", "--warehouse", p.url(), "dataset "+p.store+" is missing", p.apply()+" --location EU, or where you want the data")
		return false
	case denied(err):
		p.found.Found(connector.Failed, "dataset", "bigquery.datasets.get", "missing", "without it the start cannot look at "+p.store, p.grant())
		return false
	case err != nil:
		p.unanswered("dataset", p.store, err)
		return false
	}
	p.found.Clock("BigQuery", d.Header, time.Now())
	p.warehouse.client.Location = d.Location
	if said := p.uses.Location; said != "" && !strings.EqualFold(said, d.Location) {
		p.found.Found(connector.Failed, "dataset", "--location", said, fmt.Sprintf("dataset %s is in %s, and that cannot be changed", p.store, d.Location),
			"leave --location out, or name another --warehouse")
	}
	p.found.Well("dataset", p.store+", "+d.Location)
	return true
}

// rights asks of every table which of the permissions there are.
func (p *preflight) rights(ctx context.Context) {
	wanted := slices.Sorted(maps.Keys(tableRights))
	if !p.uses.Writes {
		wanted = slices.DeleteFunc(wanted, func(right string) bool { return right == "bigquery.tables.updateData" })
	}
	without := map[string][]string{} // tables by permission
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(schemaCalls)
	for _, t := range p.warehouse.tables() {
		g.Go(func() error {
			has, err := within(gctx, p.warehouse.patience, func(ctx context.Context) (*bq.TestIamPermissionsResponse, error) {
				resource := fmt.Sprintf("projects/%s/datasets/%s/tables/%s", p.config.Project, t.dataset, t.name)
				return p.warehouse.rest.Tables.TestIamPermissions(resource, &bq.TestIamPermissionsRequest{Permissions: wanted}).Context(ctx).Do()
			})
			if isNotFound(err) {
				return nil // the schema says so
			}
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			for _, right := range wanted {
				if !slices.Contains(has.Permissions, right) {
					without[right] = append(without[right], t.name)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		p.unanswered("table rights", "permissions", err)
		return
	}
	for _, right := range wanted {
		if tables := without[right]; len(tables) > 0 {
			slices.Sort(tables)
			p.found.Found(connector.Failed, "table rights", right, fmt.Sprintf("missing on %d tables, such as %s", len(tables), tables[0]),
				"without it "+tableRights[right], p.grant())
		}
	}
	p.found.Well("table rights", strings.Join(wanted, ", "))
}

// tables compares both datasets with the catalogue. Who has no right to look at
// the views needs none.
func (p *preflight) tables(ctx context.Context) {
	plan := &Plan{Catalogue: p.config.Catalogue.Version}
	locations := map[string]string{}
	relations := p.warehouse.tables()
	err := p.planDataset(ctx, plan, p.store, locations)
	if err == nil {
		views, viewErr := p.warehouse.views()
		switch err = errors.Join(viewErr, p.planDataset(ctx, plan, p.config.Dataset, locations)); {
		case denied(err):
			p.found.Found(connector.Skipped, "views", p.config.Dataset, "", "this account may not look at that dataset, and need not: schema plan does", "")
			err = nil
		case err == nil:
			relations = append(relations, views...)
		}
	}
	var differences []Difference
	if err == nil {
		differences, err = p.warehouse.compareAll(ctx, relations, locations)
	}
	if err != nil {
		if !denied(err) || !p.failed("table rights") { // else that has said so
			p.unanswered("tables", p.store, err)
		}
		return
	}
	for _, d := range append(plan.Differences, differences...) {
		p.difference(d)
	}
	p.found.Well("tables", fmt.Sprintf("catalogue %d", plan.Catalogue))
}

func (p *preflight) failed(name string) bool {
	return slices.ContainsFunc(p.found, func(c connector.Check) bool { return c.Name == name && c.Status == connector.Failed })
}

// difference adds one that schema plan would show.
func (p *preflight) difference(d Difference) {
	field := strings.Join(append([]string{d.Name()}, d.Columns...), ".")
	switch {
	case d.Action == Refuse:
		p.found.Found(connector.Failed, "tables", field, "", d.Why, d.Remedy)
	case d.Action == Keep && d.Remedy != "":
		p.found.Found(connector.Warning, "tables", field, "", d.Why, d.Remedy)
	case d.Action == AddColumns && !slices.ContainsFunc(d.Columns, func(c string) bool { return !d.want.table.Optional(c) }):
		p.found.Found(connector.Warning, "tables", d.Name(), strings.Join(d.Columns, ", "), d.String()+"; until then what belongs there is kept in _extra", p.apply())
	case d.Action != Keep:
		p.found.Found(connector.Failed, "tables", d.Name(), strings.Join(d.Columns, ", "), d.String(), p.apply())
	}
}

// partitions looks for tables that will soon take no more days.
func (p *preflight) partitions(ctx context.Context) {
	counts, err := p.warehouse.Partitions(ctx)
	if err != nil {
		return // the look at the tables said why
	}
	for _, table := range slices.Sorted(maps.Keys(counts)) {
		if n := counts[table]; n >= ManyPartitions {
			p.found.Found(connector.Warning, "partitions", p.store+"."+table, fmt.Sprint(n), fmt.Sprintf("BigQuery takes at most %d, and then refuses rows of other days", MaxPartitions),
				"of a log delete hours of which all batches are merged; docs/runbooks/partitions-near-limit.md says which, and what else can be done")
		}
	}
	p.found.Well("partitions", fmt.Sprintf("the most are %d of %d", slices.Max(append(slices.Collect(maps.Values(counts)), 0)), MaxPartitions))
}
