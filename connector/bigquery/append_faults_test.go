package bigquery

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/bigquery/storage/apiv1/storagepb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"pgregory.net/rapid"

	"vitalsink/connector"
	"vitalsink/connector/bigquery/bigquerytest"
	"vitalsink/schemas"
)

var calls = []string{
	bigquerytest.CallCreateWriteStream, bigquerytest.CallAppendRows,
	bigquerytest.CallFinalizeWriteStream, bigquerytest.CallBatchCommitWriteStreams,
}

var effects = map[string]bigquerytest.Effect{
	"refuse": bigquerytest.Refuse, "lose reply": bigquerytest.LoseReply,
	"reset": bigquerytest.Reset, "reset after": bigquerytest.ResetAfter,
}

var transientCodes = []codes.Code{
	codes.Unavailable, codes.Aborted, codes.Internal, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Canceled,
}

// TestAppendOutlivesFaults: each fault at each call, once.
func TestAppendOutlivesFaults(t *testing.T) {
	for _, call := range calls {
		for name, effect := range effects {
			// Of a stream's requests each matters; other calls are alike.
			skips := 1
			if call == bigquerytest.CallAppendRows {
				skips = 3
			}
			for skip := range skips {
				t.Run(fmt.Sprintf("%s/%s/%d", call, name, skip), func(t *testing.T) {
					a, codes := newAppending(t).small(), transientCodes
					if effect == bigquerytest.Reset || effect == bigquerytest.ResetAfter {
						codes = codes[:1] // no status arrives
					}
					for i, code := range codes {
						a.server.Inject(bigquerytest.Fault{Call: call, Effect: effect, Skip: skip, Status: status.New(code, "")})
						b := a.batch("sleep", fmt.Sprint("b", i), 80)
						err := a.append(t.Context(), b)
						if err != nil {
							t.Errorf("%s: %v", code, err)
						}
						a.check(t, b, err)
						b.Record.Release()
						a.server.Heal()
					}
				})
			}
		}
	}
}

// TestAppendGivesUp: a fault that does not end.
func TestAppendGivesUp(t *testing.T) {
	for _, call := range calls {
		for name, effect := range effects {
			for _, table := range []string{"sleep_log", schemas.BatchesTable} {
				if table == schemas.BatchesTable && call != bigquerytest.CallAppendRows {
					continue
				}
				t.Run(call+"/"+name+"/"+table, func(t *testing.T) {
					a := newAppending(t).small()
					a.tuned.tries = 2 // gRPC itself waits a second after a reset
					a.server.Inject(bigquerytest.Fault{Call: call, Effect: effect, Table: table, Times: -1})
					b := a.batch("sleep", "b1", 30)
					defer b.Record.Release()
					err := a.append(t.Context(), b)
					// What was written is found where it is: then there is progress.
					writes := effect == bigquerytest.LoseReply || effect == bigquerytest.ResetAfter
					if works := writes && call == bigquerytest.CallAppendRows && table == "sleep_log"; works && err != nil && !errors.Is(err, connector.ErrUnavailable) || !works && !errors.Is(err, connector.ErrUnavailable) {
						t.Errorf("append: %v, want ErrUnavailable", err)
					}
					a.check(t, b, err)
				})
			}
		}
	}
}

// TestAppendFaults: any faults, any sizes.
func TestAppendFaults(t *testing.T) {
	a := newAppending(t).small()
	statuses := append([]codes.Code{codes.InvalidArgument, codes.OutOfRange, codes.AlreadyExists, codes.NotFound}, transientCodes[:5]...)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		a.tuned.window = rapid.IntRange(1, 4).Draw(rt, "window")
		b := a.batch("sleep", fmt.Sprint("b", n), rapid.IntRange(0, 120).Draw(rt, "rows"))
		defer b.Record.Release()
		for range rapid.IntRange(0, 6).Draw(rt, "faults") {
			code := rapid.SampledFrom(transientCodes[:5])
			if rapid.IntRange(0, 9).Draw(rt, "permanent") == 0 {
				code = rapid.SampledFrom(statuses)
			}
			a.server.Inject(bigquerytest.Fault{
				Call: rapid.SampledFrom(calls).Draw(rt, "call"), Skip: rapid.IntRange(0, 8).Draw(rt, "skip"),
				Times: rapid.IntRange(1, 3).Draw(rt, "times"), Effect: bigquerytest.Effect(rapid.IntRange(0, 4).Draw(rt, "effect")),
				Status: status.New(code.Draw(rt, "code"), ""),
			})
		}
		err := a.append(t.Context(), b)
		a.server.Heal()
		a.check(rt, b, err)
	})
}

