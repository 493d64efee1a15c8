package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"vitalsink/connector"
	"vitalsink/connector/duckdb"
	"vitalsink/connector/pubsub"
	"vitalsink/connector/synth"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

const (
	demoProject      = "demo"
	demoTopic        = "projects/demo/topics/junction"
	demoSubscription = "projects/demo/subscriptions/vitalsink"
	// demoBacklog is how many messages may wait in the server.
	demoBacklog = 400
	// demoSenders send at once.
	demoSenders = 8
	// demoPatience is how long the demo waits for what it published.
	demoPatience = time.Minute
	// demoPace is how many messages a second it sends when it is to last.
	demoPace = 20
	// demoDays are more than it can send then.
	demoDays = 10_000
)

// demoPopulation are the people of the demo: always the same, so that the demo
// tells the same.
var demoPopulation = synth.Population{
	Users: 8, Days: 3, Seed: 1, Start: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC),
	Duplicates: 0.1, Disorder: 0.1, Updates: 0.05, Late: 0.02, Bad: 0.004,
}

// demoStory says what happened; it is printed above the books.
const demoStory = `%d invented people wore watches, rings and glucose sensors for %s. %d messages
about it %s: %.0f %% of them twice, %.0f %% hours
late, %.0f %% told anew with other values, %.0f %% weeks after they were measured, and some
broken. "vitalsink run" appended each row to a log, acknowledged the messages, and
folded the log into tables: one row per fact, always the latest version.

The books balance, or nothing would have been committed. Applied is what changed a
table; superseded, what met a newer version on the way; stale, what came when the
table had that version or a newer one.

`

type demoCommand struct {
	// Elsewhere VITALSINK_WAREHOUSE is a URL.
	Warehouse string        `enum:"duckdb,bigquery" default:"duckdb" env:"VITALSINK_DEMO_WAREHOUSE" placeholder:"NAME" help:"duckdb, or bigquery: a stand-in for it within this process, with no cloud. Default ${default}."`
	Via       string        `enum:"pubsub,webhook" default:"pubsub" placeholder:"DOOR" help:"pubsub, or webhook: events are signed, posted to what \"vitalsink webhook\" runs, and published by it. Default ${default}."`
	File      string        `placeholder:"PATH" help:"DuckDB: keep the tables in this new file, to query them afterwards. Default: a temporary file."`
	For       time.Duration `env:"VITALSINK_DEMO_FOR" placeholder:"TIME" help:"Go on with more days of these people, at 20 messages a second, for so long, such as 10m, or until it is interrupted: to watch it (--http), and to break things. Default: until three days are told."`
	httpFlag
}

func (c *demoCommand) Help() string {
	return `Publishes a few days of invented people's data to a Pub/Sub server within this
process, redeliveries, updates, late and broken messages included, runs what
"vitalsink run" runs, and shows what landed and how to ask about it.

  vitalsink demo
  vitalsink demo --file demo.duckdb
  vitalsink demo --via webhook
  vitalsink demo --warehouse bigquery
  vitalsink demo --file demo.duckdb --for 10m --http 127.0.0.1:9090`
}

func (c *demoCommand) Run(ctx context.Context, std streams, log *slog.Logger) error {
	switch {
	case c.Warehouse == "bigquery" && c.File != "":
		return usage{errors.New("--file is for DuckDB: the stand-in for BigQuery keeps nothing")}
	case c.For < 0:
		return usage{fmt.Errorf("--for %s: write a time, such as 10m", c.For)}
	}
	catalogue, err := schemas.Load()
	if err != nil {
		return err
	}
	d := &demoRun{catalogue: catalogue, via: c.Via, population: demoPopulation, log: slog.New(slog.DiscardHandler)} // the books tell of the quarantine
	if c.For > 0 {
		d.lasts, d.population.Days, d.log = c.For, demoDays, log
	}
	if d.listener, err = c.listen(ctx); err != nil {
		return err
	}
	if d.listener != nil {
		defer func() { _ = d.listener.Close() }() // the server may have closed it
	}
	if c.Warehouse == "bigquery" {
		err = demoInBigQuery(ctx, std, d)
	} else {
		err = c.inDuckDB(ctx, std, d)
	}
	if err != nil && ctx.Err() != nil && d.lasts == 0 {
		return errors.New("stopped before the end")
	}
	return err
}

