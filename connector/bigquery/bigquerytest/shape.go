package bigquerytest

import (
	"strings"
)

// clause is what part of a query a token is in.
type clause int

const (
	inExpression clause = iota
	inSelect
	inFrom
	inWhere
	inRest // GROUP BY and what comes after it
)

// block is one SELECT of a fragment.
type block struct {
	scans    []*scan
	sources  int // items of FROM
	where    []token
	star     bool // SELECT *, or alias.*
	wherePos int
}

// scan is a name of a table in FROM.
type scan struct {
	at, end  int // of the path in the fragment
	relation *relation
	alias    string
	block    *block
	outer    bool // an outer join may put NULLs in the place of its rows
}

// fragment is a part of a statement that is translated as one: a query, the
// items of a FROM, or an expression.
type fragment struct {
	env    *environment
	tokens []token
	blocks []*block
	scans  []*scan

	paths   map[int]*scan   // scans by where they begin
	ctes    map[string]bool // in lower case
	aliases map[int]bool    // names of UNNEST in FROM: they name the column
}

// level is what is between two brackets.
type level struct {
	block  *block // nil if it is no query of its own
	clause clause
	expect bool // of a name of a table
	unnest bool // it is the argument of UNNEST in FROM
	source bool // it is an item of FROM
}

// fragment finds out what tables a part of a statement reads, and how.
func (env *environment) fragment(tokens []token, begin clause) (*fragment, error) {
	f := &fragment{env: env, tokens: tokens, paths: map[int]*scan{}, aliases: map[int]bool{}, ctes: ctesOf(tokens)}
	root := level{clause: begin, expect: begin == inFrom}
	if begin != inExpression {
		root.block = f.newBlock()
	}
	w := &walker{f: f, levels: []level{root}}
	for w.i < len(tokens) {
		if err := w.step(); err != nil {
			return nil, err
		}
	}
	if len(w.levels) != 1 {
		return nil, syntaxError(tokens[len(tokens)-1], "Expected \")\" but got end of statement")
	}
	w.endWhere()
	return f, nil
}

// ctesOf are the names of WITH, anywhere in the tokens.
func ctesOf(tokens []token) map[string]bool {
	ctes := map[string]bool{}
	for i := 1; i+2 < len(tokens); i++ {
		if tokens[i-1].any("WITH", "RECURSIVE", ",") && tokens[i+1].is("AS") && tokens[i+2].is("(") {
			ctes[strings.ToLower(tokens[i].text)] = true
		}
	}
	return ctes
}

func (f *fragment) newBlock() *block {
	b := &block{}
	f.blocks = append(f.blocks, b)
	return b
}

// walker goes through a fragment once.
type walker struct {
	f      *fragment
	i      int
	levels []level
	join   string // LEFT, RIGHT or FULL before JOIN
}

func (w *walker) top() *level { return &w.levels[len(w.levels)-1] }

func (w *walker) token(i int) token {
	if i >= 0 && i < len(w.f.tokens) {
		return w.f.tokens[i]
	}
	return token{}
}

func (w *walker) step() error {
	t := w.token(w.i)
	switch {
	case t.any("(", "["):
		w.push()
	case t.any(")", "]"):
		return w.pop(t)
	case w.top().expect && t.is("UNNEST"):
		w.source()
		w.levels = append(w.levels, level{unnest: true, source: true})
		w.i++ // the bracket
		if !w.token(w.i).is("(") {
			return unexpected(w.token(w.i))
		}
	case w.top().expect && (t.kind == tokenQuoted || t.kind == tokenWord && !reserved[upper(t)]):
		return w.table()
	case w.top().block != nil:
		w.keyword(t)
	}
	w.i++
	return nil
}

// source counts an item of FROM. It tells whether a join may put NULLs in the
// place of its rows.
func (w *walker) source() (outer bool) {
	join := w.join
	w.join, w.top().expect = "", false
	b := w.top().block
	if b == nil {
		return false
	}
	b.sources++
	if join == "RIGHT" || join == "FULL" {
		for _, earlier := range b.scans {
			earlier.outer = true
		}
	}
	return join == "LEFT" || join == "FULL"
}

