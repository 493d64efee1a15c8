package bigquerytest

import (
	"math"
	"strings"
	"time"
)

// truth is the set of what a condition can be for the rows of a partition.
type truth uint8

const (
	canBeTrue truth = 1 << iota
	canBeFalse
	canBeNull

	anything = canBeTrue | canBeFalse | canBeNull
)

func (a truth) not() truth {
	r := a & canBeNull
	if a&canBeTrue != 0 {
		r |= canBeFalse
	}
	if a&canBeFalse != 0 {
		r |= canBeTrue
	}
	return r
}

// and combines each with each.
func (a truth) and(b truth) truth {
	var r truth
	for _, x := range []truth{canBeTrue, canBeFalse, canBeNull} {
		for _, y := range []truth{canBeTrue, canBeFalse, canBeNull} {
			if a&x == 0 || b&y == 0 {
				continue
			}
			switch {
			case x == canBeFalse || y == canBeFalse:
				r |= canBeFalse
			case x == canBeNull || y == canBeNull:
				r |= canBeNull
			default:
				r |= canBeTrue
			}
		}
	}
	return r
}

func (a truth) or(b truth) truth { return a.not().and(b.not()).not() }

// partition is one partition of a table: the microseconds that its rows can
// have in the partition column, or NULL.
type partition struct {
	null     bool
	from, to int64 // inclusive
}

// condition is a condition on a table, of which only what can be decided from
// the partition column counts.
type condition struct {
	column, alias string
	kind          string // of the column
	alone         bool   // the column needs no alias
}

// test tells what a condition can be for the rows of a partition.
type test func(partition) truth

// always is a condition that is the same for every partition.
func always(t truth) test { return func(partition) truth { return t } }

// test reads the condition, once for all partitions.
func (c condition) test(tokens []token) test {
	if parts := splitLogic(tokens, "OR"); len(parts) > 1 {
		return c.each(parts, truth.or)
	}
	if parts := splitLogic(tokens, "AND"); len(parts) > 1 {
		return c.each(parts, truth.and)
	}
	switch {
	case len(tokens) > 1 && tokens[0].is("NOT"):
		inner := c.test(tokens[1:])
		return func(p partition) truth { return inner(p).not() }
	case len(tokens) > 2 && tokens[0].is("(") && closing(tokens, 0) == len(tokens)-1:
		return c.test(tokens[1 : len(tokens)-1])
	case len(tokens) == 1 && tokens[0].is("TRUE"):
		return always(canBeTrue)
	case len(tokens) == 1 && tokens[0].is("FALSE"):
		return always(canBeFalse)
	case len(tokens) == 1 && tokens[0].is("NULL"):
		return always(canBeNull)
	}
	return c.atom(tokens)
}

// each combines conditions.
func (c condition) each(parts [][]token, combine func(a, b truth) truth) test {
	tests := make([]test, len(parts))
	for i, part := range parts {
		tests[i] = c.test(part)
	}
	return func(p partition) truth {
		r := tests[0](p)
		for _, t := range tests[1:] {
			r = combine(r, t(p))
		}
		return r
	}
}

// splitLogic cuts at AND or OR, but for the AND of BETWEEN, and CASE.
func splitLogic(tokens []token, word string) [][]token {
	var parts [][]token
	from, between, cases := 0, 0, 0
	for i := 0; i < len(tokens); i++ {
		switch t := tokens[i]; {
		case t.any("(", "["):
			i = closing(tokens, i)
		case t.is("CASE"):
			cases++
		case t.is("END"):
			cases--
		case t.is("BETWEEN"):
			between++
		case t.is("AND") && between > 0:
			between--
		case cases == 0 && t.is(word):
			parts = append(parts, tokens[from:i])
			from = i + 1
		}
	}
	return append(parts, tokens[min(from, len(tokens)):])
}

