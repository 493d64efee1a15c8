package bigquerytest

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// meet does a call, unless a fault has it otherwise. The path says which table
// it is about.
func meet[T any](ctx context.Context, s *writeServer, call, path string, do func() (T, error)) (T, error) {
	var none T
	s.faults.note(call, datasetID(path))
	fault := s.faults.next(call, tableID(path))
	if fault == nil {
		return do()
	}
	if err := fault.begin(ctx, call); err != nil {
		return none, err
	}
	answer := fault.Status
	if answer == nil {
		answer = status.New(codes.Unavailable, "a fault was injected")
	}
	switch fault.Effect {
	case Refuse:
		return none, answer.Err()
	case LoseReply:
		_, _ = do() // nobody will know
		return none, answer.Err()
	case Reset:
		s.cut()
		return none, status.Error(codes.Unavailable, "the connection was cut")
	case ResetAfter:
		_, _ = do() // nobody will know
		s.cut()
		return none, status.Error(codes.Unavailable, "the connection was cut")
	}
	return do()
}

// begin waits for the fault's delay and calls its Do.
func (f *Fault) begin(ctx context.Context, call string) error {
	if f.Delay > 0 {
		t := time.NewTimer(f.Delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
	}
	if f.Do != nil {
		f.Do(call)
	}
	return nil
}
