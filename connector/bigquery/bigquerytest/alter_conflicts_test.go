//go:build cgo

package bigquerytest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"cloud.google.com/go/bigquery"

	"vitalsink/connector/bigquery/bigquerytest"
)

// TestChangeDuringTransaction: a transaction sees tables as they were when it
// began; if it writes to one that was changed, it is aborted.
func TestChangeDuringTransaction(t *testing.T) {
	const read = "SELECT COUNT(*) AS n, MAX(k) AS k FROM d.t"
	for _, test := range []struct {
		name, before, after string
		change              func(d *db)
		aborted             bool
	}{
		{"read of an extended table", "SELECT 1", "SELECT * FROM d.t", func(d *db) { d.extended("t", field("x", bigquery.StringFieldType)) }, false},
		{"read of a deleted table", "SELECT 1", read, func(d *db) {
			if err := d.client.Dataset("d").Table("t").Delete(d.Context()); err != nil {
				d.Error(err)
			}
		}, false},
		{"description", "UPDATE d.t SET n = 2 WHERE TRUE", "SELECT 1", func(d *db) {
			if _, err := d.update("t", bigquery.TableMetadataToUpdate{Description: "x"}); err != nil {
				d.Error(err)
			}
		}, false},
		{"changed before", "UPDATE d.t SET n = 2 WHERE TRUE", "SELECT 1", func(d *db) { d.extended("t", list("x", bigquery.StringFieldType)) }, true},
		{"deleted from before", "DELETE FROM d.t WHERE k = 'a'", "SELECT 1", func(d *db) { d.extended("t", list("x", bigquery.StringFieldType)) }, true},
		{"changed after", "SELECT 1", "UPDATE d.t SET n = 2 WHERE TRUE", func(d *db) { d.extended("t", list("x", bigquery.StringFieldType)) }, true},
		{"inserted before", "INSERT INTO d.t (k) VALUES ('c')", "SELECT 1", func(d *db) { d.extended("t", field("x", bigquery.StringFieldType)) }, true},
		{"inserted after", "SELECT 1", "INSERT INTO d.t (k) VALUES ('c')", func(d *db) { d.extended("t", field("x", bigquery.StringFieldType)) }, true},
		{"other table", "INSERT INTO d.t (k) VALUES ('c')", "SELECT 1", func(d *db) { d.extended("other", field("x", bigquery.StringFieldType)) }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := open(t, bigquerytest.Config{})
			d.filled()
			d.table("other", "", field("k", bigquery.StringFieldType))
			d.during("marker", func() { test.change(d) })
			_, err := d.try(t.Context(), d.query(script(test.before, test.after)))
			reason, text := reasonOf(err)
			if test.aborted != (err != nil) || test.aborted && (reason != "invalidQuery" || !strings.Contains(text, aborted+"t. Transaction ID: ")) {
				t.Errorf("%v, want it aborted: %v", err, test.aborted)
			}
			want := int64(1)
			if test.aborted {
				want = 0 // all of it was rolled back
			}
			if n := d.count("SELECT COUNT(*) FROM d.marker"); n != want {
				t.Errorf("%d rows, want %d", n, want)
			}
		})
	}
}

// TestChangeBesideStatements: statements outside transactions do not notice
// that a table is changed meanwhile.
func TestChangeBesideStatements(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.filled()
	done := make(chan error)
	for _, query := range []string{
		"UPDATE d.t SET n = n + 1 WHERE k = 'a'", "INSERT INTO d.t (k) VALUES ('x')", "SELECT * FROM d.t",
		"MERGE d.t AS T USING (SELECT 'm' AS k) AS S ON T.k = S.k WHEN MATCHED THEN UPDATE SET n = 3 WHEN NOT MATCHED THEN INSERT (k) VALUES (S.k)",
		"DECLARE n INT64; SET n = (SELECT COUNT(*) FROM d.t); SELECT n AS n",
	} {
		go func() {
			var errs []error
			for range 10 {
				_, err := d.try(t.Context(), d.query(query))
				errs = append(errs, err)
			}
			done <- errors.Join(errs...)
		}()
	}
	for i := range 10 {
		d.extended("t", field(fmt.Sprint("x", i), bigquery.StringFieldType), list(fmt.Sprint("l", i), bigquery.StringFieldType))
	}
	for range 5 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := d.count("SELECT n FROM d.t WHERE k = 'a'"); n != 11 {
		t.Errorf("n is %d, want 11: every update counts", n)
	}
}
