package transforms

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
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
}

type leftover struct {
	key, raw []byte
}

// rowExtra is a row's part of extraText.
type rowExtra struct {
	row        int32
	start, end int
}

// spare is a value from a path that has better ones, or worse: when all are
// read, those that lost and say something else are kept.
type spare struct {
	column int
	cell   cell
	node   *node
	raw    []byte
	// sole says that no other column has the value as its own.
	sole bool
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
	r.rowSpares, r.sharedSpares = r.rowSpares[:0], r.sharedSpares[:0]
}

// read walks the whole event. The error is a *Refusal.
func (r *reader) read(body []byte, rt *route) error {
	r.reset(len(rt.plan.table.Columns))
	r.rt = rt
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
		return Refuse(BadShape, "$", "the event is not a JSON object")
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
	for it.Next() {
		key := it.Key()
		child := n.children[string(key)]
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
		return r.sample(trie, path, depth)
	case jx.Array:
	default:
		return Refuse(BadShape, path, "neither a list of samples nor a sample")
	}
	it, err := r.json.ArrIter()
	if err != nil {
		return err
	}
	for it.Next() {
		if err := r.sample(trie, path, depth+1); err != nil {
			return err
		}
	}
	return it.Err()
}

func (r *reader) sample(trie *node, path string, depth int) error {
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

// checkValue refuses what is nested too deep or says a field twice.
func checkValue(d *jx.Decoder, depth int) error {
	kind := d.Next()
	if kind != jx.Object && kind != jx.Array {
		return d.Skip()
	}
	if depth > MaxDepth {
		return Refuse(TooDeep, "", "nested deeper than %d", MaxDepth)
	}
	if kind == jx.Array {
		it, err := d.ArrIter()
		for err == nil && it.Next() {
			err = checkValue(d, depth+1)
		}
		return errors.Join(err, it.Err())
	}
	var seen keySet
	it, err := d.ObjIter()
	for err == nil && it.Next() {
		if seen.add(it.Key()) {
			return Refuse(DuplicateKey, "", "an object has the same field twice")
		}
		err = checkValue(d, depth+1)
	}
	return errors.Join(err, it.Err())
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

// joinPath names a field below a path. Names with characters that a path is
// made of are set in brackets, so that no two fields share a path.
func joinPath(prefix string, key []byte) string {
	if len(key) == 0 || bytes.ContainsAny(key, ".[]\"$") {
		return fmt.Sprintf("%s[%q]", prefix, key)
	}
	if prefix == "" {
		return string(key)
	}
	return prefix + "." + string(key)
}

// offer gives a value to the columns that want it; what none takes is kept.
// Of the columns whose own path this is, the first that it fits has it.
func (r *reader) offer(n *node, at int32, raw []byte) {
	p := r.rt.plan
	if n.ignored || string(raw) == `""` && p.emptyIsMissing(n) {
		return
	}
	spares := &r.sharedSpares
	if at != sharedRow {
		spares = &r.rowSpares
	}
	first, own := len(*spares), false
	for _, b := range n.bindings {
		if b.priority == 0 && own {
			continue
		}
		col := &p.table.Columns[b.column]
		c, ok := convert(col, p.table.IsKey(col.Name), raw)
		if !ok {
			continue
		}
		own = own || b.priority == 0
		c.row, c.priority = at, b.priority
		r.put(b.column, c)
		if b.priority > 0 {
			*spares = append(*spares, spare{b.column, c, n, raw, !own})
		}
	}
	if !own && len(*spares) == first {
		r.keep(at, n.path, raw)
	}
}

// put stores a cell unless a better path had its say.
func (r *reader) put(column int, c cell) {
	switch old := r.lookup(column, c.row); {
	case old != nil && old.priority > c.priority:
		*old = c
	case old != nil:
	case c.row == sharedRow:
		r.shared[column] = c
	default:
		r.cells[column] = append(r.cells[column], c)
	}
}

// settleSpares keeps what fallbacks said in vain: the value differs from the
// one that the column has, and no other column has it.
func (r *reader) settleSpares(at int32, spares []spare) {
	for i := range spares {
		s := &spares[i]
		if won := r.lookup(s.column, at); s.sole && !sameCell(won, &s.cell) {
			r.keep(at, s.node.path, s.raw)
		}
	}
}

// lookup is the value a column has so far, nil if none.
func (r *reader) lookup(column int, row int32) *cell {
	if row == sharedRow {
		if c := &r.shared[column]; c.row == sharedRow {
			return c
		}
		return nil
	}
	if cells := r.cells[column]; len(cells) > 0 && cells[len(cells)-1].row == row {
		return &cells[len(cells)-1]
	}
	return nil
}

func sameCell(a, b *cell) bool { return a.num == b.num && bytes.Equal(a.str, b.str) }

// keep adds a value to the _extra of a row, or of all rows.
func (r *reader) keep(at int32, path string, raw []byte) {
	if !r.rt.plan.keepsExtra || string(raw) == "null" {
		return
	}
	raw = storable(raw)
	if at == sharedRow {
		r.sharedExtra = appendField(r.sharedExtra, path, raw)
		return
	}
	start := len(r.extraText)
	r.extraText = appendField(r.extraText, path, raw)
	if n := len(r.extras); n > 0 && r.extras[n-1].row == at {
		r.extras[n-1].end = len(r.extraText)
		return
	}
	r.extras = append(r.extras, rowExtra{at, start, len(r.extraText)})
}

// appendField writes a field of a JSON object, with a comma after it.
func appendField(b []byte, name string, raw []byte) []byte {
	var w jx.Writer
	w.Buf = b
	w.Str(name)
	w.Buf = append(w.Buf, ':')
	w.Buf = append(w.Buf, raw...)
	return append(w.Buf, ',')
}

// keySet finds the names that an object has twice.
type keySet struct {
	few  [][]byte
	many map[string]struct{}
}

// add reports whether the key was there already.
func (s *keySet) add(key []byte) bool {
	const few = 16
	if s.many == nil {
		for _, k := range s.few {
			if bytes.Equal(k, key) {
				return true
			}
		}
		if len(s.few) < few {
			s.few = append(s.few, key)
			return false
		}
		s.many = make(map[string]struct{}, 4*few)
		for _, k := range s.few {
			s.many[string(k)] = struct{}{}
		}
	}
	_, dup := s.many[string(key)]
	s.many[string(key)] = struct{}{}
	return dup
}
