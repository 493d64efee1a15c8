//go:build cgo && linux

package main

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"

	"vitalsink/connector/connectortest"
)

// How long TestChaos kills. "make chaos" has minutes.
var (
	chaos     = flag.Duration("chaos", 6*time.Second, "how long TestChaos kills processes")
	chaosSeed = flag.Uint64("chaos.seed", 0, "when they are killed; 0 for another time every time")
)

// TestChaos: a log that is known is published while services, one into DuckDB
// and two, which both fold, into BigQuery, are killed at random and started
// again. In the end every row is what the generator knows it must be.
func TestChaos(t *testing.T) {
	connectortest.Long(t)
	t.Parallel()
	seed := *chaosSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-chaos.seed=%d", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	file, truth := generated(t, "--users", fmt.Sprint(2+int(chaos.Seconds())/20), "--days", "2", "--seed", fmt.Sprint(1+seed%1000),
		"--duplicates", "0.1", "--disorder", "0.1", "--updates", "0.1", "--late", "0.05", "--bad", "0.05")
	lines := mustLines(t, file)
	w := newWorld(t)
	w.subscribe(t, demoSubscription+"-2", demoTopic)
	receivers := []*receiver{
		w.run(t, "vitalsink", w.local),
		w.run(t, "vitalsink-2", w.remote),
		w.run(t, "vitalsink-2", w.remote),
	}
	published := make(chan error, 1)
	go func() { published <- w.publishOver(t, lines, *chaos*4/5) }()
	kills := killAtRandom(t, dice, receivers, *chaos)
	if err := <-published; err != nil {
		t.Fatal(err)
	}
	w.settle(t, receivers...)
	w.stop(t, receivers...)
	rows, mismatches := compareWithTruth(t, w.file, truth)
	more, others := compareWithTruth(t, w.bigQuery.copied(t), truth)
	w.balanced(t)
	reportCampaign(t, "kills %d, messages %d (by way of %s), rows %d, mismatches %d", kills, len(lines), w.name, rows+more, mismatches+others)
}

func mustLines(t testing.TB, path string) [][]byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSpace(text), []byte("\n"))
}

// publishOver publishes messages evenly over a time.
func (p *publisher) publishOver(t *testing.T, lines [][]byte, d time.Duration) error {
	topic := p.client.Publisher(demoTopic)
	defer topic.Stop()
	results := make([]*pubsub.PublishResult, 0, len(lines))
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for began := time.Now(); len(results) < len(lines); <-ticker.C {
		due := min(len(lines), int(float64(len(lines))*float64(time.Since(began))/float64(d)))
		for len(results) < due {
			results = append(results, topic.Publish(t.Context(), replayed(t, lines[len(results)])))
		}
	}
	for _, r := range results {
		if _, err := r.Get(t.Context()); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
	}
	return nil
}

// killAtRandom kills one after the other for a while, each at once followed by
// another of its kind, and returns how often. What a receiver has in hand when
// it is killed comes again after a minute at the latest, so most of them get
// time to commit something.
func killAtRandom(t *testing.T, dice *rand.Rand, receivers []*receiver, d time.Duration) (kills int) {
	t.Helper()
	most := min(max(2*time.Second, d/50), 10*time.Second)
	for end := time.Now().Add(d); time.Now().Before(end); kills++ {
		pause := time.NewTimer(time.Duration(dice.Int64N(int64(most))))
		<-pause.C
		victim := receivers[dice.IntN(len(receivers))]
		victim.kill(t)
		victim.restart(t)
	}
	return kills
}
