package transforms_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"vitalsink/connector/synth"
)

// FuzzDecode: whatever comes, the decoder makes of it what the judge makes,
// gives back what it refuses, and decides alike when asked again.
func FuzzDecode(f *testing.F) {
	for _, seed := range fuzzSeeds() {
		f.Add([]byte(seed), "", "")
		f.Add([]byte(seed), "daily.data.heartrate.created", "null")
		f.Add([]byte(zip(f, seed)), "", "gzip")
	}
	f.Add([]byte("\x1f\x8b"), "daily.data.sleep.created", "zstd")
	for _, event := range withLone(events(f, everyType(), synth.Modern)) {
		f.Add([]byte(encoded(f, event)), "", "")
	}
	decoder, other := newDecoder(f), newDecoder(f)
	f.Fuzz(func(t *testing.T, data []byte, eventType, codec string) {
		m := message(string(data), attribute("event-type", eventType), attribute("blob-codec", codec))
		o, again := decodeWith(t, decoder, m), decodeWith(t, other, m)
		if !reflect.DeepEqual([]any{o.rows, o.quarantine, o.refusals}, []any{again.rows, again.quarantine, again.refusals}) {
			t.Errorf("decoded again, it differs: %v, then %v", o.refusals, again.refusals)
		}
		if len(o.rows) > 0 {
			checkKeys(t, o)
		}
		if len(o.refusals) > 0 && !bytes.Equal(restored(t, o.quarantine), data) {
			t.Error("quarantine does not give the message back")
		}
		checkJudged(t, o, m)
	})
}

// FuzzVersion: of whatever stands on the outside of a message, and of the time
// in it, the decoder makes the version that the judge makes.
func FuzzVersion(f *testing.F) {
	at := published().UnixMicro()
	f.Add("2026-03-02T12:30:45Z", "", "", "", "", at, int64(0), false)
	f.Add("", "noon", "2026-03-02", "", "m0", at, at, false)
	f.Add("9999-12-31", "2026-03-02T12:04:00Z", "", "2026-03-01T00:00:00.1234567+05:30", "", at, at, true)
	f.Add("1969-12-31T23:59:59Z", "0001-01-01", "", "2026-03-02 12", "", int64(-1), at, true)
	decoder := newDecoder(f)
	f.Fuzz(func(t *testing.T, updated, event, original, dead, id string, publish, clock int64, older bool) {
		const limit = 4e15 // about a century: times far from ours have no meaning, and overflow
		body, err := json.Marshal(map[string]any{
			"event_type": "daily.data.body.created", "user_id": "u1", "data": map[string]any{"id": "s1", "updated_at": updated},
		})
		if err != nil {
			t.Fatal(err)
		}
		m := message(string(body), publishedAt(time.UnixMicro(publish%limit)), attribute("event-time", event),
			attribute("original-publish-time", original), attribute("CloudPubSubDeadLetterSourceTopicPublishTime", dead),
			attribute("original-message-id", id))
		if clock != 0 {
			m.AsOf = time.UnixMicro(clock % limit)
		}
		if older {
			attribute("blob_codec", event)(m)
			attribute("blob_type", original)(m)
		}
		checkJudged(t, decodeWith(t, decoder, m), m)
	})
}

func fuzzSeeds() []string {
	return []string{
		"", "{}", "[]", "null", `{"a":1}x`, "{\"a\":\"\xff\"}", `{"a":1,"\u0061":2}`, `{"event_type":"lab.new","data":[{"a":{"b":"\ud800"}}]}`,
		summary("sleep", `"duration":7e2,"efficiency":"0.5","created_at":"2026-03-01T00:00:00Z","updated_at":"2026-03-01","x.y":null`),
		summary("workouts", `"hr_zones":[1,2.0,"3"],"sport":{"id":1,"slug":"run"},"source":{"provider":"a","slug":"b","name":"c"}`),
		series("heartrate", at(noon, `"new":{"a":[1]}`)+`,{"timestamp":"never"},7,`+at(noon, `"unit":1`)),
		series("aura", at(noon, "")), series("note", `{"start":"`+noon+`","value":"x","type":["a"]}`),
		`{"event_type":"daily.data.glucose.created","data":[` + at(noon, `"user_id":"u2","source":{"slug":"s"}`) + `]}`,
		`{"event_type":"daily.data.blood_pressure.created","data":{"user_id":"u1","systolic":"120","timestamp":"` + noon + `"}}`,
		`{"event_type":"historical.data.sleep.created","data":{"user_id":"u1","provider":"p","start_date":"2025-01-01","end_date":"2026-01-01"}}`,
		`{"event_type":"provider.connection.created","data":{"user_id":"u1","source":{"source_slug":"s"}}}`,
		// What the judge found: numbers that were none, a text that was lost, a user written anew, a path that is not
		// there, and a key of nothing.
		summary("sleep", `"duration":"\u0037","timezone_offset":0e-5,"latency":0.00000000000000000000001e23`),
		series("note", `{"timestamp":"`+noon+`","value":"x","type":""}`),
		`{"event_type":"daily.data.glucose.created","user_id":"u1","data":[` + at(noon, `"user_id":12,"source":{"slug":"s"}`) + `]}`,
		`{"event_type":"daily.data.glucose.created","user_id":"u1","data":[` + at(noon, `"source":{"slug":"s","slug":"s"}`) + `]}`,
		`{"event_type":"historical.data..x","data":{"user_id":"u1","start_date":"2025-01-01","end_date":"2026-01-01"}}`,
	}
}

// repeats tells whether an object in valid JSON has a field twice.
func repeats(body []byte) bool {
	d := json.NewDecoder(bytes.NewReader(body))
	var open []map[string]bool // nil for an array
	name := false              // whether a field's name comes next
	for {
		token, err := d.Token()
		if err != nil {
			return false
		}
		switch token {
		case json.Delim('{'):
			open, name = append(open, map[string]bool{}), true
			continue
		case json.Delim('['):
			open, name = append(open, nil), false
			continue
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		default:
			if name {
				key, _ := token.(string)
				// Names that are no text are compared by what stands for it.
				key = strings.ToValidUTF8(key, "\ufffd")
				if open[len(open)-1][key] {
					return true
				}
				open[len(open)-1][key] = true
				name = false
				continue
			}
		}
		name = len(open) > 0 && open[len(open)-1] != nil
	}
}
