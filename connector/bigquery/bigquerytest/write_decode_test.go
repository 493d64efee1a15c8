package bigquerytest

import (
	"testing"

	"cloud.google.com/go/bigquery/storage/apiv1/storagepb"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"google.golang.org/grpc/codes"
)

var idField = arrow.Field{Name: "id", Type: arrow.PrimitiveTypes.Int64}

// oneRow is a row with an id and, in a column of a type, what fill appends.
func oneRow(name string, typ arrow.DataType, fill func(array.Builder)) arrow.Record {
	return recordOf([]arrow.Field{idField, {Name: name, Type: typ, Nullable: true}}, func(b []array.Builder) {
		b[0].(*array.Int64Builder).Append(1)
		fill(b[1])
	})
}

func (t *writeTest) write(r arrow.Record) (resp *storagepb.AppendRowsResponse, code codes.Code, storage storagepb.StorageError_StorageErrorCode) {
	t.Helper()
	schema, rows, _ := wire(r)
	resp, st := t.connect().ask(writeTable+"/streams/_default", -1, schema, rows)
	return resp, st.Code(), storageCode(st)
}

func TestWriteTypes(t *testing.T) {
	w := newWriteTest(t)
	zero := func(b array.Builder) { b.AppendEmptyValue() }
	us, ns := arrow.FixedWidthTypes.Timestamp_us, arrow.FixedWidthTypes.Timestamp_ns
	for _, test := range []struct {
		column string
		typ    arrow.DataType
		want   codes.Code
	}{
		{"c_STRING", arrow.BinaryTypes.String, codes.OK},
		{"c_STRING", arrow.BinaryTypes.LargeString, codes.InvalidArgument},
		{"c_STRING", &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}, codes.InvalidArgument},
		{"c_STRING", arrow.ListOf(arrow.BinaryTypes.String), codes.InvalidArgument},
		{"c_BYTES", arrow.BinaryTypes.Binary, codes.OK},
		{"c_BYTES", arrow.BinaryTypes.String, codes.InvalidArgument},
		{"c_INT64", arrow.PrimitiveTypes.Int64, codes.OK},
		{"c_INT64", arrow.PrimitiveTypes.Float64, codes.InvalidArgument},
		{"c_FLOAT64", arrow.PrimitiveTypes.Float64, codes.OK},
		{"c_BOOL", arrow.FixedWidthTypes.Boolean, codes.OK},
		{"c_TIMESTAMP", us, codes.OK},
		{"c_TIMESTAMP", ns, codes.InvalidArgument},
		{"c_TIMESTAMP", &arrow.TimestampType{Unit: arrow.Microsecond}, codes.InvalidArgument},
		{"c_DATE", arrow.FixedWidthTypes.Date32, codes.OK},
		{"c_DATE", arrow.FixedWidthTypes.Date64, codes.InvalidArgument},
		{"list", arrow.ListOf(arrow.BinaryTypes.String), codes.OK},
		{"list", arrow.ListOfNonNullable(arrow.BinaryTypes.String), codes.OK},
		{"list", arrow.BinaryTypes.String, codes.InvalidArgument},
		{"nothing", arrow.BinaryTypes.String, codes.InvalidArgument},
	} {
		_, code, storage := w.write(oneRow(test.column, test.typ, zero))
		if code != test.want {
			t.Errorf("%s as %s: %s, want %s", test.column, test.typ, code, test.want)
		}
		if extra := storage == storagepb.StorageError_SCHEMA_MISMATCH_EXTRA_FIELDS; extra != (test.column == "nothing") {
			t.Errorf("%s as %s: %s", test.column, test.typ, storage)
		}
	}
	if _, code, _ := w.write(recordOf([]arrow.Field{{Name: "c_INT64", Type: arrow.PrimitiveTypes.Int64}}, func(b []array.Builder) { b[0].AppendEmptyValue() })); code != codes.InvalidArgument {
		t.Errorf("without the required column: %s", code)
	}
}

