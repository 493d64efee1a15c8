//go:build cgo

package bigquerytest_test

import (
	"strings"
	"testing"

	"cloud.google.com/go/bigquery"

	"vitalsink/connector/bigquery/bigquerytest"
)

// dry asks what a query would cost.
func (d *db) dry(text string) (*bigquery.Job, error) {
	q := d.query(text)
	q.DryRun, q.JobID, q.MaxBytesBilled = true, "dry", 1
	return q.Run(d.Context())
}

// TestDryRun: what a statement would process, without the minimum, and without
// doing it.
func TestDryRun(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.thousandDays()
	for query, want := range map[string]int64{
		"SELECT k FROM d.t": 2001 * 24,
		"SELECT k, n FROM d.t WHERE ts < TIMESTAMP '2023-01-03'": 4 * (24 + 8 + 8),
		"(SELECT 1 AS x)": 0,
		"WITH x AS (SELECT * FROM d.t) SELECT COUNT(*) FROM x":                                        2001 * (24 + 8 + 8),
		"INSERT INTO d.t (k) SELECT k FROM d.t":                                                       2001 * 24,
		"INSERT INTO d.t (k) VALUES ('x')":                                                            0,
		"UPDATE d.t SET n = 0 WHERE k = 'none'":                                                       2001*(24+8) + 1*(24+8+8),
		"DELETE FROM d.t WHERE ts < TIMESTAMP '2023-01-02' AND n = 0":                                 2*(8+8) + 2*(24+8+8),
		"MERGE d.t AS T USING (SELECT 'none' AS k) AS S ON T.k = S.k WHEN MATCHED THEN DELETE":        2001*24 + 24 + 8 + 8,
		"UPDATE d.t SET n = S.n FROM (SELECT 1 AS n UNION ALL SELECT 2) AS S WHERE t.n = 5 AND S.n<3": 2001*8 + 2*(24+8+8), // what fails only when it runs
	} {
		job, err := d.dry(query)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		status := job.LastStatus()
		details, ok := status.Statistics.Details.(*bigquery.QueryStatistics)
		if !ok || !status.Done() || status.Err() != nil || job.ID() != "" {
			t.Errorf("%s: %+v", query, status)
			continue
		}
		if status.Statistics.TotalBytesProcessed != want || details.TotalBytesProcessed != want || details.TotalBytesBilled != 0 {
			t.Errorf("%s: %d bytes, want %d; %d billed", query, details.TotalBytesProcessed, want, details.TotalBytesBilled)
		}
	}
	job, err := d.dry("SELECT k, [n] AS l, PARSE_JSON('1'), ts FROM d.t")
	if err != nil {
		t.Fatal(err)
	}
	if s := job.LastStatus().Statistics.Details.(*bigquery.QueryStatistics).Schema; len(s) != 4 || !s[1].Repeated || s[2].Name != "f2_" || s[3].Type != bigquery.TimestampFieldType {
		t.Errorf("schema %+v", s)
	}
	if n := d.count("SELECT COUNT(*) FROM d.t WHERE n != 0 OR k = 'none'"); n != 1999 {
		t.Errorf("%d rows: a dry run changed some", n)
	}
	for _, j := range d.Jobs() {
		if j.ID == "dry" {
			t.Error("a dry run is among the jobs")
		}
	}
	q := d.query("SELECT 1")
	q.JobID = "dry" // is free
	if _, err := d.try(t.Context(), q); err != nil {
		t.Error(err)
	}
}

// TestDryRunRefusals: what is wrong with a query is said at once.
func TestDryRunRefusals(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.filled()
	for query, want := range map[string]string{
		"SELECT nope FROM d.t":                                    "invalidQuery",
		"SELECT k, k FROM d.t":                                    "invalidQuery",
		"SELECT FROM":                                             "invalidQuery",
		"SELECT * FROM d.nope":                                    "notFound",
		"INSERT INTO d.t (nope) VALUES (1)":                       "invalidQuery",
		"UPDATE d.t SET n = nope WHERE TRUE":                      "invalidQuery",
		"SELECT 1; SELECT 2":                                      "notImplemented",
		"DECLARE x INT64; SELECT x":                               "notImplemented",
		"BEGIN TRANSACTION; SELECT 1; COMMIT TRANSACTION":         "notImplemented",
		"CREATE TEMP TABLE x AS SELECT 1 AS a":                    "notImplemented",
		"SELECT '" + strings.Repeat("x", 1<<20) + "' AS too_long": "invalidQuery",
	} {
		if _, err := d.dry(query); !isReason(err, want) {
			t.Errorf("%.50s: %v, want %s", query, err, want)
		}
	}
	if n := len(d.Jobs()); n != 1 {
		t.Errorf("%d jobs, want the one that filled the table", n)
	}
}
