package transforms_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vitalsink/connector/synth"
	"vitalsink/schemas"
)

// eras are the generations of payloads, by the names in files.
func eras() map[string]synth.Generation {
	return map[string]synth.Generation{"modern": synth.Modern, "docs2024": synth.Docs2024, "legacy2023": synth.Legacy2023}
}

// inputs writes golden inputs, all of one user and one day.
type inputs struct {
	*testing.T
	day time.Time
}

// writeInputs draws every golden input from the generator.
func writeInputs(t *testing.T) {
	in := &inputs{t, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	for era, gen := range eras() {
		for _, resource := range []string{"heartrate", "steps", "blood_pressure", "note"} {
			in.write(resource+"."+era, in.series(resource, gen, 2))
		}
	}
	for _, table := range catalogue().Tables {
		if table.Rows == schemas.RowsObject && table.StickyColumn() != "" {
			in.write(table.Name, in.event("daily.data."+table.Name+".created", synth.Modern, 0))
		}
	}
	in.write("sleep.legacy2023", in.event("daily.data.sleep.created", synth.Legacy2023, 0))
	in.others()
	in.oddities()
	in.bad()
}

// others are the events that are neither summaries nor series.
func (in *inputs) others() {
	for name, eventType := range map[string]string{
		"workout_stream":             "daily.data.workout_stream.created",
		"device":                     "provider.device.created",
		"connection_created":         "provider.connection.created",
		"connection_error":           "provider.connection.error",
		"historical_pull":            "historical.data.sleep.created",
		"unknown_event":              synth.UnknownEvent,
		"continuous_query":           "continuous_query.result_table.changed",
		"workout_distance.separated": "daily.data.workout_distance.created",
		"cholesterol.separated":      "daily.data.cholesterol.created",
	} {
		in.write(name, in.event(eventType, synth.Modern, 2))
	}
	in.fetched()
	in.write("connection_created.legacy2023", in.event("provider.connection.created", synth.Legacy2023, 0))
	in.write("unknown_series", in.series(synth.UnknownResource, synth.Modern, 2))
}

// fetched are our own events about what was fetched from Junction.
func (in *inputs) fetched() {
	stream := in.event("daily.data.workout_stream.created", synth.Modern, 0)
	stream["event_type"] = "vitalsink.data.workout_stream.fetched"
	workout := stream["data"].(map[string]any)["workout_id"]
	stream["data"] = map[string]any{"workout_id": workout, "data": []any{
		map[string]any{"index": 0, "time": "2026-03-02T07:00:00Z", "heartrate": 91, "lat": 52.5, "lng": 13.4, "cadence": 80.5},
		map[string]any{"index": 1, "time": 17, "heartrate": nil, "power": 210, "slope": 0.03},
	}}
	in.write("workout_stream_samples", stream)
	fetch := in.event("daily.data.workout_stream.created", synth.Modern, 0)
	fetch["event_type"] = "vitalsink.fetched.workout_streams"
	fetch["data"] = map[string]any{
		"notice": "workout_streams", "subject": workout, "workout_id": workout, "resource": "workout_stream", "provider": "garmin",
		"answered_version": "00064e", "outcome": "fetched", "fetched_at": "2026-03-02T07:00:00.5Z", "rows": 2, "requests": 1,
	}
	in.write("fetch", fetch)
}

// oddities are the rarer forms of series.
func (in *inputs) oddities() {
	in.write("blood_pressure.bare", in.series("blood_pressure", synth.Legacy2023, 1))
	// A list of samples, each with its own source.
	event := in.series("glucose", synth.Modern, 2)
	data := event["data"].(map[string]any)
	for _, sample := range data["data"].([]any) {
		sample.(map[string]any)["source"] = data["source"]
	}
	event["data"] = data["data"]
	in.write("glucose.list", event)
	event = in.series("heartrate", synth.Modern, 1)
	event["surprise"] = map[string]any{"a.b": []any{1, nil}}
	event["data"].(map[string]any)["data"].([]any)[0].(map[string]any)["value"] = "fast"
	in.write("heartrate.extra", event)
}

// bad is what quarantine is for.
func (in *inputs) bad() {
	noID := in.event("daily.data.body.created", synth.Modern, 0)
	delete(noID["data"].(map[string]any), "id")
	in.write("quarantine.no_id", noID)
	badSample := in.series("heartrate", synth.Modern, 3)
	badSample["data"].(map[string]any)["data"].([]any)[1].(map[string]any)["timestamp"] = "not recorded"
	in.write("quarantine.bad_sample", badSample)
	g := in.golden("quarantine.not_json", "daily.data.steps.created")
	g.Text = `{"event_type":"daily.data.steps.created","data":{"source":`
	in.writeGolden("quarantine.not_json", g)
}

func (in *inputs) series(resource string, gen synth.Generation, n int) map[string]any {
	return in.event("daily.data."+resource+".created", gen, n)
}

func (in *inputs) event(eventType string, gen synth.Generation, n int) map[string]any {
	in.Helper()
	// A generator for each, so that a new input leaves the others as they are.
	g := synth.New(20260302, catalogue())
	body := g.Event(eventType, gen, g.User(), in.day.Add(8*time.Hour), n)
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.UseNumber() // a number stays as it is written
	var event map[string]any
	if err := d.Decode(&event); err != nil {
		in.Fatal(err)
	}
	return event
}

func (in *inputs) golden(name, eventType string) golden {
	return golden{
		MessageID: "golden-" + name, PublishTime: in.day.Add(36 * time.Hour),
		Attributes: map[string]string{"event-type": eventType, "blob-type": "json", "idempotency-key": "key-of-" + name},
	}
}

func (in *inputs) write(name string, event map[string]any) {
	in.Helper()
	g := in.golden(name, event["event_type"].(string))
	text, err := json.Marshal(event)
	if err != nil {
		in.Fatal(err)
	}
	g.Event = text
	in.writeGolden(name, g)
}

func (in *inputs) writeGolden(name string, g golden) {
	in.Helper()
	writeFile(in.T, filepath.Join(goldenDir, name+".input.json"), indented(in.T, g))
}
