//go:build cgo && linux

package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"github.com/dustin/go-humanize"

	"vitalsink/connector/connectortest"
)

// How much TestScale takes. "make scale" has 10 million samples.
var (
	scaleUsers  = flag.Int("scale.users", 8, "people of TestScale; each has about 4,000 samples a day")
	scaleDays   = flag.Int("scale.days", 2, "days of TestScale")
	scaleMemory = flag.String("scale.memory", "1GiB", "--memory of TestScale's processes")
)

// scaleShare is how much of the messages comes from a file; the others come
// from Pub/Sub, whose stand-ins are too slow for all of them.
const scaleShare = 0.8

// A lot of samples, badly delivered, through "load" and then "run", which are
// processes of their own: the tables are what the generator knows they must
// be, and neither process takes more memory than it was told to.
func TestScale(t *testing.T) {
	connectortest.Long(t)
	t.Parallel()
	began := time.Now()
	messages, truth := generated(t, "--users", fmt.Sprint(*scaleUsers), "--days", fmt.Sprint(*scaleDays),
		"--duplicates", "0.1", "--disorder", "0.1", "--updates", "0.05", "--late", "0.01")
	t.Logf("generated %s of messages, and the truth, in %s", sizeOf(t, messages), time.Since(began).Round(time.Second))
	first, rest := splitLines(t, messages, scaleShare)
	file := filepath.Join(t.TempDir(), "scale.duckdb")
	scaleLoad(t, file, first)
	scaleRun(t, file, rest)
	began = time.Now()
	compareWithTruth(t, file, truth)
	t.Logf("the tables (%s) equal the truth, found in %s", sizeOf(t, file), time.Since(began).Round(time.Second))
}

func sizeOf(t testing.TB, path string) string {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return humanize.IBytes(uint64(info.Size()))
}

// splitLines cuts a file in two, at the end of a line.
func splitLines(t testing.TB, path string, share float64) (first, rest string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := int(float64(len(text)) * share)
	at += bytes.IndexByte(text[at:], '\n') + 1
	first, rest = path+".first", path+".rest"
	for name, part := range map[string][]byte{first: text[:at], rest: text[at:]} {
		if err := os.WriteFile(name, part, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return first, rest
}

func scaleLoad(t testing.TB, file, input string) {
	t.Helper()
	began := time.Now()
	p := &process{Cmd: exec.Command("vitalsink", "load", "--json", "--memory", *scaleMemory, "--warehouse", "duckdb://"+file, input)}
	var result bytes.Buffer
	p.Stdout, p.Stderr = &result, &p.wrote
	p.start(t)
	peak := watchMemory(t, p)
	if err := p.Wait(); err != nil {
		t.Fatalf("load: %v\n%s", err, p.wrote.String())
	}
	var l loaded
	if err := json.Unmarshal(result.Bytes(), &l); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	checkBalance(t, l)
	t.Logf("load: %s messages, %s rows in %s: %s rows/s", humanize.Comma(int64(l.Books.Messages)), humanize.Comma(int64(l.Books.Rows)),
		took.Round(time.Second), humanize.Comma(int64(float64(l.Books.Rows)/took.Seconds())))
	checkPeak(t, "load", <-peak)
}

// checkBalance wants every row that was decoded to be accounted for.
func checkBalance(t testing.TB, l loaded) {
	t.Helper()
	b, f := l.Books, l.Folded.Books
	if b.RowsDecoded != b.Rows+b.RowsQuarantined || b.Messages != b.MessagesLanded+b.MessagesEmpty {
		t.Errorf("the ingest's books do not balance: %+v", b)
	}
	if !f.Balanced() || f.Registered != b.Rows {
		t.Errorf("the folds' books do not balance: %+v, of %d rows", f, b.Rows)
	}
}

func scaleRun(t *testing.T, file, input string) {
	t.Helper()
	server := newPublisher(t)
	began := time.Now()
	p := startProcessAt(t, server.address, file, "--memory", *scaleMemory, "--http", "127.0.0.1:0", "--flush-interval", "2s", "--fold-interval", "2s")
	peak := watchMemory(t, p)
	n := server.publishLines(t, p, input)
	rows := awaitFolded(t, p, n)
	took := time.Since(began)
	p.terminate(t)
	t.Logf("run against %s: %s messages, %s rows in %s: %s rows/s; %v", server.name, humanize.Comma(n), humanize.Comma(int64(rows["appended"])),
		took.Round(time.Second), humanize.Comma(int64(rows["appended"]/took.Seconds())), whole(rows))
	checkPeak(t, "run", <-peak)
	if server.pstest != nil && server.pstest.nacked.Load() != 0 {
		t.Errorf("%d messages were given back", server.pstest.nacked.Load())
	}
}

// awaitFolded returns the rows by outcome once n messages are received and all
// that was appended is folded.
func awaitFolded(t testing.TB, p *process, n int64) map[string]float64 {
	t.Helper()
	ticker := time.NewTicker(500 * time.Millisecond)
	defer ticker.Stop()
	for giveUp := time.Now().Add(5 * time.Minute); time.Now().Before(giveUp); <-ticker.C {
		_, text := p.get(t, "/metrics")
		rows := sumOf(t, rowsMetric, text)
		if p.received(t) >= n && p.metric(t, "vitalsink_messages_held") == "0" &&
			rows["appended"] == rows["applied"]+rows["superseded"]+rows["stale"] {
			return rows
		}
	}
	t.Fatalf("not all is folded: %s", p.wrote.String())
	return nil
}

// whole are counts as whole numbers.
func whole(rows map[string]float64) map[string]int {
	counts := map[string]int{}
	for outcome, n := range rows {
		counts[outcome] = int(n)
	}
	return counts
}

var rowsMetric = regexp.MustCompile(`(?m)^vitalsink_rows_total\{outcome="([a-z]+)",table="[a-z_]+"\} (\S+)$`)

var peakResident = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// watchMemory reads the peak of a process's resident memory, in bytes, until
// it ends.
func watchMemory(t testing.TB, p *process) <-chan uint64 {
	t.Helper()
	status := fmt.Sprintf("/proc/%d/status", p.Process.Pid)
	result := make(chan uint64, 1)
	go func() {
		var peak uint64
		defer func() { result <- peak }()
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		for range ticker.C {
			text, err := os.ReadFile(status)
			m := peakResident.FindSubmatch(text)
			if err != nil || m == nil {
				return // it has ended
			}
			if kib, err := strconv.ParseUint(string(m[1]), 10, 64); err == nil {
				peak = max(peak, kib<<10)
			}
		}
	}()
	return result
}

// raceEnabled tells whether this binary was built with the race detector.
func raceEnabled() bool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return false
	}
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}

func checkPeak(t testing.TB, what string, peak uint64) {
	t.Helper()
	budget, err := humanize.ParseBytes(*scaleMemory)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: peak of resident memory %s, told %s", what, humanize.IBytes(peak), *scaleMemory)
	if raceEnabled() { // the detector takes several times as much
		return
	}
	if peak == 0 || peak > budget {
		t.Errorf("%s took %s, and was told %s", what, humanize.IBytes(peak), *scaleMemory)
	}
}
