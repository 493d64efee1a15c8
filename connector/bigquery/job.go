package bigquery

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/bigquery"
	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/iterator"

	"vitalsink/connector"
)

// patience is how long the REST API is waited for.
type patience struct {
	retryFor    time.Duration // for which what fails for a passing reason is tried again: what comes later is for the next fold
	callTimeout time.Duration // for which Google's client may try one call
	jobTimeout  time.Duration // after which BigQuery ends a job that hangs
}

func defaultPatience() patience {
	return patience{retryFor: 2 * time.Minute, callTimeout: time.Minute, jobTimeout: time.Hour}
}

// statement is what a job is to run.
type statement struct {
	step       string // pending, probe, merge: what it is for
	table      string // "" if none in particular
	text       string
	parameters []bigquery.QueryParameter
	limit      int64 // bytes that may be billed
	likely     int64 // bytes that it is likely to be billed for
	alone      bool  // it cannot be made less
	lowered    bool  // limit is what is left of the day's
}

// configure makes a job of it: every job is labelled and capped.
func (s statement) configure(q *bigquery.Query, p patience) {
	q.Parameters = s.parameters
	q.MaxBytesBilled = s.limit
	q.JobTimeout = p.jobTimeout
	q.DisableQueryCache = true
	q.Labels = map[string]string{"app": "vitalsink", "step": s.step}
	if s.table != "" {
		q.Labels["table"] = s.table
	}
}

// query runs a statement that changes nothing, again if it fails for a passing
// reason, and calls f on each row once it has worked. It returns the bytes that
// all tries were billed for.
func (w *Warehouse) query(ctx context.Context, s statement, f func([]bigquery.Value) error) (billed int64, err error) {
	err = w.patience.retry(ctx, func() error {
		s := s // its limit is lowered anew
		job, _, err := w.submit(ctx, &s, "vitalsink_"+s.step+"_"+uuid.NewString())
		if err != nil {
			return err
		}
		n, err := w.await(ctx, job, s)
		if billed += n; err != nil {
			return err
		}
		return w.eachRow(ctx, job, f)
	})
	return billed, err
}

// script runs a script that changes something, as a job with a name of its
// own. holds tells whether what such a job did is still there. f is called on
// each row of the result.
func (w *Warehouse) script(ctx context.Context, s statement, name string, holds func(id string) (bool, error), f func([]bigquery.Value) error) error {
	return w.named(ctx, s, name, holds, func(job *bigquery.Job) error { return w.eachRow(ctx, job, f) })
}

// change runs one statement that changes rows, outside of a transaction, and
// returns how many it changed. What is not known to have been done is asked for
// by the name of its job, not done twice: so the number is right.
func (w *Warehouse) change(ctx context.Context, s statement) (rows int, err error) {
	// Nobody else knows the name: a job that has it was begun by this call, and
	// what it did is done.
	name := "vitalsink_" + s.step + "_" + uuid.NewString()
	defer w.attempts.forget(name)
	ours := func(string) (bool, error) { return true, nil }
	err = w.named(ctx, s, name, ours, func(job *bigquery.Job) error {
		if stats := job.LastStatus().Statistics; stats != nil {
			if q, ok := stats.Details.(*bigquery.QueryStatistics); ok {
				rows = int(q.NumDMLAffectedRows)
				return nil
			}
		}
		return fmt.Errorf("job %s does not say how many rows it changed", job.ID())
	})
	return rows, err
}

// named runs what changes something as a job of that name. The attempt, which
// is part of the name, rises only after a job of that name was read to have
// ended with an error, or was not allowed to be read: what may still be running,
// or have been done by a process before this one, is waited for, not done twice.
// done is called with the job that has ended well.
func (w *Warehouse) named(ctx context.Context, s statement, name string, holds func(id string) (bool, error), done func(*bigquery.Job) error) error {
	return w.patience.retry(ctx, func() error {
		for {
			job, again, err := w.attempt(ctx, s, fmt.Sprintf("%s_%d", name, w.attempts.of(name)), holds)
			var ended *jobFailed
			switch {
			case again || errors.As(err, &ended):
				w.attempts.next(name)
			case err == nil:
				w.attempts.forget(name)
				return done(job)
			}
			if !again {
				return err
			}
		}
	})
}

