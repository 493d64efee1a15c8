//go:build cgo

package bigquerytest

import "strings"

// merge takes a MERGE apart: USING source ON condition WHEN ….
func (m *mutation) merge(env *environment, t []token) error {
	on, when := find(t, "ON"), find(t, "WHEN")
	if len(t) == 0 || !t[0].is("USING") || on > when || when == len(t) {
		return unexpected(m.statement.at())
	}
	source, err := env.fragment(t[1:on], inFrom)
	if err != nil {
		return err
	}
	m.sources = append(m.sources, source)
	env.see(source)
	using, err := source.sql()
	if err != nil {
		return err
	}
	m.where, m.reads = t[on+1:when], true
	condition, err := m.expression(env, m.where)
	if err != nil {
		return err
	}
	w := &whens{m: m, env: env, source: t[on-1].text}
	for rest := t[when:]; len(rest) > 0; {
		end := 1 + find(rest[1:], "WHEN")
		if err := w.add(rest[:end]); err != nil {
			return err
		}
		rest = rest[end:]
	}
	if len(w.matched) > 0 {
		m.affected = m.affectedBy("FROM " + m.named() + " JOIN " + using + " ON (" + condition + ") WHERE " + strings.Join(w.matched, " OR "))
	}
	for _, c := range w.bySource {
		m.where = nil // all of the target is read
		if m.affected != "" {
			m.affected += " UNION ALL "
		}
		m.affected += m.affectedBy("FROM " + m.named() + " WHERE NOT EXISTS (SELECT 1 FROM " + using + " WHERE " + condition + ") AND " + c)
	}
	m.actions = true
	m.text = "MERGE INTO " + m.named() + " USING " + using + " ON (" + condition + ") " + strings.Join(w.clauses, " ") + " RETURNING merge_action"
	if m.target.partitioned != nil && w.moves {
		m.numbers = true
		m.text += ", " + m.number("")
	}
	return nil
}

// whens are the WHEN clauses of a MERGE.
type whens struct {
	m        *mutation
	env      *environment
	source   string // its alias
	clauses  []string
	matched  []string // conditions of WHEN MATCHED
	bySource []string // conditions of WHEN NOT MATCHED BY SOURCE
	moves    bool     // rows come into partitions they were not in
}

// add reads one clause.
func (w *whens) add(t []token) error {
	then := find(t, "THEN")
	if then+1 >= len(t) {
		return unexpected(t[0])
	}
	and := find(t[:then], "AND")
	head := textOfWords(t[:and])
	condition := "TRUE"
	if and < then {
		var err error
		if condition, err = w.m.expression(w.env, t[and+1:then]); err != nil {
			return err
		}
		condition = "(" + condition + ")"
	}
	switch head {
	case "WHEN MATCHED":
		w.matched = append(w.matched, condition)
	case "WHEN NOT MATCHED BY SOURCE":
		w.bySource = append(w.bySource, condition)
	case "WHEN NOT MATCHED", "WHEN NOT MATCHED BY TARGET":
	default:
		return unexpected(t[0])
	}
	action, err := w.action(t[then+1:])
	w.clauses = append(w.clauses, head+" AND "+condition+" THEN "+action)
	return err
}

func textOfWords(t []token) string {
	words := make([]string, len(t))
	for i := range t {
		words[i] = upper(t[i])
	}
	return strings.Join(words, " ")
}

func (w *whens) action(t []token) (string, error) {
	switch {
	case len(t) == 1 && t[0].is("DELETE"):
		return "DELETE", nil
	case len(t) > 2 && t[0].is("UPDATE") && t[1].is("SET"):
		set, moves, err := w.m.assignments(w.env, t[2:])
		w.moves = w.moves || moves
		return "UPDATE SET " + set, err
	case len(t) == 2 && t[0].is("INSERT") && t[1].is("ROW"):
		w.moves = true
		var names, values []string
		for _, c := range w.m.target.columns {
			names = append(names, quoteIdent(c.name))
			values = append(values, quoteIdent(w.source)+"."+quoteIdent(c.name))
		}
		return "INSERT (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(values, ", ") + ")", nil
	case len(t) > 4 && t[0].is("INSERT") && t[1].is("("):
		w.moves = true
		end := closing(t, 1)
		if end+2 >= len(t) || !t[end+1].is("VALUES") {
			return "", unexpected(t[0])
		}
		names, err := w.m.columnList(t[2:end])
		if err != nil {
			return "", err
		}
		values, err := w.m.expression(w.env, t[end+2:])
		return "INSERT (" + strings.Join(names, ", ") + ") VALUES " + values, err
	}
	return "", missing(t[0], "this action of MERGE")
}
