package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	"vitalsink/connector"
	"vitalsink/connector/backfill"
	"vitalsink/connector/junction"
	"vitalsink/connector/pubsub"
	"vitalsink/schemas"
)

// keyVariable holds the team's API key. It is no flag, for command lines can be
// read by others.
const keyVariable = "VITALSINK_JUNCTION_API_KEY"

// junctionFlags say which API to ask, and how much.
type junctionFlags struct {
	junctionAPI
	RequestRate float64 `default:"10" placeholder:"N" help:"Requests a second, at most. Default ${default}."`
}

// junctionAPI says which API to ask.
type junctionAPI struct {
	Environment string `placeholder:"NAME" help:"Junction's environment: production or sandbox. Default: the one of the API key."`
	Region      string `placeholder:"NAME" help:"Junction's region: us or eu. Default: the one of the API key."`
	APIURL      string `name:"api-url" placeholder:"URL" help:"Where the API is, if elsewhere."`
}

// client is one of the API.
func (f junctionFlags) client(log *slog.Logger) (*junction.Client, error) {
	key := strings.TrimSpace(os.Getenv(keyVariable)) // files of secrets often end with a line break
	if key == "" {
		return nil, usage{fmt.Errorf("%s is not set: it holds the team's API key", keyVariable)}
	}
	base, err := f.baseURL(key)
	if err != nil {
		return nil, err
	}
	if !(f.RequestRate > 0 && f.RequestRate <= 1000) {
		return nil, usage{fmt.Errorf("--request-rate %v: write a number from more than 0 to 1000", f.RequestRate)}
	}
	c, err := junction.New(junction.Config{BaseURL: base, Key: key, Rate: f.RequestRate, Log: log})
	if err != nil {
		return nil, usage{fmt.Errorf("--api-url and %s: %w", keyVariable, err)}
	}
	return c, nil
}

func (f junctionAPI) baseURL(key string) (string, error) {
	if f.APIURL != "" && (f.Environment != "" || f.Region != "") {
		return "", usage{errors.New("give --api-url, or --environment and --region, not both")}
	}
	if f.APIURL != "" {
		return f.APIURL, nil
	}
	environment, region, known := junction.OfKey(key)
	for _, flag := range []struct {
		name, given string
		ofKey       *string
	}{{"environment", f.Environment, &environment}, {"region", f.Region, &region}} {
		if flag.given == "" {
			continue
		}
		if known && flag.given != *flag.ofKey {
			return "", usage{fmt.Errorf("--%s %s: the API key is for %s", flag.name, flag.given, *flag.ofKey)}
		}
		*flag.ofKey = flag.given
	}
	base, err := junction.BaseURL(environment, region)
	if err != nil {
		return "", usage{fmt.Errorf("the API key does not tell where it is for; give --environment and --region: %w", err)}
	}
	return base, nil
}

type backfillCommand struct {
	warehouseFlag
	billingFlag
	memoryFlag
	junctionFlags
	Topic      string        `placeholder:"URL" help:"Where to publish: pubsub://PROJECT/TOPIC, which run receives from. Needed for BigQuery; without it, what is fetched goes straight into the DuckDB file."`
	From       string        `placeholder:"DATE" help:"Fetch by hand, from this day on (2006-01-02), instead of what Junction announced. Needs --user or --all-users."`
	To         string        `placeholder:"DATE" help:"Fetch by hand up to this day. Default today."`
	User       []string      `placeholder:"ID" help:"Only this user, by Junction's id. May be given several times."`
	AllUsers   bool          `help:"With --from: all users of the team."`
	Resource   []string      `placeholder:"NAME" help:"Only this resource, such as sleep or heartrate. May be given several times. Default all."`
	Provider   []string      `placeholder:"NAME" help:"Only what this provider has, by its slug, such as oura. May be given several times. Default all."`
	Resume     bool          `help:"With --from: leave out what a backfill with the same --from, --to and --provider has finished before, as far as it is folded."`
	RecordOnly bool          `help:"Fetch no history, only mark it as dealt with: for a subscription with push_historical_data, whose history comes as events. Streams of workouts are fetched all the same."`
	DryRun     bool          `help:"Say what there is to be done, and do nothing."`
	Every      time.Duration `placeholder:"TIME" help:"Go on, and look for what Junction announced this often, until told to stop. Needs --topic. Default: once."`
	Parallel   int           `default:"4" placeholder:"N" help:"Resources of users that are fetched at once. Default ${default}."`
	RowRate    float64       `default:"20000" placeholder:"N" help:"Rows a second that are published, at most, so that live events are not held up. Default ${default}."`
	JSON       bool          `name:"json" help:"Print one JSON object at the end."`
}

