//go:build cgo

package duckconn

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// TestCancelled: however soon a statement is cancelled, its database is closed
// when it is closed, and can be opened again.
func TestCancelled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.duckdb")
	for i := range 300 {
		opened := make(chan *sql.DB, 1)
		go func() {
			db, err := Open(path, fmt.Sprintf("threads=%d", 1+i%2))
			if err != nil {
				t.Error(err)
			}
			opened <- db
		}()
		var db *sql.DB
		select {
		case db = <-opened:
		case <-time.After(time.Minute):
			t.Fatalf("database %d is still open", i)
		}
		if db == nil {
			return
		}
		if _, err := db.ExecContext(t.Context(), "CREATE TABLE IF NOT EXISTS t AS SELECT range AS n, 'x' || range AS s FROM range(300000)"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), rand.N(30*time.Millisecond))
		var err error
		if i%3 == 0 {
			var n int
			err = db.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT s, count(*) FROM t GROUP BY 1 ORDER BY 1)").Scan(&n)
		} else {
			_, err = db.ExecContext(ctx, "CREATE OR REPLACE TABLE v AS SELECT * FROM t")
		}
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("not a cancellation: %v", err)
		}
		cancel()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestConnections: connections are made while others plan statements, and all
// have the same settings.
func TestConnections(t *testing.T) {
	db, err := Open("", "threads=2")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	db.SetMaxIdleConns(0) // each statement has a connection of its own
	var all errgroup.Group
	for range 8 {
		all.Go(func() error {
			for range 2000 {
				var settings string
				err := db.QueryRowContext(t.Context(), "SELECT current_setting('TimeZone') || ' ' || current_setting('disabled_optimizers')").Scan(&settings)
				if err == nil && settings != "UTC row_group_pruner" {
					err = errors.New(settings)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
}
