package transforms_test

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vitalsink/connector/synth"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// TestPick: what is picked becomes the rows that it was part of before, in their
// order, and nothing else does.
func TestPick(t *testing.T) {
	t.Parallel()
	decoder := newDecoder(t)
	var some []map[string]any // events of samples
	for _, event := range withLone(events(t, everyType(), synth.Modern, synth.Docs2024, synth.Legacy2023)) {
		o := decodeWith(t, decoder, message(encoded(t, event)))
		if o.Table != nil && o.Table.Rows == schemas.RowsSamples && o.RowsDecoded > 0 {
			some = append(some, event)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		body := encoded(t, rapid.SampledFrom(some).Draw(t, "event"))
		isMutant := rapid.Bool().Draw(t, "mutant")
		if isMutant {
			body = mutant(t, some)
		}
		m := message(body, publishedAt(published().Add(-time.Minute)))
		if rapid.Bool().Draw(t, "gzip") {
			m.Data = []byte(zip(t, body))
		}
		if isMutant {
			address(t, m)
		}
		before := decodeWith(t, decoder, m)
		if before.Table == nil || before.Table.Rows != schemas.RowsSamples || before.RowsDecoded == 0 {
			if !isMutant {
				t.Fatal("no samples")
			}
			return // of what is one row a list may be a part
		}
		positions := somePositions(t, before.RowsDecoded)
		got, err := transforms.Pick(m, "picked", positions)
		if err != nil {
			t.Fatal(err)
		}
		after := decodeWith(t, decoder, &got)
		if d := cmp.Diff(facts(before, positions), facts(after, nil)); d != "" {
			t.Errorf("picked %v (-want +got):\n%s", positions, d)
		}
		for _, r := range after.rows {
			if r["_message_id"] != "picked" {
				t.Errorf("a row is of %v", r["_message_id"])
			}
		}
	})
}

// somePositions are one or more of the first n.
func somePositions(t *rapid.T, n int) []int32 {
	some := rapid.SliceOfNDistinct(rapid.Int32Range(0, int32(n-1)), 1, n, rapid.ID[int32]).Draw(t, "positions")
	slices.Sort(some)
	return some
}

// facts are the rows of samples at some positions, or of all, and how many
// samples there are: without what names the message.
func facts(o outcome, positions []int32) any {
	rows, samples := []row{}, o.RowsDecoded
	for _, r := range o.rows {
		if positions == nil || slices.Contains(positions, int32(r.position())) {
			r = maps.Clone(r)
			delete(r, "_version")
			delete(r, "_message_id")
			rows = append(rows, r)
		}
	}
	if positions != nil {
		samples = len(positions)
	}
	if len(rows) == 0 {
		samples = 0 // with nothing but bad samples a message may be refused as a whole
	}
	return []any{o.Table.Name, samples, rows}
}

// TestPickWhole: what has no list of samples is copied whole.
func TestPickWhole(t *testing.T) {
	t.Parallel()
	decoder, whole := newDecoder(t), 0
	for _, event := range events(t, everyType(), synth.Modern, synth.Legacy2023) {
		data, _ := event["data"].(map[string]any)
		_, isList := event["data"].([]any)
		if _, ok := data["data"].([]any); ok || isList {
			continue
		}
		whole++
		m := message(encoded(t, event), attribute("event-time", "2026-03-02T11:00:00.000001Z"))
		got, err := transforms.Pick(m, "picked", []int32{0})
		if err != nil {
			t.Fatal(err)
		}
		if body := bodyOf(t, &got); body != string(m.Data) {
			t.Errorf("%s became %s", m.Data, body)
		}
		before, after := decodeWith(t, decoder, m), decodeWith(t, decoder, &got)
		if before.Table.Rows == schemas.RowsEvent {
			continue // is keyed by the idempotency key
		}
		if d := cmp.Diff(facts(before, nil), facts(after, nil)); d != "" {
			t.Errorf("%s (-want +got):\n%s", event["event_type"], d)
		}
	}
	if whole < 10 {
		t.Errorf("only %d events", whole)
	}
	for _, data := range []string{`{}`, `{"data":null}`, `{"data":7}`, `{"data":{"data":[1,2]}}`, `null`, `"x"`} {
		body := ` {"event_type":"x", "data" : ` + data + "}\n"
		got, err := transforms.Pick(message(body), "picked", nil)
		if err != nil || string(got.Data) != body {
			t.Errorf("%s: %s, %v", body, got.Data, err)
		}
	}
}

// bodyOf is the JSON of a message, which says itself whether it is packed.
func bodyOf(t tb, m *transforms.Message) string {
	t.Helper()
	if m.Attributes["blob-codec"] != "gzip" {
		return string(m.Data)
	}
	body, refused := transforms.Inflate(m.Data)
	if refused != nil {
		t.Fatalf("inflate: %v", refused)
	}
	return string(body)
}

