//go:build cgo

package bigquerytest_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/bigquery"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"vitalsink/connector/bigquery/bigquerytest"
)

const aborted = "Transaction is aborted due to concurrent update against table p.d."

// during runs do before the statement of the next job that changes a table.
func (d *db) during(table string, do func()) {
	var done atomic.Bool
	d.Inject(bigquerytest.Fault{Call: bigquerytest.CallStatement, Table: table, Effect: bigquerytest.Pass, Do: func(string) {
		if done.CompareAndSwap(false, true) {
			do()
		}
	}})
}

func (d *db) filled() {
	d.keyed("")
	d.table("marker", "", field("x", bigquery.IntegerFieldType))
	d.must("INSERT INTO d.t (k, n) VALUES ('a', 1), ('b', 1)")
}

// script is a transaction that does something, stops at the marker, and does
// something else.
func script(before, after string) string {
	return "BEGIN TRANSACTION; " + before + "; INSERT INTO d.marker (x) VALUES (1); " + after + "; COMMIT TRANSACTION;"
}

// TestConflicts: of two transactions that change rows of a table, one fails;
// those that only insert, or change none, do not see each other.
func TestConflicts(t *testing.T) {
	const (
		nothing = "SELECT 1"
		update  = "UPDATE d.t SET n = n + 1 WHERE k = 'a'"
		other   = "DELETE FROM d.t WHERE k = 'b'"
		none    = "UPDATE d.t SET n = n + 1 WHERE k = 'c'"
		insert  = "INSERT INTO d.t (k, n) SELECT 'c', 1 WHERE NOT EXISTS (SELECT 1 FROM d.t WHERE k = 'c')"
		merge   = "MERGE d.t AS T USING (SELECT 'c' AS k) AS S ON T.k = S.k WHEN MATCHED THEN UPDATE SET n = 2 WHEN NOT MATCHED THEN INSERT (k, n) VALUES (S.k, 1)"
	)
	for _, test := range []struct {
		name, before, between, after string
		outer, inner                 bool // fails
		rows                         int64
	}{
		{"changed while open", update, script(nothing, other), nothing, false, true, 2},
		{"changed since it began", nothing, script(nothing, other), update, true, false, 1},
		{"changed by one statement", nothing, other, update, true, false, 1},
		{"another table's rows", update, "UPDATE d.marker SET x = 1 WHERE TRUE", nothing, false, false, 2},
		{"update of no rows", update, script(nothing, none), nothing, false, false, 2},
		{"no rows here", none, script(nothing, other), none, false, false, 1},
		{"both insert", nothing, script(nothing, insert), insert, false, false, 4},
		{"insert beside an update", update, script(nothing, insert), nothing, false, false, 3},
		{"merges that insert", nothing, merge, merge, false, false, 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := open(t, bigquerytest.Config{})
			d.filled()
			d.must("INSERT INTO d.marker (x) VALUES (0)")
			var inner error
			d.during("marker", func() { _, inner = d.try(t.Context(), d.query(test.between)) })
			_, outer := d.try(t.Context(), d.query(script(test.before, test.after)))
			for _, got := range []struct {
				what  string
				err   error
				fails bool
			}{{"the transaction", outer, test.outer}, {"the other", inner, test.inner}} {
				reason, text := reasonOf(got.err)
				if got.fails != (got.err != nil) || got.fails && (reason != "invalidQuery" || !strings.Contains(text, aborted+"t. Transaction ID: ")) {
					t.Errorf("%s: %v, want failure: %v", got.what, got.err, got.fails)
				}
			}
			if n := d.count("SELECT COUNT(*) FROM d.t"); n != test.rows {
				t.Errorf("%d rows, want %d", n, test.rows)
			}
		})
	}
}

// TestSnapshot: a transaction sees what was there when it began, and its own.
func TestSnapshot(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.filled()
	d.during("marker", func() { d.must("INSERT INTO d.t (k, n) VALUES ('c', 1)") })
	rows := d.must("DECLARE a, b INT64; BEGIN TRANSACTION; INSERT INTO d.t (k) VALUES ('own'); INSERT INTO d.marker (x) VALUES (1);" +
		"SET a = (SELECT COUNT(*) FROM d.t); COMMIT TRANSACTION; SET b = (SELECT COUNT(*) FROM d.t); SELECT a AS a, b AS b")
	if got := fmt.Sprint(rows); got != "[[3 4]]" {
		t.Errorf("within and after: %s, want 3 and 4", got)
	}
}

