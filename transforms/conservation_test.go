package transforms_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vitalsink/connector/synth"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// odd are literals to put where something else belongs.
func odd() []json.RawMessage {
	texts := []string{
		`null`, `true`, `false`, `0`, `-0`, `7`, `-1`, `7.0`, `7.5`, `7e2`, `1e400`, `0.30000000000000004`,
		`9007199254740992`, `9007199254740993`, `9223372036854775808`, `123456789012345678901234567890`,
		`0e-5`, `-0e-1`, `0.00000000000000000000001e23`, `9007199254740993.0`,
		`""`, `"x"`, `"7"`, `"\u0037"`, `"7.5"`, `"NaN"`, `"a\u0062\n"`, `"\ud800"`, `"\ufffd"`, `"😀"`,
		`"2026-02-26T23:59:59Z"`, `"2026-02-27"`, `"2026-03-02T12:05:00Z"`, `"2026-03-02T12:05:00.000001Z"`, `"2005-01-01"`, `"2026-03-05"`,
		`"2026-03-01"`, `"2026-03-01T01:02:03+02:00"`, `"2026-03-01T01:02:03.123456789Z"`, `"2004-12-31"`, `"2030-01-01"`, `"9999-12-31T23:59:59-01:00"`,
		`[]`, `[1,2]`, `["a","b"]`, `[1,null]`, `[[1]]`, `[{"timestamp":"2026-03-01","value":1},7]`,
		`{}`, `{"a":1}`, `{"a":1,"a":2}`, `{"source":{"slug":"s","slug":"s"}}`, `[{"type":{},"type":1},[{"a":1,"a":1}]]`,
		nested(60), nested(61), nested(62), nested(63), `{"slug":"s"}`, `{"provider":"p","slug":"s","type":"t"}`, `{"a.b":{"":[1,{"c":"d"}]}}`,
		`{"timestamp":"2026-03-01","value":1,"source":{"slug":"z"}}`,
		`[{"timestamp":"2026-03-01","value":1,"source":{"slug":"z"},"provider":"y","user_id":"u9"},{"start":"2026-03-01","user_id":"u9","new":1}]`,
	}
	all := make([]json.RawMessage, len(texts))
	for i, text := range texts {
		all[i] = json.RawMessage(text)
	}
	return all
}

// mutant draws an event of the generator and changes some of it.
func mutant(t *rapid.T, events []map[string]any) string {
	event := clone(events[rapid.IntRange(0, len(events)-1).Draw(t, "event")]).(map[string]any)
	eventType, _ := event["event_type"].(string)
	paths := pathsOf(catalogue().Route(eventType))
	for range rapid.IntRange(1, 6).Draw(t, "changes") {
		change(t, event, paths)
	}
	var b bytes.Buffer
	write(t, &b, event)
	return b.String()
}

// pathsOf are the paths that a table knows.
func pathsOf(table *schemas.Table) []string {
	paths := slices.Clone(table.Ignored)
	for i := range table.Columns {
		paths = append(paths, table.Columns[i].Paths()...)
	}
	return append(paths, "$.data", "$.data.updated_at", "$.new", "$.data.new")
}

// change puts an odd literal, or nothing, at a place that exists, at one that
// the catalogue knows, or at a new one.
func change(t *rapid.T, event map[string]any, known []string) {
	literal := rapid.SampledFrom(odd()).Draw(t, "literal")
	switch rapid.IntRange(0, 4).Draw(t, "how") {
	case 0, 1:
		put(event, rapid.SampledFrom(known).Draw(t, "path"), rapid.IntRange(0, 3).Draw(t, "sample"), literal)
	case 2:
		at := step(t, event)
		name := rapid.SampledFrom([]string{"new", "a.b", "", "$", "data", "source", "type", "value", "id", "Timestamp", `q"`,
			"user_id", "timestamp", "start", "provider", "tags", "updated_at", "event_type"}).Draw(t, "name")
		at[name] = literal
	case 3:
		at := step(t, event)
		at[pickKey(t, at)] = literal
	default:
		at := step(t, event)
		delete(at, pickKey(t, at))
	}
}

// put sets a path of the catalogue, relative ones in one of the samples.
func put(event map[string]any, path string, sample int, literal any) {
	at := event
	names := bytes.Split([]byte(path), []byte("."))
	if string(names[0]) == "$" {
		names = names[1:]
	} else if data, ok := event["data"].(map[string]any); ok {
		at = data
		if list, ok := data["data"].([]any); ok && sample < len(list) {
			at, _ = list[sample].(map[string]any)
		}
	}
	if list, ok := event["data"].([]any); ok && sample < len(list) && len(names) > 1 && string(names[0]) == "data" {
		at, _ = list[sample].(map[string]any)
		names = names[1:]
	}
	for _, name := range names[:len(names)-1] {
		if inner, ok := at[string(name)].(map[string]any); ok {
			at = inner
		}
	}
	if at != nil {
		at[string(names[len(names)-1])] = literal
	}
}

// step walks some way into the event.
func step(t *rapid.T, at map[string]any) map[string]any {
	for rapid.IntRange(0, 2).Draw(t, "deeper") > 0 && len(at) > 0 {
		next := at[pickKey(t, at)]
		if list, ok := next.([]any); ok && len(list) > 0 {
			next = list[rapid.IntRange(0, len(list)-1).Draw(t, "element")]
		}
		inner, ok := next.(map[string]any)
		if !ok {
			break
		}
		at = inner
	}
	return at
}

func pickKey(t *rapid.T, m map[string]any) string {
	if len(m) == 0 {
		return "new"
	}
	return rapid.SampledFrom(sortedKeys(m)).Draw(t, "key")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := map[string]any{}
		for k, inner := range v {
			m[k] = clone(inner)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = clone(v[i])
		}
		return list
	}
	return v
}

