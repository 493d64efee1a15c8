//go:build cgo

package bigquerytest

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

func itoa(n int) string { return strconv.Itoa(n) }

func newBill() *bill {
	return &bill{read: map[string]int{}, rows: map[*relation]bool{}, parts: map[*relation]partitions{}}
}

// textOf is the text of some tokens.
func (e *execution) textOf(tokens []token) string {
	if len(tokens) == 0 {
		return ""
	}
	return e.job.query[tokens[0].start:tokens[len(tokens)-1].end]
}

// pay checks a statement's cost against the limit, and notes the statement.
func (e *execution) pay(b *bill, s Statement) error {
	s.BytesBilled, s.BytesProcessed, s.PartitionsRead = b.bytes, b.processed, b.read
	total := b.bytes
	if e.server.config.CapScripts {
		total += e.spent
	}
	if limit := e.job.limit; limit > 0 && total > limit {
		return failure(reasonBytes, "Query exceeded limit for bytes billed: %d. %d or higher required.", limit, total)
	}
	e.spent += b.bytes
	e.job.note(s)
	return nil
}

// charged does something that is paid for. An error costs nothing, unless it
// is that the job was cancelled.
func (e *execution) charged(ctx context.Context, do func() error) error {
	from := e.job.noted()
	err := do()
	if err != nil && ctx.Err() == nil {
		e.spent -= e.job.refund(from)
	}
	return err
}

// fragmentOf prepares a query, charges it and translates it.
func (e *execution) fragmentOf(ctx context.Context, s *statement, tokens []token) (string, error) {
	f, err := e.env.fragment(tokens, inSelect)
	if err != nil {
		return "", err
	}
	b := newBill()
	if err := e.chargeFragment(ctx, b, f, namesIn(tokens)); err != nil {
		return "", err
	}
	if err := e.pay(b, Statement{Kind: string(s.kind), Text: s.text}); err != nil {
		return "", err
	}
	return f.sql()
}

// query runs a SELECT. The last one is the result of the job.
func (e *execution) query(ctx context.Context, s *statement) error {
	text, err := e.fragmentOf(ctx, s, s.tokens)
	if err != nil {
		return err
	}
	r, err := e.rows(ctx, text)
	if err != nil {
		return err
	}
	if err := r.nameColumns(); err != nil {
		return err
	}
	if err := distinctOf(s.tokens, r.types); err != nil {
		return err
	}
	e.job.setResult(r)
	return nil
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// nameColumns names columns without a name as BigQuery does.
func (r *result) nameColumns() error {
	seen := map[string]bool{}
	for i, name := range r.names {
		if !plainName.MatchString(name) {
			name = fmt.Sprintf("f%d_", i)
			r.names[i] = name
		}
		if seen[strings.ToLower(name)] {
			return invalid("Duplicate column names in the result are not supported. Found duplicate(s): %s", name)
		}
		seen[strings.ToLower(name)] = true
	}
	return nil
}

// distinctOf refuses SELECT DISTINCT of what cannot be compared.
func distinctOf(tokens []token, types []sqlType) error {
	i := find(tokens, "SELECT")
	if i+1 >= len(tokens) || !tokens[i+1].is("DISTINCT") {
		return nil
	}
	for _, t := range types {
		if !t.comparable() {
			return invalid("Column of type %s cannot be used in SELECT DISTINCT at [%d:%d]", t, tokens[i].line, tokens[i].col)
		}
	}
	return nil
}

// createAs runs CREATE TEMP TABLE name AS query.
func (e *execution) createAs(ctx context.Context, s *statement) error {
	t, i := s.tokens, 1
	replace := len(t) > 3 && t[1].is("OR") && t[2].is("REPLACE")
	if replace {
		i = 3
	}
	if i >= len(t) || !t[i].any("TEMP", "TEMPORARY") {
		if e.tx != nil {
			return invalid("DDL statements on permanent tables and views are not supported in a transaction")
		}
		return missing(s.at(), "CREATE of anything but a temporary table")
	}
	if i+4 >= len(t) || !t[i+1].is("TABLE") || t[i+2].kind != tokenWord && t[i+2].kind != tokenQuoted || !t[i+3].is("AS") {
		return missing(s.at(), "this form of CREATE TEMP TABLE")
	}
	name := t[i+2].text
	old := e.env.temporary[strings.ToLower(name)]
	if old != nil && !replace {
		return failure(reasonDuplicate, "Already Exists: Table %s", name)
	}
	text, err := e.fragmentOf(ctx, s, t[i+4:])
	if err != nil {
		return err
	}
	r := &relation{project: e.env.project, dataset: "_script", id: name, sql: "temp." + quoteIdent(name), temporary: true, history: &history{}}
	if _, err := e.conn.ExecContext(ctx, "CREATE OR REPLACE TEMP TABLE "+quoteIdent(name)+" AS "+text); err != nil {
		return explain(err)
	}
	e.env.temporary[strings.ToLower(name)] = r
	if r.columns, err = columnsOf(ctx, e.conn, r.sql); err != nil {
		return err
	}
	types := make([]sqlType, len(r.columns))
	for k, c := range r.columns {
		types[k] = sqlType{c.kind, c.mode == "REPEATED"}
	}
	return distinctOf(t[i+4:], types)
}

// querier is a connection, or a transaction on one.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// columnsOf are the columns of a table or view of DuckDB's.
func columnsOf(ctx context.Context, from querier, name string) ([]column, error) {
	rows, err := from.QueryContext(ctx, "SELECT * FROM "+name+" LIMIT 0")
	if err != nil {
		return nil, explain(err)
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	columns := make([]column, len(types))
	for i, c := range types {
		t, ok := typeOfDuck(c.DatabaseTypeName())
		if !ok {
			return nil, failure(reasonMissing, "stand-in for BigQuery: a column of type %s is not part of it", c.DatabaseTypeName())
		}
		columns[i] = column{name: c.Name(), kind: t.kind, mode: "NULLABLE"}
		if t.repeated {
			columns[i].mode = "REPEATED"
		}
	}
	return columns, rows.Err()
}

// drop runs DROP TABLE of a temporary table.
func (e *execution) drop(ctx context.Context, s *statement) error {
	t, i := s.tokens, 2
	if len(t) < 3 || !t[1].is("TABLE") {
		return missing(s.at(), "DROP of anything but a table")
	}
	exists := len(t) == 5 && t[2].is("IF") && t[3].is("EXISTS")
	if exists {
		i = 4
	}
	path, end := readPath(t, i)
	if end != len(t) {
		return unexpected(t[end])
	}
	r := e.env.temporary[strings.ToLower(path[0])]
	if len(path) == 1 && r == nil && exists {
		return nil
	}
	if len(path) != 1 || r == nil {
		if e.tx != nil {
			return invalid("DDL statements on permanent tables and views are not supported in a transaction")
		}
		return missing(s.at(), "DROP TABLE of a permanent table")
	}
	e.job.note(Statement{Kind: string(s.kind), Text: s.text, Table: r.id})
	if _, err := e.conn.ExecContext(ctx, "DROP TABLE "+r.sql); err != nil {
		return explain(err)
	}
	delete(e.env.temporary, strings.ToLower(path[0]))
	return nil
}
