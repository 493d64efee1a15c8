//go:build cgo

package bigquerytest_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"cloud.google.com/go/bigquery"
	storage "cloud.google.com/go/bigquery/storage/apiv1"
	"cloud.google.com/go/bigquery/storage/apiv1/storagepb"
	"cloud.google.com/go/civil"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/iterator"

	"vitalsink/connector/bigquery/bigquerytest"
)

// everyType makes a table with a column of every type.
func (d *db) everyType() {
	d.Helper()
	d.table("e", "", field("s", bigquery.StringFieldType), field("b", bigquery.BytesFieldType), field("i", bigquery.IntegerFieldType),
		field("f", bigquery.FloatFieldType), field("o", bigquery.BooleanFieldType), field("t", bigquery.TimestampFieldType),
		field("d", bigquery.DateFieldType), field("j", bigquery.JSONFieldType), &bigquery.FieldSchema{Name: "l", Type: bigquery.StringFieldType, Repeated: true})
}

var (
	late  = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
	early = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
)

// rowsOfEveryType are extreme values of every type, and NULLs.
var rowsOfEveryType = [][]bigquery.Value{
	{"", []byte{}, int64(math.MinInt64), math.Inf(-1), false, early, civil.Date{Year: 1, Month: 1, Day: 1}, `{"a": 1.10, "n": 12345678901234567890}`, []bigquery.Value(nil)},
	{"it's `\"\\\n\x00é😀", []byte{0, 0xff, 0x80}, int64(math.MaxInt64), math.MaxFloat64, true, late, civil.Date{Year: 9999, Month: 12, Day: 31}, `[1, 2]`, []bigquery.Value{"", "b'"}},
	{"x", []byte("y"), int64(0), 0.1, true, time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC), civil.Date{Year: 1969, Month: 12, Day: 31}, `"text"`, []bigquery.Value{"a"}},
	{nil, nil, nil, nil, nil, nil, nil, nil, []bigquery.Value(nil)},
}

// TestValuesThroughParameters: values of every type go in as parameters, and
// come out of a query, of jobs.query and of tabledata.list as they were.
func TestValuesThroughParameters(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.everyType()
	for _, row := range rowsOfEveryType {
		var p []bigquery.QueryParameter
		for i, v := range row {
			name := fmt.Sprintf("p%d", i)
			switch v := v.(type) {
			case []bigquery.Value:
				list := []string{}
				for _, item := range v {
					list = append(list, item.(string))
				}
				p = append(p, bigquery.QueryParameter{Name: name, Value: list})
			case nil:
				null := []any{bigquery.NullString{}, []byte(nil), bigquery.NullInt64{}, bigquery.NullFloat64{}, bigquery.NullBool{},
					bigquery.NullTimestamp{}, bigquery.NullDate{}, bigquery.NullJSON{}}[i]
				p = append(p, bigquery.QueryParameter{Name: name, Value: null})
			default:
				if i == 7 {
					v = bigquery.NullJSON{JSONVal: v.(string), Valid: true}
				}
				p = append(p, bigquery.QueryParameter{Name: name, Value: v})
			}
		}
		if row[1] == nil {
			p[1].Value = []byte{} // the client has no NULL of BYTES
		}
		d.must("INSERT INTO d.e (s, b, i, f, o, t, d, j, l) VALUES (@p0, @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8)", p...)
	}
	d.must("UPDATE d.e SET b = NULL WHERE s IS NULL")
	d.checkEveryType()
	d.must("UPDATE d.e SET f = CAST('NaN' AS FLOAT64) WHERE TRUE")
	if v, ok := d.must("SELECT f FROM d.e")[0][0].(float64); !ok || !math.IsNaN(v) {
		t.Errorf("NaN comes back as %v", v)
	}
}

// checkEveryType reads the table in three ways.
func (d *db) checkEveryType() {
	d.Helper()
	const order = " ORDER BY s IS NULL, s = 'x', s"
	d.same("a query", d.must("SELECT * FROM d.e"+order))
	it, err := d.client.Query("SELECT * FROM d.e" + order).Read(d.Context())
	if err != nil {
		d.Fatal(err)
	}
	d.same("jobs.query", d.all(it))
	if rows := d.all(d.client.Dataset("d").Table("e").Read(d.Context())); len(rows) != len(rowsOfEveryType) {
		d.Errorf("tabledata.list: %d rows, want %d", len(rows), len(rowsOfEveryType))
	}
}

