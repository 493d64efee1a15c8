//go:build cgo

package bigquerytest

import (
	"context"
	"database/sql"
	"strings"

	bq "google.golang.org/api/bigquery/v2"
)

// prepareView takes apart what a view selects.
func (s *Server) prepareView(rel *relation) error {
	if rel.resource.View.UseLegacySql {
		return failure(reasonMissing, "stand-in for BigQuery: legacy SQL is not part of it")
	}
	list, err := parse(rel.resource.View.Query)
	if err != nil {
		return err
	}
	if len(list) != 1 || list[0].kind != kindSelect {
		return invalid("A view must be one SELECT")
	}
	env := &environment{catalog: &s.catalog, project: rel.project}
	if rel.view, err = env.fragment(list[0].tokens, inSelect); err != nil {
		return err
	}
	for _, scan := range rel.view.scans {
		if scan.relation == nil {
			continue
		}
		if sees, err := env.sees(scan.relation, rel.sql); err != nil || sees {
			return invalid("View %s reads itself", rel.name())
		}
	}
	return nil
}

// sees tells whether a relation is the one of that name in DuckDB, or a view
// that reads it.
func (env *environment) sees(r *relation, name string) (bool, error) {
	if r.view == nil || r.sql == name {
		return r.sql == name, nil
	}
	inner, err := env.within(r)
	if err != nil {
		return false, err
	}
	for _, s := range inner.scans {
		if s.relation == nil {
			continue
		}
		if sees, err := env.sees(s.relation, name); sees || err != nil {
			return sees, err
		}
	}
	return false, nil
}

// within is what a view selects, from the tables that its names mean now.
func (env *environment) within(view *relation) (*fragment, error) {
	inner := &environment{catalog: env.catalog, project: view.project, version: env.version}
	return inner.fragment(view.view.tokens, inSelect)
}

// replaceView makes the view in DuckDB what it becomes. Its schema stays, even
// if its tables have others now, until its query changes or a schema is given.
func (r *relation) replaceView(ctx context.Context, tx *sql.Tx, old *relation, given bool) error {
	const how = "CREATE OR REPLACE VIEW"
	if given && r.resource.Schema != nil {
		return r.makeView(ctx, tx, how, r.resource.Schema)
	}
	err := r.makeView(ctx, tx, how, nil)
	if r.resource.View.Query == old.resource.View.Query {
		r.resource.Schema = old.resource.Schema
	}
	return err
}

// makeView makes the view in DuckDB, and reads its columns. A schema that was
// given has to fit them.
func (r *relation) makeView(ctx context.Context, tx *sql.Tx, how string, given *bq.TableSchema) error {
	text, err := r.view.sql()
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, how+" "+r.sql+" AS "+text); err != nil {
		return err
	}
	if r.columns, err = columnsOf(ctx, tx, r.sql); err != nil {
		return err
	}
	r.resource.Schema = &bq.TableSchema{}
	for _, c := range r.columns {
		r.resource.Schema.Fields = append(r.resource.Schema.Fields, &bq.TableFieldSchema{Name: c.name, Type: c.kind, Mode: c.mode})
	}
	if given == nil {
		return nil
	}
	return r.describe(given.Fields)
}

// describe takes descriptions and policy tags of columns of a view from the
// schema that was given with it.
func (r *relation) describe(given []*bq.TableFieldSchema) error {
	fields := r.resource.Schema.Fields
	for i, f := range fields {
		if i >= len(given) || !strings.EqualFold(given[i].Name, f.Name) || kindsOf[given[i].Type] != f.Type {
			return failure(reasonInvalid, "Provided Schema does not match Table %s. Field %s is missing in new schema", r.name(), f.Name)
		}
		f.Description, f.PolicyTags = given[i].Description, given[i].PolicyTags
	}
	if len(given) > len(fields) {
		return failure(reasonInvalid, "Provided Schema does not match Table %s. Cannot add fields (field: %s)", r.name(), given[len(fields)].Name)
	}
	return nil
}
