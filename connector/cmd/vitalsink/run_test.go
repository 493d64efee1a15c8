package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/pstest"
	"go.uber.org/goleak"

	"vitalsink/connector"
	"vitalsink/connector/duckdb"
	"vitalsink/connector/pubsub"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// leaks fails the test if it leaves goroutines behind. One of the client's own
// waits for tickers that it has stopped; there is one a Receive.
func leaks(t *testing.T) {
	before := goleak.IgnoreCurrent()
	googles := goleak.IgnoreTopFunction("cloud.google.com/go/pubsub/v2.(*messageIterator).streamKeepAliveHandler")
	t.Cleanup(func() { goleak.VerifyNone(t, before, googles) })
}

// runArgs is "run" with beats that suit a test.
func runArgs(file string) []string {
	return []string{
		"run", "--warehouse", "duckdb://" + file, "--source", "pubsub://demo/vitalsink",
		"--flush-interval", "100ms", "--fold-interval", "300ms",
	}
}

// wait receives from a channel, in a time in which it has to be possible.
func wait[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(3 * patience):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

// screen keeps what a command writes, which other goroutines may read.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *screen) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *screen) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// startRun runs the command in this process, and returns when it receives.
// stop ends it as SIGTERM does and returns what it wrote.
func startRun(t *testing.T, s *service, args []string) (stop func() string) {
	t.Helper()
	t.Setenv(emulator, s.Addr)
	ctx, cancel := context.WithCancel(t.Context())
	var out screen
	code := make(chan int, 1)
	go func() { code <- execute(ctx, args, streams{nil, &out, &out}) }()
	s.await(t, "the run to receive", func(_, _ int) bool { return strings.Contains(out.String(), "msg=receiving") })
	return func() string {
		t.Helper()
		cancel()
		if c := wait(t, code, "the end of the run"); c != exitDone {
			t.Errorf("run exited with %d: %s", c, out.String())
		}
		return out.String()
	}
}

// scenarioPart are n messages of the scenario.
func scenarioPart(t *testing.T, n int) []transforms.Message {
	t.Helper()
	catalogue, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	return someMessages(catalogue, n)
}

func TestRunLandsWhatIsPublished(t *testing.T) {
	leaks(t)
	s := newService(t)
	messages := scenarioPart(t, 80)
	file := filepath.Join(t.TempDir(), "run.duckdb")
	s.publish(messages[:40])
	stop := startRun(t, s, runArgs(file))
	s.awaitAcks(t, 40)
	// What comes while it runs lands too.
	s.publish(messages[40:])
	s.awaitAcks(t, 80)
	wrote := stop()
	wantFolded(t, wrote)
	s.wantLoaded(t, file)
	for _, m := range messages {
		if strings.Contains(wrote, m.ID) {
			t.Errorf("the log names message %s", m.ID)
		}
	}
}

// wantFolded wants a run to have told at its end that it folded rows.
func wantFolded(t *testing.T, wrote string) {
	t.Helper()
	if !strings.Contains(wrote, " folded=") || strings.Contains(wrote, " folded=0") {
		t.Errorf("it folded nothing:\n%s", wrote)
	}
}

// What is in hand when the order to stop comes is committed, and folded.
func TestRunCommitsWhenStopped(t *testing.T) {
	leaks(t)
	s := newService(t)
	s.publish(scenarioPart(t, 20))
	file := filepath.Join(t.TempDir(), "run.duckdb")
	stop := startRun(t, s, append(runArgs(file), "--flush-interval", "20m", "--fold-interval", "1h"))
	s.await(t, "deliveries", func(delivered, _ int) bool { return delivered == 20 })
	stop()
	// What was still on its way to the process comes again after its lease.
	s.expireLeases()
	stop = startRun(t, s, runArgs(file))
	s.awaitAcks(t, 20)
	stop()
	s.wantLoaded(t, file)
}

// stuck is a warehouse whose appends hang until the process has to end, and
// then fail.
type stuck struct {
	connector.Warehouse
	end chan struct{}
}

func (s *stuck) Append(context.Context, *connector.Batch) error {
	<-s.end
	return errors.New("the warehouse hangs")
}

// counted is a source that tells when so many messages are in the pipeline.
type counted struct {
	connector.ClosingSource
	missing atomic.Int64
	all     chan struct{}
}

func (c *counted) Receive(ctx context.Context, deliver func(context.Context, *connector.Message) error) error {
	return c.ClosingSource.Receive(ctx, func(ctx context.Context, m *connector.Message) error {
		err := deliver(ctx, m)
		if c.missing.Add(-1) == 0 {
			close(c.all)
		}
		return err
	})
}

// What could not be committed is given back at once, and lands with the next
// run.
func TestRunGivesBackWhatIsNotCommitted(t *testing.T) {
	leaks(t)
	s := newService(t)
	messages := scenarioPart(t, 20)
	s.publish(messages)
	file := filepath.Join(t.TempDir(), "run.duckdb")
	runStuck(t, s, file, len(messages))
	for _, m := range s.Messages() {
		if m.Acks > 0 {
			t.Errorf("message %s is acknowledged, and was not committed", m.ID)
		}
		if !slices.ContainsFunc(m.Modacks, func(a pstest.Modack) bool { return a.AckDeadline == 0 }) {
			t.Errorf("message %s was not given back", m.ID)
		}
	}
	s.expireLeases() // the server may have offered it to the run that was going
	stop := startRun(t, s, runArgs(file))
	s.awaitAcks(t, len(messages))
	stop()
	for _, m := range s.Messages() {
		if m.Acks != 1 {
			t.Errorf("message %s is acknowledged %d times", m.ID, m.Acks)
		}
	}
	s.wantLoaded(t, file)
}

// runStuck runs the pipeline on a warehouse that hangs, until it has n messages
// in hand, and stops it.
func runStuck(t *testing.T, s *service, file string, n int) {
	t.Helper()
	catalogue, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	warehouse, err := duckdb.Open(t.Context(), duckdb.Config{Path: file, Catalogue: catalogue})
	if err != nil {
		t.Fatal(err)
	}
	source, err := pubsub.NewSourceAt(t.Context(), s.Addr, demoProject, demoSubscription)
	if err != nil {
		t.Fatal(err)
	}
	hanging := &stuck{warehouse, make(chan struct{})}
	arriving := &counted{ClosingSource: source, all: make(chan struct{})}
	arriving.missing.Store(int64(n))
	log := slog.New(slog.DiscardHandler)
	service := &connector.Service{
		Ingest:  &connector.Ingest{Warehouse: hanging, Catalogue: catalogue, Log: log, FlushInterval: time.Hour},
		Connect: func(context.Context) (connector.ClosingSource, error) { return arriving, nil },
		Log:     log,
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }()
	wait(t, arriving.all, "messages")
	cancel()
	close(hanging.end)
	if err := wait(t, ended, "the end"); err == nil || !strings.Contains(err.Error(), "the warehouse hangs") {
		t.Errorf("the run ended with %v, not with the warehouse's error", err)
	}
	if err := warehouse.Close(); err != nil {
		t.Error(err)
	}
}

func TestRunNamesWhatIsMissing(t *testing.T) {
	leaks(t)
	t.Setenv(emulator, newService(t).Addr)
	var out strings.Builder
	args := []string{"run", "--warehouse", "duckdb://" + filepath.Join(t.TempDir(), "run.duckdb"), "--source", "pubsub://demo/nowhere"}
	if code := execute(t.Context(), args, streams{nil, &out, &out}); code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "vitalsink: ") || !strings.Contains(last, "nowhere") {
		t.Errorf("%q does not name the subscription", last)
	}
}
