// Command vitalsink lands health data of wearables, as Junction delivers it,
// in warehouse tables: one row per fact, always the latest version.
//
// This folder is wiring: one file a command, and all configuration. What a
// command does is in the packages beside it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit codes of commands.
const (
	exitDone      = 0
	exitFailed    = 1
	exitUsage     = 2
	exitAttention = 3 // done, but something needs a person
)

// cli is the command line: flags, environment and help in one struct.
type cli struct {
	logFlags

	Run       runCommand       `cmd:"" help:"Receive messages from Pub/Sub and fold them into tables, until told to stop."`
	Webhook   webhookCommand   `cmd:"" help:"Take Svix-signed webhooks: publish them to Pub/Sub, or append them to tables."`
	Load      loadCommand      `cmd:"" help:"Load messages or events from files, then fold them into tables."`
	Backfill  backfillCommand  `cmd:"" help:"Fetch history and workout streams that Junction announced, or what you name, from its API."`
	Reconcile reconcileCommand `cmd:"" help:"Answer whether the tables hold what Junction has, and repair what they do not."`
	Replay    replayCommand    `cmd:"" help:"Send messages once more: from quarantine, from dead letters, from files."`
	Erase     eraseCommand     `cmd:"" help:"Remove all that there is of a person, keep it removed, and keep the record of it."`
	Query     queryCommand     `cmd:"" help:"Run one SQL statement on a DuckDB file, which it cannot change."`
	Check     checkCommand     `cmd:"" help:"Look at all that commands need, say what is wrong and what to do, and prove that the books balance."`
	Schema    schemaCommand    `cmd:"" help:"Show the tables, and bring those in BigQuery up to date."`
	Demo      demoCommand      `cmd:"" help:"See all of it work, on generated data, with no account and no cloud."`
	Generate  generateCommand  `cmd:"" help:"Print generated messages, for tests and to try things out."`
	Version   versionCommand   `cmd:"" help:"Print the version."`
}

const about = `Lands health data of wearables, as Junction delivers it, in warehouse tables:
one row per fact, always the latest version, nothing lost, nothing twice.

Every flag can also be given as an environment variable, but for whom to erase
(and what erase is to do instead), and check --show-config.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done but something needs a person
(a message in quarantine, books that do not balance, something that could not be
fetched, drift that remains, data of who is erased that cannot be removed yet).

Begin with:

  vitalsink demo`

// streams are what a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// attention ends a command that is done with exit code 3.
type attention struct{ why string }

func (a attention) Error() string { return a.why }

// usage ends a command with exit code 2.
type usage struct{ error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	code := execute(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// execute runs one command line and returns its exit code.
func execute(ctx context.Context, args []string, std streams) int {
	left := -1 // --help ends the parse
	var c cli
	parser, err := kong.New(&c,
		kong.Name("vitalsink"), kong.Description(about), kong.DefaultEnvars("VITALSINK"),
		kong.Writers(std.out, std.err), kong.Exit(func(code int) { left = code }),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		return report(std, err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if left >= 0 {
		return left
	}
	std, log := c.begin(std)
	if err != nil {
		return report(std, usage{fmt.Errorf("%w; see %s --help", err, commandOf(err))})
	}
	return report(std, parsed.Run(std, log))
}

// commandOf is the command that a line which could not be parsed means.
func commandOf(err error) string {
	var pe *kong.ParseError
	if errors.As(err, &pe) && pe.Context != nil {
		if n := pe.Context.Selected(); n != nil {
			return n.FullPath()
		}
	}
	return "vitalsink"
}

// report prints how a command ended and returns its exit code: of several
// errors the worst counts, and a failure is worse than what needs a person.
func report(std streams, err error) int {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		code := exitDone
		for _, part := range several.Unwrap() {
			if c := report(std, part); code == exitDone || c == exitFailed {
				code = c
			}
		}
		return code
	}
	var needs attention
	var wrong usage
	code := exitFailed
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &needs):
		code = exitAttention
	case errors.As(err, &wrong):
		code = exitUsage
	}
	fmt.Fprintln(std.err, "vitalsink:", err)
	return code
}

// printJSON prints the one object that --json promises.
func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}
