package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// outcome is how a check ended.
type outcome string

// The outcomes.
const (
	ok          outcome = "ok"
	differs     outcome = "DIFFERENT"
	failed      outcome = "FAILED"
	cannotBe    outcome = "cannot be shown here"
	notLookedAt outcome = "not looked at" // something went wrong before
)

// finding is what a check found.
type finding struct {
	Check   string  `json:"check"`
	Outcome outcome `json:"outcome"`
	Saw     string  `json:"saw"`
	Assumed string  `json:"assumed"`
	// Means is what it means to a user that it is different, and Code what
	// takes it for granted.
	Means   string         `json:"means,omitempty"`
	Code    string         `json:"code,omitempty"`
	Numbers map[string]any `json:"numbers,omitempty"`
	Seconds float64        `json:"seconds"`
}

// seen is what a check saw: in words, and in numbers for --json.
type seen struct {
	text    string
	numbers map[string]any
}

func (s *seen) set(name string, n any) {
	if s.numbers == nil {
		s.numbers = map[string]any{}
	}
	s.numbers[name] = n
}

func (s *seen) say(format string, args ...any) {
	if s.text != "" {
		s.text += "; "
	}
	s.text += fmt.Sprintf(format, args...)
}

// different ends a check that saw something else than is assumed. means is what
// that means to a user; "" for what the check says of it.
type different struct{ saw, means string }

func (d different) Error() string { return d.saw }

// hidden ends a check of something that cannot be shown here.
type hidden struct{ why string }

func (h hidden) Error() string { return h.why }

// report is all that was found.
type report struct {
	Project  string    `json:"project"`
	Location string    `json:"location"`
	StandIn  bool      `json:"stand_in"` // it says nothing about Google's service
	Dataset  string    `json:"dataset"`
	Findings []finding `json:"findings"`
	OK       int       `json:"ok"`
	Differ   int       `json:"different"`
	Failed   int       `json:"failed"`
	Hidden   int       `json:"cannot_be_shown_here"`
	Skipped  int       `json:"not_looked_at"`
	Billed   int64     `json:"bytes_billed"`
	Dollars  float64   `json:"dollars"`
	Seconds  float64   `json:"seconds"`

	out io.Writer
}

// all goes through the checks, and cleans up whatever became of them.
func (r *report) all(ctx context.Context, progress io.Writer, t *trial) {
	began := time.Now()
	broken := false
	for _, c := range t.checks() {
		if ctx.Err() != nil {
			broken = true
		}
		switch {
		case !c.vital && len(t.options.Only) > 0 && !slices.Contains(t.options.Only, c.name):
			continue
		case broken:
			r.add(c.finding(seen{}, notLookedAt, 0))
			continue
		}
		fmt.Fprintf(progress, "… %s\n", c.name)
		f := c.run(ctx, t)
		r.add(f)
		broken = c.vital && f.Outcome == failed
	}
	r.add(cleanUp.run(context.WithoutCancel(ctx), t))
	r.Billed, r.Seconds = t.billed(), round(time.Since(began))
	r.Dollars = dollars(r.Billed)
	r.sum(t)
}

// run does a check.
func (c check) run(ctx context.Context, t *trial) finding {
	began := time.Now()
	saw, err := c.look(ctx, t)
	var other different
	var here hidden
	result := ok
	switch {
	case err == nil:
	case errors.As(err, &other):
		result = differs
		saw.say("%s", other.saw)
		if other.means != "" {
			c.means = other.means
		}
	case errors.As(err, &here):
		result = cannotBe
		saw.say("%s", here.why)
	case ctx.Err() != nil:
		result = failed
		saw.say("stopped")
	default:
		result = failed
		saw.say("%s", scrub(err))
	}
	return c.finding(saw, result, time.Since(began))
}

func (c check) finding(saw seen, result outcome, took time.Duration) finding {
	f := finding{
		Check: c.name, Outcome: result, Saw: saw.text, Assumed: c.assumed, Code: c.code, Numbers: saw.numbers, Seconds: round(took),
	}
	if result == differs {
		f.Means = c.means
	}
	return f
}

func round(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }

// add prints and counts a finding.
func (r *report) add(f finding) {
	r.Findings = append(r.Findings, f)
	switch f.Outcome {
	case ok:
		r.OK++
	case differs:
		r.Differ++
	case failed:
		r.Failed++
	case cannotBe:
		r.Hidden++
	default:
		r.Skipped++
	}
	fmt.Fprintf(r.out, "%-21s%s (%s s)\n", f.Outcome, f.Check, humanize.Ftoa(f.Seconds))
	lines := [][2]string{{"seen", f.Saw}, {"assumed", f.Assumed}}
	if f.Outcome == differs || f.Outcome == failed {
		lines = append(lines, [2]string{"it means", f.Means}, [2]string{"code", f.Code})
	}
	for _, l := range lines {
		if l[1] != "" && f.Outcome != notLookedAt {
			fmt.Fprintf(r.out, "    %-9s %s\n", l[0], strings.Join(wrapped(l[1], 96), "\n              "))
		}
	}
}

// wrapped is a text in lines of at most so many bytes, if its words are no
// longer.
func wrapped(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(lines, line)
}

// sum prints the summary.
func (r *report) sum(t *trial) {
	fmt.Fprintf(r.out, "\n%d ok, %d different, %d failed, %d cannot be shown here, %d not looked at\n",
		r.OK, r.Differ, r.Failed, r.Hidden, r.Skipped)
	fmt.Fprintf(r.out, "billed for queries: %s, $%.2f at $%.2f per TiB; %s s\n",
		humanize.IBytes(uint64(r.Billed)), r.Dollars, dollarsPerTiB, humanize.FtoaWithDigits(r.Seconds, 0))
	if !t.real {
		fmt.Fprintln(r.out, "That was a stand-in: it proves nothing about Google's service, and its bytes are estimates.")
	} else {
		fmt.Fprintln(r.out, priceSource+".")
	}
}

// code is the exit code.
func (r *report) code() int {
	switch {
	case r.Failed > 0 || r.Skipped > 0:
		return exitFailed
	case r.Differ > 0:
		return exitDifferent
	}
	return exitDone
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}
