package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs the command line as people do: an archive a topic, each
// with its input. The commands that testscript does not have:
//
//	exits N program [args]        run it; the exit code must be N
//	oneline REGEXP                the last standard error is one line that matches
//	                              (like stderr, but nothing may stand beside it)
//
// and, in the files beside this one, commands that make input (scenario,
// message, bytes, longline, shuffle, deal, wrap, gzip), that look into a
// warehouse (tables, original), and that play with the system (hold, release,
// tmpfs, filldisk).
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setUpScript,
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "oneline": oneline,
			"scenario": scenario, "message": message, "bytes": rawBytes, "longline": longLine,
			"shuffle": shuffle, "deal": deal, "wrap": wrap, "gzip": gzipFile,
			"tables": tables, "original": original,
			"hold": hold, "release": release, "tmpfs": tmpfs, "filldisk": fillDisk,
		},
	})
}

func setUpScript(env *testscript.Env) error {
	env.Setenv("GORACE", quickExit())
	env.Values[heldKey{}] = map[string]*held{}
	return nil
}

// quickExit is the race detector's configuration without the second that it
// sleeps at every exit.
func quickExit() string { return strings.TrimSpace(os.Getenv("GORACE") + " atexit_sleep_ms=0") }

// condition adds [mount]: whether this test may mount a file system.
func condition(name string) (bool, error) {
	if name == "mount" {
		return canMount(), nil
	}
	return false, errors.New("unknown condition " + name)
}

// exits runs a program and compares its exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits N program [args]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var ended *exec.ExitError
		if !errors.As(err, &ended) {
			ts.Fatalf("%v", err)
		}
		code = ended.ExitCode()
	}
	if code != want {
		ts.Fatalf("%s exited with %d, want %d", filepath.Base(args[1]), code, want)
	}
}

// oneline wants the last standard error to be a single line.
func oneline(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: oneline REGEXP")
	}
	text := ts.ReadFile("stderr")
	if !strings.HasSuffix(text, "\n") || strings.Count(text, "\n") != 1 {
		ts.Fatalf("standard error is not one line:\n%s", text)
	}
	text = strings.TrimSuffix(text, "\n")
	if matched, err := regexp.MatchString(args[0], text); err != nil || !matched {
		ts.Fatalf("%q does not match %#q (%v)", text, args[0], err)
	}
}
