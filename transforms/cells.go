package transforms

import (
	"bytes"
	"cmp"
	"slices"
)

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

// offer gives a value to the columns that want it; what none takes is kept.
// Of the columns whose own path this is, the first that it fits has it.
func (r *reader) offer(n *node, at int32, raw []byte) {
	if n.ignored {
		return
	}
	empty, missing := string(raw) == `""`, false
	spares := &r.sharedSpares
	if at != sharedRow {
		spares = &r.rowSpares
	}
	first, own := len(*spares), false
	for _, b := range n.bindings {
		if b.priority == 0 && own {
			continue
		}
		if empty && (len(b.of.Fallbacks) > 0 || b.of.Default != nil) {
			missing = true // for this column, for which something else stands in
			continue
		}
		c, ok := convert(b.of, b.key, raw)
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
	if !own && !missing && len(*spares) == first {
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
		won := r.lookup(s.column, at)
		if s.sole && !sameCell(won, &s.cell) {
			r.keep(at, s.node.path, s.raw)
		}
		if r.lone && at != sharedRow && won.priority == s.cell.priority {
			r.rivals = append(r.rivals, rival{*s, len(r.cells[s.column]) - 1})
		}
	}
}

// rival is what a lone sample says of its context by a fallback: the envelope
// may know better, and may come after it.
type rival struct {
	spare
	at int // in the cells of the column
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

// text is the value that a column has for the whole message, nil if none.
func (r *reader) text(column int) []byte {
	if column < 0 || column >= len(r.shared) {
		return nil
	}
	if c := r.lookup(column, sharedRow); c != nil {
		return c.str
	}
	if r.rows > 0 && len(r.cells[column]) > 0 && !r.rt.plan.samples() {
		return r.cells[column][0].str
	}
	return nil
}

func (r *reader) hasCells(column int) bool { return len(r.cells[column]) > 0 }

// eachRow calls f with a column's value in each row; nil if it has none.
func (r *reader) eachRow(column int, f func(row int32, c *cell)) {
	cells, shared := r.cells[column], r.lookup(column, sharedRow)
	for row := range r.rows {
		if len(cells) > 0 && cells[0].row == row {
			f(row, &cells[0])
			cells = cells[1:]
		} else {
			f(row, shared)
		}
	}
}

// settleRivals decides between what a lone sample says of its context and
// what the envelope says: the better path has its say, the other is kept.
func (r *reader) settleRivals() {
	if len(r.rivals) == 0 {
		return
	}
	for i := range r.rivals {
		said := &r.rivals[i]
		shared := r.lookup(said.column, sharedRow)
		if shared == nil || said.cell.priority < shared.priority || sameCell(&said.cell, shared) {
			continue
		}
		if said.sole {
			r.keep(said.cell.row, said.node.path, said.raw)
		}
		c := &r.cells[said.column][said.at]
		c.num, c.str = shared.num, shared.str
	}
	slices.SortStableFunc(r.extras, func(a, b rowExtra) int { return cmp.Compare(a.row, b.row) })
}