func (d *db) all(it *bigquery.RowIterator) (rows [][]bigquery.Value) {
	d.Helper()
	for {
		var row []bigquery.Value
		switch err := it.Next(&row); {
		case err == nil:
			rows = append(rows, row)
		case errors.Is(err, iterator.Done):
			return rows
		default:
			d.Fatal(err)
		}
	}
}

func (d *db) same(what string, rows [][]bigquery.Value) {
	d.Helper()
	if diff := cmp.Diff(rowsOfEveryType, rows); diff != "" {
		d.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// recordOfEveryType is the same rows in Arrow.
func recordOfEveryType() arrow.Record {
	timestamp := arrow.FixedWidthTypes.Timestamp_us
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "b", Type: arrow.BinaryTypes.Binary, Nullable: true},
		{Name: "i", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, {Name: "f", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "o", Type: arrow.FixedWidthTypes.Boolean, Nullable: true}, {Name: "t", Type: timestamp, Nullable: true},
		{Name: "d", Type: arrow.FixedWidthTypes.Date32, Nullable: true}, {Name: "j", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "l", Type: arrow.ListOfNonNullable(arrow.BinaryTypes.String)},
	}, nil))
	defer b.Release()
	for _, row := range rowsOfEveryType {
		for i, v := range row {
			appendValue(b.Field(i), v)
		}
	}
	return b.NewRecord()
}

func appendValue(b array.Builder, v bigquery.Value) {
	switch b := b.(type) {
	case *array.ListBuilder:
		b.Append(true)
		for _, item := range v.([]bigquery.Value) {
			b.ValueBuilder().(*array.StringBuilder).Append(item.(string))
		}
		return
	}
	if v == nil {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.StringBuilder:
		b.Append(v.(string))
	case *array.BinaryBuilder:
		b.Append(v.([]byte))
	case *array.Int64Builder:
		b.Append(v.(int64))
	case *array.Float64Builder:
		b.Append(v.(float64))
	case *array.BooleanBuilder:
		b.Append(v.(bool))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(v.(time.Time).UnixMicro()))
	case *array.Date32Builder:
		b.Append(arrow.Date32FromTime(v.(civil.Date).In(time.UTC)))
	}
}

// stream writes a record through the default stream of a table of dataset d.
func (d *db) stream(table string, rec arrow.Record) {
	d.Helper()
	if answer := d.send(table, rec); answer.GetError() != nil {
		d.Fatal(answer.GetError())
	}
}

