//go:build cgo

package bigquerytest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
)

// execution runs the script of a job on a connection of its own.
type execution struct {
	server  *Server
	job     *job
	conn    *sql.Conn
	env     *environment
	tx      *transaction // nil outside
	spent   int64        // bytes billed until now
	entered *relation    // the table in whose queue it was
	broken  bool         // the connection cannot be used again
}

// run runs the whole script. What it leaves behind is undone.
func (e *execution) run(ctx context.Context, list []statement) (err error) {
	defer func() { err = errors.Join(err, e.cleanUp()) }()
	return e.list(ctx, list)
}

func (e *execution) list(ctx context.Context, list []statement) error {
	for i := range list {
		if err := e.statement(ctx, &list[i]); err != nil {
			return e.wrap(&list[i], err)
		}
	}
	return nil
}

// wrap says, as BigQuery does of scripts, where it failed.
func (e *execution) wrap(s *statement, err error) error {
	var known *JobError
	if e.env.script == "" || !errors.As(err, &known) || known.Reason != reasonInvalidQuery || strings.HasPrefix(known.Message, "Query error: ") {
		return err
	}
	message := known.Message
	if !strings.HasSuffix(message, "]") || s.kind == kindRaise {
		message += fmt.Sprintf(" at [%d:%d]", s.at().line, s.at().col)
	}
	return &JobError{known.Reason, "Query error: " + message}
}

