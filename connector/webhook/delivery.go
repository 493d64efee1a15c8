package webhook

import (
	"errors"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/go-faster/jx"

	"vitalsink/transforms"
)

const (
	// longestID and longestType are more than any has. Pub/Sub takes
	// attributes of up to 1,024 bytes.
	longestID   = 255
	longestType = 255
)

var errHeaders = errors.New("the headers of a signed webhook are missing or malformed")

// delivery is what the headers of a request say.
type delivery struct {
	id     string
	signed http.Header // what the library verifies: these and no others
}

// deliveryOf reads the headers, in Svix's spelling or in that of white labels.
// All three have to be of one spelling, or what was signed would not be what
// is read.
func deliveryOf(h http.Header) (delivery, error) {
	for _, prefix := range []string{"Svix-", "Webhook-"} {
		d := delivery{id: h.Get(prefix + "Id"), signed: http.Header{}}
		timestamp, signature := h.Get(prefix+"Timestamp"), h.Get(prefix+"Signature")
		if d.id == "" || timestamp == "" || signature == "" {
			continue
		}
		if !isID(d.id) {
			return delivery{}, errHeaders
		}
		d.signed.Set("Svix-Id", d.id)
		d.signed.Set("Svix-Timestamp", timestamp)
		d.signed.Set("Svix-Signature", signature)
		return d, nil
	}
	return delivery{}, errHeaders
}

// isID tells whether an id is printable ASCII and not too long.
func isID(id string) bool {
	for _, c := range []byte(id) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return len(id) <= longestID
}

// message is a delivery as Junction would publish it.
func (d delivery) message(body []byte, now time.Time) *transforms.Message {
	m := &transforms.Message{
		ID: d.id, PublishTime: now, Data: body,
		Attributes: map[string]string{transforms.AttrBlobType: "json", transforms.AttrIdempotencyKey: d.id},
	}
	if t, ok := eventType(body); ok {
		m.Attributes[transforms.AttrEventType] = t
	}
	if at, ok := eventTime(d.id); ok {
		m.Attributes[transforms.AttrEventTime] = at.Format(time.RFC3339Nano)
	}
	m.Pack()
	return m
}

// eventType is the event_type of a body, if it has a readable one. It stands
// first in what Junction sends, so not much is read.
func eventType(body []byte) (name string, ok bool) {
	found := errors.New("found")
	err := jx.DecodeBytes(body).ObjBytes(func(d *jx.Decoder, key []byte) error {
		if string(key) != "event_type" {
			return d.Skip()
		}
		var err error
		if name, err = d.Str(); err != nil {
			return err
		}
		return found
	})
	ok = errors.Is(err, found) && name != "" && len(name) <= longestType && utf8.ValidString(name)
	return name, ok
}
