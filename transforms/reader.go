package transforms

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/go-faster/jx"
)

// reader is the streaming pass over one event. It fills cells, and keeps what
// has no column for _extra.
type reader struct {
	json  jx.Decoder
	check jx.Decoder // for what is captured whole
	rt    *route
	body  []byte
	key   []byte // the last one that was read, of those that the plan knows
	rest  []byte // of the body, behind the samples

	eventType []byte
	updatedAt *int64
	sawData   bool // data is an object, or a list of samples
	sawList   bool // there is a list of samples, empty or null perhaps
	lone      bool // the samples bring their own context
	// data's fields beside the samples that no column wants: _extra, unless
	// data turns out to be a sample itself.
	leftovers []leftover

	rows    int32
	cells   [][]cell // by column, in order of rows
	shared  []cell   // by column; row 0 means absent, sharedRow present
	refused []Refusal
	dead    []bool // by row

	extras       []rowExtra
	extraText    []byte
	sharedExtra  []byte
	rowSpares    []spare
	sharedSpares []spare
	rivals       []rival
}

type leftover struct {
	key, raw []byte
}

func (r *reader) reset(columns int) {
	r.eventType, r.updatedAt, r.rows = nil, nil, 0
	r.sawData, r.sawList, r.lone = false, false, false
	for len(r.cells) < columns {
		r.cells = append(r.cells, nil)
		r.shared = append(r.shared, cell{})
	}
	for i := range r.cells {
		r.cells[i] = r.cells[i][:0]
		r.shared[i] = cell{}
	}
	r.leftovers, r.refused, r.dead = r.leftovers[:0], r.refused[:0], r.dead[:0]
	r.extras, r.extraText, r.sharedExtra = r.extras[:0], r.extraText[:0], r.sharedExtra[:0]
	r.rowSpares, r.sharedSpares, r.rivals = r.rowSpares[:0], r.sharedSpares[:0], r.rivals[:0]
}

// read walks the whole event. The error is a *Refusal.
func (r *reader) read(body []byte, rt *route) error {
	r.reset(len(rt.plan.table.Columns))
	r.rt, r.body = rt, body
	r.json.ResetBytes(body)
	if r.json.Next() != jx.Object {
		return r.notObject(body)
	}
	at := sharedRow
	if !rt.plan.samples() {
		at = r.newRow()
	}
	err := r.object(rt.plan.root, at, 1)
	if err == nil && !r.atEnd() {
		err = errTrailing
	}
	if !rt.plan.samples() {
		r.settleSpares(at, r.rowSpares)
	}
	r.settleSpares(sharedRow, r.sharedSpares)
	return r.refusal(err, body)
}

var errTrailing = errors.New("more follows the JSON object")

func (r *reader) notObject(body []byte) error {
	if json.Valid(body) {
		return Refuse(BadShape, "$", "the event is not a JSON object, one of which is expected per message or line")
	}
	return r.refusal(io.ErrUnexpectedEOF, body)
}

// atEnd tells whether nothing but white space is left.
func (r *reader) atEnd() bool {
	if r.json.Next() != jx.Invalid {
		return false
	}
	err := r.json.Skip()
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// refusal makes an error of the walk a *Refusal that names the place but
// quotes nothing: the decoder's own texts do.
func (r *reader) refusal(err error, body []byte) error {
	var refused *Refusal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return refused
	case errors.Is(err, errTrailing):
		return Refuse(NotJSON, "", "%v", errTrailing)
	}
	var syntax *json.SyntaxError
	var any json.RawMessage
	if errors.As(json.Unmarshal(body, &any), &syntax) {
		return Refuse(NotJSON, "", "JSON ends or breaks at byte %d of %d", syntax.Offset, len(body))
	}
	return Refuse(NotJSON, "", "malformed JSON")
}

// object reads the fields of an object whose node is n into the row at.
func (r *reader) object(n *node, at int32, depth int) error {
	if depth > MaxDepth {
		return Refuse(TooDeep, r.where(n), "nested deeper than %d", MaxDepth)
	}
	it, err := r.json.ObjIter()
	if err != nil {
		return err
	}
	var seen uint64
	var others keySet
	known := 0
	for it.Next() {
		key := it.Key()
		child := n.next(key, known)
		if child != nil {
			known++
		}
		switch {
		case child == nil && others.add(key), child != nil && seen&child.bit != 0:
			if err := r.duplicate(n, at); err != nil {
				return err
			}
			_, err = r.raw(at, depth)
		case child == nil:
			err = r.unknown(n, key, at, depth)
		default:
			seen |= child.bit
			r.key = key
			err = r.value(child, at, depth)
		}
		if err != nil {
			return err
		}
	}
	return it.Err()
}

