package reconcile

import (
	"bytes"
	"cmp"
	"hash/fnv"
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
	expected, found, differences int
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
	whole       bool // what was asked for is all that there is, whatever its day
	cells       map[cell]*counts
	differences []difference // by key
}

// days are what a comparison is about; until is not included.
type days struct{ from, until int32 }

// blocks are the days, not too many together: what is compared of a unit in
// them is in memory.
func (d days) blocks() (all []days) {
	for from := d.from; from < d.until; from += windowDays {
		all = append(all, days{from, min(d.until, from+windowDays)})
	}
	return all
}

// has tells whether a fact of a day is among what is compared. One without a day
// is where the source shows it: it may be in two looks whose margins meet.
func (d days) has(day int32) bool { return day == noDay || day >= d.from && day < d.until }

// sorted puts facts in order of their keys; of several with one key the one of
// the greatest version stays.
func sorted(facts []fact) []fact {
	slices.SortFunc(facts, func(a, b fact) int {
		return cmp.Or(bytes.Compare(a.key[:], b.key[:]), bytes.Compare(b.version[:], a.version[:]))
	})
	return slices.CompactFunc(facts, func(a, b fact) bool { return a.key == b.key })
}

// compare finds what differs in some days. Both sides are sorted, and may hold
// facts of other days: whose day has changed is not missing. whole says that
// they have all that there is.
func compare(source, warehouse []fact, in days, whole bool) compared {
	c := compared{whole: whole, cells: map[cell]*counts{}}
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
			c.differ(connector.CheckMissing, s, w, s)
		}
		return
	}
	switch {
	case w == nil:
		if in.has(s.day) {
			c.differ(connector.CheckMissing, s, nil, s)
		}
	case s == nil:
		// Of a fact without a day it is not known whether it was asked for.
		if in.has(w.day) && (w.day != noDay || c.whole) {
			c.differ(connector.CheckExtra, nil, w, w)
		}
	case !in.has(s.day) && !in.has(w.day):
	case s.value == w.value && !lower(s, w):
		if in.has(s.day) {
			c.count(s, 1, 1)
		}
	case in.has(s.day):
		c.differ(connector.CheckStale, s, w, s)
	default:
		c.differ(connector.CheckStale, s, w, w)
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

// differ enters a difference, in the cell of one of the two.
func (c *compared) differ(kind string, s, w, of *fact) {
	d := difference{kind: kind, key: of.key, cell: cell{of.source, of.day}}
	state := fnv.New64a()
	expected := 0
	if s != nil {
		_, _ = state.Write(s.value[:])
		expected = 1
	}
	if w != nil {
		_, _ = state.Write(w.value[:])
		_, _ = state.Write(w.version[:])
	}
	d.state = state.Sum64()
	c.count(of, expected, 0)
	c.cells[d.cell].differences++
	c.differences = append(c.differences, d)
}

func isExtra(d difference) bool { return d.kind == connector.CheckExtra }

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
	i, ok := find(list, d.key)
	return ok && list[i].state == d.state
}

func isCandidate(list []candidate, key digest) bool {
	_, ok := find(list, key)
	return ok
}

func find(list []candidate, key digest) (int, bool) {
	return slices.BinarySearchFunc(list, key, func(c candidate, key digest) int { return bytes.Compare(c.key[:], key[:]) })
}
