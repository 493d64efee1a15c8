//go:build cgo && linux

package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"github.com/dustin/go-humanize"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"vitalsink/connector/bigquery/bigquerytest"
	"vitalsink/connector/connectortest"
)

// How long TestSoak goes on. "make soak" has half an hour.
var soak = flag.Duration("soak", 5*time.Second, "how long TestSoak goes on")

const (
	soakMemory = "512MiB"
	// soakRemote is how much of the messages go into BigQuery too: its stand-in
	// keeps all of it in memory, for ever.
	soakRemote = 10 // each so many
)

// TestSoak: services that get messages as fast as they take them, for long,
// while BigQuery fails in all sorts of ways: memory stays within its bounds,
// goroutines and open files do not grow, the books balance.
func TestSoak(t *testing.T) {
	connectortest.Long(t)
	t.Parallel()
	w := newWorld(t)
	const fewTopic = "projects/demo/topics/few"
	w.createTopic(t, fewTopic)
	w.subscribe(t, "projects/demo/subscriptions/few", fewTopic)
	receivers := []*receiver{
		w.run(t, "vitalsink", w.local, "--memory", soakMemory),
		w.run(t, "few", w.remote, "--memory", soakMemory),
	}
	gauges := []*gauge{{name: "run into DuckDB"}, {name: "run into BigQuery"}}
	topic, fewer := w.client.Publisher(demoTopic), w.client.Publisher(fewTopic)
	for _, to := range []*pubsub.Publisher{topic, fewer} {
		to.Publish(t.Context(), &pubsub.Message{Data: []byte("the first one")})
	}
	for g, r := range receivers {
		// Its streams are open when it has something in hand, or had.
		await(t, "a service to receive", func() bool { return r.received(t) > 0 && r.metric(t, "vitalsink_messages_held") == "0" })
		gauges[g].read(t, r)
	}
	dice := rand.New(rand.NewPCG(1, 2))
	began, published, faults := time.Now(), int64(0), 0
	beat := time.NewTicker(250 * time.Millisecond)
	defer beat.Stop()
	look := func() {
		w.bigQuery.Inject(randomFault(dice))
		faults++
		for g, r := range receivers {
			gauges[g].read(t, r)
		}
	}
	for round := 1; time.Since(began) < *soak; round++ {
		file, _ := generated(t, "--users", "5", "--days", "2", "--seed", fmt.Sprint(round),
			"--duplicates", "0.1", "--disorder", "0.1", "--updates", "0.1", "--late", "0.05", "--bad", "0.05")
		for i, line := range mustLines(t, file) {
			if time.Since(began) > *soak {
				break
			}
			topic.Publish(t.Context(), replayed(t, line))
			if published++; i%soakRemote == 0 {
				fewer.Publish(t.Context(), replayed(t, line))
			}
			// No faster than it is received: the servers' work grows with their backlog.
			for wait := published%100 == 0; wait; wait = published-receivers[0].received(t) > 2000 {
				<-beat.C
				look()
			}
		}
	}
	topic.Stop()
	fewer.Stop()
	w.bigQuery.Heal()
	w.settle(t, receivers...)
	for g, r := range receivers {
		gauges[g].check(t, r)
	}
	rows := receivers[0].rows(t) + receivers[1].rows(t)
	w.stop(t, receivers...)
	w.balanced(t)
	reportCampaign(t, "%s at full speed: messages %d (by way of %s), rows appended %s, faults %d; %s; %s; books balanced: %t",
		time.Since(began).Round(time.Second), published, w.name, humanize.Comma(rows), faults, gauges[0], gauges[1], !t.Failed())
}

// rows is how many rows the process has appended.
func (p *process) rows(t testing.TB) int64 {
	t.Helper()
	_, text := p.get(t, "/metrics")
	return int64(sumOf(t, rowsMetric, text)["appended"])
}

