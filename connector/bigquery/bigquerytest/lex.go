package bigquerytest

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// tokenKind is what kind of token of GoogleSQL a token is.
type tokenKind int

const (
	tokenEnd    tokenKind = iota
	tokenWord             // an identifier or keyword
	tokenQuoted           // an identifier, or a path, in backticks; without them
	tokenString           // the string that the literal stands for
	tokenBytes            // the bytes that the literal stands for
	tokenInteger
	tokenFloat
	tokenParameter // the name after @
	tokenSystem    // the name after @@, with its dots
	tokenSymbol
)

// token is a token of GoogleSQL.
type token struct {
	kind       tokenKind
	text       string
	line, col  int
	start, end int // in the text of the script
}

// is tells whether a token is a keyword, or a symbol.
func (t token) is(word string) bool {
	return t.kind == tokenWord && strings.EqualFold(t.text, word) || t.kind == tokenSymbol && t.text == word
}

// any tells whether a token is one of those.
func (t token) any(words ...string) bool {
	for _, w := range words {
		if t.is(w) {
			return true
		}
	}
	return false
}

// lexer cuts a script into tokens: https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical.
type lexer struct {
	text      string
	at        int
	line      int
	lineStart int
	tokens    []token
}

// lex returns the tokens of a script, without comments.
func lex(text string) ([]token, error) {
	l := &lexer{text: text, line: 1}
	for {
		if err := l.skip(); err != nil {
			return nil, err
		}
		if l.at >= len(text) {
			return l.tokens, nil
		}
		if err := l.next(); err != nil {
			return nil, err
		}
	}
}

func (l *lexer) rest() string { return l.text[l.at:] }

func (l *lexer) here() token {
	return token{line: l.line, col: utf8.RuneCountInString(l.text[l.lineStart:l.at]) + 1, start: l.at}
}

// advance goes on by so many bytes.
func (l *lexer) advance(n int) {
	for i := range n {
		if l.text[l.at+i] == '\n' {
			l.line++
			l.lineStart = l.at + i + 1
		}
	}
	l.at += n
}

// skip goes past white space and comments.
func (l *lexer) skip() error {
	for l.at < len(l.text) {
		r, size := utf8.DecodeRuneInString(l.rest())
		switch {
		case unicode.IsSpace(r):
			l.advance(size)
		case r == '#', strings.HasPrefix(l.rest(), "--"):
			n := strings.IndexByte(l.rest(), '\n')
			if n < 0 {
				n = len(l.rest())
			}
			l.advance(n)
		case strings.HasPrefix(l.rest(), "/*"):
			n := strings.Index(l.rest(), "*/")
			if n < 0 {
				return syntaxError(l.here(), "Unclosed comment")
			}
			l.advance(n + 2)
		default:
			return nil
		}
	}
	return nil
}

// add ends a token that began at from.
func (l *lexer) add(from token, kind tokenKind, text string, n int) {
	l.advance(n)
	from.kind, from.text, from.end = kind, text, l.at
	l.tokens = append(l.tokens, from)
}

// symbols of more than one character; the longest that fits is taken.
var symbols = []string{"<=", ">=", "<>", "!=", "||", "<<", ">>", "=>", "|>"}

func (l *lexer) next() error {
	from, rest := l.here(), l.rest()
	c := rest[0]
	switch {
	case c == '`':
		return l.quoted(from)
	case isString(rest):
		return l.literal(from)
	case isWordStart(c):
		n := wordLength(rest)
		l.add(from, tokenWord, rest[:n], n)
	case isDigit(c) || c == '.' && len(rest) > 1 && isDigit(rest[1]):
		return l.number(from)
	case strings.HasPrefix(rest, "@@") && len(rest) > 2 && isWordStart(rest[2]):
		n := 2 + wordLength(rest[2:])
		for n+1 < len(rest) && rest[n] == '.' && isWordStart(rest[n+1]) {
			n += 1 + wordLength(rest[n+1:]) // @@script.job_id
		}
		l.add(from, tokenSystem, rest[2:n], n)
	case c == '@' && len(rest) > 1 && isWordStart(rest[1]):
		n := wordLength(rest[1:])
		l.add(from, tokenParameter, rest[1:1+n], n+1)
	default:
		for _, s := range symbols {
			if strings.HasPrefix(rest, s) {
				l.add(from, tokenSymbol, s, len(s))
				return nil
			}
		}
		if !strings.ContainsRune("+-*/=<>,.()[];&|?:^~", rune(c)) {
			return syntaxError(from, "Illegal input character %q", string(rest[0]))
		}
		l.add(from, tokenSymbol, rest[:1], 1)
	}
	return nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWordStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func wordLength(s string) int {
	n := 0
	for n < len(s) && (isWordStart(s[n]) || isDigit(s[n])) {
		n++
	}
	return n
}

// isString tells whether a literal of STRING or BYTES begins here.
func isString(s string) bool {
	n := 0
	for n < len(s) && n < 2 && strings.ContainsRune("rRbB", rune(s[n])) {
		n++
	}
	return n < len(s) && (s[n] == '\'' || s[n] == '"')
}

func (l *lexer) quoted(from token) error {
	text, n, err := unescape(l.rest()[1:], "`", false, false)
	if err != "" {
		return syntaxError(from, "%s", err)
	}
	if text == "" {
		return syntaxError(from, "Invalid empty identifier")
	}
	l.add(from, tokenQuoted, text, n+1)
	return nil
}

func (l *lexer) literal(from token) error {
	rest, kind, raw, skip := l.rest(), tokenString, false, 0
	for rest[skip] != '\'' && rest[skip] != '"' {
		if rest[skip] == 'b' || rest[skip] == 'B' {
			kind = tokenBytes
		} else {
			raw = true
		}
		skip++
	}
	quote := rest[skip : skip+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(rest[skip:], triple) {
		quote = triple
	}
	text, n, err := unescape(rest[skip+len(quote):], quote, raw, kind == tokenBytes)
	if err != "" {
		return syntaxError(from, "%s", err)
	}
	l.add(from, kind, text, skip+len(quote)+n)
	return nil
}

func (l *lexer) number(from token) error {
	rest, kind, n := l.rest(), tokenInteger, 0
	digits := func() {
		for n < len(rest) && isDigit(rest[n]) {
			n++
		}
	}
	if strings.HasPrefix(rest, "0x") || strings.HasPrefix(rest, "0X") {
		n = 2
		for n < len(rest) && strings.ContainsRune("0123456789abcdefABCDEF", rune(rest[n])) {
			n++
		}
	} else {
		digits()
		if n < len(rest) && rest[n] == '.' {
			kind, n = tokenFloat, n+1
			digits()
		}
		if n < len(rest) && (rest[n] == 'e' || rest[n] == 'E') {
			kind, n = tokenFloat, n+1
			if n < len(rest) && (rest[n] == '+' || rest[n] == '-') {
				n++
			}
			digits()
		}
	}
	if n < len(rest) && isWordStart(rest[n]) {
		return syntaxError(from, "Missing whitespace between literal and alias")
	}
	l.add(from, kind, rest[:n], n)
	return nil
}
