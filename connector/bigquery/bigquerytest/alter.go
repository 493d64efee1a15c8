//go:build cgo

package bigquerytest

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"

	bq "google.golang.org/api/bigquery/v2"
)

// alter does a change of the catalog, while no statement outside transactions
// runs, no row comes in, and no transaction begins or ends. Transactions that
// are open go on: they see the catalog, as they do the tables, as it was when
// they began.
func (s *Server) alter(do func() error) error {
	s.altering.Lock()
	defer s.altering.Unlock()
	return s.locks.hold(do)
}

// ddl does something in a transaction of DuckDB's of its own.
func (s *Server) ddl(ctx context.Context, do func(tx *sql.Tx) error) error {
	tx, err := s.db.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return explain(err)
	}
	if err := do(tx); err != nil {
		_ = tx.Rollback() // what went wrong before says more
		return explain(err)
	}
	return explain(tx.Commit())
}

// succeed is the relation that a table or view becomes with another resource,
// not yet published, and what has to be done to DuckDB's for that.
func (s *Server) succeed(old *relation, resource *bq.Table) (*relation, []string, error) {
	next := &relation{project: old.project, dataset: old.dataset, id: old.id, sql: old.sql, resource: resource, history: old.history}
	if (resource.View != nil) != (old.view != nil) {
		return nil, nil, failure(reasonInvalid, "Cannot change the type of %s: a table stays a table, and a view a view", old.name())
	}
	if old.view != nil {
		return next, nil, s.prepareView(next)
	}
	if resource.Schema == nil || len(resource.Schema.Fields) == 0 {
		resource.Schema = &bq.TableSchema{}
		_, _, err := old.schemaChange(next, time.Time{})
		return nil, nil, err
	}
	if err := next.declare(); err != nil {
		return nil, nil, err
	}
	if err := samePartitioning(old.resource, resource); err != nil {
		return nil, nil, err
	}
	added, relaxed, err := old.schemaChange(next, s.now())
	if err != nil {
		return nil, nil, err
	}
	var statements []string
	for _, c := range added {
		text := "ALTER TABLE " + next.sql + " ADD COLUMN " + quoteIdent(c.name) + " " + sqlType{c.kind, c.mode == "REPEATED"}.duck()
		if c.mode == "REPEATED" {
			text += emptyList
		}
		statements = append(statements, text)
	}
	for _, c := range relaxed {
		statements = append(statements, "ALTER TABLE "+next.sql+" ALTER COLUMN "+quoteIdent(c.name)+" DROP NOT NULL")
	}
	return next, statements, nil
}

// emptyList is the default of REPEATED columns: written as a constant, for
// DuckDB would rewrite all rows for any other when a column is added, and so
// meet transactions that change some.
const emptyList = " DEFAULT '[]'"

// samePartitioning refuses to cut a table in another way.
func samePartitioning(old, wanted *bq.Table) error {
	a, b := old.TimePartitioning, wanted.TimePartitioning
	switch {
	case a == nil && b == nil:
		return nil
	case a == nil:
		return failure(reasonInvalid, "Cannot convert non partitioned/clustered table to partitioned/clustered table.")
	case b == nil || a.Type != b.Type || !strings.EqualFold(a.Field, b.Field):
		return failure(reasonInvalid, "Cannot change partitioning spec for a partitioned table.")
	}
	return nil
}

// schemaChange puts the columns of what a table becomes into the order that
// they have, and returns those that are new and those that may be NULL now. It
// refuses what BigQuery does:
// https://cloud.google.com/bigquery/docs/managing-table-schemas.
func (r *relation) schemaChange(next *relation, now time.Time) (added, relaxed []column, err error) {
	refuse := func(format string, args ...any) error {
		return failure(reasonInvalid, "Provided Schema does not match Table %s. "+format, append([]any{r.name()}, args...)...)
	}
	var columns []column
	for _, old := range r.columns {
		c := next.column(old.name)
		switch {
		case c == nil:
			return nil, nil, refuse("Field %s is missing in new schema", old.name)
		case c.kind != old.kind:
			return nil, nil, refuse("Field %s has changed type from %s to %s", old.name, old.kind, c.kind)
		case c.mode != old.mode && (old.mode != "REQUIRED" || c.mode != "NULLABLE"):
			return nil, nil, refuse("Field %s has changed mode from %s to %s", old.name, old.mode, c.mode)
		case c.mode != old.mode:
			relaxed = append(relaxed, old)
		}
		old.mode = c.mode
		columns = append(columns, old)
	}
	for i, c := range next.columns {
		switch {
		case r.column(c.name) != nil:
			continue
		case i < len(r.columns):
			return nil, nil, failure(reasonPrecondition, "Precondition Failed") // new columns come last
		case c.mode == "REQUIRED":
			return nil, nil, refuse("Cannot add required fields to an existing schema. (field: %s)", c.name)
		}
		c.added = now
		added = append(added, c)
	}
	next.columns = append(columns, added...)
	next.resource.Schema.Fields = r.fieldsOf(next)
	return added, relaxed, nil
}

// fieldsOf are the fields of what a table becomes, in the order of its
// columns, with the names and the policy tags they have already.
func (r *relation) fieldsOf(next *relation) []*bq.TableFieldSchema {
	find := func(fields []*bq.TableFieldSchema, name string) *bq.TableFieldSchema {
		i := slices.IndexFunc(fields, func(f *bq.TableFieldSchema) bool { return strings.EqualFold(f.Name, name) })
		if i < 0 {
			return nil
		}
		return fields[i]
	}
	var fields []*bq.TableFieldSchema
	for _, c := range next.columns {
		f := *find(next.resource.Schema.Fields, c.name)
		f.Name = c.name
		if old := find(r.resource.Schema.Fields, c.name); old != nil && f.PolicyTags == nil {
			f.PolicyTags = old.PolicyTags // to take them away, an empty list is sent
		}
		if f.PolicyTags != nil && len(f.PolicyTags.Names) == 0 {
			f.PolicyTags = nil
		}
		fields = append(fields, &f)
	}
	return fields
}
