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
	"vitalsink/connector/duckdb"
)

type checkCommand struct {
	warehouseFlag
	billingFlag
	Since string `placeholder:"TIME" help:"Of the batches that were registered from then on, such as 2026-05-01 or 2026-05-01T12:00:00Z. Default: from the first on."`
	Until string `placeholder:"TIME" help:"Of the batches that were registered before then. Default: up to the last."`
	JSON  bool   `name:"json" help:"Print one JSON object."`
}

func (c *checkCommand) Help() string {
	return `Proves from registry and ledger that nothing was lost on the way and nothing
counted twice: every batch that was appended stands in the registry with its
messages and rows, every merge in the ledger with what became of them, and each
number is one that was counted, not worked out from the others. It adds them
up, asks of every batch and merge by itself whether it adds up, and whether each
batch was merged once, into its table, with all of its rows. What is not merged
yet is pending. Each merge has compared the log with the registry before it
committed; what somebody deletes from logs and tables afterwards it does not see.

  vitalsink check
  vitalsink check --since 2026-05-01 --until 2026-06-01
  vitalsink check --warehouse bigquery://my-project/health --json

It changes nothing and sees no health data: batches and merges are named by
their ids. A merge that took batches from inside and outside of the window is
judged by all of them. The exit code is 0 if the books balance, and 3 if they do
not; then please report it, with what it printed.

A DuckDB file is opened for reading, which is not possible while run or load has
it. In BigQuery it is one query over the registry and the ledger.`
}

func (c *checkCommand) Run(ctx context.Context, std streams, log *slog.Logger) (err error) {
	window, err := c.window()
	if err != nil {
		return err
	}
	keeper, err := c.open(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, keeper.Close()) }()
	books, err := keeper.BooksOf(ctx, window)
	if err != nil {
		return fmt.Errorf("check the books: %w", err)
	}
	if c.JSON {
		err = printJSON(std.out, checkedOf(window, books))
	} else if err = printWindow(std.out, window, books); err != nil {
		err = fmt.Errorf("print result: %w", err)
	}
	if err == nil && !books.Balanced() {
		err = attention{"the books do not balance: rows may be lost, or counted twice. Nothing was changed; " +
			"delete nothing, and report it with this output, which holds no health data"}
	}
	return err
}

func (c *checkCommand) window() (w connector.Window, err error) {
	var sinceErr, untilErr error
	if c.Since != "" {
		w.Since, sinceErr = parseTime("since", c.Since)
	}
	if c.Until != "" {
		w.Until, untilErr = parseTime("until", c.Until)
	}
	if err := errors.Join(sinceErr, untilErr); err != nil {
		return w, err
	}
	if c.Until != "" && !w.Since.Before(w.Until) {
		return w, usage{fmt.Errorf("--until %s is not after --since %s", c.Until, c.Since)}
	}
	return w, nil
}

// bookkeeper is one with a connection.
type bookkeeper interface {
	connector.Bookkeeper
	io.Closer
}

// open opens the warehouse to look at it: a DuckDB file for reading alone.
func (c *checkCommand) open(ctx context.Context, log *slog.Logger) (bookkeeper, error) {
	location, err := c.location()
	if err != nil {
		return nil, err
	}
	billed, err := c.bill()
	if err != nil {
		return nil, err
	}
	if !location.isBigQuery() {
		return duckdb.OpenReadOnly(ctx, location.path)
	}
	_, w, err := storage{location: location, bill: billed, log: log}.open(ctx)
	return w, err
}

// checked is the result of a check.
type checked struct {
	Since    time.Time               `json:"since,omitzero"`
	Until    time.Time               `json:"until,omitzero"`
	Balanced bool                    `json:"balanced"`
	Tables   map[string]checkedTable `json:"tables"`
}

type checkedTable struct {
	connector.TableBooks
	Unequal []connector.Equation `json:"unequal,omitempty"`
}

func checkedOf(window connector.Window, books connector.WindowBooks) checked {
	c := checked{window.Since, window.Until, books.Balanced(), map[string]checkedTable{}}
	for table, b := range books {
		c.Tables[table] = checkedTable{b, b.Unequal(table)}
	}
	return c
}

