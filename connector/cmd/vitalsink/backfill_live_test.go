//go:build cgo && linux

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"

	"vitalsink/connector/connectortest"
	"vitalsink/connector/junction/junctiontest"
	"vitalsink/connector/synth"
	"vitalsink/transforms"
)

// live are events that Junction publishes while somebody asks its API, whose
// answers do not know what they tell, until it catches up.
type live struct {
	*history
	t     testing.TB
	topic *pubsub.Publisher
	user  synth.User

	mu     sync.Mutex
	told   map[string]bool   // by resource
	events map[string][]byte // likewise
	newer  map[string][]synth.Record
}

// newLive has one event of samples and one of a summary, with other values than
// the API, and makes them the truth.
func newLive(t testing.TB, h *history, topic *pubsub.Publisher) *live {
	t.Helper()
	l := &live{history: h, t: t, topic: topic, told: map[string]bool{}, events: map[string][]byte{}, newer: map[string][]synth.Record{}}
	h.adjust = map[string][]string{}
	var last synth.Held // who is last asked about, when nothing is killed any more
	for held, err := range h.population.Records(t.Context(), mustCatalogue(t)) {
		if err != nil {
			t.Fatal(err)
		}
		if held.User.ID > last.User.ID {
			last = held
		}
	}
	l.user = last.User
	l.samples(last.Records)
	l.summary(last.Records)
	return l
}

func (l *live) event(eventType string, data any) {
	l.t.Helper()
	body, err := json.Marshal(map[string]any{
		"event_type": eventType, "user_id": l.user.ID, "team_id": l.user.TeamID, "client_user_id": l.user.ClientUserID, "data": data,
	})
	if err != nil {
		l.t.Fatal(err)
	}
	l.events[strings.Split(eventType, ".")[2]] = body
}

func (l *live) samples(records []synth.Record) {
	l.t.Helper()
	var samples []any
	var source json.RawMessage
	for _, r := range records {
		if r.Resource != "heartrate" || source != nil && string(source) != string(r.Source) || len(samples) == 300 {
			continue
		}
		source = r.Source
		body := l.decoded(r.Body)
		body["value"] = body["value"].(float64) + 1000
		samples = append(samples, body)
		l.know(r, body)
		l.adjust["timeseries"] = append(l.adjust["timeseries"], fmt.Sprintf(
			"UPDATE want SET value = value + 1000 WHERE user_id = '%s' AND resource = 'heartrate' AND provider = '%s' AND \"timestamp\" = TIMESTAMPTZ '%s'",
			r.UserID, r.Provider, r.At.Format(time.RFC3339Nano)))
	}
	l.event("daily.data.heartrate.updated", map[string]any{"source": source, "data": samples})
}

func (l *live) summary(records []synth.Record) {
	l.t.Helper()
	for _, r := range records {
		if r.Resource != "sleep" {
			continue
		}
		body := l.decoded(r.Body)
		updated := r.Version.Add(time.Hour).UTC().Truncate(time.Second)
		body["score"], body["updated_at"] = 1, updated.Format(time.RFC3339)
		l.event("daily.data.sleep.updated", body)
		l.know(r, body)
		l.adjust["sleep"] = []string{fmt.Sprintf("UPDATE want SET score = 1, updated_at = TIMESTAMPTZ '%s' WHERE id = '%s'", updated.Format(time.RFC3339), body["id"])}
		return
	}
	l.t.Fatal("nobody slept")
}

func (l *live) decoded(body json.RawMessage) (fields map[string]any) {
	l.t.Helper()
	if err := json.Unmarshal(body, &fields); err != nil {
		l.t.Fatal(err)
	}
	return fields
}

// know keeps what the API will have of a record.
func (l *live) know(r synth.Record, body map[string]any) {
	l.t.Helper()
	var err error
	if r.Body, err = json.Marshal(body); err != nil {
		l.t.Fatal(err)
	}
	l.newer[r.Resource] = append(l.newer[r.Resource], r)
}

// meanwhile publishes an event after the first request for what it is about has
// begun, and before that is answered. If that fails, and is made again, the API
// knows by then.
func (l *live) meanwhile(r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := r.URL.Query()
	for resource, event := range l.events {
		about := strings.Contains(r.URL.Path, "/"+resource+"/") && strings.Contains(r.URL.Path, l.user.ID) &&
			q.Get("provider") == l.newer[resource][0].Provider && q.Get("end_date") > l.population.Start.Format(time.DateOnly)
		switch {
		case !about || q.Get("next_cursor") != "":
		case l.told[resource]:
			l.Put(l.newer[resource]...)
		default:
			l.told[resource] = true
			l.tell(event)
		}
	}
}

func (l *live) tell(event []byte) {
	m := &pubsub.Message{Data: event, Attributes: map[string]string{ // pstest's clock is ahead when leases had to run out
		transforms.AttrEventTime: time.Now().UTC().Format(time.RFC3339Nano),
	}}
	if _, err := l.topic.Publish(l.t.Context(), m).Get(l.t.Context()); err != nil {
		l.t.Error(err)
	}
}

// catchUp lets the API know what was told.
func (l *live) catchUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for resource := range l.told {
		l.Put(l.newer[resource]...)
	}
}

// TestBackfillAmongLiveEvents: people connect, and what is announced is fetched
// from an API that often fails, by a process that is killed twice, into a topic
// that live events go through too. Of what is fetched while they come, they are
// newer, and win. In the end all is as if nothing had happened.
func TestBackfillAmongLiveEvents(t *testing.T) {
	connectortest.Long(t)
	t.Parallel()
	w := newWorld(t)
	h := newHistory(t, 3, 2, faulty())
	run := w.run(t, "vitalsink", w.remote)
	if err := w.publishOver(t, mustLines(t, h.sent), time.Second); err != nil {
		t.Fatal(err)
	}
	w.settle(t, run)
	w.bigQuery.fold(t)

	topic := w.client.Publisher(demoTopic)
	defer topic.Stop()
	l := newLive(t, h, topic)
	meanwhile := l.meanwhile
	h.before.Store(&meanwhile)
	backfill := func(more ...string) *process {
		p := w.remote(append([]string{
			"backfill", "--api-url", h.URL, "--request-rate", "200", "--topic", "pubsub://" + demoProject + "/" + path.Base(demoTopic), "--json",
		}, more...)...)
		p.Env = append(p.Env, emulator+"="+w.address, keyVariable+"="+h.Key)
		p.start(t)
		return p
	}
	for _, requests := range []int{60, 90} {
		p, from := backfill(), h.Requests(junctiontest.AnyKind)
		await(t, "requests", func() bool { return h.Requests(junctiontest.AnyKind) >= from+requests })
		p.kill(t)
		l.catchUp()
	}
	last := backfill()
	if err := last.Wait(); err != nil {
		t.Fatalf("backfill: %v\n%s", err, last.wrote.String())
	}
	w.settle(t, run)
	w.stop(t, run)
	h.compare(t, w.bigQuery.copied(t))
	w.balanced(t)
	again := backfill()
	if err := again.Wait(); err != nil || !strings.Contains(again.wrote.String(), `"notices":0,`) {
		t.Errorf("another backfill: %v\n%s", err, again.wrote.String())
	}
	forever := backfill("--every", "1h")
	await(t, "a pass", func() bool { return strings.Contains(forever.wrote.String(), "a pass is done") })
	forever.terminate(t)
}
