package bigquery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"cloud.google.com/go/bigquery"
	"golang.org/x/sync/errgroup"
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
	case location == "":
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
		return made(ctx, func(ctx context.Context) error {
			return client.Dataset(d.Dataset).Create(ctx, &bigquery.DatasetMetadata{Location: location})
		})
	case CreateTable, CreateView:
		return made(ctx, func(ctx context.Context) error { return table.Create(ctx, d.want.md) })
	case AddColumns:
		return s.update(ctx, d, func(have *bigquery.TableMetadata) bigquery.TableMetadataToUpdate {
			return bigquery.TableMetadataToUpdate{Schema: extended(have.Schema, d.want.md.Schema, d.Columns)}
		})
	case ReplaceView:
		return s.update(ctx, d, func(*bigquery.TableMetadata) bigquery.TableMetadataToUpdate {
			return bigquery.TableMetadataToUpdate{ViewQuery: d.want.md.ViewQuery, UseLegacySQL: false}
		})
	case FillFence:
		return s.fillFence(ctx, d)
	}
	return fmt.Errorf("%s is nothing to apply", d.Action)
}

// made makes something, unless it is there.
func made(ctx context.Context, create func(context.Context) error) error {
	return retry(ctx, func() error {
		_, err := within(ctx, func(ctx context.Context) (struct{}, error) {
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

// update changes a table or a view as it is now: rows that are appended since
// the plan was made have changed it, too.
func (s *Schema) update(ctx context.Context, d Difference, change func(have *bigquery.TableMetadata) bigquery.TableMetadataToUpdate) error {
	table := s.warehouse.client.Dataset(d.Dataset).Table(d.Table)
	return retry(ctx, func() error {
		_, err := within(ctx, func(ctx context.Context) (*bigquery.TableMetadata, error) {
			have, err := table.Metadata(ctx)
			if err != nil {
				return nil, err
			}
			return table.Update(ctx, change(have), have.ETag)
		})
		return err
	})
}

// extended is a schema with more columns at its end. All there is in it, policy
// tags and descriptions, stays.
func extended(have, want bigquery.Schema, columns []string) bigquery.Schema {
	more := slices.Clone(have)
	for _, name := range columns {
		if fieldOf(have, name) == nil {
			more = append(more, fieldOf(want, name))
		}
	}
	return more
}

func (s *Schema) fillFence(ctx context.Context, d Difference) error {
	text, err := s.warehouse.statements.render("fill_fence.sql", namesOf(d.want.table))
	if err != nil {
		return err
	}
	_, err = s.warehouse.query(ctx, statement{step: "schema", table: d.want.table.Name, text: text, limit: s.warehouse.config.MaxBytesBilled},
		func([]bigquery.Value) error { return nil })
	return err
}
