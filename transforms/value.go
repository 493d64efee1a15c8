package transforms

import (
	"bytes"
	"math"
	"strconv"

	"github.com/go-faster/jx"

	"vitalsink/schemas"
)

// maxExactInt is the largest integer up to which a FLOAT64 holds every one.
const maxExactInt = 1 << 53

// cell is one value that fits its column.
type cell struct {
	row      int32 // of the message, or sharedRow
	priority uint8 // of the path it came from, see binding
	// num is the INT64, the TIMESTAMP in µs or the DATE in days since 1970, 1
	// for true, or the bits of the FLOAT64.
	num int64
	// str is the STRING; the JSON, or the array of a repeated column, as it
	// came. It points into the message.
	str []byte
}

// sharedRow is the row of a value that holds for all rows of a message.
const sharedRow = int32(-1)

// convert makes a cell of a JSON literal, if it fits the column. key columns
// take integers for strings: an id is an id, however it is written.
func convert(c *schemas.Column, key bool, raw []byte) (cell, bool) {
	if c.Repeated {
		return cell{str: raw}, repeats(c, raw)
	}
	switch c.Type {
	case schemas.JSON:
		return cell{str: storable(raw)}, true
	case schemas.String:
		if key && isInteger(raw) {
			return cell{str: raw}, true
		}
		s, ok := unquote(raw)
		return cell{str: s}, ok
	}
	n, ok := scalar(c.Type, raw)
	return cell{num: n}, ok
}

// scalar reads a literal of a type that fits 64 bits; see cell.num.
func scalar(t schemas.Type, raw []byte) (int64, bool) {
	switch t {
	case schemas.Float64:
		f, ok := float(raw)
		return int64(math.Float64bits(f)), ok
	case schemas.Int64:
		return integer(raw)
	case schemas.Bool:
		if string(raw) == "true" {
			return 1, true
		}
		return 0, string(raw) == "false"
	case schemas.Timestamp:
		s, ok := unquote(raw)
		if !ok {
			return 0, false
		}
		return parseTimestamp(s)
	case schemas.Date:
		s, ok := unquote(raw)
		if !ok {
			return 0, false
		}
		d, ok := parseDate(s)
		return int64(d), ok
	}
	return 0, false
}

// repeats tells whether raw is an array whose every element fits. BigQuery has
// no NULL within an array.
func repeats(c *schemas.Column, raw []byte) bool {
	ok := true
	err := eachElement(raw, func(element []byte) {
		if c.Type == schemas.String {
			_, fits := unquote(element)
			ok = ok && fits
			return
		}
		_, fits := scalar(c.Type, element)
		ok = ok && fits
	})
	return ok && err == nil
}

// eachElement calls f with the literals of a JSON array.
func eachElement(raw []byte, f func(element []byte)) error {
	d := jx.DecodeBytes(raw)
	it, err := d.ArrIter()
	if err != nil {
		return err
	}
	for it.Next() {
		d.Next() // skips white space
		element, err := d.Raw()
		if err != nil {
			return err
		}
		f(element)
	}
	return it.Err()
}

// unquote is the text of a JSON string. One with half a surrogate pair is
// none: it has no text.
func unquote(raw []byte) ([]byte, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return nil, false
	}
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner, true
	}
	if len(storable(raw)) != len(raw) {
		return nil, false
	}
	s, err := jx.DecodeBytes(raw).StrAppend(nil)
	return s, err == nil
}

// storable is JSON that every warehouse takes. Half a surrogate pair (what is
// left of an emoji when a text is cut) is valid JSON, but no text: its escape
// is kept as text, with the backslash doubled.
func storable(raw []byte) []byte {
	if !bytes.Contains(raw, []byte(`\ud`)) && !bytes.Contains(raw, []byte(`\uD`)) {
		return raw
	}
	out := make([]byte, 0, len(raw)+8)
	for i := 0; i < len(raw); {
		switch {
		case raw[i] != '\\':
			out = append(out, raw[i])
			i++
		case isSurrogate(raw[i:], '8', 'b') && isSurrogate(raw[i+6:], 'c', 'f'):
			out = append(out, raw[i:i+12]...)
			i += 12
		case isSurrogate(raw[i:], '8', 'f'):
			out = append(append(out, '\\'), raw[i:i+6]...)
			i += 6
		default:
			out = append(out, raw[i:i+2]...)
			i += 2
		}
	}
	return out
}

