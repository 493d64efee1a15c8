package junction_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestStreams: lists of any lengths, with gaps, become one row for each
// position; what no column has is kept in _extra.
func TestStreams(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want []string // index timestamp heartrate power _extra
	}{
		"nothing":       {`{}`, nil},
		"null":          {`{"time":null,"heartrate":null}`, nil},
		"empty lists":   {`{"time":[],"heartrate":[],"lat":null}`, nil},
		"equal lengths": {`{"time":[1772445600,1772445601],"heartrate":[60,61],"power":[1,2]}`, []string{"0 10:00:00.000000 60 1", "1 10:00:01.000000 61 2"}},
		"one is shorter": {
			`{"heartrate":[60],"time":[1772445600,1772445601],"power":[1,2]}`, []string{"0 10:00:00.000000 60 1", "1 10:00:01.000000 - 2"},
		},
		"time is shorter": {`{"time":[1772445600],"heartrate":[60,61]}`, []string{"0 10:00:00.000000 60 -", "1 - 61 -"}},
		"no time":         {`{"heartrate":[60,61]}`, []string{"0 - 60 -", "1 - 61 -"}},
		"null elements":   {`{"time":[1772445600,null,1772445602],"heartrate":[null,null,62]}`, []string{"0 10:00:00.000000 - -", "1 - - -", "2 10:00:02.000000 62 -"}},
		"null among them": {`{"power":null,"time":[1772445600]}`, []string{"0 10:00:00.000000 - -"}},
		"fractions":       {`{"time":[1772445600.5,1772445601.123456,1.7724456e9]}`, []string{"0 10:00:00.500000 - -", "1 10:00:01.123456 - -", "2 10:00:00.000000 - -"}},
		"texts":           {`{"time":["2026-03-02T10:00:00Z","2026-03-02T11:00:00+01:00"]}`, []string{"0 10:00:00.000000 - -", "1 10:00:00.000000 - -"}},
		"milliseconds":    {`{"time":[1772445600000]}`, []string{`0 - - - {"time":1772445600000}`}},
		"no time at all":  {`{"time":[true]}`, []string{`0 - - - {"time":true}`}},
		"not a number":    {`{"heartrate":["high"]}`, []string{`0 - - - {"heartrate":"high"}`}},
		"an unknown list": {`{"heartrate":[60],"stamina":[1,2]}`, []string{`0 - 60 - {"stamina":1}`, `1 - - - {"stamina":2}`}},
		"of objects":      {`{"gear":[{"front":1}]}`, []string{`0 - - - {"gear":{"front":1}}`}},
		"no list":         {`{"heartrate":[60],"device":"w","zones":{"a":[1]}}`, []string{`0 - 60 - {"$.data.device":"w","$.data.zones":{"a":[1]}}`}},
		"its own id":      {`{"workout_id":"other","heartrate":[60]}`, []string{"0 - 60 -"}},
		"its own index":   {`{"index":[5,6],"heartrate":[60,61]}`, []string{"0 - 60 -", "1 - 61 -"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := must(t, serve(t, text(c.body)), query(t, "workout_stream"))
			var got []string
			for _, r := range rowsOf(t, f.messages) {
				if r["user_id"] != secretUser || r["workout_id"] != secretWorkout {
					t.Errorf("%v", r)
				}
				got = append(got, sampleText(r))
			}
			if f.Rows != len(c.want) || fmt.Sprint(got) != fmt.Sprint(c.want) || c.want == nil && len(f.messages) > 0 {
				t.Errorf("%d rows %q in %d messages, want %q", f.Rows, got, len(f.messages), c.want)
			}
		})
	}
}

// sampleText is what a row of a stream says, - for NULL.
func sampleText(r row) string {
	at := strings.TrimSuffix(strings.TrimPrefix(r["timestamp"], "2026-03-02T"), "Z")
	parts := []string{r["index"]}
	for _, value := range []string{at, r["heartrate"], r["power"]} {
		if value == "" {
			value = "-"
		}
		parts = append(parts, value)
	}
	return strings.TrimSpace(strings.Join(parts, " ") + " " + r["_extra"])
}

// TestLongStream: one of a day becomes several messages, of which the positions
// go on.
func TestLongStream(t *testing.T) {
	const n = 10_001
	body := `{"heartrate":[` + strings.Repeat("60,", n-1) + `61]}`
	f := must(t, serve(t, text(body)), query(t, "workout_stream"))
	if f.Rows != n || len(f.messages) != 6 {
		t.Errorf("%d rows in %d messages", f.Rows, len(f.messages))
	}
	for i, r := range rowsOf(t, f.messages) {
		if r["index"] != fmt.Sprint(i) {
			t.Fatalf("row %d has index %s", i, r["index"])
		}
	}
}
