package files

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitalsink/transforms"
)

var (
	published = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	began     = time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	delivered = time.Date(2026, 3, 1, 8, 0, 0, 123456789, time.UTC)
)

const event = `{"event_type":"daily.data.sleep.created","user_id":"ada","data":{"id":"n"}}`

func TestParseLine(t *testing.T) {
	bare := func(line string) transforms.Message {
		return transforms.Message{ID: lineID([]byte(line)), PublishTime: published, AsOf: began, Data: []byte(line)}
	}
	full := transforms.Message{
		ID: "m1", PublishTime: delivered, Attributes: map[string]string{"a": "b"}, Data: []byte("{}"),
	}
	for name, c := range map[string]struct {
		line string
		want transforms.Message
	}{
		"a message": {
			`{"data":"e30=","attributes":{"a":"b"},"messageId":"m1","publishTime":"2026-03-01T08:00:00.123456789Z"}`, full,
		},
		"the other spelling, another zone, white space, an ordering key": {
			` { "publish_time" : "2026-03-01T10:00:00.123456789+02:00" , "message_id" : "m1", "orderingKey": "k",` +
				` "attributes" : { "a" : "b" } , "data" : "e30=" } `, full,
		},
		"as gcloud prints it": {
			`{"ackId":"x","deliveryAttempt":2,"message":{"data":"e30=","attributes":{"a":"b"},"messageId":"m1","publishTime":"2026-03-01T08:00:00.123456789Z"}}`, full,
		},
		"as a push subscription posts it": {
			`{"message":{"attributes":{"a":"b"},"data":"e30=","messageId":"m1","message_id":"m1","publishTime":"2026-03-01T08:00:00.123456789Z","publish_time":"2026-03-01T08:00:00.123456789Z"},"subscription":"s"}`, full,
		},
		"the alphabet for addresses": {
			`{"data":"Pz8_Pj4-","messageId":"m1","publishTime":"2026-03-01T08:00:00.123456789Z"}`,
			transforms.Message{ID: "m1", PublishTime: delivered, Data: []byte("???>>>")},
		},
		"attributes only": {
			`{"messageId":"m1","publishTime":"2026-03-01T08:00:00.123456789Z","data":null,"attributes":null}`,
			transforms.Message{ID: "m1", PublishTime: delivered},
		},
		"no publish time": {
			`{"data":"e30=","messageId":"m1"}`,
			transforms.Message{ID: "m1", PublishTime: published, AsOf: began, Data: []byte("{}")},
		},
		"no message id": {
			`{"data":"e30=","publishTime":"2026-03-01T08:00:00.123456789Z"}`,
			transforms.Message{ID: lineID([]byte(`{"data":"e30=","publishTime":"2026-03-01T08:00:00.123456789Z"}`)), PublishTime: delivered, Data: []byte("{}")},
		},
		"a bare event":                         {event, bare(event)},
		"a bare event, its type last":          {`{"data":{"id":"n"},"event_type":"x"}`, bare(`{"data":{"id":"n"},"event_type":"x"}`)},
		"a bare event with a field message":    {`{"message":{"data":"e30="},"event_type":"x"}`, bare(`{"message":{"data":"e30="},"event_type":"x"}`)},
		"no object":                            {`[{"data":"e30="}]`, bare(`[{"data":"e30="}]`)},
		"no JSON":                              {`data`, bare(`data`)},
		"a message cut short":                  {`{"data":"e30=","messageId":"m1"`, bare(`{"data":"e30=","messageId":"m1"`)},
		"an empty object":                      {`{}`, bare(`{}`)},
		"a field message that is no message":   {`{"message":"hello"}`, bare(`{"message":"hello"}`)},
		"a field message that holds nothing":   {`{"message":{}}`, bare(`{"message":{}}`)},
		"two messages on a line":               {`{"data":"e30=","messageId":"a"}{"data":"e30=","messageId":"b"}`, bare(`{"data":"e30=","messageId":"a"}{"data":"e30=","messageId":"b"}`)},
		"a message and something else":         {`{"data":"e30=","messageId":"a"} x`, bare(`{"data":"e30=","messageId":"a"} x`)},
		"an id that is not UTF-8":              {"{\"data\":\"e30=\",\"messageId\":\"\xff\"}", bare("{\"data\":\"e30=\",\"messageId\":\"\xff\"}")},
		"an attribute that is not UTF-8":       {"{\"data\":\"e30=\",\"attributes\":{\"\xff\":\"\"}}", bare("{\"data\":\"e30=\",\"attributes\":{\"\xff\":\"\"}}")},
		"a message in a message in a message":  {`{"message":{"message":{"data":"e30=","messageId":"m1","publishTime":"2026-03-01T08:00:00.123456789Z"}}}`, transforms.Message{ID: "m1", PublishTime: delivered, Data: []byte("{}")}},
		"a field that is not the message's":    {`{"data":"e30=","messageId":"m1","publishTime":"2026-03-01T08:00:00.123456789Z","x":{"data":1}}`, transforms.Message{ID: "m1", PublishTime: delivered, Data: []byte("{}")}},
		"an empty body and an empty attribute": {`{"data":"","attributes":{"":""},"messageId":"m1","publishTime":"2026-03-01T08:00:00.123456789Z"}`, transforms.Message{ID: "m1", PublishTime: delivered, Data: []byte{}, Attributes: map[string]string{"": ""}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := ParseLine([]byte(c.line), published, began)
			if diff := cmp.Diff(c.want, got, asMessages); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
		})
	}
}

