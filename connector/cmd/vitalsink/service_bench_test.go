//go:build cgo && linux

package main

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
)

// served is "run" as a process of its own, from a Pub/Sub server in another.
type served struct {
	*world
	*receiver
	topic *pubsub.Publisher
	lines *bufio.Scanner // messages that are not published yet
}

// newServed begins to read the messages of BenchmarkJob.
func newServed(b *testing.B) *served {
	b.Helper()
	w := newWorld(b)
	f, err := os.Open(newJob(b, *jobSamples).messages)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = f.Close() }) // only read
	s := &served{world: w, topic: w.client.Publisher(demoTopic), lines: bufio.NewScanner(f)}
	s.lines.Buffer(nil, math.MaxInt32)
	b.Cleanup(s.topic.Stop)
	return s
}

// serve starts it; by default as a person would, with little memory.
func (s *served) serve(b *testing.B, warehouse string, flush, fold time.Duration) {
	b.Helper()
	command := map[string]func(...string) *process{"duckdb": s.local, "bigquery": s.remote}[warehouse]
	s.receiver = s.run(b, "vitalsink", command, "--memory", soakMemory, "--flush-interval", flush.String(), "--fold-interval", fold.String())
}

// publish publishes the next message.
func (s *served) publish(b *testing.B) {
	b.Helper()
	if !s.lines.Scan() {
		b.Fatal("too few messages: raise -job.samples")
	}
	s.topic.Publish(b.Context(), replayed(b, s.lines.Bytes()))
}

// counted is how many messages are received, and how many rows folded.
func (s *served) counted(b *testing.B) (received int64, appended, folded float64) {
	b.Helper()
	_, text := s.get(b, "/metrics")
	rows := sumOf(b, rowsMetric, text)
	return s.received(b), rows["appended"], rows["applied"] + rows["superseded"] + rows["stale"]
}

// drain returns when n messages are received and all their rows are folded.
func (s *served) drain(b *testing.B, n int64) {
	b.Helper()
	await(b, "all to be folded", func() bool {
		received, appended, folded := s.counted(b)
		return received >= n && folded == appended && s.metric(b, "vitalsink_messages_held") == "0"
	})
}

// BenchmarkBacklog is a service that finds ever more messages waiting: an
// operation is all of them, from its start until they are folded.
func BenchmarkBacklog(b *testing.B) {
	for _, warehouse := range []string{"duckdb", "bigquery"} {
		for _, messages := range []int{1_000, 10_000} {
			b.Run(fmt.Sprintf("warehouse=%s/messages=%d", warehouse, messages), func(b *testing.B) {
				for range b.N {
					b.StopTimer()
					s := newServed(b)
					for range messages {
						s.publish(b)
					}
					s.topic.Flush()
					b.StartTimer()
					s.serve(b, warehouse, time.Second, 2*time.Second)
					peak := watchMemory(b, s.process)
					s.drain(b, int64(messages))
					b.StopTimer()
					_, rows, _ := s.counted(b)
					s.terminate(b)
					b.ReportMetric(float64(<-peak), "peak-B")
					b.ReportMetric(rows/b.Elapsed().Seconds()*float64(b.N), "rows/s")
				}
			})
		}
	}
}

// step is how many there were of something at a time.
type step struct {
	at time.Time
	n  float64
}

// BenchmarkLatency tells how long it takes from when a message is published
// until its rows are folded, at a share of the rate at which a service
// can receive. The n-th row published is taken for the n-th folded: which of them
// are in the tables first makes no difference to how many wait for how long.
func BenchmarkLatency(b *testing.B) {
	for _, warehouse := range []string{"duckdb", "bigquery"} {
		most := 0.0
		b.Run(fmt.Sprintf("warehouse=%s/most", warehouse), func(b *testing.B) {
			most = mostMessages(b, warehouse)
			b.ReportMetric(most, "messages/s")
		})
		for _, beat := range []struct{ flush, fold time.Duration }{{time.Second, 2 * time.Second}, {5 * time.Second, 10 * time.Second}, {10 * time.Second, 30 * time.Second}} {
			if warehouse == "bigquery" && beat.fold > 10*time.Second {
				continue // a stand-in's latency is not worth the time
			}
			for _, load := range []int{1, 50, 90} {
				b.Run(fmt.Sprintf("warehouse=%s/flush=%s/fold=%s/load=%d", warehouse, beat.flush, beat.fold, load), func(b *testing.B) {
					if most == 0 {
						b.Skip("its greatest rate was not measured")
					}
					s := newServed(b)
					s.serve(b, warehouse, beat.flush, beat.fold)
					waits := s.waits(b, most*float64(load)/100, max(15*time.Second, beat.fold*3/2))
					s.terminate(b)
					b.ReportMetric(waits(0.50).Seconds(), "p50-s")
					b.ReportMetric(waits(0.99).Seconds(), "p99-s")
				})
			}
		}
	}
}

// mostMessages is how many messages a service can receive and fold in a
// second, as long as more of them wait.
func mostMessages(b *testing.B, warehouse string) float64 {
	b.Helper()
	const backlog, lasting = 2000, 20 * time.Second
	s := newServed(b)
	s.serve(b, warehouse, time.Second, 2*time.Second)
	published, began := int64(0), time.Now()
	for time.Since(began) < lasting {
		s.publish(b)
		if published++; published%100 == 0 {
			for published-s.received(b) > backlog {
				time.Sleep(10 * time.Millisecond) // the pace of another process
			}
		}
	}
	s.topic.Flush()
	s.drain(b, published)
	rate := float64(published) / time.Since(began).Seconds()
	s.terminate(b)
	return rate
}

// waits publishes at a rate for a while, and returns the quantiles of how long
// rows took.
func (s *served) waits(b *testing.B, rate float64, lasting time.Duration) func(q float64) time.Duration {
	b.Helper()
	await(b, "the service", func() bool { _, body := s.get(b, "/metrics"); return body != "" })
	var out, in []step // messages published, rows folded
	began, published := time.Now(), int64(0)
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	look := func() {
		_, _, folded := s.counted(b)
		in = append(in, step{time.Now(), folded})
	}
	for time.Since(began) < lasting {
		<-ticker.C
		for float64(published) < rate*time.Since(began).Seconds() {
			s.publish(b)
			published++
		}
		out = append(out, step{time.Now(), float64(published)})
		look()
	}
	s.topic.Flush()
	await(b, "all to be folded", func() bool {
		look()
		received, appended, folded := s.counted(b)
		return received >= published && folded == appended
	})
	total, each := in[len(in)-1].n, []time.Duration{}
	const parts = 1000
	for i := range parts {
		share := (float64(i) + 0.5) / parts
		each = append(each, reached(in, share*total).Sub(reached(out, share*float64(published))))
	}
	slices.Sort(each)
	return func(q float64) time.Duration { return each[int(q*float64(len(each)))] }
}

// reached is when there were n.
func reached(steps []step, n float64) time.Time {
	i, _ := slices.BinarySearchFunc(steps, n, func(s step, n float64) int {
		if s.n < n {
			return -1
		}
		return 1
	})
	return steps[min(i, len(steps)-1)].at
}
