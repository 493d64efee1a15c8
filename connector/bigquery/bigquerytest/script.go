package bigquerytest

import (
	"strings"
)

// statementKind is what a statement of a script is, in BigQuery's words.
type statementKind string

const (
	kindSelect   statementKind = "SELECT"
	kindInsert   statementKind = "INSERT"
	kindUpdate   statementKind = "UPDATE"
	kindDelete   statementKind = "DELETE"
	kindMerge    statementKind = "MERGE"
	kindCreateAs statementKind = "CREATE_TABLE_AS_SELECT"
	kindDrop     statementKind = "DROP_TABLE"
	kindBegin    statementKind = "BEGIN_TRANSACTION"
	kindCommit   statementKind = "COMMIT_TRANSACTION"
	kindRollback statementKind = "ROLLBACK_TRANSACTION"
	kindDeclare  statementKind = "DECLARE"
	kindSet      statementKind = "SET"
	kindIf       statementKind = "IF"
	kindRaise    statementKind = "RAISE"
)

// procedural tells whether a statement makes a script of the text it is in.
func (k statementKind) procedural() bool {
	switch k {
	case kindSelect, kindInsert, kindUpdate, kindDelete, kindMerge, kindCreateAs, kindDrop:
		return false
	}
	return true
}

// statement is a statement of a script.
type statement struct {
	kind   statementKind
	tokens []token // without the semicolon
	text   string

	names    []token  // of DECLARE and SET
	types    *sqlType // of DECLARE, nil if the default decides
	expr     []token  // of DECLARE, SET, IF and RAISE; nil if there is none
	body     []statement
	elseBody []statement
}

func (s *statement) at() token { return s.tokens[0] }

// parser cuts a script into statements.
type parser struct {
	text   string
	tokens []token
	i      int
}

// parse reads a script.
func parse(text string) ([]statement, error) {
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{text: text, tokens: tokens}
	list, err := p.list()
	if err == nil && p.i < len(p.tokens) {
		err = unexpected(p.peek())
	}
	if err == nil && len(list) == 0 {
		err = syntaxError(p.peek(), "Unexpected end of statement")
	}
	if err != nil {
		return nil, err
	}
	return list, declaredFirst(list)
}

