//go:build cgo && linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitalsink/connector/connectortest"
	"vitalsink/connector/files"
)

// TestNight is what README's "Break it" has somebody do who has nothing but the
// binary: the demo goes on and on in a file on a small disk, the disk is filled,
// log and page say what to do, it is done, and the demo goes on by itself. In
// the end nothing is lost.
func TestNight(t *testing.T) {
	connectortest.Long(t)
	t.Parallel()
	disk := connectortest.NewDisk(t, "512m")
	file := filepath.Join(disk.Dir, "demo.duckdb")
	p := &process{Cmd: exec.Command("vitalsink", "demo", "--file", file, "--for", "1h", "--http", "127.0.0.1:0")} // see TestMain
	p.Env = append(os.Environ(), "GORACE="+quickExit())
	var out strings.Builder
	p.Stdout, p.Stderr = &out, &p.wrote
	p.start(t)
	landed := func(more int) {
		t.Helper()
		before, began := p.received(t), time.Now()
		await(t, "messages to land", func() bool {
			return p.received(t) >= before+int64(more) && p.received(t) > 0 || time.Since(began) > 4*time.Minute
		})
	}
	// The page, and the log, have to say all of it.
	says := func(page, log []string) {
		t.Helper()
		for _, line := range page {
			await(t, "the page to say "+line, func() bool { _, html := p.get(t, "/"); return strings.Contains(html, line) })
		}
		for _, line := range log {
			await(t, "the log to say "+line, func() bool { return strings.Contains(p.wrote.String(), line) })
		}
	}
	says([]string{"It works"}, nil)
	landed(50)

	disk.Fill(t, 0)
	says([]string{"Paused for", "No space left on device", "Mend what is named: a disk that is full"}, []string{"the warehouse fails", "No space left on device"})

	disk.Free(t)
	says([]string{"It works"}, []string{"the warehouse works again"})
	landed(50)

	if err := p.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatalf("it ends with %v: %s", err, p.wrote.String())
	}
	m := regexp.MustCompile(`(?m)^messages +([0-9,]+) = `).FindStringSubmatch(out.String())
	if m == nil {
		t.Fatalf("it does not say how many messages: %s", out.String())
	}
	sent, err := strconv.Atoi(strings.ReplaceAll(m[1], ",", ""))
	if err != nil || sent < 100 {
		t.Fatalf("%d messages: %v", sent, err)
	}
	checkFile(t, file)
	columns := map[string]string{}
	for _, table := range mustCatalogue(t).Versioned() {
		columns[table.Name] = "*"
	}
	columns["quarantine"] = "* EXCLUDE (attributes)" // the demo's transport adds to them
	want := rowsOf(t, loadedBy(t, exitAttention, firstOfDemo(t, sent)), columns)
	if got := rowsOf(t, file, columns); !slices.Equal(got, want) {
		t.Errorf("%d rows, want the %d of the %d messages that were sent: %.500s", len(got), len(want), sent, cmp.Diff(want, got))
	}
}

// firstOfDemo is a file of the first messages that a demo which lasts sends.
func firstOfDemo(t *testing.T, n int) string {
	t.Helper()
	people := demoPopulation
	people.Days = demoDays
	name := filepath.Join(t.TempDir(), "sent.ndjson")
	f, err := os.Create(name) //nolint:gosec // in the test's folder
	if err != nil {
		t.Fatal(err)
	}
	for m := range people.Messages(t.Context(), mustCatalogue(t)) {
		if n--; n < 0 {
			break
		}
		line, err := files.AppendLine(nil, &m)
		if err == nil {
			_, err = f.Write(append(line, '\n'))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}
