package junction_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"vitalsink/connector/junction/junctiontest"
	"vitalsink/connector/synth"
	"vitalsink/transforms"
)

// heart is a sample of the secret user, a second for each i.
func heart(i int) synth.Record {
	at := time.Date(2026, 3, 2, 0, 0, i, 0, time.UTC)
	return synth.Record{
		UserID: secretUser, Resource: "heartrate", Provider: "oura", At: at, Key: fmt.Sprintf("heart %03d", i),
		Source: json.RawMessage(`{"provider":"oura","type":"ring"}`),
		Body:   json.RawMessage(fmt.Sprintf(`{"timestamp":%q,"unit":"bpm","value":%d}`, at.Format(time.RFC3339), i)),
	}
}

// TestChangesBetweenPages: what stays all the time comes once, whatever appears
// and disappears between pages.
func TestChangesBetweenPages(t *testing.T) {
	for name, change := range map[string]func(*junctiontest.Server){
		"nothing":               func(*junctiontest.Server) {},
		"one before is new":     func(s *junctiontest.Server) { s.Put(heart(1)) },
		"one after is new":      func(s *junctiontest.Server) { s.Put(heart(41)) },
		"one before is gone":    func(s *junctiontest.Server) { s.Remove("heart 000") },
		"the last shown is":     func(s *junctiontest.Server) { s.Remove("heart 018") },
		"one after is gone":     func(s *junctiontest.Server) { s.Remove("heart 020") },
		"all before are gone":   func(s *junctiontest.Server) { s.Remove("heart 000", "heart 002", "heart 004", "heart 018") },
		"gone, and new as well": func(s *junctiontest.Server) { s.Remove("heart 000", "heart 020"); s.Put(heart(1), heart(21)) },
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			var s *junctiontest.Server
			s = junctiontest.New(junctiontest.Config{Key: secretKey, PageSize: 10, Before: func(*http.Request) {
				if asked++; asked == 2 {
					change(s)
				}
			}})
			t.Cleanup(s.Close)
			s.AddUser(synth.User{ID: secretUser})
			for i := range 20 {
				s.Put(heart(2 * i))
			}
			var values []string
			for _, r := range rowsOf(t, must(t, client(t, s.URL), query(t, "heartrate")).messages) {
				values = append(values, r["value"])
			}
			for i := range 20 {
				value := fmt.Sprint(2 * i)
				n := len(slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v != value }))
				if gone := i == 10 && !slices.Contains(values, "20"); n != 1 && !gone || gone && !strings.Contains(name, "gone") {
					t.Errorf("sample %s came %d times", value, n)
				}
			}
		})
	}
}

// plain is a message's body as JSON.
func plain(t testing.TB, m *transforms.Message) []byte {
	t.Helper()
	if m.Attributes[transforms.AttrBlobCodec] == "" {
		return m.Data
	}
	z, err := gzip.NewReader(bytes.NewReader(m.Data))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// TestLargeGroup: a group of many samples becomes several messages, each with
// all that stands beside them, whatever the order.
func TestLargeGroup(t *testing.T) {
	data := pageOf(5000, "null")
	data = data[strings.Index(data, `"data":`):strings.LastIndex(data, `}]},"next"`)]
	const source, more = `"source":{"provider":"oura","type":"ring","device_id":"d1"}`, `"later":{"a":[1]},"sooner":null`
	for name, group := range map[string]string{
		"data is last":   source + "," + more + "," + data,
		"data is first":  data + "," + more + "," + source,
		"in the middle":  more + "," + data + "," + source,
		"null beside it": more + "," + source + `,"grouping":null,` + data,
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, text(`{"next_cursor":null,"groups":{"fitbit":[{`+group+`}]}}`))
			f := must(t, c, query(t, "heartrate"))
			if f.Rows != 5000 || fmt.Sprint(f.rows) != "[2000 2000 1000]" {
				t.Fatalf("%d rows in messages of %v", f.Rows, f.rows)
			}
			for i := range f.messages {
				var m struct {
					Data struct {
						Provider, Later, Source any
						Data                    []any
					}
				}
				if err := json.Unmarshal(plain(t, &f.messages[i]), &m); err != nil || len(m.Data.Data) != f.rows[i] {
					t.Fatalf("%d samples, said to be %d: %v", len(m.Data.Data), f.rows[i], err)
				}
				if m.Data.Provider != "fitbit" || m.Data.Later == nil || m.Data.Source == nil {
					t.Errorf("message %d lacks something: %v", i, m.Data.Source)
				}
			}
			for _, r := range rowsOf(t, f.messages) {
				if r["provider"] != "oura" || r["source_type"] != "ring" || r["device_id"] != "d1" || !strings.Contains(r["_extra"], "later") {
					t.Fatal(r)
				}
			}
		})
	}
}

