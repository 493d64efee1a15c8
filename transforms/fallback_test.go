package transforms_test

import (
	"fmt"
	"testing"
)

// beside is what a series event says beside its samples, and what follows.
type beside struct {
	name, fields string
	want         row
}

func checkBeside(t *testing.T, cases []beside) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			checkRow(t, only(t, decode(t, seriesOf("heartrate", c.fields, at(noon, "")))), c.want)
		})
	}
}

func TestProviderOfSamples(t *testing.T) {
	checkBeside(t, []beside{
		{"own path", `"source":{"provider":"garmin"}`, row{"provider": "garmin", "_extra": nil}},
		{"slug", `"source":{"slug":"garmin"}`, row{"provider": "garmin", "_extra": nil}},
		{"slug of provider", `"provider":{"slug":"garmin","name":"G","logo":"L"}`, row{"provider": "garmin", "_extra": nil}},
		{"provider as text", `"provider":"garmin"`, row{"provider": "garmin", "_extra": nil}},
		{"none", `"user_id":"u1"`, row{"provider": "unknown", "_extra": nil}},
		{"empty", `"source":{"provider":""}`, row{"provider": "unknown", "_extra": nil}},
		{"null", `"source":{"provider":null,"slug":null}`, row{"provider": "unknown", "_extra": nil}},
		{"empty, then slug", `"source":{"provider":"","slug":"oura"}`, row{"provider": "oura", "_extra": nil}},
		{"unreadable, then slug", `"source":{"provider":true,"slug":"oura"}`,
			row{"provider": "oura", "_extra": `{"$.data.source.provider":true}`}},
		{"number", `"source":{"provider":5}`, row{"provider": "5", "_extra": nil}},
		{"all alike", `"provider":{"slug":"oura"},"source":{"slug":"oura","provider":"oura"}`, row{"provider": "oura", "_extra": nil}},
	})
}

// TestLosingFallbacks: a fallback that is not needed and says something else
// is kept, whichever comes first in the event.
func TestLosingFallbacks(t *testing.T) {
	checkBeside(t, []beside{
		{"after", `"source":{"provider":"oura","slug":"garmin"}`, row{"provider": "oura", "_extra": `{"$.data.source.slug":"garmin"}`}},
		{"before", `"source":{"slug":"garmin","provider":"oura"}`, row{"provider": "oura", "_extra": `{"$.data.source.slug":"garmin"}`}},
		{"worst first", `"provider":{"slug":"a"},"source":{"slug":"b","provider":"c"}`,
			row{"provider": "c", "_extra": `{"$.data.provider.slug":"a","$.data.source.slug":"b"}`}},
		{"worst last", `"source":{"provider":"c","slug":"b"},"provider":{"slug":"a"}`,
			row{"provider": "c", "_extra": `{"$.data.source.slug":"b","$.data.provider.slug":"a"}`}},
		// Two losers that agree with each other lose both.
		{"agreeing losers first", `"provider":{"slug":"a"},"source":{"slug":"a","provider":"c"}`,
			row{"provider": "c", "_extra": `{"$.data.source.slug":"a","$.data.provider.slug":"a"}`}},
		{"agreeing losers last", `"source":{"provider":"c","slug":"a"},"provider":{"slug":"a"}`,
			row{"provider": "c", "_extra": `{"$.data.source.slug":"a","$.data.provider.slug":"a"}`}},
		{"winner between", `"provider":{"slug":"a"},"source":{"provider":"c","slug":"a"}`,
			row{"provider": "c", "_extra": `{"$.data.provider.slug":"a","$.data.source.slug":"a"}`}},
	})
}

func TestSourceType(t *testing.T) {
	checkBeside(t, []beside{
		{"said", `"source":{"type":"ring"}`, row{"source_type": "ring"}},
		{"missing", `"source":{"provider":"oura"}`, row{"source_type": "unknown", "_extra": nil}},
		{"null", `"source":{"type":null}`, row{"source_type": "unknown", "_extra": nil}},
		{"empty", `"source":{"type":""}`, row{"source_type": "unknown", "_extra": nil}},
		{"unreadable", `"source":{"type":["ring"]}`, row{"source_type": "unknown", "_extra": `{"$.data.source.type":["ring"]}`}},
		{"no source", `"source":null`, row{"source_type": "unknown", "provider": "unknown", "_extra": nil}},
	})
	// The empty sub-type of a sample is one: only keys take it for missing.
	checkRow(t, only(t, decode(t, series("heartrate", at(noon, `"type":""`)))), row{"type": "", "_extra": nil})
	checkRow(t, only(t, decode(t, series("heartrate", at(noon, `"type":"cuff"`)))), row{"type": "cuff", "discriminator": ""})
}

