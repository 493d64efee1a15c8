//go:build cgo

package bigquerytest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"vitalsink/connector/duckdb/duckarrow"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

var _ tables = (*Server)(nil)

// columns are those of a table of the given path.
func (s *Server) columns(path string) ([]column, bool) {
	r, err := s.relationAt(path)
	if err != nil || r.view != nil {
		return nil, false
	}
	var seen []column
	for _, c := range r.columns {
		if c.added.IsZero() || s.now().Sub(c.added) >= s.config.SchemaLag {
			seen = append(seen, c)
		}
	}
	return seen, true
}

func (s *Server) relationAt(path string) (*relation, error) {
	parts := strings.Split(path, "/")
	if len(parts) != 6 {
		return nil, fmt.Errorf("malformed path %s", path)
	}
	return s.catalog.relation(parts[1], parts[3], parts[5], "", 0)
}

// insert appends rows that came through the Storage Write API.
func (s *Server) insert(ctx context.Context, path string, rows []arrow.Record) error {
	s.altering.RLock()
	defer s.altering.RUnlock()
	r, err := s.relationAt(path)
	if err != nil {
		return err
	}
	if err := s.checkPartitions(r, rows); err != nil {
		return err
	}
	s.inserting.Lock()
	defer s.inserting.Unlock()
	var queries []string
	for i, rec := range rows {
		view := fmt.Sprintf("arrow_rows_%d", i)
		// Before the transaction, which can write to one database only.
		release, err := duckarrow.Scan(s.incoming, rec, view)
		if err != nil {
			return err
		}
		defer release()
		var names []string
		for _, f := range rec.Schema().Fields() {
			names = append(names, quoteIdent(f.Name))
		}
		list := strings.Join(names, ", ")
		queries = append(queries, "INSERT INTO "+r.sql+" ("+list+") SELECT "+list+" FROM "+view)
	}
	err = s.inTransaction(ctx, queries)
	r.stream(s.now())
	return explain(err)
}

// inTransaction runs statements that write what came in.
func (s *Server) inTransaction(ctx context.Context, queries []string) error {
	ctx = context.WithoutCancel(ctx)
	for _, q := range append([]string{"BEGIN TRANSACTION"}, queries...) {
		if _, err := s.incoming.ExecContext(ctx, q); err != nil {
			_, rollback := s.incoming.ExecContext(ctx, "ROLLBACK")
			return errors.Join(err, rollback)
		}
	}
	_, err := s.incoming.ExecContext(ctx, "COMMIT")
	return err
}

// checkPartitions refuses rows that would make too many partitions.
func (s *Server) checkPartitions(r *relation, rows []arrow.Record) error {
	if r.partitioned == nil {
		return nil
	}
	numbers := map[int64]int{}
	for _, rec := range rows {
		for _, i := range rec.Schema().FieldIndices(r.partitioned.column) {
			switch a := rec.Column(i).(type) {
			case *array.Timestamp:
				for k := range a.Len() {
					numbers[r.partitioned.of(a.IsNull(k), int64(a.Value(k)))]++
				}
			case *array.Date32:
				for k := range a.Len() {
					numbers[r.partitioned.of(a.IsNull(k), int64(a.Value(k))*r.partitioned.unit.Microseconds())]++
				}
			}
		}
	}
	if n := r.see(numbers); n > maxPartitionsOfTable {
		return tooManyOf(r, n)
	}
	return nil
}

// of is the number of the partition of a time.
func (p *partitioning) of(null bool, micros int64) int64 {
	if null {
		return nothing
	}
	unit := p.unit.Microseconds()
	n := micros / unit
	if micros%unit < 0 {
		n--
	}
	return n
}

// forgetTable drops the streams of a table that was deleted.
func (s *writeServer) forgetTable(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, st := range s.streams {
		if st.table == path {
			st.release()
			delete(s.streams, name)
		}
	}
}

// forget drops all streams.
func (s *writeServer) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.streams {
		st.release()
	}
	clear(s.streams)
}
