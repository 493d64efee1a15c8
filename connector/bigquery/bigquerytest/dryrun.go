//go:build cgo

package bigquerytest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	bq "google.golang.org/api/bigquery/v2"
)

// dryRun answers what a query would cost, and what it would return. It leaves
// no job behind.
func (s *Server) dryRun(ctx context.Context, project string, request *bq.Job) (*bq.Job, error) {
	location := s.config.Location
	if request.JobReference != nil {
		location = cmp.Or(request.JobReference.Location, location)
	}
	request.JobReference = &bq.JobReference{ProjectId: project, Location: location} // without an id
	c := request.Configuration
	j := &job{
		location: location, query: c.Query.Query, labels: c.Labels, request: request, dry: true,
		created: time.Now(), state: "PENDING", finished: make(chan struct{}),
	}
	env, list, err := s.understand(j)
	if err != nil {
		return nil, err
	}
	kinds := []statementKind{kindSelect, kindInsert, kindUpdate, kindDelete, kindMerge}
	if len(list) != 1 || !slices.Contains(kinds, list[0].kind) {
		return nil, failure(reasonMissing, "stand-in for BigQuery: a dry run of anything but one SELECT or one statement of DML is not part of it")
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close() }()
	e := &execution{server: s, job: j, conn: conn, env: env}
	defer e.steady()()
	j.begin(string(list[0].kind))
	if list[0].kind == kindSelect {
		err = e.estimateQuery(ctx, &list[0])
	} else {
		err = e.estimateChange(ctx, &list[0])
	}
	if err != nil {
		return nil, err
	}
	j.end(nil)
	return j.resource(), nil
}

// estimateQuery charges a SELECT, and finds out what it returns.
func (e *execution) estimateQuery(ctx context.Context, s *statement) error {
	text, err := e.fragmentOf(ctx, s, s.tokens)
	if err != nil {
		return err
	}
	described, err := e.rows(ctx, "SELECT column_name, column_type FROM (DESCRIBE "+text+")")
	if err != nil {
		return err
	}
	r := &result{}
	for _, row := range described.rows {
		name, _ := row[0].(string)
		kind, _ := row[1].(string)
		t, ok := typeOfDuck(kind)
		if !ok {
			return failure(reasonMissing, "stand-in for BigQuery: a result of type %s is not part of it", kind)
		}
		r.names, r.types = append(r.names, name), append(r.types, t)
	}
	if err := r.nameColumns(); err != nil {
		return err
	}
	if err := distinctOf(s.tokens, r.types); err != nil {
		return err
	}
	e.job.setResult(r)
	return nil
}

// estimateChange charges a statement of DML, and lets DuckDB look at it.
func (e *execution) estimateChange(ctx context.Context, s *statement) error {
	m, _, err := e.chargeChange(ctx, s)
	if err != nil {
		return err
	}
	prepared, err := e.conn.PrepareContext(ctx, m.text)
	if err != nil {
		return explain(err)
	}
	defer func() { _ = prepared.Close() }()
	return nil
}
