package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain also makes the test binary the program itself: under the name
// vitalsink, which is in the PATH of the tests, it runs main. So tests can
// start it, and kill it, without building it a second time. Under the name
// pubsub-server it is a Pub/Sub server. What it logs is text, as on a terminal,
// unless a test says otherwise.
func TestMain(m *testing.M) {
	if _, set := os.LookupEnv("VITALSINK_LOG_FORMAT"); !set {
		if err := os.Setenv("VITALSINK_LOG_FORMAT", "text"); err != nil {
			panic(err)
		}
	}
	testscript.Main(m, map[string]func(){"vitalsink": main, "pubsub-server": servePubSub})
}

func TestReport(t *testing.T) {
	broken, quarantine := errors.New("the disk is full"), attention{"2 messages are in quarantine"}
	for name, c := range map[string]struct {
		err  error
		code int
		says []string
	}{
		"nothing":   {nil, exitDone, nil},
		"failure":   {broken, exitFailed, []string{"the disk is full"}},
		"attention": {quarantine, exitAttention, []string{"2 messages"}},
		"usage":     {usage{errors.New("no such flag")}, exitUsage, []string{"no such flag"}},
		"wrapped":   {fmt.Errorf("load: %w", broken), exitFailed, []string{"load: the disk is full"}},
		// A load that broke off after it had quarantined something is not done.
		"failure and attention": {errors.Join(nil, broken, nil, quarantine), exitFailed, []string{"the disk is full", "2 messages"}},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs strings.Builder
			if code := report(streams{nil, &out, &errs}, c.err); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			for _, text := range c.says {
				if !strings.Contains(errs.String(), text) {
					t.Errorf("%q does not say %q", errs.String(), text)
				}
			}
			if out.Len() > 0 {
				t.Errorf("standard output: %q", out.String())
			}
		})
	}
}
