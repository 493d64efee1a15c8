package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/dustin/go-humanize"

	"vitalsink/connector"
	"vitalsink/connector/pubsub"
)

// giveUp is for how long an append is tried again. It is less than a message
// may be kept from being delivered again (see pubsub), which is less than the
// hour after which Google's client lets it go.
const giveUp = 50 * time.Minute

type runCommand struct {
	warehouseFlag
	billingFlag
	memoryFlag
	httpFlag
	Source        string         `required:"" placeholder:"URL" help:"Where the messages come from: pubsub://PROJECT/SUBSCRIPTION. PUBSUB_EMULATOR_HOST is honoured."`
	FlushInterval *time.Duration `placeholder:"TIME" help:"Append and acknowledge a batch when it is this old. Default 10s into DuckDB, 60s into BigQuery."`
	FoldInterval  *time.Duration `placeholder:"TIME" help:"Merge what was appended into the tables this often; what touches old days, at every tenth time. Default 30s in DuckDB, 5m in BigQuery, which bills every merge."`
	FoldRows      *int           `placeholder:"N" help:"Rows of one merge, at most, unless a single batch has more. Default 20,000,000 in BigQuery; in DuckDB what --memory allows, at most 2,000,000."`
	NoFold        bool           `help:"Only append. For receivers beside one that folds, where the warehouse takes more than one process, or to fold later."`
	AllowOrdering bool           `help:"Receive even if the subscription has message ordering or exactly-once delivery on. Both are slow, and neither is needed: versions decide."`
}

func (c *runCommand) Help() string {
	return `Messages are appended to the log of their table and acknowledged; folds bring
them into the tables that people query. It can be killed at any moment: what
was not committed is delivered again. While the warehouse fails it receives
nothing, keeps what it has, and goes on by itself when the warehouse works
again. On SIGTERM it commits what it has within 7 seconds, folds if there is
time left, and ends. Where there is no terminal, a line of the log says every
minute how it is: "at work".

  vitalsink run --source pubsub://my-project/vitalsink --http 127.0.0.1:9090
  vitalsink run --source pubsub://my-project/vitalsink --warehouse bigquery://my-project/health`
}

// setDefaults fills in what depends on the warehouse.
func (c *runCommand) setDefaults(of location) {
	pace := of.pace()
	if c.FlushInterval == nil {
		c.FlushInterval = &pace.flush
	}
	if c.FoldInterval == nil {
		c.FoldInterval = &pace.fold
	}
}

// check finds wrong flags.
func (c *runCommand) check() error {
	var errs []error
	if *c.FlushInterval <= 0 || *c.FoldInterval <= 0 {
		errs = append(errs, usage{errors.New("--flush-interval and --fold-interval must be more than 0")})
	}
	if *c.FlushInterval > giveUp/2 {
		errs = append(errs, usage{fmt.Errorf("--flush-interval %s: at most %s, or messages would be delivered again before they are acknowledged", *c.FlushInterval, giveUp/2)})
	}
	if c.FoldRows != nil && *c.FoldRows <= 0 {
		errs = append(errs, usage{errors.New("--fold-rows must be more than 0")})
	}
	return errors.Join(errs...)
}

// configured fills in what depends on the warehouse, and finds all that is
// wrong with the flags.
func (c *runCommand) configured() error {
	_, _, sourceErr := parseResource("source", "SUBSCRIPTION", c.Source)
	location, locationErr := c.location()
	c.setDefaults(location)
	_, memoryErr := c.total()
	_, billedErr := c.bill()
	return errors.Join(sourceErr, c.check(), memoryErr, locationErr, billedErr)
}

