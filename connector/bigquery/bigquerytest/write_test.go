package bigquerytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"cloud.google.com/go/bigquery/storage/apiv1/storagepb"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"vitalsink/schemas"
)

const (
	writeDataset = "projects/p/datasets/d_store"
	writeTable   = writeDataset + "/tables/t"
)

// writeTest is a client of a WriteServer with one table of every type.
type writeTest struct {
	*testing.T
	server *WriteServer
	client storagepb.BigQueryWriteClient
}

func newWriteTest(t *testing.T) *writeTest {
	t.Helper()
	types := []schemas.Type{schemas.String, schemas.Bytes, schemas.Int64, schemas.Float64, schemas.Bool, schemas.Timestamp, schemas.Date, schemas.JSON}
	table := &schemas.Table{Name: "t", Kind: schemas.AppendOnly, Columns: []schemas.Column{{Name: "id", Type: schemas.Int64, Required: true}}}
	for _, typ := range types {
		table.Columns = append(table.Columns, schemas.Column{Name: "c_" + string(typ), Type: typ})
	}
	table.Columns = append(table.Columns, schemas.Column{Name: "list", Type: schemas.String, Repeated: true})
	server := NewWriteServer(t, writeDataset, &schemas.Catalogue{Tables: []*schemas.Table{table, {Name: "other", Kind: schemas.AppendOnly}}})
	conn, err := grpc.NewClient(server.Addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &writeTest{t, server, storagepb.NewBigQueryWriteClient(conn)}
}

func (t *writeTest) stream(kind storagepb.WriteStream_Type) string {
	t.Helper()
	st, err := t.client.CreateWriteStream(t.Context(), &storagepb.CreateWriteStreamRequest{Parent: writeTable, WriteStream: &storagepb.WriteStream{Type: kind}})
	if err != nil {
		t.Fatal(err)
	}
	return st.GetName()
}

// conn is one connection of AppendRows.
type conn struct {
	*writeTest
	stream storagepb.BigQueryWrite_AppendRowsClient
}

func (t *writeTest) connect() *conn {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	st, err := t.client.AppendRows(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return &conn{t, st}
}

// ask sends a request and returns what comes back; the status is that of the
// answer, or the one that ended the connection.
func (c *conn) ask(name string, offset int64, schema, rows []byte) (*storagepb.AppendRowsResponse, *status.Status) {
	c.Helper()
	req := &storagepb.AppendRowsRequest{WriteStream: name}
	if offset >= 0 {
		req.Offset = wrapperspb.Int64(offset)
	}
	data := &storagepb.AppendRowsRequest_ArrowData{Rows: &storagepb.ArrowRecordBatch{SerializedRecordBatch: rows}}
	if schema != nil {
		data.WriterSchema = &storagepb.ArrowSchema{SerializedSchema: schema}
	}
	req.Rows = &storagepb.AppendRowsRequest_ArrowRows{ArrowRows: data}
	if err := c.stream.Send(req); err != nil && !errors.Is(err, io.EOF) {
		c.Fatal(err)
	}
	resp, err := c.stream.Recv()
	if err != nil {
		return nil, status.Convert(err)
	}
	return resp, status.FromProto(resp.GetError())
}

// ids are rows of nothing but the required column.
func ids(n int) arrow.Record {
	return recordOf([]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int64}}, func(b []array.Builder) {
		for i := range n {
			b[0].(*array.Int64Builder).Append(int64(i))
		}
	})
}

func recordOf(fields []arrow.Field, fill func([]array.Builder)) arrow.Record {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	fill(b.Fields())
	return b.NewRecord()
}

// wire is a record as a schema message, a record batch message and the whole
// stream that they are part of.
func wire(r arrow.Record) (schema, rows, whole []byte) {
	var head, all bytes.Buffer
	w := ipc.NewWriter(&head, ipc.WithSchema(r.Schema()))
	_ = w.Close()
	w = ipc.NewWriter(&all, ipc.WithSchema(r.Schema()))
	if err := w.Write(r); err != nil {
		panic(err)
	}
	_ = w.Close()
	schema = head.Bytes()[:head.Len()-8]
	return schema, all.Bytes()[len(schema) : all.Len()-8], all.Bytes()
}

func storageCode(s *status.Status) storagepb.StorageError_StorageErrorCode {
	for _, d := range s.Details() {
		if e, ok := d.(*storagepb.StorageError); ok {
			return e.GetCode()
		}
	}
	return 0
}