// duplicate refuses the sample an object belongs to, or the whole message: no
// rule says which of two values is meant. The name is not repeated, for the
// names of a map are data.
func (r *reader) duplicate(n *node, at int32) error {
	return r.refuse(at, Refuse(DuplicateKey, r.where(n), "an object has the same field twice"))
}

// where is the path of n from the event's root; within samples, from theirs.
func (r *reader) where(n *node) string {
	p := r.rt.plan
	switch {
	case n == p.root:
		return "$"
	case n == p.data:
		return "$.data"
	case p.samples() || strings.HasPrefix(n.path, rootPrefix):
		return n.path
	}
	return dataPrefix + n.path
}

// refuse keeps a refusal to the sample it concerns; elsewhere it is the
// message's and ends the walk.
func (r *reader) refuse(at int32, err error) error {
	var refused *Refusal
	if at == sharedRow || !r.rt.plan.samples() || !errors.As(err, &refused) {
		return err
	}
	r.refuseRow(at, *refused)
	return nil
}

// value reads the value of a field the plan knows.
func (r *reader) value(n *node, at int32, depth int) error {
	switch n.kind {
	case dataNode:
		return r.dataValue(n, at, depth)
	case samplesNode:
		r.sawList = true
		return r.samples(r.rt.plan.sample, n.path, depth)
	}
	switch r.json.Next() {
	case jx.Null:
		return r.json.Null()
	case jx.Object:
		if len(n.children) > 0 {
			return r.object(n, at, depth+1)
		}
	}
	raw, err := r.raw(at, depth)
	if err != nil {
		return err
	}
	switch n.kind {
	case eventTypeNode:
		if s, ok := unquote(raw); ok {
			r.eventType = s
		} else {
			r.keep(at, n.path, raw)
		}
		return nil
	case updatedAtNode:
		if s, ok := unquote(raw); ok {
			if t, ok := parseTimestamp(s); ok {
				r.updatedAt = &t
			}
		}
	}
	r.offer(n, at, raw)
	return nil
}

// dataValue reads the field that holds the event's payload.
func (r *reader) dataValue(n *node, at int32, depth int) error {
	p := r.rt.plan
	switch kind := r.json.Next(); {
	case kind == jx.Object:
		r.sawData = true
		if err := r.object(p.data, at, depth+1); err != nil {
			return err
		}
		return r.settleLeftovers()
	case kind == jx.Array && p.samples():
		r.sawData, r.sawList, r.lone = true, true, true
		return r.samples(p.lone, n.path, depth)
	}
	_, err := r.raw(at, depth)
	return err
}

// samples reads an array of samples, or a single one, each by the trie.
func (r *reader) samples(trie *node, path string, depth int) error {
	switch r.json.Next() {
	case jx.Null:
		return r.json.Null()
	case jx.Object:
		return r.sample(trie, depth)
	case jx.Array:
	default:
		return Refuse(BadShape, path, "neither a list of samples nor a sample")
	}
	text := r.ahead()
	if text == nil {
		list, err := r.json.Raw()
		if err != nil {
			return err
		}
		whole := r.json
		_, err = r.list(trie, list, depth)
		r.json = whole
		return err
	}
	rest, err := r.list(trie, text, depth)
	if err != nil {
		return err
	}
	return r.goOn(rest, depth)
}

// ahead is the body from the array on that comes next, the value of the key
// that was read last; nil if it cannot be found.
func (r *reader) ahead() []byte {
	// The decoder does not tell where it is, but a key is a part of the body, if
	// there are no escapes in it.
	at := cap(r.body) - cap(r.key)
	if at < 0 || at >= len(r.body) || len(r.key) == 0 || &r.body[at] != &r.key[0] {
		return nil
	}
	at += len(r.key)
	return r.body[at+bytes.IndexByte(r.body[at:], '['):]
}

