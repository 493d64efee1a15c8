//go:build cgo

package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vitalsink/connector/duckdb"
	"vitalsink/schemas"
)

const dictionary = "../../../docs/tables.md"

// TestDictionary: docs/tables.md is what the catalogue says, and every example
// in it runs on a file that the generator has filled, and finds something
// where there is something.
func TestDictionary(t *testing.T) {
	catalogue := mustCatalogue(t)
	want := dictionaryOf(catalogue)
	if *update {
		if err := os.WriteFile(dictionary, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile(dictionary)
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != want {
		t.Error("docs/tables.md is not the catalogue's; write it anew with: go test ./connector/cmd/vitalsink -run TestDictionary -update")
	}
	file := filled(t)
	reader, err := duckdb.OpenReadOnly(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	rows := func(statement string) int {
		t.Helper()
		var out strings.Builder
		if err := runQuery(t.Context(), reader, statement, "json", &out); err != nil {
			t.Fatalf("%v\n%s", err, statement)
		}
		return strings.Count(out.String(), "\n")
	}
	for _, v := range catalogue.Views() {
		t.Run(v.Name, func(t *testing.T) {
			found := rows(demoQuery{statement: exampleOf(v)}.inDuckDB())
			if found == 0 && rows("SELECT 1 FROM "+v.Name+" LIMIT 1") > 0 {
				t.Error("the example finds nothing, though there are rows")
			}
		})
	}
}

// filled is a DuckDB file with what the generator tells of two people.
func filled(t *testing.T) string {
	t.Helper()
	messages, _ := generated(t, "--users", "2", "--days", "3", "--bad", "0.01")
	file := filepath.Join(t.TempDir(), "filled.duckdb")
	var out, errs strings.Builder
	if code := execute(t.Context(), []string{"load", "--warehouse", "duckdb://" + file, messages}, streams{nil, &out, &errs}); code != exitDone && code != exitAttention {
		t.Fatalf("load exited with %d: %s", code, errs.String())
	}
	return file
}

// dictionaryOf is the page.
func dictionaryOf(c *schemas.Catalogue) string {
	var b strings.Builder
	fmt.Fprintf(&b, dictionaryHead, c.Version)
	b.WriteString("\n## All tables\n\n| table | a row |\n|---|---|\n")
	for _, t := range c.Tables {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s |\n", t.Name, t.Name, t.Description)
	}
	b.WriteString("\nEvery versioned table ends with\n\n")
	writeColumns(&b, c.VersionColumns)
	b.WriteString("\nand its log has behind these\n\n")
	writeColumns(&b, c.LogColumns)
	for _, t := range c.Tables {
		writeTable(&b, c, t)
	}
	writeSeries(&b, c.Table(schemas.TimeseriesTable))
	return b.String()
}

const dictionaryHead = `<!-- Written by a test: go test ./connector/cmd/vitalsink -run TestDictionary -update -->

# The tables

Every table, column and view, as the catalogue (` + "`schemas/*.yaml`, version %d" + `) has them. What the words mean is in
[concepts.md](concepts.md), what people ask first in [faq.md](faq.md).

* **Query the views.** In BigQuery they are in the dataset ` + "`health`" + ` (or however you called it), the tables behind them, with their logs
  and tombstones, in ` + "`health_store`" + `. In a DuckDB file that is ` + "`main` and `store`" + `: leave ` + "`health.`" + ` out, and each example below runs there, too.
* **NULL** means that nobody said it: the source does not measure it, or left it out. It is never zero. A value that does not fit its
  column is NULL there and stands, as it came, in ` + "`_extra`" + `. Where a column is never NULL, what stands for nothing is in its description.
* **Units** are those that Junction documents for the column, whatever provider a value came from; nothing is converted here. Of series
  each row says, too, what unit its event named.
* **Times** are UTC. A ` + "`timezone_offset`" + ` is in seconds, east positive; [local days](faq.md#how-do-i-get-local-days) need it.
* **The latest version of a row** is the one with the greatest ` + "`_version`" + `. ` + "`created_at`" + ` of a summary is the earliest that any version said.
* BigQuery reads whole days: bound the column that a table is partitioned by. ` + "`timeseries`" + ` and its views demand it, if
  ` + "`require_partition_filter`" + ` is on, as Terraform sets it.
* Types are GoogleSQL's. In DuckDB STRING is VARCHAR, BYTES BLOB, INT64 BIGINT, FLOAT64 DOUBLE, BOOL BOOLEAN, TIMESTAMP TIMESTAMPTZ,
  and an ARRAY a list.
`

func writeTable(b *strings.Builder, c *schemas.Catalogue, t *schemas.Table) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n", t.Name, t.Description)
	fmt.Fprintf(b, "* **Key**: %s\n", cmp.Or(coded(t.Key), "none"))
	fmt.Fprintf(b, "* **Version**: %s\n", versionOf(t))
	fmt.Fprintf(b, "* **Partition**: %s\n* **Clustered by**: %s\n", partitionOf(t), coded(t.Cluster))
	if len(t.Events) > 0 {
		fmt.Fprintf(b, "* **From**: events `%s`\n", strings.Join(t.Events, "`, `"))
	}
	if t.Kind == schemas.Versioned {
		fmt.Fprintf(b, "* **Log**: `health_store.%s_log`, every version that came, by the hour of `_appended_at`, clustered by `_batch_id`\n", t.Name)
		fmt.Fprintf(b, "* **View**: `health.%s`, the rows of `health_store.%s` with `_deleted = FALSE`", t.Name, t.Name)
	} else {
		fmt.Fprintf(b, "* **View**: `health.%s`, all rows of `health_store.%s`", t.Name, t.Name)
	}
	if len(t.Hidden) > 0 {
		fmt.Fprintf(b, ", all columns but %s", coded(t.Hidden))
	}
	b.WriteString("\n\n")
	own := t.Columns
	if t.Kind == schemas.Versioned {
		own = own[:len(own)-len(c.VersionColumns)]
	}
	writeColumns(b, own)
	fmt.Fprintf(b, "\n```sql\n%s\n```\n", exampleOf(t.Views()[0]))
}

func writeColumns(b *strings.Builder, columns []schemas.Column) {
	b.WriteString("| column | type | unit | NULL | what it is |\n|---|---|---|---|---|\n")
	for _, c := range columns {
		kind, null := string(c.Type), "yes"
		if c.Repeated {
			kind, null = "ARRAY<"+kind+">", "never, but empty"
		}
		if c.Required {
			null = "never"
			if c.Default != nil {
				null = fmt.Sprintf("never: `'%s'` if absent", *c.Default)
			}
		}
		about := c.Description
		if c.Deprecated {
			about += " Deprecated by Junction."
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", c.Name, kind, c.Unit, null, strings.ReplaceAll(about, "|", `\|`))
	}
}

// writeSeries is the part about the views of timeseries.
func writeSeries(b *strings.Builder, t *schemas.Table) {
	b.WriteString("\n# The series\n\nEach is a view of `timeseries`: the rows of one `resource` that are not deleted, with just the columns that apply.\n")
	for _, v := range t.Views()[1:] {
		r, _ := t.Resource(v.Resource)
		fmt.Fprintf(b, "\n## %s\n\n%s Unit: %s.", v.Name, strings.TrimSuffix(v.Description, ".")+".", r.Unit)
		if r.Deprecated {
			b.WriteString(" Deprecated by Junction.")
		}
		if r.Discriminator != "" {
			fmt.Fprintf(b, " Samples of one moment differ by `%s`.", r.Discriminator)
		}
		if len(r.Aliases) > 0 {
			fmt.Fprintf(b, " Earlier called %s.", coded(r.Aliases))
		}
		fmt.Fprintf(b, "\n\nWhere `resource = '%s'`; columns: %s.\n\n```sql\n%s\n```\n", v.Resource, coded(v.Columns), exampleOf(v))
	}
}

// coded are names, set as such.
func coded(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "`" + strings.Join(names, "`, `") + "`"
}

func versionOf(t *schemas.Table) string {
	switch {
	case t.Kind == schemas.AppendOnly:
		return "none: a row is written once and never changed"
	case t.StickyColumn() != "":
		return "the row with the greatest `_version` stays, whole; but `" + t.StickyColumn() + "` is the least of all versions"
	}
	return "the row with the greatest `_version` stays, whole"
}

func partitionOf(t *schemas.Table) string {
	if t.Partition == nil {
		return "none"
	}
	return "UTC day of `" + t.Partition.Column + "`"
}

// exampleOf is a statement that somebody would ask of a view, in GoogleSQL;
// without the dataset it is DuckDB's, too.
func exampleOf(v schemas.View) string {
	if v.Resource != "" {
		r, _ := v.Table.Resource(v.Resource)
		return exampleOfSeries(v, r)
	}
	if text, ok := examples[v.Name]; ok {
		return text
	}
	return "SELECT " + strings.Join(v.Columns[:min(5, len(v.Columns))], ", ") + "\nFROM health." + v.Name + "\nLIMIT 5"
}

// exampleOfSeries adds up what can be added, else tells between what the
// values were; what are no amounts it lists.
func exampleOfSeries(v schemas.View, r *schemas.Resource) string {
	of := "user_id, provider, source_type"
	if slices.Contains([]string{"type", "workout_id"}, r.Discriminator) {
		of += ", " + r.Discriminator
	}
	var what string
	switch {
	case r.Shape == schemas.BloodPressure:
		return "SELECT user_id, timestamp, systolic, diastolic, unit" + fromNewest(v.Name)
	case r.Shape == schemas.Text:
		return "SELECT user_id, timestamp, value_text" + fromNewest(v.Name)
	case r.Unit == "stage":
		return "SELECT user_id, start_time, end_time, value" + fromNewest(v.Name)
	case r.Shape == schemas.Interval && slices.Contains(amounts, r.Unit) && r.Name != "heart_rate_recovery_one_minute":
		what = "SUM(value) AS total"
	default:
		what = "MIN(value) AS lowest, AVG(value) AS average, MAX(value) AS highest"
	}
	return fmt.Sprintf(`SELECT %s, CAST(timestamp AS DATE) AS day, unit, %s
FROM health.%s
WHERE timestamp >= TIMESTAMP '2026-01-01'
GROUP BY ALL
ORDER BY day DESC, user_id
LIMIT 5`, of, what, v.Name)
}

// amounts are the units of what can be added up over a day.
var amounts = []string{"kcal", "count", "g", "m", "min", "ml", "unit"}

func fromNewest(view string) string {
	return "\nFROM health." + view + "\nWHERE timestamp >= TIMESTAMP '2026-01-01'\nORDER BY timestamp DESC\nLIMIT 5"
}

// examples are those of tables' own views.
var examples = map[string]string{
	"activity": `SELECT user_id, calendar_date, source_provider, steps, calories_active, round(distance / 1000, 1) AS km
FROM health.activity
WHERE calendar_date >= '2026-01-01'
ORDER BY calendar_date DESC, user_id
LIMIT 5`,
	"batches": `SELECT table_name, lane, COUNT(*) AS batches, SUM(rows_decoded) AS decoded, SUM(rows_quarantined) AS refused
FROM (SELECT DISTINCT batch_id, table_name, lane, rows_decoded, rows_quarantined FROM health.batches) AS b
GROUP BY ALL
ORDER BY decoded DESC`,
	"body": `SELECT user_id, calendar_date, weight, fat
FROM health.body
WHERE weight IS NOT NULL
ORDER BY calendar_date DESC, user_id
LIMIT 5`,
	"connections": `SELECT provider, event_type, COUNT(*) AS users
FROM health.connections
GROUP BY ALL
ORDER BY users DESC`,
	"devices": `SELECT device_manufacturer, device_model, COUNT(DISTINCT user_id) AS users
FROM health.devices
GROUP BY ALL
ORDER BY users DESC`,
	"electrocardiogram": `SELECT classification, COUNT(*) AS recordings, AVG(heart_rate_mean) AS bpm
FROM health.electrocardiogram
GROUP BY ALL`,
	"erasures": `SELECT erasure_id, MIN(recorded_at) AS begun, SUM(rows_removed) AS removed, MAX(gone_at) AS gone_at
FROM (SELECT DISTINCT erasure_id, entry, recorded_at, table_name, rows_removed, gone_at FROM health.erasures) AS e
GROUP BY ALL`,
	"events": `SELECT event_type, COUNT(*) AS events, MAX(_version_at) AS newest
FROM health.events
GROUP BY ALL
ORDER BY events DESC`,
	"fetches": `SELECT resource, outcome, COUNT(*) AS answers
FROM health.fetches
GROUP BY ALL`,
	"historical_pulls": `SELECT resource, provider, COUNT(*) AS pulls, MIN(start_date) AS earliest
FROM health.historical_pulls
GROUP BY ALL
ORDER BY pulls DESC`,
	"meal": `SELECT user_id, calendar_date, name, energy_value, energy_unit, macros_carbs, macros_protein
FROM health.meal
ORDER BY calendar_date DESC, user_id
LIMIT 5`,
	"menstrual_cycle": `SELECT user_id, period_start, period_end, cycle_end
FROM health.menstrual_cycle
ORDER BY period_start DESC`,
	"merges": `SELECT table_name, COUNT(*) AS merges, SUM(rows_applied) AS applied, SUM(rows_superseded) AS superseded, SUM(rows_stale) AS stale
FROM health.merges
GROUP BY ALL
ORDER BY applied DESC`,
	"profile": `SELECT source_provider, sex, COUNT(*) AS people, AVG(height) AS height
FROM health.profile
GROUP BY ALL
ORDER BY people DESC`,
	"quarantine": `SELECT reason, json_path, detail, COUNT(*) AS times
FROM health.quarantine
GROUP BY ALL
ORDER BY times DESC`,
	"reconciliations": `SELECT run_id, check_name, resource, day, SUM(drift) AS drift
FROM (SELECT DISTINCT run_id, part, check_name, table_name, resource, provider, day, drift FROM health.reconciliations) AS r
GROUP BY ALL
ORDER BY drift DESC`,
	"sleep": `SELECT user_id, calendar_date, source_provider, round(total / 3600.0, 1) AS hours, hr_lowest
FROM health.sleep
WHERE calendar_date >= '2026-01-01' AND type = 'long_sleep'
ORDER BY calendar_date DESC, user_id
LIMIT 5`,
	"sleep_cycle": `SELECT user_id, session_start, ARRAY_LENGTH(stage_type) AS stages
FROM health.sleep_cycle
ORDER BY session_start DESC
LIMIT 5`,
	"timeseries": `SELECT resource, unit, COUNT(*) AS samples, MAX(timestamp) AS newest
FROM health.timeseries
WHERE timestamp >= TIMESTAMP '2026-01-01'
GROUP BY ALL
ORDER BY samples DESC`,
	"workout_stream_samples": `SELECT workout_id, COUNT(*) AS moments, MAX(heartrate) AS highest, AVG(power) AS power
FROM health.workout_stream_samples
GROUP BY ALL`,
	"workout_streams": `SELECT sport_slug, COUNT(*) AS workouts
FROM health.workout_streams
GROUP BY ALL
ORDER BY workouts DESC`,
	"workouts": `SELECT user_id, calendar_date, sport_slug, round(moving_time / 60.0) AS minutes, round(distance / 1000, 1) AS km, average_hr
FROM health.workouts
ORDER BY calendar_date DESC, user_id
LIMIT 5`,
}
