package bigquery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	storage "cloud.google.com/go/bigquery/storage/apiv1"
	"cloud.google.com/go/bigquery/storage/apiv1/storagepb"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"vitalsink/connector"
	"vitalsink/connector/bigquery/bigquerytest"
	"vitalsink/connector/connectortest"
	"vitalsink/schemas"
)

const writeDataset = "projects/p/datasets/d_store"

var appendedAt = time.Date(2026, 3, 2, 12, 0, 0, 123456000, time.UTC)

// appending is an appender with a stand-in for BigQuery behind it.
type appending struct {
	*appender
	server *bigquerytest.WriteServer
	mem    *memory.CheckedAllocator
	sizes  *sizes
}

// newAppending makes one that tries fast. When the test ends no goroutine and
// no memory may be left.
func newAppending(t testing.TB) *appending {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	catalogue, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	a := &appending{server: bigquerytest.NewWriteServer(t, writeDataset, catalogue), mem: memory.NewCheckedAllocator(memory.DefaultAllocator), sizes: &sizes{}}
	t.Cleanup(func() { a.mem.AssertSize(t, 0) })
	tuned := defaultLimits()
	tuned.pause, tuned.tries, tuned.unseen = time.Microsecond, 4, time.Millisecond
	a.appender = &appender{
		write: newWriteClient(t, append(a.server.Options(), a.sizes.option())...), parent: writeDataset,
		catalogue: catalogue, log: slog.New(slog.DiscardHandler), tuned: &tuned, mem: a.mem,
	}
	return a
}

func newWriteClient(t testing.TB, options ...option.ClientOption) *storage.BigQueryWriteClient {
	t.Helper()
	c, err := storage.NewBigQueryWriteClient(context.Background(), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// small makes requests of some 4 KB, and streams of twice that.
func (a *appending) small() *appending {
	a.tuned.request, a.tuned.stream = requestOverhead+4<<10, 8<<10
	return a
}

// sizes are those of the requests that a client sends.
type sizes struct {
	mu       sync.Mutex
	greatest int
}

func (s *sizes) option() option.ClientOption {
	return option.WithGRPCDialOption(grpc.WithStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		st, err := streamer(ctx, desc, cc, method, opts...)
		return &sized{st, s}, err
	}))
}

type sized struct {
	grpc.ClientStream
	sizes *sizes
}

func (s *sized) SendMsg(m any) error {
	if req, ok := m.(*storagepb.AppendRowsRequest); ok {
		s.sizes.mu.Lock()
		s.sizes.greatest = max(s.sizes.greatest, proto.Size(req))
		s.sizes.mu.Unlock()
	}
	return s.ClientStream.SendMsg(m)
}

// batch is n rows of a table, each with values of its own.
func (a *appending) batch(table, id string, n int) *connector.Batch {
	t := a.catalogue.Table(table)
	b := array.NewRecordBuilder(a.mem, t.ArrowSchema())
	defer b.Release()
	for row := range n {
		for i := range t.Columns {
			fillColumn(b.Field(i), &t.Columns[i], row)
		}
	}
	return &connector.Batch{
		ID: id, Table: t, Lane: connector.Recent, CatalogueVersion: 1, AppendedAt: appendedAt, Record: b.NewRecord(),
		Days: []time.Time{appendedAt.Truncate(24 * time.Hour)}, Resources: []string{"heartrate", "hrv"},
		Books: connector.Books{Rows: n, RowsDecoded: n, Messages: 1, MessagesLanded: 1},
	}
}

func fillColumn(b array.Builder, c *schemas.Column, row int) {
	if list, ok := b.(*array.ListBuilder); ok {
		list.Append(true)
		for range row % 3 {
			fillValue(list.ValueBuilder(), c.Type, row)
		}
		return
	}
	if !c.Required && (row+len(c.Name))%4 == 0 {
		b.AppendNull()
		return
	}
	fillValue(b, c.Type, row)
}

