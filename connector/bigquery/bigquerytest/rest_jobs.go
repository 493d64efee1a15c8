//go:build cgo

package bigquerytest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	bq "google.golang.org/api/bigquery/v2"
)

// linger is for how long jobs.get waits for a job that is about to end: it
// saves clients that poll the pause before they ask again.
const linger = 20 * time.Millisecond

// readJob reads a job, or what jobs.query brings. It tells a parameter that is
// NULL from an empty one, which the generated types do not.
func readJob(body io.Reader, into any, parameters func() []*bq.QueryParameter) error {
	raw, err := io.ReadAll(body)
	if err != nil {
		return failure(reasonInvalid, "Invalid payload: %v", err)
	}
	type values struct {
		QueryParameters []struct {
			ParameterValue map[string]json.RawMessage `json:"parameterValue"`
		} `json:"queryParameters"`
	}
	var nulls struct {
		values
		Configuration struct {
			Query values `json:"query"`
		} `json:"configuration"`
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return failure(reasonInvalid, "Invalid JSON payload received: %v", err)
	}
	if err := json.Unmarshal(raw, &nulls); err != nil {
		return failure(reasonInvalid, "Invalid JSON payload received: %v", err)
	}
	list := append(nulls.QueryParameters, nulls.Configuration.Query.QueryParameters...)
	for i, p := range parameters() {
		if i < len(list) && p.ParameterValue != nil && bytes.Equal(list[i].ParameterValue["value"], []byte("null")) {
			p.ParameterValue.NullFields = []string{"Value"}
		}
	}
	return nil
}

func (s *Server) insertJob(r *http.Request) (any, error) {
	var request bq.Job
	err := readJob(r.Body, &request, func() []*bq.QueryParameter {
		if request.Configuration == nil || request.Configuration.Query == nil {
			return nil
		}
		return request.Configuration.Query.QueryParameters
	})
	if err != nil {
		return nil, err
	}
	if err := runnable(&request); err != nil {
		return nil, err
	}
	if request.Configuration.DryRun {
		return s.dryRun(r.Context(), r.PathValue("project"), &request)
	}
	j, err := s.startJob(r.PathValue("project"), &request)
	if err != nil {
		return nil, err
	}
	return j.resource(), nil
}

// runnable refuses jobs that are not part of the stand-in.
func runnable(request *bq.Job) error {
	c := request.Configuration
	switch {
	case c == nil || c.Query == nil:
		return failure(reasonMissing, "stand-in for BigQuery: jobs other than queries are not part of it")
	case c.Query.DestinationTable != nil, c.Query.TableDefinitions != nil, c.Query.CreateSession:
		return failure(reasonMissing, "stand-in for BigQuery: destination tables, definitions and sessions are not part of it")
	case c.Query.UseLegacySql == nil || *c.Query.UseLegacySql:
		return failure(reasonMissing, "stand-in for BigQuery: legacy SQL is not part of it")
	}
	return nil
}

// startJob makes a job and lets it run.
func (s *Server) startJob(project string, request *bq.Job) (*job, error) {
	c := request.Configuration
	if request.JobReference == nil {
		request.JobReference = &bq.JobReference{}
	}
	ref := request.JobReference
	ref.ProjectId, ref.Location = project, cmp.Or(ref.Location, s.config.Location)
	s.mu.Lock()
	defer s.mu.Unlock()
	ref.JobId = cmp.Or(ref.JobId, fmt.Sprintf("job_%d", len(s.order)+1))
	if s.jobs[ref.JobId] != nil {
		return nil, failure(reasonDuplicate, "Already Exists: Job %s:%s.%s", project, ref.Location, ref.JobId)
	}
	if err := s.ctx.Err(); err != nil {
		return nil, failure(reasonBackend, "The server is closed")
	}
	j := &job{
		id: ref.JobId, location: ref.Location, query: c.Query.Query, labels: c.Labels, limit: c.Query.MaximumBytesBilled,
		request: request, timeout: time.Duration(c.JobTimeoutMs) * time.Millisecond, created: time.Now(),
		state: "PENDING", finished: make(chan struct{}),
	}
	ctx, cancel := context.WithCancelCause(s.ctx)
	j.cancel = cancel
	s.jobs[j.id], s.order = j, append(s.order, j)
	s.running.Go(func() {
		defer cancel(nil)
		s.runJob(ctx, j)
	})
	return j, nil
}

// findJob finds a job where the call says it is.
func (s *Server) findJob(r *http.Request) (*job, error) {
	id, location := r.PathValue("job"), cmp.Or(r.URL.Query().Get("location"), s.config.Location)
	s.mu.Lock()
	defer s.mu.Unlock()
	if j := s.jobs[id]; j != nil && strings.EqualFold(j.location, location) {
		return j, nil
	}
	return nil, failure(reasonNotFound, "Not found: Job %s:%s", r.PathValue("project"), id)
}

func (s *Server) getJob(r *http.Request) (any, error) {
	j, err := s.findJob(r)
	if err != nil {
		return nil, err
	}
	j.wait(r.Context(), linger)
	return j.resource(), nil
}

func (s *Server) cancelJob(r *http.Request) (any, error) {
	j, err := s.findJob(r)
	if err != nil {
		return nil, err
	}
	j.cancel(context.Canceled)
	return &bq.JobCancelResponse{Kind: "bigquery#jobCancelResponse", Job: j.resource()}, nil
}

// proto is the error as jobs have it.
func (e *JobError) proto() *bq.ErrorProto {
	return &bq.ErrorProto{Reason: e.Reason, Message: e.Message, Location: "query"}
}

