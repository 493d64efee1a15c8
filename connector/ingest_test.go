package connector_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"go.uber.org/goleak"

	"vitalsink/connector"
	"vitalsink/connector/duckdb"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// faulty is a real warehouse with a fault before or after its Append.
type faulty struct {
	connector.Warehouse
	before func(*connector.Batch) error
}

func (f *faulty) Append(ctx context.Context, b *connector.Batch) error {
	if err := f.before(b); err != nil {
		return err
	}
	return f.Warehouse.Append(ctx, b)
}

func catalogue(t testing.TB) *schemas.Catalogue {
	t.Helper()
	c, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func openFile(t testing.TB) *duckdb.Warehouse {
	t.Helper()
	w, err := duckdb.Open(context.Background(), duckdb.Config{Path: filepath.Join(t.TempDir(), "test.duckdb"), Catalogue: catalogue(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func newIngest(t testing.TB, w connector.Warehouse) *connector.Ingest {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	t.Cleanup(func() { mem.AssertSize(t, 0) })
	return &connector.Ingest{
		Warehouse: w, Catalogue: catalogue(t), Log: slog.New(slog.DiscardHandler), Allocator: mem, Workers: 2,
	}
}

// door is a source of numbered messages that keeps count of what is settled.
type door struct {
	n            int
	samples      int
	waits        bool   // until ctx is done, as a subscription does
	delivered    func() // called after the last message
	acked        atomic.Int64
	nacked       atomic.Int64
	refused      atomic.Int64
	settledTwice atomic.Int64
}

func (d *door) Receive(ctx context.Context, deliver func(context.Context, *connector.Message) error) error {
	for i := range d.n {
		var settled atomic.Bool
		settle := func(count *atomic.Int64) func() {
			return func() {
				if settled.Swap(true) {
					d.settledTwice.Add(1)
				}
				count.Add(1)
			}
		}
		m := &connector.Message{Message: heartrate(i, d.samples), Ack: settle(&d.acked), Nack: settle(&d.nacked)}
		if deliver(ctx, m) != nil {
			d.refused.Add(1)
		}
	}
	if d.delivered != nil {
		d.delivered()
	}
	if d.waits {
		<-ctx.Done()
	}
	return nil
}

func heartrate(i, samples int) transforms.Message {
	body := []byte(`{"event_type":"daily.data.heartrate.created","user_id":"u","data":{"data":[`)
	for s := range samples {
		if s > 0 {
			body = append(body, ',')
		}
		body = fmt.Appendf(body, `{"timestamp":"2026-05-01T%02d:%02d:%02dZ","value":60,"unit":"bpm"}`, i%24, s/60%60, s%60)
	}
	return transforms.Message{
		ID: fmt.Sprint("m", i), PublishTime: time.Date(2026, 5, 2, 0, 0, 0, 0, time.UTC), Data: append(body, `]}}`...),
	}
}

// TestAckAfterCommit: no message is acknowledged before its batch is durable.
func TestAckAfterCommit(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w := &faulty{openFile(t), func(*connector.Batch) error {
		once.Do(func() { close(arrived) })
		<-release
		return nil
	}}
	in := newIngest(t, w)
	in.FlushRows = 1
	d := &door{n: 5, samples: 2}
	ended := make(chan error)
	go func() { ended <- in.Run(context.Background(), d) }()
	<-arrived
	if n := d.acked.Load(); n != 0 {
		t.Errorf("%d messages are acknowledged before the first commit", n)
	}
	close(release)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if d.acked.Load() != 5 || d.nacked.Load() != 0 || d.settledTwice.Load() != 0 {
		t.Errorf("acked %d, nacked %d, twice %d; want 5, 0, 0", d.acked.Load(), d.nacked.Load(), d.settledTwice.Load())
	}
}

// TestAppendFails: what could not be committed is given back, each message
// once, and what was committed is not.
func TestAppendFails(t *testing.T) {
	boom := errors.New("boom")
	var appends atomic.Int64
	w := &faulty{openFile(t), func(*connector.Batch) error {
		if appends.Add(1) > 3 {
			return boom
		}
		return nil
	}}
	in := newIngest(t, w)
	in.FlushRows = 1
	d := &door{n: 50, samples: 1}
	if err := in.Run(context.Background(), d); !errors.Is(err, boom) {
		t.Fatalf("run: %v, want the warehouse's error", err)
	}
	acked, nacked, refused := d.acked.Load(), d.nacked.Load(), d.refused.Load()
	if acked != 3 || acked+nacked+refused != 50 || d.settledTwice.Load() != 0 {
		t.Errorf("acked %d, nacked %d, refused %d, twice %d; want 3 acked, 50 in all", acked, nacked, refused, d.settledTwice.Load())
	}
	if got := in.Landed().Books.Messages; got != 3 {
		t.Errorf("the tally has %d messages, want the 3 committed", got)
	}
}

// TestStop: at the order to stop, what is in hand is committed, not given
// back.
func TestStop(t *testing.T) {
	in := newIngest(t, openFile(t))
	in.FlushInterval = time.Hour
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	d := &door{n: 20, samples: 3, waits: true, delivered: cancel}
	if err := in.Run(ctx, d); err != nil {
		t.Fatal(err)
	}
	if d.acked.Load() != 20 || in.Landed().Books.Messages != 20 {
		t.Errorf("acked %d, committed %d; want 20", d.acked.Load(), in.Landed().Books.Messages)
	}
}

// TestQuarantineFails: a message in two batches needs both.
func TestQuarantineFails(t *testing.T) {
	boom := errors.New("boom")
	w := &faulty{openFile(t), func(b *connector.Batch) error {
		if b.Table.Name == schemas.QuarantineTable {
			return boom
		}
		return nil
	}}
	in := newIngest(t, w)
	var acked, nacked int
	m := &connector.Message{Message: heartrate(1, 2), Ack: func() { acked++ }, Nack: func() { nacked++ }}
	m.Data = []byte(`{"event_type":"daily.data.steps.created","user_id":"u","data":{"data":[` +
		`{"timestamp":"2026-05-01T00:00:00Z","value":1},{"timestamp":"?","value":2}]}}`)
	if err := in.Run(context.Background(), one{m}); !errors.Is(err, boom) {
		t.Fatalf("run: %v", err)
	}
	if acked != 0 || nacked != 1 {
		t.Errorf("acked %d, nacked %d; want 0, 1", acked, nacked)
	}
}

// one is a source of a single message.
type one struct{ m *connector.Message }

func (o one) Receive(ctx context.Context, deliver func(context.Context, *connector.Message) error) error {
	return deliver(ctx, o.m)
}

// TestMemoryBound: with room for a fraction of what comes and batches that
// never fill, the ingest neither stalls nor holds more than it may.
func TestMemoryBound(t *testing.T) {
	const limit = 1 << 20
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	var peak atomic.Int64
	w := &faulty{openFile(t), func(*connector.Batch) error {
		for held := int64(mem.CurrentAlloc()); ; {
			if old := peak.Load(); held <= old || peak.CompareAndSwap(old, held) {
				return nil
			}
		}
	}}
	in := newIngest(t, w)
	in.Allocator, in.MaxHeld, in.FlushInterval = mem, limit, time.Hour
	in.FlushRows, in.FlushBytes = 1<<30, 1<<40
	d := &door{n: 400, samples: 60}
	if err := in.Run(context.Background(), d); err != nil {
		t.Fatal(err)
	}
	mem.AssertSize(t, 0)
	if d.acked.Load() != 400 {
		t.Errorf("acked %d of 400", d.acked.Load())
	}
	if peak.Load() > 4*limit {
		t.Errorf("%d bytes of rows were held at once, with a limit of %d", peak.Load(), limit)
	}
	t.Logf("peak %d bytes, limit %d, %d batches", peak.Load(), limit, in.Landed().Batches)
}

// outrun is a warehouse in which another fold is always faster.
type outrun struct{ connector.Warehouse }

func (outrun) Merge(context.Context, *connector.Merge) (connector.MergeBooks, error) {
	return connector.MergeBooks{}, connector.ErrFenced
}

// TestFoldLoses: a fold that never gets its turn says so; it did once end as
// if all were folded.
func TestFoldLoses(t *testing.T) {
	w := openFile(t)
	if err := newIngest(t, w).Run(context.Background(), &door{n: 1, samples: 1}); err != nil {
		t.Fatal(err)
	}
	folder := &connector.Folder{Warehouse: outrun{w}, Catalogue: catalogue(t), Log: slog.New(slog.DiscardHandler)}
	if _, err := folder.Fold(context.Background()); !errors.Is(err, connector.ErrFenced) {
		t.Errorf("fold: %v, want ErrFenced", err)
	}
}

// stubborn is a source that delivers after Receive returned, as a client does
// that does not hear the order to stop.
type stubborn struct {
	ended chan struct{} // closed when Run has returned
	late  chan error
}

func (s stubborn) Receive(ctx context.Context, deliver func(context.Context, *connector.Message) error) error {
	go func() {
		<-s.ended
		for range 100 {
			if err := deliver(context.Background(), &connector.Message{}); err == nil {
				s.late <- errors.New("a message was taken after the end")
				return
			}
		}
		s.late <- nil
	}()
	<-ctx.Done()
	return ctx.Err()
}

// TestDeliveryAfterTheEnd: it is refused, and nothing breaks.
func TestDeliveryAfterTheEnd(t *testing.T) {
	in := newIngest(t, openFile(t))
	ctx, cancel := context.WithCancel(context.Background())
	s := stubborn{make(chan struct{}), make(chan error, 1)}
	cancel()
	if err := in.Run(ctx, s); err != nil {
		t.Fatal(err)
	}
	close(s.ended)
	if err := <-s.late; err != nil {
		t.Error(err)
	}
}

// many is a source of messages that nobody needs back.
type many []transforms.Message

func (s many) Receive(ctx context.Context, deliver func(context.Context, *connector.Message) error) error {
	for _, m := range s {
		if err := deliver(ctx, &connector.Message{Message: m, Ack: func() {}, Nack: func() {}}); err != nil {
			return err
		}
	}
	return nil
}
