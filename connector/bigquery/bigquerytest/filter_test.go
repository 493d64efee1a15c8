//go:build cgo

package bigquerytest_test

import (
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/bigquery"

	"vitalsink/connector/bigquery/bigquerytest"
)

// TestPartitionFilter: a table that wants a filter is not read without one.
func TestPartitionFilter(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.keyed("ts")
	d.must("INSERT INTO d.t (k, n, ts) VALUES ('a', 1, TIMESTAMP '2026-01-01')")
	if err := d.client.Dataset("d").Table("v").Create(t.Context(), &bigquery.TableMetadata{ViewQuery: "SELECT k, ts FROM `p.d.t`"}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.update("t", bigquery.TableMetadataToUpdate{RequirePartitionFilter: true}); err != nil {
		t.Fatal(err)
	}
	const refused = "Cannot query over table 'p.d.t' without a filter over column(s) 'ts' that can be used for partition elimination"
	for condition, want := range map[string]bool{
		"T.ts >= TIMESTAMP '2026-01-01' AND T.ts < TIMESTAMP '2026-01-02'":                   true,
		"(T.ts >= TIMESTAMP '2026-01-01' AND T.ts < TIMESTAMP '2026-01-02') OR T.ts IS NULL": true,
		"T.n = 1 AND T.ts = @ts":         true,
		"T.ts = '2026-01-01' OR T.n = 1": false,
		"(T.ts = '2026-01-01' AND T.n = 1) OR (T.ts = '2026-01-02' AND T.n = 2)": true,
		"T.ts IS NOT NULL": true,
		"T.ts > TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 7 DAY)":         true,
		"T.ts BETWEEN '2026-01-01' AND '2026-01-02'":                        true,
		"T.ts IN (TIMESTAMP '2026-01-01', TIMESTAMP '2026-01-02')":          true,
		"DATE(T.ts) = '2026-01-01'":                                         true,
		"CAST(T.ts AS DATE) = '2026-01-01'":                                 true,
		"EXTRACT(YEAR FROM T.ts) = 2026":                                    true,
		"TIMESTAMP_TRUNC(T.ts, MONTH) = '2026-01-01'":                       true,
		"EXTRACT(MONTH FROM T.ts) = 1":                                      false,
		"CAST(T.ts AS STRING) = '2026-01-01'":                               false,
		"T.ts + INTERVAL 1 DAY > CURRENT_TIMESTAMP()":                       false,
		"UNIX_MICROS(T.ts) > 5":                                             false,
		"T.ts = (SELECT MAX(x) FROM UNNEST([TIMESTAMP '2026-01-01']) AS x)": false,
		"T.ts >= TIMESTAMP_MICROS(T.n)":                                     false,
		"T.n = 1":                                                           false,
		"TRUE":                                                              false,
	} {
		p := bigquery.QueryParameter{Name: "ts", Value: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
		plain := strings.ReplaceAll(condition, "T.", "")
		for _, query := range []string{
			"SELECT k FROM d.t AS T WHERE " + condition,
			"SELECT k FROM d.t WHERE " + plain,
			"SELECT S.k FROM (SELECT 'a' AS k) AS S LEFT JOIN (SELECT k FROM d.t AS T WHERE " + condition + ") AS T ON T.k = S.k",
			"UPDATE d.t SET n = n WHERE " + plain,
			"UPDATE d.t AS T SET n = S.n FROM (SELECT 'a' AS k, 1 AS n) AS S WHERE S.k = T.k AND (" + condition + ")",
			"DELETE FROM d.t WHERE k = 'nobody' AND (" + plain + ")",
			"MERGE d.t AS T USING (SELECT 'a' AS k) AS S ON T.k = S.k AND (" + condition + ") WHEN MATCHED THEN UPDATE SET n = 1",
			"SET total = (SELECT COUNT(*) FROM d.t WHERE " + plain + ")",
		} {
			if strings.HasPrefix(query, "SET") {
				query = "DECLARE total INT64; " + query
			}
			_, err := d.try(t.Context(), d.query(query, p))
			if reason, text := reasonOf(err); want != (err == nil) || !want && (reason != "invalidQuery" || !strings.Contains(text, refused)) {
				t.Errorf("%s: %v, want it to run: %v", query, err, want)
			}
		}
	}
	for query, want := range map[string]bool{
		"SELECT COUNT(*) FROM d.t":                                      false,
		"SELECT * FROM d.v":                                             false,
		"SELECT * FROM d.v WHERE k = 'a'":                               false,
		"SELECT * FROM d.v WHERE ts >= '2026-01-01'":                    true,
		"INSERT INTO d.t (k) VALUES ('b')":                              true,
		"INSERT INTO d.t (k) SELECT k FROM d.t":                         false,
		"SELECT A.k FROM d.t AS A, d.t AS B WHERE A.ts > '2026-01-01'":  false,
		"DECLARE d TIMESTAMP; SELECT k FROM d.t WHERE ts > d":           true,
		"DECLARE other TIMESTAMP; SELECT k FROM d.t WHERE ts > nothing": false,
	} {
		_, err := d.try(t.Context(), d.query(query))
		if want != (err == nil) || !want && !strings.Contains(err.Error(), refused) {
			t.Errorf("%s: %v, want it to run: %v", query, err, want)
		}
	}
	if rows := d.all(d.client.Dataset("d").Table("t").Read(t.Context())); len(rows) == 0 {
		t.Error("the table cannot be listed")
	}
	if _, err := d.update("t", bigquery.TableMetadataToUpdate{TimePartitioning: &bigquery.TimePartitioning{Field: "ts"}}); err != nil || !d.metadata("t").RequirePartitionFilter {
		t.Errorf("it takes the table-wide word, not that of the partitioning: %v", err)
	}
	if _, err := d.update("t", bigquery.TableMetadataToUpdate{RequirePartitionFilter: false}); err != nil {
		t.Fatal(err)
	}
	d.must("SELECT COUNT(*) FROM d.t")
}
