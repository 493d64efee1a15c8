package bigquery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	storage "cloud.google.com/go/bigquery/storage/apiv1"
	"cloud.google.com/go/bigquery/storage/apiv1/storagepb"
	"github.com/cenkalti/backoff/v5"
	"github.com/googleapis/gax-go/v2"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"vitalsink/connector"
)

// stream writes a part of an encoder's rows to one stream, over as many
// connections as it takes. What it encoded it keeps until that is
// acknowledged, so that a request is the same when it is sent again.
type stream struct {
	client    *storage.BigQueryWriteClient
	limits    limits
	name      string
	rows      *encoder
	part      span
	byDefault bool // the default stream has no offsets

	next   int // the first row that is not encoded
	window []request
	acked  int // requests
}

// request is some rows, encoded.
type request struct {
	offset  int64
	message []byte
}

// write returns when all rows are acknowledged.
func (s *stream) write(ctx context.Context) error {
	tries := s.limits.newTries()
	for {
		acked := s.acked
		err := classify(ctx, s.connect(ctx))
		if err == nil {
			return nil
		}
		if s.acked > acked {
			tries = s.limits.newTries()
		}
		if err := tries.again(ctx, err); err != nil {
			return err
		}
	}
}

// connect sends over one connection what is not acknowledged.
func (s *stream) connect(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// What gRPC would send again by itself it must forget, or a request could
	// be sent twice: it answers io.EOF and then sends it all the same.
	conn, err := s.client.AppendRows(ctx, once, gax.WithGRPCOptions(grpc.MaxRetryRPCBufferSize(0)))
	if err != nil {
		return err
	}
	answers := make(chan *storagepb.AppendRowsResponse)
	var receiver errgroup.Group
	receiver.Go(func() error { return receive(ctx, conn, answers) })
	defer func() {
		cancel()
		_ = receiver.Wait() // who waits for answers has its error
	}()
	// A send can hang as well as an answer.
	hangs := time.AfterFunc(s.limits.patience, cancel)
	defer hangs.Stop()
	err = s.exchange(conn, func() (*storagepb.AppendRowsResponse, error) {
		a, ok := <-answers
		if !ok {
			return nil, receiver.Wait()
		}
		hangs.Reset(s.limits.patience)
		return a, nil
	})
	_ = conn.CloseSend() // all that matters is answered
	return err
}

