package transforms

import "bytes"

// alike is how a sample is written. Those of a message, and of messages of a
// kind, are mostly written the same way, to the byte, but for their values: to
// compare the next one with the one before takes a fraction of what it takes
// to parse it. One that differs is parsed, and what follows is compared with
// that.
type alike struct {
	fields []alikeField
	end    []byte // what stands after the last value, the brace included; empty if nothing is learned
}

// alikeField is a field of the sample before.
type alikeField struct {
	before []byte // what stands between the value before and this one
	node   *node
	next   []byte // its value in the sample that is matched
	same   bool   // next is the value of the sample before
	// value is that of the sample before, and cell what it is in the column
	// that it is for: many fields say the same in all samples of a message.
	value []byte
	cell  cell
	known bool
}

// forget keeps how samples are written, but not their values, which are those
// of another message.
func (a *alike) forget() {
	for i := range a.fields {
		a.fields[i].value, a.fields[i].known = nil, false
	}
}

// learn takes a sample, of good syntax, as what the next one is compared with.
// Its fields must be known, each there once, and their values plain.
func (a *alike) learn(sample []byte, trie *node) {
	a.fields, a.end = a.fields[:0], a.end[:0]
	if sample[0] != '{' {
		return
	}
	var seen uint64
	before, rest := sample, trimSpace(sample[1:])
	for rest[0] != '}' {
		if rest[0] == ',' {
			rest = trimSpace(rest[1:])
		}
		key := plainSize(rest)
		if key == 0 {
			a.fields = a.fields[:0]
			return
		}
		n := trie.children[string(rest[1:key-1])]
		rest = trimSpace(trimSpace(rest[key:])[1:]) // behind the colon
		size := plainSize(rest)
		if n == nil || n.kind != plainNode || seen&n.bit != 0 || size == 0 {
			a.fields = a.fields[:0]
			return
		}
		seen |= n.bit
		a.add(before[:len(before)-len(rest)], n)
		before = rest[size:]
		rest = trimSpace(before)
	}
	a.end = append(a.end, before[:len(before)-len(rest)+1]...)
}

// add enters a field. Buffers are used again.
func (a *alike) add(before []byte, n *node) {
	if len(a.fields) < cap(a.fields) {
		a.fields = a.fields[:len(a.fields)+1]
	} else {
		a.fields = append(a.fields, alikeField{})
	}
	f := &a.fields[len(a.fields)-1]
	*f = alikeField{before: append(f.before[:0], before...), node: n}
}

// match returns how long the sample is that a text begins with, if it is
// written as the one before: its values are in the fields then. Otherwise 0.
func (a *alike) match(text []byte) int {
	if len(a.end) == 0 {
		return 0
	}
	at := 0
	for i := range a.fields {
		f := &a.fields[i]
		if !bytes.HasPrefix(text[at:], f.before) {
			return 0
		}
		at += len(f.before)
		size := len(f.value)
		f.same = size > 0 && bytes.HasPrefix(text[at:], f.value) // a longer number does not go on as it has to
		if !f.same {
			if size = plainSize(text[at:]); size == 0 {
				return 0
			}
		}
		f.next = text[at : at+size]
		at += size
	}
	if !bytes.HasPrefix(text[at:], a.end) {
		return 0
	}
	return at + len(a.end)
}

// take enters the sample that was matched, as object would.
func (r *reader) take(a *alike) {
	row := r.newRow()
	for i := range a.fields {
		f := &a.fields[i]
		if f.same && f.known {
			f.cell.row = row
			r.put(f.node.sole.column, f.cell)
			continue
		}
		f.value, f.known = f.next, false
		if f.next[0] == 'n' {
			continue // null
		}
		if b := f.node.sole; b != nil && string(f.next) != `""` { // which may be missing
			if f.cell, f.known = convert(b.of, b.key, f.next); f.known {
				f.cell.row = row
				r.put(b.column, f.cell)
				continue
			}
		}
		r.offer(f.node, row, f.next)
	}
	r.settleSpares(row, r.rowSpares)
}

// plainSize is the length of the value that a text begins with, if it is a
// number, true, false, null, or a string without escapes; otherwise 0.
func plainSize(text []byte) int {
	if len(text) == 0 {
		return 0
	}
	switch c := text[0]; {
	case c == '"':
		for i := 1; i < len(text); i++ {
			switch c := text[i]; {
			case c == '"':
				return i + 1
			case c == '\\' || c < ' ':
				return 0
			}
		}
		return 0
	case c == '-' || isDigit(c):
		return numberSize(text)
	}
	for _, word := range []string{"null", "true", "false"} {
		if len(text) >= len(word) && string(text[:len(word)]) == word {
			return len(word)
		}
	}
	return 0
}

// numberSize is the length of the number that a text begins with, 0 if it is
// none: https://www.rfc-editor.org/rfc/rfc8259#section-6
func numberSize(text []byte) int {
	i := 0
	if text[0] == '-' {
		i = 1
	}
	whole := digitsAt(text, i)
	if whole == 0 || whole > 1 && text[i] == '0' {
		return 0
	}
	if i += whole; i < len(text) && text[i] == '.' {
		n := digitsAt(text, i+1)
		if n == 0 {
			return 0
		}
		i += 1 + n
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		if i++; i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		n := digitsAt(text, i)
		if n == 0 {
			return 0
		}
		i += n
	}
	return i
}

// digitsAt is how many digits follow each other from a position on.
func digitsAt(text []byte, from int) int {
	i := from
	for i < len(text) && isDigit(text[i]) {
		i++
	}
	return i - from
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func trimSpace(text []byte) []byte {
	for len(text) > 0 && isSpace(text[0]) {
		text = text[1:]
	}
	return text
}
