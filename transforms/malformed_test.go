package transforms_test

import (
	"fmt"
	"strings"
	"testing"

	"vitalsink/transforms"
)

// TestDuplicateKeys of a whole message: no rule says which value is meant.
func TestDuplicateKeys(t *testing.T) {
	envelope := func(fields string) string {
		return `{"event_type":"daily.data.sleep.created","user_id":"u1","data":{"id":"s1"},` + fields + `}`
	}
	sample := at(noon, "")
	many := &strings.Builder{} // more than are compared one by one
	for i := range 40 {
		fmt.Fprintf(many, `"k%d":%d,`, i, i)
	}
	for name, body := range map[string]string{
		"known, envelope":         envelope(`"user_id":"u1"`),
		"event type":              envelope(`"event_type":"daily.data.sleep.created"`),
		"data":                    envelope(`"data":{"id":"s1"}`),
		"unknown, envelope":       envelope(`"x":1,"x":2`),
		"null both times":         envelope(`"x":null,"x":null`),
		"escaped, envelope":       envelope(`"a":1,"\u0061":1`),
		"known, data":             summary("sleep", `"total":1,"total":1`),
		"escaped, data":           summary("sleep", `"total":1,"\u0074otal":1`),
		"unknown, data":           summary("sleep", `"x":1,"y":2,"x":3`),
		"among many":              summary("sleep", many.String()+`"k7":1`),
		"early among many":        summary("sleep", `"k":1,`+many.String()+`"k":1`),
		"known, nested":           summary("sleep", `"source":{"slug":"a","slug":"b"}`),
		"unknown, nested":         summary("sleep", `"source":{"x":"a","x":"b"}`),
		"the nested object":       summary("sleep", `"source":{},"source":{}`),
		"within an unknown field": summary("sleep", `"x":{"a":[{"b":1,"b":2}]}`),
		"within a scalar column":  summary("sleep", `"total":{"b":1,"b":2}`),
		"within a JSON column":    summary("sleep", `"sleep_stream":{"a":{"b":1,"\u0062":2}}`),
		"within an ignored field": summary("sleep", `"source":{"name":{"b":1,"b":2}}`),
		"deep among many":         summary("sleep", `"x":{`+many.String()+`"k39":1}`),
		"beside samples":          seriesOf("heartrate", `"x":1,"x":2`, sample),
		"source of samples":       seriesOf("heartrate", `"source":{"type":"a","type":"b"}`, sample),
		"source twice":            seriesOf("heartrate", `"source":{},"source":{}`, sample),
		"samples twice":           seriesOf("heartrate", `"data":[]`, sample),
		"unknown event":           `{"event_type":"lab.new","data":{"a":1,"a":2}}`,
		"unknown event, nested":   `{"event_type":"lab.new","data":[{"a":1,"a":2}]}`,
		"unknown series":          series("aura", `{"x":1,"x":2}`), // stored whole, then
	} {
		t.Run(name, func(t *testing.T) { checkRefused(t, decode(t, body), "duplicate_key", "") })
	}
	only(t, decode(t, summary("sleep", many.String()+`"x":{"k1":{"k1":1}}`)))
}

// TestDuplicateKeysOfSample: only the sample goes.
func TestDuplicateKeysOfSample(t *testing.T) {
	good := at(noon, "")
	for name, fields := range map[string]string{
		"known":                `"unit":"bpm"`,
		"unknown":              `"x":1,"x":2`,
		"escaped":              `"\u0075nit":"bpm"`,
		"within unknown":       `"x":[{"b":1,"b":2}]`,
		"within a column":      `"type":{"b":1,"b":2}`,
		"within ignored":       `"grouping":{"b":1,"b":2}`,
		"before a bad literal": `"unit":"bpm","timestamp":"never"`,
	} {
		t.Run(name, func(t *testing.T) {
			o := decode(t, series("heartrate", good+","+at(noon, fields)+","+good))
			checkSampleRefused(t, o, 2, "duplicate_key", "$.data.data[1]")
			if o.rows[1].position() != 2 {
				t.Error("the position of a sample follows from what else is refused")
			}
		})
	}
	lone := `{"event_type":"daily.data.heartrate.created","user_id":"u1","data":[` + good + `,` + at(noon, `"unit":"x"`) + `]}`
	checkSampleRefused(t, decode(t, lone), 1, "duplicate_key", "$.data[1]")
	// The path was that of an event whose samples share their source.
	lone = `{"event_type":"daily.data.heartrate.created","user_id":"u1","data":[` + good + `,` + at(noon, `"source":{"slug":"a","slug":"b"}`) + `]}`
	checkSampleRefused(t, decode(t, lone), 1, "duplicate_key", "$.data[1].source")
}

// nested is a value of so many arrays, or objects, one in another.
func nested(n int) string { return strings.Repeat(`[`, n) + strings.Repeat(`]`, n) }
func nestedObjects(n int) string {
	return strings.Repeat(`{"a":`, n-1) + `{}` + strings.Repeat(`}`, n-1)
}