// randomFault is something that BigQuery does to its clients.
func randomFault(dice *rand.Rand) bigquerytest.Fault {
	calls := []string{
		bigquerytest.CallCreateWriteStream, bigquerytest.CallAppendRows, bigquerytest.CallFinalizeWriteStream,
		bigquerytest.CallBatchCommitWriteStreams, bigquerytest.CallJobsInsert, bigquerytest.CallJobsGet,
		bigquerytest.CallJobsGetQueryResults, bigquerytest.CallTabledataList, bigquerytest.CallTablesGet, bigquerytest.CallJob,
	}
	f := bigquerytest.Fault{Call: calls[dice.IntN(len(calls))], Times: 1 + dice.IntN(3)}
	f.Effect = []bigquerytest.Effect{
		bigquerytest.Refuse, bigquerytest.LoseReply, bigquerytest.Reset, bigquerytest.ResetAfter, bigquerytest.Pass,
	}[dice.IntN(5)]
	if f.Effect == bigquerytest.Pass {
		f.Delay = time.Duration(dice.Int64N(int64(3 * time.Second)))
	}
	if f.Call == bigquerytest.CallJob {
		f.Effect = bigquerytest.Refuse
		f.Job = &bigquerytest.JobError{Reason: "invalidQuery", Message: "Transaction is aborted due to concurrent update against table demo:health_store.timeseries_fence"}
	}
	if dice.IntN(3) == 0 {
		f.Status = status.New([]codes.Code{codes.Internal, codes.Aborted, codes.ResourceExhausted, codes.Unauthenticated}[dice.IntN(4)], "injected")
	}
	return f
}

// gauge watches what a process takes.
type gauge struct {
	name       string
	peak       uint64 // bytes of resident memory
	goroutines []int
	files      []int
}

// read is false as long as the process does not serve.
func (g *gauge) read(t testing.TB, r *receiver) bool {
	t.Helper()
	goroutines, err := strconv.Atoi(r.metric(t, "go_goroutines"))
	if err != nil {
		return false
	}
	files, err := strconv.ParseFloat(r.metric(t, "process_open_fds"), 64)
	if err != nil {
		t.Fatal(err)
	}
	g.goroutines, g.files = append(g.goroutines, goroutines), append(g.files, int(files))
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.Process.Pid))
	if m := peakResident.FindSubmatch(text); err == nil && m != nil {
		kib, _ := strconv.ParseUint(string(m[1]), 10, 64) // digits
		g.peak = max(g.peak, kib<<10)
	}
	return true
}

// check wants nothing to be left behind: with nothing to do the process has
// about as many goroutines and open files as at the start. While it works
// there is a goroutine for each message in hand.
func (g *gauge) check(t testing.TB, r *receiver) {
	t.Helper()
	g.read(t, r)
	budget, err := humanize.ParseBytes(soakMemory)
	if err != nil {
		t.Fatal(err)
	}
	if g.peak == 0 || g.peak > budget && !raceEnabled() { // the detector takes several times as much
		t.Errorf("%s took %s, and was told %s", g.name, humanize.IBytes(g.peak), soakMemory)
	}
	for what, all := range map[string][]int{"goroutines": g.goroutines, "open files": g.files} {
		const some = 40 // connections come and go with faults, and each has several
		if first, last := all[0], all[len(all)-1]; last > first+some {
			t.Errorf("%s had %d %s before it worked, and %d after", g.name, first, what, last)
		}
	}
}

func (g *gauge) String() string {
	ranges := []string{}
	for what, all := range map[string][]int{"goroutines": g.goroutines, "open files": g.files} {
		ranges = append(ranges, fmt.Sprintf("%s %d at first, %d at most, %d at last", what, all[0], slices.Max(all), all[len(all)-1]))
	}
	slices.Sort(ranges)
	return fmt.Sprintf("%s: at most %s of %s, %s, %s", g.name, humanize.IBytes(g.peak), soakMemory, ranges[0], ranges[1])
}