func (w *walker) push() {
	query := w.token(w.i+1).any("SELECT", "WITH")
	switch {
	case query:
		isSource := w.top().expect
		if isSource {
			w.source()
		}
		w.levels = append(w.levels, level{block: w.f.newBlock(), source: isSource})
	case w.top().expect: // of a join, or of a query in more brackets
		w.levels = append(w.levels, level{block: w.top().block, clause: inFrom, expect: true})
	default:
		w.levels = append(w.levels, level{})
	}
}

func (w *walker) pop(t token) error {
	if len(w.levels) == 1 {
		return unexpected(t)
	}
	w.endWhere()
	last := *w.top()
	w.levels = w.levels[:len(w.levels)-1]
	w.top().expect = false
	w.i++
	if last.unnest {
		return w.unnestAlias()
	}
	return nil
}

// unnestAlias notes the name after UNNEST(…): it is the column's.
func (w *walker) unnestAlias() error {
	if w.token(w.i).is("AS") {
		w.i++
	}
	if t := w.token(w.i); t.kind == tokenQuoted || t.kind == tokenWord && !reserved[upper(t)] {
		w.f.aliases[w.i] = true
		w.i++
	}
	if t := w.token(w.i); t.is("WITH") {
		return missing(t, "WITH OFFSET")
	}
	return nil
}

// keyword follows the clauses of a query.
func (w *walker) keyword(t token) {
	l, previous := w.top(), w.token(w.i-1)
	switch {
	case t.is("SELECT"):
		l.clause = inSelect
	case t.is("*") && l.clause == inSelect && previous.any("SELECT", "DISTINCT", "ALL", ",", "."):
		l.block.star = true
	case t.is("FROM") && !previous.is("DISTINCT"), t.is(",") && l.clause == inFrom:
		l.clause, l.expect = inFrom, true
	case l.clause == inFrom && t.any("LEFT", "RIGHT", "FULL"):
		w.join = upper(t)
	case l.clause == inFrom && t.is("JOIN"):
		l.expect = true
	case t.is("WHERE"):
		l.clause, l.block.wherePos = inWhere, w.i+1
	case t.any("GROUP", "HAVING", "QUALIFY", "WINDOW", "ORDER", "LIMIT"):
		w.endWhere()
		l.clause = inRest
	case t.any("UNION", "INTERSECT"), t.is("EXCEPT") && !previous.is("*"):
		w.endWhere()
		l.block, l.clause = w.f.newBlock(), inExpression
	}
}

func (w *walker) endWhere() {
	if l := w.top(); l.clause == inWhere && l.block != nil {
		l.block.where = w.f.tokens[l.block.wherePos:w.i]
	}
}

// table reads a name of a table and its alias.
func (w *walker) table() error {
	outer := w.source()
	path, end := readPath(w.f.tokens, w.i)
	b := w.top().block
	s := &scan{at: w.i, end: end, block: b, alias: path[len(path)-1], outer: outer}
	first := w.token(w.i)
	if w.token(end).is("(") {
		return missing(first, "a table function")
	}
	for _, earlier := range b.scans {
		if len(path) > 1 && strings.EqualFold(earlier.alias, path[0]) {
			return missing(first, "an array in FROM without UNNEST")
		}
	}
	if len(path) > 1 || !w.f.ctes[strings.ToLower(path[0])] {
		var err error
		if s.relation, err = w.f.env.find(path, first); err != nil {
			return err
		}
	}
	w.i = end
	if w.token(w.i).is("AS") {
		w.i++
	}
	if t := w.token(w.i); t.kind == tokenQuoted || t.kind == tokenWord && !reserved[upper(t)] {
		s.alias = t.text
		w.i++
	}
	b.scans = append(b.scans, s)
	w.f.scans = append(w.f.scans, s)
	w.f.paths[s.at] = s
	return nil
}

// readPath reads a path of names, in backticks or not. It returns where it
// ends.
func readPath(tokens []token, i int) (path []string, end int) {
	for {
		if tokens[i].kind == tokenQuoted {
			path = append(path, strings.Split(tokens[i].text, ".")...)
		} else {
			path = append(path, tokens[i].text)
		}
		i++
		if i+1 >= len(tokens) || !tokens[i].is(".") || tokens[i+1].kind != tokenWord && tokens[i+1].kind != tokenQuoted {
			return path, i
		}
		i++
	}
}
