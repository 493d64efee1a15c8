//go:build cgo

package main

import (
	"compress/gzip"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"

	"vitalsink/connector/connectortest"
	"vitalsink/schemas"
)

// TestTruth loads what a population told, badly delivered, and wants exactly
// the rows that the truth has.
func TestTruth(t *testing.T) {
	connectortest.Long(t)
	t.Parallel()
	messages, truth := generated(t, "--users", "6", "--days", "3",
		"--duplicates", "0.1", "--disorder", "0.1", "--updates", "0.1", "--late", "0.1", "--bad", "0.1")
	file := loadedFile(t, messages)
	compareWithTruth(t, file, truth)
}

// complaints is a test that only takes notes of what fails.
type complaints struct {
	testing.TB
	said []string
}

func (c *complaints) Errorf(format string, args ...any) {
	c.said = append(c.said, fmt.Sprintf(format, args...))
}

// TestComparisonFails: a truth with another value, a row more, a row less and
// a table more is found to differ.
func TestComparisonFails(t *testing.T) {
	t.Parallel()
	messages, truth := generated(t, "--users", "1", "--days", "1")
	lines := truthLines(t, truth)
	find := func(text string) int {
		return slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, text) })
	}
	sample := find(`"resource":"steps"`)
	lines[sample] = strings.Replace(lines[sample], `"value":`, `"value":1`, 1)
	gone, other := find(`{"table":"devices"`), find(`{"table":"meal"`)
	lines[other] = strings.Replace(lines[other], `"user_id":"`, `"user_id":"x`, 1)
	lines = append(slices.Delete(lines, gone, gone+1), `{"table":"nights","row":{}}`)
	path := filepath.Join(t.TempDir(), "wrong.ndjson")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	notes := &complaints{TB: t}
	compareWithTruth(notes, loadedFile(t, messages), path)
	said := strings.Join(notes.said, "\n")
	for _, text := range []string{
		"timeseries: 1 rows missing or different; columns that differ from the row of the same key: value\n",
		"devices: 6 rows, want 5\n", "devices: 1 rows not in the truth;", "meal: 1 rows missing or different;", "1 rows of other tables",
	} {
		if !strings.Contains(said, text) {
			t.Errorf("%q does not say %q", said, text)
		}
	}
	if len(notes.said) != 7 {
		t.Errorf("it says %q", notes.said)
	}
}

// truthLines are the lines of a compressed file.
func truthLines(t *testing.T, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(strings.Lines(string(text)))
}

// generated is a file of messages and one of the truth.
func generated(t testing.TB, flags ...string) (messages, truth string) {
	t.Helper()
	dir := t.TempDir()
	messages, truth = filepath.Join(dir, "messages.ndjson"), filepath.Join(dir, "truth.ndjson.gz")
	f, err := os.Create(messages)
	if err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	args := append([]string{"generate", "--truth", truth}, flags...)
	if code := execute(t.Context(), args, streams{nil, f, &errs}); code != exitDone {
		t.Fatalf("generate exited with %d: %s", code, errs.String())
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return messages, truth
}

// loadedFile is a DuckDB file into which messages were loaded.
func loadedFile(t testing.TB, messages string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "loaded.duckdb")
	var out, errs strings.Builder
	args := []string{"load", "--warehouse", "duckdb://" + file, messages}
	if code := execute(t.Context(), args, streams{nil, &out, &errs}); code != exitDone && code != exitAttention {
		t.Fatalf("load exited with %d: %s", code, errs.String())
	}
	return file
}

// compareWithTruth wants every versioned table of a DuckDB file to hold the
// rows that a file of "generate --truth" says, and no others. Of quarantine it
// compares keys and reasons. All is done within DuckDB and part by part, so
// that memory does not grow with the rows. The books have to balance. It returns
// how many rows the truth has, and how many differences there are.
func compareWithTruth(t testing.TB, file, truth string) (rows, mismatches int) {
	t.Helper()
	return (&comparison{TB: t, truth: truth}).compareAll(file)
}

