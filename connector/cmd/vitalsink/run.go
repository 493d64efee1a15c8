package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"vitalsink/connector"
	"vitalsink/connector/pubsub"
)

// lastFold is how long the fold at the end of a run may take.
const lastFold = 5 * time.Second

type runCommand struct {
	warehouseFlag
	Source        string        `required:"" placeholder:"URL" help:"Where the messages come from: pubsub://PROJECT/SUBSCRIPTION. PUBSUB_EMULATOR_HOST is honoured."`
	FlushInterval time.Duration `default:"10s" placeholder:"TIME" help:"Append and acknowledge a batch when it is this old. Default ${default}."`
	FoldInterval  time.Duration `default:"30s" placeholder:"TIME" help:"Merge what was appended into the tables this often. Default ${default}."`
}

func (c *runCommand) Help() string {
	return `Messages are appended to the log of their table and acknowledged; folds bring
them into the tables that people query. It can be killed at any moment: what
was not committed is delivered again. On SIGTERM it commits what it has, folds
and ends.

  vitalsink run --source pubsub://my-project/vitalsink`
}

func (c *runCommand) Run(ctx context.Context, log *slog.Logger) (err error) {
	project, subscription, err := parseResource("source", c.Source)
	if err != nil {
		return err
	}
	if c.FlushInterval <= 0 || c.FoldInterval <= 0 {
		return usage{errors.New("--flush-interval and --fold-interval must be more than 0")}
	}
	catalogue, warehouse, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, warehouse.Close()) }()
	source, err := pubsub.NewSource(ctx, project, subscription)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	p := pipeline{
		ingest: &connector.Ingest{
			Warehouse: warehouse, Catalogue: catalogue, Log: log, FlushInterval: c.FlushInterval,
		},
		folder: &connector.Folder{Warehouse: warehouse, Catalogue: catalogue, Log: log},
		beat:   c.FoldInterval,
	}
	if err := source.Check(ctx); errors.Is(err, pubsub.ErrNoSubscription) {
		return err
	} else if err != nil && ctx.Err() == nil {
		log.Warn("cannot look at the subscription (out of reach, or not allowed to); trying to receive all the same", "error", err)
	}
	log.Info("receiving", "source", c.Source, "warehouse", c.Warehouse)
	folded, err := p.run(ctx, source)
	landed := p.ingest.Landed().Books
	log.Info("stopped", "messages", landed.Messages, "rows", landed.Rows, "folded", folded.Books.Registered)
	return err
}

// pipeline is the two loops of the service: ingest, and a fold at every beat.
type pipeline struct {
	ingest *connector.Ingest
	folder *connector.Folder
	beat   time.Duration
}

// run works until the source is exhausted or ctx is done, then folds a last
// time. It returns what the folds did.
func (p *pipeline) run(ctx context.Context, source connector.Source) (connector.Folded, error) {
	var folded connector.Folded
	g, gctx := errgroup.WithContext(ctx)
	foldCtx, stopFolds := context.WithCancel(gctx)
	g.Go(func() error {
		defer stopFolds()
		return p.ingest.Run(gctx, source)
	})
	g.Go(func() error {
		var err error
		folded, err = p.foldLoop(foldCtx)
		return err
	})
	if err := g.Wait(); err != nil {
		return folded, err
	}
	lastCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFold)
	defer cancel()
	last, err := p.folder.Fold(lastCtx)
	folded.Add(last)
	if err != nil {
		return folded, fmt.Errorf("last fold: %w", err)
	}
	return folded, nil
}

// foldLoop folds at every beat until ctx is done.
func (p *pipeline) foldLoop(ctx context.Context) (connector.Folded, error) {
	var folded connector.Folded
	ticker := time.NewTicker(p.beat)
	defer ticker.Stop()
	for {
		f, err := p.folder.Fold(ctx)
		folded.Add(f)
		if err != nil && ctx.Err() == nil {
			return folded, err
		}
		select {
		case <-ctx.Done():
			return folded, nil
		case <-ticker.C:
		}
	}
}