// attempt runs a script as the job of that id, or waits for the one that has
// the id already. again says that this one is of no use: it failed at another
// time, and what was wrong then may be mended, what it did is gone, or nothing
// can be known of it.
func (w *Warehouse) attempt(ctx context.Context, s statement, id string, holds func(id string) (bool, error)) (job *bigquery.Job, again bool, err error) {
	s.parameters = append(s.parameters[:len(s.parameters):len(s.parameters)], bigquery.QueryParameter{Name: "job_id", Value: id})
	job, attached, err := w.submit(ctx, &s, id)
	if errors.Is(err, errForeign) {
		return nil, true, nil // if it has done it, or will, the fence tells
	}
	if err != nil {
		return nil, false, err // there may be a job now: the next try asks for the same one
	}
	_, err = w.await(ctx, job, s)
	var ended *jobFailed
	switch {
	case !attached:
		return job, false, err
	case err != nil:
		return job, errors.As(err, &ended), err
	}
	// Somebody may have set the tables back to a time before.
	held, err := holds(id)
	return job, err == nil && !held, err
}

// errForeign says that a job is another account's, which may be looked at only
// by who may look at all jobs of the project.
var errForeign = errors.New("the job is another account's")

// submit starts a job, or finds the one that has the name already: it may be
// our own, when Google's client has asked twice because an answer was lost. The
// error is errForeign if it is another account's. It lowers the statement's limit
// to what is left of the day's.
func (w *Warehouse) submit(ctx context.Context, s *statement, id string) (job *bigquery.Job, attached bool, err error) {
	if s.limit, s.lowered, err = w.billing.allow(s.limit, s.likely, s.alone); err != nil {
		return nil, false, err
	}
	q := w.client.Query(s.text)
	s.configure(q, w.patience)
	q.JobIDConfig = bigquery.JobIDConfig{JobID: id, Location: w.client.Location}
	job, err = within(ctx, w.patience, func(ctx context.Context) (*bigquery.Job, error) {
		job, err := q.Run(ctx)
		var rest *googleapi.Error
		if errors.As(err, &rest) && rest.Code == http.StatusConflict {
			attached = true
			job, err = w.client.JobFromIDLocation(ctx, id, w.client.Location)
			if errors.As(err, &rest) && rest.Code == http.StatusForbidden && !errors.Is(explain(err), connector.ErrUnavailable) {
				return nil, errForeign
			}
		}
		return job, err
	})
	if err != nil {
		return nil, false, fmt.Errorf("submit job %s: %w", id, err)
	}
	return job, attached, nil
}

// jobFailed says that a job was read to have ended with an error.
type jobFailed struct {
	id  string
	err error // explained
}

func (e *jobFailed) Error() string { return fmt.Sprintf("job %s: %v", e.id, e.err) }
func (e *jobFailed) Unwrap() error { return e.err }

// await returns when a job has ended, and what it was billed for: a *jobFailed
// if with an error.
func (w *Warehouse) await(ctx context.Context, job *bigquery.Job, s statement) (billed int64, err error) {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = 10*time.Millisecond, 5*time.Second
	for {
		status, err := within(ctx, w.patience, job.Status)
		if err != nil {
			return 0, fmt.Errorf("poll job %s: %w", job.ID(), err)
		}
		if status.Done() {
			var made time.Time
			billed, made = billedFor(status)
			w.billing.add(billed, made)
			if err := status.Err(); err != nil {
				return billed, &jobFailed{job.ID(), w.billing.explain(explain(err), s.lowered)}
			}
			return billed, nil
		}
		if err := sleep(ctx, pauses.NextBackOff()); err != nil {
			return 0, fmt.Errorf("poll job %s: %w", job.ID(), err)
		}
	}
}

