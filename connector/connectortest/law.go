package connectortest

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vitalsink/schemas"
	"vitalsink/transforms"
)

// law: whatever the order, the redeliveries, the boundaries of batches and
// runs, and the moments of folds, the latest tables are those of the naive
// fold over the messages.
func (s *suite) law(t *testing.T) {
	// Every example makes a warehouse of its own; more with -rapid.checks.
	if f := flag.Lookup("rapid.checks"); f != nil && f.Value.String() == f.DefValue {
		if err := flag.Set("rapid.checks", "40"); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		messages := rapid.SliceOfN(rapid.Custom(drawMessage), 1, 25).Draw(rt, "messages")
		ref := newReference(s.catalogue)
		for i := range messages {
			messages[i].ID = fmt.Sprint("m", i)
			ref.add(t, messages[i])
		}
		again := rapid.SliceOfN(rapid.SampledFrom(messages), 0, 10).Draw(rt, "redelivered")
		deliveries := rapid.Permutation(append(messages, again...)).Draw(rt, "deliveries")
		w := s.open(t)
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
		if books := w.Ledger(t); !books.Balanced() {
			t.Errorf("ledger: %+v", books)
		}
		if t.Failed() {
			rt.FailNow()
		}
	})
}

// drawMessage draws from a small world, so that keys and versions collide.
func drawMessage(rt *rapid.T) transforms.Message {
	pick := func(what string, of ...string) string { return rapid.SampledFrom(of).Draw(rt, what) }
	user := pick("user", "u1", "u2")
	published := noon.Add(time.Duration(rapid.IntRange(0, 3).Draw(rt, "published")) * time.Hour)
	var body string
	switch pick("kind", "sleep", "sleep", "samples", "samples", "device", "unknown", "bad") {
	case "sleep":
		body = fmt.Sprintf(`{"event_type":"daily.data.sleep.updated","user_id":%q,"data":{"id":%q,"score":%d%s%s}}`,
			user, pick("id", "s1", "s2"), rapid.IntRange(0, 99).Draw(rt, "score"),
			pick("created", "", `,"created_at":"2026-04-01T00:00:00Z"`, `,"created_at":"2026-04-02T00:00:00Z"`),
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

// extremeValues: what a type can hold comes back as it went in.
func (s *suite) extremeValues(t *testing.T) {
	w := s.open(t)
	ref := newReference(s.catalogue)
	bodies := []string{
		`{"event_type":"daily.data.workouts.created","user_id":"u1","data":{"id":"w1","steps":9223372036854775807,
		  "distance":1.7976931348623157e308,"calories":-5e-324,"title":"é\u0000\"\\ 😀 '; DROP TABLE","hr_zones":[-9223372036854775808,0],
		  "calendar_date":"0001-01-01","time_start":"0001-01-01T00:00:00Z","time_end":"9999-12-31T23:59:59.999999Z"}}`,
		`{"event_type":"daily.data.workouts.created","user_id":"u1","data":{"id":"w2","hr_zones":[],"title":"",
		  "calendar_date":"9999-12-31","distance":-0.0,"map":{"polyline":"` + "a\\u20ac" + `"}}}`,
		`{"event_type":"daily.data.meal.created","user_id":"","data":{"user_id":"u1","id":"w1","data":{"a":[1,{"b":null}]},"name":5}}`,
		`{"event_type":"daily.data.note.created","user_id":"u1","data":{"data":[{"start":"2026-05-01T00:00:00.123456789-11:30",
		  "value":"12","tags":["x","","é"]},{"timestamp":"2026-05-01T00:00:00","value":""}]}}`,
	}
	for i, body := range bodies {
		m := transforms.Message{ID: fmt.Sprint("m", i), PublishTime: noon, Data: []byte(body)}
		ref.add(t, m)
		s.ingest(t, w, 1, m)
	}
	s.fold(t, w)
	s.expect(t, w, ref)
	if n := len(ref.tables[schemas.QuarantineTable]); n > 0 {
		t.Errorf("%d of the messages are refused, so this shows nothing", n)
	}
}