// declaredFirst refuses variables that are declared later than at the start.
func declaredFirst(list []statement) error {
	other := false
	for _, s := range list {
		if s.kind == kindDeclare && other {
			return invalid("Variable declarations are allowed only at the start of a block or script at [%d:%d]", s.at().line, s.at().col)
		}
		other = other || s.kind != kindDeclare
		for _, body := range [][]statement{s.body, s.elseBody} {
			for _, inner := range body {
				if inner.kind == kindDeclare {
					return invalid("Variable declarations are allowed only at the start of a block or script at [%d:%d]", inner.at().line, inner.at().col)
				}
			}
			if err := declaredFirst(body); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *parser) peek() token {
	if p.i < len(p.tokens) {
		return p.tokens[p.i]
	}
	last := token{line: 1, col: 1}
	if n := len(p.tokens); n > 0 {
		last = p.tokens[n-1]
	}
	return token{line: last.line, col: last.col, start: len(p.text), end: len(p.text)}
}

// list reads statements up to END, ELSE or ELSEIF, or the end.
func (p *parser) list() ([]statement, error) {
	var list []statement
	for p.i < len(p.tokens) && !p.peek().any("END", "ELSE", "ELSEIF") {
		if p.peek().is(";") {
			p.i++
			continue
		}
		s, err := p.statement()
		if err != nil {
			return nil, err
		}
		list = append(list, s)
		if p.i < len(p.tokens) && !p.peek().is(";") {
			return nil, unexpected(p.peek())
		}
		p.i++
	}
	return list, nil
}

func (p *parser) statement() (statement, error) {
	if p.peek().is("IF") {
		return p.ifStatement()
	}
	from := p.i
	p.until(";")
	s := statement{tokens: p.tokens[from:p.i], text: p.text[p.tokens[from].start:p.tokens[p.i-1].end]}
	err := s.classify()
	return s, err
}

// until goes to the next of those tokens that is in no parentheses and no
// CASE.
func (p *parser) until(words ...string) {
	depth := 0
	for ; p.i < len(p.tokens); p.i++ {
		switch t := p.tokens[p.i]; {
		case depth == 0 && t.any(words...):
			return
		case t.any("(", "[", "CASE"):
			depth++
		case t.any(")", "]"), t.is("END") && depth > 0:
			depth--
		}
	}
}

// ifStatement reads IF condition THEN … END IF.
func (p *parser) ifStatement() (statement, error) {
	from := p.i
	s := statement{kind: kindIf}
	p.i++
	begin := p.i
	p.until("THEN", ";")
	if !p.peek().is("THEN") {
		return s, unexpected(p.peek())
	}
	s.expr = p.tokens[begin:p.i]
	p.i++
	var err error
	if s.body, err = p.list(); err != nil {
		return s, err
	}
	switch {
	case p.peek().is("ELSEIF"):
		inner, err := p.ifStatement()
		if err != nil {
			return s, err
		}
		s.elseBody = []statement{inner}
		s.tokens, s.text = p.tokens[from:p.i], p.text[p.tokens[from].start:p.tokens[p.i-1].end]
		return s, nil // it has read END IF
	case p.peek().is("ELSE"):
		p.i++
		if s.elseBody, err = p.list(); err != nil {
			return s, err
		}
	}
	for _, word := range []string{"END", "IF"} {
		if !p.peek().is(word) {
			return s, unexpected(p.peek())
		}
		p.i++
	}
	s.tokens, s.text = p.tokens[from:p.i], p.text[p.tokens[from].start:p.tokens[p.i-1].end]
	return s, nil
}

// classify finds out what a statement is.
func (s *statement) classify() error {
	word := func(i int) string {
		if i < len(s.tokens) && s.tokens[i].kind == tokenWord {
			return strings.ToUpper(s.tokens[i].text)
		}
		return ""
	}
	switch first := word(0); first {
	case "SELECT", "WITH":
		s.kind = kindSelect
	case "INSERT", "UPDATE", "DELETE", "MERGE":
		s.kind = statementKind(first)
	case "CREATE":
		s.kind = kindCreateAs
	case "DROP":
		s.kind = kindDrop
	case "BEGIN", "COMMIT", "ROLLBACK":
		s.kind = statementKind(first + "_TRANSACTION")
		if len(s.tokens) > 2 || len(s.tokens) == 2 && word(1) != "TRANSACTION" {
			return missing(s.at(), "a block")
		}
	case "DECLARE":
		s.kind = kindDeclare
		return s.declare()
	case "SET":
		s.kind = kindSet
		return s.set()
	case "RAISE":
		s.kind = kindRaise
		if len(s.tokens) < 5 || word(1) != "USING" || word(2) != "MESSAGE" || !s.tokens[3].is("=") {
			return missing(s.at(), "RAISE without a message")
		}
		s.expr = s.tokens[4:]
	case "":
		if s.at().is("(") {
			s.kind = kindSelect
			return nil
		}
		return unexpected(s.at())
	default:
		return s.unknown(first)
	}
	return nil
}

func (s *statement) unknown(word string) error {
	switch word {
	case "ALTER", "ASSERT", "CALL", "EXECUTE", "EXPORT", "FOR", "GRANT", "LOAD", "LOOP", "REPEAT", "RETURN", "REVOKE",
		"TRUNCATE", "WHILE", "EXPLAIN", "BREAK", "CONTINUE", "ITERATE", "LEAVE", "ANALYZE":
		return missing(s.at(), "statement %s", word)
	}
	return unexpected(s.at())
}

// declare reads DECLARE a, b type [DEFAULT expr].
func (s *statement) declare() error {
	rest := s.tokens[1:]
	for len(rest) > 0 && rest[0].kind <= tokenQuoted {
		s.names = append(s.names, rest[0])
		rest = rest[1:]
		if len(rest) == 0 || !rest[0].is(",") {
			break
		}
		rest = rest[1:]
	}
	if len(s.names) == 0 {
		return unexpected(s.at())
	}
	if len(rest) > 0 && !rest[0].is("DEFAULT") {
		t, n, err := readType(rest)
		if err != nil {
			return err
		}
		s.types, rest = &t, rest[n:]
	}
	switch {
	case len(rest) == 0 && s.types != nil:
		return nil
	case len(rest) > 1 && rest[0].is("DEFAULT"):
		s.expr = rest[1:]
		return nil
	case len(rest) > 0:
		return unexpected(rest[0])
	}
	return syntaxError(s.at(), "DECLARE needs a type or a default")
}

// set reads SET x = expr and SET (x, y) = (expr).
func (s *statement) set() error {
	i := 1
	if i < len(s.tokens) && s.tokens[i].is("(") {
		for i++; i < len(s.tokens) && !s.tokens[i].is(")"); i++ {
			if !s.tokens[i].is(",") {
				s.names = append(s.names, s.tokens[i])
			}
		}
	} else if i < len(s.tokens) {
		s.names = s.tokens[1:2]
	}
	i++
	if len(s.names) == 0 || i >= len(s.tokens)-1 || !s.tokens[i].is("=") {
		return unexpected(s.at())
	}
	s.expr = s.tokens[i+1:]
	return nil
}
