package bigquerytest

import "strings"

// comparisons are the operators that ARRAY and JSON do not have.
var comparisons = []string{"=", "!=", "<>", "<", "<=", ">", ">=", "IN", "BETWEEN"}

// checkComparable refuses to compare, group or sort by columns of ARRAY and
// JSON, and to find distinct ones. It goes by names: a column counts if every
// table of the fragment that has one of its name has such a one.
func (f *fragment) checkComparable() error {
	for i, t := range f.tokens {
		if t.kind != tokenWord && t.kind != tokenQuoted || f.paths[i] != nil || f.token(i+1).any(".", "(") {
			continue
		}
		typ, ok := f.incomparable(t.text)
		if !ok {
			continue
		}
		begin := i
		if f.token(i - 1).is(".") {
			begin = i - 2
		}
		switch next := f.token(i + 1); {
		case f.token(begin - 1).any(comparisons...), next.any(comparisons...) && !next.is("IN"):
			return invalid("Comparison is not defined for arguments of type %s at [%d:%d]", typ, t.line, t.col)
		case f.listed(begin):
			return invalid("Grouping, ordering or partitioning by expressions of type %s is not allowed at [%d:%d]", typ, t.line, t.col)
		}
	}
	return nil
}

// incomparable is the type of a column that cannot be compared.
func (f *fragment) incomparable(name string) (sqlType, bool) {
	var typ sqlType
	found := false
	for _, r := range f.relations() {
		if c := r.column(name); c != nil {
			typ = sqlType{c.kind, c.mode == "REPEATED"}
			if typ.comparable() {
				return typ, false
			}
			found = true
		}
	}
	return typ, found
}

// listed tells whether a token is an item of GROUP BY, PARTITION BY, ORDER BY
// or DISTINCT, as it is and not as part of an expression in brackets.
func (f *fragment) listed(i int) bool {
	depth := 0
	for i--; i >= 0; i-- {
		t := f.tokens[i]
		switch {
		case t.any(")", "]"):
			depth++
		case t.any("(", "["):
			if depth == 0 {
				return false
			}
			depth--
		case depth > 0:
		case t.is("BY"), t.is("DISTINCT") && !f.token(i-1).any("IS", "NOT"):
			return true
		case passed[strings.ToUpper(t.text)] && t.kind == tokenWord && !t.any("ASC", "DESC", "NULL", "TRUE", "FALSE", "AS"):
			return false
		}
	}
	return false
}
