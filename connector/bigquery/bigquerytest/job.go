//go:build cgo

package bigquerytest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	bq "google.golang.org/api/bigquery/v2"
)

// Job is what became of a job, for tests to look at.
type Job struct {
	ID                 string
	Labels             map[string]string
	Query              string
	MaximumBytesBilled int64  // 0 for no limit
	State              string // PENDING, RUNNING or DONE
	Error              *JobError
	Statements         []Statement // those that began, in the order they ran
}

// BytesBilled is what all statements of the job were billed.
func (j Job) BytesBilled() int64 {
	var n int64
	for _, s := range j.Statements {
		n += s.BytesBilled
	}
	return n
}

// Statement is one statement of a job.
type Statement struct {
	Kind        string // as REST has it; EXPRESSION for the query in a SET or IF
	Text        string
	Table       string // the id of the table it changes; "" if none
	BytesBilled int64  // an estimate, see doc.go; 0 if it failed
	// BytesProcessed is BytesBilled without the minimum for each table.
	BytesProcessed int64
	// PartitionsRead are counts, by the id of each partitioned table.
	PartitionsRead    map[string]int
	PartitionsChanged int
	RowsChanged       int64
}

// job is a job.
type job struct {
	id, location, query string
	labels              map[string]string
	limit               int64
	request             *bq.Job
	timeout             time.Duration
	created             time.Time
	dry                 bool // it only asks what it would cost
	cancel              context.CancelCauseFunc
	finished            chan struct{}

	mu             sync.Mutex
	state          string
	kind           string // SCRIPT, or that of the one statement
	started, ended time.Time
	failed         *JobError
	statements     []Statement
	result         *result
	stats          *bq.DmlStatistics // of a job of one statement
}

// note adds a statement.
func (j *job) note(s Statement) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.statements = append(j.statements, s)
}

// refund takes back what was charged from a statement on, and returns how much
// that is.
func (j *job) refund(from int) int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	var n int64
	for i := from; i < len(j.statements); i++ {
		s := &j.statements[i]
		n += s.BytesBilled
		s.BytesBilled, s.BytesProcessed = 0, 0
	}
	return n
}

// forget drops statements from one on.
func (j *job) forget(from int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.statements = j.statements[:from]
}

// noted is how many statements there are.
func (j *job) noted() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.statements)
}

// done completes the statement that was noted last.
func (j *job) done(changed int, rows int64, stats bq.DmlStatistics) {
	j.mu.Lock()
	defer j.mu.Unlock()
	last := &j.statements[len(j.statements)-1]
	last.PartitionsChanged, last.RowsChanged = changed, rows
	j.stats = &stats
}

func (j *job) setResult(r *result) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.result = r
}

func (j *job) begin(kind string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.state, j.kind, j.started = "RUNNING", kind, time.Now()
}

func (j *job) end(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var known *JobError
	switch {
	case err == nil:
	case errors.As(err, &known):
		j.failed = known
	case errors.Is(err, context.DeadlineExceeded):
		j.failed = failure(reasonStopped, "Job execution was cancelled: Job timed out after %v", j.timeout)
	case errors.Is(err, context.Canceled):
		j.failed = failure(reasonStopped, "Job execution was cancelled: User requested cancellation")
	default:
		j.failed = failure("internalError", "%v", err)
	}
	if j.failed != nil {
		j.result, j.stats = nil, nil
	}
	j.state, j.ended = "DONE", time.Now()
	close(j.finished)
}

// copy is the job as tests see it.
func (j *job) copy() Job {
	j.mu.Lock()
	defer j.mu.Unlock()
	return Job{
		ID: j.id, Labels: j.labels, Query: j.query, MaximumBytesBilled: j.limit, State: j.state, Error: j.failed,
		Statements: append([]Statement(nil), j.statements...),
	}
}

// wait returns when the job has ended, or time is up.
func (j *job) wait(ctx context.Context, most time.Duration) {
	t := time.NewTimer(most)
	defer t.Stop()
	select {
	case <-j.finished:
	case <-t.C:
	case <-ctx.Done():
	}
}

// maxQuery is how long a query may be: "1024.00K characters".
const maxQuery = 1024 * 1024

// runJob runs a job to its end.
func (s *Server) runJob(ctx context.Context, j *job) {
	if j.timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, j.timeout)
		defer stop()
	}
	err := s.execute(ctx, j)
	if ctx.Err() != nil && err != nil {
		err = ctx.Err() // whatever it was stopped in
	}
	j.end(err)
}

// understand reads the query of a job.
func (s *Server) understand(j *job) (*environment, []statement, error) {
	env, err := s.environment(j)
	if err != nil {
		return nil, nil, err
	}
	if len(j.query) > maxQuery {
		return nil, nil, invalid("The query is too large. The maximum standard SQL query length is 1024.00K characters, including comments and white space characters.")
	}
	list, err := parse(j.query)
	return env, list, err
}

func (s *Server) execute(ctx context.Context, j *job) error {
	env, list, err := s.understand(j)
	if err != nil {
		return err
	}
	kind := "SCRIPT"
	if len(list) == 1 && !list[0].kind.procedural() {
		kind = string(list[0].kind)
	} else {
		env.script = j.id
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	e := &execution{server: s, job: j, conn: conn, env: env}
	j.begin(kind)
	ran := false
	err = e.withFault(ctx, CallJob, j.labels["table"], func() error {
		ran = true
		return e.run(ctx, list)
	})
	if !ran {
		err = errors.Join(err, e.cleanUp())
	}
	return err
}

// environment is what the names in a job's query mean.
func (s *Server) environment(j *job) (*environment, error) {
	q := j.request.Configuration.Query
	env := &environment{
		catalog: &s.catalog, project: j.request.JobReference.ProjectId, location: j.location, defaultDataset: q.DefaultDataset,
		temporary: map[string]*relation{}, parameters: map[string]value{}, variables: map[string]*value{},
	}
	for _, p := range q.QueryParameters {
		if p.Name == "" {
			return nil, failure(reasonMissing, "stand-in for BigQuery: positional parameters are not part of it")
		}
		v, err := parameter(p)
		if err != nil {
			return nil, err
		}
		env.parameters[lower(p.Name)] = v
	}
	return env, nil
}
