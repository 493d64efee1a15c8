package bigquerytest

import "strings"

// prunable are the functions around the partition column that leave a
// condition one by which partitions can be left out:
// https://cloud.google.com/bigquery/docs/querying-partitioned-tables. That the
// stand-in itself leaves none out by them does not matter.
var prunable = set(`DATE CAST EXTRACT DATE_ADD DATE_SUB DATE_DIFF DATE_TRUNC TIMESTAMP_ADD TIMESTAMP_SUB TIMESTAMP_DIFF TIMESTAMP_TRUNC`)

// filters tells whether a condition has a part, joined to the rest by AND, that
// speaks of the partition column and constants only. That is what a table that
// requires a filter wants, whatever the values are.
func (c condition) filters(env *environment, tokens []token) bool {
	if parts := splitLogic(tokens, "OR"); len(parts) > 1 {
		for _, part := range parts {
			if !c.filters(env, part) {
				return false
			}
		}
		return true
	}
	if parts := splitLogic(tokens, "AND"); len(parts) > 1 {
		for _, part := range parts {
			if c.filters(env, part) {
				return true
			}
		}
		return false
	}
	if len(tokens) > 2 && tokens[0].is("(") && closing(tokens, 0) == len(tokens)-1 {
		return c.filters(env, tokens[1:len(tokens)-1])
	}
	return c.constant(env, tokens)
}

// constant tells whether a comparison has the partition column in it, where
// BigQuery can use it, and no other column.
func (c condition) constant(env *environment, tokens []token) bool {
	found := false
	var around []string // functions and brackets that are open
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		if n := c.columnAt(tokens[i:]); n > 0 {
			if !usable(tokens, i, i+n, around) {
				return false
			}
			found, i = true, i+n-1
			continue
		}
		switch {
		case t.any("(", "["):
			around = append(around, "")
			if i > 0 && !tokens[i-1].any("IN", "AND", "NOT", "UNNEST") {
				around[len(around)-1] = upper(tokens[i-1])
			}
		case t.any(")", "]") && len(around) > 0:
			around = around[:len(around)-1]
		case t.any("SELECT"), t.kind == tokenQuoted, t.kind == tokenWord && !env.constantWord(tokens, i):
			return false
		}
	}
	return found
}

// constantWord tells whether a word is no column: a keyword, a function, a
// type, a part of a date or a variable.
func (env *environment) constantWord(tokens []token, i int) bool {
	name := upper(tokens[i])
	_, isType := kindsOf[name]
	switch {
	case reserved[name], isType, units[name] != "", env.variables[strings.ToLower(name)] != nil:
		return true
	}
	return i+1 < len(tokens) && tokens[i+1].is("(")
}

// usable tells whether the column, from one token to another, is bare or only
// within functions that prune.
func usable(tokens []token, from, to int, around []string) bool {
	for _, name := range around {
		if name != "" && !prunable[name] {
			return false
		}
	}
	at := func(i int) token {
		if i >= 0 && i < len(tokens) {
			return tokens[i]
		}
		return token{}
	}
	within := ""
	if len(around) > 0 {
		within = around[len(around)-1]
	}
	toDate := at(to).is("AS") && at(to+1).is("DATE")
	ofDate := at(from-1).is("FROM") && at(from-2).any("DATE", "YEAR")
	if within == "CAST" && !toDate || within == "EXTRACT" && !ofDate {
		return false
	}
	operators := []string{"+", "-", "*", "/", "||"}
	return !at(from-1).any(operators...) && !at(to).any(operators...)
}

// filtersBy tells whether the WHERE right at a scan has a condition of its own
// on a column.
func (s *scan) filtersBy(env *environment, column string) bool {
	if s.block.where == nil || s.outer {
		return false
	}
	c := condition{column: column, alias: s.alias, alone: s.block.sources == 1}
	return c.filters(env, s.block.where)
}

// unfiltered is the error of a statement that reads all of a table that does
// not want that.
func unfiltered(r *relation) error {
	return invalid("Cannot query over table '%s' without a filter over column(s) '%s' that can be used for partition elimination", r.dotted(), r.partitioned.column)
}