func (c *runCommand) Run(ctx context.Context, std streams, log *slog.Logger) error {
	listener, listenErr := c.listen(ctx)
	err := errors.Join(c.configured(), listenErr)
	if err == nil {
		project, name, _ := parseResource("source", "SUBSCRIPTION", c.Source) // all these are in order
		location, _ := c.location()
		memory, _ := c.shares(location)
		billed, _ := c.bill()
		into := storage{location, memory.warehouse, billed, log}
		err = c.run(ctx, std, log, subscription{project, name, memory}, into, listener)
	}
	if listener != nil {
		_ = listener.Close() // the server may have closed it
	}
	return err
}

// run runs the service, on flags that are in order.
func (c *runCommand) run(ctx context.Context, std streams, log *slog.Logger, sub subscription, into storage, listener net.Listener) (err error) {
	memory := sub.memory
	catalogue, warehouse, err := into.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, warehouse.Close()) }()
	source, err := sub.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	lookout, err := watch(ctx, log, source, c.AllowOrdering)
	if err != nil {
		return err
	}
	defer lookout.close()
	service := &connector.Service{
		Ingest: &connector.Ingest{
			Warehouse: warehouse, Catalogue: catalogue, Log: log, FlushInterval: *c.FlushInterval,
			MaxHeld: memory.held, MaxMessages: memory.messages / pubsub.Streams, MaxBytes: memory.waiting / pubsub.Streams, GiveUp: giveUp, Workers: into.location.pace().workers,
		},
		FoldInterval: *c.FoldInterval, Log: log,
		Connect: func(ctx context.Context) (connector.ClosingSource, error) { return sub.connect(ctx) },
	}
	if !c.NoFold {
		service.Folder = &connector.Folder{Warehouse: warehouse, Catalogue: catalogue, Log: log, MaxRows: memory.foldRows, Merges: memory.merges}
		if c.FoldRows != nil {
			service.Folder.MaxRows = *c.FoldRows
		}
	}
	telemetry, err := measure(ctx, listener != nil, service, nil, log)
	if err != nil {
		return err
	}
	defer telemetry.close()
	view := show(listener, telemetry, watched{
		command: "run", source: c.Source, destination: c.Warehouse, catalogue: catalogue, service: service, lookout: lookout,
		ready: func() error { return cmp.Or(working(service.Ingest), lookout.reached()) },
	}, log)
	defer func() { err = errors.Join(err, view.close()) }()
	log.Info("receiving", "source", c.Source, "warehouse", c.Warehouse, "memory", humanize.IBytes(uint64(memory.total)))
	defer feel(ctx, service, log, terminalWidth(std.err) == 0)()
	if terminalWidth(std.err) > 0 {
		defer showProgress(std.err, func() string { return progressOf(service) })()
	}
	err = service.Run(ctx)
	landed := service.Ingest.Landed().Books
	log.Info("stopped", "messages", landed.Messages, "rows", landed.Rows, "erased", landed.RowsErased, "folded", foldedOf(service).Books.Registered)
	return err
}

// progressOf is a line about a service at work.
func progressOf(s *connector.Service) string {
	l, f := s.Ingest.Landed().Books, foldedOf(s).Books
	line := fmt.Sprintf("%s messages; rows: %s appended, %s folded", humanize.Comma(int64(l.Messages)),
		humanize.Comma(int64(l.Rows)), humanize.Comma(int64(f.Registered)))
	if since := s.Ingest.Paused(); !since.IsZero() {
		line += fmt.Sprintf("; PAUSED for %s, the warehouse fails", time.Since(since).Round(time.Second))
	}
	return line
}

// foldedOf is what a service has folded: nothing if another process folds.
func foldedOf(s *connector.Service) connector.Folded {
	if s.Folder == nil {
		return connector.Folded{}
	}
	return s.Folder.Folded()
}

// subscription is where the messages come from.
type subscription struct {
	project, name string
	memory        shares
}

func (sub subscription) connect(ctx context.Context) (*pubsub.Source, error) {
	s, err := pubsub.NewSource(ctx, sub.project, sub.name)
	if err != nil {
		return nil, err
	}
	s.MaxMessages, s.MaxBytes = sub.memory.messages, sub.memory.waiting
	return s, nil
}