// cleanUp ends the transaction and drops temporary tables, whatever happened
// to the job.
func (e *execution) cleanUp() error {
	ctx := context.Background()
	var errs []error
	if e.tx != nil {
		errs = append(errs, e.end(ctx, false))
	}
	for _, r := range e.env.temporary {
		if _, err := e.conn.ExecContext(ctx, "DROP TABLE IF EXISTS "+r.sql); err != nil {
			e.broken = true
			errs = append(errs, err)
		}
	}
	if e.broken {
		// This is what makes the pool give the connection up.
		_ = e.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	if err := e.conn.Close(); err != nil && !errors.Is(err, driver.ErrBadConn) && !errors.Is(err, sql.ErrConnDone) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// begin opens a transaction. Its snapshot is of now, not of its first read.
func (e *execution) begin(ctx context.Context) error {
	id := fmt.Sprintf("%s_%d", e.job.id, e.server.transactions.Add(1))
	tx, err := e.server.locks.begin(id, func() error {
		for _, q := range []string{"BEGIN TRANSACTION", "SELECT n FROM memory.main.snapshot LIMIT 0"} {
			if _, err := e.conn.ExecContext(ctx, q); err != nil {
				return err
			}
		}
		e.env.version = e.server.catalog.version()
		return nil
	})
	if err != nil {
		_, _ = e.conn.ExecContext(context.Background(), "ROLLBACK") // there may be nothing
		return explain(err)
	}
	e.tx = tx
	return nil
}

// end ends the transaction; ctx does not stop it.
func (e *execution) end(ctx context.Context, commit bool) error {
	what := "ROLLBACK"
	if commit {
		what = "COMMIT"
	}
	tx := e.tx
	e.tx, e.env.version = nil, 0
	err := e.server.locks.end(tx, commit, func() error {
		_, err := e.conn.ExecContext(context.WithoutCancel(ctx), what)
		return err
	})
	if isConflict(err) {
		return tx.aborted(err)
	}
	if err != nil {
		e.broken = true
	}
	return explain(err)
}

// steady keeps the catalog from changing, for what runs outside transactions;
// those have its version. It returns what ends that.
func (e *execution) steady() func() {
	if e.tx != nil {
		return func() {}
	}
	e.server.altering.RLock()
	return e.server.altering.RUnlock
}

// statement runs one statement of the script.
func (e *execution) statement(ctx context.Context, s *statement) error {
	e.env.billed = e.spent
	switch s.kind {
	case kindDeclare:
		return e.declare(ctx, s)
	case kindSet:
		return e.set(ctx, s)
	case kindIf:
		return e.branch(ctx, s)
	}
	if err := e.enter(ctx, s); err != nil {
		return err
	}
	defer e.leave()
	return e.withFault(ctx, CallStatement, e.targetOf(s), func() error {
		return e.charged(ctx, func() error { return e.act(ctx, s) })
	})
}

// enter waits in the queue of a table for a statement outside transactions
// that may change rows of it.
func (e *execution) enter(ctx context.Context, s *statement) error {
	if e.tx != nil || s.kind != kindUpdate && s.kind != kindDelete && s.kind != kindMerge {
		return nil
	}
	i := 1
	if i+1 < len(s.tokens) && s.tokens[i].any("INTO", "FROM") {
		i++
	}
	if i >= len(s.tokens) {
		return nil // it will be refused
	}
	path, _ := readPath(s.tokens, i)
	r, err := e.env.find(path, s.at())
	if err != nil || r.temporary {
		return err
	}
	if err := e.server.locks.enter(ctx, r); err != nil {
		return err
	}
	e.entered = r
	return nil
}

func (e *execution) leave() {
	if e.entered != nil {
		e.server.locks.leave(e.entered)
		e.entered = nil
	}
}

// withFault does something, unless a fault has it otherwise.
func (e *execution) withFault(ctx context.Context, call, table string, do func() error) error {
	fault := e.server.faults.next(call, table)
	if fault == nil {
		return do()
	}
	if err := fault.begin(ctx, call); err != nil {
		return context.Cause(ctx)
	}
	failed := fault.Job
	if failed == nil {
		failed = failure(reasonBackend, "a fault was injected")
	}
	switch fault.Effect {
	case Pass:
		return do()
	case LoseReply, ResetAfter:
		if err := do(); err != nil {
			return err
		}
	}
	return failed
}

func (e *execution) act(ctx context.Context, s *statement) error {
	switch s.kind {
	case kindBegin:
		if e.tx != nil {
			return invalid("Transaction is already in progress")
		}
		return e.begin(ctx)
	case kindCommit, kindRollback:
		if e.tx == nil {
			return invalid("There is no transaction in progress")
		}
		return e.end(ctx, s.kind == kindCommit)
	case kindRaise:
		v, err := e.evaluate(ctx, s.expr, sqlType{kind: "STRING"})
		if err != nil {
			return err
		}
		text, _ := v.v.(string)
		return invalid("%s", text)
	case kindSelect:
		defer e.steady()()
		return e.query(ctx, s)
	case kindCreateAs:
		defer e.steady()()
		return e.createAs(ctx, s)
	case kindDrop:
		return e.drop(ctx, s)
	}
	return e.change(ctx, s)
}

func (e *execution) declare(ctx context.Context, s *statement) error {
	var v value
	if s.types != nil {
		v.typ = *s.types
	}
	if s.expr != nil {
		var err error
		if v, err = e.evaluate(ctx, s.expr, v.typ); err != nil {
			return err
		}
	}
	for _, name := range s.names {
		key := strings.ToLower(name.text)
		if e.env.variables[key] != nil {
			return invalid("Variable '%s' redeclaration is not allowed", name.text)
		}
		own := v
		e.env.variables[key] = &own
	}
	return nil
}

func (e *execution) branch(ctx context.Context, s *statement) error {
	v, err := e.evaluate(ctx, s.expr, sqlType{kind: "BOOLEAN"})
	if err != nil {
		return err
	}
	if yes, _ := v.v.(bool); yes {
		return e.list(ctx, s.body)
	}
	return e.list(ctx, s.elseBody)
}

// set gives variables values: one, or several from one row.
func (e *execution) set(ctx context.Context, s *statement) error {
	var into []*value
	for _, name := range s.names {
		v := e.env.variables[strings.ToLower(name.text)]
		if v == nil {
			return invalid("Undeclared variable: %s", name.text)
		}
		into = append(into, v)
	}
	if len(into) == 1 {
		v, err := e.evaluate(ctx, s.expr, into[0].typ)
		if err == nil {
			*into[0] = v
		}
		return err
	}
	tokens := s.expr
	if len(tokens) < 3 || !tokens[0].is("(") {
		return missing(s.at(), "SET of several variables from this")
	}
	if len(tokens) > 4 && tokens[1].is("SELECT") && tokens[2].is("AS") && tokens[3].is("STRUCT") {
		tokens = append([]token{tokens[1]}, tokens[4:len(tokens)-1]...)
	} else if parts := split(tokens[1:len(tokens)-1], ","); len(parts) == len(into) {
		tokens = append([]token{{kind: tokenWord, text: "SELECT"}}, tokens[1:len(tokens)-1]...)
	} else {
		return missing(s.at(), "SET of several variables from this")
	}
	return e.setRow(ctx, tokens, into)
}

func (e *execution) setRow(ctx context.Context, tokens []token, into []*value) error {
	defer e.steady()()
	return e.charged(ctx, func() error { return e.assign(ctx, tokens, into) })
}

func (e *execution) assign(ctx context.Context, tokens []token, into []*value) error {
	text, err := e.translated(ctx, tokens, inExpression)
	if err != nil {
		return err
	}
	got, err := e.rows(ctx, text)
	if err != nil {
		return err
	}
	switch {
	case len(got.types) != len(into):
		return invalid("Cannot assign %d values to %d variables", len(got.types), len(into))
	case len(got.rows) > 1:
		return invalid("Scalar subquery produced more than one element")
	}
	for i, v := range into {
		if len(got.rows) == 0 {
			v.v = nil
			continue
		}
		if got.types[i] != v.typ && got.rows[0][i] != nil {
			return invalid("Cannot coerce expression of type %s to type %s", got.types[i], v.typ)
		}
		v.v = got.rows[0][i]
	}
	return nil
}

// evaluate computes an expression; of any type, if none is asked for.
func (e *execution) evaluate(ctx context.Context, tokens []token, t sqlType) (v value, err error) {
	defer e.steady()()
	err = e.charged(ctx, func() error {
		v, err = e.compute(ctx, tokens, t)
		return err
	})
	return v, err
}

func (e *execution) compute(ctx context.Context, tokens []token, t sqlType) (value, error) {
	text, err := e.translated(ctx, tokens, inExpression)
	if err != nil {
		return value{}, err
	}
	query := "SELECT " + text
	if t.kind != "" {
		query = "SELECT CAST((" + text + ") AS " + t.duck() + ")"
	}
	got, err := e.rows(ctx, query)
	if err != nil {
		return value{}, err
	}
	if len(got.rows) != 1 || len(got.types) != 1 {
		return value{}, invalid("Scalar subquery produced more than one element")
	}
	return value{got.types[0], got.rows[0][0]}, nil
}

// translated is a part of a statement in DuckDB's dialect; what it reads is
// charged.
func (e *execution) translated(ctx context.Context, tokens []token, begin clause) (string, error) {
	f, err := e.env.fragment(tokens, begin)
	if err != nil {
		return "", err
	}
	if len(f.scans) > 0 {
		b := newBill()
		if err := e.chargeFragment(ctx, b, f, namesIn(tokens)); err != nil {
			return "", err
		}
		if err := e.pay(b, Statement{Kind: "EXPRESSION", Text: e.textOf(tokens)}); err != nil {
			return "", err
		}
	}
	return f.sql()
}
