package transforms_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"vitalsink/schemas"
	"vitalsink/transforms"
)

// published is when the messages of the tests were, unless they say otherwise.
func published() time.Time { return time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) }

// catalogue is the embedded one, read once.
var catalogue = sync.OnceValue(func() *schemas.Catalogue {
	c, err := schemas.Load()
	if err != nil {
		panic(err)
	}
	return c
})

// tb is what testing.TB and *rapid.T share.
type tb interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// row is one row of a record: TIMESTAMP as RFC 3339 with what fraction it has,
// DATE as a date, REPEATED as []any, BYTES as []byte, JSON as its text. NULL
// columns are left out.
type row map[string]any

// outcome is what became of one message, out of the decoder's buffers.
type outcome struct {
	transforms.Decoded
	refusals   []transforms.Refusal
	rows       []row // of Table
	quarantine []row // of the quarantine table
	days       []time.Time
	noDay      int
	resources  []string
}

func newDecoder(t tb) *transforms.Decoder {
	t.Helper()
	d, err := transforms.NewDecoder(catalogue())
	if err != nil {
		t.Fatalf("compile the catalogue: %v", err)
	}
	return d
}

// message is an event without attributes, changed by edits.
func message(body string, edits ...func(*transforms.Message)) *transforms.Message {
	m := &transforms.Message{ID: "m1", PublishTime: published(), Data: []byte(body)}
	for _, edit := range edits {
		edit(m)
	}
	return m
}

func attribute(name, value string) func(*transforms.Message) {
	return func(m *transforms.Message) {
		if m.Attributes == nil {
			m.Attributes = map[string]string{}
		}
		m.Attributes[name] = value
	}
}

func publishedAt(at time.Time) func(*transforms.Message) {
	return func(m *transforms.Message) { m.PublishTime = at }
}

// decode is what becomes of an event without attributes, changed by edits.
func decode(t tb, body string, edits ...func(*transforms.Message)) outcome {
	t.Helper()
	return decodeWith(t, newDecoder(t), message(body, edits...))
}

// decodeWith decodes a message, builds what is in it, and checks what holds
// for every message: its books balance and no memory is left behind. refused
// are the rows that the warehouse does not take.
func decodeWith(t tb, decoder *transforms.Decoder, m *transforms.Message, refused ...int32) outcome {
	t.Helper()
	d := decoder.Decode(m)
	if len(refused) > 0 {
		d.RefuseRows(refused)
	}
	return outcomeOf(t, d)
}

// outcomeOf appends what was decoded.
func outcomeOf(t tb, d *transforms.Decoded) outcome {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	o := outcome{Decoded: *d, refusals: append([]transforms.Refusal{}, d.Refusals()...)}
	o.build(t, mem, d)
	if len(o.refusals) > 0 {
		o.quarantine = quarantined(t, mem, d)
	}
	mem.AssertSize(t, 0)
	checkBooks(t, o)
	return o
}

func (o *outcome) build(t tb, mem memory.Allocator, d *transforms.Decoded) {
	t.Helper()
	if d.Table == nil {
		return
	}
	b := transforms.NewBuilder(mem, d.Table)
	defer b.Release()
	b.Append(d)
	o.days, o.noDay = b.Days()
	o.resources = b.Resources()
	if b.Rows() != d.Rows {
		t.Errorf("the builder has %d rows, want %d", b.Rows(), d.Rows)
	}
	o.rows = recordRows(t, b, d.Table)
}

func quarantined(t tb, mem memory.Allocator, d *transforms.Decoded) []row {
	t.Helper()
	table := catalogue().Table(schemas.QuarantineTable)
	b := transforms.NewBuilder(mem, table)
	defer b.Release()
	b.AppendQuarantine(d)
	return recordRows(t, b, table)
}

// recordRows takes the builder's record apart.
func recordRows(t tb, b *transforms.Builder, table *schemas.Table) []row {
	t.Helper()
	record := b.NewRecord()
	defer record.Release()
	if int64(b.Rows()) != record.NumRows() {
		t.Errorf("the record of %s has %d rows, the builder says %d", table.Name, record.NumRows(), b.Rows())
	}
	rows := make([]row, record.NumRows())
	for i := range rows {
		rows[i] = row{}
	}
	for i, c := range table.Columns {
		column := record.Column(i)
		if int64(column.Len()) != record.NumRows() {
			t.Fatalf("%s.%s has %d rows, the record %d", table.Name, c.Name, column.Len(), record.NumRows())
		}
		for j := range rows {
			v := valueAt(column, j)
			if v == nil && (c.Required || c.Repeated || table.IsKey(c.Name)) {
				t.Errorf("%s.%s is NULL", table.Name, c.Name)
			}
			if v != nil {
				rows[j][c.Name] = v
			}
		}
	}
	return rows
}

