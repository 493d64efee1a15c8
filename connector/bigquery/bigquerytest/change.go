//go:build cgo

package bigquerytest

import (
	"context"
	"errors"
	"strings"
	"time"

	bq "google.golang.org/api/bigquery/v2"
)

// What a statement may do: https://cloud.google.com/bigquery/quotas#partitioned_tables.
const (
	maxPartitionsChanged = 4_000
	maxPartitionsOfTable = 10_000
)

// errBusy says that another transaction changes rows of the table.
type errBusy struct {
	table *relation
	freed <-chan struct{}
}

func (e *errBusy) Error() string { return "busy: " + e.table.id }

// targetOf is the id of the table that a statement changes, "" if none.
func (e *execution) targetOf(s *statement) string {
	switch s.kind {
	case kindInsert, kindUpdate, kindDelete, kindMerge:
	default:
		return ""
	}
	i := 1
	if i < len(s.tokens) && s.tokens[i].any("INTO", "FROM") {
		i++
	}
	if i >= len(s.tokens) {
		return ""
	}
	path, _ := readPath(s.tokens, i)
	return path[len(path)-1]
}

// change runs an INSERT, UPDATE, DELETE or MERGE.
func (e *execution) change(ctx context.Context, s *statement) error {
	if e.tx != nil {
		err := e.changeWithin(ctx, s)
		var busy *errBusy
		if errors.As(err, &busy) {
			return e.tx.lost(busy.table.dotted())
		}
		return err
	}
	// A transaction of its own, that waits for others instead of failing.
	for {
		err := e.changeAlone(ctx, s)
		var busy *errBusy
		if !errors.As(err, &busy) {
			return err
		}
		if busy.freed == nil {
			continue // the other has ended already
		}
		select {
		case <-busy.freed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (e *execution) changeAlone(ctx context.Context, s *statement) error {
	defer e.steady()()
	if err := e.begin(ctx); err != nil {
		return err
	}
	e.tx.alone = true
	from := e.job.noted()
	if err := e.changeWithin(ctx, s); err != nil {
		var busy *errBusy
		if errors.As(err, &busy) {
			e.spent -= e.job.refund(from) // it will come again
			e.job.forget(from)
		}
		return errors.Join(err, e.end(ctx, false))
	}
	return e.end(ctx, true)
}

// changeWithin runs a statement in the open transaction.
func (e *execution) changeWithin(ctx context.Context, s *statement) error {
	m, changed, err := e.chargeChange(ctx, s)
	if err != nil {
		return err
	}
	if err := e.mayChange(m.target, len(changed) > 0); err != nil {
		return err
	}
	return e.apply(ctx, m, changed)
}

// chargeChange takes a statement apart, and charges what it reads and will
// change.
func (e *execution) chargeChange(ctx context.Context, s *statement) (*mutation, partitions, error) {
	defer func() { e.env.inSight = nil }()
	m, err := e.env.mutationOf(s)
	if err != nil {
		return nil, nil, err
	}
	e.noteStatement(StatementChanges, m.target)
	if m.reads {
		e.noteStatement(StatementReads, m.target)
	}
	b := newBill()
	names := namesIn(s.tokens)
	for _, f := range m.sources {
		if err := e.chargeFragment(ctx, b, f, names); err != nil {
			return nil, nil, err
		}
	}
	var changed partitions
	if m.reads {
		if changed, err = e.chargeTarget(ctx, b, m, names); err != nil {
			return nil, nil, err
		}
	}
	if len(changed) > maxPartitionsChanged && !e.job.dry {
		return nil, nil, tooMany(len(changed))
	}
	note := Statement{Kind: string(s.kind), Text: s.text, Table: m.target.id, PartitionsChanged: len(changed)}
	return m, changed, e.pay(b, note)
}

// noteStatement notes what a statement does to a table. Those of a script's own
// are nobody's but the script's.
func (e *execution) noteStatement(does string, r *relation) {
	if !r.temporary {
		e.server.faults.note(does, r.dataset)
	}
}

// chargeTarget finds the rows that will change, and adds what reading the
// target costs, and for what changes all of its partitions.
func (e *execution) chargeTarget(ctx context.Context, b *bill, m *mutation, names map[string]bool) (partitions, error) {
	var where *condition
	if m.target.partitioned != nil && m.where != nil {
		where = conditionOn(m.target, m.alias, m.alone)
	}
	if m.target.filtered && (where == nil || !where.filters(e.env, m.where)) {
		return nil, unfiltered(m.target)
	}
	counts := func(c column) bool { return names[strings.ToLower(c.name)] }
	if err := e.charge(ctx, b, m.target, where, m.where, counts); err != nil {
		return nil, err
	}
	if m.affected == "" {
		return nil, nil
	}
	changed := partitions{}
	r, err := e.rows(ctx, m.affected)
	if err != nil {
		return nil, err
	}
	for _, row := range r.rows {
		number, ok := row[0].(int64)
		if !ok {
			number = nothing
		}
		n, _ := row[1].(int64)
		most, _ := row[2].(int64)
		if most > 1 && !e.job.dry {
			return nil, invalid("UPDATE/MERGE must match at most one source row for each target row")
		}
		changed[number] += int(n)
	}
	width := m.target.width(func(column) bool { return true })
	for number := range changed {
		n := int64(b.parts[m.target][number]) * width
		b.bytes, b.processed = b.bytes+n, b.processed+n
	}
	return changed, nil
}

// mayChange asks whether the transaction may change rows of the table.
func (e *execution) mayChange(r *relation, changes bool) error {
	if !changes || r.temporary {
		return nil
	}
	if !e.tx.alone && e.server.now().Sub(r.streamedAt()) < e.server.config.StreamingBuffer {
		return invalid("UPDATE or DELETE statement over table %s would affect rows in the streaming buffer, which is not supported", r.dotted())
	}
	if ok, freed := e.server.locks.claim(e.tx, r); !ok {
		return &errBusy{r, freed}
	}
	return nil
}

// apply runs the statement and looks at the partitions that it wrote to.
func (e *execution) apply(ctx context.Context, m *mutation, changed partitions) error {
	e.tx.wrote = append(e.tx.wrote, m.target)
	rows, err := e.conn.QueryContext(ctx, m.text)
	if isConflict(err) {
		return e.tx.aborted(err)
	}
	if err != nil {
		return explain(err)
	}
	defer rows.Close()
	w := newWritten(m)
	for rows.Next() {
		if err := rows.Scan(w.into...); err != nil {
			return explain(err)
		}
		w.row()
	}
	if err := rows.Err(); err != nil {
		return explain(err)
	}
	e.env.rowCount = w.total()
	return e.written(m, w, changed)
}

// written checks limits on partitions, and notes what was done.
func (e *execution) written(m *mutation, w *written, changed partitions) error {
	if !m.target.temporary && w.total() > 0 {
		m.target.fill()
	}
	all := map[int64]int{}
	for _, p := range []map[int64]int{w.numbers, changed} {
		for number := range p {
			all[number]++
		}
	}
	if len(all) > maxPartitionsChanged {
		return tooMany(len(all))
	}
	if m.numbers && !m.target.temporary {
		if err := inRange(m.target.partitioned, w.numbers); err != nil {
			return err
		}
		if n := m.target.see(w.numbers); n > maxPartitionsOfTable {
			return tooManyOf(m.target, n)
		}
	}
	e.job.done(len(all), w.total(), w.stats)
	return nil
}

func tooMany(n int) error {
	return failure(reasonQuota, "Too many partitions produced by query, allowed %d, query produces at least %d partitions", maxPartitionsChanged, n)
}

func tooManyOf(r *relation, n int) error {
	return failure(reasonQuota, "Quota exceeded: Table %s has %d partitions, and may have %d", r.name(), n, maxPartitionsOfTable)
}

// inRange refuses times that TIMESTAMP does not have.
func inRange(p *partitioning, numbers map[int64]int) error {
	for number := range numbers {
		if t := time.UnixMicro(number * p.unit.Microseconds()); number != nothing && (t.Before(minTime) || t.After(maxTime)) {
			return invalid("TIMESTAMP value is out of allowed range: from 0001-01-01 00:00:00.000000+00 to 9999-12-31 23:59:59.999999+00")
		}
	}
	return nil
}

// written is what a statement returns.
type written struct {
	into    []any
	action  string
	number  *int64
	count   int64
	m       *mutation
	numbers map[int64]int
	stats   bq.DmlStatistics
}

func newWritten(m *mutation) *written {
	w := &written{m: m, numbers: map[int64]int{}}
	switch {
	case m.actions && m.numbers:
		w.into = []any{&w.action, &w.number}
	case m.actions:
		w.into = []any{&w.action}
	case m.numbers:
		w.into = []any{&w.number}
	default:
		w.into = []any{&w.count}
	}
	return w
}

// row counts a row that was returned: one that was written, or the count.
func (w *written) row() {
	n := int64(1)
	if !w.m.actions && !w.m.numbers {
		n = w.count
	}
	kind := string(w.m.statement.kind)
	if w.m.actions {
		kind = w.action
	}
	switch kind {
	case "INSERT":
		w.stats.InsertedRowCount += n
	case "UPDATE":
		w.stats.UpdatedRowCount += n
	default:
		w.stats.DeletedRowCount += n
	}
	if w.m.numbers && kind != "DELETE" {
		number := nothing
		if w.number != nil {
			number = *w.number
		}
		w.numbers[number]++
	}
}

func (w *written) total() int64 {
	return w.stats.InsertedRowCount + w.stats.UpdatedRowCount + w.stats.DeletedRowCount
}
