package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestGenerate(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	var errs strings.Builder
	if code := execute(t.Context(), []string{"generate", "--users", "1", "--days", "1", "--start", "2025-12-01"}, streams{nil, &out, &errs}); code != exitDone {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	lines := strings.Count(out.String(), "\n")
	for _, text := range []string{" messages with ", " samples; users: 1\n"} {
		if !strings.Contains(errs.String(), text) {
			t.Errorf("%q does not say %q", errs.String(), text)
		}
	}
	if n := number(t, strings.Fields(errs.String())[0]); n != lines || n < 50 {
		t.Errorf("it says %d messages and prints %d lines", n, lines)
	}
	if n := strings.Count(out.String(), `"publishTime":"2025-12-0`); n < lines/2 {
		t.Errorf("%d of %d messages are of the first days", n, lines)
	}
}

func TestGenerateUsage(t *testing.T) {
	for name, c := range map[string]struct{ args, says string }{
		"no users":   {"--users 0", "users 0: give a number from 1"},
		"no days":    {"--days=-1", "days -1: give a number from 1"},
		"a share":    {"--late 1.5", "late 1.5: give a share of the messages, from 0 to 1"},
		"no number":  {"--bad NaN", "bad NaN: give a share"},
		"no day":     {"--start monday", "--start monday: write a day, such as 2026-03-02"},
		"all of it":  {"--users 0 --days 0", "days 0: give a number from 1 to 10000\nusers 0"},
		"an unknown": {"--weeks 2", "see vitalsink generate --help"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs strings.Builder
			args := append([]string{"generate"}, strings.Fields(c.args)...)
			if code := execute(t.Context(), args, streams{nil, &out, &errs}); code != exitUsage {
				t.Errorf("exit code %d", code)
			}
			if !strings.Contains(errs.String(), c.says) || out.Len() > 0 {
				t.Errorf("%q does not say %q", errs.String(), c.says)
			}
		})
	}
}

// The truth is written to what is there: renamed into its place, a file once
// took the place of a device.
func TestTruthGoesThroughLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target.ndjson"), filepath.Join(dir, "link.ndjson")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	args := []string{"generate", "--users", "1", "--days", "1", "--truth", link}
	if code := execute(t.Context(), args, streams{nil, io.Discard, &errs}); code != exitDone {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	if info, err := os.Stat(target); err != nil || info.Size() == 0 {
		t.Errorf("the target of the link: %v %v", info, err)
	}
}

func TestGenerateFails(t *testing.T) {
	t.Parallel()
	fails := func(ctx context.Context, to *os.File, says string, flags ...string) {
		t.Helper()
		var errs strings.Builder
		args := append([]string{"generate", "--users", "1", "--days", "1"}, flags...)
		if code := execute(ctx, args, streams{nil, to, &errs}); code != exitFailed || !strings.Contains(errs.String(), says) {
			t.Errorf("exit code %d: %q does not say %q", code, errs.String(), says)
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	fails(t.Context(), w, "the reader of the messages ended before the messages did")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	fails(t.Context(), w, "write messages: ")
	dir := t.TempDir()
	fails(t.Context(), w, "--truth", "--truth", filepath.Join(dir, "none", "truth.ndjson"))
	// Interrupted, it leaves no half of a truth behind.
	stopped, stop := context.WithCancel(t.Context())
	stop()
	fails(stopped, w, "--truth", "--truth", filepath.Join(dir, "truth.ndjson"))
	fails(stopped, w, "stopped before the end")
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
