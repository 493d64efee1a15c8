//go:build cgo

package bigquery

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	diff "github.com/google/go-cmp/cmp"
)

// What somebody sees of a fault.
const (
	wordNothing = "nothing"
	wordDelay   = "a delay"
	wordPaused  = "paused"
	wordBehind  = "tables fall behind"
	wordRefused = "rows in quarantine"
)

// meanings are what the lines say that the service logs at WARN and above, by
// their beginnings.
var meanings = map[string]string{
	"the warehouse fails: receiving is paused":        wordPaused,
	"cannot read who is erased":                       "", // where it fails at the start; the fold reads it itself
	"the warehouse works again":                       "",
	"a fold failed":                                   wordBehind,
	"folding pauses":                                  wordBehind,
	"folding works again":                             "",
	"writers do not see a table or a column":          wordDelay,
	"the warehouse refuses rows of a batch":           wordRefused,
	"messages went to quarantine, in full or in part": "", // one is to
}

// heard is a log that is listened to, for what needs a person.
type heard struct {
	mu    sync.Mutex
	lines []line
	// told is closed when the words for enough effects have come.
	told   chan struct{}
	enough int
	mended bool // what is said from then on is not about the fault
}

// line is a line of the log.
type line struct{ Msg, Error string }

func (h *heard) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(h, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func (h *heard) Write(text []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var l line
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&l); err != nil {
		return 0, err
	}
	if _, known := l.meaning(); known && h.mended {
		return len(text), nil
	}
	h.lines = append(h.lines, l)
	if words, _ := h.meanings(); len(words) == h.enough && h.enough > 0 {
		h.enough = 0
		close(h.told)
	}
	return len(text), nil
}

func (l line) meaning() (word string, known bool) {
	for beginning, word := range meanings {
		if strings.HasPrefix(l.Msg, beginning) {
			return word, true
		}
	}
	return "", false
}

// mend is called when the fault is about to be.
func (h *heard) mend() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mended = true
}

// meanings are the words for the lines, and lines that have none.
func (h *heard) meanings() (words, unknown []string) {
	for _, l := range h.lines {
		word, known := l.meaning()
		if !known {
			unknown = append(unknown, l.Msg)
		}
		if word != "" && !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	slices.Sort(words)
	return words, unknown
}

// words are all that was seen.
func (h *heard) words(t *testing.T) string {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	words, unknown := h.meanings()
	for _, text := range unknown {
		t.Errorf("a line in the log of which docs/faults.md does not tell: %s", text)
	}
	return cmp.Or(strings.Join(words, ", "), wordNothing)
}

// named are ids in errors that are others in every run.
var named = regexp.MustCompile(`vitalsink_([a-z]+)_[\w-]+|[0-9a-f]{8}-[0-9a-f-]{27}`)

// chance is what in errors is of chance where all calls fail: which fence was
// read first, and whether the last of several tries was still waited for.
var chance = regexp.MustCompile(`read \w+_fence|backendError|the connection broke off|no answer in time|no connection: .*`)

// errors are what the lines say of the reason.
func (h *heard) errors(byChance bool) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []string
	for _, l := range h.lines {
		text := named.ReplaceAllString(l.Error, "…$1")
		if byChance {
			text = chance.ReplaceAllString(text, "…")
		}
		if word, _ := l.meaning(); word != "" && !slices.Contains(errs, text) {
			errs = append(errs, text)
		}
	}
	slices.Sort(errs)
	return errs
}

const faultTableFile = "../../docs/faults.md"

// compareFaultTable compares what was seen with the file, or writes it.
func compareFaultTable(t *testing.T, rows []unlucky, found []*seen) {
	t.Helper()
	text := faultTable(rows, found)
	if *update {
		if err := os.MkdirAll("../../docs", 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(faultTableFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(faultTableFile)
	if err != nil {
		t.Fatal(err)
	}
	if d := diff.Diff(strings.Split(string(have), "\n"), strings.Split(text, "\n")); d != "" {
		t.Errorf("docs/faults.md says otherwise; if that is meant, write it with -update (-said +seen):\n%s", d)
	}
}

func faultTable(rows []unlucky, found []*seen) string {
	var b strings.Builder
	b.WriteString(faultTableHead)
	for i, row := range rows {
		s := found[i]
		sees := s.words
		for _, e := range s.log {
			sees += "; `" + e + "`"
		}
		happens := row.happens
		if row.counts != "" {
			happens += fmt.Sprintf(" (%s: %d more)", row.counts, s.more)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", row.fault, row.where, escaped(sees), escaped(happens), s.lost)
	}
	return b.String()
}

// escaped is text that may stand in a cell.
func escaped(text string) string { return strings.ReplaceAll(text, "|", "\\|") }

const faultTableHead = `# What goes wrong with BigQuery, and what it does to you

A fault is a delay, never a loss. Each line is one fault that was injected into a running service (receiving, appending
and folding, as ` + "`vitalsink run`" + ` does), on the stand-in for BigQuery of this repository, through Google's own clients. None
of it was seen at Google's service: what BigQuery really does in these cases is taken from its documentation.

The table is written by the test that tries all of it:

    go test ./connector/bigquery -run TestFaultMatrix -update

and the test fails when something else happens than what stands here. For each line it compares the tables with those of a
service that nothing happened to, row by row: no row is missing, none is there twice, every message was acknowledged
once and only after its rows were committed, none was given back, nothing is left to fold, and the ledger balances. That is
what "lost: nothing" says. How long things are waited for is shortened in the test; the table tells the service's own times.

Each call of an append is CreateWriteStream, AppendRows, FinalizeWriteStream, BatchCommitWriteStreams, and AppendRows to the
registry. Each call of a fold is tabledata.list, tables.get, jobs.insert, jobs.get, jobs.getQueryResults.

What you see is one of

* **nothing**: not even a call is repeated;
* **a delay**: something is tried again, for seconds or minutes. The log says nothing of it (at WARN and above), and nobody
  needs to do anything;
* **paused**: the log says once, as a warning, "the warehouse fails: receiving is paused until it works again", and
  ` + "`vitalsink_paused`" + ` is 1. What is in hand is kept and tried again. It goes on by itself, and says so;
* **tables fall behind**: the log says, at once and then every 5 minutes, "a fold failed: what is appended is safe and stays
  pending, the tables fall behind", and ` + "`vitalsink_lag_seconds`" + ` grows. Messages are still received and
  acknowledged, and it is tried again at every beat.

A service that cannot read at its start who is erased says so once, and goes on: the fold keeps them out in any case.
After that comes the reason, as the log has it (… stands for names that are others each time). "2 more" are calls, or jobs,
beyond those that it takes without the fault.

| fault | where | what you see | what happens | lost |
|---|---|---|---|---|
`
