package transforms_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// checkTable wants one row in a table.
func checkTable(t *testing.T, o outcome, table string, want row) {
	t.Helper()
	got := only(t, o)
	if o.Table.Name != table {
		t.Errorf("landed in %s, want %s", o.Table.Name, table)
	}
	checkRow(t, got, want)
}

// TestEventType: the body is right, the attribute helps out.
func TestEventType(t *testing.T) {
	const body = `{"user_id":"u1","data":{"id":"s1"}TYPE}`
	with := func(eventType string) string {
		return strings.Replace(body, "TYPE", `,"event_type":`+eventType, 1)
	}
	sleep := attribute("event-type", "daily.data.sleep.created")
	older := attribute("event_type", "daily.data.sleep.created")
	for name, o := range map[string]outcome{
		"body":                   decode(t, with(`"daily.data.sleep.created"`)),
		"body, escaped":          decode(t, with(`"daily.data.\u0073leep.created"`)),
		"attribute":              decode(t, strings.Replace(body, "TYPE", "", 1), sleep),
		"attribute, older":       decode(t, strings.Replace(body, "TYPE", "", 1), older),
		"attribute, body empty":  decode(t, with(`""`), sleep),
		"attribute, body null":   decode(t, with(`null`), sleep),
		"body against attribute": decode(t, with(`"daily.data.sleep.updated"`), attribute("event-type", "daily.data.heartrate.created")),
		"body against unknown":   decode(t, with(`"daily.data.sleep.updated"`), attribute("event-type", "lab.new")),
	} {
		t.Run(name, func(t *testing.T) { checkTable(t, o, "sleep", row{"id": "s1", "_extra": nil}) })
	}
	checkTable(t, decode(t, with(`7`), sleep), "sleep", row{"_extra": `{"$.event_type":7}`})
	for _, none := range []string{`""`, `null`, `7`, `{"a":1}`, `["x"]`} {
		checkRefused(t, decode(t, with(none)), "no_event_type", "$.event_type")
	}
	checkRefused(t, decode(t, strings.Replace(body, "TYPE", "", 1)), "no_event_type", "$.event_type")
}

// TestBodyAgainstAttribute: whatever the event looks like by its attribute, it
// is read by its own type.
func TestBodyAgainstAttribute(t *testing.T) {
	wrong := attribute("event-type", "daily.data.heartrate.created")
	checkTable(t, decode(t, `{"data":{"id":"m1","data":{"Soup":{}}},"user_id":"u1","event_type":"daily.data.meal.created"}`, wrong),
		"meal", row{"id": "m1", "data": `{"Soup":{}}`})
	checkTable(t, decode(t, `{"data":{"id":"m1","data":"Soup"},"user_id":"u1","event_type":"daily.data.meal.created"}`, wrong),
		"meal", row{"id": "m1", "data": `"Soup"`})
	checkTable(t, decode(t, `{"data":"text","event_type":"lab.new"}`, wrong), "events", row{"event_type": "lab.new"})
}

func TestAliases(t *testing.T) {
	checkTable(t, decode(t, series("active_energy_burned", at(noon, ""))), "timeseries", row{"resource": "calories_active"})
	checkTable(t, decode(t, summary("meals", "")), "meal", row{"id": "s1"})
	checkTable(t, decode(t, `{"event_type":"historical.data.active_energy_burned.created","data":{"user_id":"u1",`+
		`"start_date":"2025-12-01T00:00:00Z","end_date":"2026-03-01T00:00:00Z","provider":"oura","is_final":true}}`),
		"historical_pulls", row{"resource": "calories_active", "provider": "oura", "is_final": true, "_extra": nil})
}

