package bigquery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cloud.google.com/go/bigquery"
	"golang.org/x/sync/errgroup"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// schemaCalls is how many calls about tables run at once.
const schemaCalls = 8

// Action is what is to be done about a difference.
type Action string

// The actions. Only Refuse and Keep are none of Apply's.
const (
	CreateDataset Action = "create dataset"
	CreateTable   Action = "create table"
	AddColumns    Action = "add columns"
	FillFence     Action = "fill fence"
	CreateView    Action = "create view"
	ReplaceView   Action = "replace view"
	Refuse        Action = "refuse" // it would lose data, or cannot be done; a person has to
	Keep          Action = "keep"   // it does no harm
)

// Difference is one between the catalogue and the datasets.
type Difference struct {
	Action  Action   `json:"action"`
	Dataset string   `json:"dataset"`
	Table   string   `json:"table,omitempty"` // or view
	Columns []string `json:"columns,omitempty"`
	Why     string   `json:"why,omitempty"`    // of Refuse and Keep
	Remedy  string   `json:"remedy,omitempty"` // of Refuse, and of Keep where there is one

	want relation
}

// Name is DATASET.TABLE, or just the dataset.
func (d Difference) Name() string {
	if d.Table == "" {
		return d.Dataset
	}
	return d.Dataset + "." + d.Table
}

// Plan is how the datasets differ from the catalogue, in the order in which it
// is mended.
type Plan struct {
	Catalogue   int          `json:"catalogue_version"`
	Location    string       `json:"location"` // "" if there are no datasets
	Differences []Difference `json:"differences"`
}

// Of are the differences about which that is to be done.
func (p *Plan) Of(actions ...Action) []Difference {
	of := []Difference{}
	for _, d := range p.Differences {
		if slices.Contains(actions, d.Action) {
			of = append(of, d)
		}
	}
	return of
}

// Refused are the differences that Apply does not mend.
func (p *Plan) Refused() []Difference { return p.Of(Refuse) }

// Changes are the differences that Apply mends.
func (p *Plan) Changes() []Difference {
	return p.Of(CreateDataset, CreateTable, AddColumns, FillFence, CreateView, ReplaceView)
}

// Schema is the datasets of a Config as they are declared, which may not be
// there yet. Close it.
type Schema struct {
	warehouse *Warehouse
}

// OpenSchema connects to a project. The datasets need not be there.
func OpenSchema(ctx context.Context, cfg Config) (*Schema, error) {
	w, err := newWarehouse(ctx, cfg)
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return &Schema{w}, nil
}

// Close gives the connections up.
func (s *Schema) Close() error { return s.warehouse.Close() }

// Plan compares the datasets with the catalogue, and changes nothing.
func (s *Schema) Plan(ctx context.Context) (*Plan, error) {
	p := &Plan{Catalogue: s.warehouse.config.Catalogue.Version, Differences: []Difference{}}
	views, err := s.warehouse.views()
	if err != nil {
		return nil, err
	}
	locations := map[string]string{}
	for _, dataset := range []string{storeOf(s.warehouse.config.Dataset), s.warehouse.config.Dataset} {
		if err := s.planDataset(ctx, p, dataset, locations); err != nil {
			return nil, fmt.Errorf("read dataset %s: %w", dataset, err)
		}
	}
	s.warehouse.client.Location = p.Location
	differences, err := s.warehouse.compareAll(ctx, append(s.warehouse.tables(), views...), locations)
	p.Differences = append(p.Differences, differences...)
	return p, err
}

// planDataset looks at a dataset itself.
func (s *Schema) planDataset(ctx context.Context, p *Plan, dataset string, locations map[string]string) error {
	md, err := within(ctx, s.warehouse.patience, s.warehouse.client.Dataset(dataset).Metadata)
	if isNotFound(err) {
		p.Differences = append(p.Differences, Difference{Action: CreateDataset, Dataset: dataset})
		return nil
	}
	if err != nil {
		return err
	}
	locations[dataset] = md.Location
	if p.Location == "" {
		p.Location = md.Location
	}
	refuse := func(why, remedy string) {
		p.Differences = append(p.Differences, Difference{Action: Refuse, Dataset: dataset, Why: why, Remedy: remedy})
	}
	if md.Location != p.Location {
		refuse(fmt.Sprintf("it is in %s, its tables are in %s, and no view reads across", md.Location, p.Location),
			"delete the one that is empty (bq rm -d), or name another --warehouse")
	}
	if md.DefaultCollation != "" {
		refuse("texts in it are compared by "+md.DefaultCollation+": keys that differ would be one", "make the datasets without a default collation")
	}
	if md.DefaultTableExpiration > 0 || md.DefaultPartitionExpiration > 0 {
		refuse("what is made in it expires by default: rows would vanish",
			fmt.Sprintf("bq update --default_table_expiration 0 --default_partition_expiration 0 %s:%s", s.warehouse.config.Project, dataset))
	}
	return nil
}

