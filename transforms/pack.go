package transforms

import (
	"bytes"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
)

// packFrom is the size of a body, in bytes, from which on Junction compresses
// it.
const packFrom = 1 << 10

// zips are used again: each takes a megabyte.
var zips = sync.Pool{New: func() any {
	zip, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // there is such a level
	return zip
}}

// NewMessage is an event as Junction would publish it, which tells what was so
// at a time, in UTC. The id is its own, and its idempotency key.
func NewMessage(id, eventType string, at time.Time, body []byte) Message {
	m := Message{ID: id, PublishTime: at, Data: body, Attributes: map[string]string{
		AttrEventType: eventType, AttrBlobType: "json", AttrIdempotencyKey: id, AttrEventTime: at.UTC().Format(time.RFC3339Nano),
	}}
	m.Pack()
	return m
}

// Pack compresses the body as Junction does: if it is large, or zipped as it
// came, since it would be taken for something that we zipped.
func (m *Message) Pack() {
	if len(m.Data) < packFrom && !bytes.HasPrefix(m.Data, []byte{0x1f, 0x8b}) {
		return
	}
	var out bytes.Buffer
	zip := zips.Get().(*gzip.Writer)
	defer zips.Put(zip)
	zip.Reset(&out)
	_, _ = zip.Write(m.Data) // a buffer takes all
	_ = zip.Close()
	m.Data, m.Attributes[AttrBlobCodec] = out.Bytes(), "gzip"
}
