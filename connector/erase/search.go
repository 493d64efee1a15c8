package erase

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"

	"vitalsink/connector"
	"vitalsink/transforms"
)

// maxSearched is how many bytes of a message are searched, decompressed: what is
// larger counts as unreadable.
const maxSearched = 256 << 20

// search looks for people in messages.
type search struct {
	hashes  []string
	clients map[string]bool
	most    int64 // bytes of a message, decompressed
}

// message tells whom of the people a message names, and whether all of it could
// be searched. What names one by a reference of the client's alone counts for
// the first of them.
func (s *search) message(m *message) (hash string, names, readable bool) {
	for _, text := range []string{m.id, m.text} {
		if hash, names = s.text([]byte(text)); names {
			return hash, true, true
		}
	}
	if m.zipped.Len() == 0 {
		return "", false, true
	}
	body, err := s.gunzip(m.zipped.Bytes())
	if hash, names = s.text(body); names || err != nil {
		return hash, names, err == nil
	}
	if bytes.HasPrefix(body, []byte{0x1f, 0x8b}) { // as Junction compresses
		body, err = s.gunzip(body)
		if hash, names = s.text(body); names || err != nil {
			return hash, names, err == nil
		}
	}
	return "", false, utf8.Valid(body)
}

// text tells whom of the people a text names, or what stands in it in base64:
// an envelope that could not be opened has its message in it.
func (s *search) text(text []byte) (hash string, names bool) {
	if hash, names = s.plain(text); names {
		return hash, names
	}
	for _, run := range base64Run.FindAll(text, -1) {
		for cut := range 4 { // its begin may be gone
			if hash, names = s.inner(run[cut:]); names {
				return hash, names
			}
		}
	}
	return "", false
}

// inner tells whom base64 names, as far as it can be decoded; there may be
// another envelope in it.
func (s *search) inner(run []byte) (hash string, names bool) {
	inner, _ := base64.StdEncoding.AppendDecode(nil, run[:len(run)/4*4])
	if bytes.HasPrefix(inner, []byte{0x1f, 0x8b}) {
		inner, _ = s.gunzip(inner)
	}
	if hash, names = s.plain(inner); names {
		return hash, names
	}
	for _, deeper := range base64Run.FindAll(inner, -1) {
		body, _ := base64.StdEncoding.AppendDecode(nil, deeper[:len(deeper)/4*4])
		if bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
			body, _ = s.gunzip(body)
		}
		if hash, names = s.plain(body); names {
			return hash, names
		}
	}
	return "", false
}

// base64Run is what may be base64, and long enough to hold an id.
var base64Run = regexp.MustCompile(`[A-Za-z0-9+/]{48,}={0,2}`)

// plain tells whom of the people a text names as it stands.
func (s *search) plain(text []byte) (hash string, names bool) {
	for id := range transforms.UUIDs(text) {
		if h := connector.UserHash(id); slices.Contains(s.hashes, h) {
			return h, true
		}
	}
	for client := range clientUserIDs(text) {
		if s.clients[client] {
			return s.hashes[0], true
		}
	}
	return "", false
}

// clientUserIDs are the values of members of that name in what may be JSON.
func clientUserIDs(text []byte) func(yield func(string) bool) {
	member := []byte(`"client_user_id"`)
	return func(yield func(string) bool) {
		for rest := text; ; {
			i := bytes.Index(rest, member)
			if i < 0 {
				return
			}
			rest = rest[i+len(member):]
			value, ok := bytes.CutPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte(":"))
			if !ok {
				continue
			}
			var id any // a text, or a number
			d := json.NewDecoder(bytes.NewReader(value))
			d.UseNumber()
			if d.Decode(&id) == nil && id != nil && id != "" && !yield(fmt.Sprint(id)) {
				return
			}
		}
	}
}

var errTooLarge = errors.New("it is too large to be searched")

// gunzip decompresses as far as it can.
func (s *search) gunzip(zipped []byte) ([]byte, error) {
	zr, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	if _, err = io.Copy(&body, io.LimitReader(zr, s.most+1)); err == nil && int64(body.Len()) > s.most {
		err = errTooLarge
	}
	return body.Bytes(), err
}
