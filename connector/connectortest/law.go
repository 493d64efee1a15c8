package connectortest

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vitalsink/connector"
	"vitalsink/transforms"
)

// lawShort is how many examples of the law -short tries.
const lawShort = 10

// law: whatever the order, the redeliveries, the boundaries of batches and
// runs, and the moments of folds, the latest tables are those of the naive
// fold over the messages.
func (s *suite) law(t *testing.T) {
	examples := 40
	switch {
	case testing.Short():
		examples = lawShort
	case afterShort():
		examples -= lawShort
	}
	check(t, examples, func(rt *rapid.T) {
		messages := rapid.SliceOfN(rapid.Custom(drawMessage), 1, 25).Draw(rt, "messages")
		ref := newReference(s.catalogue)
		for i := range messages {
			messages[i].ID = fmt.Sprint("m", i)
			ref.add(t, messages[i])
		}
		again := rapid.SliceOfN(rapid.SampledFrom(messages), 0, 10).Draw(rt, "redelivered")
		deliveries := rapid.Permutation(append(messages, again...)).Draw(rt, "deliveries")
		own := &scope{TB: t}
		defer own.end()
		w := s.open(own)
		for len(deliveries) > 0 {
			n := rapid.IntRange(1, len(deliveries)).Draw(rt, "run")
			flush := rapid.IntRange(1, 10).Draw(rt, "flush rows")
			s.ingest(t, w, flush, deliveries[:n]...)
			deliveries = deliveries[n:]
			if rapid.Bool().Draw(rt, "fold") {
				s.fold(t, w)
			}
		}
		s.fold(t, w)
		s.expect(t, w, ref)
		if books := s.booksOf(t, w, connector.Window{}); !books.Balanced() {
			t.Errorf("books do not balance: %+v", books)
		}
		if t.Failed() {
			rt.FailNow()
		}
	})
}

// check is rapid.Check with fewer examples, for each makes a warehouse of its
// own; more with -rapid.checks.
func check(t *testing.T, examples int, property func(*rapid.T)) {
	t.Helper()
	if f := flag.Lookup("rapid.checks"); f != nil && f.Value.String() == f.DefValue {
		if err := f.Value.Set(fmt.Sprint(examples)); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := f.Value.Set(f.DefValue); err != nil {
				t.Error(err)
			}
		}()
	}
	rapid.Check(t, property)
}

// drawMessage draws from a small world, so that keys and versions collide. The
// vendor promises that created_at of a record does not change; a warehouse may
// look for the row on that day alone. So here it stays on one UTC day.
func drawMessage(rt *rapid.T) transforms.Message {
	pick := func(what string, of ...string) string { return rapid.SampledFrom(of).Draw(rt, what) }
	user := pick("user", "u1", "u2")
	published := noon.Add(time.Duration(rapid.IntRange(0, 3).Draw(rt, "published")) * time.Hour)
	var body string
	switch pick("kind", "sleep", "sleep", "samples", "samples", "device", "unknown", "bad") {
	case "sleep":
		id := pick("id", "s1", "s2")
		day := map[string]string{"s1": "2026-04-01", "s2": "2026-05-01"}[id]
		body = fmt.Sprintf(`{"event_type":"daily.data.sleep.updated","user_id":%q,"data":{"id":%q,"score":%d%s%s}}`,
			user, id, rapid.IntRange(0, 99).Draw(rt, "score"),
			strings.ReplaceAll(pick("created", "", `,"created_at":"DAYT00:00:00Z"`, `,"created_at":"DAYT23:59:59.999999Z"`), "DAY", day),
			pick("updated", "", "", `,"updated_at":"2026-05-01T13:30:00Z"`, `,"updated_at":"2026-05-01T10:00:00Z"`))
	case "samples":
		body = drawSamples(rt, user)
	case "device":
		body = fmt.Sprintf(`{"event_type":"provider.device.updated","user_id":%q,"data":{"id":"d1","device_model":%q}}`,
			user, pick("model", "a", "b"))
	case "unknown":
		body = fmt.Sprintf(`{"event_type":"raw.oura.daily","user_id":%q,"data":{"v":%s}}`, user, pick("v", "1", "2"))
	case "bad":
		body = pick("bad", `{`, `{"event_type":"daily.data.sleep.created","user_id":"u1","data":{}}`)
	}
	return transforms.Message{PublishTime: published, Data: []byte(body)}
}

// drawSamples draws a few samples, some with the same key, some broken.
func drawSamples(rt *rapid.T, user string) string {
	resource := rapid.SampledFrom([]string{"heartrate", "cholesterol", "glow"}).Draw(rt, "resource")
	samples := ""
	for i := range rapid.IntRange(0, 4).Draw(rt, "samples") {
		if i > 0 {
			samples += ","
		}
		samples += fmt.Sprintf(`{"timestamp":%q,"value":%d,"type":%q}`,
			rapid.SampledFrom([]string{
				"2026-05-01T10:00:00Z", "2026-05-01T12:00:00+02:00", "2026-04-20T10:00:00Z", "not a time",
			}).Draw(rt, "timestamp"),
			rapid.IntRange(40, 90).Draw(rt, "value"),
			rapid.SampledFrom([]string{"", "ldl", "hdl"}).Draw(rt, "type"))
	}
	source := rapid.SampledFrom([]string{
		`{"provider":"oura","type":"ring"}`, `{"slug":"oura"}`, `{}`,
	}).Draw(rt, "source")
	return fmt.Sprintf(`{"event_type":"daily.data.%s.created","user_id":%q,"data":{"data":[%s],"source":%s}}`,
		resource, user, samples, source)
}
