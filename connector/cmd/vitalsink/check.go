package main

import (
	"context"
	"encoding/json"
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

	"github.com/alecthomas/kong"

	"vitalsink/connector"
	"vitalsink/connector/duckdb"
)

type checkCommand struct {
	warehouseFlag
	billingFlag
	memoryFlag
	junctionAPI
	For        []string `placeholder:"COMMAND" help:"Check all that these commands need: run, webhook, load, backfill, reconcile, replay, erase; with commas between. Default: whatever else is given."`
	Source     string   `placeholder:"URL" help:"The subscription of run: pubsub://PROJECT/SUBSCRIPTION."`
	Topic      string   `placeholder:"URL" help:"The topic of webhook, backfill and reconcile: pubsub://PROJECT/TOPIC."`
	SecretFile string   `placeholder:"PATH" help:"The secrets of webhook, if they are in a file."`
	Location   string   `placeholder:"NAME" help:"Where the datasets are to be: EU, US, europe-west1, …"`
	Since      string   `placeholder:"TIME" help:"Books: of the batches that were registered from then on, such as 2026-05-01 or 2026-05-01T12:00:00Z. Default: from the first on."`
	Until      string   `placeholder:"TIME" help:"Books: of the batches that were registered before then. Default: up to the last."`
	ShowConfig bool     `env:"-" help:"Print what is in force for the commands of --for, and where it is from, with secrets masked; check nothing."`
	JSON       bool     `name:"json" help:"Print one JSON object."`
}

func (c *checkCommand) Help() string {
	return `Looks at everything that commands need, before they need it, and says all that
is wrong at once: configuration, credentials, permissions, settings of the
subscription, the topic, datasets and tables against the catalogue, a DuckDB
file and its disk, Junction's API key, the webhook's secret, clock and memory;
the books last. Each failure says what to do. It changes nothing.

  vitalsink check
  vitalsink check --for run --source pubsub://my-project/vitalsink --warehouse bigquery://my-project/health
  vitalsink check --for run,webhook,backfill --json
  vitalsink check --for run --show-config

With --for, flags and VITALSINK_ variables are read as those commands read them:
run it where they run, with their account. Without, what is given is checked;
Junction is only asked if --environment, --region or --api-url is given.

The books prove from registry and ledger that nothing was lost on the way and
nothing counted twice: every batch that was appended stands in the registry with
its messages and rows, every merge in the ledger with what became of them. Each
number is one that was counted, not worked out from the others. What is not
merged yet is pending. What somebody deletes from logs and tables afterwards it
does not see. A window can be given; a merge that took batches from inside and
outside of it is judged by all of them:

  vitalsink check --since 2026-05-01 --until 2026-06-01

Exit codes: 0 all is well (a warning does not count), 3 something needs a person:
a check failed, or the books do not balance, which please report with what it
printed; 1 something could not be looked at; 2 wrong usage. It sees no health
data, and prints no secret.

A DuckDB file is opened for reading, which is not possible while run or load has
it. In BigQuery the books are one query over the registry and the ledger, and
the rest is billed for nothing.`
}

func (c *checkCommand) Run(ctx context.Context, std streams, log *slog.Logger, line *kong.Context) error {
	window, windowErr := c.window()
	if err := errors.Join(windowErr, c.known()); err != nil {
		return err
	}
	var configurations []*configuration
	for _, name := range c.For {
		one, err := configure(name, c.given(name, line))
		if err != nil {
			return err
		}
		configurations = append(configurations, one)
	}
	if c.ShowConfig {
		all := showConfig(configurations)
		if c.JSON {
			return printJSON(std.out, map[string]any{"commands": all})
		}
		return printConfig(std.out, all)
	}
	r, err := c.inspect(ctx, log, configurations, window)
	if err != nil {
		return err
	}
	return errors.Join(r.print(std.out, c.JSON), r.verdict())
}

// known finds wrong flags of check's own.
func (c *checkCommand) known() error {
	for _, name := range c.For {
		if commandLines[name] == nil {
			return usage{fmt.Errorf("--for %s: check knows the needs of %s", name, strings.Join(slices.Sorted(maps.Keys(commandLines)), ", "))}
		}
	}
	if c.ShowConfig && len(c.For) == 0 {
		return errNoCommand
	}
	return nil
}

// given are the flags on check's line that are a command's, too.
func (c *checkCommand) given(command string, line *kong.Context) map[string]string {
	given := map[string]string{}
	for _, part := range line.Path {
		if part.Flag != nil && part.Flag.Name != "for" && part.Flag.Name != "json" {
			given[part.Flag.Name] = shown(part.Flag.Target)
		}
	}
	location, _ := c.location()
	switch {
	case command == "webhook" && given["topic"] != "": // it takes one of them
		delete(given, "warehouse")
	case slices.Contains([]string{"backfill", "reconcile"}, command) && !location.isBigQuery():
		delete(given, "topic")
	}
	if command == "reconcile" { // it has its own
		delete(given, "since")
	}
	return given
}

