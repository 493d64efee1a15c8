package bigquery

import (
	"encoding/binary"
	"fmt"
	"sort"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"vitalsink/connector"
)

const (
	// requestRows bounds the rows of a request.
	requestRows = 1 << 16
	// requestOverhead is more than a request takes beside the values: its
	// schema, its name, and what Arrow says about each column.
	requestOverhead = 64 << 10
)

// encoder encodes rows of a record, with columns added that have the same
// value in each row. It may be used by several goroutines at once.
type encoder struct {
	mem       memory.Allocator
	rows      arrow.Record
	constants []arrow.Array // as long as the longest request
	schema    *arrow.Schema
	message   []byte // the schema, as one message in Arrow's IPC format
	limit     int    // bytes of a request
}

// newEncoder makes an encoder of rows and of constants, which must be given
// for each of the fields by name. Release it; it does not keep rows longer.
func newEncoder(mem memory.Allocator, limit int, rows arrow.Record, fields *arrow.Schema, constants map[string]any) (*encoder, error) {
	e := &encoder{mem: mem, rows: rows, limit: limit}
	rows.Retain()
	all := append([]arrow.Field{}, rows.Schema().Fields()...)
	for _, f := range fields.Fields() {
		c, err := repeat(mem, f, constants[f.Name], int(min(rows.NumRows(), requestRows)))
		if err != nil {
			e.release()
			return nil, err
		}
		e.constants, all = append(e.constants, c), append(all, f)
	}
	e.schema = arrow.NewSchema(all, nil)
	var err error
	if e.message, err = schemaMessage(e.schema); err != nil {
		e.release()
		return nil, err
	}
	return e, nil
}

func (e *encoder) release() {
	e.rows.Release()
	for _, c := range e.constants {
		c.Release()
	}
}

func (e *encoder) len() int { return int(e.rows.NumRows()) }

// schemaMessage is a schema as one encapsulated message, which is how a stream
// begins: 8 bytes, of which the last 4 say how many follow.
func schemaMessage(s *arrow.Schema) ([]byte, error) {
	var stream buffer
	if err := ipc.NewWriter(&stream, ipc.WithSchema(s)).Close(); err != nil {
		return nil, fmt.Errorf("encode schema: %w", err)
	}
	return stream[:8+binary.LittleEndian.Uint32(stream[4:8])], nil
}

// next encodes as many rows as fit into a request, from row from on, to row
// to at most: one record batch message, and the row after the last in it.
func (e *encoder) next(from, to int) (message []byte, end int, err error) {
	room := e.limit - requestOverhead
	n := e.fit(from, min(to, from+requestRows), room) - from
	for {
		message, err := e.encode(from, from+n)
		switch {
		case err != nil:
			return nil, 0, err
		case len(message) <= room+requestOverhead/2:
			return message, from + n, nil
		case n == 1:
			return nil, 0, fmt.Errorf("%w: a row takes %d bytes, a request %d", connector.ErrRefused, len(message), e.limit)
		}
		n /= 2 // size knows nothing of the columns' type
	}
}

// encode encodes rows from..to-1.
func (e *encoder) encode(from, to int) ([]byte, error) {
	columns := make([]arrow.Array, 0, e.schema.NumFields())
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	for _, c := range e.rows.Columns() {
		columns = append(columns, array.NewSlice(c, int64(from), int64(to)))
	}
	for _, c := range e.constants {
		columns = append(columns, array.NewSlice(c, 0, int64(to-from)))
	}
	rows := array.NewRecord(e.schema, columns, int64(to-from))
	defer rows.Release()
	// The stream is cut after its schema, and not closed: what is left is the
	// one message.
	stream := make(buffer, 0, len(e.message)+e.size(from, to)+requestOverhead)
	w := ipc.NewWriter(&stream, ipc.WithSchema(e.schema), ipc.WithAllocator(e.mem))
	if err := w.Write(rows); err != nil {
		return nil, fmt.Errorf("encode rows: %w", err)
	}
	return stream[len(e.message):], nil
}

// buffer keeps what is written to it.
type buffer []byte

func (b *buffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

// fit is the greatest end up to to for which rows from..end-1 take no more
// than so many bytes, but at least one row.
func (e *encoder) fit(from, to, room int) int {
	return from + max(1, sort.Search(to-from, func(n int) bool { return e.size(from, from+n+1) > room }))
}

// size is how many bytes rows from..to-1 take when encoded, about.
func (e *encoder) size(from, to int) int {
	n := 0
	for _, c := range e.rows.Columns() {
		n += sizeOf(c, from, to)
	}
	for _, c := range e.constants {
		n += sizeOf(c, 0, min(to-from, c.Len())) * max(1, (to-from)/c.Len())
	}
	return n
}

// sizeOf is the size of some values in Arrow's layout.
func sizeOf(values arrow.Array, from, to int) int {
	n, last := 0, to-1
	if last < from {
		return 0
	}
	if values.NullN() > 0 {
		n = padded((to - from + 7) / 8)
	}
	switch a := values.(type) {
	case array.BinaryLike:
		return n + padded(4*(to-from+1)) + padded(int(a.ValueOffset64(last)-a.ValueOffset64(from))+a.ValueLen(last))
	case *array.List:
		begin, _ := a.ValueOffsets(from)
		_, end := a.ValueOffsets(last)
		return n + padded(4*(to-from+1)) + sizeOf(a.ListValues(), int(begin), int(end))
	}
	if t, ok := values.DataType().(arrow.FixedWidthDataType); ok {
		n += padded((t.BitWidth()*(to-from) + 7) / 8)
	}
	return n
}

// padded is the size of a buffer in a message.
func padded(n int) int { return int(bitutil.CeilByte64(int64(n))) }

// repeat is a column of n times the same value.
func repeat(mem memory.Allocator, f arrow.Field, value any, n int) (arrow.Array, error) {
	b := array.NewBuilder(mem, f.Type)
	defer b.Release()
	b.Reserve(n)
	for range n {
		if !appendValue(b, value) {
			return nil, fmt.Errorf("no value for column %s", f.Name)
		}
	}
	return b.NewArray(), nil
}

// appendValue tells whether the value has the builder's type.
func appendValue(b array.Builder, value any) bool {
	switch v := value.(type) {
	case string:
		s, ok := b.(*array.StringBuilder)
		if ok {
			s.Append(v)
		}
		return ok
	case int:
		i, ok := b.(*array.Int64Builder)
		if ok {
			i.Append(int64(v))
		}
		return ok
	case time.Time:
		return appendTime(b, v)
	case []string:
		return appendList(b, v)
	case []time.Time:
		return appendList(b, v)
	}
	return false
}

func appendTime(b array.Builder, t time.Time) bool {
	switch b := b.(type) {
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(t.UnixMicro()))
	case *array.Date32Builder:
		b.Append(arrow.Date32FromTime(t))
	default:
		return false
	}
	return true
}

func appendList[T any](b array.Builder, values []T) bool {
	list, ok := b.(*array.ListBuilder)
	if !ok {
		return false
	}
	list.Append(true)
	for _, v := range values {
		if !appendValue(list.ValueBuilder(), v) {
			return false
		}
	}
	return true
}
