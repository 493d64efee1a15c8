//go:build cgo

package bigquerytest_test

import (
	"fmt"
	"strings"
	"testing"

	"cloud.google.com/go/bigquery"

	"vitalsink/connector/bigquery/bigquerytest"
	"vitalsink/connector/connectortest"
)

// thousandDays makes a table of 1,000 days from 2023-01-01 on, two rows each,
// and a row without one.
func (d *db) thousandDays() {
	d.Helper()
	d.keyed("ts")
	d.must("INSERT INTO d.t (k, n, ts) SELECT CONCAT('k', CAST(i AS STRING), '-', CAST(j AS STRING)), i, TIMESTAMP_ADD(TIMESTAMP '2023-01-01 12:00:00', INTERVAL i DAY) " +
		"FROM UNNEST(GENERATE_ARRAY(0, 999)) AS i, UNNEST([1, 2]) AS j")
	d.must("INSERT INTO d.t (k, n) VALUES ('none', -1)")
}

// last is the last statement of the last job.
func (d *db) last() bigquerytest.Statement {
	d.Helper()
	jobs := d.Jobs()
	statements := jobs[len(jobs)-1].Statements
	if len(statements) == 0 {
		d.Fatal("no statements")
	}
	return statements[len(statements)-1]
}

// TestPruning: how many partitions conditions leave over.
func TestPruning(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.thousandDays()
	const two = "(T.ts >= TIMESTAMP '2023-02-01 00:00:00+00' AND T.ts < TIMESTAMP '2023-02-03 00:00:00+00')"
	for condition, want := range map[string]int{
		two:                             2,
		two + " OR T.ts IS NULL":        3,
		two + " AND T.n = 5":            2,
		two + " OR T.n = 5":             1001,
		"NOT (" + two + ")":             998,
		"T.ts = TIMESTAMP '2023-02-01'": 1,
		"TIMESTAMP '2023-02-01' > T.ts": 31,
		"T.ts > '2023-02-01 00:00:00'":  969,
		"T.ts BETWEEN TIMESTAMP '2023-02-01' AND TIMESTAMP '2023-02-02'":    2,
		"T.ts IN (TIMESTAMP '2023-02-01', TIMESTAMP '2024-02-02 05:00:00')": 2,
		"T.ts IS NOT NULL":               1000,
		"FALSE":                          0,
		"TRUE /* not pruned */":          1001,
		"DATE(T.ts) = DATE '2023-02-01'": 1001,
		"T.ts = @ts":                     1001,
		"T.ts >= CAST('2023-02-01' AS TIMESTAMP)":                                        1001,
		"TIMESTAMP_TRUNC(T.ts, DAY) = TIMESTAMP '2023-02-01'":                            1001,
		"CASE WHEN T.ts IS NULL THEN TRUE ELSE FALSE END":                                1001,
		"k = 'k31-1' AND `ts` >= TIMESTAMP '2023-02-01' AND ts < TIMESTAMP '2023-02-02'": 1,
		"T.ts >= TIMESTAMP '2023-02-01' AND T.ts < TIMESTAMP '2023-01-01'":               0,
	} {
		p := bigquery.QueryParameter{Name: "ts", Value: late}
		d.must("SELECT k FROM d.t AS T WHERE "+condition, p)
		if got := d.last().PartitionsRead["t"]; got != want {
			t.Errorf("WHERE %s reads %d partitions, want %d", condition, got, want)
		}
		d.must("SELECT S.k FROM (SELECT 'k31-1' AS k) AS S LEFT JOIN (SELECT k FROM `p.d.t` AS T WHERE "+condition+") AS T ON T.k = S.k", p)
		if got := d.last().PartitionsRead["t"]; got != want {
			t.Errorf("WHERE %s in a subquery reads %d partitions, want %d", condition, got, want)
		}
		if !strings.Contains(condition, "T.") {
			continue
		}
		d.must("MERGE INTO d.t AS T USING (SELECT 'nobody' AS k) AS S ON T.k = S.k AND ("+condition+") WHEN MATCHED THEN UPDATE SET n = 0", p)
		if s := d.last(); s.PartitionsRead["t"] != want || s.PartitionsChanged != 0 {
			t.Errorf("ON %s reads %d partitions and changes %d, want %d and 0", condition, s.PartitionsRead["t"], s.PartitionsChanged, want)
		}
		// A join that keeps rows without a match must not be pruned by WHERE.
		d.must("SELECT T.k FROM (SELECT 'x' AS k) AS S LEFT JOIN d.t AS T ON T.k = S.k WHERE "+condition, p)
		if got := d.last().PartitionsRead["t"]; got != 1001 {
			t.Errorf("outer join with WHERE %s reads %d partitions", condition, got)
		}
	}
}

