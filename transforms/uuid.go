package transforms

import (
	"bytes"
	"iter"
)

// uuidSize is the length of a UUID in its canonical form.
const uuidSize = 36

// UUIDs are all UUIDs in the canonical form (8-4-4-4-12, letters in any case)
// that stand in data: as it is and, if something of them could be written as
// an escape of JSON's, with those resolved. One may come several times, and
// what is part of a longer text comes too.
func UUIDs(data []byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		for id := range uuids(data) {
			if !yield(string(id)) {
				return
			}
		}
	}
}

// uuids are UUIDs that are valid until data changes.
func uuids(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if eachUUID(data, yield) {
			eachUUID(resolved(data), yield)
		}
	}
}

// eachUUID is false if yield did not want more.
func eachUUID(data []byte, yield func([]byte) bool) bool {
	for dash := 8; dash < len(data); dash++ {
		next := bytes.IndexByte(data[dash:], '-')
		if next < 0 {
			return true
		}
		dash += next
		if end := dash - 8 + uuidSize; end <= len(data) && isUUID(data[dash-8:end]) && !yield(data[dash-8:end]) {
			return false
		}
	}
	return true
}

// isUUID looks at the dashes first: few texts have them at these places.
func isUUID(s []byte) bool {
	if s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	for i, c := range s {
		if !isHex(c) && (c != '-' || i != 8 && i != 13 && i != 18 && i != 23) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// resolved is data with the escapes of JSON's that stand for a character of a
// UUID replaced by it; nil if there are none.
func resolved(data []byte) (plain []byte) {
	for {
		at := bytes.Index(data, []byte(`\u00`))
		if at < 0 || at+6 > len(data) {
			break
		}
		hi, lo := data[at+4], data[at+5]
		if c := hexValue(hi)<<4 | hexValue(lo); isHex(hi) && isHex(lo) && (isHex(c) || c == '-') {
			plain = append(append(plain, data[:at]...), c)
			data = data[at+6:]
			continue
		}
		plain = append(plain, data[:at+1]...)
		data = data[at+1:]
	}
	if plain != nil {
		plain = append(plain, data...)
	}
	return plain
}

// hexValue is the value of a digit.
func hexValue(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	default:
		return (c | 0x20 - 'a') + 10
	}
}