// inDuckDB is the demo with the tables in a file, and says how to ask on.
func (c *demoCommand) inDuckDB(ctx context.Context, std streams, d *demoRun) error {
	path := c.File
	if path == "" {
		dir, err := os.MkdirTemp("", "vitalsink-demo-")
		if err != nil {
			return fmt.Errorf("make a place for the demo: %w", err)
		}
		defer os.RemoveAll(dir)
		path = filepath.Join(dir, "demo.duckdb")
	} else if _, err := os.Stat(path); err == nil {
		return usage{fmt.Errorf("--file %s exists already; name a new file", path)}
	}
	if err := demoInDuckDB(ctx, std, d, path); err != nil {
		return err
	}
	if c.File == "" {
		fmt.Fprint(std.out, "\nTo ask on, keep the tables:\n\n  vitalsink demo --file demo.duckdb\n")
		path = "demo.duckdb"
	} else {
		fmt.Fprint(std.out, "\nAsk on:\n\n")
	}
	fmt.Fprintf(std.out, "  vitalsink query --warehouse duckdb://%s \"SHOW TABLES\"\n", path)
	return nil
}

// demoInDuckDB is the demo with the tables in a new file.
func demoInDuckDB(ctx context.Context, std streams, d *demoRun, path string) (err error) {
	warehouse, err := duckdb.Open(ctx, duckdb.Config{Path: path, Catalogue: d.catalogue})
	if err != nil {
		return err
	}
	d.warehouse, d.merges, d.into = warehouse, 1, "duckdb://"+path
	if err := errors.Join(d.run(ctx, std), warehouse.Close()); err != nil {
		return err
	}
	if err := d.tell(std.out); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // who interrupts one that lasts wants to see what came out
	reader, err := duckdb.OpenReadOnly(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	return askDemo(ctx, std.out, reader, demoQuery.inDuckDB)
}

// demoWays say how the messages came.
var demoWays = map[string]string{
	"pubsub": "went through a Pub/Sub server in this process",
	viaWebhook: `came as signed webhooks to a server in this process, which published
them to Pub/Sub`,
}

// tell says what happened, and that the books balance.
func (d *demoRun) tell(out io.Writer) error {
	landed := d.service.Ingest.Landed()
	days := d.population.Days
	if d.lasts > 0 && !d.told.IsZero() {
		days = int(d.told.Sub(d.population.Start).Hours()/24) + 1
	}
	fmt.Fprintf(out, demoStory, d.population.Users, english.Plural(days, "day", ""), landed.Books.Messages, demoWays[d.via],
		100*d.population.Duplicates, 100*d.population.Disorder, 100*d.population.Updates, 100*d.population.Late)
	if err := printBooks(out, landed, foldedOf(d.service)); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}

// demoRun is the service at work on the demo's messages.
type demoRun struct {
	catalogue *schemas.Catalogue
	warehouse connector.Warehouse
	merges    int    // at once
	via       string // the door
	into      string // what the warehouse is

	population synth.Population
	lasts      time.Duration // 0 for as long as there are messages
	listener   net.Listener  // of its window, or nil
	log        *slog.Logger

	server    *pstest.Server
	service   *connector.Service
	published atomic.Int64
	told      time.Time     // of the last that was published
	done      chan struct{} // closed when all that was published is committed
}

// run publishes the demo's messages and runs the service until all of them
// are committed and folded.
func (d *demoRun) run(ctx context.Context, std streams) error {
	d.server, d.done = pstest.NewServer(), make(chan struct{})
	defer func() { _ = d.server.Close() }() // it is ours, and we are done
	if err := d.subscribe(ctx); err != nil {
		return err
	}
	d.service = &connector.Service{
		Ingest:       &connector.Ingest{Warehouse: d.warehouse, Catalogue: d.catalogue, Log: d.log, FlushInterval: 500 * time.Millisecond, GiveUp: giveUp},
		Folder:       &connector.Folder{Warehouse: d.warehouse, Catalogue: d.catalogue, Log: d.log, Merges: d.merges},
		FoldInterval: 2 * time.Second, Log: d.log, Connect: d.connect,
	}
	telemetry, err := measure(ctx, d.listener != nil, d.service, nil, d.log)
	if err != nil {
		return err
	}
	defer telemetry.close()
	view := show(d.listener, telemetry, watched{
		command: "demo", source: "generated messages, by way of " + d.via, destination: d.into, catalogue: d.catalogue, service: d.service,
		ready: func() error { return working(d.service.Ingest) },
	}, d.log)
	sending, stop := context.WithCancel(ctx)
	defer stop()
	if d.lasts > 0 { // told to stop, it sends no more, and ends as if that had been all
		ctx = context.WithoutCancel(ctx)
	}
	g, runCtx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.service.Run(runCtx) })
	g.Go(func() error {
		defer close(d.done)
		send, shut, err := d.sender(runCtx)
		if err != nil {
			return err
		}
		return errors.Join(d.publish(runCtx, sending, stop, send), shut())
	})
	hide := showProgress(std.err, func() string {
		return fmt.Sprintf("%s published; %s", humanize.Comma(d.published.Load()), progressOf(d.service))
	})
	err = errors.Join(g.Wait(), view.close())
	hide()
	if err == nil {
		err = ctx.Err() // all is committed that was published so far
	}
	return err
}

