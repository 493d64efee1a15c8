package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"golang.org/x/term"
)

const (
	redrawEvery = 500 * time.Millisecond
	// sayEvery is how often something long says how far it is where there is
	// no terminal.
	sayEvery = 30 * time.Second
	// clearLine goes to the begin of a terminal's line and empties it.
	clearLine = "\r\x1b[K"
)

// showProgress keeps a line about long work up to date until it is stopped.
// Where there is no terminal, it is printed now and then. Stopped, it leaves
// the terminal's line empty.
func showProgress(out io.Writer, line func() string) (stop func()) {
	if terminalWidth(out) == 0 {
		return every(sayEvery, func() { fmt.Fprintln(out, printable(line())) })
	}
	stopDrawing := every(redrawEvery, func() { draw(out, line(), terminalWidth(out)) })
	return func() {
		stopDrawing()
		fmt.Fprint(out, clearLine)
	}
}

// every does something at intervals, first when one is over, until stop
// returns: that waits for what is being done.
func every(interval time.Duration, do func()) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
			}
			select {
			case <-done: // what took longer than an interval finds both
				return
			default:
				do()
			}
		}
	}()
	return func() { close(done); <-ended }
}

// terminalWidth is the number of columns of a terminal; 0 if it is none.
func terminalWidth(out io.Writer) int {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 1 {
		return width
	}
	return 80
}

// draw replaces the terminal's line. The last column stays free: some
// terminals begin a new line when it is written.
func draw(out io.Writer, line string, width int) {
	fmt.Fprint(out, clearLine, fit(printable(line), width-1))
}

// fit cuts a line to a number of columns. A character beyond ASCII may take
// two of them.
func fit(line string, columns int) string {
	for i, r := range line {
		if columns--; r > unicode.MaxASCII {
			columns--
		}
		if columns < 0 {
			return line[:i]
		}
	}
	return line
}

// printable replaces what would play tricks on a terminal: the name of a file
// may hold anything.
func printable(line string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, line)
}

// logWriter is where logs go: on a terminal each line takes the place of the
// progress that stands there.
type logWriter struct{ io.Writer }

func (w logWriter) Write(line []byte) (int, error) {
	if terminalWidth(w.Writer) > 0 {
		fmt.Fprint(w.Writer, clearLine)
	}
	return w.Writer.Write(line)
}