// compareAll compares relations with what there is, in the datasets of which
// there is a location.
func (w *Warehouse) compareAll(ctx context.Context, wanted []relation, locations map[string]string) ([]Difference, error) {
	found := make([][]Difference, len(wanted))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(schemaCalls)
	for i, want := range wanted {
		if _, there := locations[want.dataset]; !there {
			found[i] = want.missing()
			continue
		}
		g.Go(func() (err error) {
			found[i], err = w.compare(gctx, want)
			return err
		})
	}
	err := g.Wait()
	return slices.Concat(found...), err
}

// compare compares a relation with the one there is.
func (w *Warehouse) compare(ctx context.Context, want relation) ([]Difference, error) {
	have, err := w.metadata(ctx, want.dataset, want.name)
	if isNotFound(err) {
		return want.missing(), nil
	}
	if err != nil {
		return nil, err
	}
	c := &comparison{project: w.config.Project, want: want, have: have}
	if c.all(); !want.fence || slices.ContainsFunc(c.found, func(d Difference) bool { return d.Action == Refuse }) {
		return c.found, nil
	}
	err = w.patience.retry(ctx, func() error {
		rows, err := w.fenceRows(ctx, want.name)
		if err == nil {
			c.fenceRows(len(rows))
		}
		return err
	})
	return c.found, err
}

// metadata is what a table or view is declared to be.
func (w *Warehouse) metadata(ctx context.Context, dataset, name string) (md *bigquery.TableMetadata, err error) {
	err = w.patience.retry(ctx, func() error {
		md, err = within(ctx, w.patience, func(ctx context.Context) (*bigquery.TableMetadata, error) {
			return w.client.Dataset(dataset).Table(name).Metadata(ctx)
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look at %s.%s: %w", dataset, name, err)
	}
	return md, nil
}

// isNotFound tells whether there is no such thing, by an error of within.
func isNotFound(err error) bool {
	var f *fault
	return errors.As(err, &f) && f.missing
}

// missing is what to do if the relation is not there.
func (want relation) missing() []Difference {
	action := CreateTable
	if want.md.ViewQuery != "" {
		action = CreateView
	}
	all := []Difference{{Action: action, Dataset: want.dataset, Table: want.name, want: want}}
	if want.fence {
		all = append(all, Difference{Action: FillFence, Dataset: want.dataset, Table: want.name, want: want})
	}
	return all
}

// check compares the tables with the catalogue, as a process does that is to
// write into them. It returns the catalogue that it can work with: of columns
// that a table lacks, the values are kept in _extra until somebody adds them.
// lacking are these columns. Where it cannot work, the error is
// connector.ErrConfiguration, and says all that is wrong.
func (w *Warehouse) check(ctx context.Context) (less *schemas.Catalogue, lacking []string, err error) {
	store := storeOf(w.config.Dataset)
	differences, err := w.compareAll(ctx, w.tables(), map[string]string{store: w.client.Location})
	if err != nil {
		return nil, nil, err
	}
	var wrong []string
	command := "apply"
	without := map[string][]string{}
	for _, d := range differences {
		switch d.Action {
		case Keep:
		case AddColumns:
			for _, c := range d.Columns {
				if !d.want.table.Optional(c) {
					wrong = append(wrong, fmt.Sprintf("%s has no column %s", d.Name(), c))
				} else if t := d.want.table.Name; !slices.Contains(without[t], c) {
					without[t], lacking = append(without[t], c), append(lacking, t+"."+c)
				}
			}
		case Refuse:
			command = "plan" // which says what to do
			wrong = append(wrong, d.String())
		default:
			wrong = append(wrong, d.String())
		}
	}
	if len(wrong) > 0 {
		return nil, nil, w.notSetUp(wrong, command)
	}
	return w.config.Catalogue.Without(without), lacking, nil
}

// mostNamed is how many differences an error names.
const mostNamed = 8

// String says what is wrong, in a line.
func (d Difference) String() string {
	switch d.Action {
	case CreateTable, CreateView:
		return d.Name() + " is missing"
	case FillFence:
		return d.Name() + " has no row"
	case AddColumns:
		return fmt.Sprintf("%s has no column %s", d.Name(), strings.Join(d.Columns, ", "))
	case CreateDataset:
		return "dataset " + d.Name() + " is missing"
	case ReplaceView:
		return d.Name() + " is another view"
	}
	return fmt.Sprintf("%s: %s", strings.Join(append([]string{d.Name()}, d.Columns...), "."), d.Why)
}

// notSetUp is the error for tables that are not as the catalogue wants them,
// with the command of schema that helps.
func (w *Warehouse) notSetUp(wrong []string, command string) error {
	text := strings.Join(wrong[:min(len(wrong), mostNamed)], "; ")
	if more := len(wrong) - mostNamed; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return fmt.Errorf("%w; next: vitalsink schema %s --warehouse bigquery://%s/%s",
		&fault{class: connector.ErrConfiguration, what: text}, command, w.config.Project, w.config.Dataset)
}
