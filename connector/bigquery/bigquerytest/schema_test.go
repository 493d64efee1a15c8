//go:build cgo

package bigquerytest_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/bigquery"
	storage "cloud.google.com/go/bigquery/storage/apiv1"
	"cloud.google.com/go/bigquery/storage/apiv1/storagepb"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"vitalsink/connector/bigquery/bigquerytest"
)

// texts is a row of STRING columns, each with its own name in it.
func texts(names ...string) arrow.Record {
	var fields []arrow.Field
	for _, name := range names {
		fields = append(fields, arrow.Field{Name: name, Type: arrow.BinaryTypes.String, Nullable: true})
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	for i, name := range names {
		b.Field(i).(*array.StringBuilder).Append(name)
	}
	return b.NewRecord()
}

// codeOf is the code that the Storage Write API refuses rows with.
func codeOf(answer *storagepb.AppendRowsResponse) storagepb.StorageError_StorageErrorCode {
	for _, detail := range status.FromProto(answer.GetError()).Details() {
		if e, ok := detail.(*storagepb.StorageError); ok {
			return e.GetCode()
		}
	}
	return storagepb.StorageError_STORAGE_ERROR_CODE_UNSPECIFIED
}

// TestStreamToChangedTable: rows of an older writer are empty in new columns,
// and columns that the table does not have are refused.
func TestStreamToChangedTable(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.table("w", "", &bigquery.FieldSchema{Name: "k", Type: bigquery.StringFieldType, Required: true}, field("s", bigquery.StringFieldType))
	old, both, without := texts("k"), texts("k", "s", "x"), texts("x")
	for _, r := range []arrow.Record{old, both, without} {
		defer r.Release()
	}
	if answer := d.send("w", both); codeOf(answer) != storagepb.StorageError_SCHEMA_MISMATCH_EXTRA_FIELDS || answer.GetError().GetCode() != int32(codes.InvalidArgument) {
		t.Errorf("a column that is not there: %v", answer)
	}
	d.extended("w", field("x", bigquery.StringFieldType), list("l", bigquery.StringFieldType))
	if answer := d.send("w", without); answer.GetError().GetCode() != int32(codes.InvalidArgument) {
		t.Errorf("without a required column: %v", answer)
	}
	d.stream("w", old)
	d.stream("w", both)
	if got := fmt.Sprint(d.must("SELECT k, s, x, l, ARRAY_LENGTH(l) FROM d.w ORDER BY x")); got != "[[k <nil> <nil> [] 0] [k s x [] 0]]" {
		t.Errorf("%s", got)
	}
	if _, err := d.update("w", bigquery.TableMetadataToUpdate{Schema: d.metadata("w").Schema.Relax()}); err != nil {
		t.Fatal(err)
	}
	d.stream("w", without)
}

// TestSchemaLag: writers see a new column later than queries do.
func TestSchemaLag(t *testing.T) {
	var now atomic.Int64
	d := open(t, bigquerytest.Config{SchemaLag: 10 * time.Minute, Now: func() time.Time { return time.Unix(now.Load(), 0) }})
	d.table("w", "", field("k", bigquery.StringFieldType))
	old, row := texts("k"), texts("k", "x")
	defer old.Release()
	defer row.Release()
	d.extended("w", field("x", bigquery.StringFieldType))
	d.must("INSERT INTO d.w (k, x) VALUES ('query', 'at once')")
	for _, minutes := range []int{0, 9} {
		now.Store(int64(minutes) * 60)
		if answer := d.send("w", row); codeOf(answer) != storagepb.StorageError_SCHEMA_MISMATCH_EXTRA_FIELDS {
			t.Errorf("after %d minutes: %v", minutes, answer)
		}
		d.stream("w", old)
	}
	if _, err := d.update("w", bigquery.TableMetadataToUpdate{Description: "another change"}); err != nil {
		t.Fatal(err)
	}
	now.Store(10 * 60)
	d.stream("w", row)
	if n := d.count("SELECT COUNT(*) FROM d.w"); n != 4 {
		t.Errorf("%d rows, want 4", n)
	}
}

// TestStreamsOfDeletedTable: they go with it.
func TestStreamsOfDeletedTable(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.table("w", "", field("k", bigquery.StringFieldType))
	client, err := storage.NewBigQueryWriteClient(t.Context(), d.Write()...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	const table = "projects/p/datasets/d/tables/w"
	stream, err := client.CreateWriteStream(t.Context(), &storagepb.CreateWriteStreamRequest{
		Parent: table, WriteStream: &storagepb.WriteStream{Type: storagepb.WriteStream_PENDING},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.client.Dataset("d").Table("w").Delete(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.table("w", "", field("k", bigquery.StringFieldType))
	if _, err := client.GetWriteStream(t.Context(), &storagepb.GetWriteStreamRequest{Name: stream.GetName()}); status.Code(err) != codes.NotFound {
		t.Errorf("%v", err)
	}
	again, err := client.CreateWriteStream(t.Context(), &storagepb.CreateWriteStreamRequest{
		Parent: table, WriteStream: &storagepb.WriteStream{Type: storagepb.WriteStream_PENDING},
	})
	if err != nil || again.GetName() == stream.GetName() {
		t.Errorf("%v, %v", again, err)
	}
}
