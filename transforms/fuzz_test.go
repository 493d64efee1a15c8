package transforms_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"vitalsink/transforms"
)

// FuzzDecode: whatever comes, the decoder neither breaks nor drops, and
// decides alike when asked again.
func FuzzDecode(f *testing.F) {
	for _, seed := range fuzzSeeds() {
		f.Add([]byte(seed), "", "")
		f.Add([]byte(seed), "daily.data.heartrate.created", "null")
		f.Add([]byte(zip(f, seed)), "", "gzip")
	}
	f.Add([]byte("\x1f\x8b"), "daily.data.sleep.created", "zstd")
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
		if body, ok := inflated(data, codec); ok {
			checkVerdict(t, o, body)
		}
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
	}
}

// inflated is the JSON that a message holds, if it can be had.
func inflated(data []byte, codec string) ([]byte, bool) {
	if codec == "gzip" || bytes.HasPrefix(data, []byte("\x1f\x8b")) {
		b, err := standard(data)
		return b, err == nil
	}
	return data, true
}

// checkVerdict compares with encoding/json. not_json is said of nothing that
// is JSON; and what is none is refused, though another fault that comes
// before the break may be the reason given.
func checkVerdict(t *testing.T, o outcome, body []byte) {
	t.Helper()
	reason := transforms.Reason("")
	if len(o.refusals) > 0 && o.RowsDecoded == 0 {
		reason = o.refusals[0].Reason
	}
	switch valid := json.Valid(body); {
	case reason == transforms.BadCodec || reason == transforms.InvalidUTF8:
	case valid && reason == transforms.NotJSON:
		t.Error("refused as not JSON, which it is")
	case !valid && reason == "":
		t.Errorf("not JSON, but not refused: %q", body)
	case valid && reason == transforms.DuplicateKey && !repeats(body):
		t.Error("refused for a duplicate field that is not there")
	case valid && reason == "" && o.Outcome == transforms.Landed && repeats(body):
		t.Error("a duplicate field was not seen")
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
