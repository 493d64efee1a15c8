//go:build cgo && unix

package main

import (
	"bytes"
	"database/sql"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"vitalsink/connector/connectortest"
	"vitalsink/connector/synth"
	"vitalsink/transforms"
)

var (
	jobSamples = flag.Int("job.samples", 2_000_000, "how many samples BenchmarkJob loads, about")
	jobDir     = flag.String("job.dir", "", "where BenchmarkJob keeps its input, for the next time; default: nowhere")
)

// chunkSamples is how many samples a statement of the script takes.
const chunkSamples = 250_000

// job is the same samples twice: as Junction publishes them, gzip'd within
// Pub/Sub messages, and as plain events in chunks, which are easier to read.
type job struct {
	messages string
	chunks   []string
	samples  int
}

// newJob makes the input, or takes what is there from before.
func newJob(b testing.TB, samples int) *job {
	b.Helper()
	dir := b.TempDir()
	if *jobDir != "" {
		dir = filepath.Join(*jobDir, fmt.Sprintf("job-%d", samples))
	}
	done := filepath.Join(dir, "samples")
	if _, err := os.Stat(done); err != nil {
		if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
			b.Fatal(err)
		}
		n := writeJob(b, dir, samples)
		if err := os.WriteFile(done, []byte(strconv.Itoa(n)), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	j := &job{messages: filepath.Join(dir, "messages.ndjson")}
	text, err := os.ReadFile(done)
	if err == nil {
		j.samples, err = strconv.Atoi(string(text))
	}
	if err == nil {
		j.chunks, err = filepath.Glob(filepath.Join(dir, "events-*.ndjson"))
	}
	if err != nil {
		b.Fatal(err)
	}
	return j
}

// writeJob writes samples in the order of time. Every twentieth of the events
// comes again, published later.
func writeJob(b testing.TB, dir string, samples int) (written int) {
	b.Helper()
	var messages, events bytes.Buffer
	chunks := 0
	flush := func() {
		appendFile(b, filepath.Join(dir, fmt.Sprintf("events-%04d.ndjson", chunks)), &events)
		appendFile(b, filepath.Join(dir, "messages.ndjson"), &messages)
		chunks++
	}
	c, begun := newCrowd(b, 11), 0
	for written < samples {
		c.live(func(m transforms.Message, body []byte, samples int) {
			messages.Write(restLine(m))
			fmt.Fprintf(&events, "%s,\"published_at\":%q,\"message_id\":%q}\n", body[:len(body)-1], m.PublishTime.Format(time.RFC3339Nano), m.ID)
			written += samples
		})
		if written-begun >= chunkSamples {
			begun = written
			flush()
		}
	}
	flush()
	return written
}

// crowd are a hundred people, who wear their devices day by day.
type crowd struct {
	g      *synth.Generator
	people []synth.User
	at     time.Time
	lived  int // days of one
}

// crowdResources are what their devices measure, and how often a day.
var crowdResources = []struct {
	name    string
	samples int
}{{"heartrate", 300}, {"steps", 60}, {"hrv", 60}, {"calories_active", 60}, {"respiratory_rate", 30}}

func newCrowd(tb testing.TB, seed uint64) *crowd {
	tb.Helper()
	c := &crowd{g: synth.New(seed, mustCatalogue(tb)), people: make([]synth.User, 100), at: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)}
	for i := range c.people {
		c.people[i] = c.g.User()
	}
	return c
}

// live publishes the next day of the next of them.
func (c *crowd) live(publish func(m transforms.Message, body []byte, samples int)) {
	for _, r := range crowdResources {
		eventType := "daily.data." + r.name + ".created"
		body := c.g.Event(eventType, synth.Modern, c.people[c.lived%len(c.people)], c.at, r.samples)
		for again := 0; again == 0 || again == 1 && c.lived%20 == 0; again++ {
			publish(c.g.Message(eventType, body, c.at.Add(time.Duration(30+again)*time.Hour)), body, r.samples)
		}
	}
	if c.lived++; c.lived%len(c.people) == 0 {
		c.at = c.at.Add(24 * time.Hour)
	}
}

func appendFile(b testing.TB, path string, text *bytes.Buffer) {
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
		load func(b testing.TB, j *job, file string)
	}{{"by_hand", byHand}, {"load", loadJob}} {
		b.Run(fmt.Sprintf("samples=%d/%s", *jobSamples, way.name), func(b *testing.B) {
			file, n, cpu := "", 0, connectortest.StartCPU(b)
			for b.Loop() {
				file = filepath.Join(b.TempDir(), fmt.Sprintf("%d.duckdb", n))
				way.load(b, j, file)
				n++
			}
			cpu.Report(b)
			b.ReportMetric(float64(n*j.samples)/b.Elapsed().Seconds(), "samples/s")
			if got := countSamples(b, file); rows == 0 {
				rows = got
			} else if got != rows {
				b.Errorf("%d rows, by hand %d", got, rows)
			}
		})
	}
}

// TestJobPace: load has not become several times slower than the same by hand.
func TestJobPace(t *testing.T) {
	connectortest.Long(t)
	j := newJob(t, 100_000)
	took := func(load func(testing.TB, *job, string), file string) float64 {
		clock := connectortest.StartCPU(t)
		load(t, j, filepath.Join(t.TempDir(), file))
		return clock.Spent(t).Seconds()
	}
	var ratios []float64
	for range 3 {
		ratios = append(ratios, took(loadJob, "load.duckdb")/took(byHand, "by_hand.duckdb"))
	}
	slices.Sort(ratios)
	const most = 6 // most of it is the start; docs/performance.md has the figures
	if t.Logf("load takes %.1f times the processor time of the same by hand", ratios[1]); ratios[1] > most {
		t.Errorf("want %d times at most", most)
	}
}

func loadJob(b testing.TB, j *job, file string) {
	var out, errs strings.Builder
	if code := execute(b.Context(), []string{"load", "--warehouse", "duckdb://" + file, j.messages}, streams{nil, &out, &errs}); code != exitDone {
		b.Fatalf("load exited with %d: %s", code, errs.String())
	}
}

//go:embed testdata/byhand/create.sql
var byHandCreate string

//go:embed testdata/byhand/chunk.sql
var byHandChunk string

func byHand(b testing.TB, j *job, file string) {
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

func countSamples(b testing.TB, file string) (n int) {
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
