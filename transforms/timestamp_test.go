package transforms_test

import (
	"regexp"
	"testing"
	"time"

	"vitalsink/transforms"
)

func TestTimestamp(t *testing.T) {
	for text, want := range map[string]string{
		"2026-03-02T12:30:45Z":                "2026-03-02T12:30:45Z",
		"2026-03-02T12:30:45+00:00":           "2026-03-02T12:30:45Z",
		"2026-03-02T12:30:45-00:00":           "2026-03-02T12:30:45Z",
		"2026-03-02T12:30:45+05:30":           "2026-03-02T07:00:45Z",
		"2026-03-02T12:30:45-0800":            "2026-03-02T20:30:45Z",
		"2026-03-02T12:30:45+09":              "2026-03-02T03:30:45Z",
		"2026-03-02T00:15:00+23:59":           "2026-03-01T00:16:00Z",
		"2026-03-02T12:30:45":                 "2026-03-02T12:30:45Z", // no zone is UTC
		"2026-03-02 12:30:45":                 "2026-03-02T12:30:45Z",
		"2026-03-02 12:30:45.5+01:00":         "2026-03-02T11:30:45.5Z",
		"2026-03-02":                          "2026-03-02T00:00:00Z",
		"2026-03-02T12:30:45.1Z":              "2026-03-02T12:30:45.1Z",
		"2026-03-02T12:30:45.123456Z":         "2026-03-02T12:30:45.123456Z",
		"2026-03-02T12:30:45.123456999Z":      "2026-03-02T12:30:45.123456Z", // cut, not rounded
		"2026-03-02T23:59:59.999999999Z":      "2026-03-02T23:59:59.999999Z",
		"1969-12-31T23:59:59.9999999Z":        "1969-12-31T23:59:59.999999Z", // before 1970 too
		"2024-02-29T00:00:00Z":                "2024-02-29T00:00:00Z",
		"2000-02-29T00:00:00Z":                "2000-02-29T00:00:00Z",
		"0001-01-01T00:00:00Z":                "0001-01-01T00:00:00Z",
		"0001-01-01T00:00:00-01:00":           "0001-01-01T01:00:00Z",
		"9999-12-31T23:59:59.999999Z":         "9999-12-31T23:59:59.999999Z",
		"9999-12-31T23:59:59.999999999+00:01": "9999-12-31T23:58:59.999999Z",
	} {
		micros, ok := transforms.ParseTimestamp(text)
		if got := time.UnixMicro(micros).UTC().Format(time.RFC3339Nano); !ok || got != want {
			t.Errorf("%s is %s (%t), want %s", text, got, ok, want)
		}
	}
}

func TestNoTimestamp(t *testing.T) {
	for _, text := range []string{
		"", "now", "2026", "2026-03", "2026-3-2", "20260302", "2026-03-02T", "2026-03-02T12", "2026-03-02T12:30", "2026-03-02T12:30Z",
		"0000-01-01T00:00:00Z", "0000-12-31T23:59:59Z", "10000-01-01T00:00:00Z", "-2026-03-02T00:00:00Z",
		"0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", // beyond the years once in UTC
		"2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-03-00T00:00:00Z", "2026-04-31T00:00:00Z",
		"2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z",
		"2026-03-02T24:00:00Z", "2026-03-02T12:60:00Z", "2026-03-02T12:30:60Z", "2026-03-02T-1:30:00Z",
		"2026-03-02t12:30:45Z", "2026-03-02T12:30:45z", "2026-03-02T12:30:45 Z", " 2026-03-02", "2026-03-02 ", "2026-03-02Z",
		"2026-03-02T12:30:45.Z", "2026-03-02T12:30:45,5Z", "2026-03-02T12:30:45.1234567890Z", "2026-03-02T12:30:45.5.5Z",
		"2026-03-02T12:30:45+24:00", "2026-03-02T12:30:45+00:60", "2026-03-02T12:30:45+1", "2026-03-02T12:30:45+1:00",
		"2026-03-02T12:30:45+01:0", "2026-03-02T12:30:45ZZ", "2026-03-02T12:30:45 UTC", "2026-03-02T12:30:45+01:00:00",
		"２０２６-03-02", "1772452800",
	} {
		if micros, ok := transforms.ParseTimestamp(text); ok {
			t.Errorf("%q is %s, want it not to be readable", text, time.UnixMicro(micros).UTC())
		}
	}
}

// layouts are the forms a timestamp may have, in the words of package time.
var layouts = []string{
	time.DateOnly,
	"2006-01-02T15:04:05", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07",
	"2006-01-02 15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05Z0700", "2006-01-02 15:04:05Z07",
}

// form is what package time lets pass and we do not: hours of one digit, a
// comma before the fraction, more than nine digits of it, offsets of a day.
var form = regexp.MustCompile(`^\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)?)?$`)

// reference reads a timestamp by package time.
func reference(s string) (micros int64, ok bool) {
	if !form.MatchString(s) {
		return 0, false
	}
	for _, layout := range layouts {
		if at, err := time.Parse(layout, s); err == nil {
			year := at.UTC().Year()
			return at.UnixMicro(), year >= 1 && year <= 9999
		}
	}
	return 0, false
}

func FuzzTimestamp(f *testing.F) {
	for _, seed := range []string{
		"2026-03-02", "2026-03-02T12:30:45Z", "2026-03-02 12:30:45.123456789+05:30", "1969-12-31T23:59:59.9999999-0800",
		"0001-01-01T00:00:00+01", "9999-12-31T23:59:59-00:01", "2024-02-29T00:00:00", "2026-03-02T24:00:00Z", "2026-02-30",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		micros, ok := transforms.ParseTimestamp(s)
		want, wantOK := reference(s)
		if ok != wantOK || ok && micros != want {
			t.Errorf("%q is %d µs (%t), package time says %d (%t)", s, micros, ok, want, wantOK)
		}
		days, ok := transforms.ParseDate(s)
		at, err := time.Parse(time.DateOnly, s)
		wantOK = err == nil && at.Year() > 0
		if ok != wantOK || ok && int64(days)*86400 != at.Unix() {
			t.Errorf("%q is day %d (%t), package time says %v (%v)", s, days, ok, at, err)
		}
	})
}