// atom reads a comparison of the bare column with a literal.
func (c condition) atom(tokens []token) test {
	n := c.columnAt(tokens)
	if n == 0 {
		return c.flipped(tokens)
	}
	rest := tokens[n:]
	switch {
	case len(rest) == 2 && rest[0].is("IS") && rest[1].is("NULL"):
		return nullness
	case len(rest) == 3 && rest[0].is("IS") && rest[1].is("NOT") && rest[2].is("NULL"):
		return func(p partition) truth { return nullness(p).not() }
	case len(rest) > 1 && rest[0].kind == tokenSymbol:
		if at, used := c.literal(rest[1:]); used == len(rest)-1 {
			return comparison(rest[0].text, at)
		}
	case len(rest) > 3 && rest[0].is("BETWEEN"):
		low, n := c.literal(rest[1:])
		if n == 0 || len(rest) < n+3 || !rest[n+1].is("AND") {
			return always(anything)
		}
		if high, used := c.literal(rest[n+2:]); used == len(rest)-n-2 {
			return func(p partition) truth { return compare(">=", p, low).and(compare("<=", p, high)) }
		}
	case len(rest) > 2 && rest[0].is("IN") && rest[1].is("("):
		return c.among(rest[2 : len(rest)-1])
	}
	return always(anything)
}

// flipped reads a comparison with the literal first.
func (c condition) flipped(tokens []token) test {
	at, n := c.literal(tokens)
	if n == 0 || n+1 >= len(tokens) || c.columnAt(tokens[n+1:]) != len(tokens)-n-1 {
		return always(anything)
	}
	turned := map[string]string{"<": ">", ">": "<", "<=": ">=", ">=": "<="}
	symbol := tokens[n].text
	if t, ok := turned[symbol]; ok {
		symbol = t
	}
	return comparison(symbol, at)
}

func (c condition) among(tokens []token) test {
	var literals []int64
	for _, item := range split(tokens, ",") {
		at, n := c.literal(item)
		if n != len(item) || n == 0 {
			return always(anything)
		}
		literals = append(literals, at)
	}
	return func(p partition) truth {
		r := canBeFalse
		for _, at := range literals {
			r = r.or(compare("=", p, at))
		}
		return r
	}
}

func nullness(p partition) truth {
	if p.null {
		return canBeTrue
	}
	return canBeFalse
}

func comparison(symbol string, at int64) test {
	return func(p partition) truth { return compare(symbol, p, at) }
}

// columnAt is how many tokens at the start are the column; 0 if they are
// something else.
func (c condition) columnAt(tokens []token) int {
	name := func(i int, want string) bool {
		return i < len(tokens) && (tokens[i].kind == tokenWord || tokens[i].kind == tokenQuoted) && strings.EqualFold(tokens[i].text, want)
	}
	switch {
	case name(0, c.alias) && len(tokens) > 2 && tokens[1].is(".") && name(2, c.column):
		return 3
	case c.alone && name(0, c.column) && (len(tokens) < 2 || !tokens[1].is(".")):
		return 1
	}
	return 0
}

// literal reads a literal of the column's type, or a text that becomes one.
func (c condition) literal(tokens []token) (micros int64, n int) {
	if len(tokens) > 0 && tokens[0].kind == tokenString {
		n = 1
	} else if len(tokens) > 1 && upper(tokens[0]) == c.kind && tokens[1].kind == tokenString {
		n = 2
	} else {
		return 0, 0
	}
	v, err := parseTyped(c.kind, tokens[n-1])
	t, ok := v.v.(time.Time)
	if err != nil || !ok {
		return 0, 0
	}
	return t.UnixMicro(), n
}

// compare tells what column symbol literal can be in a partition.
func compare(symbol string, p partition, at int64) truth {
	if p.null {
		return canBeNull
	}
	var r truth
	can := func(holds, fails bool) truth {
		if holds {
			r |= canBeTrue
		}
		if fails {
			r |= canBeFalse
		}
		return r
	}
	switch symbol {
	case "<":
		return can(p.from < at, p.to >= at)
	case "<=":
		return can(p.from <= at, p.to > at)
	case ">":
		return can(p.to > at, p.from <= at)
	case ">=":
		return can(p.to >= at, p.from < at)
	case "=":
		return can(p.from <= at && at <= p.to, p.from != at || p.to != at)
	case "!=", "<>":
		return can(p.from != at || p.to != at, p.from <= at && at <= p.to)
	}
	return anything
}

// everywhere is what a table without partitions is: one partition that can
// hold anything.
var everywhere = partition{from: math.MinInt64, to: math.MaxInt64}
