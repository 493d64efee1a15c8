package transforms_test

import (
	"math"
	"strings"
	"testing"
)

// literal is a JSON literal in a field, what its column holds then (nil is
// NULL) and the whole of _extra ("" is NULL).
type literal struct {
	json  string
	want  any
	extra string
}

// stored is a literal that its column takes, kept one that it does not.
func stored(json string, want any) literal { return literal{json, want, ""} }
func kept(field, json string) literal      { return literal{json, nil, `{"` + field + `":` + json + `}`} }

// checkLiterals puts each literal into a field of a summary.
func checkLiterals(t *testing.T, resource, field string, literals []literal) {
	t.Helper()
	for _, l := range literals {
		t.Run(l.json, func(t *testing.T) {
			want := row{field: l.want, "_extra": nil}
			if l.extra != "" {
				want["_extra"] = l.extra
			}
			checkRow(t, only(t, decode(t, summary(resource, `"`+field+`":`+l.json))), want)
		})
	}
}

func TestInt64(t *testing.T) {
	literals := []literal{
		stored(`7`, int64(7)), stored(`7.0`, int64(7)), stored(`7e2`, int64(700)), stored(`70e-1`, int64(7)),
		stored(`"7"`, int64(7)), stored(`"7.0"`, int64(7)), stored(`"-7E0"`, int64(-7)), stored(`-0`, int64(0)),
		stored(`9223372036854775807`, int64(math.MaxInt64)), stored(`-9223372036854775808`, int64(math.MinInt64)),
		stored(`9007199254740993`, int64(1<<53+1)), stored(`9007199254740993.0`, int64(1<<53+1)), stored(`null`, nil),
		// A text was compared with its escapes, and an exponent refused for its size alone: both went to _extra.
		stored(`"\u0037"`, int64(7)), stored(`0e-5`, int64(0)), stored(`-0.0e99999999999999999999`, int64(0)),
		stored(`0.00000000000000000000001e23`, int64(1)),
	}
	for _, odd := range []string{
		`7.5`, `"7.5"`, `"\"7\""`, `1e-5`, `1.00000000000000000000001e22`, `9223372036854775808`, `-9223372036854775809`, `1e19`, `1e400`, `1e99999999999999999999`,
		`""`, `" 7"`, `"7 "`, `"+7"`, `"07"`, `"0x7"`, `"1_0"`, `"7,0"`, `"-"`, `"NaN"`, `"Infinity"`, `"seven"`,
		`true`, `[7]`, `[]`, `{}`, `{"v":7}`,
		// Too fine for a float64: as one, these would be whole, or another number.
		`7.00000000000000000001`, `4503599627370497.5`, `"9007199254740992.5"`,
	} {
		literals = append(literals, kept("duration", odd))
	}
	checkLiterals(t, "sleep", "duration", literals)
}

func TestFloat64(t *testing.T) {
	literals := []literal{
		stored(`0.97`, 0.97), stored(`97`, 97.0), stored(`"0.97"`, 0.97), stored(`1e300`, 1e300), stored(`-0.0`, math.Copysign(0, -1)),
		stored(`9007199254740992`, float64(1<<53)), stored(`-9007199254740992`, -float64(1<<53)), stored(`5e-324`, 5e-324),
		stored(`-0`, math.Copysign(0, -1)), stored(`null`, nil),
	}
	for _, odd := range []string{
		`9007199254740993`, `-9007199254740993`, `"9007199254740993"`, // 2⁵³+1 rounds to 2⁵³
		`9007199254740994`, `123456789012345678901234567890`, `1e400`, `"1e400"`,
		`"NaN"`, `"Infinity"`, `"-Infinity"`, `""`, `" 1"`, `"1 "`, `"1,5"`, `false`, `[1]`, `{"v":1}`,
	} {
		literals = append(literals, kept("efficiency", odd))
	}
	checkLiterals(t, "sleep", "efficiency", literals)
}

func TestBool(t *testing.T) {
	checkLiterals(t, "activity", "wheelchair_use", []literal{
		stored(`true`, true), stored(`false`, false), stored(`null`, nil),
		kept("wheelchair_use", `"true"`), kept("wheelchair_use", `1`), kept("wheelchair_use", `[true]`),
	})
}

