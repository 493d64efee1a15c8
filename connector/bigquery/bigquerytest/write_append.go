package bigquerytest

import (
	"context"
	"errors"
	"io"

	"cloud.google.com/go/bigquery/storage/apiv1/storagepb"
	"github.com/apache/arrow/go/v17/arrow"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// AppendRows answers requests in their order, one at a time.
func (s *writeServer) AppendRows(conn storagepb.BigQueryWrite_AppendRowsServer) error {
	c := &writeConn{server: s}
	for {
		req, err := conn.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		path := req.GetWriteStream()
		if path == "" && c.stream != nil {
			path = c.stream.name
		}
		resp, err := meet(conn.Context(), s, CallAppendRows, path, func() (*storagepb.AppendRowsResponse, error) {
			return c.append(conn.Context(), req)
		})
		if err != nil {
			if resp, err = inStream(path, err); err != nil {
				return err
			}
		}
		if err := conn.Send(resp); err != nil {
			return err
		}
	}
}

// inStream turns errors about the request into an answer; others end the
// connection.
func inStream(stream string, err error) (*storagepb.AppendRowsResponse, error) {
	st, resp := status.Convert(err), &storagepb.AppendRowsResponse{WriteStream: stream}
	switch st.Code() {
	case codes.InvalidArgument, codes.AlreadyExists, codes.OutOfRange:
	default:
		return nil, err
	}
	var bad *rowErrors
	if errors.As(err, &bad) {
		resp.RowErrors = bad.rows
	}
	resp.Response = &storagepb.AppendRowsResponse_Error{Error: st.Proto()}
	return resp, nil
}

// writeConn is one connection of AppendRows.
type writeConn struct {
	server *writeServer
	stream *writeStream
	schema writerSchema
}

// append does one request, all of it or nothing.
func (c *writeConn) append(ctx context.Context, req *storagepb.AppendRowsRequest) (*storagepb.AppendRowsResponse, error) {
	if n := proto.Size(req); n > maxAppend {
		return nil, status.Errorf(codes.InvalidArgument, "AppendRows request too large: %d limit %d", n, maxAppend)
	}
	if err := c.open(req); err != nil {
		return nil, err
	}
	rows, err := c.schema.decode(req.GetArrowRows().GetRows().GetSerializedRecordBatch())
	if err != nil {
		return nil, err
	}
	defer rows.Release()
	c.server.count(rows.NumRows(), int64(proto.Size(req)))
	if err := c.schema.check(rows); err != nil {
		return nil, err
	}
	offset, err := c.server.write(ctx, c.stream, req.GetOffset(), rows)
	if err != nil {
		return nil, err
	}
	result := &storagepb.AppendRowsResponse_AppendResult{}
	if !c.stream.byDefault {
		result.Offset = wrapperspb.Int64(offset)
	}
	return &storagepb.AppendRowsResponse{
		WriteStream: c.stream.name,
		Response:    &storagepb.AppendRowsResponse_AppendResult_{AppendResult: result},
	}, nil
}

// open takes the stream's name and the writer's schema out of the first
// request. Later ones may repeat them.
func (c *writeConn) open(req *storagepb.AppendRowsRequest) error {
	switch name := req.GetWriteStream(); {
	case req.GetArrowRows() == nil:
		return status.Error(codes.InvalidArgument, "no rows in Arrow")
	case c.stream != nil && name != "" && name != c.stream.name:
		return status.Error(codes.InvalidArgument, "another stream on the same connection is not part of this stand-in")
	case c.stream != nil:
		return nil
	case name == "":
		return status.Error(codes.InvalidArgument, "the first request names no stream")
	}
	st, err := c.server.stream(req.GetWriteStream())
	if err != nil {
		return err
	}
	columns, ok := c.server.tables.columns(st.table)
	if !ok {
		return notFound(storagepb.StorageError_TABLE_NOT_FOUND, st.table)
	}
	if c.schema, err = readSchema(req.GetArrowRows().GetWriterSchema().GetSerializedSchema(), st.table, columns); err != nil {
		return err
	}
	c.stream = st
	return nil
}

func (s *writeServer) count(rows, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows, s.bytes = s.rows+rows, s.bytes+bytes
}

// write puts rows on a stream and returns their offset.
func (s *writeServer) write(ctx context.Context, st *writeStream, want *wrapperspb.Int64Value, rows arrow.Record) (int64, error) {
	if st.byDefault {
		if want != nil {
			return 0, status.Error(codes.InvalidArgument, "the default stream takes no offset")
		}
		return 0, s.insert(ctx, st.table, rows)
	}
	// Rows of COMMITTED streams are inserted under the lock too: their offset
	// must not be taken twice.
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case st.finalized:
		return 0, storageStatus(codes.InvalidArgument, storagepb.StorageError_STREAM_FINALIZED, st.name)
	case want != nil && want.GetValue() < st.rows:
		return 0, storageStatus(codes.AlreadyExists, storagepb.StorageError_OFFSET_ALREADY_EXISTS, st.name)
	case want != nil && want.GetValue() > st.rows:
		return 0, storageStatus(codes.OutOfRange, storagepb.StorageError_OFFSET_OUT_OF_RANGE, st.name)
	}
	if st.kind == storagepb.WriteStream_PENDING {
		rows.Retain()
		st.pending = append(st.pending, rows)
	} else if err := s.insert(ctx, st.table, rows); err != nil {
		return 0, err
	}
	offset := st.rows
	st.rows += rows.NumRows()
	return offset, nil
}

func (s *writeServer) insert(ctx context.Context, table string, rows arrow.Record) error {
	// A client that goes away does not stop a write.
	if err := s.tables.insert(context.WithoutCancel(ctx), table, []arrow.Record{rows}); err != nil {
		return unwritten(err, table)
	}
	return nil
}