// send appends rows to a table's default stream, and returns the answer.
func (d *db) send(table string, rec arrow.Record) *storagepb.AppendRowsResponse {
	d.Helper()
	client, err := storage.NewBigQueryWriteClient(d.Context(), d.Write()...)
	if err != nil {
		d.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	conn, err := client.AppendRows(context.WithoutCancel(d.Context()))
	if err != nil {
		d.Fatal(err)
	}
	var buf bytes.Buffer
	w := ipc.NewWriter(&buf, ipc.WithSchema(rec.Schema()))
	if err := w.Write(rec); err != nil {
		d.Fatal(err)
	}
	if err := w.Close(); err != nil {
		d.Fatal(err)
	}
	cut := 8 + binary.LittleEndian.Uint32(buf.Bytes()[4:8])
	err = conn.Send(&storagepb.AppendRowsRequest{
		WriteStream: "projects/p/datasets/d/tables/" + table + "/_default",
		Rows: &storagepb.AppendRowsRequest_ArrowRows{ArrowRows: &storagepb.AppendRowsRequest_ArrowData{
			WriterSchema: &storagepb.ArrowSchema{SerializedSchema: buf.Bytes()[:cut]},
			Rows:         &storagepb.ArrowRecordBatch{SerializedRecordBatch: buf.Bytes()[cut : buf.Len()-8]},
		}},
	})
	if err != nil {
		d.Fatal(err)
	}
	answer, err := conn.Recv()
	if err != nil {
		d.Fatal(err)
	}
	if err := conn.CloseSend(); err != nil {
		d.Fatal(err)
	}
	if _, err := conn.Recv(); err == nil {
		d.Fatal("the stream does not end")
	}
	return answer
}

// TestValuesThroughStream: values of every type go in as Arrow.
func TestValuesThroughStream(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.everyType()
	rec := recordOfEveryType()
	defer rec.Release()
	d.stream("e", rec)
	d.checkEveryType()
}

// TestExpressions: what GoogleSQL and DuckDB see differently.
func TestExpressions(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	for query, want := range map[string]string{
		"SELECT 'a\\n\\x41\\u00e9', \"it's\", r'\\n', '''x'y''', b'\\xff'":                                                                                   "[[a\nAé it's \\n x'y [255]]]",
		"SELECT 7 / 2, DIV(-7, 2), MOD(-7, 2), 0x10, 1.5":                                                                                                    "[[3.5 -3 -1 16 1.5]]",
		"SELECT IF(TRUE, 1, 2), IFNULL(NULL, 3), COALESCE(NULL, 4), NULLIF(1, 1)":                                                                            "[[1 3 4 <nil>]]",
		"SELECT CONCAT('a', NULL), GREATEST(1, NULL), LEAST(1, 2)":                                                                                           "[[<nil> <nil> 1]]",
		"SELECT FORMAT('%d of %s', 3, 'x')":                                                                                                                  "[[3 of x]]",
		"SELECT DATE(TIMESTAMP '2026-01-01 23:30:00-02'), DATE '2026-01-02'":                                                                                 "[[2026-01-02 2026-01-02]]",
		"SELECT TIMESTAMP_TRUNC(TIMESTAMP '2026-01-01 23:30:00', HOUR), UNIX_MICROS(TIMESTAMP '1969-12-31 23:59:59.999999')":                                 "[[2026-01-01 23:00:00 +0000 UTC -1]]",
		"SELECT TIMESTAMP_DIFF(TIMESTAMP '2026-01-02 01:00:00', TIMESTAMP '2026-01-01 02:00:00', DAY), DATE_DIFF(DATE '2026-01-02', DATE '2026-01-01', DAY)": "[[0 1]]",
		"SELECT COUNT(*), COUNTIF(x > 1), SUM(x), MAX(x) FROM UNNEST([1, 2, 3]) AS x":                                                                        "[[3 2 6 3]]",
		"SELECT x FROM UNNEST([3, NULL, 1]) AS x ORDER BY x":                                                                                                 "[[<nil>] [1] [3]]",
		"SELECT x FROM UNNEST([3, NULL, 1]) AS x ORDER BY x DESC":                                                                                            "[[3] [1] [<nil>]]",
		"SELECT 2 IN UNNEST([1, 2]), 5 NOT IN UNNEST(ARRAY<INT64>[])":                                                                                        "[[true true]]",
		"SELECT ['a', 'b'][OFFSET(1)], ARRAY_LENGTH([1, 2])":                                                                                                 "[[b 2]]",
		"WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS x FROM a) SELECT a.x, b.x AS y FROM a, b":                                                          "[[1 2]]",
		"SELECT SAFE_CAST('x' AS INT64), CAST('5' AS INT64), CAST(5 AS STRING)":                                                                              "[[<nil> 5 5]]",
		"SELECT JSON_VALUE(JSON '{\"a\": 1.10}', '$.a'), TO_HEX(SHA256('x'))":                                                                                "[[1.1 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881]]",
		"SELECT * EXCEPT (b) FROM (SELECT 1 AS a, 2 AS b)":                                                                                                   "[[1]]",
		"SELECT b'\\x80' > b'\\x7f', 'é' > 'z'":                                                                                                              "[[true true]]",
		"SELECT EXTRACT(YEAR FROM DATE '2026-01-02'), 1 IS DISTINCT FROM NULL":                                                                               "[[2026 true]]",
		"SELECT COUNT(*) # comment\n /* and */ -- another\n":                                                                                                 "[[1]]",
		"SELECT LEFT('éab', 2), RIGHT('éab', 1), LEFT(CAST(NULL AS STRING), 1), ROUND(2.5), ROUND(-2.45, 1)":                                                 "[[éa b <nil> 3 -2.5]]",
		"SELECT x, COUNT(*) AS n FROM UNNEST([2, 1, 2]) AS x GROUP BY ALL ORDER BY n DESC, x":                                                                "[[2 2] [1 1]]",
	} {
		rows, err := d.try(t.Context(), d.query(query))
		if got := fmt.Sprint(rows); want != "" && (err != nil || got != want) {
			t.Errorf("%s\n  got  %s, %v\n  want %s", query, got, err, want)
		}
	}
}

// TestResultPages: a result of many rows comes in pages.
func TestResultPages(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	rows := d.must("SELECT i FROM UNNEST(GENERATE_ARRAY(1, 25000)) AS i ORDER BY i")
	if len(rows) != 25_000 || rows[24_999][0] != int64(25_000) {
		t.Errorf("%d rows", len(rows))
	}
}