// asMessages lets cmp compare messages: a body that is empty is none.
var asMessages = cmp.Options{
	cmp.AllowUnexported(transforms.Refusal{}),
	cmp.Comparer(func(a, b []byte) bool { return bytes.Equal(a, b) }),
}

// What is refused goes to quarantine as the line it came in, under the hash of
// that: another line may say the same message id and be in order.
func TestParseLineRefuses(t *testing.T) {
	for name, c := range map[string]struct{ line, detail string }{
		"data of another type": {`{"data":17,"messageId":"m1"}`, "field data of the message is not a string"},
		"no base64":            {`{"data":"!","messageId":"m1"}`, "field data of the message is not base64"},
		"base64 cut short":     {`{"data":"e30","messageId":"m1"}`, "field data of the message is not base64"},
		"id of another type":   {`{"data":"e30=","messageId":1}`, "field messageId of the message is not a string"},
		"no time":              {`{"data":"e30=","messageId":"m1","publishTime":"noon"}`, "field publishTime of the message is not a time"},
		"a year too far":       {`{"data":"e30=","messageId":"m1","publishTime":"10000-01-01T00:00:00Z"}`, "field publishTime of the message is not a time"},
		"attributes as a list": {`{"data":"e30=","messageId":"m1","attributes":[]}`, "field attributes of the message is not an object"},
		"a number in them":     {`{"data":"e30=","messageId":"m1","attributes":{"a":1}}`, "an attribute of the message is not a string"},
		"wrapped":              {`{"message":{"data":"!","messageId":"m1"}}`, "field data of the message is not base64"},
	} {
		t.Run(name, func(t *testing.T) {
			m := ParseLine([]byte(c.line), published, began)
			if m.Refusal == nil {
				t.Fatalf("not refused: %+v", m)
			}
			if m.Refusal.Reason != transforms.BadEnvelope || m.Refusal.Detail != c.detail {
				t.Errorf("refused with %v, want %s: %s", m.Refusal, transforms.BadEnvelope, c.detail)
			}
			if m.ID != lineID([]byte(c.line)) || string(m.Data) != c.line {
				t.Errorf("refused as %s: %s", m.ID, m.Data)
			}
		})
	}
	// What could be read of it is kept.
	m := ParseLine([]byte(`{"data":"!","attributes":{"a":"b"},"publishTime":"2026-03-01T08:00:00.123456789Z"}`), published, began)
	if m.Refusal == nil || m.Attributes["a"] != "b" || !m.PublishTime.Equal(delivered) || !m.AsOf.IsZero() {
		t.Errorf("of a line that is refused this is kept: %+v", m)
	}
}

