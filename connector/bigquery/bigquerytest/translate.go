package bigquerytest

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// sql is the fragment in DuckDB's dialect. All names are quoted, and so are
// words that only DuckDB takes for keywords: it does not understand them then.
func (f *fragment) sql() (string, error) {
	if err := f.checkComparable(); err != nil {
		return "", err
	}
	return f.text(0, len(f.tokens))
}

// text translates tokens from lo on, before hi.
func (f *fragment) text(lo, hi int) (string, error) {
	var b strings.Builder
	for i := lo; i < hi; {
		piece, next, err := f.piece(i)
		if err != nil {
			return "", err
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(piece)
		i = next
	}
	return b.String(), nil
}

func (f *fragment) token(i int) token {
	if i >= 0 && i < len(f.tokens) {
		return f.tokens[i]
	}
	return token{}
}

// piece translates what begins at a token, and returns where the next begins.
func (f *fragment) piece(i int) (text string, next int, err error) {
	t := f.tokens[i]
	if s := f.paths[i]; s != nil {
		return s.sql(f, i), s.end, nil
	}
	if f.aliases[i] {
		return quoteIdent(t.text) + "(" + quoteIdent(t.text) + ")", i + 1, nil
	}
	switch t.kind {
	case tokenQuoted:
		return quoteIdent(t.text), i + 1, nil
	case tokenString:
		return quoteString(t.text), i + 1, nil
	case tokenBytes:
		return quoteBytes([]byte(t.text)), i + 1, nil
	case tokenInteger:
		n, err := strconv.ParseInt(t.text, 0, 64)
		if strings.HasPrefix(t.text, "0") && !strings.HasPrefix(strings.ToLower(t.text), "0x") {
			n, err = strconv.ParseInt(t.text, 10, 64) // not octal
		}
		if err != nil {
			return "", 0, invalid("Invalid integer literal: %s at [%d:%d]", t.text, t.line, t.col)
		}
		return strconv.FormatInt(n, 10), i + 1, nil
	case tokenFloat:
		if !strings.ContainsAny(t.text, "eE") {
			return t.text + "e0", i + 1, nil // else it would be a DECIMAL
		}
		return t.text, i + 1, nil
	case tokenParameter:
		v, ok := f.env.parameters[strings.ToLower(t.text)]
		if !ok {
			return "", 0, invalid("Query parameter '%s' not found at [%d:%d]", t.text, t.line, t.col)
		}
		return v.sql(), i + 1, nil
	case tokenSystem:
		text, err := f.env.system(t)
		return text, i + 1, err
	case tokenSymbol:
		return f.symbol(i)
	}
	return f.word(i)
}

// system is the value of a system variable.
func (env *environment) system(t token) (string, error) {
	var v value
	switch name := strings.ToLower(t.text); name {
	case "row_count":
		v = value{sqlType{kind: "INTEGER"}, env.rowCount}
	case "script.bytes_billed":
		v.typ.kind = "INTEGER"
		if env.script != "" {
			v.v = env.billed
		}
	case "script.job_id":
		v.typ.kind = "STRING"
		if env.script != "" {
			v.v = env.script
		}
	default:
		return "", missing(t, "@@%s", t.text)
	}
	return v.sql(), nil
}

// sql is the name of the table.
func (s *scan) sql(f *fragment, i int) string {
	if s.relation == nil {
		return quoteIdent(f.tokens[i].text)
	}
	if s.end < len(f.tokens) && (f.tokens[s.end].is("AS") || f.tokens[s.end].text == s.alias) {
		return s.relation.sql
	}
	// In GoogleSQL a table without an alias goes by its last name.
	return s.relation.sql + " AS " + quoteIdent(s.alias)
}

func (f *fragment) symbol(i int) (string, int, error) {
	t := f.tokens[i]
	switch t.text {
	case "[":
		return f.bracket(i)
	case "<>":
		return "!=", i + 1, nil
	case "&", "|", "^", "~", "<<", ">>", "=>", "|>":
		return "", 0, missing(t, "operator %s", t.text)
	case ":", "?":
		if t.text == "?" && len(f.env.parameters) > 0 {
			return "", 0, invalid("Positional parameters are not supported beside named ones at [%d:%d]", t.line, t.col)
		}
		return "", 0, unexpected(t)
	case "=", "/", "*", "<", ">", "-":
		// Two in a row are operators of DuckDB's, or nothing.
		if n := f.token(i + 1); n.kind == tokenSymbol && n.any("=", "/", ">", "<") {
			return "", 0, unexpected(n)
		}
	}
	return t.text, i + 1, nil
}

// bracket translates a list, or the position in one.
func (f *fragment) bracket(i int) (string, int, error) {
	end := closing(f.tokens, i)
	if end == len(f.tokens) {
		return "", 0, unexpected(f.tokens[i])
	}
	before := f.token(i - 1)
	if before.kind == tokenQuoted || before.any(")", "]") || before.kind == tokenWord && !reserved[upper(before)] {
		first := f.token(i + 1)
		if !first.any("OFFSET", "ORDINAL") {
			return "", 0, missing(first, "a position without OFFSET or ORDINAL")
		}
		at, err := f.text(i+2, end)
		if err != nil {
			return "", 0, err
		}
		if first.is("OFFSET") {
			at += " + 1"
		}
		return "[" + at + "]", end + 1, nil
	}
	items, err := f.text(i+1, end)
	if err != nil {
		return "", 0, err
	}
	return "[" + items + "]", end + 1, nil
}

// word translates an identifier, a keyword, a function or a typed literal.
func (f *fragment) word(i int) (string, int, error) {
	t, previous, next := f.tokens[i], f.token(i-1), f.token(i+1)
	name := upper(t)
	if previous.is(".") {
		if next.is("(") {
			return "", 0, missing(t, "a function in a namespace")
		}
		return quoteIdent(t.text), i + 1, nil
	}
	if text, n, ok, err := f.typed(i); ok || err != nil {
		return text, n, err
	}
	switch {
	case name == "UNNEST":
		return f.unnest(i)
	case name == "ARRAY" && next.is("<"):
		return f.typedArray(i)
	case name == "AS" && previous.is("SELECT"):
		return "", 0, missing(t, "SELECT AS %s here", upper(next))
	case name == "EXCEPT" && previous.is("*"):
		return "EXCLUDE", i + 1, nil
	case name == "REPLACE" && previous.is("*") && f.token(i-2).any("SELECT", "DISTINCT", "ALL", ",", "."):
		return "REPLACE", i + 1, nil
	case name == "INTERVAL":
		return f.interval(i)
	case next.is("(") && (!reserved[name] || !passed[name]) && !previous.any("AS", "WITH", "RECURSIVE"):
		return f.function(i)
	case name == "ON" && previous.is("DISTINCT"),
		(name == "ROWS" || name == "RANGE") && next.kind != tokenInteger && !next.any("BETWEEN", "UNBOUNDED", "CURRENT"):
		return "", 0, unexpected(t)
	case previous.any(following[name]...), name == "OFFSET" && f.afterLimit(i):
		return name, i + 1, nil
	case passed[name]:
		return name, i + 1, nil
	case reserved[name]:
		return "", 0, unexpected(t)
	}
	if text, ok := f.variable(i); ok {
		return text, i + 1, nil
	}
	return quoteIdent(t.text), i + 1, nil
}

// afterLimit tells whether LIMIT stands two tokens before.
func (f *fragment) afterLimit(i int) bool { return f.token(i - 2).is("LIMIT") }

// variable is the value of a variable of the script. A column of a table that
// the fragment reads wins over a variable of the same name; columns of
// subqueries do not count.
func (f *fragment) variable(i int) (string, bool) {
	t := f.tokens[i]
	v, ok := f.env.variables[strings.ToLower(t.text)]
	if !ok || f.token(i-1).is("AS") || f.token(i+1).is(".") {
		return "", false
	}
	for _, r := range f.relations() {
		if r.column(t.text) != nil {
			return "", false
		}
	}
	return v.sql(), true
}

// relations are the tables whose columns the fragment can name.
func (f *fragment) relations() []*relation {
	list := f.env.inSight[:len(f.env.inSight):len(f.env.inSight)]
	for _, s := range f.scans {
		if s.relation != nil {
			list = append(list, s.relation)
		}
	}
	return list
}

// typed translates TIMESTAMP '…' and its like.
func (f *fragment) typed(i int) (text string, next int, ok bool, err error) {
	t, literal := f.tokens[i], f.token(i+1)
	if literal.kind != tokenString {
		return "", 0, false, nil
	}
	switch upper(t) {
	case "TIMESTAMP", "DATE":
		v, err := parseTyped(upper(t), literal)
		return v.sql(), i + 2, true, err
	case "JSON":
		return "CAST(" + quoteString(literal.text) + " AS JSON)", i + 2, true, nil
	case "NUMERIC", "BIGNUMERIC", "DATETIME", "TIME", "RANGE":
		return "", 0, false, missing(t, "a literal of type %s", upper(t))
	}
	return "", 0, false, nil
}

// unnest translates IN UNNEST(…), and UNNEST(…) in FROM.
func (f *fragment) unnest(i int) (string, int, error) {
	end := closing(f.tokens, i+1)
	if !f.token(i+1).is("(") || end == len(f.tokens) {
		return "", 0, unexpected(f.tokens[i])
	}
	inner, err := f.text(i+2, end)
	if err != nil {
		return "", 0, err
	}
	if f.token(i - 1).is("IN") {
		return "(SELECT unnest(" + inner + "))", end + 1, nil
	}
	return "unnest(" + inner + ")", end + 1, nil
}

func (f *fragment) typedArray(i int) (string, int, error) {
	t, n, err := readType(f.tokens[i:])
	if err != nil {
		return "", 0, err
	}
	if !f.token(i + n).is("[") {
		return "", 0, unexpected(f.token(i + n))
	}
	end := closing(f.tokens, i+n)
	if end == len(f.tokens) {
		return "", 0, unexpected(f.tokens[i])
	}
	items, err := f.text(i+n+1, end)
	return "CAST([" + items + "] AS " + t.duck() + ")", end + 1, err
}

// interval translates INTERVAL n UNIT.
func (f *fragment) interval(i int) (string, int, error) {
	j := i + 1
	if f.token(j).is("(") {
		j = closing(f.tokens, j)
	} else if f.token(j).is("-") {
		j++
	}
	unit, ok := units[upper(f.token(j+1))]
	if !ok {
		return "", 0, missing(f.tokens[i], "this INTERVAL")
	}
	n, err := f.text(i+1, j+1)
	return "INTERVAL (" + n + ") " + unit, j + 2, err
}

func quoteIdent(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func quoteString(s string) string {
	if strings.Contains(s, "\x00") {
		parts := strings.Split(s, "\x00")
		for i, p := range parts {
			parts[i] = quoteString(p)
		}
		return "(" + strings.Join(parts, " || chr(0) || ") + ")"
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

func quoteBytes(b []byte) string {
	if len(b) == 0 {
		return "CAST('' AS BLOB)"
	}
	return fmt.Sprintf("unhex('%s')", hex.EncodeToString(b))
}
