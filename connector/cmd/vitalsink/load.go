package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"vitalsink/connector"
	"vitalsink/connector/files"
	"vitalsink/schemas"
)

type loadCommand struct {
	warehouseFlag
	billingFlag
	memoryFlag
	Files        []string       `arg:"" name:"file" help:"Files of messages or events, one JSON object a line, and directories of such; .gz too; - is standard input."`
	PublishedAt  string         `default:"1970-01-01" placeholder:"TIME" help:"Publish time of the first bare event, such as 2026-05-01 or 2026-05-01T12:00:00Z; one microsecond more a line. Default ${default}: bare events without updated_at rank below all that was delivered."`
	FoldInterval *time.Duration `placeholder:"TIME" help:"Merge what was appended into the tables this often; 0s: only at the end. Default 30s in DuckDB, 5m in BigQuery, which bills every merge."`
	JSON         bool           `name:"json" help:"Print one JSON object at the end."`
}

func (c *loadCommand) Help() string {
	return `A line is a Pub/Sub message in its REST form, or a bare event as Junction sends
it. Loading the same messages again changes nothing. What cannot become a row
goes to quarantine with its bytes and the reason, and the exit code is 3:

  vitalsink load messages.ndjson.gz
  vitalsink query "SELECT reason, detail, json_path FROM quarantine"

Of a directory it reads, in the order of their paths, the files in it and below
that end in .ndjson, .jsonl or .json, with or without .gz, and are not hidden:

  vitalsink load exports/`
}

// parseTime reads a day or an instant.
func parseTime(flag, value string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano} {
		if t, err := time.Parse(layout, value); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usage{fmt.Errorf("--%s %s: write a day or a time, such as 2026-05-01 or 2026-05-01T12:00:00Z", flag, value)}
}

// loaded is the result of a load.
type loaded struct {
	connector.Landed
	Folded   connector.Folded `json:"folded"`
	Problems []string         `json:"problems"`
}

// configured fills in what depends on the warehouse, and finds all that is
// wrong with the flags.
func (c *loadCommand) configured() error {
	_, publishedErr := parseTime("published-at", c.PublishedAt)
	location, locationErr := c.location()
	var intervalErr error
	if c.FoldInterval == nil {
		fold := location.pace().fold
		c.FoldInterval = &fold
	}
	if *c.FoldInterval < 0 {
		intervalErr = usage{errors.New("--fold-interval must be 0s or more")}
	}
	_, billedErr := c.bill()
	_, memoryErr := c.total()
	return errors.Join(publishedErr, locationErr, intervalErr, billedErr, memoryErr)
}

func (c *loadCommand) Run(ctx context.Context, std streams, log *slog.Logger) (err error) {
	if err := c.configured(); err != nil {
		return err
	}
	publishedAt, _ := parseTime("published-at", c.PublishedAt) // all these are in order
	location, _ := c.location()
	billed, _ := c.bill()
	memory, _ := c.shares(location)
	pace := location.pace()
	catalogue, warehouse, err := storage{location, memory.warehouse, billed, log}.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, warehouse.Close()) }()
	// What is quarantined is part of the result, not worth a log line each.
	quiet := slog.New(slog.DiscardHandler)
	l := &loading{
		began: time.Now(),
		ingest: &connector.Ingest{
			Warehouse: warehouse, Catalogue: catalogue, Log: quiet, MaxHeld: memory.held, FlushInterval: pace.flush, Workers: pace.workers,
		},
		folder: &connector.Folder{Warehouse: warehouse, Catalogue: catalogue, Log: log, MaxRows: memory.foldRows, Merges: memory.merges},
	}
	l.source = &files.Source{Paths: c.Files, Stdin: std.in, PublishedAt: publishedAt, Began: l.began}
	stop := showProgress(std.err, l.progress)
	err = l.run(ctx, *c.FoldInterval)
	stop()
	result := l.result()
	if err != nil && connector.IsBudget(err) {
		err = attention{err.Error()} // all is appended that could be
	}
	return errors.Join(c.print(std, result), err, result.verdict())
}

// verdict is nil if all went well.
func (l *loaded) verdict() error {
	if n := len(l.Problems); n > 0 {
		return fmt.Errorf("not all of the input could be read; problems: %d", n)
	}
	if n := l.Books.MessagesQuarantined + l.Books.MessagesPartlyQuarantined; n > 0 {
		return attention{fmt.Sprintf("messages that went to quarantine, in full or in part: %d; see SELECT reason, detail, json_path FROM quarantine", n)}
	}
	return nil
}

func (c *loadCommand) print(std streams, l loaded) error {
	for _, p := range l.Problems {
		fmt.Fprintln(std.err, "vitalsink:", p)
	}
	if c.JSON {
		return printJSON(std.out, l)
	}
	if err := printBooks(std.out, l.Landed, l.Folded); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}

// printBooks prints what landed, per table, and that the books balance: each
// line of numbers adds up, or nothing would have been committed.
func printBooks(out io.Writer, l connector.Landed, f connector.Folded) error {
	b := l.Books
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "messages\t%d = %d landed + %d partly quarantined + %d quarantined + %d empty\n",
		b.Messages, b.MessagesLanded, b.MessagesPartlyQuarantined, b.MessagesQuarantined, b.MessagesEmpty)
	fmt.Fprintf(w, "rows decoded\t%d = %d appended + %d quarantined%s\n", b.RowsDecoded, b.Rows, b.RowsQuarantined, plusErased(b.RowsErased))
	logged := b.Rows + l.Tables[schemas.QuarantineTable].Rows
	fmt.Fprintf(w, "rows logged\t%d = %d appended + %d about quarantine\n", logged, b.Rows, logged-b.Rows)
	fmt.Fprintf(w, "rows folded\t%s\n", foldEquation(f.Books))
	earlier, pending := 0, 0
	for table, books := range l.Tables {
		pending += max(0, books.Rows-f.Tables[table].Registered)
	}
	for table, books := range f.Tables {
		earlier += max(0, books.Registered-l.Tables[table].Rows)
	}
	if earlier > 0 {
		fmt.Fprintf(w, "\t%d of them were pending from before\n", earlier)
	}
	if pending > 0 {
		fmt.Fprintf(w, "pending\tat least %d rows are logged and not folded; the next fold takes them\n", pending)
	}
	if b.VersionsClamped > 0 {
		fmt.Fprintf(w, "clamped\t%d messages had a version time in the future, and rank by their publication\n", b.VersionsClamped)
	}
	for _, reason := range slices.Sorted(maps.Keys(l.Quarantined)) {
		fmt.Fprintf(w, "quarantined\t%d %s\n", l.Quarantined[reason], reason)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return printTables(out, l, f)
}

// foldEquation says what became of folded rows.
func foldEquation(b connector.MergeBooks) string {
	return fmt.Sprintf("%d = %d applied + %d superseded + %d stale%s", b.Registered, b.Applied, b.Superseded, b.Stale, plusErased(b.Erased))
}

// plusErased is the last term of an equation, which few have.
func plusErased(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" + %d erased", n)
}

func printTables(out io.Writer, l connector.Landed, f connector.Folded) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "\ntable\tappended\tapplied\tsuperseded\tstale\t\n")
	for _, table := range slices.Sorted(maps.Keys(l.Tables)) {
		m := f.Tables[table]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t\n", table, l.Tables[table].Rows, m.Applied, m.Superseded, m.Stale)
	}
	return w.Flush()
}
