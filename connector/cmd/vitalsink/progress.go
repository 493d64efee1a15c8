package main

import (
	"fmt"
	"io"
	"os"
	"time"

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
// Where there is no terminal, it is printed now and then.
func showProgress(out io.Writer, line func() string) (stop func()) {
	width := terminalWidth(out)
	every := redrawEvery
	if width == 0 {
		every = sayEvery
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				if width > 0 {
					fmt.Fprint(out, clearLine)
				}
				return
			case <-ticker.C:
				if width > 0 {
					fmt.Fprint(out, clearLine, cut(line(), width-1))
				} else {
					fmt.Fprintln(out, line())
				}
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

func cut(line string, width int) string {
	if runes := []rune(line); len(runes) > width {
		return string(runes[:width])
	}
	return line
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
