package synth

import (
	"bytes"
	"crypto/sha256"
	"io"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/segmentio/ksuid"

	"vitalsink/transforms"
)

// Webhook is a message as a webhook has it: the id that Svix would give it at
// the time of the event, in its units of 4 ms, and the body. The same message
// has the same id.
func Webhook(m *transforms.Message) (id string, body []byte) {
	at := m.PublishTime
	for _, name := range []string{"original-publish-time", "event-time"} {
		if t, err := time.Parse(time.RFC3339Nano, m.Attributes[name]); err == nil {
			at = t
		}
	}
	random := sha256.Sum256([]byte(m.ID))
	payload := random[:16]
	payload[0] = byte(at.Nanosecond() / int(4*time.Millisecond))
	k, err := ksuid.FromParts(at, payload)
	if err != nil {
		panic(err) // of the length of the payload
	}
	return "msg_" + k.String(), withoutGzip(m.Data)
}

// withoutGzip is a body without compression; as it is, if that is broken.
func withoutGzip(body []byte) []byte {
	zip, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return body
	}
	plain, err := io.ReadAll(zip)
	if err != nil {
		return body
	}
	return plain
}
