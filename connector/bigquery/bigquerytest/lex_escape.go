package bigquerytest

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// plain are the escape sequences that stand for one byte.
var plain = map[byte]byte{
	'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v',
	'\\': '\\', '?': '?', '"': '"', '\'': '\'', '`': '`',
}

// unescape reads what stands before the closing quote. It returns the value
// and the length read with the quote, or what is wrong.
func unescape(s, quote string, raw, bytes bool) (value string, n int, wrong string) {
	var b strings.Builder
	for n < len(s) {
		switch {
		case strings.HasPrefix(s[n:], quote):
			if !bytes && !utf8.ValidString(b.String()) {
				return "", 0, "Structurally invalid UTF8 string"
			}
			return b.String(), n + len(quote), ""
		case s[n] == '\n' && len(quote) == 1:
			return "", 0, "Unclosed string literal"
		case s[n] == '\\' && raw && n+1 < len(s):
			b.WriteString(s[n : n+2])
			n += 2
		case s[n] == '\\':
			used := escape(&b, s[n+1:], bytes)
			if used == 0 {
				return "", 0, "Invalid escape sequence"
			}
			n += 1 + used
		default:
			b.WriteByte(s[n])
			n++
		}
	}
	return "", 0, "Unclosed string literal"
}

// escape reads what follows a backslash and returns how much it is; 0 if it is
// no escape sequence.
func escape(b *strings.Builder, s string, bytes bool) int {
	if s == "" {
		return 0
	}
	if c, ok := plain[s[0]]; ok {
		b.WriteByte(c)
		return 1
	}
	digits, base, skip := 3, 8, 0
	switch s[0] {
	case 'x', 'X':
		digits, base, skip = 2, 16, 1
	case 'u':
		digits, base, skip = 4, 16, 1
	case 'U':
		digits, base, skip = 8, 16, 1
	}
	if len(s) < skip+digits {
		return 0
	}
	code, err := strconv.ParseUint(s[skip:skip+digits], base, 32)
	wide := digits > 3
	if err != nil || wide && bytes || wide && !utf8.ValidRune(rune(code)) || !wide && code > 255 {
		return 0
	}
	if wide || !bytes {
		b.WriteRune(rune(code))
	} else {
		b.WriteByte(byte(code))
	}
	return skip + digits
}
