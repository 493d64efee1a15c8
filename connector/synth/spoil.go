package synth

import (
	"strings"
	"unicode/utf8"
)

// fault is what is wrong with a message beyond its event.
type fault struct {
	refused    []refusal
	attributes map[string]string
	spoilt     func(body []byte) []byte // nil leaves the body as it is
	cutZip     bool
}

func (f fault) body(body []byte) []byte {
	if f.spoilt == nil {
		return body
	}
	return f.spoilt(body)
}

// spoil breaks an event in one of the ways that quarantine knows. Some break
// the event itself, which must be one that has an own table.
func (c *courier) spoil(e event) fault {
	whole := func(reason string) fault { return fault{refused: []refusal{{wholeMessage, reason}}} }
	ways := []func() fault{
		func() fault { return with(whole("not_json"), half) },
		func() fault { return with(whole("invalid_utf8"), ending(`,"memo":"`+"\xff"+`"}`)) },
		func() fault { return with(whole("duplicate_key"), ending(`,"event_type":"twice"}`)) },
		func() fault { return attribute(whole("bad_codec"), "blob-codec", "zstd") },
		func() fault { return attribute(whole("bad_blob_type"), "blob-type", "protobuf") },
		func() fault {
			f := whole("bad_gzip")
			f.cutZip = true
			return f
		},
	}
	resource, daily := cutResource(e.eventType, "daily.data.")
	data, ok := e.body["data"].(object)
	if !daily || !ok || resource == UnknownResource {
		return pick(c.dice, ways...)()
	}
	ways = append(ways,
		func() fault { delete(e.body, "data"); return whole("bad_shape") },
		func() fault { delete(e.body, "user_id"); delete(data, "user_id"); return whole("no_user") },
	)
	if _, summary := c.generator.recipes[resource]; summary {
		noID := func() fault { delete(data, "id"); return whole("bad_key") }
		ways = append(ways, noID, noID, noID)
	}
	if samples := samplesIn(e); len(samples) > 0 {
		at := func(time, reason string) func() fault {
			return func() fault { return mistime(samples, c.dice.IntN(len(samples)), time, reason) }
		}
		ways = append(ways, at("not recorded", "bad_key"), at("not recorded", "bad_key"), at("1999-12-31T23:59:59+00:00", "date_out_of_time"))
	}
	return pick(c.dice, ways...)()
}

// mistime gives one of several samples a time that it cannot have.
func mistime(samples []object, i int, time, reason string) fault {
	for _, name := range []string{"timestamp", "start"} {
		if samples[i][name] != nil {
			samples[i][name] = time
		}
	}
	return fault{refused: []refusal{{wholeMessage, "samples"}, {i, reason}}}
}

func with(f fault, spoilt func([]byte) []byte) fault {
	f.spoilt = spoilt
	return f
}

func attribute(f fault, name, value string) fault {
	f.attributes = map[string]string{name: value}
	return f
}

// half is the first half of a text, in whole characters.
func half(body []byte) []byte {
	body = body[:len(body)/2]
	for !utf8.Valid(body) {
		body = body[:len(body)-1]
	}
	return body
}

// ending is for objects: more fields, and the brace.
func ending(more string) func([]byte) []byte {
	return func(body []byte) []byte { return []byte(strings.TrimSuffix(string(body), "}") + more) }
}