func fillValue(b array.Builder, kind schemas.Type, row int) {
	switch b := b.(type) {
	case *array.StringBuilder:
		if kind == schemas.JSON {
			b.Append(fmt.Sprintf(`{"row":%d}`, row))
		} else {
			b.Append(fmt.Sprint("row ", row))
		}
	case *array.BinaryBuilder:
		b.Append(fmt.Append(nil, "version ", row))
	case *array.Int64Builder:
		b.Append(int64(row))
	case *array.Float64Builder:
		b.Append(float64(row) / 3)
	case *array.BooleanBuilder:
		b.Append(row%2 == 0)
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(appendedAt.UnixMicro() + int64(row)))
	case *array.Date32Builder:
		b.Append(arrow.Date32(20000 + row))
	default:
		panic(fmt.Sprintf("no value for a %T", b))
	}
}

// lines are the rows of records as text.
func lines(records ...arrow.Record) []string {
	var out []string
	for _, r := range records {
		for row := range int(r.NumRows()) {
			var line strings.Builder
			for i, c := range r.Columns() {
				fmt.Fprintf(&line, "%s=%s ", r.ColumnName(i), c.ValueStr(row))
			}
			out = append(out, line.String())
		}
	}
	return out
}

// ofBatch are the records of one batch.
func ofBatch(records []arrow.Record, column, id string) []arrow.Record {
	return slices.DeleteFunc(records, func(r arrow.Record) bool {
		return r.Column(r.Schema().FieldIndices(column)[0]).ValueStr(0) != id
	})
}

// check compares what the warehouse shows of the batch with what it is. A
// batch that is registered is in the log, once and in order; and one that was
// appended is registered.
func (a *appending) check(t rapid.TB, b *connector.Batch, appendErr error) {
	t.Helper()
	registered := lines(ofBatch(a.server.Rows(schemas.BatchesTable), "batch_id", b.ID)...)
	if appendErr == nil && len(registered) == 0 {
		t.Errorf("batch %s is not registered", b.ID)
	}
	if n := len(slices.Compact(registered)); n > 1 {
		t.Errorf("batch %s has %d different rows in the registry", b.ID, n)
	}
	mark := fmt.Sprintf("_batch_id=%s _appended_at=%s ", b.ID, b.AppendedAt.Format("2006-01-02 15:04:05.999999Z"))
	got := lines(ofBatch(a.server.Rows(b.Table.Name+"_log"), "_batch_id", b.ID)...)
	for i, line := range got {
		got[i] = strings.TrimSuffix(line, mark)
	}
	if len(registered) > 0 || len(got) > 0 {
		if diff := cmp.Diff(lines(b.Record), got); diff != "" {
			t.Errorf("the log differs from batch %s (-batch +log):\n%.2000s", b.ID, diff)
		}
	}
}

func TestAppend(t *testing.T) {
	a := newAppending(t)
	for i, rows := range []int{1000, 1, 0} {
		b := a.batch("timeseries", fmt.Sprint("b", i), rows)
		defer b.Record.Release()
		if err := a.append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		a.check(t, b, nil)
	}
	got := lines(a.server.Rows(schemas.BatchesTable)[0])[0]
	registered := got[strings.Index(got, "registered_at=") : strings.Index(got, " rows=")+1]
	want := "batch_id=b0 table_name=timeseries lane=recent catalogue_version=1 appended_at=2026-03-02 12:00:00.123456Z " + registered +
		"rows=1000 rows_decoded=1000 rows_quarantined=0 rows_erased=0 messages=1 messages_landed=1 messages_partly_quarantined=0 " +
		"messages_quarantined=0 messages_empty=0 versions_clamped=0 days=[\"2026-03-02\"] rows_without_day=0 resources=[\"heartrate\",\"hrv\"] "
	if got != want {
		t.Errorf("registry:\n%s\nwant\n%s", got, want)
	}
}

func TestAppendSeveralStreams(t *testing.T) {
	a := newAppending(t).small()
	b := a.batch("sleep", "b1", 700)
	defer b.Record.Release()
	if err := a.append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	a.check(t, b, nil)
	if n := a.server.Calls(bigquerytest.CallCreateWriteStream); n != 4 {
		t.Errorf("%d streams, want 4", n)
	}
	if n := a.server.Calls(bigquerytest.CallBatchCommitWriteStreams); n != 1 {
		t.Errorf("%d commits, want 1", n)
	}
}