func TestDate(t *testing.T) {
	checkLiterals(t, "sleep", "calendar_date", []literal{
		stored(`"2024-02-29"`, "2024-02-29"), stored(`"0001-01-01"`, "0001-01-01"), stored(`"9999-12-31"`, "9999-12-31"),
		kept("calendar_date", `"2026-02-29"`), kept("calendar_date", `"2026-03-02T00:00:00Z"`), kept("calendar_date", `"0000-01-01"`),
		kept("calendar_date", `20260302`), kept("calendar_date", `"2026-3-2"`), kept("calendar_date", `""`),
	})
}

func TestTimestampColumn(t *testing.T) {
	checkLiterals(t, "sleep", "bedtime_start", []literal{
		stored(`"2026-03-01T23:30:00+02:00"`, "2026-03-01T21:30:00Z"), stored(`"1890-01-01"`, "1890-01-01T00:00:00Z"),
		kept("bedtime_start", `"yesterday"`), kept("bedtime_start", `1772452800`), kept("bedtime_start", `"0000-12-31T23:59:59Z"`),
	})
}

func TestString(t *testing.T) {
	checkLiterals(t, "workouts", "title", []literal{
		stored(`"Run"`, "Run"), stored(`""`, ""), stored(`"a\u0062\n\/\""`, "ab\n/\""), stored(`"\ud83d\ude00"`, "😀"),
		stored(`"\ufffd"`, "\ufffd"), stored("\"\ufffd\"", "\ufffd"), stored(`"\u0000"`, "\x00"),
		kept("title", `7`), kept("title", `true`), kept("title", `["Run"]`), kept("title", `{"en":"Run"}`),
		stored(`"\\ud800"`, `\ud800`), stored(`"\\\ud83d\ude00"`, `\😀`), // a backslash before
	})
}

// TestHalfSurrogates: half a surrogate pair is no text and no warehouse takes
// it; its escape is kept as text.
func TestHalfSurrogates(t *testing.T) {
	for json, kept := range map[string]string{
		`"\ud800"`:                       `"\\ud800"`,
		`"cut \uD83D"`:                   `"cut \\uD83D"`,
		`"\udc00\ud800"`:                 `"\\udc00\\ud800"`,
		`"\ud83d\ud83d\ude00"`:           `"\\ud83d\ud83d\ude00"`,
		`"\\ufffd\ud800\ufffd"`:          `"\\ufffd\\ud800\ufffd"`,
		`"\\\udbff\\\udfff\n\uDBFF"`:     `"\\\\udbff\\\\udfff\n\\uDBFF"`,
		`{"\ud800":["\udfff","\u00e9"]}`: `{"\\ud800":["\\udfff","\u00e9"]}`,
	} {
		checkRow(t, only(t, decode(t, summary("workouts", `"title":`+json))), row{"title": nil, "_extra": `{"title":` + kept + `}`})
		checkRow(t, only(t, decode(t, summary("workouts", `"new":`+json))), row{"_extra": `{"new":` + kept + `}`})
		checkRow(t, only(t, decode(t, summary("sleep", `"sleep_stream":`+json))), row{"sleep_stream": kept, "_extra": nil})
		event := `{"event_type":"lab.new","data":` + json + `}`
		checkRow(t, only(t, decode(t, event)), row{"payload": strings.Replace(event, json, kept, 1)})
	}
	checkRow(t, only(t, decode(t, series("note", `{"timestamp":"`+noon+`","value":"\ud800","tags":["a","\ud800"]}`))),
		row{"value_text": nil, "tags": []any{}, "_extra": `{"value":"\\ud800","tags":["a","\\ud800"]}`})
}

// TestKeyOfNumber: an id is an id, however it is written; anything else is no
// key.
func TestKeyOfNumber(t *testing.T) {
	event := func(id string) string {
		return `{"event_type":"daily.data.body.created","user_id":12,"data":{"id":` + id + `}}`
	}
	checkRow(t, only(t, decode(t, event(`-7`))), row{"id": "-7", "user_id": "12"})
	for _, id := range []string{`7.5`, `1e3`, `true`, `null`, `""`, `[7]`, `{"id":7}`, `"\ud800"`} {
		t.Run(id, func(t *testing.T) { checkRefused(t, decode(t, event(id)), "bad_key", "$.data.id") })
	}
}