func (c *backfillCommand) Help() string {
	return `Junction tells of a finished pull of history, and of workouts whose streams can
be had, in events without data. This fetches the data from its API, as far as no
earlier backfill has, and sends it the way of all events; it never beats
anything newer. It can be stopped, or killed, at any moment: the next one does
what is left. Exit code 3: something could not be fetched; run it again.

  export VITALSINK_JUNCTION_API_KEY=sk_eu_…
  vitalsink backfill --dry-run
  vitalsink backfill

Into BigQuery it publishes to the topic that "vitalsink run" receives from; once,
as a scheduled job does, or again and again:

  vitalsink backfill --warehouse bigquery://my-project/health \
    --topic pubsub://my-project/junction --every 15m

By hand, whatever was announced:

  vitalsink backfill --from 2026-01-01 --to 2026-03-31 --all-users --resource sleep

If that was stopped, the same with --resume does the rest. The environment and region are those of the API key.`
}

// byHand tells whether somebody says what to fetch.
func (c *backfillCommand) byHand() bool { return c.From != "" }

// check finds wrong flags.
func (c *backfillCommand) check(catalogue *schemas.Catalogue, into location) error {
	var errs []error
	wrong := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, usage{fmt.Errorf(format, args...)})
		}
	}
	wrong(into.isBigQuery() && c.Topic == "", "--warehouse %s: give --topic, the one that run receives from", c.Warehouse)
	wrong(!into.isBigQuery() && c.Topic != "" && !c.byHand(),
		"what Junction announced is read from the warehouse, and a DuckDB file has only one process: leave --topic out, stop run, and start it again afterwards; or say by hand what to fetch, with --from")
	wrong(c.byHand() && !c.AllUsers && len(c.User) == 0, "--from: give --user or --all-users")
	wrong(c.AllUsers && len(c.User) > 0, "give --user or --all-users, not both")
	wrong(!c.byHand() && (c.AllUsers || c.To != ""), "--all-users and --to are for a backfill by hand: give --from")
	wrong(!c.byHand() && c.Resume, "--resume is for a backfill by hand, and others always go on: leave it out")
	wrong(c.Resume && c.DryRun, "give --resume or --dry-run, not both")
	wrong(c.Resume && c.Topic != "" && !into.isBigQuery(), "--resume: what is finished is read from the warehouse: with --topic, give that of run with --warehouse, in BigQuery")
	wrong(c.byHand() && c.RecordOnly, "--record-only is about what Junction announced: leave --from out")
	wrong(c.Every != 0 && (c.byHand() || c.DryRun || c.Topic == ""), "--every: only with --topic, and without --from and --dry-run")
	wrong(c.Every != 0 && c.Every < time.Minute, "--every must be 1m or more")
	wrong(c.Parallel < 1 || c.Parallel > 64, "--parallel must be from 1 to 64")
	wrong(!(c.RowRate >= 1 && c.RowRate <= 1e9), "--row-rate must be 1 or more")
	for _, name := range c.Resource {
		e, ok := catalogue.Endpoint(name)
		wrong(!ok || !e.Known, "--resource %s: there is no such resource; there are %s", name, strings.Join(resourcesOf(catalogue), " "))
	}
	return errors.Join(errs...)
}

