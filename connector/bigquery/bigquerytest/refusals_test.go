//go:build cgo

package bigquerytest_test

import (
	"strings"
	"testing"

	"cloud.google.com/go/bigquery"

	"vitalsink/connector/bigquery/bigquerytest"
)

// refusal is a query that BigQuery does not run, and what it says.
type refusal struct{ name, query, reason, text string }

var refusals = []refusal{
	{"cast of DuckDB", "SELECT '1'::INT64", "invalidQuery", `Unexpected ":"`},
	{"positional parameter", "SELECT ? FROM d.t WHERE k = @p", "invalidQuery", "Positional parameters"},
	{"division of DuckDB", "SELECT 3 // 2", "invalidQuery", `Unexpected "/"`},
	{"two equal signs", "SELECT 1 == 1", "invalidQuery", `Unexpected "="`},
	{"lambda", "SELECT x -> 1 FROM d.t", "invalidQuery", `Unexpected ">"`},
	{"dollar", "SELECT $1", "invalidQuery", "Illegal input character"},
	{"keyword of DuckDB", "SELECT k FROM d.t WHERE k ILIKE 'a'", "invalidQuery", "Syntax error"},
	{"DISTINCT ON", "SELECT DISTINCT ON (k) k FROM d.t", "invalidQuery", ""},
	{"FROM first", "FROM d.t SELECT k", "invalidQuery", "Unexpected keyword FROM"},
	{"SELECT with EXCLUDE", "SELECT * EXCLUDE (k) FROM d.t", "invalidQuery", "Unexpected keyword EXCLUDE"},
	{"RETURNING", "DELETE FROM d.t WHERE TRUE RETURNING k", "invalidQuery", "Syntax error"},
	{"reserved word", "SELECT rows FROM d.t", "invalidQuery", "Unexpected keyword ROWS"},
	{"function of DuckDB", "SELECT list_sort(['b'])", "invalidQuery", "Function not found: list_sort"},
	{"epoch_us", "SELECT epoch_us(ts) FROM d.t", "invalidQuery", "Function not found: epoch_us"},
	{"type of DuckDB", "SELECT CAST(k AS VARCHAR) FROM d.t", "invalidQuery", "Type not found: VARCHAR"},
	{"double quotes are a string", `SELECT "k" + 1 FROM d.t`, "invalidQuery", ""},
	{"column", "SELECT nope FROM d.t", "invalidQuery", "Unrecognized name: nope"},
	{"column of alias", "SELECT T.nope FROM d.t AS T", "invalidQuery", "nope"},
	{"table", "SELECT 1 FROM `p.d.nope`", "notFound", "Not found: Table p:d.nope was not found in location US"},
	{"dataset", "SELECT 1 FROM nope.t", "notFound", "Not found: Dataset p:nope was not found in location US"},
	{"table without dataset", "SELECT 1 FROM t", "invalidQuery", "must be qualified with a dataset"},
	{"parameter", "SELECT @nope", "invalidQuery", "Query parameter 'nope' not found"},
	{"distinct arrays", "SELECT DISTINCT tags FROM d.all", "invalidQuery", "ARRAY<STRING>"},
	{"distinct arrays within", "SELECT COUNT(*) FROM (SELECT DISTINCT tags FROM d.all)", "invalidQuery", "ARRAY<STRING>"},
	{"distinct everything", "SELECT DISTINCT * FROM d.all", "invalidQuery", "cannot be used in SELECT DISTINCT"},
	{"grouping by JSON", "SELECT j, COUNT(*) FROM d.all GROUP BY j", "invalidQuery", "JSON"},
	{"partition by array", "SELECT ROW_NUMBER() OVER (PARTITION BY T.tags ORDER BY T.k) FROM d.all AS T", "invalidQuery", "ARRAY<STRING>"},
	{"comparing JSON", "SELECT 1 FROM d.all AS a JOIN d.all AS b ON a.j = b.j", "invalidQuery", "JSON"},
	{"required column", "INSERT INTO d.all (k, n) VALUES (NULL, 1)", "invalidQuery", "Required field k cannot be null"},
	{"required column left out", "INSERT INTO d.all (n) VALUES (1)", "invalidQuery", "Required field k cannot be null"},
	{"update without where", "UPDATE d.t SET n = 1", "invalidQuery", "UPDATE must have a WHERE clause"},
	{"delete without where", "DELETE FROM d.t", "invalidQuery", "DELETE must have a WHERE clause"},
	{"unknown column in INSERT", "INSERT INTO d.t (nope) VALUES (1)", "invalidQuery", "Column nope is not present"},
	{"unknown column in UPDATE", "UPDATE d.t SET nope = 1 WHERE TRUE", "invalidQuery", "Unrecognized name: nope"},
	{"late DECLARE", "SELECT 1; DECLARE x INT64 DEFAULT 0;", "invalidQuery", "only at the start"},
	{"undeclared variable", "DECLARE x INT64; SET y = 1;", "invalidQuery", "Undeclared variable: y"},
	{"timestamp", "SELECT TIMESTAMP '10000-01-01'", "invalidQuery", "Invalid TIMESTAMP literal"},
	{"timestamp with a bad day", "SELECT TIMESTAMP '2026-02-30'", "invalidQuery", "Invalid TIMESTAMP literal"},
	{"computed timestamp", "SELECT TIMESTAMP_ADD(TIMESTAMP '9999-12-31', INTERVAL 2 DAY)", "invalidQuery", "out of allowed range"},
	{"DDL in a transaction", "BEGIN TRANSACTION; CREATE TABLE d.x AS SELECT 1 AS a; COMMIT TRANSACTION;", "invalidQuery", "not supported in a transaction"},
	{"DROP in a transaction", "BEGIN TRANSACTION; DROP TABLE d.t; COMMIT TRANSACTION;", "invalidQuery", "not supported in a transaction"},
	{"two transactions", "BEGIN TRANSACTION; BEGIN TRANSACTION;", "invalidQuery", "already in progress"},
	{"no transaction", "COMMIT TRANSACTION;", "invalidQuery", "no transaction"},
	{"raise", "SELECT 1;\n  RAISE USING MESSAGE = CONCAT('a ', 'b');", "invalidQuery", "Query error: a b at [2:3]"},
	{"update twice", "UPDATE d.t SET n = S.n FROM (SELECT 'a' AS k, 1 AS n UNION ALL SELECT 'a', 2) AS S WHERE t.k = S.k", "invalidQuery", "must match at most one source row"},
	{"merge twice", "MERGE d.t AS T USING (SELECT 'a' AS k, 1 AS n UNION ALL SELECT 'a', 2) AS S ON T.k = S.k WHEN MATCHED THEN UPDATE SET n = S.n", "invalidQuery", "UPDATE/MERGE must match at most one source row for each target row"},
	{"duplicate columns", "SELECT k, k FROM d.t", "invalidQuery", "Duplicate column names"},
	{"subquery of two rows", "DECLARE x INT64; SET x = (SELECT n FROM d.t UNION ALL SELECT 1);", "invalidQuery", ""},
	{"changing a view", "DELETE FROM d.v WHERE TRUE", "invalidQuery", "VIEW"},
	{"unclosed string", "SELECT 'a", "invalidQuery", "Unclosed string literal"},
	{"bad escape", `SELECT '\q'`, "invalidQuery", "Invalid escape sequence"},
	{"integer", "SELECT 9223372036854775808", "invalidQuery", "Invalid integer literal"},
	{"division by zero", "SELECT DIV(1, 0)", "invalidQuery", "division by zero"},
	{"empty", " -- nothing", "invalidQuery", "Unexpected end"},
	{"loops are not there", "LOOP SELECT 1; END LOOP;", "notImplemented", "not part of it"},
	{"structs are not there", "SELECT STRUCT(1 AS a)", "notImplemented", "not part of it"},
}