// TestUnknownEvent is stored whole, by its idempotency key or its hash.
func TestUnknownEvent(t *testing.T) {
	body := `{ "event_type":"raw.fitbit.new", "team_id":"t1","data":[1,{"a":null}] }`
	sum := sha256.Sum256([]byte(body))
	checkTable(t, decode(t, "\n"+body+" "), "events", row{
		"user_id": "", "event_type": "raw.fitbit.new", "event_key": hex.EncodeToString(sum[:]), "team_id": "t1", "payload": body})
	checkTable(t, decode(t, zip(t, body), attribute("idempotency_key", "k1")), "events", row{"event_key": "k1", "payload": body})
	for _, data := range []string{`{}`, `null`, `7`, `"x"`, `[]`} {
		checkTable(t, decode(t, `{"event_type":"lab.new","data":`+data+`}`), "events", nil)
	}
	checkTable(t, decode(t, `{"event_type":"lab.new"}`), "events", row{"payload": `{"event_type":"lab.new"}`})
	// Its key was an empty resource, which all others of its kind shared.
	checkTable(t, decode(t, `{"event_type":"historical.data..x","data":{"user_id":"u1","start_date":"2025-12-01","end_date":"2026-03-01"}}`), "events", nil)
}

// TestManyEventTypes: event types come from outside; more of them than are
// remembered change nothing.
func TestManyEventTypes(t *testing.T) {
	decoder := newDecoder(t)
	for i := range 5000 {
		eventType := fmt.Sprintf("daily.data.aura%d.created", i)
		d := decoder.Decode(message(series(fmt.Sprintf("aura%d", i), at(noon, "")), attribute("event-type", eventType)))
		if d.Resource != fmt.Sprintf("aura%d", i) || d.Rows != 1 {
			t.Fatalf("%s: %d rows of %q", eventType, d.Rows, d.Resource)
		}
	}
	checkTable(t, decodeWith(t, decoder, message(series("aura1", at(noon, "")))), "timeseries", row{"resource": "aura1"})
}

// TestUnknownSeries: with the shape of a series it is one, else an event like
// any that nobody modelled; never quarantined for being unknown.
func TestUnknownSeries(t *testing.T) {
	two := series("aura", at(noon, `"x":1`)+","+at(noon, ""))
	if o := decode(t, two); o.Table.Name != "timeseries" || len(o.rows) != 2 || o.Resource != "aura" {
		t.Fatalf("%d rows of %s in %s", len(o.rows), o.Resource, o.Table.Name)
	}
	for name, body := range map[string]string{
		"a bad sample":       series("aura", at(noon, "")+`,{"value":1}`),
		"no user":            strings.Replace(two, `"user_id":"u1",`, "", 1),
		"no samples":         series("aura", ""),
		"samples null":       `{"event_type":"daily.data.aura.created","user_id":"u1","data":{"data":null,"x":1}}`,
		"samples are text":   `{"event_type":"daily.data.aura.created","user_id":"u1","data":{"data":"x"}}`,
		"samples are number": `{"event_type":"daily.data.aura.created","user_id":"u1","data":{"data":7}}`,
		"no list":            summary("aura", `"score":7`),
		"data is a list":     `{"event_type":"daily.data.aura.created","user_id":"u1","data":[` + at(noon, "") + `]}`,
		"data is text":       `{"event_type":"daily.data.aura.created","user_id":"u1","data":"x"}`,
		"data is null":       `{"event_type":"daily.data.aura.created","user_id":"u1","data":null}`,
		"no data":            `{"event_type":"daily.data.aura.created","user_id":"u1"}`,
		"no name":            strings.Replace(two, ".aura.", "..", 1),
		"nothing after data": strings.Replace(two, ".aura.created", ".", 1),
	} {
		t.Run(name, func(t *testing.T) {
			checkTable(t, decode(t, body), "events", row{"payload": body})
		})
	}
}

