package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"vitalsink/connector"
	"vitalsink/connector/junction"
	"vitalsink/connector/pubsub"
	"vitalsink/connector/reconcile"
	"vitalsink/schemas"
)

type reconcileCommand struct {
	warehouseFlag
	billingFlag
	memoryFlag
	junctionFlags
	Since       string         `default:"7d" placeholder:"DAYS" help:"Compare these days up to today, such as 7d, or from a day on, such as 2026-05-01. Default ${default}."`
	Sample      int            `default:"2" placeholder:"N" help:"Compare so many older days beside, others with every run, until all were. Default ${default}."`
	Share       float64        `default:"0.15" placeholder:"F" help:"Of what a cheap first pass finds nothing wrong with, compare this share all the same, others with every run; 1 for all. Default ${default}."`
	User        []string       `placeholder:"ID" help:"Only this user, by Junction's id. May be given several times."`
	Resource    []string       `placeholder:"NAME" help:"Only this resource, such as sleep or heartrate. May be given several times. Default all."`
	Settle      *time.Duration `placeholder:"TIME" help:"Look again after this time at what differs: it is drift only if nothing moved. Twice what an event needs from Junction into the log. Default 15m in BigQuery; for a DuckDB file 0s, since nothing else writes to it."`
	MaxUnmerged time.Duration  `default:"2h" placeholder:"TIME" help:"How long a batch may wait to be folded before that is reported. Default ${default}."`
	Repair      bool           `help:"Publish what is missing or stale, and remove rows of keys that are there twice. In BigQuery it needs --topic."`
	DeleteExtra bool           `help:"With --repair: delete what Junction does not have any more, by tombstones."`
	Topic       string         `placeholder:"URL" help:"Where to publish: pubsub://PROJECT/TOPIC, which run receives from."`
	MaxRequests int64          `placeholder:"N" help:"Begin nothing more after so many requests to Junction's API; --resume goes on. Default: no limit."`
	MaxBytes    string         `placeholder:"SIZE" help:"BigQuery: begin nothing more when so much is billed, such as 100GiB; --resume goes on. Default: no limit."`
	Resume      bool           `help:"Go on with the last run if it did not come to its end; else begin one."`
	Parallel    int            `default:"4" placeholder:"N" help:"Resources of users that Junction is asked for at once. Default ${default}."`
	RowRate     float64        `default:"20000" placeholder:"N" help:"Rows a second that are published, at most. Default ${default}."`
	HTML        string         `name:"html" placeholder:"FILE" help:"Write the report as a page, too."`
	JSON        bool           `name:"json" help:"Print one JSON object at the end."`
}

func (c *reconcileCommand) Help() string {
	return `Answers, with evidence, whether the warehouse is right: whether every fact that
Junction has is there, once, in its latest version. It looks at the warehouse by
itself (no key twice, no row older than one that was merged, books that balance),
and compares it with Junction's API: per user, resource, provider and day, both
sides digested by the same code. What differs is looked at once more after
--settle: what is on its way is not drift. It changes no fact unless told to.

  export VITALSINK_JUNCTION_API_KEY=sk_eu_…
  vitalsink reconcile
  vitalsink reconcile --share 1 --html report.html
  vitalsink reconcile --repair

Into BigQuery, as a scheduled job does:

  vitalsink reconcile --warehouse bigquery://my-project/health \
    --topic pubsub://my-project/junction --repair

What it finds is kept in the table reconciliations, and named by hashes of keys:
no output holds a user id or a value. Exit code 0: all agrees, or is repaired; 3:
drift remains; 1: it could not be done, or not to the end. A DuckDB file has one
process: stop run, and start it again afterwards.`
}

// check finds wrong flags.
func (c *reconcileCommand) check(catalogue *schemas.Catalogue, into location) error {
	var errs []error
	wrong := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, usage{fmt.Errorf(format, args...)})
		}
	}
	wrong(c.Repair && into.isBigQuery() && c.Topic == "", "--repair: give --topic, the one that run receives from")
	wrong(c.Topic != "" && !into.isBigQuery(), "--topic is for BigQuery: what is repaired in a DuckDB file goes straight into it")
	wrong(c.DeleteExtra && !c.Repair, "--delete-extra: give --repair too")
	wrong(c.Sample < 0 || c.Sample > 365, "--sample must be from 0 to 365")
	wrong(!(c.Share >= 0 && c.Share <= 1), "--share must be from 0 to 1")
	wrong(c.Settle != nil && (*c.Settle < 0 || *c.Settle > 24*time.Hour), "--settle must be from 0s to 24h")
	wrong(c.MaxUnmerged <= 0, "--max-unmerged must be more than 0s")
	wrong(c.MaxRequests < 0, "--max-requests must not be negative")
	wrong(c.Parallel < 1 || c.Parallel > 64, "--parallel must be from 1 to 64")
	wrong(!(c.RowRate >= 1 && c.RowRate <= 1e9), "--row-rate must be 1 or more")
	wrong(c.Resume && len(c.User) > 0, "--resume is about all users: leave --user out")
	if c.Topic != "" {
		_, _, err := parseResource("topic", "TOPIC", c.Topic)
		errs = append(errs, err)
	}
	if c.HTML != "" { // it is written at the end, which is late to learn that it cannot be
		_, err := os.Stat(filepath.Dir(c.HTML))
		wrong(err != nil, "--html %s: there is no such directory", c.HTML)
	}
	wrong(c.MaxBytes != "" && !into.isBigQuery(), "--max-bytes is for BigQuery: leave it out")
	for _, name := range c.Resource {
		e, ok := catalogue.Endpoint(name)
		wrong(!ok || !e.Known || e.Form == schemas.FormColumns, "--resource %s: there is no such resource to compare; there are %s", name, strings.Join(comparable(catalogue), " "))
	}
	return errors.Join(errs...)
}

