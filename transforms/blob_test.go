package transforms_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"

	"vitalsink/transforms"
)

// zip compresses with the standard library: what we read need not be what we
// write.
func zip(t tb, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, text)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatalf("compress: %v", err)
	}
	return b.String()
}

// TestBlobAttributes: both spellings, and every way to say nothing.
func TestBlobAttributes(t *testing.T) {
	plain := summary("body", "")
	zipped := zip(t, plain)
	type pairs = map[string]string
	for _, c := range []struct {
		name, body string
		attributes pairs
		reason     transforms.Reason // "" lands
	}{
		{"plain", plain, nil, ""},
		{"json", plain, pairs{"blob-type": "json"}, ""},
		{"json, older", plain, pairs{"blob_type": "json", "blob_codec": "null"}, ""},
		{"null", plain, pairs{"blob-type": "null", "blob-codec": "null"}, ""},
		{"empty", plain, pairs{"blob-type": "", "blob-codec": ""}, ""},
		{"gzip", zipped, pairs{"blob-codec": "gzip"}, ""},
		{"gzip, older", zipped, pairs{"blob_codec": "gzip"}, ""},
		{"gzip, newer spelling wins", zipped, pairs{"blob-codec": "gzip", "blob_codec": "zstd"}, ""},
		{"gzip without attribute", zipped, nil, ""},
		{"gzip, said to be null", zipped, pairs{"blob-codec": "null"}, ""},
		{"unknown type", plain, pairs{"blob-type": "protobuf"}, "bad_blob_type"},
		{"unknown type, older", plain, pairs{"blob_type": "avro"}, "bad_blob_type"},
		{"spelled otherwise", plain, pairs{"blob-type": "JSON"}, "bad_blob_type"},
		{"unknown codec", zipped, pairs{"blob-codec": "zstd"}, "bad_codec"},
		{"not gzip", plain, pairs{"blob-codec": "gzip"}, "bad_gzip"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := decode(t, c.body, func(m *transforms.Message) { m.Attributes = c.attributes })
			if c.reason == "" {
				only(t, o)
				return
			}
			checkRefused(t, o, c.reason, "")
		})
	}
}

// TestBrokenGzip: whatever part is missing or wrong, the message is refused.
func TestBrokenGzip(t *testing.T) {
	zipped := zip(t, summary("sleep", `"duration":28800,"total":27000`))
	for n := range len(zipped) {
		checkRefused(t, decode(t, zipped[:n], attribute("blob-codec", "gzip")), "bad_gzip", "")
	}
	for _, i := range []int{0, 2, 3, len(zipped) / 2, len(zipped) - 8, len(zipped) - 1} {
		broken := []byte(zipped)
		broken[i] ^= 0x55
		checkRefused(t, decode(t, string(broken), attribute("blob-codec", "gzip")), "bad_gzip", "")
	}
	checkRefused(t, decode(t, zipped+"more", attribute("blob-codec", "gzip")), "bad_gzip", "")
	only(t, decode(t, zip(t, `{"event_type":"daily.data.`)+zip(t, `body.created","user_id":"u1","data":{"id":"s1"}}`)))
}

// TestAfterBrokenGzip: a decoder goes on after what it could not read.
func TestAfterBrokenGzip(t *testing.T) {
	decoder, good := newDecoder(t), zip(t, summary("body", ""))
	for _, broken := range []string{good[:5], good[:len(good)-4], "\x1f\x8b", good[:30] + good[31:]} {
		checkRefused(t, decodeWith(t, decoder, message(broken)), "bad_gzip", "")
		only(t, decodeWith(t, decoder, message(good)))
		only(t, decodeWith(t, decoder, message(summary("body", ""))))
	}
}

func FuzzGunzip(f *testing.F) {
	zipped := zip(f, summary("body", ""))
	for _, seed := range []string{"", "\x1f\x8b", zipped, zipped + zipped, zipped[:20], zipped + "x", zip(f, ""), zip(f, strings.Repeat("ab", 9999)),
		zipped + "\x1f\x8b\b\b0000000", zipped[:3] + "\x20" + zipped[4:], zipped + zipped[:3] + "\x40" + zipped[4:]} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		want, err := standard(data)
		got, refused := transforms.Inflate(data)
		if errors.Is(err, io.ErrUnexpectedEOF) && refused == nil && bytes.Equal(got, want) {
			// Complete, but for the file name of a further member: only the
			// standard library minds.
			return
		}
		if (err != nil) != (refused != nil) || err == nil && !bytes.Equal(got, want) {
			t.Errorf("%d bytes, refused %v; compress/gzip: %d bytes, %v", len(got), refused, len(want), err)
		}
		if got, refused := transforms.Inflate([]byte(zip(t, string(data)))); refused != nil || !bytes.Equal(got, data) {
			t.Errorf("what compress/gzip wrote does not come back: %v", refused)
		}
	})
}

// standard is what the standard library reads, member by member; beyond the
// limit is an error. So is a reserved flag, which RFC 1952 (2.3.1.2) wants
// refused and the standard library lets pass.
func standard(data []byte) ([]byte, error) {
	r := bytes.NewReader(data)
	zr, err := gzip.NewReader(r)
	start, b := 0, []byte{}
	for ; err == nil; err = zr.Reset(r) {
		if data[start+3]>>5 != 0 {
			return nil, errors.New("reserved flag")
		}
		zr.Multistream(false)
		member, err := io.ReadAll(io.LimitReader(zr, transforms.MaxBody+1))
		if b = append(b, member...); err != nil || len(b) > transforms.MaxBody {
			return b, cmp.Or(err, errors.New("too large"))
		}
		start = len(data) - r.Len()
	}
	if errors.Is(err, io.EOF) && start > 0 {
		return b, nil
	}
	return b, err
}