// TestDataShapes: what the data of a known type may be.
func TestDataShapes(t *testing.T) {
	for _, c := range []struct{ name, body, place string }{
		{"missing", `{"event_type":"daily.data.sleep.created","user_id":"u1"}`, "$.data"},
		{"null", `{"event_type":"daily.data.sleep.created","user_id":"u1","data":null}`, "$.data"},
		{"list", `{"event_type":"daily.data.sleep.created","user_id":"u1","data":[{"id":"s1"}]}`, "$.data"},
		{"text", `{"event_type":"daily.data.sleep.created","user_id":"u1","data":"x"}`, "$.data"},
		{"series, missing", `{"event_type":"daily.data.steps.created","user_id":"u1"}`, "$.data"},
		{"series, null", `{"event_type":"daily.data.steps.created","user_id":"u1","data":null}`, "$.data"},
		{"series, text", `{"event_type":"daily.data.steps.created","user_id":"u1","data":"x"}`, "$.data"},
		{"series, nothing in it", `{"event_type":"daily.data.steps.created","user_id":"u1","data":{}}`, "$.data"},
		{"series, only a source", `{"event_type":"daily.data.steps.created","user_id":"u1","data":{"source":{"slug":"x"}}}`, "$.data"},
		{"samples are text", `{"event_type":"daily.data.steps.created","user_id":"u1","data":{"data":"x"}}`, "$.data.data"},
		{"samples are a number", `{"event_type":"daily.data.steps.created","user_id":"u1","data":{"data":7}}`, "$.data.data"},
	} {
		t.Run(c.name, func(t *testing.T) { checkRefused(t, decode(t, c.body), "bad_shape", c.place) })
	}
	for _, empty := range []string{`{"data":[]}`, `{"data":null}`, `{"source":{"slug":"x"},"data":[]}`, `[]`} {
		o := decode(t, `{"event_type":"daily.data.steps.created","user_id":"u1","data":`+empty+`}`)
		if len(o.refusals) != 0 || o.RowsDecoded != 0 {
			t.Errorf("%s: %d rows, refusals %v; want it empty", empty, o.RowsDecoded, o.refusals)
		}
	}
}

// TestSampleShapes: samples in a list, one alone, and with their own context.
func TestSampleShapes(t *testing.T) {
	body := func(data string) string {
		return `{"event_type":"daily.data.heartrate.created","user_id":"u1","data":` + data + `}`
	}
	source := `"source":{"provider":"oura","type":"ring"}`
	want := row{"provider": "oura", "source_type": "ring", "value": 61.0, "unit": "bpm", "user_id": "u1", "_extra": `{"x":1}`}
	checkTable(t, decode(t, body(`{`+source+`,"data":[`+at(noon, `"x":1`)+`]}`)), "timeseries", want)
	checkTable(t, decode(t, body(`{"data":`+at(noon, `"x":1`)+`,`+source+`}`)), "timeseries", want)
	checkTable(t, decode(t, body(at(noon, `"x":1,`+source))), "timeseries", want)
	checkTable(t, decode(t, body(`[`+at(noon, `"x":1,`+source)+`]`)), "timeseries", want)
	// Those with their own context may differ in it.
	o := decode(t, body(`[`+at(noon, source+`,"user_id":"u2"`)+`,7,`+at(noon, `"provider":"garmin"`)+`]`))
	checkSampleRefused(t, o, 2, "bad_shape", "$.data[1]")
	checkRow(t, o.rows[0], row{"provider": "oura", "user_id": "u1", "_extra": `{"$.data.user_id":"u2"}`})
	checkRow(t, o.rows[1], row{"provider": "garmin", "source_type": "unknown", "_extra": nil})
	// It came back from _extra as the text "12", or with \u003c for <.
	for _, user := range []string{`12`, `"a<b"`} {
		checkRow(t, only(t, decode(t, body(`[`+at(noon, `"user_id":`+user)+`]`))), row{"user_id": "u1", "_extra": `{"$.data.user_id":` + user + `}`})
	}
	o = decode(t, strings.Replace(body(`[`+at(noon, `"user_id":"u2"`)+`,`+at(noon, "")+`]`), `"user_id":"u1",`, "", 1))
	checkSampleRefused(t, o, 1, "no_user", "$.user_id")
	o = decode(t, body(`{"data":[`+at(noon, "")+`,null,[],"x"]}`))
	if len(o.rows) != 1 || o.RowsQuarantined != 3 || o.refusals[2].Path != "$.data.data[3]" {
		t.Errorf("%d rows, refusals %v", len(o.rows), o.refusals)
	}
}
