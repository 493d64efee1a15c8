package transforms_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestAlike: samples that are compared with the one before come out as if each
// was parsed, however they are written, and what is no JSON is refused.
func TestAlike(t *testing.T) {
	t.Parallel()
	decoder := newDecoder(t) // it remembers how the samples of the message before were written
	rapid.Check(t, func(rt *rapid.T) {
		resource := rapid.SampledFrom([]string{"heartrate", "steps", "blood_pressure", "note", "unheard_of"}).Draw(rt, "resource")
		m := message(`{"event_type":"daily.data.` + resource + `.created","user_id":"u1",` + drawEnvelope(rt, drawSamples(rt)) + `}`)
		checkJudged(rt, decodeWith(rt, decoder, m), m)
	})
}

// TestAlikeValues: each value after each.
func TestAlikeValues(t *testing.T) {
	if testing.Short() {
		t.Skip("too long for -short")
	}
	t.Parallel()
	decoder := newDecoder(t)
	for _, resource := range []string{"heartrate", "note"} {
		for _, field := range []string{"timestamp", "value", "timezone_offset"} {
			for _, first := range values {
				for _, second := range values {
					var list []string
					for _, v := range []string{first, second, second, `62`} {
						if field != "timestamp" {
							v += `,"timestamp":"` + noon + `"`
						}
						list = append(list, `{"`+field+`":`+v+`,"unit":"u"}`)
					}
					m := message(series(resource, strings.Join(list, ",")))
					checkJudged(t, decodeWith(t, decoder, m), m)
					if t.Failed() {
						t.Fatalf("%s", m.Data)
					}
				}
			}
		}
	}
}

// drawEnvelope puts samples where they can stand.
func drawEnvelope(rt *rapid.T, samples string) string {
	return rapid.SampledFrom([]string{
		`"data":{"source":{"provider":"p"},"data":` + samples + `}`,
		`"data" : { "data" :` + "\n" + samples + ` , "source":{"type":"ring"}},"client_user_id":"c"`,
		`"data":{"d\u0061ta":` + samples + `,"source":{"provider":"p"}}`,
		`"data":` + samples + `,"team_id":"t"`,
		`"d\u0061ta":` + samples,
		`"data":{"data":` + samples + `,"data":[]}`,
		`"data":{"data":` + samples,
	}).Draw(rt, "envelope")
}

// drawSamples writes a list in which most samples are written alike.
func drawSamples(rt *rapid.T) string {
	var list strings.Builder
	list.WriteString("[" + drawOne(rt, "space", "", "", " ", "\n"))
	layout := drawLayout(rt)
	for i := range rapid.IntRange(0, 6).Draw(rt, "samples") {
		if i > 0 {
			list.WriteString(drawOne(rt, "between", ",", ",", ",", ", ", " ,\n", "", ",,"))
		}
		if drawOne(rt, "change", "", "", "", "yes") != "" {
			layout = drawLayout(rt)
		}
		for _, part := range layout {
			if part == "?" {
				part = drawOne(rt, "value", values...)
			}
			list.WriteString(part)
		}
	}
	return list.String() + drawOne(rt, "end", "]", "]", "]", " ]", ",]", "", "}")
}

// values of all kinds, and some that are none.
var values = []string{
	`62`, `62`, `61.5`, `-0`, `0`, `1e2`, `9007199254740993`, `12345678901234.5`, `0.1234567890123456`, `01`, `1.`, `.5`, `+1`, `-`, `1e`, `1x`,
	`"` + noon + `"`, `"` + noon + `"`, `"2026-03-01T08:00:01.5+05:30"`, `""`, `"bpm"`, `"b\u0070m"`, `"x\"y"`, "\"a\tb\"", `"un`, "\"\x7f\"",
	`null`, `true`, `false`, `nul`, `truer`, `{}`, `{"a":1}`, `[]`, `["a"]`, ``,
}

// drawLayout is how a sample is written: "?" stands for a value.
func drawLayout(rt *rapid.T) []string {
	layout := []string{"{"}
	for i := range rapid.IntRange(0, 4).Draw(rt, "fields") {
		if i > 0 {
			layout = append(layout, drawOne(rt, "comma", ",", ",", ",", " , ", ""))
		}
		key := drawOne(rt, "key", "timestamp", "timestamp", "value", "unit", "start", "end", "type", "systolic", "timezone_offset", "id", "new", "v\\u0061lue")
		value := "?"
		if key == "timestamp" {
			value = `"` + noon + `"`
		}
		layout = append(layout, drawOne(rt, "space", "", "", " "), `"`+key+`"`, drawOne(rt, "colon", ":", ":", " : ", ""), value)
	}
	return append(layout, drawOne(rt, "brace", "}", "}", "}", " }", "", "x}"))
}

func drawOne(rt *rapid.T, what string, of ...string) string {
	return rapid.SampledFrom(of).Draw(rt, what)
}
