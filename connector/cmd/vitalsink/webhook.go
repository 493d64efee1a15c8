package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/sync/errgroup"

	"vitalsink/connector"
	"vitalsink/connector/pubsub"
	"vitalsink/connector/webhook"
	"vitalsink/schemas"
)

const (
	// secretVariable holds the endpoint's secrets. It is no flag, for command
	// lines can be read by others.
	secretVariable = "VITALSINK_WEBHOOK_SECRET"
	// directFlush is the age of a batch when senders wait for its append: Svix
	// waits for 15 s.
	directFlush = time.Second
	// mostBody is what a message of Pub/Sub could hold.
	mostBody = 10_000_000
)

// plainPath is one that nobody writes in two ways.
var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+$`)

type webhookCommand struct {
	memoryFlag
	httpFlag
	Listen     string `default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where to listen, without TLS: Svix wants https, so put a proxy or Cloud Run in front. Default ${default}."`
	Topic      string `placeholder:"URL" help:"Where to publish: pubsub://PROJECT/TOPIC. PUBSUB_EMULATOR_HOST is honoured. This or --warehouse."`
	Warehouse  string `placeholder:"URL" help:"Append here instead, and fold every 30s: duckdb://PATH. This or --topic."`
	Path       string `default:"/webhooks/junction" placeholder:"PATH" help:"Path of the endpoint; beside it there are /healthz and /readyz. Default ${default}."`
	SecretFile string `placeholder:"PATH" help:"The endpoint's secrets, with commas or white space between, in a file that is read again when it changes; while it cannot be read, or has none, those of before count. Default: those of the environment variable VITALSINK_WEBHOOK_SECRET."`
	MaxBody    string `default:"4MiB" placeholder:"SIZE" help:"Size of an event, at most; no more than 10MB. Default ${default}."`
}

func (c *webhookCommand) Help() string {
	return `Takes events that Junction sends as Svix-signed webhooks, verifies them, and
publishes them to the topic that "vitalsink run" receives from, as Junction's
own messages: everything behind is one path. The sender gets its 204 when
Pub/Sub has the event. The secret is the endpoint's, whsec_ and so on; while it
is rotated both, with a comma between:

  export VITALSINK_WEBHOOK_SECRET=whsec_…
  vitalsink webhook --topic pubsub://my-project/junction --listen 0.0.0.0:8080

On one machine, without Pub/Sub, events go straight into the warehouse, and the
sender gets its 204 when the event is appended. Every 30 seconds, and at the
end, they are folded into the tables; after a kill the next start does it. To
query the file, stop this: Svix sends again what comes meanwhile.

  vitalsink webhook --warehouse duckdb://vitalsink.duckdb

Whatever Svix sends again, or somebody resends, changes nothing: the time when
an event was made, within its id, decides which is the latest.`
}

func (c *webhookCommand) Run(ctx context.Context, log *slog.Logger) error {
	door, doorErr := c.door(log)
	way, wayErr := c.way(log)
	if err := errors.Join(doorErr, wayErr); err != nil {
		return err
	}
	listener, err := listen(ctx, "listen", c.Listen)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }() // the server may have closed it
	status, err := c.listen(ctx)
	if err != nil {
		return err
	}
	if status != nil {
		defer func() { _ = status.Close() }()
	}
	err = way(ctx, endpoint{door, listener, status})
	log.Info("stopped", "taken", door.Taken(), "refused", door.Refused())
	return err
}

// endpoint is a door, and where it and --http listen.
type endpoint struct {
	*webhook.Door
	listener, status net.Listener // status is nil without --http
}

// way is what the flags say of where events go.
func (c *webhookCommand) way(log *slog.Logger) (func(context.Context, endpoint) error, error) {
	switch {
	case c.Topic == "" && c.Warehouse == "":
		return nil, usage{errors.New("give --topic pubsub://PROJECT/TOPIC, or --warehouse duckdb://PATH")}
	case c.Topic != "" && c.Warehouse != "":
		return nil, usage{errors.New("give --topic or --warehouse, not both (see the variables VITALSINK_TOPIC and VITALSINK_WAREHOUSE)")}
	case c.Topic != "":
		project, name, topicErr := parseResource("topic", "TOPIC", c.Topic)
		memory, memoryErr := c.shares(location{project: project}) // DuckDB gets nothing
		return func(ctx context.Context, door endpoint) error {
			return c.toTopic(ctx, log, door, project, name, memory)
		}, errors.Join(topicErr, memoryErr)
	}
	into, locationErr := warehouseFlag{c.Warehouse}.location()
	if into.isBigQuery() {
		locationErr = usage{fmt.Errorf("--warehouse %s: BigQuery takes too few appends for senders to wait for each; give --topic, and let run do it", c.Warehouse)}
	}
	memory, memoryErr := c.shares(into)
	return func(ctx context.Context, door endpoint) error {
		return c.toWarehouse(ctx, log, door, storage{location: into, memory: memory.warehouse, log: log}, memory)
	}, errors.Join(locationErr, memoryErr)
}