// isSurrogate tells whether s begins with the escape of half a pair whose
// second digit lies between two: 8 to b for the first half, c to f for the
// second.
func isSurrogate(s []byte, from, to byte) bool {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' || s[2]|0x20 != 'd' {
		return false
	}
	digit := s[3] | 0x20 // lower case; what is a digit has that bit already
	return digit >= from && digit <= to
}

// number is the literal of a number, which may come as a string.
func number(raw []byte) ([]byte, bool) {
	if len(raw) > 2 && raw[0] == '"' {
		var ok bool
		if raw, ok = unquote(raw); !ok {
			return nil, false
		}
		d := jx.DecodeBytes(raw)
		whole, err := d.Num()
		if err != nil || len(whole) != len(raw) || whole.Str() {
			return nil, false
		}
	}
	return raw, len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9')
}

// isInteger tells whether a literal is digits with perhaps a minus before.
func isInteger(raw []byte) bool {
	return len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9') && jx.Num(raw).IsInt()
}

// powers of ten that a FLOAT64 holds exactly, and so do mantissas of 15 digits:
// what is divided by one is rounded once, and right.
var powersOfTen = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// shortFloat reads a number of at most 15 digits without an exponent.
func shortFloat(raw []byte) (float64, bool) {
	digits, negative := raw, false
	if len(raw) > 0 && raw[0] == '-' {
		digits, negative = raw[1:], true
	}
	mantissa, point := int64(0), len(digits)
	if len(digits) == 0 || len(digits) > 16 {
		return 0, false
	}
	for i, c := range digits {
		switch {
		case c >= '0' && c <= '9':
			mantissa = mantissa*10 + int64(c-'0')
		case c == '.' && point == len(digits):
			point = i
		default:
			return 0, false
		}
	}
	decimals := max(0, len(digits)-point-1)
	if point == len(digits) && len(digits) > 15 {
		return 0, false
	}
	f := float64(mantissa) / powersOfTen[decimals]
	if negative {
		f = -f
	}
	return f, true
}

func float(raw []byte) (float64, bool) {
	if f, ok := shortFloat(raw); ok {
		return f, true
	}
	n, ok := number(raw)
	if !ok {
		return 0, false
	}
	if isInteger(n) {
		i, err := strconv.ParseInt(string(n), 10, 64)
		// -0 is the one integer that only a FLOAT64 can tell from 0.
		if err != nil || i > maxExactInt || i < -maxExactInt {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(string(n), 64)
	return f, err == nil
}

// integer reads 7, 7.0 and 70e-1, but not 7.5: digit by digit, for a FLOAT64
// would round.
func integer(raw []byte) (int64, bool) {
	n, ok := number(raw)
	if !ok {
		return 0, false
	}
	if i, err := strconv.ParseInt(string(n), 10, 64); err == nil {
		return i, true
	}
	mantissa, exponent := n, 0
	if e := bytes.IndexAny(n, "eE"); e >= 0 {
		mantissa = n[:e]
		if len(bytes.Trim(mantissa, "-0.")) == 0 {
			return 0, true // whatever the exponent
		}
		var err error
		if exponent, err = strconv.Atoi(string(n[e+1:])); err != nil {
			return 0, false
		}
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte{'.'})
	if exponent < -len(whole) || exponent > maxInt64Digits+len(fraction) {
		return 0, false
	}
	digits := append(bytes.Clone(whole), fraction...)
	point := len(whole) + exponent
	for len(digits) < point {
		digits = append(digits, '0')
	}
	if len(bytes.Trim(digits[point:], "0")) > 0 {
		return 0, false
	}
	i, err := strconv.ParseInt(string(digits[:point]), 10, 64)
	return i, err == nil
}

// maxInt64Digits is how many decimal digits an INT64 can have.
const maxInt64Digits = 19
