//go:build cgo

package bigquerytest_test

import (
	"testing"

	"cloud.google.com/go/bigquery"

	"vitalsink/connector/bigquery/bigquerytest"
)

// TestTables: tables and datasets are made once, and described.
func TestTables(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	ds := d.client.Dataset("d")
	if err := ds.Create(t.Context(), &bigquery.DatasetMetadata{}); !isReason(err, "duplicate") {
		t.Errorf("second dataset: %v", err)
	}
	if _, err := d.client.Dataset("nope").Metadata(t.Context()); !isReason(err, "notFound") {
		t.Errorf("no dataset: %v", err)
	}
	md := &bigquery.TableMetadata{
		Description:      "text",
		Schema:           bigquery.Schema{{Name: "k", Type: bigquery.StringFieldType, Required: true, Description: "key"}, field("ts", bigquery.TimestampFieldType), {Name: "l", Type: bigquery.DateFieldType, Repeated: true}},
		TimePartitioning: &bigquery.TimePartitioning{Type: bigquery.HourPartitioningType, Field: "ts"},
		Clustering:       &bigquery.Clustering{Fields: []string{"k"}},
	}
	if err := ds.Table("x").Create(t.Context(), md); err != nil {
		t.Fatal(err)
	}
	if err := ds.Table("x").Create(t.Context(), md); !isReason(err, "duplicate") {
		t.Errorf("second table: %v", err)
	}
	d.must("INSERT INTO d.x (k, ts) VALUES ('a', TIMESTAMP '2026-01-01 01:00:00'), ('b', TIMESTAMP '2026-01-01 02:00:00')")
	if s := d.last(); s.PartitionsChanged != 2 || s.RowsChanged != 2 {
		t.Errorf("%+v; want two partitions of an hour", s)
	}
	got, err := ds.Table("x").Metadata(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.NumRows != 2 || got.ETag == "" || got.Description != "text" || !got.Schema[0].Required || got.Schema[0].Description != "key" ||
		!got.Schema[2].Repeated || got.TimePartitioning.Field != "ts" || got.Clustering.Fields[0] != "k" {
		t.Errorf("%+v", got)
	}
	if _, err := ds.Table("nope").Metadata(t.Context()); !isReason(err, "notFound") {
		t.Errorf("no table: %v", err)
	}
	if n := len(tablesOf(t, ds)); n != 1 {
		t.Errorf("%d tables", n)
	}
}

func tablesOf(t *testing.T, ds *bigquery.Dataset) (list []*bigquery.Table) {
	t.Helper()
	for it := ds.Tables(t.Context()); ; {
		table, err := it.Next()
		if err != nil {
			return list
		}
		list = append(list, table)
	}
}

func isReason(err error, want string) bool {
	reason, _ := reasonOf(err)
	return reason == want
}

// TestViews: a view shows what its tables hold, and costs what they cost.
func TestViews(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.thousandDays()
	v := d.client.Dataset("d").Table("v")
	if err := v.Create(t.Context(), &bigquery.TableMetadata{ViewQuery: "SELECT k, ts FROM `p.d.t` WHERE ts < TIMESTAMP '2023-01-03' AND n = 1"}); err != nil {
		t.Fatal(err)
	}
	if rows := d.must("SELECT * FROM d.v ORDER BY k"); len(rows) != 2 || rows[0][0] != "k1-1" {
		t.Errorf("%v", rows)
	}
	if got := d.last(); got.PartitionsRead["t"] != 2 || got.BytesBilled != 10<<20 {
		t.Errorf("%+v; want two partitions read", got)
	}
	if md, err := v.Metadata(t.Context()); err != nil || md.Type != bigquery.ViewTable || len(md.Schema) != 2 {
		t.Errorf("%+v, %v", md, err)
	}
	if err := d.client.Dataset("d").Table("bad").Create(t.Context(), &bigquery.TableMetadata{ViewQuery: "SELECT nope FROM `p.d.t`"}); !isReason(err, "invalidQuery") {
		t.Errorf("bad view: %v", err)
	}
}

// TestEmpty: an emptied server is as good as new.
func TestEmpty(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.filled()
	d.table("t_fence", "", field("n", bigquery.IntegerFieldType))
	d.must("INSERT INTO d.t_fence (n) VALUES (5)")
	for range 3 {
		d.must("INSERT INTO d.t (k) SELECT 'x' FROM UNNEST(GENERATE_ARRAY(1, 15000)) AS i")
		if err := d.Empty(); err != nil {
			t.Fatal(err)
		}
		if n := len(d.Jobs()); n != 0 {
			t.Errorf("%d jobs", n)
		}
		if n, fence := d.count("SELECT COUNT(*) FROM d.t"), d.count("SELECT n FROM d.t_fence"); n != 0 || fence != 0 {
			t.Errorf("%d rows, fence at %d", n, fence)
		}
	}
}

// TestStatistics: a job tells what it did.
func TestStatistics(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.filled()
	q := d.query("MERGE d.t AS T USING (SELECT 'a' AS k, 7 AS n UNION ALL SELECT 'c', 8) AS S ON T.k = S.k WHEN MATCHED THEN UPDATE SET n = S.n WHEN NOT MATCHED THEN INSERT (k, n) VALUES (S.k, S.n)")
	q.Labels = map[string]string{"step": "test"}
	job, err := q.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	status, err := job.Wait(t.Context())
	if err != nil || status.Err() != nil {
		t.Fatal(err, status.Err())
	}
	details, ok := status.Statistics.Details.(*bigquery.QueryStatistics)
	if !ok || details.StatementType != "MERGE" || details.DMLStats == nil || details.DMLStats.InsertedRowCount != 1 ||
		details.DMLStats.UpdatedRowCount != 1 || details.NumDMLAffectedRows != 2 || details.TotalBytesBilled < 10<<20 {
		t.Errorf("%+v", details)
	}
	d.must("DECLARE x INT64 DEFAULT 1; INSERT INTO d.t (k) VALUES ('d'); SELECT x AS x")
	jobs := d.Jobs()
	last := jobs[len(jobs)-1]
	scripted, err := d.client.JobFromID(t.Context(), last.ID)
	if err != nil {
		t.Fatal(err)
	}
	stats := scripted.LastStatus().Statistics
	if details := stats.Details.(*bigquery.QueryStatistics); details.StatementType != "SCRIPT" || stats.NumChildJobs != 2 {
		t.Errorf("%+v, %d children", details, stats.NumChildJobs)
	}
	if merge := jobs[len(jobs)-2]; merge.Labels["step"] != "test" || merge.State != "DONE" || len(merge.Statements) != 1 {
		t.Errorf("%+v", merge)
	}
}

// TestFastPath: a query without a name goes through jobs.query.
func TestFastPath(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	it, err := d.client.Query("SELECT 1 AS one").Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if rows := d.all(it); len(rows) != 1 || rows[0][0] != int64(1) || it.Schema[0].Name != "one" {
		t.Errorf("%v %v", rows, it.Schema)
	}
	if _, err := d.client.Query("SELECT nope").Read(t.Context()); !isReason(err, "invalidQuery") {
		t.Errorf("%v", err)
	}
}
