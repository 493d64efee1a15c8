package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitalsink/connector"
	"vitalsink/connector/files"
)

// watchedWarehouse tells of merges, and may let them fail.
type watchedWarehouse struct {
	connector.Warehouse
	merged chan error          // gets what the first merge returned
	fault  func(n int64) error // of the n-th merge, from 1
	merges atomic.Int64
}

func (w *watchedWarehouse) Merge(ctx context.Context, m *connector.Merge) (books connector.MergeBooks, err error) {
	n := w.merges.Add(1)
	if w.fault != nil {
		err = w.fault(n)
	}
	if err == nil {
		books, err = w.Warehouse.Merge(ctx, m)
	}
	if n == 1 {
		w.merged <- err
	}
	return books, err
}

// pipedLoad is a load from a pipe into a new file.
type pipedLoad struct {
	*loading
	in    *io.PipeWriter
	ended chan error
	file  string
}

// startLoad loads what is written to its pipe, and folds all the time.
func startLoad(t *testing.T, ctx context.Context, fault func(int64) error) (*pipedLoad, *watchedWarehouse) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "load.duckdb")
	catalogue, opened, err := storage{location: location{path: file}}.open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	watched := &watchedWarehouse{Warehouse: opened, merged: make(chan error, 1), fault: fault}
	log := slog.New(slog.DiscardHandler)
	out, in := io.Pipe()
	l := &pipedLoad{in: in, ended: make(chan error, 1), file: file, loading: &loading{
		began:  time.Now(),
		source: &files.Source{Paths: []string{"-"}, Stdin: out, Began: time.Now()},
		ingest: &connector.Ingest{Warehouse: watched, Catalogue: catalogue, Log: log, FlushInterval: 10 * time.Millisecond},
		folder: &connector.Folder{Warehouse: watched, Catalogue: catalogue, Log: log},
	}}
	go func() {
		err := l.run(ctx, 10*time.Millisecond)
		_ = in.Close() // should it have ended early
		l.ended <- errors.Join(err, opened.Close())
	}()
	return l, watched
}

// write gives the load some events.
func (l *pipedLoad) write(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(l.in, text); err != nil {
		t.Fatal(err)
	}
}

// heartrates are n events of a sample each, of which every third is told
// again.
func heartrates(from, n int) string {
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, `{"event_type":"daily.data.heartrate.created","user_id":"ada","data":{"source":{"provider":"oura","type":"ring"},"data":[{"timestamp":"2026-03-01T08:%02d:00Z","value":%d}]}}`+"\n", (from+i)*2/3, from+i)
	}
	return lines.String()
}

// loadedAtOnce are the tables after a load with one fold, at its end.
func loadedAtOnce(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "once.duckdb")
	var out strings.Builder
	args := []string{"load", "--warehouse", "duckdb://" + file, "--fold-interval", "0s", "-"}
	if code := execute(t.Context(), args, streams{strings.NewReader(text), &out, &out}); code != exitDone {
		t.Fatal(out.String())
	}
	return mustTables(t, file)
}

// Folds go on while a load does, and a fold that fails leaves nothing behind
// that the last one does not take.
func TestLoadFoldsMeanwhile(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk is full")
	for name, fault := range map[string]func(int64) error{
		"all succeed":     nil,
		"the first fails": func(n int64) error { return map[int64]error{1: broken}[n] },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, watched := startLoad(t, t.Context(), fault)
			l.write(t, heartrates(0, 30))
			if err := wait(t, watched.merged, "a merge"); (err != nil) != (fault != nil) {
				t.Errorf("the first merge ended with %v", err)
			}
			l.write(t, heartrates(30, 30))
			if err := l.in.Close(); err != nil {
				t.Fatal(err)
			}
			if err := wait(t, l.ended, "the end"); err != nil {
				t.Errorf("the load ended with %v", err)
			}
			r := l.result()
			if r.Folded.Books.Registered != 60 || fault == nil && r.Folded.Merges < 2 {
				t.Errorf("%d merges folded %+v, want 60 rows, in several if all succeed", r.Folded.Merges, r.Folded.Books)
			}
			if diff := cmp.Diff(loadedAtOnce(t, heartrates(0, 60)), mustTables(t, l.file)); diff != "" {
				t.Errorf("tables of one fold (-), of many (+):\n%s", diff)
			}
		})
	}
}

