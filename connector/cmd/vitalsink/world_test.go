//go:build cgo && linux

package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// The tests that take as long as they are told say in a line what came out.
var (
	campaignReport   = flag.String("campaign.report", "", "file for the last line of TestChaos or TestSoak")
	campaignEmulator = flag.Bool("campaign.emulator", false, "by way of Google's Pub/Sub emulator, which has to be installed")
)

// report says what came out.
func reportCampaign(t testing.TB, format string, args ...any) {
	t.Helper()
	line := fmt.Sprintf(format, args...)
	t.Log(line)
	if *campaignReport != "" {
		if err := os.WriteFile(*campaignReport, []byte(line+"\n"), 0o600); err != nil {
			t.Error(err)
		}
	}
}

// world is a Pub/Sub server, a DuckDB file and a stand-in for BigQuery, each
// outside of the services that work between them.
type world struct {
	*publisher
	file     string
	bigQuery *bigQuery
	// pass lets the leases of dead receivers run out, and quiet is for how long
	// nothing may come until it is sure that nothing will.
	pass  func(t testing.TB)
	quiet time.Duration
	turns int
}

// newWorld has the official emulator, if it is wanted, else a pstest in another
// process. The emulator brings a message back ever later, the more receivers
// died with it: after up to ten minutes.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		publisher: &publisher{name: "the emulator"}, file: filepath.Join(t.TempDir(), "world.duckdb"), bigQuery: newBigQuery(t),
		pass: func(testing.TB) {}, quiet: 11 * time.Minute, turns: 1,
	}
	if !*campaignEmulator {
		w.startPstest(t)
	} else if w.address = startEmulator(t); w.address == "" {
		t.Fatal("the emulator is not installed")
	}
	w.connect(t)
	w.createTopic(t, demoTopic)
	w.subscribe(t, demoSubscription, demoTopic)
	return w
}

var listeningAt = regexp.MustCompile(`listening on (\S+)`)

func (w *world) startPstest(t testing.TB) {
	t.Helper()
	p := &process{Cmd: exec.Command("pubsub-server")} // see TestMain
	p.Env = append(os.Environ(), "GORACE="+quickExit())
	p.Stdout, p.Stderr = &p.wrote, &p.wrote
	stdin, err := p.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.start(t)
	await(t, "the Pub/Sub server", func() bool { return listeningAt.MatchString(p.wrote.String()) })
	w.name, w.address = "pstest", listeningAt.FindStringSubmatch(p.wrote.String())[1]
	w.quiet, w.turns = 2*time.Second, 3
	w.pass = func(t testing.TB) {
		if _, err := io.WriteString(stdin, "\n"); err != nil {
			t.Fatal(err)
		}
	}
}

// await polls until it holds.
func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for giveUp := time.Now().Add(5 * time.Minute); !holds(); <-ticker.C {
		if time.Now().After(giveUp) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// receiver is a service that can be started again.
type receiver struct {
	*process
	again func() *process
}

func (r *receiver) restart(t testing.TB) {
	t.Helper()
	r.process = r.again()
	r.start(t)
}

// run is "run" from a subscription into a warehouse, with beats that suit a
// test.
func (w *world) run(t testing.TB, subscription string, command func(args ...string) *process, more ...string) *receiver {
	t.Helper()
	args := append([]string{
		"run", "--source", "pubsub://" + demoProject + "/" + subscription, "--http", "127.0.0.1:0",
		"--flush-interval", "200ms", "--fold-interval", "500ms",
	}, more...)
	r := &receiver{again: func() *process {
		p := command(args...)
		p.Env = append(p.Env, emulator+"="+w.address)
		return p
	}}
	r.restart(t)
	return r
}

// local is a command of its own process, on the DuckDB file.
func (w *world) local(args ...string) *process {
	p := &process{Cmd: exec.Command("vitalsink", append(args, "--warehouse", "duckdb://"+w.file)...)} // see TestMain
	p.Env = append(os.Environ(), "GORACE="+quickExit())
	p.Stdout, p.Stderr = &p.wrote, &p.wrote
	return p
}

// remote is one on BigQuery.
func (w *world) remote(args ...string) *process {
	return w.bigQuery.command(append(args, "--warehouse", w.bigQuery.url())...)
}

// settle returns when all that was published is committed.
func (w *world) settle(t *testing.T, receivers ...*receiver) {
	t.Helper()
	for range w.turns {
		w.pass(t)
		last, since := int64(-1), time.Now()
		await := time.NewTicker(200 * time.Millisecond)
		for giveUp := time.Now().Add(time.Hour); time.Since(since) < w.quiet; <-await.C {
			if time.Now().After(giveUp) {
				t.Fatal("messages do not cease to come")
			}
			n, held := int64(0), false
			for _, r := range receivers {
				n += r.received(t)
				held = held || r.metric(t, "vitalsink_messages_held") != "0"
			}
			if n != last || held {
				last, since = n, time.Now()
			}
		}
		await.Stop()
	}
}

// stop ends the receivers as they are to be ended, and folds what they left.
func (w *world) stop(t *testing.T, receivers ...*receiver) {
	t.Helper()
	for _, r := range receivers {
		r.terminate(t)
	}
	foldFile(t, w.file)
	w.bigQuery.fold(t)
}

// balanced wants the books of both warehouses to balance.
func (w *world) balanced(t *testing.T) {
	t.Helper()
	for _, p := range []*process{w.local("check"), w.remote("check")} {
		p.start(t)
		if err := p.Wait(); err != nil {
			t.Errorf("check: %v\n%s", err, p.wrote.String())
		}
	}
}