func (t *writeTest) rows() (n int64) {
	for _, r := range t.server.Rows("t") {
		n += r.NumRows()
	}
	return n
}

func TestWriteOffsets(t *testing.T) {
	w := newWriteTest(t)
	name := w.stream(storagepb.WriteStream_PENDING)
	schema, rows, _ := wire(ids(3))
	c := w.connect()
	for _, step := range []struct {
		offset int64
		want   codes.Code
		detail storagepb.StorageError_StorageErrorCode
	}{
		{0, codes.OK, 0},
		{0, codes.AlreadyExists, storagepb.StorageError_OFFSET_ALREADY_EXISTS},
		{5, codes.OutOfRange, storagepb.StorageError_OFFSET_OUT_OF_RANGE},
		{3, codes.OK, 0},
		{-1, codes.OK, 0},
	} {
		resp, st := c.ask(name, step.offset, schema, rows)
		if st.Code() != step.want || storageCode(st) != step.detail {
			t.Errorf("offset %d: %v", step.offset, st)
		}
		if step.offset >= 0 && step.want == codes.OK && resp.GetAppendResult().GetOffset().GetValue() != step.offset {
			t.Errorf("offset %d: written at %v", step.offset, resp)
		}
		name, schema = "", nil // later requests may leave them out
	}
	if w.rows() != 0 {
		t.Error("rows of a pending stream are visible")
	}
}

func TestWriteCommit(t *testing.T) {
	w := newWriteTest(t)
	schema, rows, _ := wire(ids(3))
	names := []string{w.stream(storagepb.WriteStream_PENDING), w.stream(storagepb.WriteStream_PENDING)}
	commit := func(names ...string) []storagepb.StorageError_StorageErrorCode {
		t.Helper()
		resp, err := w.client.BatchCommitWriteStreams(t.Context(), &storagepb.BatchCommitWriteStreamsRequest{Parent: writeTable, WriteStreams: names})
		if err != nil {
			t.Fatal(err)
		}
		if (resp.GetCommitTime() == nil) != (len(resp.GetStreamErrors()) > 0) {
			t.Errorf("commit time and errors: %v", resp)
		}
		var codes []storagepb.StorageError_StorageErrorCode
		for _, e := range resp.GetStreamErrors() {
			codes = append(codes, e.GetCode())
		}
		return codes
	}
	for i, name := range names {
		if _, st := w.connect().ask(name, 0, schema, rows); st.Code() != codes.OK {
			t.Fatal(st)
		}
		if i == 0 {
			for range 2 { // the second time changes nothing
				done, err := w.client.FinalizeWriteStream(t.Context(), &storagepb.FinalizeWriteStreamRequest{Name: name})
				if err != nil || done.GetRowCount() != 3 {
					t.Fatal(done, err)
				}
			}
			if _, st := w.connect().ask(name, 3, schema, rows); storageCode(st) != storagepb.StorageError_STREAM_FINALIZED {
				t.Errorf("append to a finalized stream: %v", st)
			}
		}
	}
	if got := commit(names...); !slices.Equal(got, []storagepb.StorageError_StorageErrorCode{storagepb.StorageError_INVALID_STREAM_STATE}) || w.rows() != 0 {
		t.Errorf("one is not finalized: %v, %d rows visible", got, w.rows())
	}
	if _, err := w.client.FinalizeWriteStream(t.Context(), &storagepb.FinalizeWriteStreamRequest{Name: names[1]}); err != nil {
		t.Fatal(err)
	}
	if st, err := w.client.GetWriteStream(t.Context(), &storagepb.GetWriteStreamRequest{Name: names[0]}); err != nil || st.GetCommitTime() != nil {
		t.Errorf("before the commit: %v %v", st, err)
	}
	if got := commit(names...); got != nil || w.rows() != 6 {
		t.Errorf("commit: %v, %d rows visible", got, w.rows())
	}
	if got := commit(names...); len(got) != 2 || got[0] != storagepb.StorageError_STREAM_ALREADY_COMMITTED || w.rows() != 6 {
		t.Errorf("commit again: %v, %d rows visible", got, w.rows())
	}
	if st, err := w.client.GetWriteStream(t.Context(), &storagepb.GetWriteStreamRequest{Name: names[0]}); err != nil || st.GetCommitTime() == nil {
		t.Errorf("after the commit: %v %v", st, err)
	}
	if got := commit(names[0], writeTable+"/streams/none"); !slices.Contains(got, storagepb.StorageError_STREAM_NOT_FOUND) {
		t.Errorf("no such stream: %v", got)
	}
}