// valueAt is the value at a position, nil for NULL.
func valueAt(a arrow.Array, i int) any {
	if a.IsNull(i) {
		return nil
	}
	switch a := a.(type) {
	case *array.String:
		return a.Value(i)
	case *array.Binary:
		return append([]byte{}, a.Value(i)...)
	case *array.Int64:
		return a.Value(i)
	case *array.Float64:
		return a.Value(i)
	case *array.Boolean:
		return a.Value(i)
	case *array.Timestamp:
		return time.UnixMicro(int64(a.Value(i))).UTC().Format(time.RFC3339Nano)
	case *array.Date32:
		return a.Value(i).ToTime().Format(time.DateOnly)
	case *array.List:
		from, to := a.ValueOffsets(i)
		list := []any{}
		for j := from; j < to; j++ {
			list = append(list, valueAt(a.ListValues(), int(j)))
		}
		return list
	}
	panic(fmt.Sprintf("no such column type: %s", a.DataType()))
}

// checkBooks: what was decoded is in rows or in quarantine, and the outcome
// says which.
func checkBooks(t tb, o outcome) {
	t.Helper()
	if o.RowsDecoded != o.Rows+o.RowsQuarantined+o.RowsErased {
		t.Errorf("decoded %d rows = %d rows + %d in quarantine + %d erased?", o.RowsDecoded, o.Rows, o.RowsQuarantined, o.RowsErased)
	}
	for _, r := range o.refusals {
		if r.Reason == transforms.DecoderFault {
			t.Errorf("the decoder panicked")
		}
	}
	want := transforms.Landed
	switch {
	case len(o.refusals) > 0 && o.Rows > 0:
		want = transforms.PartlyQuarantined
	case len(o.refusals) > 0:
		want = transforms.Quarantined
	case o.Outcome == transforms.Erased && o.RowsErased == o.RowsDecoded: // refused as a whole, it had none
		want = transforms.Erased
	case o.Rows == 0:
		want = transforms.Empty
	}
	if o.Outcome != want {
		t.Errorf("outcome %d, want %d: %d rows, refusals %v", o.Outcome, want, o.Rows, o.refusals)
	}
	if o.Rows > 0 && o.Table == nil {
		t.Errorf("%d rows of no table", o.Rows)
	}
}

// position is a row's place in its message.
func (r row) position() int { return int(binary.BigEndian.Uint32(r["_version"].([]byte)[24:])) }

// only is the one row of an outcome without refusals.
func only(t tb, o outcome) row {
	t.Helper()
	if len(o.rows) != 1 || len(o.refusals) != 0 {
		t.Fatalf("%d rows, want one; refusals %v", len(o.rows), o.refusals)
	}
	return o.rows[0]
}

// checkRow compares the columns that want names; nil is NULL. The order of the
// fields of _extra means nothing, how each is written does.
func checkRow(t tb, got, want row) {
	t.Helper()
	for name, v := range want {
		is := got[name]
		if name == "_extra" {
			v, is = fieldsOf(t, v), fieldsOf(t, is)
		}
		if d := cmp.Diff(v, is); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// fieldsOf are the literals of an _extra by path.
func fieldsOf(t tb, extra any) map[string]string {
	t.Helper()
	raw := map[string]json.RawMessage{}
	if extra != nil {
		if err := json.Unmarshal([]byte(extra.(string)), &raw); err != nil {
			t.Fatalf("_extra is no JSON object: %v", err)
		}
	}
	fields := map[string]string{}
	for name, literal := range raw {
		fields[name] = string(literal)
	}
	return fields
}

// checkRefused wants a whole message refused for a reason; place "" is any.
func checkRefused(t tb, o outcome, reason transforms.Reason, place string) {
	t.Helper()
	if o.Outcome != transforms.Quarantined || len(o.refusals) != 1 || o.RowsDecoded != 0 {
		t.Fatalf("outcome %d of %d rows, want it refused; refusals %v", o.Outcome, o.RowsDecoded, o.refusals)
	}
	r := o.refusals[0]
	if r.Reason != reason || place != "" && r.Path != place {
		t.Errorf("refused for %v, want %s at %s", r, reason, place)
	}
}

// checkSampleRefused wants one sample refused and n others landed.
func checkSampleRefused(t tb, o outcome, n int, reason transforms.Reason, place string) {
	t.Helper()
	if len(o.refusals) != 1 || len(o.rows) != n || o.RowsQuarantined != 1 {
		t.Fatalf("%d rows, want %d and one refused; refusals %v", len(o.rows), n, o.refusals)
	}
	if r := o.refusals[0]; r.Reason != reason || r.Path != place {
		t.Errorf("refused for %v, want %s at %s", r, reason, place)
	}
}
