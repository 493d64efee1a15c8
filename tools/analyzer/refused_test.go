package analyzer

import (
	"regexp"
	"strings"
	"testing"
)

// edit is a golden statement in which old became new.
type edit struct {
	name, file, old, new string
	want                 string // in the error: the culprit
}

// text applies the edit once, to the first place.
func (e edit) text(t *testing.T) string {
	t.Helper()
	text := readGolden(t, e.file)
	if !strings.Contains(text, e.old) {
		t.Fatalf("%s does not contain %q any more", e.file, e.old)
	}
	return strings.Replace(text, e.old, e.new, 1)
}

const (
	view    = "view_heartrate.sql"
	pending = "pending.sql"
	landed  = "landed_sleep.sql"
	fill    = "fill_fence_sleep.sql"
	probe   = "probe_sleep.sql"
	merge   = "merge_update_sleep.sql"
)

var refused = []edit{
	{"column of a view", view, "`value`", "`valeu`", "valeu"},
	{"column of a table", pending, "lane, catalogue_version", "lain, catalogue_version", "lain"},
	{"column of a condition", landed, "table_name =", "table_label =", "table_label"},
	{"column of a common table", probe, "S.`user_id`", "S.`usr_id`", "usr_id"},
	{"column of the log", merge, "_batch_id IN", "_batch IN", "_batch"},
	{"column of a temp table", merge, "SUM(_versions)", "SUM(_copies)", "_copies"},
	{"column read in the update arm", merge, "= S.`score`", "= S.`scroe`", "scroe"},
	{"column written in the update arm", merge, " `score` = S", " `scroe` = S", "scroe"},
	{"column of the insert list", merge, "(merge_id,", "(merge_ids,", "merge_ids"},
	{"column of a temp table's insert list", merge, "INTO staged (`user_id`", "INTO staged (`usr_id`", "usr_id"},
	{"column that only the log has", view, "`value`", "`_batch_id`", "_batch_id"},
	{"column in an arm", merge, "END IF;", "ELSE SELECT nope; END IF;", "nope"},
	{"column in another arm", merge, "END IF;", "ELSEIF TRUE THEN SELECT nope; END IF;", "nope"},
	{"column in another condition", merge, "END IF;", "ELSEIF nope THEN SELECT 1; END IF;", "nope"},

	{"table", view, "timeseries`", "timeserie`", "timeserie"},
	{"table without its dataset", landed, "`project.health_store.merges`", "merges", "merges"},
	{"fence of an append-only table", fill, "sleep_fence`", "merges_fence`", "merges_fence"},
	{"temp table", merge, "FROM source AS S", "FROM sources AS S", "sources"},
	{"temp table, before it is made", merge, "BEGIN TRANSACTION;", "SELECT 1 FROM staged;", "staged"},
	{"temp table, made twice", merge, "CREATE TEMP TABLE staged", "CREATE TEMP TABLE source", "source is declared twice"},
	{"table that stays", merge, "CREATE TEMP TABLE source", "CREATE TABLE source", "not TEMP"},

	{"version and text", merge, "S._version > T._version", "S._version > 'newer'", "BYTES, STRING"},
	{"days and text", pending, "WHERE TRUE", "WHERE days = '2026-11-22'", "ARRAY<DATE>"},
	{"time and number", landed, "merged_at >=", "merged_at >= 1 AND merged_at >=", "TIMESTAMP, INT64"},
	{"time and text expression", landed, "merged_at >=", "merged_at >= job_id AND merged_at >=", "TIMESTAMP, STRING"},
	{"text in a column of numbers", merge, "stale, erased, @estimated", "stale, 'none', @estimated", "STRING"},
	{"column of another type in the update arm", merge, "= S.`score`", "= S.`state`", "STRING"},
	{"column of another type in the insert", fill, "SELECT 0", "SELECT TRUE", "BOOL"},
	{"JSON compared", merge, "S._version > T._version THEN", "S._extra = T._extra THEN", "JSON"},
	{"arrays compared", merge, "id IN UNNEST(@ids)", "m.batch_ids = @ids", "ARRAY<STRING>"},
	{"JSON grouped", probe, "GROUP BY", "GROUP BY _extra, ", "JSON"},
	{"time with nanoseconds", landed, ".123456+00", ".123456789+00", "Invalid TIMESTAMP literal"},

	{"variable", merge, "found != applied", "found != taken", "taken"},
	{"variable that is set", merge, "SET applied", "SET taken", "undeclared variable taken"},
	{"variable of several that are set", merge, "SET (found,", "SET (fond,", "undeclared variable fond"},
	{"variable declared twice", merge, "DECLARE found,", "DECLARE found, FOUND,", "declared twice"},
	{"type of a variable", merge, " INT64 DEFAULT", " HUGEINT DEFAULT", "HUGEINT"},
	{"variable declared late", merge, "BEGIN TRANSACTION;", "BEGIN TRANSACTION; DECLARE late INT64;", "only allowed at the start"},
	{"variable declared in an arm", merge, "THEN\n", "THEN DECLARE late INT64;\n", "only allowed at the start"},
	{"variable of the last query", merge, "stale AS stale", "old AS stale", "Unrecognized name: old"},
	{"variable's default", merge, "DEFAULT 0", "DEFAULT 'none'", "STRING"},
	{"variable set to text", merge, "SET applied = applied + @@row_count", "SET applied = 'all'", "set applied"},
	{"variables set to fewer fields", merge, "SET (found, superseded, stale)", "SET (found, superseded)", "2 variables are set to 3 fields"},
	{"variables set to a text", merge, "COUNTIF(_state = 'stale')", "MAX(_state)", "set stale"},
	{"variables set to no struct", merge, "BEGIN TRANSACTION;", "SET (found, stale) = 1;", "not a STRUCT"},
	{"variables set to three columns", merge, "SELECT AS STRUCT", "SELECT", "more than one column"},
	{"variable that is its own default", merge, "DEFAULT 0", "DEFAULT stale", "Unrecognized name: stale"},
	{"variable without a type", merge, " INT64 DEFAULT", " DEFAULT", "without a type"},
	{"condition", merge, "IF found != @registered", "IF @registered", "INT64 where BOOL is expected"},
	{"message", merge, "MESSAGE = 'vitalsink: another fold was faster'", "MESSAGE = @fence", "INT64 where STRING is expected"},
	{"no message", merge, "RAISE USING MESSAGE = 'vitalsink: another fold was faster'", "RAISE", "without a message"},

	{"parameter", merge, "@fence", "@fense", "fense"},
	{"parameter of a condition", merge, "!= @registered", "!= @registred", "registred"},
	{"parameter of another type", merge, "UNNEST(@ids)", "UNNEST(@job_id)", "STRING"},
	{"system variable", merge, "@@row_count", "@@rows", "rows"},
	{"function", merge, "COUNTIF", "COUNT_IF", "COUNT_IF"},
	{"kind of statement", merge, "COMMIT TRANSACTION", "EXECUTE IMMEDIATE 'COMMIT'", "ExecuteImmediateStatement"},

	{"quotes around a column", view, "NOT _deleted", `NOT "_deleted"`, "STRING"},
	{"quotes around a column with its table", probe, "S.`user_id`", `S."user_id"`, `"user_id"`},
	{"quotes in the insert list", fill, "(n)", `("n")`, `"n"`},
	{"quotes around an alias", probe, "AS day", `AS "day"`, `"day"`},
	{"EXCLUDE", merge, "SELECT * FROM staged", "SELECT * EXCLUDE (_versions) FROM staged", "EXCLUDE"},
	{"::", fill, "SELECT 0", "SELECT 0::INT64", `":"`},
	{"ON CONFLICT", fill, "_fence`)", "_fence`) ON CONFLICT DO NOTHING", "keyword ON"},
	{"RETURNING", merge, "WHERE n = @fence", "WHERE n = @fence RETURNING n", "RETURNING"},
	{"THEN RETURN", merge, "WHERE n = @fence", "WHERE n = @fence THEN RETURN n", "THEN RETURN"},
	{"FOR UPDATE", landed, "job_id = @job_id", "job_id = @job_id FOR UPDATE", "FOR UPDATE"},
	{"FILTER", landed, "COUNT(*)", "COUNT(*) FILTER (WHERE TRUE)", `"("`},
	{"lambda", pending, "WHERE TRUE", "WHERE ARRAY_LENGTH(ARRAY_FILTER(days, d -> TRUE)) > 0", "ambda"},
	{"ARRAY_MAX", pending, "WHERE TRUE", "WHERE ARRAY_MAX(days) > '2026-11-22'", "ARRAY_MAX"},
	{"FLOAT32", fill, "SELECT 0", "SELECT CAST(CAST(0 AS FLOAT32) AS INT64)", "FLOAT32"},
	{"arg_max", landed, "COUNT(*)", "arg_max(merge_id, merged_at)", "arg_max"},
}