// receive passes answers on until the connection or ctx ends, and returns why.
func receive(ctx context.Context, conn storagepb.BigQueryWrite_AppendRowsClient, answers chan<- *storagepb.AppendRowsResponse) error {
	defer close(answers)
	for {
		a, err := conn.Recv()
		if err != nil {
			return err
		}
		select {
		case answers <- a:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// exchange sends requests and takes answers until none is left.
func (s *stream) exchange(conn storagepb.BigQueryWrite_AppendRowsClient, answered func() (*storagepb.AppendRowsResponse, error)) error {
	sent := 0 // of the window, over this connection
	for first, open := true, true; ; {
		for open {
			r, ok, err := s.nth(sent)
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			if err := conn.Send(s.request(r, first)); errors.Is(err, io.EOF) {
				open = false // the connection has ended; the answers say why
				break
			} else if err != nil {
				return err
			}
			first, sent = false, sent+1
		}
		if len(s.window) == 0 && s.next == s.part.to {
			return nil
		}
		a, err := answered()
		if err == nil && sent == 0 {
			return errors.New("an answer to no request")
		}
		if err := s.take(a, err); err != nil {
			return err
		}
		sent--
	}
}

// nth is the window's i-th request, which is encoded now if it is the next one
// and there is room for it; ok is false if there is none.
func (s *stream) nth(i int) (r request, ok bool, err error) {
	if i < len(s.window) {
		return s.window[i], true, nil
	}
	if s.next == s.part.to || i == s.limits.window {
		return r, false, nil
	}
	message, end, err := s.rows.next(s.next, s.part.to)
	if err != nil {
		return r, false, err
	}
	r = request{int64(s.next - s.part.from), message}
	s.window, s.next = append(s.window, r), end
	return r, true, nil
}

// request is the message that asks for rows to be written. The first one of a
// connection says whereto, and the schema.
func (s *stream) request(r request, first bool) *storagepb.AppendRowsRequest {
	rows := &storagepb.AppendRowsRequest_ArrowData{Rows: &storagepb.ArrowRecordBatch{SerializedRecordBatch: r.message}}
	req := &storagepb.AppendRowsRequest{Rows: &storagepb.AppendRowsRequest_ArrowRows{ArrowRows: rows}}
	if !s.byDefault {
		req.Offset = wrapperspb.Int64(r.offset)
	}
	if first {
		req.WriteStream, req.TraceId = s.name, "vitalsink"
		rows.WriterSchema = &storagepb.ArrowSchema{SerializedSchema: s.rows.message}
	}
	return req
}

// take reads the answer to the first request of the window, or the error that
// ended the connection instead.
func (s *stream) take(a *storagepb.AppendRowsResponse, ended error) error {
	err := ended
	if err == nil && a.GetError() != nil {
		err = status.ErrorProto(a.GetError())
	}
	if err != nil && len(a.GetRowErrors()) > 0 {
		return &fault{class: connector.ErrRefused, what: fmt.Sprintf("%d rows of a request", len(a.GetRowErrors()))}
	}
	if err != nil {
		if st, ok := statusOf(err); ok && st.Code() == codes.AlreadyExists && !s.byDefault && len(s.window) > 0 {
			// It was written before, and that answer was lost.
			s.acknowledge()
			return ended
		}
		return err
	}
	want := s.window[0].offset
	if got := a.GetAppendResult().GetOffset(); got != nil && got.GetValue() != want {
		return fmt.Errorf("rows were written at offset %d, not %d", got.GetValue(), want)
	}
	s.acknowledge()
	return nil
}

func (s *stream) acknowledge() {
	s.window = append(s.window[:0], s.window[1:]...)
	s.acked++
}

// once has the client not try a call again: by default it does so for as long
// as the context lasts, and 20 minutes if it has no end.
var once = gax.WithRetry(func() gax.Retryer { return nil })

// persist calls until it works, for a while.
func persist[T any](ctx context.Context, l limits, call func(context.Context) (T, error)) (T, error) {
	tries := l.newTries()
	for {
		one, cancel := context.WithTimeout(ctx, l.patience)
		result, err := call(one)
		cancel()
		if err == nil {
			return result, nil
		}
		if err := tries.again(ctx, classify(ctx, err)); err != nil {
			return result, err
		}
	}
}

// classify is explain for a call of which ctx is the context: if that is done
// the error is its own, and otherwise nobody has cancelled the call.
func classify(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) {
		<-ctx.Done() // gRPC's clock may be the faster one
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if cause := errors.Unwrap(err); errors.Is(err, context.DeadlineExceeded) && cause != nil && !errors.Is(cause, context.DeadlineExceeded) {
		err = cause // why Google's client tried again until its time was up
	}
	err = explain(err)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &fault{class: connector.ErrUnavailable, what: "no answer in time"}
	}
	return err
}

// tries are those left for one thing.
type tries struct {
	left   int
	pauses *backoff.ExponentialBackOff
}

func (l limits) newTries() *tries {
	pauses := backoff.NewExponentialBackOff() // half as much more or less, at random
	pauses.InitialInterval, pauses.MaxInterval, pauses.Multiplier = l.pause, 50*l.pause, 2
	return &tries{l.tries - 1, pauses}
}

// again waits, and returns nil if it is worth to try again; otherwise err, or
// the context's error.
func (t *tries) again(ctx context.Context, err error) error {
	if !errors.Is(err, connector.ErrUnavailable) || t.left <= 0 {
		return err
	}
	t.left--
	return sleep(ctx, t.pauses.NextBackOff())
}
