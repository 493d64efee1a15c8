package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"github.com/dustin/go-humanize"
	"golang.org/x/sync/errgroup"

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
	// demoPatience is how long the demo waits for what it published.
	demoPatience = time.Minute
)

// demoPopulation are the people of the demo: always the same, so that the demo
// tells the same.
var demoPopulation = synth.Population{
	Users: 8, Days: 3, Seed: 1, Start: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC),
	Duplicates: 0.1, Disorder: 0.1, Updates: 0.05, Late: 0.02, Bad: 0.004,
}

// demoStory says what happened; it is printed above the books.
const demoStory = `%d invented people wore watches, rings and glucose sensors for %d days. %d messages
about it went through a Pub/Sub server in this process: %.0f %% of them twice, %.0f %% hours
late, %.0f %% told anew with other values, %.0f %% weeks after they were measured, and some
broken. "vitalsink run" appended each row to a log, acknowledged the messages, and
folded the log into tables: one row per fact, always the latest version.

The books balance, or nothing would have been committed. Applied is what changed a
table; superseded, what met a newer version on the way; stale, what came when the
table had that version or a newer one.

`

type demoCommand struct {
	File string `placeholder:"PATH" help:"Keep the tables in this new file, to query them afterwards. Default: a temporary file."`
}

func (c *demoCommand) Help() string {
	return `Publishes a few days of invented people's data to a Pub/Sub server within this
process, redeliveries, updates, late and broken messages included, runs what
"vitalsink run" runs, and shows what landed and how to ask about it.

  vitalsink demo
  vitalsink demo --file demo.duckdb`
}

func (c *demoCommand) Run(ctx context.Context, std streams) (err error) {
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
	service, err := runDemo(ctx, std, path)
	if err != nil {
		return err
	}
	landed := service.Ingest.Landed()
	fmt.Fprintf(std.out, demoStory, demoPopulation.Users, demoPopulation.Days, landed.Books.Messages,
		100*demoPopulation.Duplicates, 100*demoPopulation.Disorder, 100*demoPopulation.Updates, 100*demoPopulation.Late)
	if err := printBooks(std.out, landed, foldedOf(service)); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	if err := showQueries(ctx, std.out, path); err != nil {
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

// demoRun is the service at work on the demo's messages.
type demoRun struct {
	server    *pstest.Server
	service   *connector.Service
	published atomic.Int64
}

// runDemo publishes the demo's messages and runs the service until all of
// them are committed.
func runDemo(ctx context.Context, std streams, path string) (*connector.Service, error) {
	log := slog.New(slog.DiscardHandler) // the books tell of the quarantine
	catalogue, err := schemas.Load()
	if err != nil {
		return nil, err
	}
	warehouse, err := duckdb.Open(ctx, duckdb.Config{Path: path, Catalogue: catalogue})
	if err != nil {
		return nil, err
	}
	d := &demoRun{server: pstest.NewServer()}
	defer func() { _ = d.server.Close() }() // it is ours, and we are done
	if err := d.subscribe(ctx); err != nil {
		return nil, errors.Join(err, warehouse.Close())
	}
	d.service = &connector.Service{
		Ingest:       &connector.Ingest{Warehouse: warehouse, Catalogue: catalogue, Log: log, FlushInterval: 500 * time.Millisecond},
		Folder:       &connector.Folder{Warehouse: warehouse, Catalogue: catalogue, Log: log},
		FoldInterval: 2 * time.Second, Log: log,
		Connect: func(ctx context.Context) (connector.ClosingSource, error) {
			return pubsub.NewSourceAt(ctx, d.server.Addr, demoProject, demoSubscription)
		},
	}
	runCtx, stop := context.WithCancel(ctx)
	defer stop()
	g, runCtx := errgroup.WithContext(runCtx)
	g.Go(func() error { return d.service.Run(runCtx) })
	g.Go(func() error {
		defer stop()
		return d.publish(runCtx, demoPopulation.Messages(runCtx, catalogue))
	})
	show := showProgress(std.err, func() string {
		return fmt.Sprintf("%s published; %s", humanize.Comma(d.published.Load()), progressOf(d.service))
	})
	err = g.Wait()
	show()
	if ctx.Err() != nil {
		err = errors.New("stopped before the end")
	}
	return d.service, errors.Join(err, warehouse.Close())
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

// publish publishes at the pace at which messages are committed, for this
// server slows down with its backlog, and returns when all are. They keep the
// identities and times that were given to them, as replayed ones do: this
// server would make up its own.
func (d *demoRun) publish(ctx context.Context, messages iter.Seq2[transforms.Message, int]) error {
	for m := range messages {
		if err := d.await(ctx, demoBacklog); err != nil {
			return err
		}
		attributes := map[string]string{
			"original-message-id":   m.ID,
			"original-publish-time": m.PublishTime.UTC().Format(time.RFC3339Nano),
		}
		maps.Copy(attributes, m.Attributes)
		d.server.Publish(demoTopic, m.Data, attributes)
		d.published.Add(1)
	}
	return d.await(ctx, 1)
}

// await returns when fewer than so many messages are published and not
// committed.
func (d *demoRun) await(ctx context.Context, backlog int64) error {
	ctx, cancel := context.WithTimeout(ctx, demoPatience)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for d.published.Load()-int64(d.service.Ingest.Landed().Books.Messages) >= backlog {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d messages are published, and only %d committed: %w",
				d.published.Load(), d.service.Ingest.Landed().Books.Messages, ctx.Err())
		case <-ticker.C:
		}
	}
	return nil
}

// demoQueries are what an analyst would ask first.
var demoQueries = []struct{ question, statement string }{
	{
		"How did they sleep?",
		`SELECT left(user_id, 8) AS person, calendar_date AS day, source_provider AS provider,
       round(total / 3600.0, 1) AS hours, round(deep / 60.0) AS deep_minutes, hr_lowest
FROM sleep
WHERE calendar_date >= '2026-03-02'
ORDER BY person, day, provider
LIMIT 6`,
	},
	{
		"How hard was each workout, by its record and by the heart-rate samples of its time?",
		`SELECT left(w.user_id, 8) AS person, w.sport_slug AS sport, round(w.distance / 1000, 1) AS km,
       round(w.moving_time / 60.0) AS minutes, w.average_hr, round(avg(h.value)) AS sampled_hr, count(*) AS samples
FROM workouts AS w JOIN heartrate AS h
  ON h.user_id = w.user_id AND h.provider = w.source_provider AND h.timestamp BETWEEN w.time_start AND w.time_end
GROUP BY ALL
ORDER BY person, km DESC
LIMIT 6`,
	},
	{
		"What was refused, and why?",
		`SELECT reason, json_path, detail, count(*) AS times
FROM quarantine
GROUP BY ALL
ORDER BY times DESC, reason
LIMIT 6`,
	},
}

func showQueries(ctx context.Context, out io.Writer, path string) (err error) {
	reader, err := duckdb.OpenReadOnly(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	for _, q := range demoQueries {
		fmt.Fprintf(out, "\n%s\n\n%s\n\n", q.question, q.statement)
		if err := runQuery(ctx, reader, q.statement, "table", out); err != nil {
			return err
		}
	}
	return nil
}