// TestChangesPay: what changes rows pays for whole partitions, what only
// inserts does not.
func TestChangesPay(t *testing.T) {
	connectortest.Long(t)
	d := open(t, bigquerytest.Config{})
	d.thousandDays()
	d.table("big", "ts", field("k", bigquery.StringFieldType), field("j", bigquery.JSONFieldType), field("ts", bigquery.TimestampFieldType))
	d.must("INSERT INTO d.big (k, ts) SELECT CAST(i AS STRING), TIMESTAMP '2026-01-01' FROM UNNEST(GENERATE_ARRAY(1, 100000)) AS i")
	d.must("INSERT INTO d.big (k, ts) SELECT CAST(i AS STRING), TIMESTAMP '2026-01-02' FROM UNNEST(GENERATE_ARRAY(1, 100000)) AS i")
	const bound = " AND T.ts >= TIMESTAMP '2026-01-01' AND T.ts < TIMESTAMP '2026-01-02'"
	merge := func(key, on string) bigquerytest.Statement {
		d.must("MERGE d.big AS T USING (SELECT '" + key + "' AS k, TIMESTAMP '2026-01-01' AS ts) AS S ON T.k = S.k" + on +
			" WHEN MATCHED THEN UPDATE SET k = S.k WHEN NOT MATCHED THEN INSERT (k, ts) VALUES (S.k, S.ts)")
		return d.last()
	}
	inserts, updates, everywhere := merge("new", bound), merge("5", bound), merge("6", " AND T.ts IS NOT NULL AND DATE(T.ts) = DATE '2026-01-01'")
	if inserts.BytesBilled != 10<<20 || inserts.PartitionsChanged != 1 || inserts.RowsChanged != 1 {
		t.Errorf("insert: %+v; want the minimum of 10 MB", inserts)
	}
	if whole := int64(100_001 * (24 + 256 + 8)); updates.BytesBilled != 10<<20+whole || updates.PartitionsChanged != 1 {
		t.Errorf("update: %d bytes, want 10 MB and %d", updates.BytesBilled, whole)
	}
	if everywhere.PartitionsRead["big"] != 2 || everywhere.BytesBilled <= updates.BytesBilled-(10<<20) {
		t.Errorf("update without bounds: %+v", everywhere)
	}
	d.must("SELECT * FROM d.big")
	all := d.last().BytesBilled
	d.must("SELECT COUNT(*) FROM d.big")
	if none := d.last().BytesBilled; all != 200_001*(24+256+8) || none != 10<<20 {
		t.Errorf("all columns are %d bytes, none %d", all, none)
	}
}

// TestTemporaryTablesPay: what a script puts aside costs like any table when it
// is read.
func TestTemporaryTablesPay(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.filled()
	d.must("CREATE TEMP TABLE x AS SELECT CAST(i AS STRING) AS s, i AS n FROM UNNEST(GENERATE_ARRAY(1, 1000000)) AS i;" +
		"SELECT COUNT(*) FROM x; SELECT s FROM x; SELECT s, n FROM x; SELECT x.n FROM x JOIN d.t ON t.n = x.n;" +
		"INSERT INTO x (n) VALUES (5); INSERT INTO x (n) SELECT n FROM d.t; UPDATE x SET s = '' WHERE n = 7; DROP TABLE x")
	const least, n, s = 10 << 20, 1_000_000 * 8, 1_000_000 * 24
	// An update reads two columns, and pays for all of the table beside that.
	want := []int64{0, least, s, s + n, 2 * least, 0, least, 2 * 1_000_003 * (24 + 8), 0}
	jobs := d.Jobs()
	statements := jobs[len(jobs)-1].Statements
	for i, statement := range statements {
		if statement.BytesBilled != want[i] {
			t.Errorf("%s: %d bytes, want %d", statement.Text, statement.BytesBilled, want[i])
		}
	}
	if len(statements) != len(want) || statements[1].BytesProcessed != 0 || statements[4].BytesProcessed != n+2*8 {
		t.Errorf("%+v", statements)
	}
}

