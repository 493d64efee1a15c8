package bigquery

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"cloud.google.com/go/bigquery"
	"golang.org/x/sync/errgroup"
	bq "google.golang.org/api/bigquery/v2"
	"google.golang.org/api/googleapi"

	"vitalsink/connector"
)

// ErrNoLocation is Apply's error for a dataset that is missing, if nobody says
// where to make it.
var ErrNoLocation = errors.New("a dataset is missing, and nobody says in which location to make it")

// Apply makes what is missing, tells done of each change, and returns the plan
// that it followed. It only adds: datasets, in that location if none is there,
// tables, nullable columns, rows of fences, views; and it replaces views that
// say something else. It makes nothing, and returns
// connector.ErrConfiguration, if the plan has something to be refused. What
// another process has made meanwhile is no error.
func (s *Schema) Apply(ctx context.Context, location string, done func(Difference)) (*Plan, error) {
	p, err := s.Plan(ctx)
	if err != nil {
		return nil, err
	}
	location = cmp.Or(p.Location, location)
	switch refused := p.Refused(); {
	case len(refused) > 0:
		return p, fmt.Errorf("%w: differences that need a person: %d; nothing was changed", connector.ErrConfiguration, len(refused))
	case location == "" && len(p.Of(CreateDataset)) > 0:
		return p, ErrNoLocation
	}
	s.warehouse.client.Location = location
	for _, step := range [][]Action{{CreateDataset}, {CreateTable, AddColumns}, {FillFence}, {CreateView, ReplaceView}} {
		if err := s.applyStep(ctx, p.Of(step...), location, done); err != nil {
			return p, err
		}
	}
	return p, nil
}

// applyStep makes changes of which none needs another. Columns of one table
// come before those of its log.
func (s *Schema) applyStep(ctx context.Context, changes []Difference, location string, done func(Difference)) error {
	results := make(chan Difference)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(schemaCalls)
	var told errgroup.Group
	told.Go(func() error {
		for d := range results {
			done(d)
		}
		return nil
	})
	for _, group := range byTable(changes) {
		g.Go(func() error {
			for _, d := range group {
				if err := s.change(gctx, d, location); err != nil {
					return fmt.Errorf("%s %s: %w", d.Action, d.Name(), err)
				}
				results <- d
			}
			return nil
		})
	}
	err := g.Wait()
	close(results)
	return errors.Join(err, told.Wait())
}

// byTable are the differences of each table of the catalogue, in their order.
func byTable(all []Difference) [][]Difference {
	var groups [][]Difference
	for _, d := range all {
		i := slices.IndexFunc(groups, func(g []Difference) bool { return d.want.table != nil && g[0].want.table == d.want.table })
		if i < 0 || d.Action == CreateView || d.Action == ReplaceView {
			groups = append(groups, nil)
			i = len(groups) - 1
		}
		groups[i] = append(groups[i], d)
	}
	return groups
}

// change makes one change.
func (s *Schema) change(ctx context.Context, d Difference, location string) error {
	client := s.warehouse.client
	table := client.Dataset(d.Dataset).Table(d.Table)
	switch d.Action {
	case CreateDataset:
		return s.made(ctx, func(ctx context.Context) error {
			return client.Dataset(d.Dataset).Create(ctx, &bigquery.DatasetMetadata{Location: location})
		})
	case CreateTable, CreateView:
		return s.made(ctx, func(ctx context.Context) error { return table.Create(ctx, d.want.md) })
	case AddColumns:
		return s.addColumns(ctx, d)
	case ReplaceView:
		change := bigquery.TableMetadataToUpdate{ViewQuery: d.want.md.ViewQuery, UseLegacySQL: false}
		change.SetLabel(viewLabel, d.want.md.Labels[viewLabel])
		return s.warehouse.patience.retry(ctx, func() error {
			_, err := within(ctx, s.warehouse.patience, func(ctx context.Context) (*bigquery.TableMetadata, error) { return table.Update(ctx, change, "") })
			return err
		})
	case FillFence:
		return s.fillFence(ctx, d)
	}
	return fmt.Errorf("%s is nothing to apply", d.Action)
}

// made makes something, unless it is there.
func (s *Schema) made(ctx context.Context, create func(context.Context) error) error {
	return s.warehouse.patience.retry(ctx, func() error {
		_, err := within(ctx, s.warehouse.patience, func(ctx context.Context) (struct{}, error) {
			err := create(ctx)
			var rest *googleapi.Error
			if errors.As(err, &rest) && rest.Code == http.StatusConflict {
				err = nil
			}
			return struct{}{}, err
		})
		return err
	})
}

// addColumns adds columns to the end of a table as it is now: rows that were
// appended since the plan was made have changed it, too. Google's newer client
// does not know all that a column can have, and would take away what masks it;
// the older one does.
func (s *Schema) addColumns(ctx context.Context, d Difference) error {
	tables, project := s.warehouse.rest.Tables, s.warehouse.config.Project
	return s.warehouse.patience.retry(ctx, func() error {
		_, err := within(ctx, s.warehouse.patience, func(ctx context.Context) (*bq.Table, error) {
			have, err := tables.Get(project, d.Dataset, d.Table).Context(ctx).Do()
			if err != nil {
				return nil, err
			}
			call := tables.Patch(project, d.Dataset, d.Table, &bq.Table{Schema: extended(have.Schema, d.want.md.Schema, d.Columns)})
			call.Header().Set("If-Match", have.Etag)
			return call.Context(ctx).Do()
		})
		return err
	})
}

// extended is a schema with more columns at its end.
func extended(have *bq.TableSchema, want bigquery.Schema, columns []string) *bq.TableSchema {
	more := &bq.TableSchema{Fields: slices.Clone(have.Fields)}
	for _, name := range columns {
		if slices.ContainsFunc(have.Fields, func(f *bq.TableFieldSchema) bool { return strings.EqualFold(f.Name, name) }) {
			continue
		}
		f := fieldOf(want, name)
		mode := "NULLABLE"
		if f.Repeated {
			mode = "REPEATED"
		}
		more.Fields = append(more.Fields, &bq.TableFieldSchema{Name: f.Name, Type: string(f.Type), Mode: mode, Description: f.Description})
	}
	return more
}

// fillFence gives a fence its row. An INSERT meets no other: two of them, of two
// processes or of one that asks again, would be two rows. So it is one job by
// its name.
func (s *Schema) fillFence(ctx context.Context, d Difference) error {
	w := s.warehouse
	text, err := w.statements.render("fill_fence.sql", namesOf(d.want.table))
	if err != nil {
		return err
	}
	md, err := w.metadata(ctx, d.Dataset, d.Table)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s.%s.%s %d", w.config.Project, d.Dataset, d.Table, md.CreationTime.UnixMilli()))
	name := fmt.Sprintf("vitalsink_fence_%s_%x", d.want.table.Name, sum[:16])
	holds := func(string) (bool, error) {
		rows, err := w.fenceRows(ctx, d.Table)
		return len(rows) > 0, err
	}
	return w.script(ctx, statement{step: "schema", table: d.want.table.Name, text: text, limit: w.config.MaxBytesBilled}, name, holds,
		func([]bigquery.Value) error { return nil })
}