// TestRollback: a script that ends, fails or is cancelled in a transaction
// leaves nothing behind.
func TestRollback(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.filled()
	for name, script := range map[string]string{
		"raise":     "BEGIN TRANSACTION; UPDATE d.t SET n = 5 WHERE TRUE; RAISE USING MESSAGE = 'no';",
		"error":     "BEGIN TRANSACTION; UPDATE d.t SET n = 5 WHERE TRUE; SELECT nope FROM d.t;",
		"end":       "BEGIN TRANSACTION; UPDATE d.t SET n = 5 WHERE TRUE;",
		"rollback":  "BEGIN TRANSACTION; UPDATE d.t SET n = 5 WHERE TRUE; ROLLBACK TRANSACTION;",
		"temporary": "CREATE TEMP TABLE x AS SELECT 1 AS a; BEGIN TRANSACTION; INSERT INTO d.t (k) SELECT 'x' FROM x; CREATE TEMP TABLE y AS SELECT 2 AS a; SELECT ERROR('no')",
	} {
		_, err := d.try(t.Context(), d.query(script))
		if fails := name != "end" && name != "rollback"; fails != (err != nil) {
			t.Errorf("%s: %v", name, err)
		}
		if n := d.count("SELECT SUM(n) FROM d.t"); n != 2 {
			t.Errorf("%s: sum is %d, want 2", name, n)
		}
	}
	// Nothing is locked, and names of temporary tables are free.
	d.must("BEGIN TRANSACTION; CREATE TEMP TABLE x AS SELECT 'a' AS k; UPDATE d.t SET n = 7 WHERE k IN (SELECT k FROM x); COMMIT TRANSACTION;")
	if n := d.count("SELECT SUM(n) FROM d.t"); n != 8 {
		t.Errorf("sum is %d, want 8", n)
	}
}

// TestQueue: of statements that change a table, outside transactions, two run,
// twenty wait, and the next fails.
func TestQueue(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.filled()
	hold, began := make(chan struct{}), make(chan struct{}, 30)
	d.Inject(bigquerytest.Fault{Call: bigquerytest.CallStatement, Table: "t", Times: 2, Effect: bigquerytest.Pass, Do: func(string) {
		began <- struct{}{}
		<-hold
	}})
	ended := make(chan error, 30)
	start := func() {
		job, err := d.query("UPDATE d.t SET n = n + 1 WHERE k = 'a'").Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			status, err := job.Wait(t.Context())
			if err == nil {
				err = status.Err()
			}
			ended <- err
		}()
	}
	for range 2 {
		start()
		<-began
	}
	for range 21 {
		start()
	}
	// While two are held, one can end only by being refused.
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "Too many DML statements outstanding against table p.d.t, limit is 20.") {
		t.Errorf("first to end: %v", err)
	}
	close(hold)
	for range 22 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if n := d.count("SELECT n FROM d.t WHERE k = 'a'"); n != 23 {
		t.Errorf("n is %d, want 23: every one counts", n)
	}
}

// TestWaitsForTransaction: one statement outside waits for a transaction.
func TestWaitsForTransaction(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.filled()
	var job *bigquery.Job
	d.during("marker", func() {
		var err error
		if job, err = d.query("UPDATE d.t SET n = n * 10 WHERE k = 'a'").Run(t.Context()); err != nil {
			t.Error(err)
		}
	})
	d.must(script("UPDATE d.t SET n = n + 1 WHERE k = 'a'", "SELECT 1"))
	if status, err := job.Wait(t.Context()); err != nil || status.Err() != nil {
		t.Fatal(err, status)
	}
	if n := d.count("SELECT n FROM d.t WHERE k = 'a'"); n != 20 {
		t.Errorf("n is %d, want 20", n)
	}
}

// TestStreamingBuffer: rows of a table that was streamed to are not changed in
// a transaction for half an hour.
func TestStreamingBuffer(t *testing.T) {
	var now atomic.Int64
	d := open(t, bigquerytest.Config{Now: func() time.Time { return time.Unix(now.Load(), 0) }})
	d.filled()
	now.Store(1e6)
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "k", Type: arrow.BinaryTypes.String}}, nil))
	defer b.Release()
	b.Field(0).(*array.StringBuilder).Append("streamed")
	rec := b.NewRecord()
	defer rec.Release()
	d.stream("t", rec)
	const change = "BEGIN TRANSACTION; UPDATE d.t SET n = 9 WHERE k = 'streamed'; COMMIT TRANSACTION;"
	if _, err := d.try(t.Context(), d.query(change)); err == nil || !strings.Contains(err.Error(), "streaming buffer") {
		t.Errorf("update in a transaction: %v", err)
	}
	d.must("BEGIN TRANSACTION; UPDATE d.t SET n = 9 WHERE k = 'nobody'; INSERT INTO d.t (k) SELECT k FROM d.t; COMMIT TRANSACTION;")
	d.must("UPDATE d.t SET n = 9 WHERE k = 'streamed'")
	now.Add(int64(31 * time.Minute / time.Second))
	d.must(change)
}