func TestWriteVisibleAtOnce(t *testing.T) {
	w := newWriteTest(t)
	schema, rows, _ := wire(ids(2))
	byDefault := writeTable + "/streams/_default"
	if resp, st := w.connect().ask(byDefault, -1, schema, rows); st.Code() != codes.OK || resp.GetAppendResult().GetOffset() != nil || w.rows() != 2 {
		t.Errorf("default stream: %v, %d rows", st, w.rows())
	}
	if _, st := w.connect().ask(byDefault, 2, schema, rows); st.Code() != codes.InvalidArgument {
		t.Errorf("default stream with an offset: %v", st)
	}
	if _, err := w.client.FinalizeWriteStream(t.Context(), &storagepb.FinalizeWriteStreamRequest{Name: byDefault}); err == nil {
		t.Error("the default stream is finalized")
	}
	if _, st := w.connect().ask(w.stream(storagepb.WriteStream_COMMITTED), 0, schema, rows); st.Code() != codes.OK || w.rows() != 4 {
		t.Errorf("committed stream: %v, %d rows", st, w.rows())
	}
}

func TestWriteRefusesStreams(t *testing.T) {
	w := newWriteTest(t)
	for parent, want := range map[string]codes.Code{writeDataset + "/tables/none": codes.NotFound, "nonsense": codes.InvalidArgument, writeTable: codes.Unimplemented} {
		_, err := w.client.CreateWriteStream(t.Context(), &storagepb.CreateWriteStreamRequest{
			Parent: parent, WriteStream: &storagepb.WriteStream{Type: storagepb.WriteStream_BUFFERED},
		})
		if status.Code(err) != want {
			t.Errorf("%s: %v", parent, err)
		}
	}
	schema, rows, _ := wire(ids(2))
	for _, name := range []string{writeTable + "/streams/none", writeDataset + "/tables/none/streams/_default"} {
		if _, st := w.connect().ask(name, -1, schema, rows); st.Code() != codes.NotFound {
			t.Errorf("%s: %v", name, st)
		}
	}
	if _, st := w.connect().ask("", -1, schema, rows); st.Code() != codes.InvalidArgument {
		t.Errorf("no stream: %v", st)
	}
}

// TestWriteFaults: what each effect leaves behind.
func TestWriteFaults(t *testing.T) {
	schema, rows, _ := wire(ids(2))
	for _, test := range []struct {
		effect  Effect
		code    codes.Code
		want    codes.Code
		written int64
	}{
		{Refuse, codes.Aborted, codes.Aborted, 0},
		{LoseReply, codes.Aborted, codes.Aborted, 2},
		{LoseReply, codes.InvalidArgument, codes.InvalidArgument, 2},
		{Reset, codes.Aborted, codes.Unavailable, 0},
		{ResetAfter, codes.Aborted, codes.Unavailable, 2},
		{Pass, codes.Aborted, codes.OK, 2},
	} {
		t.Run(fmt.Sprint(test.effect, test.code), func(t *testing.T) {
			w := newWriteTest(t)
			done := make(chan string, 1)
			w.server.Inject(Fault{Call: CallAppendRows, Table: "t", Effect: test.effect, Status: status.New(test.code, ""), Do: func(call string) { done <- call }})
			resp, st := w.connect().ask(writeTable+"/streams/_default", -1, schema, rows)
			if st.Code() != test.want || (resp == nil) != (test.want == codes.Aborted || test.want == codes.Unavailable) {
				t.Errorf("%v %v", resp, st)
			}
			if call := <-done; w.rows() != test.written || call != CallAppendRows {
				t.Errorf("%d rows, do was called for %q", w.rows(), call)
			}
			if _, st := w.connect().ask(writeTable+"/streams/_default", -1, schema, rows); st.Code() != codes.OK {
				t.Errorf("afterwards: %v", st)
			}
			if n, _ := w.server.write.received(); n < 2 || w.server.Calls(CallAppendRows) != 2 {
				t.Errorf("%d rows received in %d calls", n, w.server.Calls(CallAppendRows))
			}
		})
	}
}
