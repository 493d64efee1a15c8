package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vitalsink/connector"
	"vitalsink/connector/bigquery"
	"vitalsink/schemas"
)

// crowded is a warehouse that has many partitions, and merges nothing.
type crowded struct {
	connector.Warehouse
	appended time.Time    // its batch
	most     atomic.Int64 // partitions of a table
	fails    atomic.Bool  // to count them
	counts   atomic.Int64
}

func (c *crowded) Pending(context.Context) (*connector.Pending, error) {
	return &connector.Pending{Batches: []connector.Registered{{ID: "b", Table: "sleep", Lane: connector.Recent, AppendedAt: c.appended, Rows: 1}}}, nil
}

func (c *crowded) Merge(context.Context, *connector.Merge) (connector.MergeBooks, error) {
	return connector.MergeBooks{}, connector.ErrUnavailable
}

func (c *crowded) Partitions(context.Context) (map[string]int, error) {
	c.counts.Add(1)
	if c.fails.Load() {
		return nil, connector.ErrUnavailable
	}
	return map[string]int{"timeseries": int(c.most.Load()), "sleep": 5}, nil
}

// TestPulse: every minute a service says how far it is, and how far behind, so
// that an alert can be made of it; partitions are counted every six hours, and
// a table that nears the limit is named.
func TestPulse(t *testing.T) {
	catalogue, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var said screen
		log := slog.New(slog.NewTextHandler(&said, nil))
		w := &crowded{appended: time.Now()}
		w.most.Store(bigquery.ManyPartitions - 1)
		s := &connector.Service{
			Ingest: &connector.Ingest{Warehouse: w, Catalogue: catalogue, Log: log},
			Folder: &connector.Folder{Warehouse: w, Catalogue: catalogue, Log: log},
		}
		stop := feel(t.Context(), s, log, true)
		defer stop()
		during := func(d time.Duration) string {
			before := len(said.String())
			time.Sleep(d)
			synctest.Wait()
			return said.String()[before:]
		}
		if line := during(pulseEvery); !strings.Contains(line, `msg="at work" messages=0 rows=0 folded=0 quarantined=0 held_bytes=0 paused=false lag_seconds=0`) {
			t.Errorf("before the first fold: %s", line)
		}
		if _, err := s.Folder.Fold(t.Context()); !errors.Is(err, connector.ErrUnavailable) {
			t.Errorf("the fold: %v", err)
		}
		if line := during(pulseEvery); !strings.Contains(line, " lag_seconds=120\n") {
			t.Errorf("a batch is two minutes old and not merged: %s", line)
		}
		w.most.Store(bigquery.ManyPartitions)
		lines := during(countEvery)
		if strings.Count(lines, "at work") != 360 || strings.Count(lines, "nears the most partitions") != 1 || !strings.Contains(lines, "table=timeseries partitions=9000 most=10000") {
			t.Errorf("six hours later: %.300s", lines)
		}
		w.fails.Store(true)
		if lines := during(countEvery); !strings.Contains(lines, "cannot count partitions") || w.counts.Load() != 3 {
			t.Errorf("counted %d times, and it fails", w.counts.Load())
		}
	})
}