func TestRepeated(t *testing.T) {
	numbers := []literal{
		stored(`[1, 2.0,"3"]`, []any{int64(1), int64(2), int64(3)}), stored(`[]`, []any{}), stored(`null`, []any{}),
	}
	for _, odd := range []string{`[1,null]`, `[1,2.5]`, `["one"]`, `[[1]]`, `[{"a":1}]`, `7`, `"7"`, `{"a":1}`, `[9223372036854775808]`} {
		numbers = append(numbers, literal{odd, []any{}, `{"hr_zones":` + odd + `}`})
	}
	checkLiterals(t, "workouts", "hr_zones", numbers)
	note := func(tags string) string {
		return series("note", `{"timestamp":"`+noon+`","value":"x","tags":`+tags+`}`)
	}
	checkRow(t, only(t, decode(t, note(`["a\u0062",""]`))), row{"tags": []any{"ab", ""}, "_extra": nil})
	checkRow(t, only(t, decode(t, note(`["a",1]`))), row{"tags": []any{}, "_extra": `{"tags":["a",1]}`})
}

// TestJSON: a JSON column takes any literal, as it came.
func TestJSON(t *testing.T) {
	for _, l := range []string{`{ "a" : [1.50, 1e2 ] }`, `[]`, `7`, `"x"`, `true`, `12345678901234567890`, `""`} {
		checkRow(t, only(t, decode(t, summary("sleep", `"sleep_stream":`+l))), row{"sleep_stream": l, "_extra": nil})
	}
	checkRow(t, only(t, decode(t, summary("sleep", `"sleep_stream":null`))), row{"sleep_stream": nil, "_extra": nil})
}

// TestUnknownFields: what has no column is kept by its path, so that no two
// fields share one.
func TestUnknownFields(t *testing.T) {
	for fields, want := range map[string]any{
		`"new": {"a": [1, 2.50]}`:                    `{"new":{"a": [1, 2.50]}}`,
		`"new":null`:                                 nil,
		`"heart_rate":{"new":1}`:                     `{"heart_rate.new":1}`,
		`"heart_rate":{"avg_bpm":{"new":1}}`:         `{"heart_rate.avg_bpm":{"new":1}}`,
		`"heart_rate":61`:                            `{"heart_rate":61}`,
		`"source":"garmin"`:                          `{"source":"garmin"}`,
		`"a.b":1`:                                    `{"[\"a.b\"]":1}`,
		`"heart_rate.avg_bpm":1`:                     `{"[\"heart_rate.avg_bpm\"]":1}`,
		`"heart_rate":{"a.b":1,"":2}`:                `{"heart_rate[\"a.b\"]":1,"heart_rate[\"\"]":2}`,
		`"$":1,"x[0]":2,"\"":3`:                      `{"[\"$\"]":1,"[\"x[0]\"]":2,"[\"\\\"\"]":3}`,
		`"source":{"name":"G","logo":{"a":1}}`:       nil, // ignored
		`"source":{"slogan":"G"},"source_slogan":""`: `{"source.slogan":"G","source_slogan":""}`,
	} {
		t.Run(fields, func(t *testing.T) {
			checkRow(t, only(t, decode(t, summary("activity", fields))), row{"_extra": want})
		})
	}
}

// TestUnknownFieldsAround: those of the envelope and beside samples are kept
// with every row.
func TestUnknownFieldsAround(t *testing.T) {
	checkRow(t, only(t, decode(t, `{"event_type":"daily.data.body.created","new":1,"user_id":"u1","data":{"id":"s1"},"a.b":2}`)),
		row{"_extra": `{"$.new":1,"$[\"a.b\"]":2}`})
	body := seriesOf("heartrate", `"source":{"new":1},"grouped":true`, at(noon, `"new":{}`)+","+at(noon, ""))
	o := decode(t, strings.Replace(body, `{`, `{"x":null,"y":"z",`, 1))
	if len(o.rows) != 2 {
		t.Fatalf("%d rows, want 2; refusals %v", len(o.rows), o.refusals)
	}
	shared := `"$.y":"z","$.data.source.new":1,"$.data.grouped":true}`
	checkRow(t, o.rows[0], row{"_extra": `{"new":{},` + shared})
	checkRow(t, o.rows[1], row{"_extra": `{` + shared})
}

// TestSharedExtraBounded: beyond a mebibyte in all rows together, what is
// beside the samples stays with the first row that lands.
func TestSharedExtraBounded(t *testing.T) {
	big := `"big":"` + strings.Repeat("x", 600<<10) + `"`
	bad := `{"timestamp":"never"}`
	o := decode(t, seriesOf("heartrate", big, bad+","+at(noon, "")+","+at(noon, "")))
	if len(o.rows) != 2 || len(o.rows[0]["_extra"].(string)) < 600<<10 || o.rows[1]["_extra"] != nil {
		t.Errorf("%d rows, the first with _extra of %d bytes, want it with the first of 2 alone", len(o.rows), len(o.rows[0]["_extra"].(string)))
	}
}