// compareAll compares a file.
func (c *comparison) compareAll(file string) (rows, mismatches int) {
	c.Helper()
	wantBalanced(c, "duckdb://"+file)
	t := c.TB
	db, err := sql.Open("duckdb", filepath.Join(t.TempDir(), "comparison.duckdb"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	db.SetMaxOpenConns(1)
	c.db = db
	c.exec("SET memory_limit = '1GiB'; SET threads = 2; SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
	c.exec("SET temp_directory = " + quoted(t.TempDir()))
	c.exec("ATTACH " + quoted(file) + " AS warehouse (READ_ONLY)")
	c.exec(canonical)
	c.exec("CREATE TABLE few AS FROM " + c.lines() + ` WHERE "table" <> 'timeseries'`)
	c.exec(`CREATE TABLE people AS SELECT DISTINCT "row"->>'user_id' AS user_id, "row"->>'team_id' AS team_id, "row"->>'client_user_id' AS client_user_id
		FROM few WHERE "table" = 'profile'`)
	catalogue, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range catalogue.Versioned() {
		if slices.Contains(c.untold, table.Name) {
			c.exec("DELETE FROM few WHERE \"table\" = ?", table.Name)
		} else {
			c.table(table)
		}
	}
	if n := c.count(`few WHERE "table" NOT IN (SELECT name FROM compared)`); n > 0 {
		t.Errorf("the truth has %d rows of other tables", n)
		c.mismatches += n
	}
	return c.rows, c.mismatches
}

// canonical makes JSON comparable: the fields of an object, sorted.
const canonical = `CREATE MACRO canonical(j) AS CASE json_type(j)
	WHEN 'OBJECT' THEN list_sort(list_transform(json_keys(j), lambda k:
		k || ': ' || json_extract(j, '/' || replace(replace(k, '~', '~0'), '/', '~1'))::VARCHAR))::VARCHAR
	ELSE json(j)::VARCHAR END;
	CREATE TABLE compared (name VARCHAR)`

// comparison is one of a warehouse with the truth.
type comparison struct {
	testing.TB
	db    *sql.DB
	truth string
	// untold are tables of which the truth knows nothing that is to be
	// compared, and besides columns: of those that are not part of the key.
	untold, besides []string
	// fetched rows know what events of 2023 did not tell, and not what only they
	// did.
	fetched bool
	// adjust are statements that make the wanted rows of a table others.
	adjust map[string][]string

	rows, mismatches int
}

func (c *comparison) exec(statement string, args ...any) {
	c.Helper()
	if _, err := c.db.ExecContext(c.Context(), statement, args...); err != nil {
		c.Fatalf("%v\n%s", err, statement)
	}
}

func (c *comparison) count(from string) (n int) {
	c.Helper()
	if err := c.db.QueryRowContext(c.Context(), "SELECT count(*) FROM "+from).Scan(&n); err != nil {
		c.Fatalf("%v\n%s", err, from)
	}
	return n
}

// text is the result of a query, a line a row.
func (c *comparison) text(query string) string {
	c.Helper()
	rows, err := c.db.QueryContext(c.Context(), query)
	if err != nil {
		c.Fatalf("%v\n%s", err, query)
	}
	defer rows.Close()
	var b strings.Builder
	for rows.Next() {
		var line sql.NullString
		if err := rows.Scan(&line); err != nil {
			c.Fatal(err)
		}
		b.WriteString("\n  " + line.String)
	}
	return b.String()
}

// lines is the file of the truth.
func (c *comparison) lines() string {
	return "read_json(" + quoted(c.truth) + `, format = 'newline_delimited', maximum_object_size = 67108864,
		columns = {"table": 'VARCHAR', "row": 'JSON'})`
}

// quarantineColumns are those that the truth knows.
var quarantineColumns = []string{"message_id", "_index", "part", "reason"}

func (c *comparison) table(t *schemas.Table) {
	c.Helper()
	source := "few"
	if t.Name == schemas.TimeseriesTable {
		source = c.lines()
	}
	var names, forms, want, have []string
	for _, col := range t.Columns {
		if t.Name == schemas.QuarantineTable && !slices.Contains(quarantineColumns, col.Name) || slices.Contains(c.besides, col.Name) {
			continue
		}
		name, form := quotedName(col.Name), typeInTruth(col)
		names, forms = append(names, name), append(forms, fmt.Sprintf("%q: %s", col.Name, form))
		theirs, ours := "r."+name, name
		switch col.Type {
		case schemas.JSON:
			if c.fetched {
				theirs = "CASE WHEN list_contains(json_keys(" + theirs + "), '$.data.user_key') THEN nullif(json_merge_patch(" +
					theirs + `, '{"$.data.user_key": null}'), '{}') ELSE ` + theirs + " END"
			}
			theirs, ours = "canonical("+theirs+")", "canonical("+ours+")"
		case schemas.Bytes:
			ours = "lower(hex(" + ours + "))"
		case schemas.Timestamp:
			theirs += "::TIMESTAMPTZ"
		}
		want, have = append(want, theirs+" AS "+name), append(have, ours+" AS "+name)
	}
	c.exec("CREATE OR REPLACE TABLE want AS SELECT " + strings.Join(want, ", ") +
		" FROM (SELECT json_transform(\"row\", '{" + strings.Join(forms, ", ") + "}') AS r FROM " + source +
		` WHERE "table" = ` + quoted(t.Name) + ")")
	if c.fetched && t.Endpoint != nil {
		c.exec("UPDATE want SET team_id = p.team_id, client_user_id = p.client_user_id FROM people AS p WHERE want.user_id = p.user_id AND want.team_id IS NULL")
	}
	for _, statement := range c.adjust[t.Name] {
		c.exec(statement)
	}
	c.exec("CREATE OR REPLACE VIEW have AS SELECT " + strings.Join(have, ", ") + " FROM warehouse.store." + quotedName(t.Name))
	c.exec("INSERT INTO compared VALUES (?)", t.Name)
	c.compare(t, names)
}

// typeInTruth is how json_transform has to read a column.
func typeInTruth(c schemas.Column) string {
	form := map[schemas.Type]string{
		schemas.String: "VARCHAR", schemas.Bytes: "VARCHAR", schemas.Int64: "BIGINT", schemas.Float64: "DOUBLE",
		schemas.Bool: "BOOLEAN", schemas.Timestamp: "VARCHAR", schemas.Date: "DATE", schemas.JSON: "JSON",
	}[c.Type]
	if c.Repeated {
		return fmt.Sprintf("[%q]", form)
	}
	return fmt.Sprintf("%q", form)
}

// compare wants both to have the same rows, in parts of about a million.
func (c *comparison) compare(t *schemas.Table, columns []string) {
	c.Helper()
	const part = 1_000_000
	nWant, nHave := c.count("want"), c.count("have")
	if nWant != nHave {
		c.Errorf("%s: %d rows, want %d", t.Name, nHave, nWant)
	}
	parts := max(nWant, nHave)/part + 1
	for i := range parts {
		within := fmt.Sprintf(" WHERE hash(%s) %% %d = %d", quotedName(t.Key[0]), parts, i)
		c.except(t, columns, "want", "have", "missing or different", within)
		c.except(t, columns, "have", "want", "not in the truth", within)
	}
	c.Logf("%s: %d rows", t.Name, nWant)
	c.rows += nWant
}

// except wants no row of one that the other has not.
func (c *comparison) except(t *schemas.Table, columns []string, one, other, what, within string) {
	c.Helper()
	list := strings.Join(columns, ", ")
	c.exec(fmt.Sprintf("CREATE OR REPLACE TABLE amiss AS (SELECT %s FROM %s%s) EXCEPT ALL (SELECT %s FROM %s%s)",
		list, one, within, list, other, within))
	n := c.count("amiss")
	if n == 0 {
		return
	}
	c.mismatches += n
	var keys, different []string
	for _, k := range t.Key {
		keys = append(keys, quotedName(k))
	}
	for _, name := range columns {
		different = append(different, fmt.Sprintf("CASE WHEN count(*) FILTER (amiss.%s IS DISTINCT FROM o.%s) > 0 THEN '%s' END", name, name, strings.Trim(name, `"`)))
	}
	c.Errorf("%s: %d rows %s; columns that differ from the row of the same key: %s\nfor example%s", t.Name, n, what,
		strings.TrimSpace(c.text("SELECT concat_ws(', ', "+strings.Join(different, ", ")+") FROM amiss JOIN "+other+" o USING ("+strings.Join(keys, ", ")+")")),
		c.text("SELECT struct_pack("+strings.Join(assign(columns), ", ")+")::VARCHAR FROM amiss ORDER BY ALL LIMIT 5"))
}

func assign(columns []string) []string {
	var all []string
	for _, name := range columns {
		all = append(all, name+" := "+name)
	}
	return all
}

func quoted(text string) string     { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
func quotedName(name string) string { return `"` + name + `"` }