func TestUser(t *testing.T) {
	for _, c := range []struct{ name, root, data, want, extra string }{
		{"envelope", `"user_id":"u1",`, ``, "u1", ""},
		{"data", ``, `"user_id":"u2",`, "u2", ""},
		{"both alike", `"user_id":"u1",`, `"user_id":"u1",`, "u1", ""},
		{"both", `"user_id":"u1",`, `"user_id":"u2",`, "u1", `{"$.data.user_id":"u2"}`},
		{"empty", `"user_id":"",`, `"user_id":"u2",`, "u2", ""},
		{"null", `"user_id":null,`, `"user_id":"u2",`, "u2", ""},
		{"unreadable", `"user_id":{},`, `"user_id":"u2",`, "u2", `{"$.user_id":{}}`},
	} {
		sample := `{` + c.data + `"data":[` + at(noon, "") + `]}`
		for i, body := range []string{ // either may come first
			`{` + c.root + `"event_type":"daily.data.heartrate.created","data":` + sample + `}`,
			`{"data":` + sample + `,` + c.root + `"event_type":"daily.data.heartrate.created"}`,
		} {
			t.Run(fmt.Sprint(c.name, i), func(t *testing.T) {
				want := row{"user_id": c.want, "_extra": nil}
				if c.extra != "" {
					want["_extra"] = c.extra
				}
				checkRow(t, only(t, decode(t, body)), want)
			})
		}
	}
}

func TestNoUser(t *testing.T) {
	for _, body := range []string{
		`{"event_type":"daily.data.body.created","data":{"id":"s1"}}`,
		`{"event_type":"daily.data.body.created","user_id":"","data":{"id":"s1","user_id":null}}`,
		`{"event_type":"daily.data.heartrate.created","data":{"data":[` + at(noon, "") + `]}}`,
	} {
		checkRefused(t, decode(t, body), "no_user", "$.user_id")
	}
	checkRow(t, only(t, decode(t, `{"event_type":"lab.new","data":{"a":1}}`)), row{"user_id": ""})
	checkRow(t, only(t, decode(t, `{"event_type":"lab.new","data":{"user_id":"u2"}}`)), row{"user_id": "u2"})
}

// TestSampleTime: timestamp, else start; an interval's start is kept in its
// own column too.
func TestSampleTime(t *testing.T) {
	const utc = "2026-03-02T12:00:00Z"
	for _, c := range []struct {
		name, resource, times string
		want                  row
	}{
		{"start", "steps", `"start":"2026-03-02T12:00:00Z","end":"2026-03-02T12:15:00Z"`,
			row{"timestamp": utc, "start_time": utc, "end_time": "2026-03-02T12:15:00Z", "_extra": nil}},
		{"both", "steps", `"start":"2026-03-02T11:00:00Z","timestamp":"2026-03-02T12:00:00Z"`,
			row{"timestamp": utc, "start_time": "2026-03-02T11:00:00Z", "_extra": nil}},
		{"unreadable timestamp", "steps", `"timestamp":"noon","start":"2026-03-02T12:00:00Z"`,
			row{"timestamp": utc, "start_time": utc, "_extra": `{"timestamp":"noon"}`}},
		{"empty timestamp", "steps", `"timestamp":"","start":"2026-03-02T12:00:00Z"`, row{"timestamp": utc, "_extra": nil}},
		{"unreadable start", "steps", `"timestamp":"2026-03-02T12:00:00Z","start":"noon"`,
			row{"timestamp": utc, "start_time": nil, "_extra": `{"start":"noon"}`}},
		// Discrete, but the catalogue gives it the columns of an interval.
		{"respiratory_rate", "respiratory_rate", `"timestamp":"2026-03-02T12:00:00Z","start":"2026-03-02T11:00:00Z","end":"2026-03-02T12:00:00Z"`,
			row{"timestamp": utc, "start_time": "2026-03-02T11:00:00Z", "end_time": utc, "_extra": nil}},
	} {
		t.Run(c.name, func(t *testing.T) {
			checkRow(t, only(t, decode(t, series(c.resource, `{"value":1,`+c.times+`}`))), c.want)
		})
	}
	for _, times := range []string{`"value":1`, `"timestamp":"noon"`, `"timestamp":null,"start":""`, `"end":"2026-03-02T12:00:00Z"`} {
		checkRefusedAlone(t, decode(t, series("steps", `{`+times+`}`)), "bad_key", "$.data.data[0].timestamp")
	}
}

// checkRefusedAlone wants the only sample refused.
func checkRefusedAlone(t *testing.T, o outcome, reason, place string) {
	t.Helper()
	if len(o.refusals) != 1 || o.RowsQuarantined != 1 || len(o.rows) != 0 ||
		string(o.refusals[0].Reason) != reason || o.refusals[0].Path != place {
		t.Errorf("%d rows, refusals %v; want one sample refused for %s at %s", len(o.rows), o.refusals, reason, place)
	}
}

