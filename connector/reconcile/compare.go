package reconcile

import (
	"bytes"
	"encoding/binary"
	"slices"

	"vitalsink/connector"
)

// cell is where facts of a person and resource are counted.
type cell struct {
	source int32 // provider
	day    int32
}

// counts of a cell.
type counts struct {
	expected, found int
}

// difference is a fact that the two sides do not agree on.
type difference struct {
	kind  string // CheckMissing, CheckStale or CheckExtra
	key   digest
	state uint64 // of both sides, in short: the same later if neither changed
	cell  cell
}

// compared is what a comparison of a person's resource brought.
type compared struct {
	cells       map[cell]*counts
	differences []difference // by key
}

// days are what a comparison is about; until is not included.
type days struct{ from, until int32 }

func (d days) has(day int32) bool { return day == noDay || day >= d.from && day < d.until }

// sorted puts facts in order of their keys; of several with one key the last
// that came stays, or the one that better says.
func sorted(facts []fact, better func(a, b fact) bool) []fact {
	slices.SortStableFunc(facts, func(a, b fact) int { return bytes.Compare(a.key[:], b.key[:]) })
	out := facts[:0]
	for _, f := range facts {
		if n := len(out); n > 0 && out[n-1].key == f.key {
			if better(f, out[n-1]) {
				out[n-1] = f
			}
			continue
		}
		out = append(out, f)
	}
	return out
}

// compare finds what differs in some days. Both sides are sorted, and may hold
// facts of other days: whose day has changed is not missing.
func compare(source, warehouse []fact, in days) compared {
	c := compared{cells: map[cell]*counts{}}
	for len(source)+len(warehouse) > 0 {
		var s, w *fact
		switch order := next(source, warehouse); {
		case order < 0:
			s, source = &source[0], source[1:]
		case order > 0:
			w, warehouse = &warehouse[0], warehouse[1:]
		default:
			s, w, source, warehouse = &source[0], &warehouse[0], source[1:], warehouse[1:]
		}
		c.judge(s, w, in)
	}
	return c
}

func next(source, warehouse []fact) int {
	switch {
	case len(source) == 0:
		return 1
	case len(warehouse) == 0:
		return -1
	}
	return bytes.Compare(source[0].key[:], warehouse[0].key[:])
}

// judge enters a fact, as the source and the warehouse have it; nil for not.
func (c *compared) judge(s, w *fact, in days) {
	if w != nil && w.deleted {
		if s == nil {
			return
		}
		if in.has(s.day) {
			c.count(s, 1, 0)
			c.differ(connector.CheckMissing, s, w)
		}
		return
	}
	switch {
	case w == nil:
		if in.has(s.day) {
			c.count(s, 1, 0)
			c.differ(connector.CheckMissing, s, w)
		}
	case s == nil:
		// A fact without a day is not known to be among those that were asked for.
		if in.has(w.day) && w.day != noDay {
			c.count(w, 0, 0)
			c.differ(connector.CheckExtra, s, w)
		}
	case !in.has(s.day) && !in.has(w.day):
	case s.value == w.value && !lower(s, w):
		c.count(s, 1, 1)
	default:
		c.count(s, 1, 0)
		c.differ(connector.CheckStale, s, w)
	}
}

// lower tells whether the source's value of the sticky column is one that a
// merge would put in the place of the warehouse's.
func lower(s, w *fact) bool { return s.sticky != 0 && (w.sticky == 0 || s.sticky < w.sticky) }

func (c *compared) count(f *fact, expected, found int) {
	at := cell{f.source, f.day}
	if c.cells[at] == nil {
		c.cells[at] = &counts{}
	}
	c.cells[at].expected += expected
	c.cells[at].found += found
}

func (c *compared) differ(kind string, s, w *fact) {
	d := difference{kind: kind}
	var state [24]byte
	if w != nil {
		d.key, d.cell = w.key, cell{w.source, w.day}
		binary.BigEndian.PutUint64(state[16:], w.held)
	}
	if s != nil {
		d.key, d.cell = s.key, cell{s.source, s.day}
		copy(state[:16], s.value[:])
	}
	d.state = binary.BigEndian.Uint64(state[:8]) ^ binary.BigEndian.Uint64(state[16:])
	c.differences = append(c.differences, d)
}

// candidate is a difference that was seen once.
type candidate struct {
	key   digest
	state uint64
}

func candidates(all []difference) []candidate {
	list := make([]candidate, len(all))
	for i, d := range all {
		list[i] = candidate{d.key, d.state}
	}
	return list
}

// wasSeen tells whether a difference is among candidates, which are sorted by
// key, with both sides as they are now.
func wasSeen(list []candidate, d *difference) bool {
	i, ok := slices.BinarySearchFunc(list, d.key, func(c candidate, key digest) int { return bytes.Compare(c.key[:], key[:]) })
	return ok && list[i].state == d.state
}