// comparable are the resources that are compared.
func comparable(c *schemas.Catalogue) (names []string) {
	for _, e := range c.Endpoints() {
		if e.Form != schemas.FormColumns {
			names = append(names, e.Resource)
		}
	}
	slices.Sort(names)
	return names
}

// window is what is compared: until is the day after today, in UTC.
func (c *reconcileCommand) window() (from, until time.Time, err error) {
	until = time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1)
	if count, ok := strings.CutSuffix(c.Since, "d"); ok {
		n, err := strconv.Atoi(count)
		if err != nil || n < 1 || n > 366 {
			return from, until, usage{fmt.Errorf("--since %s: write a number of days from 1d to 366d", c.Since)}
		}
		return until.AddDate(0, 0, -n), until, nil
	}
	from, err = time.Parse(time.DateOnly, c.Since)
	switch {
	case err != nil:
		err = usage{fmt.Errorf("--since %s: write a number of days, such as 7d, or a day, such as 2026-01-31", c.Since)}
	case !from.Before(until) || until.Sub(from) > 366*24*time.Hour:
		err = usage{fmt.Errorf("--since %s: write one of the last 366 days", c.Since)}
	}
	return from, until, err
}

// configured finds all that is wrong with the flags but for those of Junction,
// which client does.
func (c *reconcileCommand) configured() error {
	catalogue, err := schemas.Load()
	if err != nil {
		return err
	}
	location, locationErr := c.location()
	_, billedErr := c.bill()
	_, memoryErr := c.total()
	_, _, windowErr := c.window()
	var mostErr error
	if c.MaxBytes != "" {
		_, mostErr = parseBilled("max-bytes", c.MaxBytes)
	}
	return errors.Join(c.check(catalogue, location), locationErr, billedErr, memoryErr, windowErr, mostErr)
}

func (c *reconcileCommand) Run(ctx context.Context, std streams, log *slog.Logger) error {
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
	from, until, _ := c.window()
	var most int64
	if c.MaxBytes != "" {
		most, _ = parseBilled("max-bytes", c.MaxBytes)
	}
	defer client.Close() //nolint:errcheck // it has none
	if most > 0 {
		billed.job = min(billed.job, most)
	}
	a := &audit{
		reconcileCommand: c, std: std, client: client, memory: memory, into: storage{location, memory.warehouse, billed, log},
		reconcile: &reconcile.Reconcile{
			Source: client, Directory: client, Log: log, From: from, Until: until, Sample: c.Sample, Share: c.Share,
			Users: c.User, Settle: location.settle(c.Settle), MaxUnmerged: c.MaxUnmerged, Repair: c.Repair, DeleteExtra: c.DeleteExtra,
			Parallel: c.Parallel, RowRate: c.RowRate, MaxBytes: memory.waiting, MaxRequests: c.MaxRequests, MaxBilled: most, Resume: c.Resume,
		},
	}
	for _, name := range c.Resource {
		if e, _ := catalogue.Endpoint(name); !slices.Contains(a.reconcile.Resources, e.Resource) {
			a.reconcile.Resources = append(a.reconcile.Resources, e.Resource)
		}
	}
	slices.Sort(a.reconcile.Resources)
	stop := showProgress(std.err, a.progress)
	err = a.run(ctx)
	stop()
	return a.close(ctx, err)
}

// audit is a reconcile at work.
type audit struct {
	*reconcileCommand
	std       streams
	client    *junction.Client
	memory    shares
	into      storage
	reconcile *reconcile.Reconcile
	report    *reconcile.Report // nil if nothing began
}

