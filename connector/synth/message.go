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
		m.Data = new(zipper).compress(body)
	}
	return m
}

// zipper compresses with one writer, which is large.
type zipper struct {
	out bytes.Buffer
	zip *gzip.Writer
}

// compress panics on a failed write, which a buffer never has.
func (z *zipper) compress(body []byte) []byte {
	z.out.Reset()
	if z.zip == nil {
		z.zip = gzip.NewWriter(&z.out)
	} else {
		z.zip.Reset(&z.out)
	}
	_, err := z.zip.Write(body)
	if err == nil {
		err = z.zip.Close()
	}
	if err != nil {
		panic(fmt.Sprintf("compress event: %v", err))
	}
	return bytes.Clone(z.out.Bytes())
}
