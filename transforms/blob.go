package transforms

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
)

// keepBuffer is the largest buffer worth keeping for the next message.
const keepBuffer = 4 << 20

// inflater decompresses bodies into a buffer it keeps.
type inflater struct {
	zr  *gzip.Reader
	buf bytes.Buffer
}

// body is the message's JSON, valid until the next call. The attributes
// decide; the bytes are looked at too, because a gzip'd body whose attribute
// got lost is still a gzip'd body. Of one that is refused it is what could be
// decompressed.
func (z *inflater) body(m *Message) ([]byte, *Refusal) {
	switch m.attribute(AttrBlobType, "blob_type") {
	case "", "null", "json":
	default:
		return nil, Refuse(BadBlobType, "", "attribute %s is not json", AttrBlobType)
	}
	zipped := bytes.HasPrefix(m.Data, []byte{0x1f, 0x8b})
	switch m.attribute(AttrBlobCodec, "blob_codec") {
	case "", "null":
	case "gzip":
		zipped = true
	default:
		return nil, Refuse(BadCodec, "", "attribute %s is neither gzip nor absent", AttrBlobCodec)
	}
	if zipped {
		return z.inflate(m.Data)
	}
	if len(m.Data) > MaxBody {
		return nil, Refuse(TooLarge, "", "the body has %d bytes, the limit is %d", len(m.Data), MaxBody)
	}
	return m.Data, nil
}

func (z *inflater) inflate(data []byte) ([]byte, *Refusal) {
	var err error
	if z.buf.Cap() > keepBuffer {
		z.buf = bytes.Buffer{}
	}
	z.buf.Reset()
	if z.zr == nil {
		z.zr, err = gzip.NewReader(bytes.NewReader(data))
	} else {
		err = z.zr.Reset(bytes.NewReader(data))
	}
	if err == nil {
		// One byte more than allowed tells a body at the limit from a larger one.
		_, err = io.Copy(&z.buf, io.LimitReader(z.zr, MaxBody+1))
	}
	if err != nil {
		return z.buf.Bytes(), Refuse(BadGzip, "", "%s after %d bytes", gzipFault(err), z.buf.Len())
	}
	if z.buf.Len() > MaxBody {
		return z.buf.Bytes(), Refuse(TooLarge, "", "the body decompresses to more than %d bytes", MaxBody)
	}
	return z.buf.Bytes(), nil
}

func gzipFault(err error) string {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return "gzip is truncated"
	}
	return "gzip is corrupt"
}

// gzipBytes compresses what goes to quarantine; the same bytes always give the same.
func gzipBytes(data []byte) []byte {
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	if _, err := zw.Write(data); err != nil {
		panic(fmt.Sprintf("transforms: gzip into memory: %v", err))
	}
	if err := zw.Close(); err != nil {
		panic(fmt.Sprintf("transforms: gzip into memory: %v", err))
	}
	return buf.Bytes()
}