// TestAppendGreatRows: the quarantine keeps messages in pieces of 8 MiB.
func TestAppendGreatRows(t *testing.T) {
	connectortest.Long(t)
	a := newAppending(t)
	for _, size := range []int{1 << 10, 8 << 20, 9_000_000} {
		b := a.payloads(fmt.Sprint("b", size), size, 1, 2, size)
		err := a.append(t.Context(), b)
		if (size > 8<<20) != errors.Is(err, connector.ErrRefused) || size <= 8<<20 && err != nil {
			t.Errorf("a row of %d bytes: %v", size, err)
		}
		a.check(t, b, err)
		b.Record.Release()
	}
	if a.sizes.greatest > 9_000_000 || a.sizes.greatest < 8<<20 {
		t.Errorf("the greatest request has %d bytes", a.sizes.greatest)
	}
}

// payloads is a batch of rows with payloads of these sizes.
func (a *appending) payloads(id string, sizes ...int) *connector.Batch {
	b := a.batch(schemas.QuarantineTable, id, len(sizes))
	payload := array.NewBinaryBuilder(a.mem, arrow.BinaryTypes.Binary)
	defer payload.Release()
	for _, n := range sizes {
		payload.Append(make([]byte, n))
	}
	b.Record = a.with(b, "payload", payload.NewArray())
	return b
}

// with is the batch's record with another column; it takes both.
func (a *appending) with(b *connector.Batch, name string, column arrow.Array) arrow.Record {
	defer column.Release()
	defer b.Record.Release()
	changed, err := b.Record.SetColumn(b.Table.Index(name), column)
	if err != nil {
		panic(err) // the column has the type of the one it replaces
	}
	return changed
}

func TestAppendUnbalanced(t *testing.T) {
	a := newAppending(t)
	b := a.batch("sleep", "b1", 3)
	defer b.Record.Release()
	b.Books.Rows = 2
	if err := a.append(t.Context(), b); !errors.Is(err, connector.ErrBooks) {
		t.Errorf("append: %v, want ErrBooks", err)
	}
	if n := a.server.Calls(bigquerytest.CallCreateWriteStream) + a.server.Calls(bigquerytest.CallAppendRows); n > 0 {
		t.Errorf("%d calls", n)
	}
}

// TestAppendBadRow: BigQuery's text quotes the value; ours does not.
func TestAppendBadRow(t *testing.T) {
	a := newAppending(t)
	b := a.batch("sleep", "b1", 1)
	defer func() { b.Record.Release() }()
	bad := array.NewStringBuilder(a.mem)
	defer bad.Release()
	bad.Append("{secret")
	b.Record = a.with(b, "_extra", bad.NewArray())
	err := a.append(t.Context(), b)
	if !errors.Is(err, connector.ErrRefused) || strings.Contains(err.Error(), "secret") {
		t.Errorf("append: %v, want ErrRefused and no value", err)
	}
	a.check(t, b, err)
}

// TestAppendSetUp: what a person has to mend is not the batch's fault.
func TestAppendSetUp(t *testing.T) {
	a := newAppending(t)
	b := a.batch("sleep", "b1", 1)
	defer b.Record.Release()
	a.parent = "projects/p/datasets/other_store"
	if err := a.append(t.Context(), b); !errors.Is(err, connector.ErrUnavailable) {
		t.Errorf("no such table: %v, want ErrUnavailable", err)
	}
	a.parent = writeDataset
	a.server.Inject(bigquerytest.Fault{Call: bigquerytest.CallAppendRows, Table: schemas.BatchesTable, Status: status.New(codes.InvalidArgument, "")})
	if err := a.append(t.Context(), b); !errors.Is(err, connector.ErrConfiguration) {
		t.Errorf("the registry refuses its row: %v, want ErrConfiguration", err)
	}
}
