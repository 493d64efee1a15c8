package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	bq "cloud.google.com/go/bigquery"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/iterator"
)

// table is the quoted name of a table.
func (t *trial) table(name string) string {
	return "`" + t.project + "." + t.store() + "." + name + "`"
}

// prepared is a statement as a job that is capped, labelled, and not answered
// from a cache.
func (t *trial) prepared(text string) *bq.Query {
	q := t.client.Query(text)
	q.DisableQueryCache, q.MaxBytesBilled = true, int64(t.options.MaxDollars/dollarsPerTiB*tebibyte)
	q.Labels = map[string]string{"app": label}
	q.Location = t.options.Location
	return q
}

// answer runs a query and returns its rows, and what BigQuery says it read.
func (t *trial) answer(ctx context.Context, q *bq.Query) (rows [][]bq.Value, processed int64, err error) {
	job, status, err := t.ended(ctx, q)
	if err != nil {
		return nil, 0, told("query", err)
	}
	it, err := job.Read(ctx)
	if err == nil {
		rows, err = all(it)
	}
	return rows, status.Statistics.TotalBytesProcessed, told("read a result", err)
}

// ended runs a query to its end, and counts what it is billed for, be it in
// vain or not.
func (t *trial) ended(ctx context.Context, q *bq.Query) (*bq.Job, *bq.JobStatus, error) {
	job, err := q.Run(ctx)
	if err != nil {
		return nil, nil, err
	}
	status, err := t.wait(ctx, job)
	if err != nil {
		return nil, nil, err
	}
	return job, status, status.Err()
}

// wait returns when a job has ended, and counts what it was billed for. (The
// client's own Wait has no status of a query that failed.)
func (t *trial) wait(ctx context.Context, job *bq.Job) (*bq.JobStatus, error) {
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		status, err := job.Status(ctx)
		if err != nil {
			return nil, err
		}
		if status.Done() {
			t.spent.Add(billedFor(status))
			return status, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// number is the one number that a query answers.
func (t *trial) number(ctx context.Context, text string) (int64, error) {
	row, err := t.row(ctx, text, 1)
	if err != nil {
		return 0, err
	}
	return row[0], nil
}

// row are the numbers of the one row that a query answers.
func (t *trial) row(ctx context.Context, text string, columns int) ([]int64, error) {
	rows, _, err := t.answer(ctx, t.prepared(text))
	if err != nil {
		return nil, err
	}
	if len(rows) != 1 || len(rows[0]) != columns {
		return nil, fmt.Errorf("a query answered %d rows, not one of %d numbers", len(rows), columns)
	}
	numbers := make([]int64, columns)
	for i, v := range rows[0] {
		n, ok := v.(int64)
		if !ok {
			return nil, fmt.Errorf("a number came as %T", v)
		}
		numbers[i] = n
	}
	return numbers, nil
}

// wouldRead is what BigQuery says a statement would read, which it then does
// not.
func (t *trial) wouldRead(ctx context.Context, text string) (int64, error) {
	q := t.prepared(text)
	q.DryRun = true
	job, err := q.Run(ctx)
	if err != nil {
		return 0, told("ask what a statement would read", err)
	}
	return job.LastStatus().Statistics.TotalBytesProcessed, nil
}

// billedFor is what a job was billed for.
func billedFor(status *bq.JobStatus) int64 {
	if status.Statistics == nil {
		return 0
	}
	if q, ok := status.Statistics.Details.(*bq.QueryStatistics); ok {
		return q.TotalBytesBilled
	}
	return 0
}

// all reads the rest of a result.
func all(it *bq.RowIterator) ([][]bq.Value, error) {
	var rows [][]bq.Value
	for {
		var row []bq.Value
		switch err := it.Next(&row); {
		case errors.Is(err, iterator.Done):
			return rows, nil
		case err != nil:
			return nil, err
		}
		rows = append(rows, row)
	}
}

// answered is an error of a Google client without its text, which may quote a
// value.
type answered struct {
	doing string
	err   error
}

func (a *answered) Error() string { return a.doing + ": " + said(a.err) }
func (a *answered) Unwrap() error { return a.err }

// told says what was being done; nil stays nil.
func told(doing string, err error) error {
	if err == nil {
		return nil
	}
	return &answered{doing, err}
}

// said is what an error tells without Google's text.
func said(err error) string {
	var rest *googleapi.Error
	var job *bq.Error
	switch {
	case errors.As(err, &rest):
		text := fmt.Sprintf("HTTP %d %s", rest.Code, http.StatusText(rest.Code))
		for _, e := range rest.Errors {
			text += ", reason " + e.Reason
		}
		return text
	case errors.As(err, &job):
		return fmt.Sprintf("reason %s, location %s", job.Reason, job.Location)
	}
	return err.Error()
}

// scrub is the text of an error, whoever made it. Those of vitalsink's packages
// have nothing of Google's texts in them.
func scrub(err error) string {
	var ours *answered
	if errors.As(err, &ours) {
		return err.Error()
	}
	return said(err)
}

func isNotFound(err error) bool { return codeOf(err) == http.StatusNotFound }
func isConflict(err error) bool { return codeOf(err) == http.StatusConflict }

// codeOf is the HTTP code of an error; 0 if it has none.
func codeOf(err error) int {
	var rest *googleapi.Error
	if errors.As(err, &rest) {
		return rest.Code
	}
	return 0
}
