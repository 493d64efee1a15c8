//go:build cgo

package bigquerytest

import (
	"strings"
)

// mutation is an INSERT, UPDATE, DELETE or MERGE, taken apart.
type mutation struct {
	statement *statement
	target    *relation
	alias     string
	alone     bool // it joins the target with nothing

	sources []*fragment // what it reads beside the target
	where   []token     // which rows of the target it reads, for pruning; nil for all
	reads   bool        // it reads the target

	affected string // query of the rows of the target that will change; "" if none can
	text     string // the statement for DuckDB
	actions  bool   // RETURNING begins with merge_action
	numbers  bool   // RETURNING ends with the partition of the new row
}

// mutationOf takes a statement apart.
func (env *environment) mutationOf(s *statement) (*mutation, error) {
	m := &mutation{statement: s}
	i := 1
	if i < len(s.tokens) && s.tokens[i].any("INTO", "FROM") {
		i++
	}
	if i >= len(s.tokens) || s.tokens[i].kind != tokenWord && s.tokens[i].kind != tokenQuoted {
		return nil, unexpected(s.tokens[min(i, len(s.tokens)-1)])
	}
	path, end := readPath(s.tokens, i)
	var err error
	if m.target, err = env.find(path, s.tokens[i]); err != nil {
		return nil, err
	}
	if m.target.view != nil {
		return nil, invalid("%s is not allowed for this operation because it is currently a VIEW.", m.target.name())
	}
	m.alias, i = m.target.id, end
	if i < len(s.tokens) && s.kind != kindInsert {
		if s.tokens[i].is("AS") {
			i++
		}
		if i == len(s.tokens) {
			return nil, invalid("the statement ends too early")
		}
		if t := s.tokens[i]; t.kind == tokenQuoted || t.kind == tokenWord && !reserved[upper(t)] {
			m.alias = t.text
			i++
		}
	}
	env.inSight = []*relation{m.target}
	rest := s.tokens[i:]
	switch s.kind {
	case kindInsert:
		env.inSight = nil
		return m, m.insert(env, rest)
	case kindUpdate:
		return m, m.update(env, rest)
	case kindDelete:
		return m, m.remove(env, rest)
	}
	return m, m.merge(env, rest)
}

// number is the partition of a row of the target; of the new row, in
// RETURNING.
func (m *mutation) number(alias string) string {
	if m.target.partitioned == nil {
		return "CAST(0 AS BIGINT)"
	}
	return m.target.partitioned.sql(alias)
}

// returning asks for the partitions of new rows, if there can be any.
func (m *mutation) returning() string {
	if m.target.partitioned == nil {
		return ""
	}
	m.numbers = true
	return " RETURNING " + m.number("")
}

func (m *mutation) named() string { return m.target.sql + " AS " + quoteIdent(m.alias) }

func (m *mutation) insert(env *environment, t []token) error {
	var columns string
	if len(t) > 1 && t[0].is("(") && !t[1].any("SELECT", "WITH") {
		end := closing(t, 0)
		if end == len(t) {
			return unexpected(t[0])
		}
		names, err := m.columnList(t[1:end])
		if err != nil {
			return err
		}
		columns, t = " ("+strings.Join(names, ", ")+")", t[end+1:]
	}
	if len(t) == 0 {
		return syntaxError(m.statement.at(), "Unexpected end of statement")
	}
	begin, prefix := inSelect, " "
	if t[0].is("VALUES") {
		begin, prefix, t = inExpression, " VALUES ", t[1:]
	}
	f, err := env.fragment(t, begin)
	if err != nil {
		return err
	}
	m.sources = append(m.sources, f)
	text, err := f.sql()
	m.text = "INSERT INTO " + m.target.sql + columns + prefix + text + m.returning()
	return err
}