// TestSourceOfSummary: older events repeat the source flat, or name it
// differently.
func TestSourceOfSummary(t *testing.T) {
	for fields, want := range map[string]row{
		`"source_provider":"oura","source_type":"ring"`: {"source_provider": "oura", "source_type": "ring", "_extra": nil},
		`"source":{"provider":"oura","type":"ring","app_id":"a","device_id":"d"},"source_app_id":"a","source_device_id":"d"`: {
			"source_provider": "oura", "source_app_id": "a", "source_device_id": "d", "_extra": nil},
		`"source_device_id":"d1","source":{"device_id":"d2"}`: {"source_device_id": "d2", "_extra": `{"source_device_id":"d1"}`},
		`"provider":{"slug":"oura","name":"Oura"}`:            {"source_provider": "oura", "source_type": "unknown", "_extra": nil},
		`"provider":"oura","source":{"slug":"garmin"}`:        {"source_provider": "garmin", "_extra": `{"provider":"oura"}`},
		`"source":{"name":"Oura","slug":"oura","logo":"l"}`:   {"source_provider": "oura", "_extra": nil},
	} {
		t.Run(fields, func(t *testing.T) { checkRow(t, only(t, decode(t, summary("menstrual_cycle", fields))), want) })
	}
}

func TestConnectionsProvider(t *testing.T) {
	for fields, want := range map[string]string{
		`"provider":{"slug":"oura","name":"Oura"},"source":{"slug":"oura"}`: "oura",
		`"provider":"oura"`: "oura",
		`"source":{"source_slug":"oura","source_name":"Oura"}`: "oura",
		`"source":{"provider":"oura"}`:                         "oura",
	} {
		body := `{"event_type":"provider.connection.created","data":{"user_id":"u1",` + fields + `}}`
		checkRow(t, only(t, decode(t, body)), row{"provider": want, "user_id": "u1", "_extra": nil})
	}
	checkRefused(t, decode(t, `{"event_type":"provider.connection.created","data":{"user_id":"u1"}}`), "bad_key", "$.data.provider.slug")
}

// TestTags: before tags had a field, they were the type of a note.
func TestTags(t *testing.T) {
	for fields, want := range map[string]row{
		`"tags":["a"]`:     {"tags": []any{"a"}, "type": nil, "_extra": nil},
		`"type":["a","b"]`: {"tags": []any{"a", "b"}, "type": nil, "_extra": nil},
		`"type":"food"`:    {"tags": []any{}, "type": "food", "_extra": nil},
		// An empty text was missing for every column of its path, because one of them has a fallback.
		`"type":""`:                 {"tags": []any{}, "type": "", "_extra": nil},
		`"type":["a"],"tags":["b"]`: {"tags": []any{"b"}, "type": nil, "_extra": `{"type":["a"]}`},
		`"tags":["b"],"type":["a"]`: {"tags": []any{"b"}, "type": nil, "_extra": `{"type":["a"]}`},
	} {
		t.Run(fields, func(t *testing.T) {
			body := series("note", `{"timestamp":"`+noon+`","value":"x",`+fields+`}`)
			checkRow(t, only(t, decode(t, body)), want)
		})
	}
}

// TestValueByShape: one path, two columns; the series says which.
func TestValueByShape(t *testing.T) {
	sample := func(v string) string { return `{"timestamp":"` + noon + `","value":` + v + `}` }
	checkRow(t, only(t, decode(t, series("note", sample(`"5"`)))), row{"value": nil, "value_text": "5", "_extra": nil})
	checkRow(t, only(t, decode(t, series("note", sample(`5`)))), row{"value": nil, "value_text": nil, "_extra": `{"value":5}`})
	checkRow(t, only(t, decode(t, series("steps", sample(`"5"`)))), row{"value": 5.0, "value_text": nil, "_extra": nil})
	checkRow(t, only(t, decode(t, series("steps", sample(`"many"`)))), row{"value": nil, "value_text": nil, "_extra": `{"value":"many"}`})
	// Of a series that nobody knows, the first column that fits.
	checkRow(t, only(t, decode(t, series("aura", sample(`5`)))), row{"resource": "aura", "value": 5.0, "value_text": nil, "_extra": nil})
	checkRow(t, only(t, decode(t, series("aura", sample(`"blue"`)))), row{"value": nil, "value_text": "blue", "_extra": nil})
}

// TestDiscriminator separates facts that share all else, of the series that
// need it.
func TestDiscriminator(t *testing.T) {
	workout := `"source":{"workout_id":"w1"}`
	for _, c := range []struct{ name, body, want string }{
		{"type", series("cholesterol", at(noon, `"type":"cholesterol/ldl"`)), "cholesterol/ldl"},
		{"no type", series("cholesterol", at(noon, "")), ""},
		{"null type", series("cholesterol", at(noon, `"type":null`)), ""},
		{"empty type", series("cholesterol", at(noon, `"type":""`)), ""},
		{"not separated by type", series("glucose", at(noon, `"type":"scan"`)), ""},
		{"workout", seriesOf("workout_distance", workout, at(noon, "")), "w1"},
		{"no workout", series("workout_distance", at(noon, "")), ""},
		{"not separated by workout", seriesOf("distance", workout, at(noon, "")), ""},
	} {
		t.Run(c.name, func(t *testing.T) { checkRow(t, only(t, decode(t, c.body)), row{"discriminator": c.want}) })
	}
	mixed := decode(t, series("cholesterol", at(noon, `"type":"a"`)+`,{"type":"refused"},`+at(noon, "")+","+at(noon, `"type":"b"`)))
	for i, want := range []string{"a", "", "b"} {
		checkRow(t, mixed.rows[i], row{"discriminator": want})
	}
}
