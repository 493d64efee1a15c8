package files

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"vitalsink/transforms"
)

// checkLine wants of a line what a slow and simple reading of it says.
func checkLine(t *testing.T, line []byte) {
	t.Helper()
	want, kind := slowLine(line)
	got := ParseLine(line, published, began)
	switch {
	case kind == bare:
		want = transforms.Message{PublishTime: published, AsOf: began, Data: line}
	case kind == faulty:
		if got.Refusal == nil || got.ID != lineID(line) || !bytes.Equal(got.Data, line) {
			t.Errorf("%q is message %q, want it refused with all it holds", line, got.ID)
		}
		return
	case want.PublishTime.IsZero():
		want.PublishTime, want.AsOf = published, began
	}
	if want.ID == "" {
		want.ID = lineID(line)
	}
	if diff := cmp.Diff(want, got, asMessages); diff != "" {
		t.Errorf("%q: want (-), got (+):\n%s", line, diff)
	}
}

// What a line can be.
const (
	bare   = iota // an event, or whatever else is for the decoder to look at
	faulty        // a message that cannot be read as one thing only
	whole         // a message
)

// slowLine reads a line with encoding/json.
func slowLine(line []byte) (m transforms.Message, kind int) {
	if !utf8.Valid(line) || !json.Valid(line) || bytes.TrimLeft(line, " \t\r\n")[0] != '{' {
		return m, bare
	}
	names := []string{"message", "data", "attributes", "messageId", "message_id", "publishTime", "publish_time"}
	fields, twice := fieldsOf(line)
	if fields["event_type"] != nil {
		return m, bare
	}
	for name := range fields {
		if !slices.Contains(names, name) {
			delete(fields, name)
			twice = slices.DeleteFunc(twice, func(t string) bool { return t == name })
		}
	}
	if inner := fields["message"]; inner != nil && inner[0] == '{' {
		m, kind = slowLine(inner)
		if kind != bare && len(fields)+len(twice) > 1 {
			kind = faulty
		}
		if kind != bare {
			return m, kind
		}
	}
	delete(fields, "message")
	if len(fields) == 0 {
		return m, bare
	}
	if len(twice) > 0 || !readSlowly(fields, &m) {
		return m, faulty
	}
	return m, whole
}

// fieldsOf are the fields of an object, and the names that come twice.
func fieldsOf(raw []byte) (fields map[string]json.RawMessage, twice []string) {
	fields = map[string]json.RawMessage{}
	d := json.NewDecoder(bytes.NewReader(raw))
	_, err := d.Token()
	for err == nil && d.More() {
		var token json.Token
		var value json.RawMessage
		if token, err = d.Token(); err == nil {
			err = d.Decode(&value)
		}
		name := fmt.Sprint(token)
		if fields[name] != nil {
			twice = append(twice, name)
		}
		fields[name] = bytes.TrimLeft(value, " \t\r\n")
	}
	if err != nil {
		panic(err) // the line is valid
	}
	return fields, twice
}

// readSlowly tells whether all fields are what those of a message are, and say
// one thing.
func readSlowly(fields map[string]json.RawMessage, m *transforms.Message) bool {
	texts := map[string]string{}
	for name, raw := range fields {
		var s *string
		if name == "attributes" {
			if !readAttributesSlowly(raw, m) {
				return false
			}
			continue
		}
		if json.Unmarshal(raw, &s) != nil {
			return false
		}
		if s != nil {
			texts[name] = *s
		}
	}
	var err error
	for _, name := range []string{"messageId", "message_id"} {
		id := texts[name]
		if m.ID != "" && id != "" && id != m.ID {
			return false
		}
		m.ID = max(m.ID, id)
	}
	for _, name := range []string{"publishTime", "publish_time"} {
		text, ok := texts[name]
		at, err := time.Parse(time.RFC3339Nano, text)
		if ok && (err != nil || !m.PublishTime.IsZero() && !at.Equal(m.PublishTime)) {
			return false
		}
		if ok {
			m.PublishTime = at
		}
	}
	if m.Data, err = base64.StdEncoding.DecodeString(texts["data"]); err != nil {
		m.Data, err = base64.URLEncoding.DecodeString(texts["data"])
	}
	return err == nil
}

func readAttributesSlowly(raw json.RawMessage, m *transforms.Message) bool {
	if string(raw) == "null" {
		return true
	}
	var attributes map[string]*string
	if json.Unmarshal(raw, &attributes) != nil {
		return false
	}
	m.Attributes = map[string]string{}
	for name, value := range attributes {
		if value == nil {
			return false
		}
		m.Attributes[name] = *value
	}
	_, twice := fieldsOf(raw)
	return len(twice) == 0
}