// inspect makes the checks: the books come last, if nothing stands before them.
func (c *checkCommand) inspect(ctx context.Context, log *slog.Logger, configurations []*configuration, window connector.Window) (*inspected, error) {
	variables, err := unknownVariables(os.Environ())
	if err != nil {
		return nil, err
	}
	p := &preflight{log: log, location: c.Location, checks: variables, seen: map[string]bool{}}
	all := []needs{}
	for _, one := range configurations {
		one.checks.Well(one.check(), fmt.Sprintf("%d flags", len(one.settings)))
		p.checks = append(p.checks, one.checks...)
		all = append(all, one.command.needs())
	}
	if len(configurations) == 0 {
		_, err := c.bill()
		p.wrong(err)
		all = append(all, c.needs())
	}
	p.look(ctx, all)
	r := &inspected{}
	if warehouses := merged(all); len(warehouses) > 0 {
		r.Books = c.booksOf(ctx, log, warehouses[0].warehouse, window, p)
	}
	v := newVeil()
	for _, found := range p.checks {
		if p.account != "" {
			found.Remedy = strings.ReplaceAll(found.Remedy, "serviceAccount:ACCOUNT", "serviceAccount:"+p.account)
		}
		found.Field, found.Value, found.Why, found.Remedy = v.over(found.Field), v.over(found.Value), v.over(found.Why), v.over(found.Remedy)
		r.Checks = append(r.Checks, found)
	}
	return r, nil
}

// booksOf adds the check of the books, and returns them if they can be read.
func (c *checkCommand) booksOf(ctx context.Context, log *slog.Logger, url string, window connector.Window, p *preflight) *checked {
	const name = "books"
	if p.unreadable != "" {
		p.checks.Found(connector.Skipped, name, "", "", p.unreadable, "")
		return nil
	}
	books, err := c.read(ctx, log, url, window)
	if err != nil {
		p.checks.Found(connector.Unseen, name, "--warehouse", url, err.Error(), "mend what it says, then check again")
		return nil
	}
	if !books.Balanced() {
		p.checks.Found(connector.Failed, name, "--warehouse", url, "they do not balance", "delete nothing, and report it with this output")
	}
	p.checks.Well(name, "they balance")
	return &checked{window, books}
}

// read reads the books.
func (c *checkCommand) read(ctx context.Context, log *slog.Logger, url string, window connector.Window) (books connector.WindowBooks, err error) {
	keeper, err := c.open(ctx, log, url)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, keeper.Close()) }()
	return keeper.BooksOf(ctx, window)
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
func (c *checkCommand) open(ctx context.Context, log *slog.Logger, url string) (bookkeeper, error) {
	location, err := warehouseFlag{url}.location()
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

// inspected is the result of a check.
type inspected struct {
	Checks connector.Checks `json:"checks"`
	Books  *checked         `json:"books,omitempty"` // if they could be read
}

// verdict is nil if all is well: else whether somebody has to mend something, or
// it could not be seen.
func (r *inspected) verdict() error {
	count := map[connector.Status]int{}
	for _, c := range r.Checks {
		count[c.Status]++
	}
	switch {
	case r.Books != nil && !r.Books.books.Balanced():
		return attention{"the books do not balance: rows may be lost, or counted twice. Nothing was changed; " +
			"delete nothing, and report it with this output, which holds no health data"}
	case count[connector.Failed] > 0:
		return attention{fmt.Sprintf("checks that failed: %d, that could not be made: %d; each says what to do", count[connector.Failed], count[connector.Unseen])}
	case count[connector.Unseen] > 0:
		return fmt.Errorf("checks that could not be made: %d; each says what to do", count[connector.Unseen])
	}
	return nil
}

func (r *inspected) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(out, r)
	}
	err := printChecks(out, r.Checks)
	if err == nil && r.Books != nil {
		fmt.Fprintln(out)
		err = printWindow(out, r.Books.window, r.Books.books)
	}
	if err != nil {
		err = fmt.Errorf("print result: %w", err)
	}
	return err
}

// checked are the books of a window.
type checked struct {
	window connector.Window
	books  connector.WindowBooks
}

// MarshalJSON has beside the numbers what does not add up.
func (c *checked) MarshalJSON() ([]byte, error) {
	type table struct {
		connector.TableBooks
		Unequal []connector.Equation `json:"unequal,omitempty"`
	}
	tables := map[string]table{}
	for name, b := range c.books {
		tables[name] = table{b, b.Unequal(name)}
	}
	return json.Marshal(struct {
		Since    time.Time        `json:"since,omitzero"`
		Until    time.Time        `json:"until,omitzero"`
		Balanced bool             `json:"balanced"`
		Tables   map[string]table `json:"tables"`
	}{c.window.Since, c.window.Until, c.books.Balanced(), tables})
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
