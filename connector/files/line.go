package files

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/go-faster/jx"

	"vitalsink/transforms"
)

// AppendLine appends a message in the form that ParseLine reads, without the
// end of the line.
func AppendLine(line []byte, m *transforms.Message) ([]byte, error) {
	attributes, err := json.Marshal(m.Attributes)
	if err != nil {
		return line, fmt.Errorf("write the attributes of a message: %w", err)
	}
	id, err := json.Marshal(m.ID)
	if err != nil {
		return line, fmt.Errorf("write the id of a message: %w", err)
	}
	line = append(line, `{"data":"`...)
	line = base64.StdEncoding.AppendEncode(line, m.Data)
	line = append(append(line, `","attributes":`...), attributes...)
	line = append(append(line, `,"messageId":`...), id...)
	line = m.PublishTime.AppendFormat(append(line, `,"publishTime":"`...), time.RFC3339Nano)
	return append(line, `"}`...), nil
}

// ParseLine makes a message of a line. Without a delivery time of its own it
// was published at the given time, and began is its clock. What is not even
// JSON is for the decoder to refuse.
func ParseLine(line []byte, published, began time.Time) transforms.Message {
	m := transforms.Message{PublishTime: published, AsOf: began, Data: line}
	if env := envelopeOf(line); env != nil {
		m.Attributes = env.attributes
		if !env.published.IsZero() {
			m.PublishTime, m.AsOf = env.published, time.Time{}
		}
		if env.fault == "" {
			m.ID, m.Data = env.id, env.data
		} else {
			// It keeps what could be read, but the id of the line: another line
			// may say the same message id and be in order.
			m.Refusal = transforms.Refuse(transforms.BadEnvelope, "", "%s", env.fault)
		}
	}
	if m.ID == "" {
		m.ID = lineID(line)
	}
	return m
}

// lineID stands for the message id that a bare event does not have.
func lineID(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

// envelope is a Pub/Sub message in its REST form.
type envelope struct {
	id         string
	published  time.Time
	attributes map[string]string
	data       []byte
	fault      string // why it cannot be read
}

var (
	errBare = errors.New("a bare event")
	errMore = errors.New("more follows on the line")
)

// envelopeOf is nil for what is none, or no JSON.
func envelopeOf(line []byte) *envelope {
	if !utf8.Valid(line) {
		return nil
	}
	env, err := readEnvelope(line)
	if err != nil {
		return nil
	}
	return env
}

// readEnvelope is nil for a bare event, which is told by its event_type.
func readEnvelope(line []byte) (*envelope, error) {
	env := &envelope{}
	var inner *envelope
	var seen []string
	d := jx.DecodeBytes(line)
	err := d.ObjBytes(func(d *jx.Decoder, key []byte) error {
		name := string(key)
		switch name {
		case "event_type":
			return errBare
		case "message", "data", "attributes", "messageId", "message_id", "publishTime", "publish_time":
			if slices.Contains(seen, name) {
				env.fault = "the message has its field " + name + " twice"
			}
			seen = append(seen, name)
		default:
			return d.Skip()
		}
		if name != "message" {
			return env.field(d, name)
		}
		if d.Next() != jx.Object {
			return d.Skip()
		}
		raw, err := d.Raw()
		if err != nil {
			return err
		}
		inner, err = readEnvelope(raw)
		return err
	})
	switch {
	case errors.Is(err, errBare):
		return nil, nil
	case inner == nil:
		seen = slices.DeleteFunc(seen, func(name string) bool { return name == "message" })
		if err == nil && len(seen) == 0 {
			return nil, nil
		}
	case len(seen) == 1:
		env = inner
	default:
		env.fault = "fields of a message stand beside a message"
	}
	if err == nil && (d.Next() != jx.Invalid || !atEnd(d.Skip())) {
		err = errMore
	}
	return env, err
}

// field reads one field of the envelope; what is malformed is its fault.
func (e *envelope) field(d *jx.Decoder, key string) error {
	if d.Next() == jx.Null {
		return d.Null()
	}
	if key == "attributes" {
		return e.readAttributes(d)
	}
	if d.Next() != jx.String {
		e.fault = "field " + key + " of the message is not a string"
		return d.Skip()
	}
	text, err := d.StrBytes()
	if err != nil {
		return err
	}
	switch key {
	case "data":
		e.data, err = decodeBase64(text)
		if err != nil {
			e.fault = "field data of the message is not base64"
		}
	case "messageId", "message_id":
		if e.id != "" && len(text) > 0 && e.id != string(text) {
			e.fault = "the message has two ids"
		}
		e.id = cmp.Or(string(text), e.id)
	default:
		at, err := time.Parse(time.RFC3339Nano, string(text))
		switch {
		case err != nil:
			e.fault = "field " + key + " of the message is not a time"
		case !e.published.IsZero() && !at.Equal(e.published):
			e.fault = "the message has two publish times"
		default:
			e.published = at
		}
	}
	return nil
}

func (e *envelope) readAttributes(d *jx.Decoder) error {
	if d.Next() != jx.Object {
		e.fault = "field attributes of the message is not an object"
		return d.Skip()
	}
	e.attributes = map[string]string{}
	return d.ObjBytes(func(d *jx.Decoder, key []byte) error {
		if d.Next() != jx.String {
			e.fault = "an attribute of the message is not a string"
			return d.Skip()
		}
		name := string(key)
		if _, twice := e.attributes[name]; twice {
			e.fault = "the message has an attribute twice"
		}
		value, err := d.Str()
		e.attributes[name] = value
		return err
	})
}

// decodeBase64 reads the standard alphabet, or the one for addresses.
func decodeBase64(text []byte) ([]byte, error) {
	out := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(out, text)
	if err != nil {
		n, err = base64.URLEncoding.Decode(out, text)
	}
	return out[:n], err
}

// atEnd tells whether a decoder failed for want of input.
func atEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