func resourcesOf(c *schemas.Catalogue) []string {
	var names []string
	for _, e := range c.Endpoints() {
		names = append(names, e.Resource)
	}
	slices.Sort(names)
	return names
}

// order is what is asked for by hand.
func (c *backfillCommand) order(catalogue *schemas.Catalogue) (o backfill.Order, err error) {
	if !c.byHand() {
		return o, nil
	}
	o = backfill.Order{Users: c.User, Providers: c.Provider, To: time.Now().UTC().Truncate(24 * time.Hour)}
	if o.From, err = time.Parse(time.DateOnly, c.From); err != nil {
		return o, usage{fmt.Errorf("--from %s: write a day, such as 2026-01-31", c.From)}
	}
	if c.To != "" {
		if o.To, err = time.Parse(time.DateOnly, c.To); err != nil {
			return o, usage{fmt.Errorf("--to %s: write a day, such as 2026-01-31", c.To)}
		}
	}
	if o.To.Before(o.From) {
		return o, usage{fmt.Errorf("--from %s is later than --to", c.From)}
	}
	if backfill.Outside(o.From, o.To) {
		return o, usage{fmt.Errorf("--from %s: tables take what is from 2005 to two days from now, and nothing of this is", c.From)}
	}
	for _, name := range c.names(catalogue) {
		e, _ := catalogue.Endpoint(name)
		o.Endpoints = append(o.Endpoints, e)
	}
	return o, nil
}

// names are the resources that are wanted, by their present names, each once.
func (c *backfillCommand) names(catalogue *schemas.Catalogue) []string {
	if len(c.Resource) == 0 {
		return resourcesOf(catalogue)
	}
	return c.wanted(catalogue)
}

// wanted are the resources that are named.
func (c *backfillCommand) wanted(catalogue *schemas.Catalogue) (names []string) {
	for _, name := range c.Resource {
		if e, ok := catalogue.Endpoint(name); ok && !slices.Contains(names, e.Resource) {
			names = append(names, e.Resource)
		}
	}
	return names
}

// configured finds all that is wrong with the flags but for those of Junction,
// which client does.
func (c *backfillCommand) configured() error {
	catalogue, err := schemas.Load()
	if err != nil {
		return err
	}
	location, locationErr := c.location()
	_, billedErr := c.bill()
	_, memoryErr := c.total()
	_, orderErr := c.order(catalogue)
	var topicErr error
	if c.Topic != "" {
		_, _, topicErr = parseResource("topic", "TOPIC", c.Topic)
	}
	return errors.Join(c.check(catalogue, location), locationErr, billedErr, memoryErr, orderErr, topicErr)
}

func (c *backfillCommand) Run(ctx context.Context, std streams, log *slog.Logger) error {
	catalogue, err := schemas.Load()
	if err != nil {
		return err
	}
	client, clientErr := c.client(log)
	if err := errors.Join(c.configured(), clientErr); err != nil {
		return err
	}
	location, _ := c.location() // all these are in order
	billed, _ := c.bill()
	memory, _ := c.shares(location)
	order, _ := c.order(catalogue)
	project, topic, _ := parseResource("topic", "TOPIC", c.Topic) // "" for none
	f := &filling{
		backfillCommand: c, std: std, client: client, order: order, memory: memory, project: project, topic: topic,
		into: storage{location, memory.warehouse, billed, log},
		backfill: &backfill.Backfill{
			Source: client, Directory: client, Catalogue: catalogue, Log: log,
			Parallel: c.Parallel, RowRate: c.RowRate, MaxBytes: memory.waiting, DryRun: c.DryRun,
		},
	}
	defer client.Close() //nolint:errcheck // it has none
	stop := func() {}
	if c.Every == 0 || terminalWidth(std.err) > 0 { // where nobody watches, a service is quiet
		stop = showProgress(std.err, f.progress)
	}
	err = f.run(ctx)
	stop()
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		if c.Every > 0 {
			return f.report() // it was to go on until now
		}
		err = errors.New("stopped before the end; run it again for the rest")
	}
	if errors.Is(err, connector.ErrKey) {
		err = fmt.Errorf("%w; look at %s, --environment and --region", err, keyVariable)
	}
	if err != nil && f.backfill.Elapsed() == 0 {
		return err // nothing was begun
	}
	return errors.Join(f.report(), err, f.verdict())
}

