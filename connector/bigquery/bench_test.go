//go:build unix

package bigquery

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/bigquery/storage/apiv1/storagepb"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/googleapis/gax-go/v2"
	"golang.org/x/sync/errgroup"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"vitalsink/connector"
	"vitalsink/connector/connectortest"
	"vitalsink/schemas"
)

// benchRows are the rows of the batches that benchmarks append.
const benchRows = 200_000

// timeseriesRows are n rows as people's devices tell them.
func timeseriesRows(tb testing.TB, c *schemas.Catalogue, n int) arrow.Record {
	tb.Helper()
	records := rowsOf(tb, memory.DefaultAllocator, c, population(8, 1))
	some := records[schemas.TimeseriesTable]
	columns := make([]arrow.Array, some.NumCols())
	for i := range columns {
		var times []arrow.Array
		for range n/int(some.NumRows()) + 1 {
			times = append(times, some.Column(i))
		}
		all, err := array.Concatenate(times, memory.DefaultAllocator)
		if err != nil {
			tb.Fatal(err)
		}
		columns[i] = array.NewSlice(all, 0, int64(n))
	}
	return array.NewRecord(some.Schema(), columns, int64(n))
}

// benchAppend appends a batch of timeseries again and again.
func benchAppend(b *testing.B, c *schemas.Catalogue, appends func(context.Context, *connector.Batch) error) {
	batch := &connector.Batch{
		Table: c.Table(schemas.TimeseriesTable), Lane: connector.Recent, AppendedAt: appendedAt, Record: timeseriesRows(b, c, benchRows),
		Books: connector.Books{Rows: benchRows, RowsDecoded: benchRows},
	}
	size := benchEncoder(b, c, batch.Record).size(0, benchRows)
	repeatedly(b, size, func(n int) error {
		batch.ID = fmt.Sprintf("01890000-0000-7000-8000-%012d", n)
		return appends(b.Context(), batch)
	})
}

// repeatedly measures what is done with a batch of so many bytes; the n-th time.
func repeatedly(b *testing.B, size int, do func(n int) error) {
	b.Helper()
	const warm = 10 // memory that is new is slow
	once := func(n int) {
		if err := do(n); err != nil {
			b.Fatal(err)
		}
	}
	for n := range warm {
		once(n)
	}
	b.ReportAllocs()
	n, cpu := 0, connectortest.StartCPU(b)
	for b.Loop() {
		once(warm + n)
		n++
	}
	cpu.Report(b)
	b.ReportMetric(float64(n)*benchRows/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(n)*float64(size)/1e6/b.Elapsed().Seconds(), "MB/s")
	b.ReportMetric(float64(size)/benchRows, "B/row")
}

func benchEncoder(b *testing.B, c *schemas.Catalogue, rows arrow.Record) *encoder {
	b.Helper()
	e, err := newEncoder(memory.DefaultAllocator, defaultLimits().request, rows, logSchema(c), map[string]any{
		"_batch_id": "01890000-0000-7000-8000-000000000000", "_appended_at": appendedAt,
	})
	if err != nil {
		b.Fatal(err)
	}
	return e
}

// copied is where a copy goes that nobody wants, for the compiler to make it.
var copied []byte

// BenchmarkCopy copies the bytes of a batch's requests, each into memory of its
// own: what making them costs at the least.
func BenchmarkCopy(b *testing.B) {
	c := loadCatalogue(b)
	streams, size := benchRequests(b, &appender{catalogue: c})
	repeatedly(b, size, func(int) error {
		for _, s := range streams {
			for _, r := range s.window {
				copied = slices.Clone(r.message)
			}
		}
		return nil
	})
}

// benchRequests are streams with their requests already made.
func benchRequests(b *testing.B, a *appender) (streams []*stream, size int) {
	b.Helper()
	e := benchEncoder(b, a.catalogue, timeseriesRows(b, a.catalogue, benchRows))
	for i, part := range a.parts(e) {
		s := &stream{client: a.write, limits: a.limits(), name: fmt.Sprint(writeDataset, "/tables/t/streams/", i), rows: e, part: part, next: part.from}
		s.limits.window = benchRows
		for ok := true; ok; {
			var err error
			if _, ok, err = s.nth(len(s.window)); err != nil {
				b.Fatal(err)
			}
		}
		for _, r := range s.window {
			size += len(r.message)
		}
		streams = append(streams, s)
	}
	return streams, size
}

// BenchmarkEncode makes requests of a batch, and nothing with them.
func BenchmarkEncode(b *testing.B) {
	c := loadCatalogue(b)
	rows := timeseriesRows(b, c, benchRows)
	size := benchEncoder(b, c, rows).size(0, benchRows)
	repeatedly(b, size, func(int) error {
		e := benchEncoder(b, c, rows)
		defer e.release()
		for next := 0; next < benchRows; {
			var err error
			if _, next, err = e.next(next, benchRows); err != nil {
				return err
			}
		}
		return nil
	})
}

// BenchmarkSendDiscard sends copies of a batch's requests to a server that
// throws them away: what appending costs if making them costs no more than
// copying.
func BenchmarkSendDiscard(b *testing.B) {
	options, _ := discardServer(b)
	a := &appender{write: newWriteClient(b, options...), catalogue: loadCatalogue(b)}
	streams, size := benchRequests(b, a)
	requests := make([]int, len(streams))
	filled, all := float64(size)/float64(a.limits().request), 0
	for i, s := range streams {
		requests[i] = len(s.window)
		all += requests[i]
	}
	each := *streams[0]
	each.window = slices.Clone(each.window[:2])
	repeatedly(b, size, func(n int) error {
		var all errgroup.Group
		for i, copies := range requests {
			all.Go(func() error {
				return each.sendCopies(b.Context(), fmt.Sprintf("%s/%d-%d", each.name, n, i), copies, a.limits().window)
			})
		}
		return all.Wait()
	})
	b.ReportMetric(filled/float64(all), "filled")
}

