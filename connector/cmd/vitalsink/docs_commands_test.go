//go:build cgo

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vitalsink/connector/connectortest"
)

// TestCommandsRun runs what pages tell people to type: the commands of a page
// one after the other in one folder, with a file of generated messages in it
// and, unless the page loads it itself, the tables of these. Behind
// bigquery:// and Junction's API there are stand-ins. Each must be done, with
// exit code 0 or 3.
//
// Not run, but parsed (TestCommandsAreParsed): what another program of Google's
// or a browser is needed for; run and webhook, which do not end, as a
// demo that is to last (TestNight), and what publishes or receives, all of which other tests start (TestRunIntoBigQuery,
// TestWebhookIntoFile, TestBackfillAmongLiveEvents, TestReplayDeadLetters); and
// make, which would run itself.
func TestCommandsRun(t *testing.T) {
	connectortest.Long(t)
	a := newAudited(t, 1, 1)
	person := a.people[0].ID
	bigQuery := newEmptyBigQuery(t)
	env := append(os.Environ(), "GORACE="+quickExit(),
		"VITALSINK_API_URL="+a.URL, keyVariable+"=sk_us_standin", "VITALSINK_REQUEST_RATE=1000", "VITALSINK_SETTLE=0s",
		emulatorVariable+"="+bigQuery.RESTAddr(), storageEmulatorVariable+"="+bigQuery.WriteAddr(), "ID="+person)
	// The message that pages speak of is gzip'd, and no JSON.
	refused := `{"messageId":"17","publishTime":"2026-05-01T09:00:00Z","attributes":{"event-type":"daily.data.sleep.created","blob-codec":"gzip"},"data":"H4sIAAAAAAAAA8vLV/AK9vcDAKBtUAIHAAAA"}` + "\n"
	messages, err := os.ReadFile(a.messages)
	if err != nil {
		t.Fatal(err)
	}
	events := filepath.Join(t.TempDir(), "events.ndjson")
	if err := os.WriteFile(events, append(messages, refused...), 0o600); err != nil {
		t.Fatal(err)
	}
	tables := loadedFile(t, events)
	ran := 0
	for page, text := range pages(t) {
		t.Run(page, func(t *testing.T) {
			dir := t.TempDir()
			mustLink(t, events, filepath.Join(dir, "events.ndjson"))
			if err := os.Mkdir(filepath.Join(dir, "bin"), 0o700); err != nil {
				t.Fatal(err)
			}
			program, err := exec.LookPath("vitalsink") // see TestMain
			if err != nil {
				t.Fatal(err)
			}
			mustLink(t, program, filepath.Join(dir, "bin/vitalsink"))
			if !strings.Contains(text, "vitalsink load events.ndjson") {
				mustCopy(t, tables, filepath.Join(dir, "vitalsink.duckdb"))
			}
			for _, line := range shellLines(text) {
				if !runnable(line) {
					continue
				}
				ran++
				t.Log(line)
				command := exec.CommandContext(t.Context(), "bash", "-c", "set -o pipefail; "+standsFor.Replace(strings.ReplaceAll(line, "--user ID", "--user "+person)))
				command.Dir, command.Env = dir, env
				out, err := command.CombinedOutput()
				if code := command.ProcessState.ExitCode(); code != exitDone && code != exitAttention {
					t.Errorf("%v\n%s\n%.1000s", err, line, strings.ReplaceAll(string(out), person, "ID"))
				}
			}
		})
	}
	if ran < 25 {
		t.Errorf("only %d commands were run", ran)
	}
}

// standsFor are what stands for something else on pages, and what would take
// minutes.
var standsFor = strings.NewReplacer("--message ID", "--message 17", "--users 100 --days 7 ", "--users 1 --days 1 ", "--users 2 --days 2 ", "--users 1 --days 1 ")

// runnable tells whether a line is one of ours that needs nothing that a test
// has not.
func runnable(line string) bool {
	ours := false
	for _, command := range commandsOf(line) {
		switch {
		case len(command) == 0:
		case isProgram(command):
			ours = true
			if len(command) > 1 && (command[1] == "run" || command[1] == "webhook") || slices.Contains(command, "--for") && command[1] == "demo" {
				return false
			}
		case !slices.Contains([]string{"printf", "gzip", "gunzip", "jq", "base64", "tr", "sha256sum", "head", "cp"}, command[0]):
			return false
		}
	}
	return ours && !strings.Contains(line, "pubsub://") && !strings.Contains(line, "PROJECT")
}

func mustLink(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Symlink(from, to); err != nil {
		t.Fatal(err)
	}
}

func mustCopy(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