// rowByRow runs a statement that changes nothing, and calls take on each row as
// it comes: what came before is not kept. It tries again what fails for a
// passing reason until a row was taken.
func (w *Warehouse) rowByRow(ctx context.Context, s statement, take func([]bigquery.Value) error) error {
	var ended error // of the try that was the last one, since it gave rows away
	err := w.patience.retry(ctx, func() error {
		s := s // its limit is lowered anew
		job, _, err := w.submit(ctx, &s, "vitalsink_"+s.step+"_"+uuid.NewString())
		if err != nil {
			return err
		}
		if _, err = w.await(ctx, job, s); err != nil {
			return err
		}
		began := false
		err = w.pageByPage(ctx, job, func(row []bigquery.Value) error {
			began = true
			return take(row)
		})
		if began {
			ended = err
			return nil
		}
		return err
	})
	return cmp.Or(err, ended)
}

// eachRow calls f on every row of the result of a job that has ended, once all
// of them are there.
func (w *Warehouse) eachRow(ctx context.Context, job *bigquery.Job, f func([]bigquery.Value) error) error {
	var values [][]bigquery.Value
	err := w.pageByPage(ctx, job, func(row []bigquery.Value) error {
		values = append(values, row)
		return nil
	})
	for _, row := range values {
		if err == nil {
			if err = f(row); err != nil {
				err = fmt.Errorf("read result of job %s: %w", job.ID(), err)
			}
		}
	}
	return err
}

// pageByPage calls take on every row of the result of a job that has ended.
// What it waits for is a page, never all of them: they may be many, and take
// slow. An error of take's is returned as it is.
func (w *Warehouse) pageByPage(ctx context.Context, job *bigquery.Job, take func([]bigquery.Value) error) error {
	// The client asks for pages with the context that it began with.
	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	late := time.AfterFunc(w.patience.callTimeout, cancel)
	defer late.Stop()
	rows, err := job.Read(reading)
	if err == nil {
		rows.PageInfo().MaxSize = w.pageRows
	}
	for err == nil {
		var row []bigquery.Value
		late.Reset(w.patience.callTimeout)
		err = rows.Next(&row)
		late.Stop()
		if errors.Is(err, iterator.Done) {
			return nil
		}
		if err == nil {
			if err := take(row); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("read result of job %s: %w", job.ID(), classify(ctx, err))
}

// all reads the rest of a result.
func all(rows *bigquery.RowIterator) ([][]bigquery.Value, error) {
	var values [][]bigquery.Value
	for {
		var row []bigquery.Value
		switch err := rows.Next(&row); {
		case errors.Is(err, iterator.Done):
			return values, nil
		case err != nil:
			return nil, err
		}
		values = append(values, row)
	}
}

// within makes one call, and explains its error. Google's client tries a call
// again for as long as its context lasts: that has to have an end.
func within[T any](ctx context.Context, p patience, call func(context.Context) (T, error)) (T, error) {
	one, cancel := context.WithTimeout(ctx, p.callTimeout)
	defer cancel()
	result, err := call(one)
	return result, classify(ctx, err)
}

// retry tries again, for a while, what fails for a reason that passes: a
// conflict between transactions, say, which are cancelled, not queued.
func (p patience) retry(ctx context.Context, try func() error) error {
	pauses := backoff.NewExponentialBackOff() // with jitter
	pauses.InitialInterval, pauses.MaxInterval = 250*time.Millisecond, 15*time.Second
	began := time.Now()
	for {
		err := try()
		if !errors.Is(err, connector.ErrUnavailable) || time.Since(began) > p.retryFor || ctx.Err() != nil {
			return err
		}
		if sleep(ctx, pauses.NextBackOff()) != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// nameOf is the name of the job of a merge: the same for the same batches
// behind the same fence, whoever asks.
func nameOf(c Config, m *connector.Merge) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s.%s.%s %d %s", c.Project, c.Dataset, m.Table.Name, m.Fence, strings.Join(idsOf(m), " ")))
	return fmt.Sprintf("vitalsink_merge_%s_%x", m.Table.Name, sum[:16])
}

// attempts remember how often jobs have failed, so that they need not be asked
// for one by one. Nothing is lost with them.
type attempts struct {
	mu    sync.Mutex
	known map[string]int
}

func (a *attempts) of(name string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.known[name]
}

func (a *attempts) next(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil {
		a.known = map[string]int{}
	}
	a.known[name]++
}

func (a *attempts) forget(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.known, name)
}
