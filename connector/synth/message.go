package synth

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"github.com/klauspost/compress/gzip"

	"vitalsink/transforms"
)

// gzipFrom is the size of body, in bytes, from which Junction compresses.
const gzipFrom = 1 << 10

// Message is a body as Junction publishes it to Pub/Sub: each call is another
// delivery of the event, with an id and an idempotency key of its own. To
// deliver a message again, use it again.
func (g *Generator) Message(eventType string, body []byte, published time.Time) transforms.Message {
	g.messageID += 1 + g.dice.Uint64N(1000)
	m := transforms.Message{
		ID:          strconv.FormatUint(g.messageID, 10),
		PublishTime: published.UTC().Truncate(time.Microsecond),
		Attributes: map[string]string{
			"event-type":      eventType,
			"blob-type":       "json",
			"idempotency-key": g.dice.uuid(),
		},
		Data: body,
	}
	if len(body) >= gzipFrom {
		m.Attributes["blob-codec"] = "gzip"
		m.Data = compress(body)
	}
	return m
}

// compress panics on a failed write, which a buffer never has.
func compress(body []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(body); err != nil {
		panic(fmt.Sprintf("compress event: %v", err))
	}
	if err := w.Close(); err != nil {
		panic(fmt.Sprintf("compress event: %v", err))
	}
	return b.Bytes()
}