// columnList reads names of columns of the target.
func (m *mutation) columnList(t []token) ([]string, error) {
	var names []string
	seen := map[string]bool{}
	for _, item := range split(t, ",") {
		if len(item) != 1 || item[0].kind != tokenWord && item[0].kind != tokenQuoted {
			return nil, unexpected(m.statement.at())
		}
		c := m.target.column(item[0].text)
		if c == nil {
			return nil, invalid("Column %s is not present in table %s at [%d:%d]", item[0].text, m.target.dotted(), item[0].line, item[0].col)
		}
		if seen[c.name] {
			return nil, invalid("INSERT has columns with duplicate name: %s at [%d:%d]", c.name, item[0].line, item[0].col)
		}
		seen[c.name] = true
		names = append(names, quoteIdent(c.name))
	}
	return names, nil
}

// expression translates a part of the statement, and notes what it reads.
func (m *mutation) expression(env *environment, t []token) (string, error) {
	f, err := env.fragment(t, inExpression)
	if err != nil {
		return "", err
	}
	m.sources = append(m.sources, f)
	return f.sql()
}

// assignments translates what follows SET. moves tells whether a row can
// come into another partition.
func (m *mutation) assignments(env *environment, t []token) (text string, moves bool, err error) {
	var parts []string
	for _, item := range split(t, ",") {
		name := 0
		if len(item) > 2 && item[1].is(".") && strings.EqualFold(item[0].text, m.alias) {
			name = 2
		}
		if len(item) < name+3 || !item[name+1].is("=") {
			return "", false, unexpected(m.statement.at())
		}
		c := m.target.column(item[name].text)
		if c == nil {
			return "", false, invalid("Unrecognized name: %s at [%d:%d]", item[name].text, item[name].line, item[name].col)
		}
		value, err := m.expression(env, item[name+2:])
		if err != nil {
			return "", false, err
		}
		moves = moves || m.target.partitioned != nil && strings.EqualFold(m.target.partitioned.column, c.name)
		parts = append(parts, quoteIdent(c.name)+" = "+value)
	}
	return strings.Join(parts, ", "), moves, nil
}

func (m *mutation) update(env *environment, t []token) error {
	where := find(t, "WHERE")
	if len(t) == 0 || !t[0].is("SET") || where == len(t) {
		return invalid("UPDATE must have a WHERE clause at [%d:%d]", m.statement.at().line, m.statement.at().col)
	}
	from := min(find(t, "FROM"), where)
	join, source := "", ""
	m.alone = from == where
	if from < where {
		f, err := env.fragment(t[from+1:where], inFrom)
		if err != nil {
			return err
		}
		m.sources = append(m.sources, f)
		env.see(f)
		items, err := f.sql()
		if err != nil {
			return err
		}
		join, source = ", "+items, " FROM "+items
	}
	set, moves, err := m.assignments(env, t[1:from])
	if err != nil {
		return err
	}
	m.where, m.reads = t[where+1:], true
	condition, err := m.expression(env, m.where)
	if err != nil {
		return err
	}
	m.affected = m.affectedBy("FROM " + m.named() + join + " WHERE " + condition)
	m.text = "UPDATE " + m.named() + " SET " + set + source + " WHERE " + condition
	if moves {
		m.text += m.returning()
	}
	return nil
}

// affectedBy asks, of rows of the target joined with rows of a source, for
// partitions, rows, and how many rows of the source one has at most.
func (m *mutation) affectedBy(from string) string {
	return "SELECT p, count(*), max(n) FROM (SELECT " + m.number(m.alias) + " AS p, count(*) AS n " + from +
		" GROUP BY " + m.number(m.alias) + ", " + quoteIdent(m.alias) + ".rowid) GROUP BY p"
}

func (m *mutation) remove(env *environment, t []token) error {
	if len(t) < 2 || !t[0].is("WHERE") {
		return invalid("DELETE must have a WHERE clause at [%d:%d]", m.statement.at().line, m.statement.at().col)
	}
	m.where, m.reads, m.alone = t[1:], true, true
	condition, err := m.expression(env, m.where)
	m.affected = "SELECT " + m.number(m.alias) + ", count(*), 1 FROM " + m.named() + " WHERE " + condition + " GROUP BY 1"
	m.text = "DELETE FROM " + m.named() + " WHERE " + condition
	return err
}
