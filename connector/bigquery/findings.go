package bigquery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/bigquery"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// fieldsOf are the fields of a finding by their columns.
func fieldsOf(f *connector.Finding) map[string]any {
	return map[string]any{
		"run_id": &f.RunID, "started_at": &f.StartedAt, "recorded_at": &f.RecordedAt, "part": &f.Part, "check_name": &f.Check,
		"table_name": &f.Table, "resource": &f.Resource, "provider": &f.Provider, "day": &f.Day,
		"users": &f.Users, "expected": &f.Expected, "found": &f.Found,
		"drift": &f.Drift, "unsettled": &f.Unsettled, "repaired": &f.Repaired,
		"examples": &f.Examples, "requests": &f.Requests, "bytes": &f.Bytes, "outcome": &f.Outcome, "details": &f.Details,
	}
}

// stored is the value of a field in its column, nil for NULL: of what is zero,
// but for counts, and lists, which are never NULL.
func stored(field any) any {
	switch f := field.(type) {
	case *int:
		return *f
	case *[]string:
		return append([]string{}, *f...)
	case *int64:
		if *f != 0 {
			return int(*f)
		}
	case *string:
		if *f != "" {
			return *f
		}
	case *time.Time:
		if !f.IsZero() {
			return *f
		}
	}
	return nil
}

// Record appends rows to reconciliations through the default stream of the
// table. They may be there twice after an error, some of them or all.
func (w *Warehouse) Record(ctx context.Context, findings []connector.Finding) error {
	if len(findings) == 0 {
		return nil
	}
	if err := w.appender.untilSeen(ctx, func() error { return w.appender.record(ctx, findings) }); err != nil {
		return fmt.Errorf("record findings: %w", err)
	}
	return nil
}

// record writes findings.
func (a *appender) record(ctx context.Context, findings []connector.Finding) error {
	record, err := a.recordOf(findings)
	if err != nil {
		return err
	}
	defer record.Release()
	rows, err := newEncoder(a.allocator(), a.limits().request, record, arrow.NewSchema(nil, nil), nil)
	if err != nil {
		return err
	}
	defer rows.release()
	s := &stream{
		client: a.write, limits: a.limits(), name: a.tablePath(schemas.ReconciliationsTable) + "/streams/_default",
		rows: rows, part: span{0, rows.len()}, byDefault: true,
	}
	err = s.write(ctx)
	if errors.Is(err, connector.ErrRefused) {
		// The rows are ours: the table does not have what they need.
		return &fault{class: connector.ErrConfiguration, what: schemas.ReconciliationsTable + " refuses its rows"}
	}
	return err
}

// recordOf are findings as rows. Release it.
func (a *appender) recordOf(findings []connector.Finding) (arrow.Record, error) {
	b := array.NewRecordBuilder(a.allocator(), a.catalogue.Table(schemas.ReconciliationsTable).ArrowSchema())
	defer b.Release()
	for i := range findings {
		fields := fieldsOf(&findings[i])
		for k, column := range b.Schema().Fields() {
			value := stored(fields[column.Name])
			if value == nil {
				b.Field(k).AppendNull()
			} else if !appendValue(b.Field(k), value) {
				return nil, fmt.Errorf("no value for column %s", column.Name)
			}
		}
	}
	return b.NewRecord(), nil
}

// findingsNames is what findings.sql is made of.
type findingsNames struct {
	Columns []string
	OfRun   bool // else marks since a time
	Since   time.Time
}

// Marks are the checks of rows that are marks of a run.
func (findingsNames) Marks() string {
	return literals([]string{connector.CheckBegun, connector.CheckProgress, connector.CheckRun})
}

func namesOfFindings(c *schemas.Catalogue, runID string, since time.Time) findingsNames {
	n := findingsNames{OfRun: runID != "", Since: since}
	for _, column := range c.Table(schemas.ReconciliationsTable).Columns {
		n.Columns = append(n.Columns, column.Name)
	}
	return n
}

// Findings are rows of reconciliations, each once: all of the run with the id
// or, if that is "", the marks of all runs that started at or after a time; in
// order of started_at, run_id and part.
func (w *Warehouse) Findings(ctx context.Context, runID string, since time.Time) (all []connector.Finding, err error) {
	names := namesOfFindings(w.catalogue, runID, since)
	var parameters []bigquery.QueryParameter
	if names.OfRun {
		parameters = append(parameters, bigquery.QueryParameter{Name: "run", Value: runID})
	}
	err = w.look(ctx, schemas.ReconciliationsTable, "findings.sql", names, func(row []bigquery.Value) error {
		var f connector.Finding
		fields := fieldsOf(&f)
		for i, column := range names.Columns {
			if err := restore(factOf(row[i]), fields[column]); err != nil {
				return fmt.Errorf("column %s: %w", column, err)
			}
		}
		all = append(all, f)
		return nil
	}, parameters...)
	return all, err
}

// restore is the reverse of stored.
func restore(value, field any) error {
	ok := value == nil
	switch f := field.(type) {
	case *int:
		if n, is := value.(int64); is {
			*f, ok = int(n), true
		}
	case *[]string:
		list, is := value.([]any)
		ok = ok || is
		for _, item := range list {
			s, is := item.(string)
			*f, ok = append(*f, s), ok && is
		}
	case *int64:
		if n, is := value.(int64); is {
			*f, ok = n, true
		}
	case *string:
		if s, is := value.(string); is {
			*f, ok = s, true
		}
	case *time.Time:
		if t, is := value.(time.Time); is {
			*f, ok = t, true
		}
	}
	if !ok {
		return fmt.Errorf("a value comes as %T", value)
	}
	return nil
}