// TestWideSamples: samples that are long make more messages, none of them much
// larger than a MiB.
func TestWideSamples(t *testing.T) {
	note := `{"timestamp":"2026-03-02T00:00:%02dZ","value":"` + strings.Repeat("x", 300<<10) + `"}`
	var samples []string
	for i := range 10 {
		samples = append(samples, fmt.Sprintf(note, i))
	}
	c := serve(t, text(`{"groups":{"oura":[{"source":{},"data":[`+strings.Join(samples, ",")+`]}]}}`))
	f := must(t, c, query(t, "note"))
	if f.Rows != 10 || len(f.messages) != 3 {
		t.Errorf("%d rows in %d messages", f.Rows, len(f.messages))
	}
	for i := range f.messages {
		if size := len(plain(t, &f.messages[i])); size > 1<<20+512<<10 {
			t.Errorf("a message of %d bytes", size)
		}
	}
}

// TestProviderOfGroup: the provider is what the source says, else what the group
// says, else the name that the group stands under.
func TestProviderOfGroup(t *testing.T) {
	for beside, want := range map[string]string{
		`"source":{"provider":"garmin"}`:                      "garmin",
		`"source":{"slug":"garmin"}`:                          "garmin",
		`"source":{"type":"ring"}`:                            "oura",
		`"source":{"provider":null}`:                          "oura",
		`"source":null`:                                       "oura",
		`"grouping":null`:                                     "oura",
		`"source":{},"provider":{"slug":"polar"}`:             "polar",
		`"source":{},"provider":"polar"`:                      "polar",
		`"source":{},"provider":null`:                         "oura",
		`"source":{"provider":"garmin"},"provider":"polar"`:   "garmin",
		`"source":{"provider":"garmin"},"provider":{"a":"b"}`: "garmin",
	} {
		t.Run(beside, func(t *testing.T) {
			c := serve(t, text(`{"groups":{"oura":[{`+beside+`,"data":[{"timestamp":"2026-03-02T00:00:00Z","value":1,"novel":2}]}]}}`))
			rows := rowsOf(t, must(t, c, query(t, "heartrate")).messages)
			if len(rows) != 1 || rows[0]["provider"] != want || !strings.Contains(rows[0]["_extra"], "novel") {
				t.Errorf("%v, want provider %s", rows, want)
			}
			if rows[0]["user_id"] != secretUser || rows[0]["team_id"] != "team" || rows[0]["client_user_id"] != "their own name" {
				t.Errorf("%v", rows)
			}
		})
	}
}

// TestEmptyAnswers: what holds nothing is no message and no error; what is not
// what it should be is an error, for it might hold something.
func TestEmptyAnswers(t *testing.T) {
	for _, c := range []struct{ resource, body string }{
		{"sleep", `{"sleep":[]}`}, {"sleep", `{"sleep":null}`}, {"meal", `{"sleep":[1],"meals":[]}`}, {"device", `[]`}, {"device", `null`},
		{"profile", `null`}, {"heartrate", `{"groups":{}}`}, {"heartrate", `{"groups":{"oura":[]},"next":null}`},
		{"heartrate", `{"groups":{"oura":null}}`}, {"heartrate", `{"groups":null}`}, {"heartrate", `{"groups":{"oura":[{"source":{},"data":[]}]}}`},
		{"heartrate", `{"groups":{"oura":[{"source":{},"data":null}]}}`}, {"sleep", " \n{\"sleep\" : [ ] } "},
	} {
		f, err := fetch(t.Context(), serve(t, text(c.body)), query(t, c.resource))
		if err != nil || f.Rows != 0 || len(f.messages) != 0 || f.Absent || f.Began.IsZero() {
			t.Errorf("%s %s: %+v, %d messages, %v", c.resource, c.body, f.Answer, len(f.messages), err)
		}
	}
}