var place = regexp.MustCompile(`\[at \d+:\d+\]$`)

// TestRefused: what BigQuery refuses is refused, and the culprit is named. Each
// case is a golden statement with one mistake.
func TestRefused(t *testing.T) {
	for _, e := range refused {
		t.Run(e.name, func(t *testing.T) {
			err := newAnalyzer(t).Check(e.text(t))
			if err == nil {
				t.Fatal("passed")
			}
			if !strings.Contains(err.Error(), e.want) || !place.MatchString(err.Error()) {
				t.Errorf("error %q, want one about %q with its place", err, e.want)
			}
		})
	}
}

// TestAccepted: what no golden statement has today, and the walk knows.
func TestAccepted(t *testing.T) {
	for _, e := range []edit{
		{"system variables", merge, "applied + @@row_count", "LENGTH(@@script.job_id) + @@script.bytes_billed", ""},
		{"ELSEIF and ELSE", merge, "END IF;", "ELSEIF found = 0 THEN ROLLBACK; ELSE SELECT 1; END IF;", ""},
		{"NULL as a default", merge, "BEGIN TRANSACTION;", "DECLARE why STRING DEFAULT NULL; DECLARE now TIMESTAMP DEFAULT '2026-11-22'; BEGIN TRANSACTION;", ""},
		{"a column before the variable of its name", merge, "DECLARE found,", "DECLARE _version INT64; DECLARE found,", ""},
	} {
		t.Run(e.name, func(t *testing.T) {
			if err := newAnalyzer(t).Check(e.text(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRefusedView: a view has no parameters, no script and no temp tables.
func TestRefusedView(t *testing.T) {
	for _, tt := range []struct{ query, want string }{
		{"SELECT @fence AS n", "fence"},
		{"SELECT @@row_count AS n", "row_count"},
		{"SELECT 1 AS n; SELECT 2 AS n", "end of input"},
		{"COMMIT", "query"},
	} {
		if _, err := newAnalyzer(t).ViewColumns(tt.query); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one about %q", tt.query, err, tt.want)
		}
	}
}
