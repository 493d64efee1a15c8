package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	"vitalsink/connector"
	"vitalsink/connector/files"
	"vitalsink/connector/pubsub"
	"vitalsink/connector/replay"
	"vitalsink/transforms"
)

type replayCommand struct {
	warehouseFlag
	billingFlag
	memoryFlag
	From    []string      `arg:"" help:"quarantine, a subscription of dead letters as pubsub://PROJECT/SUBSCRIPTION, or files and directories as load takes them."`
	Reason  []string      `placeholder:"REASON" help:"From quarantine, only messages with something refused for this reason, such as decoder_fault. May be given several times."`
	Message []string      `placeholder:"ID" sep:"none" help:"From quarantine, only the message of this id. May be given several times."`
	Idle    time.Duration `default:"30s" placeholder:"TIME" help:"A subscription is taken to be empty when nothing has come from it for so long. Default ${default}."`
	Print   bool          `help:"Print messages of quarantine in the form that load and replay read, and do nothing else. They hold people's health data."`
	DryRun  bool          `help:"Say what would become of the messages, and do nothing."`
	JSON    bool          `name:"json" help:"Print one JSON object at the end."`
}

func (c *replayCommand) Help() string {
	return `Sends messages through the pipeline once more, as what they were: rows get
their original versions, so that nothing old wins and doing it twice changes
nothing. What of a message was in quarantine and is in the tables now leaves
quarantine. Exit code 3: something is refused still.

After an upgrade that can read more than the one before:

  vitalsink replay quarantine --dry-run
  vitalsink replay quarantine

What is wrong with the message itself can be mended by hand. It has to keep its
messageId; what was a line and no message gets the message_id that the view
quarantine shows. Quarantine keeps the original, so mend all of it at once; a
mend of a mend wins only with a later publishTime:

  vitalsink replay quarantine --message 17 --print >17.ndjson
  vitalsink replay 17.ndjson

Dead letters, which are acknowledged when they are in the warehouse:

  vitalsink replay pubsub://my-project/vitalsink-dead-letters

A message that was quarantined lately is there when it is folded.`
}

// fromQuarantine is the word for it on the command line.
const fromQuarantine = "quarantine"

// check finds wrong flags.
func (c *replayCommand) check() error {
	quarantine := slices.Contains(c.From, fromQuarantine)
	subscription := slices.ContainsFunc(c.From, isSubscription)
	var errs []error
	if (quarantine || subscription) && len(c.From) > 1 {
		errs = append(errs, usage{errors.New("replay from quarantine, from one subscription, or from files: from one of these at a time (a file named quarantine is ./quarantine)")})
	}
	if !quarantine && (c.Print || len(c.Reason) > 0 || len(c.Message) > 0) {
		errs = append(errs, usage{errors.New("--print, --reason and --message are for: replay quarantine")})
	}
	if len(c.Reason) > 0 && len(c.Message) > 0 {
		errs = append(errs, usage{errors.New("give --reason or --message, not both")})
	}
	for _, reason := range c.Reason {
		if !slices.Contains(transforms.Reasons(), transforms.Reason(reason)) {
			errs = append(errs, usage{fmt.Errorf("--reason %s: there is no such reason; there are %v", reason, transforms.Reasons())})
		}
	}
	if slices.Contains(c.Message, "") {
		errs = append(errs, usage{errors.New("--message: an id is not empty")})
	}
	if c.Print && (c.DryRun || c.JSON) {
		errs = append(errs, usage{errors.New("--print prints messages and does nothing else: leave --dry-run and --json out")})
	}
	if subscription {
		if _, _, err := parseResource("source", "SUBSCRIPTION", c.From[0]); err != nil {
			errs = append(errs, usage{fmt.Errorf("%s: write pubsub://PROJECT/SUBSCRIPTION", c.From[0])})
		}
	}
	if c.Idle < time.Second {
		errs = append(errs, usage{errors.New("--idle must be 1s or more")})
	}
	return errors.Join(errs...)
}

func isSubscription(from string) bool { return strings.HasPrefix(from, "pubsub://") }

// configured finds all that is wrong with the flags.
func (c *replayCommand) configured() error {
	_, locationErr := c.location()
	_, billedErr := c.bill()
	_, memoryErr := c.total()
	return errors.Join(c.check(), locationErr, billedErr, memoryErr)
}

func (c *replayCommand) Run(ctx context.Context, std streams, log *slog.Logger) (err error) {
	if err := c.configured(); err != nil {
		return err
	}
	location, _ := c.location() // all these are in order
	billed, _ := c.bill()
	memory, _ := c.shares(location)
	if _, err := os.Stat(location.path); !location.isBigQuery() && err != nil {
		return fmt.Errorf("duckdb file %s: %w; replay is for a warehouse that is there, load makes one", location.path, errors.Unwrap(err))
	}
	catalogue, warehouse, err := storage{location, memory.warehouse, billed, log}.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, warehouse.Close()) }()
	pace := location.pace()
	r := &replaying{
		Replay: replay.Replay{
			Ingest: &connector.Ingest{
				// What is refused is part of the result, not worth a log line each.
				Warehouse: warehouse, Catalogue: catalogue, Log: slog.New(slog.DiscardHandler),
				MaxHeld: memory.held, MaxMessages: memory.messages / pubsub.Streams, MaxBytes: memory.waiting / pubsub.Streams,
				FlushInterval: pace.flush, Workers: pace.workers,
			},
			Quarantine: warehouse, Catalogue: catalogue, ParseLine: files.ParseLine, DryRun: c.DryRun,
		},
		folder: &connector.Folder{Warehouse: warehouse, Catalogue: catalogue, Log: log, MaxRows: memory.foldRows, Merges: memory.merges},
	}
	if c.Print {
		return c.print(ctx, std.out, &r.Replay)
	}
	stop := showProgress(std.err, r.progress)
	err = r.run(ctx, c, memory, std.in)
	stop()
	return errors.Join(c.report(std, r), err, r.verdict())
}

