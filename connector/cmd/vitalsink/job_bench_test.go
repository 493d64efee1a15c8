//go:build cgo

package main

import (
	"bytes"
	"database/sql"
	_ "embed"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vitalsink/connector/synth"
)

var jobSamples = flag.Int("job.samples", 2_000_000, "how many samples BenchmarkJob loads, about")

// chunkSamples is how many samples a statement of the script takes.
const chunkSamples = 250_000

// job is the same samples twice: as Junction publishes them, gzip'd within
// Pub/Sub messages, and as plain events in chunks, which are easier to read.
type job struct {
	messages string
	chunks   []string
	samples  int
}

// newJob are samples of a hundred people in the order of time. Every twentieth
// of the events comes again, published later.
func newJob(b *testing.B, samples int) *job {
	b.Helper()
	dir, g, people := b.TempDir(), synth.New(11, mustCatalogue(b)), make([]synth.User, 100)
	for i := range people {
		people[i] = g.User()
	}
	j := &job{messages: filepath.Join(dir, "messages.ndjson")}
	var messages, events bytes.Buffer
	flush := func() {
		j.chunks = append(j.chunks, filepath.Join(dir, fmt.Sprintf("events-%04d.ndjson", len(j.chunks))))
		appendFile(b, j.chunks[len(j.chunks)-1], &events)
		appendFile(b, j.messages, &messages)
	}
	begun, at := 0, time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for n := 0; j.samples < samples; n++ {
		for _, part := range []struct {
			resource string
			samples  int
		}{{"heartrate", 300}, {"steps", 60}, {"hrv", 60}, {"calories_active", 60}, {"respiratory_rate", 30}} {
			eventType := "daily.data." + part.resource + ".created"
			body := g.Event(eventType, synth.Modern, people[n%len(people)], at, part.samples)
			for again := 0; again == 0 || again == 1 && n%20 == 0; again++ {
				m := g.Message(eventType, body, at.Add(time.Duration(30+again)*time.Hour))
				messages.Write(restLine(m))
				fmt.Fprintf(&events, "%s,\"published_at\":%q,\"message_id\":%q}\n", body[:len(body)-1], m.PublishTime.Format(time.RFC3339Nano), m.ID)
				j.samples += part.samples
			}
		}
		if n%len(people) == len(people)-1 {
			at = at.Add(24 * time.Hour)
		}
		if j.samples-begun >= chunkSamples {
			begun = j.samples
			flush()
		}
	}
	flush()
	return j
}

func appendFile(b *testing.B, path string, text *bytes.Buffer) {
	b.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := text.WriteTo(f); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkJob is all of load, on an empty DuckDB file, and beside it what one
// would write by hand in DuckDB's own SQL: an operation is the whole job.
func BenchmarkJob(b *testing.B) {
	j := newJob(b, *jobSamples)
	var rows int
	for _, way := range []struct {
		name string
		load func(b *testing.B, j *job, file string)
	}{{"by_hand", byHand}, {"load", loadJob}} {
		b.Run(way.name, func(b *testing.B) {
			file, n := "", 0
			for b.Loop() {
				file = filepath.Join(b.TempDir(), fmt.Sprintf("%d.duckdb", n))
				way.load(b, j, file)
				n++
			}
			b.ReportMetric(float64(n*j.samples)/b.Elapsed().Seconds(), "samples/s")
			if got := countSamples(b, file); rows == 0 {
				rows = got
			} else if got != rows {
				b.Errorf("%d rows, by hand %d", got, rows)
			}
		})
	}
}

func loadJob(b *testing.B, j *job, file string) {
	var out, errs strings.Builder
	if code := execute(b.Context(), []string{"load", "--warehouse", "duckdb://" + file, j.messages}, streams{nil, &out, &errs}); code != exitDone {
		b.Fatalf("load exited with %d: %s", code, errs.String())
	}
}

//go:embed testdata/byhand/create.sql
var byHandCreate string

//go:embed testdata/byhand/chunk.sql
var byHandChunk string

func byHand(b *testing.B, j *job, file string) {
	db, err := sql.Open("duckdb", file)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := db.ExecContext(b.Context(), byHandCreate); err != nil {
		b.Fatal(err)
	}
	for _, chunk := range j.chunks {
		if _, err := db.ExecContext(b.Context(), byHandChunk, chunk); err != nil {
			b.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
}

func countSamples(b *testing.B, file string) (n int) {
	b.Helper()
	db, err := sql.Open("duckdb", file+"?access_mode=read_only")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // only read
	if err := db.QueryRowContext(b.Context(), "SELECT count(*) FROM timeseries").Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}