// TestBytesOfScripts: a script is billed for its statements, but for the one
// that fails, and knows what it was billed for.
func TestBytesOfScripts(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.filled()
	const least = 10 << 20
	rows := d.must("DECLARE a, b INT64; SELECT k FROM d.t; SET a = @@script.bytes_billed;" +
		"IF (SELECT COUNT(*) FROM d.t) > 0 THEN UPDATE d.t SET n = @@script.bytes_billed WHERE k = 'a'; END IF;" +
		"SET b = (SELECT MAX(n) FROM d.t) - @@script.bytes_billed; SELECT a, b, @@script.bytes_billed AS c, @@script.job_id AS id")
	jobs := d.Jobs()
	last := jobs[len(jobs)-1]
	changed := int64(1 * (24 + 8 + 8)) // of the rows that the update changes: the whole partition has two
	if got := fmt.Sprint(rows); got != fmt.Sprintf("[[%d %d %d %s]]", least, 2*least-(3*least+2*changed), 4*least+2*changed, last.ID) {
		t.Errorf("%s", got)
	}
	if last.BytesBilled() != 4*least+2*changed {
		t.Errorf("%d bytes", last.BytesBilled())
	}
	if got := fmt.Sprint(d.must("SELECT @@script.bytes_billed, @@script.job_id")); got != "[[<nil> <nil>]]" {
		t.Errorf("outside scripts %s, want NULL", got)
	}
	for query, billed := range map[string]int64{
		"SELECT k FROM d.t":             least,
		"SELECT DIV(1, n - n) FROM d.t": 0,
		"SELECT k FROM d.t; SELECT n FROM d.t; SELECT DIV(1, n - n) FROM d.t; SELECT k FROM d.t": 2 * least,
		"DECLARE x INT64; SELECT k FROM d.t; SET x = (SELECT DIV(1, n - n) FROM d.t);":           least,
		"BEGIN TRANSACTION; DELETE FROM d.t WHERE k = 'a'; RAISE USING MESSAGE = 'no'":           least + 2*changed,
		"SELECT k FROM d.t; IF (SELECT COUNT(*) FROM d.t) > 0 THEN SELECT nope FROM d.t; END IF": 2 * least,
	} {
		_, err := d.try(t.Context(), d.query(query))
		jobs := d.Jobs()
		job, failed := d.client.JobFromID(t.Context(), jobs[len(jobs)-1].ID)
		if failed != nil {
			t.Fatal(failed)
		}
		details := job.LastStatus().Statistics.Details.(*bigquery.QueryStatistics)
		if details.TotalBytesBilled != billed || jobs[len(jobs)-1].BytesBilled() != billed || (details.TotalBytesProcessed > 0) != (billed > 0) {
			t.Errorf("%s: %v; %d bytes billed, want %d; %d processed", query, err, details.TotalBytesBilled, billed, details.TotalBytesProcessed)
		}
	}
}

// TestByteCap: a job, or each of its statements, has a limit.
func TestByteCap(t *testing.T) {
	for _, scripts := range []bool{false, true} {
		d := open(t, bigquerytest.Config{CapScripts: scripts})
		d.filled()
		q := d.query("SELECT k FROM d.t")
		q.MaxBytesBilled = 1000
		_, err := d.try(t.Context(), q)
		if reason, text := reasonOf(err); reason != "bytesBilledLimitExceeded" || text != "Query exceeded limit for bytes billed: 1000. 10485760 or higher required." {
			t.Errorf("%v", err)
		}
		q = d.query("UPDATE d.t SET n = 3 WHERE TRUE; UPDATE d.t SET n = 4 WHERE TRUE;")
		q.MaxBytesBilled = 12 << 20
		if _, err := d.try(t.Context(), q); (err != nil) != scripts {
			t.Errorf("two statements below the limit, capped as a script: %v; %v", scripts, err)
		}
		job := d.Jobs()[len(d.Jobs())-1]
		if scripts == (job.Error == nil) || job.MaximumBytesBilled != 12<<20 || !scripts && job.BytesBilled() < 20<<20 {
			t.Errorf("%+v", job)
		}
		if got := fmt.Sprint(d.count("SELECT MAX(n) FROM d.t")); got != map[bool]string{true: "3", false: "4"}[scripts] {
			t.Errorf("n is %s", got)
		}
	}
}
