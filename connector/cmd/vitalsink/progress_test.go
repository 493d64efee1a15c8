package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Where there is no terminal, something long says so every 30 s, and what is
// short says nothing.
func TestShowProgressWithoutTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out screen
		stop := showProgress(&out, func() string { return "a\tb\x1b[2J" })
		time.Sleep(sayEvery - time.Nanosecond)
		synctest.Wait()
		if out.String() != "" {
			t.Errorf("within %s it said %q", sayEvery, out.String())
		}
		time.Sleep(2 * sayEvery)
		synctest.Wait()
		stop()
		if want := strings.Repeat("a?b?[2J\n", 2); out.String() != want {
			t.Errorf("it said %q, want %q", out.String(), want)
		}
	})
}

// Stopping waits for what is being done, and nothing is done after it.
func TestEveryStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done := 0
		stop := every(time.Second, func() {
			time.Sleep(5 * time.Second)
			done++
		})
		time.Sleep(2 * time.Second)
		stop()
		if done != 1 {
			t.Errorf("done %d times, want once", done)
		}
	})
}

func TestDraw(t *testing.T) {
	for name, c := range map[string]struct {
		line  string
		width int
		want  string
	}{
		"fits":                  {"abcdef", 80, "abcdef"},
		"just fits":             {"abcdef", 7, "abcdef"},
		"too long":              {"abcdef", 6, "abcde"},
		"beyond ASCII":          {"äöüab", 6, "äö"},
		"wide":                  {"数据数据", 8, "数据数"},
		"what a terminal obeys": {"a\r\nb\x1b[2Jc", 80, "a??b?[2Jc"},
		"nothing":               {"", 80, ""},
		"hardly a terminal":     {"abc", 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			draw(&out, c.line, c.width)
			if got := strings.TrimPrefix(out.String(), clearLine); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
