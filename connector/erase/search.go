package erase

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"

	"vitalsink/connector"
	"vitalsink/transforms"
)

// maxSearched is how much of a message is searched, decompressed: what is larger
// counts as unreadable.
const maxSearched = 256 << 20

// search looks for people in messages.
type search struct {
	hashes  []string
	clients map[string]bool
}

// message tells whom of the people a message names, and whether all of it could
// be searched. What names one by a reference of the client's alone counts for
// the first of them.
func (s *search) message(m *message) (hash string, names, readable bool) {
	if hash, names = s.text([]byte(m.text)); names || m.zipped.Len() == 0 {
		return hash, names, true
	}
	body, err := gunzip(m.zipped.Bytes())
	if hash, names = s.text(body); names || err != nil {
		return hash, names, err == nil
	}
	if bytes.HasPrefix(body, []byte{0x1f, 0x8b}) { // as Junction compresses
		body, err = gunzip(body)
		if hash, names = s.text(body); names || err != nil {
			return hash, names, err == nil
		}
	}
	return "", false, utf8.Valid(body)
}

// text tells whom of the people a text names.
func (s *search) text(text []byte) (hash string, names bool) {
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
			var id string
			if json.NewDecoder(bytes.NewReader(value)).Decode(&id) == nil && id != "" && !yield(id) {
				return
			}
		}
	}
}

var errTooLarge = errors.New("it is too large to be searched")

// gunzip decompresses as far as it can.
func gunzip(zipped []byte) ([]byte, error) {
	zr, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	if _, err = io.Copy(&body, io.LimitReader(zr, maxSearched+1)); err == nil && body.Len() > maxSearched {
		err = errTooLarge
	}
	return body.Bytes(), err
}