func TestWriteValues(t *testing.T) {
	w := newWriteTest(t)
	text := func(s string) func(array.Builder) {
		return func(b array.Builder) { b.(*array.StringBuilder).Append(s) }
	}
	micros := func(n int64) func(array.Builder) {
		return func(b array.Builder) { b.(*array.TimestampBuilder).Append(arrow.Timestamp(n)) }
	}
	day := func(n int32) func(array.Builder) {
		return func(b array.Builder) { b.(*array.Date32Builder).Append(arrow.Date32(n)) }
	}
	null := func(b array.Builder) { b.AppendNull() }
	timestamp, date := arrow.FixedWidthTypes.Timestamp_us, arrow.FixedWidthTypes.Date32
	for _, test := range []struct {
		name, column string
		typ          arrow.DataType
		fill         func(array.Builder)
		ok           bool
	}{
		{"null", "c_STRING", arrow.BinaryTypes.String, null, true},
		{"text", "c_STRING", arrow.BinaryTypes.String, text("größe"), true},
		{"no UTF-8", "c_STRING", arrow.BinaryTypes.String, text("a\xff"), false},
		{"JSON", "c_JSON", arrow.BinaryTypes.String, text(`{"a":1}`), true},
		{"no JSON", "c_JSON", arrow.BinaryTypes.String, text(`{a:1}`), false},
		{"year 1", "c_TIMESTAMP", timestamp, micros(minMicros), true},
		{"before", "c_TIMESTAMP", timestamp, micros(minMicros - 1), false},
		{"year 9999", "c_TIMESTAMP", timestamp, micros(maxMicros), true},
		{"after", "c_TIMESTAMP", timestamp, micros(maxMicros + 1), false},
		{"day 1", "c_DATE", date, day(minDay), true},
		{"day before", "c_DATE", date, day(minDay - 1), false},
		{"last day", "c_DATE", date, day(maxDay), true},
		{"day after", "c_DATE", date, day(maxDay + 1), false},
		{"null in a list", "list", arrow.ListOf(arrow.BinaryTypes.String), func(b array.Builder) {
			b.(*array.ListBuilder).Append(true)
			b.(*array.ListBuilder).ValueBuilder().AppendNull()
		}, false},
	} {
		before := w.rows()
		resp, code, _ := w.write(oneRow(test.column, test.typ, test.fill))
		if (code == codes.OK) != test.ok || !test.ok && (code != codes.InvalidArgument || len(resp.GetRowErrors()) != 1) {
			t.Errorf("%s: %s %v", test.name, code, resp.GetRowErrors())
		}
		if (w.rows() > before) != test.ok {
			t.Errorf("%s: written: %t", test.name, w.rows() > before)
		}
	}
	if _, code, _ := w.write(oneRow("list", arrow.ListOf(arrow.BinaryTypes.String), null)); code != codes.InvalidArgument {
		t.Errorf("a null list: %s", code)
	}
	required := recordOf([]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, func(b []array.Builder) {
		b[0].(*array.Int64Builder).AppendValues([]int64{1, 2, 3}, []bool{true, false, true})
	})
	resp, code, _ := w.write(required)
	if errs := resp.GetRowErrors(); code != codes.InvalidArgument || len(errs) != 1 || errs[0].GetIndex() != 1 {
		t.Errorf("a null in a required column: %s %v", code, errs)
	}
}

// TestWriteFraming: exactly one message each.
func TestWriteFraming(t *testing.T) {
	w := newWriteTest(t)
	schema, rows, whole := wire(ids(2))
	empty, _, _ := wire(ids(0))
	_, none, _ := wire(ids(0))
	for name, sent := range map[string][2][]byte{
		"whole stream":     {schema, whole},
		"two batches":      {schema, append(append([]byte{}, rows...), rows...)},
		"schema as rows":   {schema, schema},
		"rows as schema":   {rows, rows},
		"schema in stream": {whole, rows},
		"no schema":        {nil, rows},
		"no rows":          {schema, nil},
		"zero rows":        {empty, none},
		"half":             {schema, rows[:len(rows)/2]},
		"nonsense":         {schema, []byte("\xff\xff\xff\xff\x08\x00\x00\x00nonsense")},
		"too large":        {schema, make([]byte, 10_000_000)},
	} {
		if _, st := w.connect().ask(writeTable+"/streams/_default", -1, sent[0], sent[1]); st.Code() != codes.InvalidArgument {
			t.Errorf("%s: %v", name, st)
		}
	}
	if w.rows() != 0 {
		t.Errorf("%d rows were written", w.rows())
	}
}
