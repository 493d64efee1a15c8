//go:build cgo

package bigquerytest_test

import (
	"context"
	"errors"
	"testing"

	"cloud.google.com/go/bigquery"
	"go.uber.org/goleak"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/iterator"

	"vitalsink/connector/bigquery/bigquerytest"
)

// db is a client of a Server with a dataset d of project p.
type db struct {
	testing.TB
	*bigquerytest.Server
	client *bigquery.Client
}

func open(t testing.TB, cfg bigquerytest.Config) *db {
	t.Helper()
	s, err := bigquerytest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	d := &db{TB: t, Server: s}
	if d.client, err = bigquery.NewClient(t.Context(), "p", s.REST()...); err != nil {
		t.Fatal(err)
	}
	first := d.client
	t.Cleanup(func() { _ = first.Close() })
	if err := d.client.Dataset("d").Create(t.Context(), &bigquery.DatasetMetadata{Location: "US"}); err != nil {
		t.Fatal(err)
	}
	return d
}

// table makes a table, partitioned by day of a column unless that is "".
func (d *db) table(name, partition string, fields ...*bigquery.FieldSchema) {
	d.Helper()
	md := &bigquery.TableMetadata{Schema: fields}
	if partition != "" {
		md.TimePartitioning = &bigquery.TimePartitioning{Type: bigquery.DayPartitioningType, Field: partition}
	}
	if err := d.client.Dataset("d").Table(name).Create(d.Context(), md); err != nil {
		d.Fatal(err)
	}
}

func field(name string, t bigquery.FieldType) *bigquery.FieldSchema {
	return &bigquery.FieldSchema{Name: name, Type: t}
}

// keyed makes a table t with a key k, a number n and a time ts.
func (d *db) keyed(partition string) {
	d.Helper()
	d.table("t", partition, field("k", bigquery.StringFieldType), field("n", bigquery.IntegerFieldType), field("ts", bigquery.TimestampFieldType))
}

func (d *db) query(text string, parameters ...bigquery.QueryParameter) *bigquery.Query {
	q := d.client.Query(text)
	q.Parameters = parameters
	q.JobTimeout = 0
	return q
}

// try runs a query as a job and returns its rows.
func (d *db) try(ctx context.Context, q *bigquery.Query) ([][]bigquery.Value, error) {
	job, err := q.Run(ctx)
	if err != nil {
		return nil, err
	}
	it, err := job.Read(ctx)
	if err != nil {
		return nil, err
	}
	var rows [][]bigquery.Value
	for {
		var row []bigquery.Value
		switch err := it.Next(&row); {
		case errors.Is(err, iterator.Done):
			return rows, nil
		case err != nil:
			return nil, err
		}
		rows = append(rows, row)
	}
}

func (d *db) must(text string, parameters ...bigquery.QueryParameter) [][]bigquery.Value {
	d.Helper()
	rows, err := d.try(d.Context(), d.query(text, parameters...))
	if err != nil {
		d.Fatalf("%s: %v", text, err)
	}
	return rows
}

// count runs a query that returns one number.
func (d *db) count(text string) int64 {
	d.Helper()
	n, ok := d.must(text)[0][0].(int64)
	if !ok {
		d.Fatalf("%s: no number", text)
	}
	return n
}

// reasonOf is the reason and text of an error of the API.
func reasonOf(err error) (reason, text string) {
	var e *googleapi.Error
	if errors.As(err, &e) && len(e.Errors) > 0 {
		return e.Errors[0].Reason, e.Message
	}
	return "", ""
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
