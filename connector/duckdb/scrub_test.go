//go:build cgo

package duckdb

import (
	"database/sql"
	"errors"
	"strings"
	"testing"
)

// quoting are statements that DuckDB fails with the value of the parameter, or
// what is in it, in its text.
var quoting = []string{
	"SELECT CAST(? AS INTEGER)", "SELECT CAST(? AS DOUBLE)", "SELECT CAST(? AS BOOLEAN)", "SELECT CAST(? AS TIMESTAMPTZ)", "SELECT CAST(? AS DATE)",
	"SELECT CAST(? AS JSON)", "SELECT CAST(? AS UUID)", "SELECT CAST(? AS BLOB)", "SELECT CAST(? AS INTERVAL)", "SELECT CAST([?] AS INTEGER[])",
	"SELECT strptime(?, '%Y-%m-%d')", "SELECT json_extract('{}', ?)", "SELECT json_transform('{\"a\":1}', ?)", "SELECT regexp_matches('a', ?)",
	"SELECT error(?)", "SELECT date_part(?, DATE '2026-03-01')", "SELECT CAST(? AS DECIMAL(3,1))", "SELECT printf(?, 1)",
	"INSERT INTO one VALUES (?)", "INSERT INTO short VALUES (?)", "UPDATE short SET v = ?", "SELECT CAST(? AS ENUM('a'))",
	"SELECT getvariable(?) + 1", "SELECT unhex(?)", "SELECT from_base64(?)", "SELECT CAST(? AS BIT)", "SELECT chr(CAST(? AS INTEGER))",
}

// FuzzScrub: whatever DuckDB fails on, the value is not in the error. In the
// corpus: a path within JSON, which binding quoted with its parameter.
func FuzzScrub(f *testing.F) {
	for _, secret := range []string{"5f3e-secret-72.5", "99999999999999999999", "2026-13-45T99:99", `{"secret":[1,}`, `"quo'ted"`, "(secret", "%z secret %q", "ünï\tcode"} {
		for i := range quoting {
			f.Add(secret, i)
		}
	}
	db, err := sql.Open("duckdb", "")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = db.Close() })
	for _, q := range []string{
		"SET enable_external_access = false",
		"CREATE TABLE one (v VARCHAR PRIMARY KEY)", "CREATE TABLE short (v VARCHAR CHECK (length(v) < 3))", "INSERT INTO short VALUES ('a')",
	} {
		if _, err := db.ExecContext(f.Context(), q); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, secret string, i int) {
		// What is shorter may stand in the text by chance.
		if len(secret) < 6 || strings.Contains("duckdb does not take a value (error type 2; the text could quote it)", secret) {
			return
		}
		statement := quoting[uint(i)%uint(len(quoting))]
		_, first := db.ExecContext(t.Context(), statement, secret)
		_, again := db.ExecContext(t.Context(), statement, secret) // a key twice
		if err := errors.Join(explain(first), explain(again)); err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error quotes its value: %v", statement, err)
		}
	})
}