// configured finds all that is wrong with the flags but for the secrets, which
// webhook.Inspect judges.
func (c *webhookCommand) configured() error {
	_, wayErr := c.way(slog.New(slog.DiscardHandler))
	_, bodyErr := c.mostBody()
	_, _, listenErr := net.SplitHostPort(c.Listen)
	if listenErr != nil {
		listenErr = usage{fmt.Errorf("--listen %s: write HOST:PORT", c.Listen)}
	}
	return errors.Join(wayErr, c.checkPath(), bodyErr, listenErr)
}

// door is what the flags say of it.
func (c *webhookCommand) door(log *slog.Logger) (*webhook.Door, error) {
	d := &webhook.Door{Path: c.Path, Log: log}
	var secretErr, bodyErr error
	if c.SecretFile != "" {
		d.Secrets, secretErr = webhook.OpenSecrets(c.SecretFile, log)
	} else if d.Secrets, secretErr = webhook.ParseSecrets(os.Getenv(secretVariable)); secretErr != nil {
		secretErr = fmt.Errorf("%s: %w; set it, or --secret-file", secretVariable, secretErr)
	}
	if secretErr != nil {
		secretErr = usage{secretErr}
	}
	d.MaxBody, bodyErr = c.mostBody()
	return d, errors.Join(secretErr, c.checkPath(), bodyErr)
}

func (c *webhookCommand) checkPath() error {
	switch {
	case c.Path == "/healthz" || c.Path == "/readyz":
		return usage{fmt.Errorf("--path %s is taken", c.Path)}
	case !plainPath.MatchString(c.Path):
		return usage{fmt.Errorf("--path %s: write / and names of letters, digits and ._~-, such as /webhooks/junction", c.Path)}
	}
	return nil
}

// mostBody is --max-body, in bytes.
func (c *webhookCommand) mostBody() (int64, error) {
	n, err := humanize.ParseBytes(c.MaxBody)
	if err != nil || strings.Contains(c.MaxBody, ",") || n == 0 || n > mostBody {
		return 0, usage{fmt.Errorf("--max-body %s: write a size of at most %s, such as 4MiB", c.MaxBody, humanize.Bytes(mostBody))}
	}
	return int64(n), nil
}

// toTopic publishes until ctx is done.
func (c *webhookCommand) toTopic(ctx context.Context, log *slog.Logger, door endpoint, project, name string, memory shares) (err error) {
	catalogue, err := schemas.Load()
	if err != nil {
		return err
	}
	topic, err := pubsub.NewTopic(ctx, project, name, int(memory.waiting))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, topic.Close()) }()
	lookout, err := watchTopic(ctx, log, topic)
	if err != nil {
		return err
	}
	defer lookout.close()
	door.Publisher, door.MaxHeld = topic, memory.held
	door.Ready = func() error {
		if lookout.lost.Load() != nil {
			return errors.New("nothing can be published")
		}
		return nil
	}
	telemetry, err := measure(ctx, door.status != nil, nil, door.Door, log)
	if err != nil {
		return err
	}
	defer telemetry.close()
	log.Info("listening", "address", door.listener.Addr().String(), "path", c.Path, "topic", c.Topic)
	view := show(door.status, telemetry, watched{
		command: "webhook", source: "webhooks at " + c.Path, destination: c.Topic, catalogue: catalogue, door: door.Door, lookout: lookout, ready: door.Ready,
	}, log)
	defer func() { err = errors.Join(err, view.close()) }()
	return door.Serve(ctx, door.listener)
}

// toWarehouse appends and folds until ctx is done, and then what the door has
// taken until it is shut.
func (c *webhookCommand) toWarehouse(ctx context.Context, log *slog.Logger, door endpoint, into storage, memory shares) (err error) {
	catalogue, warehouse, err := into.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, warehouse.Close()) }()
	inlet, pace := connector.NewInlet(), into.location.pace()
	service := &connector.Service{
		Ingest: &connector.Ingest{
			Warehouse: warehouse, Catalogue: catalogue, Log: log, FlushInterval: directFlush,
			MaxHeld: memory.held, MaxMessages: memory.messages, MaxBytes: memory.waiting, GiveUp: giveUp, Workers: pace.workers,
		},
		Folder:       &connector.Folder{Warehouse: warehouse, Catalogue: catalogue, Log: log, MaxRows: memory.foldRows, Merges: memory.merges},
		FoldInterval: pace.fold, Log: log,
		Connect: func(context.Context) (connector.ClosingSource, error) { return inlet, nil },
	}
	door.Publisher, door.MaxHeld = inlet, memory.waiting
	door.Ready = func() error { return working(service.Ingest) }
	telemetry, err := measure(ctx, door.status != nil, service, door.Door, log)
	if err != nil {
		return err
	}
	defer telemetry.close()
	log.Info("listening", "address", door.listener.Addr().String(), "path", c.Path, "warehouse", c.Warehouse)
	view := show(door.status, telemetry, watched{
		command: "webhook", source: "webhooks at " + c.Path, destination: c.Warehouse, catalogue: catalogue, service: service, door: door.Door, ready: door.Ready,
	}, log)
	defer func() { err = errors.Join(err, view.close()) }()
	behind, shut := context.WithCancel(context.WithoutCancel(ctx))
	defer shut()
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer shut()
		return door.Serve(gctx, door.listener)
	})
	g.Go(func() error { return service.Run(behind) })
	return g.Wait()
}