// write encodes a value with the fields of small objects in any order: what
// comes first must not matter.
func write(t *rapid.T, b *bytes.Buffer, v any) {
	switch v := v.(type) {
	case map[string]any:
		b.WriteByte('{')
		keys := sortedKeys(v)
		if len(keys) < 12 {
			keys = rapid.Permutation(keys).Draw(t, "order")
		}
		for i, k := range keys {
			if i > 0 {
				b.WriteByte(',')
			}
			name, _ := json.Marshal(k) // a string always can
			b.Write(name)
			b.WriteByte(':')
			write(t, b, v[k])
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		for i, inner := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			write(t, b, inner)
		}
		b.WriteByte(']')
	default:
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatalf("encode %v: %v", v, err)
		}
		b.Write(text)
	}
}

// everyType are the event types that the generator knows.
func everyType() []string {
	return append(synth.New(1, catalogue()).EventTypes(), "daily.data."+synth.UnknownResource+".created")
}

// someTypes has one of each kind, so that changes meet all of them often.
func someTypes() []string {
	types := []string{
		"historical.data.sleep.created", "provider.connection.created", "provider.device.created", synth.UnknownEvent,
		"daily.data." + synth.UnknownResource + ".created", "daily.data.workout_stream.created",
	}
	for _, table := range catalogue().Tables {
		if table.StickyColumn() != "" {
			types = append(types, "daily.data."+table.Name+".updated")
		}
	}
	for _, resource := range []string{
		"heartrate", "steps", "blood_pressure", "note", "cholesterol", "respiratory_rate", "insulin_injection", "workout_distance",
	} {
		types = append(types, "daily.data."+resource+".created")
	}
	return types
}

// events are one of each type and era, with three samples, as maps.
func events(t tb, types []string, gens ...synth.Generation) []map[string]any {
	t.Helper()
	g := synth.New(1, catalogue())
	u := g.User()
	var all []map[string]any
	for _, eventType := range types {
		for _, gen := range gens {
			body := g.Event(eventType, gen, u, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), 3)
			all = append(all, parse(t, string(body)).(map[string]any))
		}
	}
	return all
}

// TestNothingDropped: whatever an event looks like, every scalar in it is
// found again.
func TestNothingDropped(t *testing.T) {
	t.Parallel()
	old := newDecoder(t)
	for _, event := range events(t, everyType(), synth.Modern) {
		checkConserved(t, old, old, message(encoded(t, event)))
	}
	some := withLone(events(t, someTypes(), synth.Modern, synth.Docs2024, synth.Legacy2023))
	rapid.Check(t, func(t *rapid.T) {
		fresh := newDecoder(t)
		for range 5 {
			checkConserved(t, old, fresh, message(mutant(t, some)))
		}
	})
}

func encoded(t tb, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return string(b)
}

// checkConserved: the books balance, nothing is dropped, and a decoder that
// has seen other messages reads this one as another does.
func checkConserved(t tb, decoder, other *transforms.Decoder, m *transforms.Message) {
	t.Helper()
	o, again := decodeWith(t, decoder, m), decodeWith(t, other, m)
	if !reflect.DeepEqual([]any{o.rows, o.quarantine, o.refusals}, []any{again.rows, again.quarantine, again.refusals}) {
		t.Errorf("decoded again, it differs: %v %v, then %v %v", o.refusals, o.rows, again.refusals, again.rows)
	}
	if len(o.rows) > 0 {
		checkKeys(t, o)
		checkNothingDropped(t, o, string(m.Data))
	}
	if len(o.refusals) > 0 && !bytes.Equal(restored(t, o.quarantine), m.Data) {
		t.Errorf("quarantine does not give the message back")
	}
}

// checkKeys: keys say something. Only some columns may be empty: those that
// the catalogue gives an empty default, and the discriminator.
func checkKeys(t tb, o outcome) {
	t.Helper()
	for _, name := range o.Table.Key {
		c := o.Table.Columns[o.Table.Index(name)]
		if c.Computed == schemas.ComputedDiscriminator || c.Default != nil && *c.Default == "" {
			continue
		}
		for _, r := range o.rows {
			if r[name] == "" {
				t.Errorf("%s.%s is empty", o.Table.Name, name)
			}
		}
	}
}

// TestBrokenBytes: whatever is cut, flipped or doubled, books balance and the
// bytes are kept.
func TestBrokenBytes(t *testing.T) {
	some, decoder := events(t, someTypes(), synth.Modern, synth.Docs2024, synth.Legacy2023), newDecoder(t)
	rapid.Check(t, func(t *rapid.T) {
		body := []byte(mutant(t, some))
		if rapid.Bool().Draw(t, "gzip") {
			body = []byte(zip(t, string(body)))
		}
		at := rapid.IntRange(0, len(body)-1)
		for range rapid.IntRange(1, 3).Draw(t, "breaks") {
			from, to := at.Draw(t, "from"), at.Draw(t, "to")
			from, to = min(from, to, len(body)), min(max(from, to), len(body))
			switch rapid.IntRange(0, 3).Draw(t, "break") {
			case 0:
				body = slices.Delete(body, from, to)
			case 1:
				body = slices.Insert(body, to, body[from:to]...)
			case 2:
				body = body[:to]
			default:
				body = slices.Insert(body, from, byte(rapid.IntRange(0, 255).Draw(t, "byte")))
			}
		}
		m := message(string(body))
		o := decodeWith(t, decoder, m)
		if len(o.refusals) > 0 && !bytes.Equal(restored(t, o.quarantine), m.Data) {
			t.Errorf("quarantine does not give the message back")
		}
	})
}