// sendCopies sends copies of the first request, under another name: to keep all
// of them would take memory that an append does not.
func (s *stream) sendCopies(ctx context.Context, name string, copies, waiting int) error {
	conn, err := s.client.AppendRows(ctx, once, gax.WithGRPCOptions(grpc.MaxRetryRPCBufferSize(0)))
	if err != nil {
		return err
	}
	for i := range copies + waiting - 1 {
		if i < copies {
			r := s.window[0]
			r.message = slices.Clone(r.message)
			r.offset = int64(i) * s.window[1].offset
			req := s.request(r, i == 0)
			if i == 0 {
				req.WriteStream = name
			}
			if err := conn.Send(req); err != nil {
				return err
			}
		}
		if i >= waiting-1 {
			if _, err := conn.Recv(); err != nil {
				return err
			}
		}
	}
	return conn.CloseSend()
}

// BenchmarkAppendDiscard appends to a server that throws the rows away: what
// is left is our own work and gRPC's.
func BenchmarkAppendDiscard(b *testing.B) {
	c := loadCatalogue(b)
	options, connections := discardServer(b)
	a := &appender{write: newWriteClient(b, options...), parent: writeDataset, catalogue: c}
	benchAppend(b, c, a.append)
	b.ReportMetric(float64(connections.Load()), "connections")
}

// discardServer takes what has the form of a request at the right offset and
// forgets it. It counts the connections.
func discardServer(tb testing.TB) (_ []option.ClientOption, connections *atomic.Int64) {
	tb.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	l := &counting{Listener: tcp}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(20 << 20))
	storagepb.RegisterBigQueryWriteServer(server, &discard{rows: map[string]int64{}})
	go func() { _ = server.Serve(l) }()
	tb.Cleanup(server.Stop)
	return []option.ClientOption{
		option.WithEndpoint(l.Addr().String()), option.WithoutAuthentication(), option.WithTelemetryDisabled(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
	}, &l.accepted
}

type counting struct {
	net.Listener
	accepted atomic.Int64
}

func (l *counting) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.accepted.Add(1)
	}
	return conn, err
}

type discard struct {
	storagepb.UnimplementedBigQueryWriteServer
	mu   sync.Mutex
	rows map[string]int64 // by stream
}

func (d *discard) CreateWriteStream(_ context.Context, req *storagepb.CreateWriteStreamRequest) (*storagepb.WriteStream, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := fmt.Sprintf("%s/streams/s%d", req.GetParent(), len(d.rows))
	d.rows[name] = 0
	return &storagepb.WriteStream{Name: name}, nil
}

func (d *discard) AppendRows(conn storagepb.BigQueryWrite_AppendRowsServer) error {
	name := ""
	for {
		req, err := conn.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if req.GetWriteStream() != "" {
			name = req.GetWriteStream()
		}
		n, err := rowsIn(req.GetArrowRows().GetRows().GetSerializedRecordBatch())
		if err != nil {
			return err
		}
		d.mu.Lock()
		offset := d.rows[name]
		d.rows[name] += n
		d.mu.Unlock()
		if req.GetOffset() != nil && req.GetOffset().GetValue() != offset {
			return status.Error(codes.OutOfRange, "wrong offset")
		}
		result := &storagepb.AppendRowsResponse_AppendResult{Offset: wrapperspb.Int64(offset)}
		if req.GetOffset() == nil {
			result.Offset = nil
		}
		if err := conn.Send(&storagepb.AppendRowsResponse{Response: &storagepb.AppendRowsResponse_AppendResult_{AppendResult: result}}); err != nil {
			return err
		}
	}
}

// rowsIn reads how many rows a record batch message says it has, which is the
// first field of its header.
func rowsIn(message []byte) (int64, error) {
	if len(message) < 8 || binary.LittleEndian.Uint32(message) != 0xFFFFFFFF {
		return 0, status.Error(codes.InvalidArgument, "no message")
	}
	meta := message[8 : 8+binary.LittleEndian.Uint32(message[4:])]
	root := flatTable{meta, int(binary.LittleEndian.Uint32(meta))}
	header := root.table(2) // Message{version, header_type, header, bodyLength}
	at, ok := header.field(0)
	if !ok {
		return 0, nil
	}
	return int64(binary.LittleEndian.Uint64(meta[at:])), nil
}

// flatTable is a table in a flatbuffer.
type flatTable struct {
	buf []byte
	at  int
}

// field is where the i-th field is.
func (t flatTable) field(i int) (int, bool) {
	vtable := t.at - int(int32(binary.LittleEndian.Uint32(t.buf[t.at:])))
	offset := int(binary.LittleEndian.Uint16(t.buf[vtable+4+2*i:]))
	return t.at + offset, offset != 0
}

func (t flatTable) table(i int) flatTable {
	at, _ := t.field(i)
	return flatTable{t.buf, at + int(binary.LittleEndian.Uint32(t.buf[at:]))}
}

func (d *discard) FinalizeWriteStream(_ context.Context, req *storagepb.FinalizeWriteStreamRequest) (*storagepb.FinalizeWriteStreamResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &storagepb.FinalizeWriteStreamResponse{RowCount: d.rows[req.GetName()]}, nil
}

func (d *discard) BatchCommitWriteStreams(context.Context, *storagepb.BatchCommitWriteStreamsRequest) (*storagepb.BatchCommitWriteStreamsResponse, error) {
	return &storagepb.BatchCommitWriteStreamsResponse{CommitTime: timestamppb.New(time.Now())}, nil
}
