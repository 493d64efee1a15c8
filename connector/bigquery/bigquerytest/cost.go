//go:build cgo

package bigquerytest

import (
	"context"
	"database/sql"
	"strings"
)

// minimumBytes are billed for each table that a statement refers to.
const minimumBytes = 10 << 20

// widths are estimates of what a value takes, in bytes. BigQuery counts 8 for
// numbers and times, 1 for BOOL, 2 + its length for STRING, and the length of
// BYTES.
var widths = map[string]int64{
	"INTEGER": 8, "FLOAT": 8, "TIMESTAMP": 8, "DATE": 8, "BOOLEAN": 1, "STRING": 24, "BYTES": 32, "JSON": 256,
}

// listLength is what a list is taken to have of items.
const listLength = 4

// width is the estimate for one row, of those columns.
func (r *relation) width(counts func(column) bool) int64 {
	var n int64
	for _, c := range r.columns {
		if !counts(c) {
			continue
		}
		w := widths[c.kind]
		if c.mode == "REPEATED" {
			w *= listLength
		}
		n += w
	}
	return n
}

// nothing stands for NULL among the numbers of partitions.
const nothing = int64(-1) << 62

// bill is what a statement costs, and why.
type bill struct {
	bytes     int64                    // that are billed
	processed int64                    // the same without the minimum
	read      map[string]int           // partitions by the table's id
	rows      map[*relation]bool       // the tables referred to
	parts     map[*relation]partitions // what a table has, for those that were asked
}

// partitions are the rows of each partition of a table, by its number.
type partitions map[int64]int

// count reads how many rows the partitions of a table have.
func count(ctx context.Context, conn *sql.Conn, r *relation) (partitions, error) {
	if !r.isFilled() {
		return nil, nil
	}
	number := "0"
	if r.partitioned != nil {
		number = r.partitioned.sql("")
	}
	return countBy(ctx, conn, "SELECT "+number+", count(*) FROM "+r.sql+" GROUP BY 1")
}

// countBy reads numbers of partitions and counts of rows.
func countBy(ctx context.Context, conn *sql.Conn, query string) (partitions, error) {
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		return nil, explain(err)
	}
	defer rows.Close()
	p := partitions{}
	for rows.Next() {
		var number sql.NullInt64
		var n int
		if err := rows.Scan(&number, &n); err != nil {
			return nil, err
		}
		if !number.Valid {
			number.Int64 = nothing
		}
		if n > 0 {
			p[number.Int64] += n
		}
	}
	return p, explain(rows.Err())
}

// partitionOf is the partition with that number.
func (r *relation) partitionOf(number int64) partition {
	switch {
	case r.partitioned == nil:
		return everywhere
	case number == nothing:
		return partition{null: true}
	}
	return r.partitioned.partition(&number)
}

// charge adds what reading a table costs, under a condition (nil for none).
func (e *execution) charge(ctx context.Context, b *bill, r *relation, where *condition, tokens []token, counts func(column) bool) error {
	if _, ok := b.parts[r]; !ok {
		p, err := count(ctx, e.conn, r)
		if err != nil {
			return err
		}
		b.parts[r] = p
	}
	var bytes int64
	width, holds := r.width(counts), always(anything)
	if where != nil {
		holds = where.test(tokens)
	}
	for number, n := range b.parts[r] {
		if holds(r.partitionOf(number))&canBeTrue == 0 {
			continue
		}
		if r.partitioned != nil {
			b.read[r.id]++
		}
		bytes += int64(n) * width
	}
	if _, ok := b.read[r.id]; !ok && r.partitioned != nil {
		b.read[r.id] = 0
	}
	b.processed += bytes
	if !b.rows[r] {
		b.rows[r] = true
		bytes = max(bytes, minimumBytes)
	}
	b.bytes += bytes
	return nil
}

// chargeFragment adds what the tables of a fragment cost.
func (e *execution) chargeFragment(ctx context.Context, b *bill, f *fragment, names map[string]bool) error {
	for _, s := range f.scans { // what a view reads, the view is authorized to read
		if s.relation != nil {
			e.noteStatement(StatementReads, s.relation)
		}
	}
	return e.chargeScans(ctx, b, f, names, func(string) bool { return false })
}

// chargeScans does so for a query, or for that of a view. filtered tells
// whether what reads the view has a condition on a column.
func (e *execution) chargeScans(ctx context.Context, b *bill, f *fragment, names map[string]bool, filtered func(column string) bool) error {
	for _, s := range f.scans {
		r := s.relation
		if r == nil {
			continue
		}
		if r.view != nil {
			inner, err := e.env.within(r)
			if err != nil {
				return err
			}
			above := func(column string) bool { return s.filtersBy(e.env, column) || filtered(column) }
			if err := e.chargeScans(ctx, b, inner, both(names, namesIn(inner.tokens)), above); err != nil {
				return err
			}
			continue
		}
		if r.filtered && !s.filtersBy(e.env, r.partitioned.column) && !filtered(r.partitioned.column) {
			return unfiltered(r)
		}
		where, tokens := s.condition()
		counts := func(c column) bool { return s.block.star || names[strings.ToLower(c.name)] }
		if err := e.charge(ctx, b, r, where, tokens, counts); err != nil {
			return err
		}
	}
	return nil
}

// condition is the WHERE right at a scan; nil if there is none that prunes.
func (s *scan) condition() (*condition, []token) {
	if s.block.where == nil || s.outer || s.relation.partitioned == nil {
		return nil, nil
	}
	return conditionOn(s.relation, s.alias, s.block.sources == 1), s.block.where
}

func conditionOn(r *relation, alias string, alone bool) *condition {
	return &condition{column: r.partitioned.column, kind: r.partitioned.kind, alias: alias, alone: alone}
}

// namesIn are the names that occur in tokens, in lower case.
func namesIn(tokens []token) map[string]bool {
	names := map[string]bool{}
	for _, t := range tokens {
		if t.kind == tokenWord || t.kind == tokenQuoted {
			names[strings.ToLower(t.text)] = true
		}
	}
	return names
}

func both(a, b map[string]bool) map[string]bool {
	all := map[string]bool{}
	for _, m := range []map[string]bool{a, b} {
		for k := range m {
			all[k] = true
		}
	}
	return all
}
