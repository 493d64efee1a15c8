//go:build cgo && linux

package main

import (
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"path"
	"regexp"
	"slices"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"

	"vitalsink/connector/junction/junctiontest"
	"vitalsink/connector/synth"
)

// How long BenchmarkFreshness watches, and how much it fetches meanwhile.
var (
	freshnessTime    = flag.Duration("freshness.time", 2*time.Minute, "how long BenchmarkFreshness watches without a backfill")
	freshnessSamples = flag.Int("freshness.samples", 1_000_000, "how many samples are fetched while it watches with one")
)

// BenchmarkFreshness tells how long it takes from when a live event is published
// until its rows are in the table: of a "run" with its defaults into DuckDB, by
// itself, and while a backfill with its defaults publishes to the same topic.
func BenchmarkFreshness(b *testing.B) {
	for _, with := range []string{"nothing", "backfill"} {
		b.Run("beside="+with, func(b *testing.B) {
			w := newWorld(b)
			run := w.run(b, "vitalsink", w.local, "--flush-interval", "10s", "--fold-interval", "30s")
			watched := watchFolds(b, run)
			stop := publishLive(b, w)
			began := time.Now()
			rows := 0
			if with == "nothing" {
				waited := time.NewTimer(*freshnessTime)
				<-waited.C
			} else {
				rows = backfillBeside(b, w)
			}
			took := time.Since(began)
			stop()
			drained := int64(-1)
			await(b, "all to be folded", func() bool {
				_, text := run.get(b, "/metrics")
				sums, received := sumOf(b, rowsMetric, text), run.received(b)
				quiet := received == drained
				drained = received
				return quiet && run.metric(b, "vitalsink_messages_held") == "0" && sums["appended"] == sums["applied"]+sums["superseded"]+sums["stale"]
			})
			commits := watched()
			run.terminate(b)
			waits := liveWaits(b, w.file, commits)
			b.ReportMetric(float64(rows)/took.Seconds(), "fetched-rows/s")
			b.ReportMetric(float64(len(waits)), "live-messages")
			for name, q := range map[string]float64{"p50-s": 0.5, "p99-s": 0.99, "max-s": 1} {
				b.ReportMetric(waits[min(len(waits)-1, int(q*float64(len(waits))))].Seconds(), name)
			}
		})
	}
}

// backfillBeside fetches samples of a month, of as many people as it takes, and
// returns how many there are.
func backfillBeside(b *testing.B, w *world) int {
	b.Helper()
	const each = 40_000
	server := junctiontest.New(junctiontest.Config{PageSize: 5000})
	b.Cleanup(server.Close)
	g := synth.New(7, mustCatalogue(b))
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	source := json.RawMessage(`{"provider":"oura","type":"ring"}`)
	rows := 0
	for rows < *freshnessSamples {
		u := g.User()
		server.AddUser(u)
		records := make([]synth.Record, each)
		for i := range records {
			at := start.Add(time.Duration(i) * time.Minute)
			records[i] = synth.Record{
				UserID: u.ID, Resource: "heartrate", Provider: "oura", At: at, Version: at, Source: source, Key: fmt.Sprint(u.ID, i),
				Body: fmt.Appendf(nil, `{"timestamp":%q,"unit":"bpm","value":%d}`, at.Format(time.RFC3339), 50+i%90),
			}
		}
		server.Put(records...)
		rows += each
	}
	p := w.local("backfill", "--topic", "pubsub://"+demoProject+"/"+path.Base(demoTopic), "--api-url", server.URL,
		"--from", "2026-03-02", "--to", "2026-03-31", "--all-users", "--resource", "heartrate", "--json")
	p.Env = append(p.Env, emulator+"="+w.address, keyVariable+"="+server.Key)
	p.start(b)
	if err := p.Wait(); err != nil {
		b.Fatalf("backfill: %v\n%s", err, p.wrote.String())
	}
	return rows
}

// publishLive publishes ten messages a second, of a minute's samples each, until
// stop returns.
func publishLive(b *testing.B, w *world) (stop func()) {
	topic := w.client.Publisher(demoTopic)
	topic.PublishSettings.CountThreshold = 1
	return func() func() {
		end := every(100*time.Millisecond, func() {
			var samples []any
			now := time.Now().UTC()
			for i := range 60 {
				samples = append(samples, map[string]any{"timestamp": now.Add(-time.Duration(i) * time.Second).Format(time.RFC3339Nano), "unit": "bpm", "value": 60})
			}
			body, err := json.Marshal(map[string]any{
				"event_type": "daily.data.heartrate.created", "user_id": "live",
				"data": map[string]any{"source": map[string]any{"provider": "oura", "type": "ring"}, "data": samples},
			})
			if err == nil {
				_, err = topic.Publish(b.Context(), &pubsub.Message{Data: body}).Get(b.Context())
			}
			if err != nil {
				b.Error(err)
			}
		})
		return func() { end(); topic.Stop() }
	}()
}

var timeseriesMetric = regexp.MustCompile(`(?m)^vitalsink_rows_total\{outcome="([a-z]+)",table="timeseries"\} (\S+)$`)

// watchFolds looks often how many rows of timeseries are folded, until it is
// asked for what it saw.
func watchFolds(b *testing.B, r *receiver) (seen func() []step) {
	var steps []step
	stop := every(50*time.Millisecond, func() {
		_, text := r.get(b, "/metrics")
		rows := sumOf(b, timeseriesMetric, text)
		n := rows["applied"] + rows["superseded"] + rows["stale"]
		if len(steps) == 0 || n > steps[len(steps)-1].n {
			steps = append(steps, step{time.Now(), n})
		}
	})
	return func() []step { stop(); return steps }
}

// liveWaits are how long the live messages took, in ascending order: from their
// publication, which is within the version of their rows, until the commit of
// the merge that took their batch, which was seen in the count of rows.
func liveWaits(b *testing.B, file string, commits []step) (waits []time.Duration) {
	b.Helper()
	db, err := sql.Open("duckdb", file+"?access_mode=read_only")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // only read
	rows, err := db.QueryContext(b.Context(), `
		WITH merged AS (
			SELECT unnest(batch_ids) AS batch_id, sum(rows_registered) OVER (ORDER BY merged_at, merge_id) AS n
			FROM store.merges WHERE table_name = 'timeseries'
		)
		SELECT DISTINCT l._message_id, ('0x' || substr(hex(l._version), 17, 16))::BIGINT, m.n::BIGINT
		FROM store.timeseries_log AS l JOIN merged AS m ON m.batch_id = l._batch_id
		WHERE l.user_id = 'live'`)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var published, n int64
		if err := rows.Scan(&id, &published, &n); err != nil {
			b.Fatal(err)
		}
		waits = append(waits, reached(commits, float64(n)).Sub(time.UnixMicro(published)))
	}
	if err := rows.Err(); err != nil || len(waits) == 0 {
		b.Fatalf("%d live messages: %v", len(waits), err)
	}
	slices.Sort(waits)
	return waits
}
