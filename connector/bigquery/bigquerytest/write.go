package bigquerytest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/bigquery/storage/apiv1/storagepb"
	"github.com/apache/arrow/go/v17/arrow"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// What BigQuery takes at most, and what its transport does.
const (
	maxAppend  = 10_000_000
	maxMessage = 20 << 20
)

// writeServer is the Storage Write API over tables: streams of type PENDING
// and COMMITTED, and each table's default stream; rows in Arrow.
//
// It does not do: rows in protobuf; streams of type BUFFERED and FlushRows;
// several tables on one connection; default values and missing value
// interpretations; the table's schema in answers, and changes of it under way;
// compressed record batches; NUMERIC, DATETIME, GEOGRAPHY, INTERVAL, RANGE and
// RECORD; quotas; streams that expire; permissions. A stream keeps its rows in
// memory until it is committed.
type writeServer struct {
	storagepb.UnimplementedBigQueryWriteServer

	tables tables
	faults *faults
	cut    func() // cuts the connections of all clients

	committing sync.Mutex // held while rows of pending streams become visible

	mu      sync.Mutex
	streams map[string]*writeStream
	made    int // streams, ever
	rows    int64
	bytes   int64
}

var _ storagepb.BigQueryWriteServer = (*writeServer)(nil)

// writeStream is a stream; the server's mu guards what changes.
type writeStream struct {
	name, table string // the table as projects/P/datasets/D/tables/T
	kind        storagepb.WriteStream_Type
	byDefault   bool // it is the default stream of its table
	created     time.Time

	rows      int64
	pending   []arrow.Record // rows of a PENDING stream that is not committed
	finalized bool
	committed time.Time
}

// newWriteServer serves the tables. Effects that cut connections call cut.
func newWriteServer(t tables, f *faults, cut func()) *writeServer {
	return &writeServer{tables: t, faults: f, cut: cut, streams: map[string]*writeStream{}}
}

// writeOptions are options that the gRPC server of a writeServer needs.
func writeOptions() []grpc.ServerOption {
	return []grpc.ServerOption{grpc.MaxRecvMsgSize(maxMessage)}
}

// received is how many rows and bytes AppendRows brought, written or not.
func (s *writeServer) received() (rows, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rows, s.bytes
}