// goOn lets the decoder go on with the rest of the body, within as many objects
// as are open, behind the value that was read without it.
func (r *reader) goOn(rest []byte, open int) error {
	r.rest = r.rest[:0]
	for range open {
		r.rest = append(r.rest, `{"":`...)
	}
	r.rest = append(append(r.rest, '0'), rest...)
	r.json.ResetBytes(r.rest)
	for range open {
		it, err := r.json.ObjIter()
		if err != nil {
			return err
		}
		it.Next()
	}
	return r.json.Skip()
}

// list reads the samples of an array with which a text begins, and returns what
// follows it. The decoder is elsewhere then.
func (r *reader) list(trie *node, text []byte, depth int) (rest []byte, err error) {
	before := &trie.alike
	before.forget()
	if text = trimSpace(text[1:]); len(text) > 0 && text[0] == ']' {
		return text[1:], nil
	}
	for ; ; text = trimSpace(text[1:]) {
		size := before.match(text)
		if size > 0 {
			r.take(before)
		} else {
			r.check.ResetBytes(text)
			sample, err := r.check.Raw()
			if err != nil {
				return nil, err
			}
			r.json.ResetBytes(sample)
			if err := r.sample(trie, depth+1); err != nil {
				return nil, err
			}
			before.learn(sample, trie)
			size = len(sample)
		}
		switch text = trimSpace(text[size:]); {
		case len(text) == 0:
			return nil, io.ErrUnexpectedEOF
		case text[0] == ']':
			return text[1:], nil
		case text[0] != ',':
			return nil, errBetween
		}
	}
}

var errBetween = errors.New("neither a comma nor the end after a sample")

func (r *reader) sample(trie *node, depth int) error {
	row := r.newRow()
	if r.json.Next() == jx.Object {
		err := r.object(trie, row, depth+1)
		r.settleSpares(row, r.rowSpares)
		return err
	}
	if _, err := r.raw(row, depth); err != nil {
		return err
	}
	r.refuseRow(row, Refusal{Reason: BadShape, Detail: "the sample is not an object"})
	return nil
}

func (r *reader) newRow() int32 {
	row := r.rows
	r.rows++
	r.dead = append(r.dead, false)
	r.rowSpares = r.rowSpares[:0]
	return row
}

// refuseRow sends one sample to quarantine; the first reason stands.
func (r *reader) refuseRow(row int32, why Refusal) {
	if r.dead[row] {
		return
	}
	r.dead[row] = true
	why.index = row
	r.refused = append(r.refused, why)
}

// raw is the literal that comes next; what is in it is checked.
func (r *reader) raw(at int32, depth int) ([]byte, error) {
	r.json.Next() // skips white space
	raw, err := r.json.Raw()
	if err != nil {
		return nil, err
	}
	if raw[0] == '{' || raw[0] == '[' {
		r.check.ResetBytes(raw)
		if err := checkValue(&r.check, depth+1); err != nil {
			return raw, r.refuse(at, err)
		}
	}
	return raw, nil
}

// unknown keeps a field that the plan does not know.
func (r *reader) unknown(n *node, key []byte, at int32, depth int) error {
	raw, err := r.raw(at, depth)
	if err != nil {
		return err
	}
	if n == r.rt.plan.data && at == sharedRow {
		r.leftovers = append(r.leftovers, leftover{key, raw})
		return nil
	}
	prefix := n.path
	if n == r.rt.plan.root {
		prefix = "$"
	}
	r.keep(at, joinPath(prefix, key), raw)
	return nil
}

// settleLeftovers decides what data's unknown fields are: with samples beside
// them, just unknown; without, data is itself a sample.
func (r *reader) settleLeftovers() error {
	p := r.rt.plan
	if r.sawList {
		for _, l := range r.leftovers {
			r.keep(sharedRow, joinPath("$.data", l.key), l.raw)
		}
		return nil
	}
	if len(r.leftovers) == 0 {
		return nil
	}
	row := r.newRow()
	for _, l := range r.leftovers {
		child := p.sample.children[string(l.key)]
		if child == nil {
			r.keep(row, joinPath("", l.key), l.raw)
			continue
		}
		whole := r.json
		r.json.ResetBytes(l.raw)
		err := r.value(child, row, 2)
		r.json = whole
		if err != nil {
			return err
		}
	}
	r.settleSpares(row, r.rowSpares)
	return nil
}