// printWindow prints the equations with their numbers, the tables, and what
// does not balance.
func printWindow(out io.Writer, window connector.Window, books connector.WindowBooks) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if !window.Since.IsZero() {
		fmt.Fprintf(w, "since\t%s\n", window.Since.Format(time.RFC3339Nano))
	}
	if !window.Until.IsZero() {
		fmt.Fprintf(w, "until\t%s\n", window.Until.Format(time.RFC3339Nano))
	}
	sum := books.Sum()
	r, l := sum.Registry, sum.Ledger
	fmt.Fprintf(w, "messages\t%s %d landed + %d partly quarantined + %d quarantined + %d empty\n",
		equals(r.Messages, r.MessagesLanded, r.MessagesPartlyQuarantined, r.MessagesQuarantined, r.MessagesEmpty),
		r.MessagesLanded, r.MessagesPartlyQuarantined, r.MessagesQuarantined, r.MessagesEmpty)
	fmt.Fprintf(w, "rows decoded\t%s %d appended + %d quarantined + %d erased\n",
		equals(r.RowsDecoded, r.Rows, r.RowsQuarantined, r.RowsErased), r.Rows, r.RowsQuarantined, r.RowsErased)
	logged := 0
	for _, b := range books {
		logged += b.Registry.Rows
	}
	fmt.Fprintf(w, "rows logged\t%d = %d appended + %d about quarantine\n", logged, r.Rows, logged-r.Rows)
	fmt.Fprintf(w, "\t%s %d folded + %d pending\n", equals(logged, sum.Merged(), sum.PendingRows), sum.Merged(), sum.PendingRows)
	fmt.Fprintf(w, "rows folded\t%s %d applied + %d superseded + %d stale + %d erased\n",
		equals(l.Registered, l.Applied, l.Superseded, l.Stale, l.Erased), l.Applied, l.Superseded, l.Stale, l.Erased)
	if sum.RowsBeyond > 0 {
		fmt.Fprintf(w, "\t%d of them are of batches that were not registered in this time\n", sum.RowsBeyond)
	}
	fmt.Fprintf(w, "batches\t%d, of them %d pending\n", sum.Batches, sum.PendingBatches)
	fmt.Fprintf(w, "merges\t%d\n", sum.Merges)
	return errors.Join(w.Flush(), printWindowTables(out, books), printFaults(out, books))
}

// equals is a sum and whether it is that of its terms.
func equals(sum int, terms ...int) string {
	rest := sum
	for _, n := range terms {
		rest -= n
	}
	if rest != 0 {
		return fmt.Sprint(sum, " ≠")
	}
	return fmt.Sprint(sum, " =")
}

func printWindowTables(out io.Writer, books connector.WindowBooks) error {
	if len(books) == 0 {
		_, err := fmt.Fprintln(out, "\nNothing was registered in this time.")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "\ntable\tbatches\tlogged\tpending\tmerges\tfolded\tapplied\tsuperseded\tstale\terased\t\n")
	for _, table := range slices.Sorted(maps.Keys(books)) {
		b := books[table]
		l := b.Ledger
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", table, b.Batches, b.Registry.Rows, b.PendingRows,
			b.Merges, l.Registered, l.Applied, l.Superseded, l.Stale, l.Erased)
	}
	return w.Flush()
}

// printFaults prints what does not balance, and where to look.
func printFaults(out io.Writer, books connector.WindowBooks) error {
	if books.Balanced() {
		_, err := fmt.Fprintln(out, "\nThe books balance.")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "\nWhat does not balance:\n\n")
	for _, table := range slices.Sorted(maps.Keys(books)) {
		b := books[table]
		for _, f := range b.Faults {
			fmt.Fprintf(w, "%s\t%s\t%d %s\tfor example %s\n", table, f.Kind, f.Count, meaning(f.Kind), f.Example)
		}
		for _, e := range b.Unequal(table) {
			fmt.Fprintf(w, "%s\tsums\t%s do not add up\t\n", table, e)
		}
	}
	fmt.Fprint(w, "\nThe ids are those of the views batches and merges.\n")
	return w.Flush()
}

// meaning is what is wrong with so many batches or merges.
func meaning(kind connector.FaultKind) string {
	return map[connector.FaultKind]string{
		connector.MessagesUnaccounted: "batches with messages whose outcome is unknown",
		connector.RowsUnaccounted:     "batches with rows of which nobody knows where they are",
		connector.CopiesDiffer:        "batches that are registered several times, and not alike",
		connector.TakenTwice:          "batches that were merged more than once",
		connector.MergeUnaccounted:    "merges with rows of which nobody knows what became of them",
		connector.RegistryDiffers:     "merges of more or fewer rows than their batches have",
		connector.BatchUnregistered:   "merges of batches that are not registered",
		connector.TableDiffers:        "merges of batches of another table",
	}[kind]
}