// replaying is a replay at work.
type replaying struct {
	replay.Replay
	folder   *connector.Folder
	source   *files.Source // nil if it is not from files
	folded   connector.Folded
	problems []error
}

// run replays, and folds what was replayed.
func (r *replaying) run(ctx context.Context, c *replayCommand, memory shares, stdin io.Reader) error {
	var err error
	switch {
	case c.From[0] == fromQuarantine:
		err = r.FromQuarantine(ctx, c.Reason, c.Message)
	case isSubscription(c.From[0]):
		err = r.fromSubscription(ctx, c, memory)
	default:
		r.source = &files.Source{Paths: c.From, Stdin: stdin, Began: time.Now()}
		err = r.From(ctx, r.source)
		r.problems = r.source.Problems()
	}
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		err = errors.New("stopped before the end; replay again for the rest")
	}
	if absent := len(c.Message) - r.Result().Messages - r.Result().Unreadable; err == nil && absent > 0 {
		err = fmt.Errorf("not in quarantine, as far as it is folded: %d of the messages named", absent)
	}
	if c.DryRun {
		return err
	}
	var foldErr error
	if r.folded, foldErr = r.folder.Fold(context.WithoutCancel(ctx)); foldErr != nil && connector.IsBudget(foldErr) {
		foldErr = attention{foldErr.Error()} // all is appended
	}
	return errors.Join(err, foldErr)
}

func (r *replaying) fromSubscription(ctx context.Context, c *replayCommand, memory shares) error {
	project, name, err := parseResource("source", "SUBSCRIPTION", c.From[0])
	if err != nil {
		return err
	}
	source, err := subscription{project, name, memory}.connect(ctx)
	if err != nil {
		return err
	}
	err = source.Check(ctx)
	if err == nil {
		err = r.From(ctx, replay.Drain{Source: source, Idle: c.Idle, Peek: c.DryRun})
	}
	return errors.Join(err, source.Close())
}

// progress is a line about how far it is.
func (r *replaying) progress() string {
	result := r.Result()
	return fmt.Sprintf("%s messages replayed  %s landed  %s out of quarantine", humanize.Comma(int64(result.Messages)),
		humanize.Comma(int64(result.Landed)), humanize.Comma(int64(result.Resolved)))
}

// verdict is nil if nothing is refused any more.
func (r *replaying) verdict() error {
	result := r.Result()
	if n := len(r.problems); n > 0 {
		return fmt.Errorf("not all of the input could be read; problems: %d", n)
	}
	if n := result.Unreadable; n > 0 {
		return attention{fmt.Sprintf("messages whose bytes are not in quarantine, or damaged: %d; replay them from where they came", n)}
	}
	if n := result.Refused + result.Partly; n > 0 {
		return attention{fmt.Sprintf("messages that are refused still, in full or in part: %d", n)}
	}
	return nil
}

// replayResult is the result of a replay.
type replayResult struct {
	replay.Result
	DryRun   bool             `json:"dry_run"`
	Folded   connector.Folded `json:"folded"`
	Problems []string         `json:"problems"`
}

func (c *replayCommand) report(std streams, r *replaying) error {
	result := replayResult{Result: r.Result(), DryRun: c.DryRun, Folded: r.folded, Problems: []string{}}
	for _, p := range r.problems {
		result.Problems = append(result.Problems, p.Error())
		fmt.Fprintln(std.err, "vitalsink:", p)
	}
	if c.JSON {
		return printJSON(std.out, result)
	}
	w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	if c.DryRun {
		fmt.Fprintln(w, "Nothing was done. A replay would find:")
	}
	fmt.Fprintf(w, "messages\t%d = %d landed + %d partly quarantined + %d quarantined + %d empty%s\n",
		result.Messages, result.Landed, result.Partly, result.Refused, result.Empty, plusErased(result.Erased))
	fmt.Fprintf(w, "resolved\t%d messages leave quarantine, of %d that are there\n", result.Resolved, result.Known)
	if result.Unreadable > 0 {
		fmt.Fprintf(w, "unreadable\t%d messages stay: their bytes are not in quarantine, or damaged\n", result.Unreadable)
	}
	for _, reason := range slices.Sorted(maps.Keys(result.Reasons)) {
		fmt.Fprintf(w, "quarantined\t%d %s\n", result.Reasons[reason], reason)
	}
	if !c.DryRun {
		fmt.Fprintf(w, "rows folded\t%s\n", foldEquation(result.Folded.Books))
	}
	return w.Flush()
}

// print writes messages of quarantine, one a line.
func (c *replayCommand) print(ctx context.Context, out io.Writer, r *replay.Replay) error {
	buffered := bufio.NewWriterSize(out, 1<<20)
	var line []byte
	err := r.Print(ctx, c.Reason, c.Message, func(m *transforms.Message, bare bool) (err error) {
		if line = append(line[:0], m.Data...); !bare {
			line, err = files.AppendLine(line[:0], m)
		}
		if err == nil {
			_, err = buffered.Write(append(line, '\n'))
		}
		return err
	})
	result := r.Result()
	if absent := len(c.Message) - result.Known - result.Unreadable; err == nil && absent > 0 {
		err = fmt.Errorf("not in quarantine, as far as it is folded: %d of the messages named", absent)
	}
	if n := result.Unreadable; n > 0 {
		err = errors.Join(err, attention{fmt.Sprintf("messages whose bytes are not in quarantine, or damaged: %d", n)})
	}
	return errors.Join(err, buffered.Flush())
}