// run opens the warehouse and compares it.
func (a *audit) run(ctx context.Context) (err error) {
	if err := a.into.location.isOurs(ctx); err != nil {
		return err
	}
	catalogue, w, err := a.into.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	r := a.reconcile
	r.Catalogue, r.Warehouse, r.Ledger, r.Mender, r.Diary = catalogue, w, w, w, w
	if r.Erased, err = w.Erased(ctx); err != nil {
		return fmt.Errorf("read who is erased: %w", err)
	}
	var spent meter
	r.Spent = func() (requests, bytes int64) {
		requests, _ = a.client.Requests()
		if b, ok := w.(connector.Biller); ok {
			bytes = spent.read(b.Billed())
		}
		return requests, bytes
	}
	if a.into.location.isBigQuery() {
		return a.toTopic(ctx)
	}
	return a.direct(ctx, newPipeline(a.into, w, catalogue, a.memory))
}

// meter adds up what is billed, day after day.
type meter struct {
	mu     sync.Mutex
	before int64 // of days that are over
	last   connector.Bill
}

func (m *meter) read(b connector.Bill) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b.Day.After(m.last.Day) {
		m.before += m.last.Bytes
	}
	if !b.Day.Before(m.last.Day) { // whoever was slow read an older one
		m.last = b
	}
	return m.before + m.last.Bytes
}

// toTopic repairs by publishing for run, which folds.
func (a *audit) toTopic(ctx context.Context) (err error) {
	if !a.Repair {
		a.report, err = a.reconcile.Run(ctx)
		return err
	}
	project, name, err := parseResource("topic", "TOPIC", a.Topic)
	if err != nil {
		return err
	}
	topic, err := pubsub.NewTopic(ctx, project, name, int(a.memory.waiting))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, topic.Close()) }()
	if err := topic.Check(ctx); err != nil {
		return err
	}
	a.reconcile.Publisher = topic
	a.report, err = a.reconcile.Run(ctx)
	return err
}

// direct folds what is pending, since only what is folded can be seen, and
// repairs through the pipeline of this process.
func (a *audit) direct(ctx context.Context, p *pipeline) error {
	if _, err := p.folder.Fold(ctx); err != nil {
		return err
	}
	a.reconcile.Publisher = p.inlet
	a.reconcile.Fold = func(ctx context.Context) error {
		_, err := p.folder.Fold(ctx)
		return err
	}
	return p.publishing(ctx, func(ctx context.Context) (err error) {
		a.report, err = a.reconcile.Run(ctx)
		return err
	})
}

// progress is a line about how far it is.
func (a *audit) progress() string {
	r, elapsed := a.reconcile.Result(), a.reconcile.Elapsed()
	requests, _ := a.client.Requests()
	line := fmt.Sprintf("%s of %s users  %s resources of users compared  %s facts  %s requests", humanize.Comma(int64(r.UsersDone)),
		humanize.Comma(int64(r.Users)), humanize.Comma(int64(r.Units)), humanize.Comma(int64(r.Rows)), humanize.Comma(requests))
	if r.UsersDone > 0 && r.UsersDone < r.Users && elapsed > 5*time.Second {
		line += "  " + inWords(time.Duration(float64(elapsed)/float64(r.UsersDone)*float64(r.Users-r.UsersDone))) + " left"
	}
	return line
}

// close reports, and says how it ended.
func (a *audit) close(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, connector.ErrKey):
		err = fmt.Errorf("%w; look at %s, --environment and --region", err, keyVariable)
	case errors.Is(err, reconcile.ErrSpent):
		err = errors.New("stopped before the end, at --max-requests or --max-bytes; run it again with --resume for the rest")
	case errors.Is(err, reconcile.ErrTooLittle):
		err = errors.New("stopped at --max-requests or --max-bytes before anybody was compared to the end: give more of them; a user takes some 70 requests, and twice as many if all of it differs")
	case ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)):
		err = errors.New("stopped before the end; run it again with --resume for the rest")
	case errors.Is(err, connector.ErrAbsent), errors.Is(err, connector.ErrErased):
		err = fmt.Errorf("--user: %w", err)
	}
	if a.report == nil {
		return err
	}
	errs := []error{a.print(), a.page(), err}
	if n := a.report.Failed; n > 0 && err == nil {
		errs = append(errs, fmt.Errorf("resources of users that could not be compared: %d; run it again", n))
	}
	if n := a.report.LeftOut; n > 0 {
		errs = append(errs, fmt.Errorf("checks of tables that were left out: %d; they need a larger --max-bytes-billed", n))
	}
	if left := a.report.Drift - a.report.Repaired; left > 0 {
		errs = append(errs, attention{fmt.Sprintf("drift remains: %d", left)})
	}
	return errors.Join(errs...)
}

// page writes the report as HTML.
func (a *audit) page() (err error) {
	if a.HTML == "" {
		return nil
	}
	f, err := os.Create(a.HTML)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return reconcile.Page(f, a.report.Findings, a.report.Past)
}
