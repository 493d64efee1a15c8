//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"slices"
	"time"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// findingsAtOnce is how many rows a statement writes.
const findingsAtOnce = 200

// Record appends what a reconciliation found, all of it or nothing.
func (w *Warehouse) Record(ctx context.Context, findings []connector.Finding) error {
	return w.use(ctx, func(s *store) error {
		s.appending.Lock()
		defer s.appending.Unlock()
		return s.inTransaction(ctx, s.appends, func(tx *sql.Tx) error {
			for part := range slices.Chunk(findings, findingsAtOnce) {
				rows := make([]map[string]any, len(part))
				for i := range part {
					rows[i] = findingRow(&part[i])
				}
				if err := s.insertRows(ctx, tx, schemas.ReconciliationsTable, rows); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// findingRow are the columns of a finding.
func findingRow(f *connector.Finding) map[string]any {
	return map[string]any{
		"run_id": f.RunID, "started_at": f.StartedAt.UTC(), "recorded_at": f.RecordedAt.UTC(), "part": f.Part, "check_name": f.Check,
		"table_name": orNull(f.Table), "resource": orNull(f.Resource), "provider": orNull(f.Provider), "day": orNull(f.Day),
		"users": f.Users, "expected": f.Expected, "found": f.Found, "drift": f.Drift, "unsettled": f.Unsettled, "repaired": f.Repaired,
		"examples": append([]string{}, f.Examples...), "requests": orNull(f.Requests), "bytes": orNull(f.Bytes),
		"outcome": orNull(f.Outcome), "details": orNull(f.Details),
	}
}

// orNull is the value, or nil if it is zero.
func orNull[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}

// findingsNames is what findings.sql is made of.
type findingsNames struct {
	Run     bool // of one run; else the marks of all
	Marks   []string
	Columns []string
}

func (s *store) findingsNames(run bool) findingsNames {
	n := findingsNames{Run: run, Marks: []string{connector.CheckBegun, connector.CheckProgress, connector.CheckRun}}
	for _, c := range s.catalogue.Table(schemas.ReconciliationsTable).Columns {
		n.Columns = append(n.Columns, c.Name)
	}
	return n
}

// Findings are what a run of reconcile recorded, or, if runID is "", the marks
// of all runs that began at or after a time; each once, in order of the runs'
// begin, of their ids, and of parts.
func (w *Warehouse) Findings(ctx context.Context, runID string, since time.Time) (all []connector.Finding, err error) {
	arg := any(runID)
	if runID == "" {
		arg = since.UTC()
	}
	err = w.use(ctx, func(s *store) error {
		conn, err := s.connect(ctx)
		if err != nil {
			return err
		}
		defer s.disconnect(conn)
		return s.eachOn(ctx, conn, "findings.sql", s.findingsNames(runID != ""), func(rows *sql.Rows) error {
			f, err := scanFinding(rows)
			all = append(all, f)
			return err
		}, arg)
	})
	return all, err
}

// scanFinding reads a row of findings.sql.
func scanFinding(rows *sql.Rows) (f connector.Finding, err error) {
	var table, resource, provider, outcome, details sql.NullString
	var day sql.NullTime
	var counts [6]sql.NullInt64
	var requests, bytes sql.NullInt64
	var examples duckdb.Composite[[]string]
	err = rows.Scan(&f.RunID, &f.StartedAt, &f.RecordedAt, &f.Part, &f.Check, &table, &resource, &provider, &day,
		&counts[0], &counts[1], &counts[2], &counts[3], &counts[4], &counts[5], &examples, &requests, &bytes, &outcome, &details)
	f.StartedAt, f.RecordedAt, f.Day = f.StartedAt.UTC(), f.RecordedAt.UTC(), day.Time.UTC()
	f.Table, f.Resource, f.Provider, f.Outcome, f.Details = table.String, resource.String, provider.String, outcome.String, details.String
	for i, into := range []*int{&f.Users, &f.Expected, &f.Found, &f.Drift, &f.Unsettled, &f.Repaired} {
		*into = int(counts[i].Int64)
	}
	f.Requests, f.Bytes = requests.Int64, bytes.Int64
	if e := examples.Get(); len(e) > 0 {
		f.Examples = e
	}
	return f, err
}
