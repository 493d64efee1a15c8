package transforms_test

import (
	"bytes"
	"flag"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vitalsink/connector/synth"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// checkJudged wants of a message what the judge makes of it: the same rows,
// and the same refused for a reason that is right.
func checkJudged(t tb, o outcome, m *transforms.Message) {
	t.Helper()
	v := judge(catalogue(), m)
	if reasons, all := v.refused[wholly]; all {
		if o.Outcome != transforms.Quarantined || o.RowsDecoded != 0 {
			t.Fatalf("%d rows of %s, refusals %v; want all of it refused: %v", len(o.rows), o.Table.Name, o.refusals, reasons)
		}
		if got := refusalOf(o.quarantine[0]); reasons != nil && !slices.Contains(reasons, got) {
			t.Errorf("refused for %v, want one of %v", got, reasons)
		}
		return
	}
	got := map[int][]refusal{}
	for _, q := range o.quarantine {
		i := int(q["_index"].(int64))
		if i == wholly && q["reason"] == "samples" {
			continue
		}
		got[i] = []refusal{refusalOf(q)}
	}
	for i := range got {
		if !slices.Contains(v.refused[i], got[i][0]) {
			t.Errorf("%d is refused for %v, want %v", i, got[i], v.refused[i])
		}
	}
	for i := range v.refused {
		if got[i] == nil {
			t.Errorf("%d is not refused, want %v", i, v.refused[i])
		}
	}
	if len(o.rows) != len(v.rows) || len(o.rows) > 0 && o.Table.Name != v.table.Name {
		t.Fatalf("%d rows of %s, want %d of %s; refusals %v", len(o.rows), o.Table.Name, len(v.rows), v.table.Name, o.refusals)
	}
	for i := range v.rows {
		checkSame(t, o.Table, o.rows[i], v.rows[i])
	}
	if len(o.rows) > 0 && (o.Clamped != v.clamped || o.Late != v.late) {
		t.Errorf("clamped %t, late %t; want %t, %t", o.Clamped, o.Late, v.clamped, v.late)
	}
}

func refusalOf(q row) refusal {
	path, _ := q["json_path"].(string)
	return refusal{transforms.Reason(q["reason"].(string)), path}
}

// checkSame compares every column.
func checkSame(t tb, table *schemas.Table, got, want row) {
	t.Helper()
	for i := range table.Columns {
		name := table.Columns[i].Name
		is, v := got[name], want[name]
		if kept, ok := is.(string); ok && table.Columns[i].Computed == schemas.ComputedExtra {
			if repeats([]byte(kept)) {
				t.Errorf("%s.%s has a path twice: %s", table.Name, name, kept)
			}
			is = fieldsOf(t, kept)
		}
		if f, ok := is.(float64); ok {
			if w, ok := v.(float64); ok {
				if math.Float64bits(f) != math.Float64bits(w) { // -0 is not 0
					t.Errorf("%s.%s is %v, want %v", table.Name, name, f, w)
				}
				continue
			}
		}
		if !reflect.DeepEqual(is, v) {
			t.Errorf("%s.%s is %#v, want %#v", table.Name, name, is, v)
		}
	}
}

// TestJudged: of every event, whatever was changed in it, the decoder makes
// what the judge makes.
func TestJudged(t *testing.T) {
	t.Parallel()
	decoder := newDecoder(t)
	for _, event := range withAliases(withLone(events(t, everyType(), synth.Modern))) {
		m := message(encoded(t, event))
		checkJudged(t, decodeWith(t, decoder, m), m)
	}
	rapid.Check(t, judgedMutant(t))
}

// TestJudgedEverywhere: odd literals at every path that the catalogue knows.
func TestJudgedEverywhere(t *testing.T) {
	t.Parallel()
	decoder, n := newDecoder(t), 0
	for _, event := range withAliases(withLone(events(t, someTypes(), synth.Modern))) {
		for _, path := range pathsOf(catalogue().Route(event["event_type"].(string))) {
			for _, literal := range odd() {
				if n++; n%*stride != 0 {
					continue
				}
				changed := clone(event).(map[string]any)
				put(changed, path, 0, literal)
				m := message(encoded(t, changed))
				checkJudged(t, decodeWith(t, decoder, m), m)
				if t.Failed() {
					t.Fatalf("%s", m.Data)
				}
			}
		}
	}
}

// stride is a prime, so that the literals at a path vary; 1 is all of them.
var stride = flag.Int("judged.stride", 53, "of how many odd literals at a path one is tried")

// judgedMutant draws an event, what is changed in it and what stands on its
// outside.
func judgedMutant(t tb) func(*rapid.T) {
	t.Helper()
	decoder := newDecoder(t)
	some := withLone(events(t, someTypes(), synth.Modern, synth.Docs2024, synth.Legacy2023))
	return func(t *rapid.T) {
		m := message(mutant(t, some))
		address(t, m)
		checkJudged(t, decodeWith(t, decoder, m), m)
	}
}

// FuzzMutant is TestJudged, driven by what it reaches in the code.
func FuzzMutant(f *testing.F) {
	for i := range 64 {
		f.Add(bytes.Repeat([]byte{byte(i), byte(7 * i), 0, byte(251 * i)}, 200))
	}
	f.Fuzz(rapid.MakeFuzz(judgedMutant(f)))
}

// withAliases adds events by the older names of their resources.
func withAliases(all []map[string]any) []map[string]any {
	for _, event := range all {
		for _, resource := range catalogue().Table(schemas.TimeseriesTable).Resources {
			for _, alias := range resource.Aliases {
				if event["event_type"] == "historical.data."+resource.Name+".created" || event["event_type"] == "daily.data."+resource.Name+".created" {
					older := clone(event).(map[string]any)
					older["event_type"] = strings.Replace(event["event_type"].(string), resource.Name, alias, 1)
					all = append(all, older)
				}
			}
		}
	}
	return all
}

// withLone adds what each event of samples would be if they brought their own
// context.
func withLone(all []map[string]any) []map[string]any {
	for _, event := range all {
		data, _ := event["data"].(map[string]any)
		samples, ok := data["data"].([]any)
		if !ok || data["source"] == nil {
			continue
		}
		lone := clone(event).(map[string]any)
		list := clone(samples).([]any)
		for _, sample := range list {
			sample.(map[string]any)["source"] = clone(data["source"])
		}
		lone["data"] = list
		all = append(all, lone)
	}
	return all
}

// address draws what stands on the outside of a message.
func address(t *rapid.T, m *transforms.Message) {
	times := rapid.SampledFrom([]string{
		"", "noon", "2026-03-02T12:04:00Z", "2026-03-02T12:06:00.0000019Z", "2026-02-20", "1969-01-01", "9999-12-31T23:59:59Z",
	})
	values := map[string]*rapid.Generator[string]{
		"event-type": rapid.SampledFrom([]string{"", "daily.data.heartrate.created", "daily.data.sleep.created", "daily.data.aura.x", "lab.new"}),
		"event-time": times, "original-publish-time": times, "CloudPubSubDeadLetterSourceTopicPublishTime": times,
		"original-message-id": rapid.SampledFrom([]string{"", "m0"}), "idempotency-key": rapid.SampledFrom([]string{"", "k"}),
		"blob-type": rapid.SampledFrom([]string{"", "null", "json", "json", "xml"}), "blob-codec": rapid.SampledFrom([]string{"", "null", "gzip", "zstd"}),
	}
	for range rapid.IntRange(0, 3).Draw(t, "attributes") {
		name := rapid.SampledFrom(sortedKeys(values)).Draw(t, "attribute")
		value := values[name].Draw(t, "value")
		if rapid.IntRange(0, 3).Draw(t, "older") == 0 {
			name = strings.ReplaceAll(name, "-", "_")
		}
		attribute(name, value)(m)
	}
	if rapid.Bool().Draw(t, "as of") {
		m.AsOf = published().Add(time.Duration(rapid.Int64Range(-1e18, 1e18).Draw(t, "later")))
	}
}