// TestDepth: MaxDepth objects and arrays, counted from the event.
func TestDepth(t *testing.T) {
	const max = transforms.MaxDepth
	for _, nest := range []func(int) string{nested, nestedObjects} {
		only(t, decode(t, summary("sleep", `"x":`+nest(max-2))))
		checkRefused(t, decode(t, summary("sleep", `"x":`+nest(max-1))), "too_deep", "")
		checkRefused(t, decode(t, summary("sleep", `"sleep_stream":`+nest(max-1))), "too_deep", "")
		only(t, decode(t, summary("sleep", `"source":{"x":`+nest(max-3)+`}`)))
		checkRefused(t, decode(t, summary("sleep", `"source":{"x":`+nest(max-2)+`}`)), "too_deep", "")
		only(t, decode(t, `{"event_type":"lab.new","x":`+nest(max-1)+`}`))
		checkRefused(t, decode(t, `{"event_type":"lab.new","x":`+nest(max)+`}`), "too_deep", "")
		only(t, decode(t, series("heartrate", at(noon, `"x":`+nest(max-4)))))
		o := decode(t, series("heartrate", at(noon, `"x":`+nest(max-3))+","+at(noon, "")))
		checkSampleRefused(t, o, 1, "too_deep", "$.data.data[0]")
		o = decode(t, series("heartrate", nest(max-2)+","+at(noon, "")))
		if len(o.refusals) != 1 || len(o.rows) != 1 {
			t.Errorf("%d rows, refusals %v", len(o.rows), o.refusals)
		}
	}
	// What no stack should bear, is not borne.
	for _, n := range []int{1000, 9990, 10_001, 1_000_000} {
		if o := decode(t, summary("sleep", `"x":`+nested(n))); o.Outcome != transforms.Quarantined {
			t.Errorf("%d deep: outcome %d", n, o.Outcome)
		}
	}
}

func TestNotJSON(t *testing.T) {
	good := summary("sleep", `"total":1`)
	for n := range len(good) {
		checkRefused(t, decode(t, good[:n]), "not_json", "")
	}
	for _, body := range []string{
		"", " ", "null,", "nul", "'a'", "{'a':1}", `{"a"}`, `{"a":}`, `{,}`, `{"a":1,}`, `{"a":[1,]}`, `{"a":01}`, `{"a":.5}`, `{"a":+1}`,
		`{"a":1.}`, `{"a":1e}`, `{"a":-}`, `{"a":NaN}`, `{"a":"\x"}`, `{"a":"\u12"}`, "{\"a\":\"\n\"}", `{"a":tru}`, `[1`, `{}}`, "\ufeff{}",
		good + "x", good + good, good + "\n" + good, good + "null", good + "\x00", good + "/* c */",
	} {
		checkRefused(t, decode(t, body, attribute("event-type", "daily.data.sleep.created")), "not_json", "")
	}
	only(t, decode(t, " \r\n\t"+good+"\n "))
	// White space that JSON does not have.
	for _, space := range []string{"\v", "\f", "\u00a0", "\u0085"} {
		checkRefused(t, decode(t, good+space), "not_json", "")
	}
}

// TestNotAnObject: JSON, but no event.
func TestNotAnObject(t *testing.T) {
	for _, body := range []string{"null", "true", "7", `"x"`, "[]", "[" + summary("sleep", "") + "]"} {
		checkRefused(t, decode(t, body, attribute("event-type", "daily.data.sleep.created")), "bad_shape", "$")
		checkRefused(t, decode(t, body), "bad_shape", "$")
	}
}

func TestInvalidUTF8(t *testing.T) {
	for _, bad := range []string{"\xff", "\xc3", "\xed\xa0\x80", "\xf8\x88\x80\x80\x80"} {
		body := summary("sleep", `"state":"`+bad+`"`)
		o := decode(t, body)
		checkRefused(t, o, "invalid_utf8", "")
		if want := fmt.Sprintf("invalid UTF-8 at byte %d of %d", strings.Index(body, bad), len(body)); o.refusals[0].Detail != want {
			t.Errorf("detail %q, want %q", o.refusals[0].Detail, want)
		}
		checkRefused(t, decode(t, zip(t, body)), "invalid_utf8", "")
	}
}

// TestNoValuesInRefusals: health values and names in maps never reach texts
// that are logged.
func TestNoValuesInRefusals(t *testing.T) {
	const secret = "c5f1secret"
	for _, body := range []string{
		`{"` + secret + `":1,"` + secret + `":2}`,
		summary("sleep", `"x":{"`+secret+`":1,"`+secret+`":2}`),
		summary("sleep", `"created_at":"1999-01-01","state":"`+secret+`"`),
		summary("sleep", `"state":"`+secret), summary("sleep", `"state":`+secret), `"` + secret + `"`,
		series("heartrate", `{"timestamp":"`+secret+`"},"`+secret+`",`+at(noon, `"`+secret+`":1,"`+secret+`":2`)),
	} {
		o := decode(t, body, attribute("event-type", "daily.data.sleep.created"))
		if len(o.refusals) == 0 {
			t.Errorf("nothing refused of %s", body)
		}
		for _, r := range o.refusals {
			if strings.Contains(r.Error(), secret) {
				t.Errorf("a refusal repeats the payload: %v", r)
			}
		}
	}
}
