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
	rows := make([]map[string]any, len(findings))
	for i := range findings {
		rows[i] = fieldsOf(&findings[i])
	}
	if err := w.appender.record(ctx, schemas.ReconciliationsTable, rows); err != nil {
		return fmt.Errorf("record findings: %w", err)
	}
	return nil
}

// record appends rows to an append-only table through its default stream: of
// each the fields by their columns. They may be there twice after an error,
// some of them or all.
func (a *appender) record(ctx context.Context, table string, rows []map[string]any) error {
	if len(rows) == 0 {
		return nil
	}
	return a.untilSeen(ctx, func() error { return a.writeRows(ctx, table, rows) })
}

func (a *appender) writeRows(ctx context.Context, table string, fields []map[string]any) error {
	record, err := a.recordOf(table, fields)
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
		client: a.write, limits: a.limits(), name: a.tablePath(table) + "/streams/_default",
		rows: rows, part: span{0, rows.len()}, byDefault: true,
	}
	err = s.write(ctx)
	if errors.Is(err, connector.ErrRefused) {
		// The rows are ours: the table does not have what they need.
		return &fault{class: connector.ErrConfiguration, what: table + " refuses its rows"}
	}
	return err
}

// recordOf are rows by their fields. Release it.
func (a *appender) recordOf(table string, rows []map[string]any) (arrow.Record, error) {
	b := array.NewRecordBuilder(a.allocator(), a.catalogue.Table(table).ArrowSchema())
	defer b.Release()
	for _, fields := range rows {
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