// TestAppendHangs: BigQuery takes a request and never answers.
func TestAppendHangs(t *testing.T) {
	for _, call := range calls {
		t.Run(call, func(t *testing.T) {
			a := newAppending(t)
			b := a.batch("sleep", "b1", 10)
			defer b.Record.Release()
			hang := bigquerytest.Fault{Call: call, Delay: time.Hour, Effect: bigquerytest.Refuse}

			a.server.Inject(hang)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if err := a.append(ctx, b); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("append: %v, want the context's error", err)
			}
			a.server.Heal()

			a.server.Inject(hang)
			a.tuned.patience = 100 * time.Millisecond
			if err := a.append(t.Context(), b); err != nil {
				t.Errorf("append, when patience ends: %v", err)
			}
			a.check(t, b, nil)
		})
	}
}

// TestAppendCancelled: an order to stop that comes at any step.
func TestAppendCancelled(t *testing.T) {
	for _, call := range append(calls, "") {
		t.Run(call, func(t *testing.T) {
			a := newAppending(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if call == "" {
				cancel()
			}
			a.server.Inject(bigquerytest.Fault{Call: call, Do: func(string) { cancel() }})
			b := a.batch("sleep", "b1", 10)
			defer b.Record.Release()
			err := a.append(ctx, b)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("append: %v", err)
			}
			a.check(t, b, err)
		})
	}
}

// TestAppendCommitted: the reply is lost, and then an error says that it is
// done already; it need not come in an answer.
func TestAppendCommitted(t *testing.T) {
	a := newAppending(t)
	done, err := status.New(codes.InvalidArgument, "").WithDetails(&storagepb.StorageError{Code: storagepb.StorageError_STREAM_ALREADY_COMMITTED})
	if err != nil {
		t.Fatal(err)
	}
	a.server.Inject(bigquerytest.Fault{Call: bigquerytest.CallBatchCommitWriteStreams, Effect: bigquerytest.LoseReply})
	a.server.Inject(bigquerytest.Fault{Call: bigquerytest.CallBatchCommitWriteStreams, Status: done})
	b := a.batch("sleep", "b1", 10)
	defer b.Record.Release()
	if err := a.append(t.Context(), b); err != nil {
		t.Error(err)
	}
	a.check(t, b, nil)
}

// TestAppendLosesRows: BigQuery has it that rows are written, and they are not.
func TestAppendLosesRows(t *testing.T) {
	a := newAppending(t)
	a.server.Inject(bigquerytest.Fault{Call: bigquerytest.CallAppendRows, Status: status.New(codes.AlreadyExists, "")})
	b := a.batch("sleep", "b1", 10)
	defer b.Record.Release()
	err := a.append(t.Context(), b)
	if !errors.Is(err, connector.ErrBooks) {
		t.Errorf("append: %v, want ErrBooks", err)
	}
	a.check(t, b, err)
}

// TestExplainStreams: new streams may do, so the batch is not to blame.
func TestExplainStreams(t *testing.T) {
	for code, want := range map[storagepb.StorageError_StorageErrorCode]error{
		storagepb.StorageError_INVALID_STREAM_STATE: connector.ErrUnavailable,
		storagepb.StorageError_STREAM_NOT_FOUND:     connector.ErrUnavailable,
		storagepb.StorageError_TABLE_NOT_FOUND:      connector.ErrUnavailable, // it was there at the start
	} {
		if err := explainStorage(&storagepb.StorageError{Code: code, ErrorMessage: "secret"}); !errors.Is(err, want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", code, err)
		}
	}
}