// filling is a backfill at work.
type filling struct {
	*backfillCommand
	std      streams
	client   *junction.Client
	project  string // of the topic
	topic    string // its name, "" for none
	into     storage
	memory   shares
	order    backfill.Order
	backfill *backfill.Backfill
	folded   connector.Folded // nothing if another process folds
}

func (f *filling) run(ctx context.Context) error {
	if f.byHand() && f.DryRun && !f.canTellErased() {
		return f.backfill.Fetch(ctx, f.order)
	}
	if f.Topic != "" {
		return f.toTopic(ctx)
	}
	if _, err := os.Stat(f.into.location.path); err != nil && !f.byHand() {
		return fmt.Errorf("duckdb file %s: %w; what Junction announced is read from a warehouse that is there, load and webhook make one", f.into.location.path, errors.Unwrap(err))
	}
	_, w, err := f.into.open(ctx)
	if err != nil {
		return err
	}
	d := newDirect(f, w)
	err = d.run(ctx)
	f.folded = d.folder.Folded()
	return errors.Join(err, w.Close())
}

// toTopic publishes what it fetches.
func (f *filling) toTopic(ctx context.Context) (err error) {
	topic, err := pubsub.NewTopic(ctx, f.project, f.topic, int(f.memory.waiting))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, topic.Close()) }()
	if err := topic.Check(ctx); err != nil && !f.DryRun {
		return err
	}
	f.backfill.Publisher = topic
	if f.byHand() && !f.canTellErased() {
		f.into.log.Info("who is erased is not known without a warehouse that can be read: what is fetched of them is dropped by run")
		return f.backfill.Fetch(ctx, f.order)
	}
	_, w, err := f.into.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if f.byHand() {
		if f.Resume {
			f.order.Finished = w
		}
		return f.fetch(ctx, w)
	}
	for {
		err := f.pass(ctx, w)
		if f.Every == 0 || ctx.Err() != nil || errors.Is(err, connector.ErrKey) {
			return err
		}
		if err != nil {
			f.into.log.Error("a pass failed; the next one goes on", "error", err)
		} else {
			r := f.backfill.Result()
			f.into.log.Info("a pass is done; these are the sums so far", "answered", r.Answered, "rows", r.Rows, "failed", r.Failed)
		}
		timer := time.NewTimer(f.Every)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// canTellErased tells whether there is a warehouse to be read: with a topic a
// DuckDB file is another process's, and perhaps none that this one knows. What
// is fetched for somebody who is erased is dropped there, by run.
func (f *filling) canTellErased() bool {
	if f.into.location.isBigQuery() {
		return true
	}
	_, err := os.Stat(f.into.location.path)
	return f.Topic == "" && err == nil
}

// readErased has the backfill leave out who is erased by now.
func (f *filling) readErased(ctx context.Context, w connector.Warehouse) (err error) {
	if f.backfill.Erased, err = w.Erased(ctx); err != nil {
		return fmt.Errorf("read who is erased: %w", err)
	}
	return nil
}

// fetch does what is asked for by hand.
func (f *filling) fetch(ctx context.Context, w connector.Warehouse) error {
	if err := f.readErased(ctx, w); err != nil {
		return err
	}
	return f.backfill.Fetch(ctx, f.order)
}

// pass answers what Junction announced, and sweeps up what earlier passes left.
func (f *filling) pass(ctx context.Context, w warehouse) error {
	if err := f.readErased(ctx, w); err != nil {
		return err
	}
	filter := backfill.Filter{
		Users: f.User, Resources: f.wanted(f.backfill.Catalogue), Providers: f.Provider, RecordOnly: f.RecordOnly,
	}
	return errors.Join(f.backfill.Drain(ctx, w, filter), f.backfill.Sweep(ctx, w))
}

// progress is a line about how far it is.
func (f *filling) progress() string {
	r, elapsed := f.backfill.Result(), f.backfill.Elapsed()
	line := fmt.Sprintf("%s users  %s of %s windows  %s rows", humanize.Comma(int64(r.Users)),
		humanize.Comma(int64(r.WindowsDone)), humanize.Comma(int64(r.Windows)), humanize.Comma(int64(r.Rows)))
	if r.Windows > 0 && r.WindowsDone == r.Windows {
		return line + "  until all is safe …" // and in a DuckDB file folded
	}
	if elapsed > time.Second {
		line += fmt.Sprintf("  %s rows/s", humanize.Comma(int64(float64(r.Rows)/elapsed.Seconds())))
	}
	// What the first seconds foretell is not worth much.
	if r.WindowsDone > 0 && elapsed > 5*time.Second {
		line += "  " + inWords(time.Duration(float64(elapsed)/float64(r.WindowsDone)*float64(r.Windows-r.WindowsDone))) + " left"
	}
	return line
}

// verdict is nil if nothing is left to be done.
func (f *filling) verdict() error {
	if n := f.backfill.Result().Failed; n > 0 {
		return attention{fmt.Sprintf("windows that could not be fetched: %d; run it again", n)}
	}
	return nil
}

// backfilled is the result of a backfill.
type backfilled struct {
	backfill.Result
	Requests int64            `json:"requests"` // repeated ones included
	DryRun   bool             `json:"dry_run"`
	Folded   connector.Folded `json:"folded"`
}

func (f *filling) report() error {
	requests, _ := f.client.Requests()
	r := backfilled{f.backfill.Result(), requests, f.DryRun, f.folded}
	if f.JSON {
		return printJSON(f.std.out, r)
	}
	w := tabwriter.NewWriter(f.std.out, 0, 0, 2, ' ', 0)
	for _, line := range r.lines(f.byHand(), f.Topic == "") {
		fmt.Fprintln(w, line)
	}
	return w.Flush()
}

// lines are those of the report.
func (r *backfilled) lines(byHand, folds bool) []string {
	var all []string
	add := func(name, format string, args ...any) { all = append(all, name+"\t"+fmt.Sprintf(format, args...)) }
	if r.DryRun {
		all = append(all, "Nothing was done. There is to do:")
	}
	add("users", "%d", r.Users)
	if r.Erased > 0 {
		add("erased", "%d users are left out", r.Erased)
	}
	if !byHand {
		add("announcements", "%d, of which %d are answered", r.Notices, r.Answered)
	}
	if r.Foreign > 0 {
		add("of other teams", "%d announcements, which need a backfill with the team's key", r.Foreign)
	}
	if r.DryRun {
		add("windows", "%d, a request or more each", r.Windows)
		return all
	}
	add("windows", "%d = %d with rows + %d empty + %d that Junction does not know + %d failed",
		r.WindowsDone, r.WindowsDone-r.Empty-r.Absent-r.Failed, r.Empty, r.Absent, r.Failed)
	add("requests", "%d", r.Requests)
	add("rows fetched", "%d", r.Rows)
	if r.Deleted > 0 {
		add("rows deleted", "%d samples that are no part of their stream any more", r.Deleted)
	}
	if folds {
		add("rows folded", "%s", foldEquation(r.Folded.Books))
	}
	return all
}