// connect opens the door.
func (d *demoRun) connect(ctx context.Context) (connector.ClosingSource, error) {
	source, err := pubsub.NewSourceAt(ctx, d.server.Addr, demoProject, demoSubscription)
	if err != nil {
		return nil, err
	}
	return endingSource{source, d.done}, nil
}

// endingSource is exhausted when done is closed. A service whose source is
// exhausted folds for as long as it takes; one that is told to stop has seconds.
type endingSource struct {
	connector.ClosingSource
	done <-chan struct{}
}

// Receive delivers messages until done is closed or ctx is done.
func (s endingSource) Receive(ctx context.Context, deliver func(context.Context, *connector.Message) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-s.done:
			stop()
		case <-ctx.Done():
		}
	}()
	err := s.ClosingSource.Receive(ctx, deliver)
	select {
	case <-s.done:
		return nil // nothing is in hand that the error could be about
	default:
		return err
	}
}

// subscribe creates topic and subscription.
func (d *demoRun) subscribe(ctx context.Context) error {
	if _, err := d.server.GServer.CreateTopic(ctx, &pubsubpb.Topic{Name: demoTopic}); err != nil {
		return fmt.Errorf("create the demo's topic: %w", err)
	}
	_, err := d.server.GServer.CreateSubscription(ctx, &pubsubpb.Subscription{
		Name: demoSubscription, Topic: demoTopic, AckDeadlineSeconds: 60,
	})
	if err != nil {
		return fmt.Errorf("create the demo's subscription: %w", err)
	}
	return nil
}

// publish sends messages at the pace at which they are committed, for this
// server slows down with its backlog, until there are no more, or sending is
// done, and returns when all are committed.
func (d *demoRun) publish(ctx, sending context.Context, stop func(), send func(context.Context, *transforms.Message) error) error {
	pace := rate.NewLimiter(rate.Inf, 0)
	if d.lasts > 0 {
		pace = rate.NewLimiter(demoPace, demoPace)
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(demoSenders)
	for m := range d.population.Messages(ctx, d.catalogue) {
		err := errors.Join(pace.Wait(sending), d.await(gctx, sending, demoBacklog))
		if sending.Err() != nil {
			break
		}
		if err != nil {
			return errors.Join(err, g.Wait())
		}
		if d.published.Add(1) == 1 && d.lasts > 0 { // not before: to make up a day takes a moment
			defer time.AfterFunc(d.lasts, stop).Stop()
		}
		d.told = m.PublishTime
		g.Go(func() error { return send(gctx, &m) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if waiting := d.waiting(); d.lasts > 0 && waiting > 0 {
		d.log.Info("nothing more is sent; what is under way has a minute to be committed, then come the books; interrupted once more it ends at once", "messages", waiting)
	}
	return d.await(ctx, ctx, 1)
}

// waiting is how many messages are published and not committed.
func (d *demoRun) waiting() int64 {
	return d.published.Load() - int64(d.service.Ingest.Landed().Books.Messages)
}

// sender is the way of messages to the Pub/Sub server; stop ends it.
func (d *demoRun) sender(ctx context.Context) (send func(context.Context, *transforms.Message) error, stop func() error, err error) {
	if d.via == viaWebhook {
		return demoDoor(ctx, d.server.Addr)
	}
	return func(_ context.Context, m *transforms.Message) error {
		// They keep the identities and times that were given to them, as
		// replayed ones do: this server would make up its own.
		attributes := map[string]string{
			"original-message-id":   m.ID,
			"original-publish-time": m.PublishTime.UTC().Format(time.RFC3339Nano),
		}
		maps.Copy(attributes, m.Attributes)
		d.server.Publish(demoTopic, m.Data, attributes)
		return nil
	}, func() error { return nil }, nil
}

// await returns when fewer than so many messages are published and not
// committed, or sending is done. One that is to last waits for as long as that
// takes: somebody may be breaking things.
func (d *demoRun) await(ctx, sending context.Context, backlog int64) error {
	if d.lasts == 0 || ctx == sending {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, demoPatience)
		defer cancel()
	}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for d.waiting() >= backlog {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d messages are published, and only %d committed: %w",
				d.published.Load(), d.service.Ingest.Landed().Books.Messages, ctx.Err())
		case <-sending.Done():
			return nil
		case <-ticker.C:
		}
	}
	return nil
}