// A field that is there twice would win with its last value, and what the
// first held would be lost silently.
func TestParseLineRefusesTwice(t *testing.T) {
	for _, line := range []string{
		`{"data":"e30=","data":"W10=","messageId":"m1"}`,
		`{"data":"e30=","messageId":"m1","messageId":"m2"}`,
		`{"data":"e30=","attributes":{"a":"b","a":"c"},"messageId":"m1"}`,
		`{"message":{"data":"e30="},"message":{"data":"W10="}}`,
		// By both spellings, which the last one won.
		`{"data":"e30=","messageId":"m1","message_id":"m2"}`,
		`{"data":"e30=","messageId":"m1","publishTime":"2026-03-01T08:00:00Z","publish_time":"2026-03-01T08:00:01Z"}`,
		`{"data":"e30=","message":{"data":"W10="}}`,
	} {
		if m := ParseLine([]byte(line), published, began); m.Refusal == nil && string(m.Data) != line {
			t.Errorf("%s is taken for message %s with body %s", line, m.ID, m.Data)
		}
	}
}

// restMessage is the REST form of a message, as Google's clients write it.
type restMessage struct {
	Data        []byte            `json:"data,omitempty"`
	Attributes  map[string]string `json:"attributes,omitempty"`
	MessageID   string            `json:"messageId,omitempty"`
	PublishTime time.Time         `json:"publishTime"`
	OrderingKey string            `json:"orderingKey,omitempty"`
}

// FuzzLine: whatever a line is, it becomes a message, with an id, and what a
// client writes of a message is read as it was.
func FuzzLine(f *testing.F) {
	f.Add([]byte(event), "m1", "event-type", "x", int64(1))
	f.Add([]byte(`{"message":{"data":"e30=","messageId":"m1"}}`), "", "", "", int64(0))
	f.Add([]byte("\x1f\x8b\x00"), "é\u2028<", "k\"", "\\", int64(-1))
	f.Add([]byte(`{"data":"e30=","attributes":{"a":null}}{`), "1", "a", "\x00", int64(1<<40))
	for _, line := range []string{
		`{"message":{"message":{"data":"e30="}},"x":1}`, `{"data":1,"message":"m"}`, `{"message":{"data":"!"},"message_id":"m"}`,
		`{"messageId":"a","message_id":"b","data":"e30="}`, `{"publishTime":"2026-03-01T08:00:00Z","publish_time":"2026-03-01T09:00:00+01:00"}`,
		`{"attributes":{"a":"b","\u0061":"c"}}`, `{"attributes":{"a":[{"b":"c"}]},"data":null}`, `{"d\u0061ta":"Pz8_Pj4-","data":{"event_type":1}}`,
	} {
		f.Add([]byte(line), "", "", "", int64(2))
	}
	f.Fuzz(func(t *testing.T, body []byte, id, name, value string, micros int64) {
		checkLine(t, body)
		sent := restMessage{
			Data: body, MessageID: valid(id), Attributes: map[string]string{valid(name): valid(value)},
			PublishTime: time.UnixMicro(micros % (1 << 50)).UTC(), // within the years that JSON has
		}
		line, err := json.Marshal(sent)
		if err != nil {
			t.Fatal(err)
		}
		checkRead(t, line, sent)
		checkLine(t, line)
		checkRead(t, append(append([]byte(`{"message":`), line...), '}'), sent)
	})
}

// valid is a text that JSON can hold: the clients' texts are UTF-8.
func valid(text string) string { return strings.ToValidUTF8(text, "?") }

func checkRead(t *testing.T, line []byte, sent restMessage) {
	t.Helper()
	want := transforms.Message{
		ID: sent.MessageID, PublishTime: sent.PublishTime, Attributes: sent.Attributes, Data: sent.Data,
	}
	if want.ID == "" {
		want.ID = lineID(line)
	}
	if diff := cmp.Diff(want, ParseLine(line, published, began), asMessages); diff != "" {
		t.Errorf("%s: written (-), read (+):\n%s", line, diff)
	}
}