func TestRefusals(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.keyed("ts")
	d.table("all", "", &bigquery.FieldSchema{Name: "k", Type: bigquery.StringFieldType, Required: true}, field("n", bigquery.IntegerFieldType),
		field("j", bigquery.JSONFieldType), &bigquery.FieldSchema{Name: "tags", Type: bigquery.StringFieldType, Repeated: true})
	if err := d.client.Dataset("d").Table("v").Create(t.Context(), &bigquery.TableMetadata{ViewQuery: "SELECT k FROM `p.d.t`"}); err != nil {
		t.Fatal(err)
	}
	d.must("INSERT INTO d.t (k, n, ts) VALUES ('a', 1, TIMESTAMP '2026-01-01')")
	before := d.must("SELECT k, n, ts FROM d.t")
	for _, r := range refusals {
		t.Run(r.name, func(t *testing.T) {
			q := d.query(r.query)
			if strings.Contains(r.query, "@p") {
				q.Parameters = []bigquery.QueryParameter{{Name: "p", Value: "a"}}
			}
			rows, err := d.try(t.Context(), q)
			reason, text := reasonOf(err)
			if reason != r.reason || !strings.Contains(text, r.text) {
				t.Errorf("%v, %v; want %s: … %s …", rows, err, r.reason, r.text)
			}
		})
	}
	if after := d.must("SELECT k, n, ts FROM d.t"); len(after) != 1 || after[0][1] != before[0][1] {
		t.Errorf("after all of them the table is %v, was %v", after, before)
	}
}

// TestTooMuch: what is refused for its size.
func TestTooMuch(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.keyed("ts")
	days := func(from, n string) string {
		return "SELECT 'a', 1, TIMESTAMP_ADD(TIMESTAMP '1990-01-01', INTERVAL i DAY) FROM UNNEST(GENERATE_ARRAY(" + from + ", " + n + ")) AS i"
	}
	_, err := d.try(t.Context(), d.query("INSERT INTO d.t (k, n, ts) "+days("1", "4001")))
	if reason, text := reasonOf(err); reason != "quotaExceeded" || !strings.Contains(text, "allowed 4000") {
		t.Errorf("4,001 partitions in one statement: %v", err)
	}
	d.must("INSERT INTO d.t (k, n, ts) " + days("1", "4000"))
	d.must("INSERT INTO d.t (k, n, ts) " + days("4001", "8000"))
	if _, err = d.try(t.Context(), d.query("UPDATE d.t SET n = 2 WHERE TRUE")); err == nil || !strings.Contains(err.Error(), "allowed 4000") {
		t.Errorf("update of 8,000 partitions: %v", err)
	}
	d.must("INSERT INTO d.t (k, n, ts) " + days("8001", "10000"))
	if _, err = d.try(t.Context(), d.query("INSERT INTO d.t (k, n, ts) "+days("10001", "10001"))); err == nil || !strings.Contains(err.Error(), "partitions") {
		t.Errorf("10,001 partitions in a table: %v", err)
	}
	if n := d.count("SELECT COUNT(*) FROM d.t"); n != 10_000 {
		t.Errorf("%d rows, want 10,000: what is refused leaves nothing behind", n)
	}
	_, err = d.try(t.Context(), d.query("SELECT '"+strings.Repeat("x", 1<<20)+"'"))
	if reason, text := reasonOf(err); reason != "invalidQuery" || !strings.Contains(text, "too large") {
		t.Errorf("a query of 1 MB: %v", err)
	}
}
