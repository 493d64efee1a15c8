//go:build cgo

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"vitalsink/connector"
	"vitalsink/connector/connectortest"
	"vitalsink/schemas"
)

// withSamples is a warehouse with samples of ten users that lie there in no
// order, and a query for all of them.
func withSamples(t *testing.T, n int) (*Warehouse, connector.FactsQuery) {
	t.Helper()
	w := openTest(t)
	_, err := w.open.folds.ExecContext(t.Context(), `INSERT INTO store.timeseries BY NAME
		SELECT 'u' || i % 10 AS user_id, 'r' || i % 7 AS resource, 'oura' AS provider, 'unknown' AS source_type, '' AS discriminator,
			TIMESTAMPTZ '2026-01-01' + INTERVAL 1 SECOND * i AS timestamp, i::DOUBLE AS value, '\x00'::BLOB AS _version, now() AS _version_at,
			'm' AS _message_id, false AS _deleted
		FROM range(?) r(i)`, n)
	if err != nil {
		t.Fatal(err)
	}
	q := connector.FactsQuery{Table: w.config.Catalogue.Table(schemas.TimeseriesTable)}
	for i := range 10 {
		q.Users = append(q.Users, fmt.Sprint("u", i))
	}
	return w, q
}

// TestFactsInOrder: rows of several row groups, which DuckDB reads side by side,
// come in order, each once.
func TestFactsInOrder(t *testing.T) {
	const n = 150_000
	w, q := withSamples(t, n)
	user, resource, value := q.Table.Index("user_id"), q.Table.Index("resource"), q.Table.Index("value")
	last, seen := "", map[float64]bool{}
	err := w.Facts(t.Context(), q, func(row []any) error {
		at := row[user].(string) + row[resource].(string)
		if at < last {
			t.Fatalf("%s comes after %s", at, last)
		}
		last = at
		seen[row[value].(float64)] = true
		return nil
	})
	if err != nil || len(seen) != n {
		t.Errorf("%d rows of %d: %v", len(seen), n, err)
	}
}

// TestFactsLeaveNothing: whatever ends them, what was set aside is gone.
func TestFactsLeaveNothing(t *testing.T) {
	w, q := withSamples(t, 3*factsAtOnce)
	enough := errors.New("enough")
	for range 5 {
		if err := w.Facts(t.Context(), q, func([]any) error { return enough }); !errors.Is(err, enough) {
			t.Errorf("an error of take's: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if err := w.Facts(ctx, q, func([]any) error { cancel(); return nil }); err == nil {
			t.Error("cancelled, it goes on to the end")
		}
		cancel()
		if err := w.Facts(t.Context(), q, func([]any) error { return nil }); err != nil {
			t.Errorf("after that: %v", err)
		}
	}
	var tables int
	for range 3 {
		conn, err := w.open.connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer w.open.disconnect(conn)
		if err := conn.QueryRowContext(t.Context(), "SELECT count(*) FROM duckdb_tables() WHERE temporary").Scan(&tables); err != nil || tables != 0 {
			t.Errorf("a connection has %d temporary tables: %v", tables, err)
		}
	}
}

// TestFactsOfFileOpenedAnew: while take works, others open the file anew, and
// neither waits for the other.
func TestFactsOfFileOpenedAnew(t *testing.T) {
	w, q := withSamples(t, 3*factsAtOnce)
	taken := 0
	err := w.Facts(t.Context(), q, func([]any) error {
		if taken++; taken == 1 {
			w.giveUp(w.open)
			if _, err := w.Pending(t.Context()); err != nil {
				t.Errorf("the file opened anew: %v", err)
			}
		}
		return nil
	})
	if !errors.Is(err, errReopened) || taken != factsAtOnce {
		t.Errorf("after %d rows: %v, want %v", taken, err, errReopened)
	}
	if err := w.Facts(t.Context(), q, func([]any) error { return nil }); err != nil {
		t.Errorf("once more: %v", err)
	}
}

// TestUnknownColumnsSurvive: where duplicates are removed, columns of a newer
// vitalsink's keep what is in them.
func TestUnknownColumnsSurvive(t *testing.T) {
	w := inspected{openTest(t)}
	w.exec(t, "ALTER TABLE store.sleep ADD COLUMN newer VARCHAR")
	for _, version := range []string{"01", "03", "02"} {
		w.exec(t, "INSERT INTO store.sleep BY NAME SELECT 'u' AS user_id, 's' AS id, unhex('"+version+"') AS _version, now() AS _version_at, 'm' AS _message_id, false AS _deleted, 'of "+version+"' AS newer")
	}
	removed, err := w.RemoveDuplicates(t.Context(), w.config.Catalogue.Table("sleep"), nil)
	if err != nil || removed != 2 {
		t.Fatalf("%d rows are removed, want 2: %v", removed, err)
	}
	if rows := w.Latest(t, "sleep"); len(rows) != 1 || rows[0]["newer"] != "of 03" {
		t.Errorf("left are %v, want the row with version 03", rows)
	}
}

// TestManyFindings: a statement for each took half a megabyte of memory, and
// with little of it there was none left after some hundred.
func TestManyFindings(t *testing.T) {
	connectortest.Long(t)
	w, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "test.duckdb"), Catalogue: catalogue(t), Memory: 160 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer w.mustClose(t)
	findings := make([]connector.Finding, 1500)
	began := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for i := range findings {
		findings[i] = connector.Finding{RunID: "r", StartedAt: began, RecordedAt: began, Part: i, Check: connector.CheckCompared}
	}
	if err := w.Record(t.Context(), findings); err != nil {
		t.Fatal(err)
	}
	if got, err := w.Findings(t.Context(), "r", time.Time{}); err != nil || len(got) != len(findings) {
		t.Errorf("%d findings of %d: %v", len(got), len(findings), err)
	}
}
