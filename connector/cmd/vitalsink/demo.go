package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"

	"vitalsink/connector"
	"vitalsink/connector/duckdb"
	"vitalsink/connector/pubsub"
	"vitalsink/connector/synth"
	"vitalsink/schemas"
)

const (
	demoProject      = "demo"
	demoTopic        = "projects/demo/topics/junction"
	demoSubscription = "projects/demo/subscriptions/vitalsink"
	demoSeed         = 1
	// demoPatience is how long the demo waits for what it published.
	demoPatience = time.Minute
)

// demoStart is the first day of the demo's data: always the same, so that the
// demo prints the same.
var demoStart = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

type demoCommand struct {
	File string `placeholder:"PATH" help:"Keep the tables in this new file, to query them afterwards. Default: a temporary file."`
}

func (c *demoCommand) Help() string {
	return `Publishes a few days of three invented people's data to a Pub/Sub server within
this process, redeliveries, updates, late and broken messages included, runs
what "vitalsink run" runs, and shows what landed and how to ask about it.

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
	landed, folded, err := runDemo(ctx, std.out, path)
	if err != nil {
		return err
	}
	fmt.Fprintln(std.out, "\nThe books balance, or nothing would have been committed:")
	fmt.Fprintln(std.out)
	if err := printBooks(std.out, landed, folded); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	if err := showQueries(ctx, std.out, path); err != nil {
		return err
	}
	if c.File != "" {
		fmt.Fprintf(std.out, "\nAsk on:\n\n  vitalsink query --warehouse duckdb://%s \"SHOW TABLES\"\n", path)
	}
	return nil
}

// runDemo publishes the demo's messages and runs the pipeline until all of
// them are acknowledged.
func runDemo(ctx context.Context, out io.Writer, path string) (connector.Landed, connector.Folded, error) {
	none := connector.Landed{}
	log := slog.New(slog.DiscardHandler) // the books tell of the quarantine
	catalogue, err := schemas.Load()
	if err != nil {
		return none, connector.Folded{}, err
	}
	server := pstest.NewServer()
	defer func() { _ = server.Close() }() // it is ours, and we are done
	published, err := publishDemo(ctx, server, catalogue)
	if err != nil {
		return none, connector.Folded{}, err
	}
	fmt.Fprintf(out, "Published %d messages to a Pub/Sub server in this process.\n", published)
	warehouse, err := duckdb.Open(ctx, path, catalogue)
	if err != nil {
		return none, connector.Folded{}, err
	}
	p := pipeline{
		ingest: &connector.Ingest{Warehouse: warehouse, Catalogue: catalogue, Log: log, FlushInterval: 200 * time.Millisecond},
		folder: &connector.Folder{Warehouse: warehouse, Catalogue: catalogue, Log: log},
		beat:   time.Second,
	}
	source, err := pubsub.NewSourceAt(ctx, server.Addr, demoProject, demoSubscription)
	if err != nil {
		return none, connector.Folded{}, errors.Join(err, warehouse.Close())
	}
	runCtx, stop := context.WithTimeout(ctx, demoPatience)
	defer stop()
	go stopWhenAcknowledged(runCtx, stop, server, published)
	folded, err := p.run(runCtx, source)
	err = errors.Join(err, source.Close(), warehouse.Close(), ctx.Err())
	if got := p.ingest.Landed().Books.Messages; err == nil && got < published {
		err = fmt.Errorf("only %d of %d messages were committed within %s", got, published, demoPatience)
	}
	return p.ingest.Landed(), folded, err
}

// publishDemo creates topic and subscription, and publishes the scenario. The
// messages keep the identities and times the scenario gave them, as replayed
// ones do: this server would make up its own.
func publishDemo(ctx context.Context, server *pstest.Server, c *schemas.Catalogue) (int, error) {
	if _, err := server.GServer.CreateTopic(ctx, &pubsubpb.Topic{Name: demoTopic}); err != nil {
		return 0, fmt.Errorf("create the demo's topic: %w", err)
	}
	_, err := server.GServer.CreateSubscription(ctx, &pubsubpb.Subscription{
		Name: demoSubscription, Topic: demoTopic, AckDeadlineSeconds: 60,
	})
	if err != nil {
		return 0, fmt.Errorf("create the demo's subscription: %w", err)
	}
	messages := synth.New(demoSeed, c).Scenario(demoStart)
	for _, m := range messages {
		attributes := map[string]string{
			"original-message-id":   m.ID,
			"original-publish-time": m.PublishTime.UTC().Format(time.RFC3339Nano),
		}
		for k, v := range m.Attributes {
			attributes[k] = v
		}
		server.Publish(demoTopic, m.Data, attributes)
	}
	return len(messages), nil
}

// stopWhenAcknowledged ends the run once the server has all acknowledgements.
func stopWhenAcknowledged(ctx context.Context, stop func(), server *pstest.Server, want int) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		acked := 0
		for _, m := range server.Messages() {
			if m.Acks > 0 {
				acked++
			}
		}
		if acked >= want {
			stop()
			return
		}
	}
}

// demoQueries are what an analyst would ask first.
var demoQueries = []struct{ question, statement string }{
	{
		"How did everyone sleep?",
		`SELECT left(user_id, 8) AS person, calendar_date AS day, source_provider AS provider,
       round(total / 3600.0, 1) AS hours, round(deep / 60.0) AS deep_minutes, hr_lowest
FROM sleep
ORDER BY person, day, provider
LIMIT 8`,
	},
	{
		"What does a day's heart rate look like?",
		`SELECT left(user_id, 8) AS person, hour(timestamp) // 6 * 6 AS from_hour, count(*) AS samples,
       round(avg(value)) AS bpm, max(value) AS highest
FROM heartrate
GROUP BY ALL
ORDER BY person, from_hour`,
	},
	{
		"What was refused, and why?",
		`SELECT reason, json_path, detail, payload_bytes
FROM quarantine
ORDER BY reason, json_path`,
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