// What went wrong before the end is told if the end goes wrong too, once.
func TestLoadTellsWhyItDidNotFold(t *testing.T) {
	t.Parallel()
	full, locked := errors.New("the disk is full"), errors.New("the file is locked")
	for name, c := range map[string]struct {
		last error
		want []string
	}{
		"the same": {full, []string{"the disk is full"}},
		"another":  {locked, []string{"the disk is full", "the file is locked"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, watched := startLoad(t, t.Context(), func(n int64) error {
				if n == 1 {
					return full
				}
				return c.last
			})
			l.write(t, heartrates(0, 1))
			_ = wait(t, watched.merged, "a merge")
			if err := l.in.Close(); err != nil {
				t.Fatal(err)
			}
			err := wait(t, l.ended, "the end")
			if err == nil {
				t.Fatal("the load went well")
			}
			for _, text := range c.want {
				if n := strings.Count(err.Error(), text); n != 1 {
					t.Errorf("%q says %d times %q", err, n, text)
				}
			}
			if got := l.result().Books.Rows; got != 1 {
				t.Errorf("%d rows are committed, want 1", got)
			}
		})
	}
}

// What is committed when a load is stopped is folded.
func TestLoadFoldsWhenStopped(t *testing.T) {
	leaks(t)
	ctx, cancel := context.WithCancel(t.Context())
	l, watched := startLoad(t, ctx, nil)
	l.write(t, heartrates(0, 3))
	_ = wait(t, watched.merged, "a merge")
	cancel()
	if err := wait(t, l.ended, "the end"); err == nil || !strings.Contains(err.Error(), "stopped before the end") {
		t.Errorf("the load ended with %v", err)
	}
	r := l.result()
	if r.Folded.Books.Registered != r.Books.Rows || r.Books.Rows == 0 {
		t.Errorf("folded %+v of %+v", r.Folded.Books, r.Books)
	}
}

func TestProgressOfLoad(t *testing.T) {
	for name, c := range map[string]struct {
		p       files.Progress
		rows    int64
		elapsed time.Duration
		want    string
	}{
		"not begun": {files.Progress{}, 0, time.Millisecond, "looking for files  0 rows committed"},
		"one of many": {
			files.Progress{Bytes: 450, TotalBytes: 1000, Files: 2, TotalFiles: 12, File: "in/events.ndjson.gz"}, 6_500_000, 50 * time.Second,
			"events.ndjson.gz (3 of 12)  45 %  6,500,000 rows committed  130,000 rows/s  about 1 min left",
		},
		"just begun": {
			files.Progress{Bytes: 1, TotalBytes: 1e9, TotalFiles: 1, File: "events.ndjson"}, 0, time.Second,
			"events.ndjson  0 %  0 rows committed",
		},
		"nearly read": {
			files.Progress{Bytes: 999, TotalBytes: 1000, TotalFiles: 1, File: "a.json"}, 1000, time.Minute,
			"a.json  99 %  1,000 rows committed  0 rows/s  less than 1 min left",
		},
		"all read": {
			files.Progress{Bytes: 1000, TotalBytes: 1000, Files: 12, TotalFiles: 12}, 1_234_567, 10 * time.Second,
			"12 of 12 read  100 %  1,234,567 rows committed  123,400 rows/s",
		},
		"standard input": {
			files.Progress{Bytes: 5 << 20, TotalFiles: 1, File: "standard input"}, 1000, 10 * time.Second,
			"standard input  5.0 MiB read  1,000 rows committed  100 rows/s",
		},
		"for hours": {
			files.Progress{Bytes: 100, TotalBytes: 1000, TotalFiles: 2, File: "a.json"}, 36_000_000, time.Hour,
			"a.json (1 of 2)  10 %  36,000,000 rows committed  10,000 rows/s  about 9 h left",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := progressOfLoad(c.p, c.rows, c.elapsed); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestProgressOfFold(t *testing.T) {
	if got, want := progressOfFold(1_234_567, 0, 3*time.Second), "folding …  1,234,567 rows committed  3s"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := progressOfFold(1_234_567, 2000, 90*time.Second), "folding …  1,234,567 rows committed, 2,000 of them folded  1m30s"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