// TestPickBytes: all around the samples is as it came, and each of them is.
func TestPickBytes(t *testing.T) {
	samples := []string{`{"timestamp" : "2026-03-01", "value":1.50}`, `7`, `[ 1 , {"\u0061": 2e0} ]`, `"\ud800"`, `null`}
	for name, around := range map[string][2]string{
		"spaces":    {"\n { \"event_type\" : \"a.b\",\t\"data\" : { \"x\":[1, 2 ], \"data\" : [", "] , \"y\" : 1.0 } , \"data2\":[9]}\r\n "},
		"escapes":   {`{"d\u0061ta":{"dat\u0061":[`, `],"\u0079":"\/"}}`},
		"no spaces": {`{"data":{"data":[`, `]}}`},
		"alone":     {`{"data" : [`, `] , "user_id":"u"}`},
		"large":     {`{"a":"` + strings.Repeat("0123456789", 300) + `","data":{"data":[`, `]}}`},
	} {
		for _, zipped := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s %t", name, zipped), func(t *testing.T) {
				m := message(around[0] + " " + strings.Join(samples, " ,\n") + "\t" + around[1])
				if zipped {
					m.Data = []byte(zip(t, string(m.Data)))
				}
				m.Data = append(m.Data, "more"...)[:len(m.Data)] // its buffer is longer
				for _, at := range [][]int32{{0}, {1}, {4}, {0, 2}, {1, 3, 4}, {0, 1, 2, 3, 4}} {
					var want []string
					for _, i := range at {
						want = append(want, samples[i])
					}
					before := slices.Clone(m.Data)
					got, err := transforms.Pick(m, "picked", at)
					if err != nil {
						t.Fatal(err)
					}
					if body := bodyOf(t, &got); body != around[0]+strings.Join(want, ",")+around[1] {
						t.Errorf("%v: %q", at, body)
					}
					if packed := got.Attributes["blob-codec"] == "gzip"; packed != (name == "large") {
						t.Errorf("packed: %t", packed)
					}
					clear(got.Data)
					if !slices.Equal(m.Data, before) {
						t.Fatal("the message changed")
					}
				}
			})
		}
	}
}

// TestPickAttributes: they are the same, but for what names the message and how
// it is packed; the message that is picked from keeps its own.
func TestPickAttributes(t *testing.T) {
	told := published().Add(time.Hour)
	m := transforms.NewMessage("m0", "daily.data.heartrate.created", told, []byte(series("heartrate", strings.Repeat(at3(), 40)+at(noon, ""))))
	m.AsOf = told.Add(time.Hour)
	for name, value := range map[string]string{
		"original-message-id": "m1", "original-publish-time": "2026-03-02T10:00:00Z", "idempotency_key": "m2", "blob_codec": "gzip", "x": "y",
	} {
		m.Attributes[name] = value
	}
	before := maps.Clone(m.Attributes)
	got, err := transforms.Pick(&m, "m3", []int32{40})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"event-type": "daily.data.heartrate.created", "blob-type": "json", "event-time": told.Format(time.RFC3339Nano),
		"original-publish-time": "2026-03-02T10:00:00Z", "x": "y", "idempotency-key": "m3",
	}
	if !reflect.DeepEqual(got.Attributes, want) || got.ID != "m3" || !got.PublishTime.Equal(told) || !got.AsOf.Equal(m.AsOf) {
		t.Errorf("%+v", got)
	}
	if !maps.Equal(m.Attributes, before) || m.ID != "m0" {
		t.Errorf("the message changed: %+v", m.Attributes)
	}
	r := only(t, decodeWith(t, newDecoder(t), &got))
	checkRow(t, r, row{"_message_id": "m3", "timestamp": "2026-03-02T12:00:00Z"})
}

// at3 is a sample and a comma.
func at3() string { return at("2026-03-02T11:00:00Z", "") + "," }

// TestPickErrors: of what cannot be read, or has no such samples, nothing is
// picked, and the error says no values.
func TestPickErrors(t *testing.T) {
	three := series("heartrate", at3()+at3()+at(noon, `"secret":"61.5431"`))
	door := message(three)
	door.Refusal = transforms.Refuse(transforms.BadEnvelope, "", "no envelope")
	for name, c := range map[string]struct {
		m         *transforms.Message
		positions []int32
		reason    transforms.Reason // "" if it is no refusal
	}{
		"refused":      {door, []int32{0}, "bad_envelope"},
		"bad gzip":     {message("61.5431", attribute("blob-codec", "gzip")), []int32{0}, "bad_gzip"},
		"bad codec":    {message(three, attribute("blob_codec", "61.5431")), []int32{0}, "bad_codec"},
		"too large":    {message(zip(t, strings.Repeat(" ", transforms.MaxBody)+three)), []int32{0}, "too_large"},
		"malformed":    {message(three[:len(three)-9]), []int32{0}, "not_json"},
		"in a sample":  {message(series("heartrate", at3()+`{"a":61.5431.7}`)), []int32{0}, "not_json"},
		"no object":    {message(`["61.5431"]`), []int32{0}, "not_json"},
		"empty":        {message(""), []int32{0}, "not_json"},
		"none":         {message(three), nil, ""},
		"beyond":       {message(three), []int32{0, 3}, ""},
		"negative":     {message(three), []int32{-1, 0}, ""},
		"twice":        {message(three), []int32{1, 1}, ""},
		"back":         {message(three), []int32{2, 1}, ""},
		"empty series": {message(series("heartrate", "")), []int32{0}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := transforms.Pick(c.m, "picked", c.positions)
			if err == nil || strings.Contains(err.Error(), "61.5431") || got.ID != "" {
				t.Fatalf("%+v, %v", got, err)
			}
			var refused *transforms.Refusal
			if errors.As(err, &refused) != (c.reason != "") || refused != nil && refused.Reason != c.reason {
				t.Errorf("%v, want %q", err, c.reason)
			}
		})
	}
}