func (s *writeServer) CreateWriteStream(ctx context.Context, req *storagepb.CreateWriteStreamRequest) (*storagepb.WriteStream, error) {
	table := req.GetParent()
	return meet(ctx, s, CallCreateWriteStream, table, func() (*storagepb.WriteStream, error) {
		if !tablePath.MatchString(table) {
			return nil, status.Error(codes.InvalidArgument, "malformed parent")
		}
		if _, ok := s.tables.columns(table); !ok {
			return nil, notFound(storagepb.StorageError_TABLE_NOT_FOUND, table)
		}
		st := &writeStream{table: table, kind: req.GetWriteStream().GetType(), created: time.Now()}
		switch st.kind {
		case storagepb.WriteStream_PENDING:
		case storagepb.WriteStream_COMMITTED:
			st.committed = st.created
		case storagepb.WriteStream_BUFFERED:
			return nil, status.Error(codes.Unimplemented, "streams of type BUFFERED are not part of this stand-in")
		default:
			return nil, status.Error(codes.InvalidArgument, "no type of stream")
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.made++
		st.name = fmt.Sprintf("%s/streams/s%d", table, s.made)
		s.streams[st.name] = st
		return st.proto(), nil
	})
}

func (s *writeServer) GetWriteStream(ctx context.Context, req *storagepb.GetWriteStreamRequest) (*storagepb.WriteStream, error) {
	return meet(ctx, s, CallGetWriteStream, req.GetName(), func() (*storagepb.WriteStream, error) {
		st, err := s.stream(req.GetName())
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return st.proto(), nil
	})
}

func (s *writeServer) FinalizeWriteStream(ctx context.Context, req *storagepb.FinalizeWriteStreamRequest) (*storagepb.FinalizeWriteStreamResponse, error) {
	return meet(ctx, s, CallFinalizeWriteStream, req.GetName(), func() (*storagepb.FinalizeWriteStreamResponse, error) {
		st, err := s.stream(req.GetName())
		if err != nil {
			return nil, err
		}
		if st.byDefault {
			return nil, storageStatus(codes.InvalidArgument, storagepb.StorageError_INVALID_STREAM_TYPE, st.name)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		st.finalized = true
		return &storagepb.FinalizeWriteStreamResponse{RowCount: st.rows}, nil
	})
}

func (s *writeServer) BatchCommitWriteStreams(ctx context.Context, req *storagepb.BatchCommitWriteStreamsRequest) (*storagepb.BatchCommitWriteStreamsResponse, error) {
	return meet(ctx, s, CallBatchCommitWriteStreams, req.GetParent(), func() (*storagepb.BatchCommitWriteStreamsResponse, error) {
		if len(req.GetWriteStreams()) == 0 {
			return nil, status.Error(codes.InvalidArgument, "no streams")
		}
		s.committing.Lock()
		defer s.committing.Unlock()
		streams, rows, faults := s.committable(req)
		if len(faults) > 0 {
			return &storagepb.BatchCommitWriteStreamsResponse{StreamErrors: faults}, nil
		}
		// A client that goes away does not stop a commit.
		if err := s.tables.insert(context.WithoutCancel(ctx), req.GetParent(), rows); err != nil {
			return nil, unwritten(err, req.GetParent())
		}
		now := time.Now()
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, st := range streams {
			st.committed = now
			st.release()
		}
		return &storagepb.BatchCommitWriteStreamsResponse{CommitTime: timestamppb.New(now)}, nil
	})
}

// committable are the streams of a commit and their rows, in order, or what
// forbids it.
func (s *writeServer) committable(req *storagepb.BatchCommitWriteStreamsRequest) (streams []*writeStream, rows []arrow.Record, faults []*storagepb.StorageError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[string]bool{}
	for _, name := range req.GetWriteStreams() {
		st, code := s.streams[name], storagepb.StorageError_STORAGE_ERROR_CODE_UNSPECIFIED
		switch {
		case st == nil:
			code = storagepb.StorageError_STREAM_NOT_FOUND
		case st.kind != storagepb.WriteStream_PENDING:
			code = storagepb.StorageError_INVALID_STREAM_TYPE
		case !st.committed.IsZero():
			code = storagepb.StorageError_STREAM_ALREADY_COMMITTED
		case !st.finalized, st.table != req.GetParent(), seen[name]:
			code = storagepb.StorageError_INVALID_STREAM_STATE
		}
		seen[name] = true
		if code != storagepb.StorageError_STORAGE_ERROR_CODE_UNSPECIFIED {
			faults = append(faults, &storagepb.StorageError{Code: code, Entity: name, ErrorMessage: code.String()})
			continue
		}
		streams, rows = append(streams, st), append(rows, st.pending...)
	}
	return streams, rows, faults
}

var (
	tablePath  = regexp.MustCompile(`^projects/[^/]+/datasets/[^/]+/tables/[^/]+$`)
	streamPath = regexp.MustCompile(`^(projects/[^/]+/datasets/[^/]+/tables/[^/]+)/(?:streams/)?([^/]+)$`)
)

// stream finds a stream by its name. Default streams exist with their tables.
func (s *writeServer) stream(name string) (*writeStream, error) {
	parts := streamPath.FindStringSubmatch(name)
	if parts == nil {
		return nil, status.Error(codes.InvalidArgument, "malformed name of a stream")
	}
	if parts[2] == "_default" {
		if _, ok := s.tables.columns(parts[1]); !ok {
			return nil, notFound(storagepb.StorageError_TABLE_NOT_FOUND, parts[1])
		}
		return &writeStream{name: name, table: parts[1], kind: storagepb.WriteStream_COMMITTED, byDefault: true}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.streams[name]
	if !ok {
		return nil, notFound(storagepb.StorageError_STREAM_NOT_FOUND, name)
	}
	return st, nil
}

func (st *writeStream) proto() *storagepb.WriteStream {
	p := &storagepb.WriteStream{Name: st.name, Type: st.kind, CreateTime: timestamppb.New(st.created), WriteMode: storagepb.WriteStream_INSERT}
	if !st.committed.IsZero() {
		p.CommitTime = timestamppb.New(st.committed)
	}
	return p
}

func (st *writeStream) release() {
	for _, r := range st.pending {
		r.Release()
	}
	st.pending = nil
}

// tableID is T of a path that begins with projects/P/datasets/D/tables/T.
func tableID(path string) string {
	parts := strings.Split(path, "/")
	if len(parts) < 6 {
		return ""
	}
	return parts[5]
}

// storageStatus is an error with a code of this API beside the one of gRPC.
func storageStatus(code codes.Code, storage storagepb.StorageError_StorageErrorCode, entity string) error {
	s, err := status.New(code, storage.String()).WithDetails(&storagepb.StorageError{Code: storage, Entity: entity, ErrorMessage: storage.String()})
	if err != nil {
		return status.Error(codes.Internal, err.Error())
	}
	return s.Err()
}

// unwritten is the error of rows that could not be written: their table may be
// gone.
func unwritten(err error, table string) error {
	var known *JobError
	if errors.As(err, &known) && known.Reason == reasonNotFound {
		return notFound(storagepb.StorageError_TABLE_NOT_FOUND, table)
	}
	return status.Error(codes.Internal, err.Error())
}

func notFound(code storagepb.StorageError_StorageErrorCode, entity string) error {
	return storageStatus(codes.NotFound, code, entity)
}