// resource is a job as REST answers it.
func (j *job) resource() *bq.Job {
	j.mu.Lock()
	defer j.mu.Unlock()
	var billed, processed int64
	for _, s := range j.statements {
		billed, processed = billed+s.BytesBilled, processed+s.BytesProcessed
	}
	if j.dry {
		billed = 0
	}
	query := &bq.JobStatistics2{
		StatementType: j.kind, TotalBytesBilled: billed, TotalBytesProcessed: processed,
		ForceSendFields: []string{"TotalBytesBilled", "TotalBytesProcessed"},
	}
	stats := &bq.JobStatistics{CreationTime: j.created.UnixMilli(), TotalBytesProcessed: processed, Query: query}
	if !j.started.IsZero() {
		stats.StartTime = j.started.UnixMilli()
	}
	if !j.ended.IsZero() {
		stats.EndTime = j.ended.UnixMilli()
	}
	switch {
	case j.kind == "SCRIPT":
		stats.NumChildJobs = int64(len(j.statements))
	case j.stats != nil:
		query.DmlStats = j.stats
		query.NumDmlAffectedRows = affectedRows(j.stats)
	}
	if j.result != nil {
		query.Schema = j.result.schema()
	}
	state := &bq.JobStatus{State: j.state}
	if j.failed != nil {
		state.ErrorResult = j.failed.proto()
		state.Errors = []*bq.ErrorProto{j.failed.proto()}
	}
	return &bq.Job{
		Kind: "bigquery#job", Id: j.request.JobReference.ProjectId + ":" + j.location + "." + j.id,
		JobReference: j.request.JobReference, Configuration: j.request.Configuration, Status: state, Statistics: stats,
		UserEmail: "stand-in@example.com", Etag: etag(j.id, j.state),
	}
}

func affectedRows(s *bq.DmlStatistics) int64 {
	return s.InsertedRowCount + s.UpdatedRowCount + s.DeletedRowCount
}

func (res *result) schema() *bq.TableSchema {
	schema := &bq.TableSchema{Fields: []*bq.TableFieldSchema{}}
	for i, t := range res.types {
		mode := "NULLABLE"
		if t.repeated {
			mode = "REPEATED"
		}
		schema.Fields = append(schema.Fields, &bq.TableFieldSchema{Name: res.names[i], Type: t.kind, Mode: mode})
	}
	return schema
}

// queryResults waits for a job, and answers a page of its result.
func (s *Server) queryResults(r *http.Request) (any, error) {
	j, err := s.findJob(r)
	if err != nil {
		return nil, err
	}
	timeout, err := number(r.URL.Query().Get("timeoutMs"), 10_000)
	if err != nil {
		return nil, failure(reasonInvalid, "Invalid timeoutMs")
	}
	j.wait(r.Context(), time.Duration(timeout)*time.Millisecond)
	return j.results(r)
}

// results are what getQueryResults answers.
func (j *job) results(r *http.Request) (*bq.GetQueryResultsResponse, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := &bq.GetQueryResultsResponse{
		Kind: "bigquery#getQueryResultsResponse", JobReference: j.request.JobReference, JobComplete: j.state == "DONE",
		ForceSendFields: []string{"JobComplete", "TotalRows"},
	}
	switch {
	case !out.JobComplete:
		return out, nil
	case j.failed != nil:
		return nil, j.failed
	case j.result == nil:
		if j.kind != "SCRIPT" && j.stats != nil {
			out.NumDmlAffectedRows = affectedRows(j.stats)
		}
		return out, nil
	}
	out.Schema, out.TotalRows = j.result.schema(), uint64(len(j.result.rows))
	var err error
	out.Rows, out.PageToken, err = j.result.page(r)
	return out, err
}

// queryJob is the client's fast path: a job without a name, and its result.
func (s *Server) queryJob(r *http.Request) (any, error) {
	var q bq.QueryRequest
	if err := readJob(r.Body, &q, func() []*bq.QueryParameter { return q.QueryParameters }); err != nil {
		return nil, err
	}
	request := &bq.Job{
		JobReference: &bq.JobReference{Location: q.Location},
		Configuration: &bq.JobConfiguration{
			Labels: q.Labels, JobTimeoutMs: q.JobTimeoutMs,
			Query: &bq.JobConfigurationQuery{
				Query: q.Query, UseLegacySql: q.UseLegacySql, MaximumBytesBilled: q.MaximumBytesBilled,
				QueryParameters: q.QueryParameters, DefaultDataset: q.DefaultDataset, CreateSession: q.CreateSession,
			},
		},
	}
	if err := runnable(request); err != nil {
		return nil, err
	}
	if q.DryRun {
		return nil, failure(reasonMissing, "stand-in for BigQuery: dry runs of jobs.query are not part of it")
	}
	j, err := s.startJob(r.PathValue("project"), request)
	if err != nil {
		return nil, err
	}
	j.wait(r.Context(), time.Duration(cmp.Or(q.TimeoutMs, 10_000))*time.Millisecond)
	page := r.Clone(r.Context())
	query := page.URL.Query()
	if q.FormatOptions != nil && q.FormatOptions.UseInt64Timestamp {
		query.Set("formatOptions.useInt64Timestamp", "true")
	}
	if q.MaxResults > 0 {
		query.Set("maxResults", fmt.Sprint(q.MaxResults))
	}
	page.URL.RawQuery = query.Encode()
	res, err := j.results(page)
	if err != nil {
		return nil, err
	}
	return &bq.QueryResponse{
		Kind: "bigquery#queryResponse", JobReference: res.JobReference, JobComplete: res.JobComplete, Schema: res.Schema,
		Rows: slices.Clone(res.Rows), PageToken: res.PageToken, TotalRows: res.TotalRows, NumDmlAffectedRows: res.NumDmlAffectedRows,
		ForceSendFields: []string{"JobComplete", "TotalRows"},
	}, nil
}
