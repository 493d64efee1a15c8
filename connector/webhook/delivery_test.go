package webhook

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/segmentio/ksuid"
)

// TestEventTime: the first is of Svix's own documentation of its KSUIDs; the
// others say what is none.
func TestEventTime(t *testing.T) {
	at := func(text string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	greatest := ksuid.Max.String()
	for id, want := range map[string]time.Time{
		"msg_1srOrx2ZWZBpBUvZwXKQmoEYga2":           at("2021-05-21T20:04:03.9Z"),
		"msg_" + ksuid.Nil.String():                 at("2014-05-13T16:53:20Z"),
		"msg_" + greatest:                           at("2150-06-19T23:21:35Z"), // 255 is no number of units
		"1srOrx2ZWZBpBUvZwXKQmoEYga2":               {},
		"msg_1srOrx2ZWZBpBUvZwXKQmoEYga":            {},
		"msg_1srOrx2ZWZBpBUvZwXKQmoEYga2x":          {},
		"msg_1srOrx2ZWZBpBUvZwXKQmoEYg-2":           {},
		"msg_" + strings.Repeat("z", len(greatest)): {},
		"msg_p5jXN8AQM9LWM0D4loKWxJek":              {},
		"evt_1srOrx2ZWZBpBUvZwXKQmoEYga2":           {},
		"msg_":                                      {},
	} {
		if got, ok := eventTime(id); !got.Equal(want) || ok == want.IsZero() {
			t.Errorf("%s: %s, %t, want %s", id, got, ok, want)
		}
	}
}

// TestMessage: the attributes are Junction's, and the time of the event.
func TestMessage(t *testing.T) {
	long := `{"data":{"note":"` + strings.Repeat("é", 1<<10) + `"},"event_type":"daily.data.sleep.created"}`
	for name, test := range map[string]struct {
		id, body string
		want     map[string]string
	}{
		"small": {"msg_1srOrx2ZWZBpBUvZwXKQmoEYga2", anyBody, map[string]string{
			"event-type": "daily.data.sleep.created", "event-time": "2021-05-21T20:04:03.9Z",
		}},
		"large":               {"msg_1", long, map[string]string{"event-type": "daily.data.sleep.created", "blob-codec": "gzip"}},
		"1023 bytes":          {"msg_1", strings.Repeat("x", 1<<10-1), map[string]string{}},
		"1024 bytes":          {"msg_1", strings.Repeat("x", 1<<10), map[string]string{"blob-codec": "gzip"}},
		"zipped as it came":   {"msg_1", "\x1f\x8b\x08", map[string]string{"blob-codec": "gzip"}},
		"no event type":       {"msg_1", `{"data":{}}`, map[string]string{}},
		"a number for one":    {"msg_1", `{"event_type":1}`, map[string]string{}},
		"one that is long":    {"msg_1", `{"event_type":"` + strings.Repeat("x", longestType+1) + `"}`, map[string]string{}},
		"one that is no text": {"msg_1", "{\"event_type\":\"\xff\"}", map[string]string{}},
		"a list":              {"msg_1", `[{"event_type":"a"}]`, map[string]string{}},
		"one further in":      {"msg_1", `{"data":{"event_type":"a"}}`, map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			test.want["blob-type"], test.want["idempotency-key"] = "json", test.id
			now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
			m := delivery{id: test.id}.message([]byte(test.body), now)
			if diff := cmp.Diff(test.want, m.Attributes); diff != "" {
				t.Errorf("attributes, -want +got:\n%s", diff)
			}
			if m.ID != test.id || !m.PublishTime.Equal(now) {
				t.Errorf("message %s of %s", m.ID, m.PublishTime)
			}
			if got := plain(t, m.Data, m.Attributes["blob-codec"]); got != test.body {
				t.Errorf("body of %d bytes is not that of %d bytes that came", len(got), len(test.body))
			}
		})
	}
}

func plain(t testing.TB, data []byte, codec string) string {
	t.Helper()
	if codec != "gzip" {
		return string(data)
	}
	zip, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// FuzzMessage: whatever comes, the body is kept and the attributes are such as
// Pub/Sub takes.
func FuzzMessage(f *testing.F) {
	f.Add("msg_1srOrx2ZWZBpBUvZwXKQmoEYga2", anyBody)
	f.Add("msg_p5jXN8AQM9LWM0D4loKWxJek", "{\"event_type\":\"\xff\"}")
	f.Add("x", strings.Repeat(`{"a":`, 2000))
	f.Fuzz(func(t *testing.T, id, body string) {
		if !isID(id) {
			return
		}
		m := delivery{id: id}.message([]byte(body), time.Unix(0, 0))
		for k, v := range m.Attributes {
			if len(v) > 1024 || !utf8.ValidString(v) {
				t.Errorf("attribute %s is nothing that Pub/Sub takes: %q", k, v)
			}
		}
		if got := plain(t, m.Data, m.Attributes["blob-codec"]); got != body {
			t.Errorf("%q became %q", body, got)
		}
	})
}
