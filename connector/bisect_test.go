package connector_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/array"

	"vitalsink/connector"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// That rows which a warehouse refuses end in quarantine, whatever else is in
// their batch, is a test of the suite that every warehouse passes. Here is what
// happens when that fails too.

// refusingValues refuses batches with a sample of a value below zero.
func refusingValues(w connector.Warehouse, appends *atomic.Int64) connector.Warehouse {
	return &faulty{w, func(b *connector.Batch) error {
		appends.Add(1)
		if b.Table.Name != schemas.TimeseriesTable {
			return nil
		}
		values := b.Record.Column(b.Table.Index("value")).(*array.Float64)
		for i := range values.Len() {
			if values.Value(i) < 0 {
				return fmt.Errorf("%w: a value", connector.ErrRefused)
			}
		}
		return nil
	}}
}

// samples is a message of samples with these values; one of 0 has no time that
// can be read.
func samples(id string, values ...float64) transforms.Message {
	var list []string
	for i, v := range values {
		at := fmt.Sprintf("2026-05-01T%02d:%02d:00Z", i/60, i%60)
		if v == 0 {
			at = "?"
		}
		list = append(list, fmt.Sprintf(`{"timestamp":%q,"value":%v}`, at, v))
	}
	return transforms.Message{
		ID: id, PublishTime: time.Date(2026, 5, 2, 0, 0, 0, 0, time.UTC),
		Data: fmt.Appendf(nil, `{"event_type":"daily.data.glucose.created","user_id":"u","data":{"data":[%s]}}`, strings.Join(list, ",")),
	}
}

// TestRefusedRows: with and without GiveUp, rows that are refused go to
// quarantine, and that is not a failure.
func TestRefusedRows(t *testing.T) {
	for _, giveUp := range []time.Duration{0, time.Hour} {
		var appends atomic.Int64
		in := newIngest(t, refusingValues(openFile(t), &appends))
		in.GiveUp, in.Workers = giveUp, 1
		if err := in.Run(t.Context(), many{
			samples("m0", 0, 7), samples("m1", 1, 2, 0, -3, 4), samples("m2", -1), samples("m3", 5), samples("m4", 0, -1),
		}); err != nil {
			t.Fatal(err)
		}
		want := connector.Books{
			Rows: 5, RowsDecoded: 11, RowsQuarantined: 6,
			Messages: 5, MessagesLanded: 1, MessagesPartlyQuarantined: 2, MessagesQuarantined: 2,
		}
		landed := in.Landed()
		if landed.Books != want {
			t.Errorf("books %+v, want %+v", landed.Books, want)
		}
		if q := landed.Quarantined; len(q) != 2 || q[transforms.WarehouseRefused] != 3 || q[transforms.BadKey] != 3 {
			t.Errorf("quarantined: %v", q)
		}
		if !in.Paused().IsZero() {
			t.Error("it takes the warehouse for broken")
		}
	}
}

// TestRefusedRowIsFound: among many rows, within few appends.
func TestRefusedRowIsFound(t *testing.T) {
	values := make([]float64, 1000)
	for i := range values {
		values[i] = 1
	}
	values[700] = -1
	var appends atomic.Int64
	in := newIngest(t, refusingValues(openFile(t), &appends))
	if err := in.Run(t.Context(), many{samples("m1", values...)}); err != nil {
		t.Fatal(err)
	}
	// The batch, ten times two halves, the quarantine, the books.
	if n := appends.Load(); n > 23 || in.Landed().Books.Rows != 999 {
		t.Errorf("%d appends, %d rows; want 23 at most, 999", n, in.Landed().Books.Rows)
	}
}

// TestRefusedQuarantine: a batch of the quarantine that is refused is not taken
// apart; there is nowhere else to go.
func TestRefusedQuarantine(t *testing.T) {
	var appends atomic.Int64
	w := &faulty{openFile(t), func(b *connector.Batch) error {
		appends.Add(1)
		ids := b.Record.Column(b.Table.Index("message_id")).(*array.String)
		for i := range ids.Len() {
			if ids.Value(i) == "m1" {
				return fmt.Errorf("%w: a value", connector.ErrRefused)
			}
		}
		return nil
	}}
	for _, giveUp := range []time.Duration{0, time.Hour} {
		appends.Store(0)
		in := newIngest(t, w)
		in.GiveUp, in.Workers = giveUp, 1
		err := in.Run(t.Context(), many{samples("m1", 0), samples("m2", 0), samples("m3", 0)})
		if giveUp == 0 && !errors.Is(err, connector.ErrRefused) || giveUp > 0 && err != nil {
			t.Errorf("run: %v", err)
		}
		if appends.Load() != 1 || in.Landed().Batches != 0 {
			t.Errorf("%d appends, %d batches committed; want 1, 0", appends.Load(), in.Landed().Batches)
		}
	}
}

// TestRefusesEverything: where the warehouse takes nothing at all, it is not
// about the rows, and not each of them is asked about.
func TestRefusesEverything(t *testing.T) {
	var appends atomic.Int64
	in := newIngest(t, refusingValues(openFile(t), &appends))
	values := make([]float64, 1000)
	for i := range values {
		values[i] = -1
	}
	var acked, nacked int
	m := &connector.Message{Message: samples("m1", values...), Ack: func() { acked++ }, Nack: func() { nacked++ }}
	if err := in.Run(t.Context(), one{m}); !errors.Is(err, connector.ErrRefused) {
		t.Errorf("run: %v, want ErrRefused", err)
	}
	if n := appends.Load(); n > 250 || acked != 0 || nacked != 1 {
		t.Errorf("%d appends, acked %d, nacked %d; want 250 at most, 0, 1", n, acked, nacked)
	}
}

// TestBisectionFails: where the warehouse breaks while it is asked about rows,
// or about the quarantine or the books that end it, the message is given back.
func TestBisectionFails(t *testing.T) {
	for failing := int64(2); ; failing++ {
		var appends, tries atomic.Int64
		w := &faulty{refusingValues(openFile(t), &appends), func(*connector.Batch) error {
			if tries.Add(1) == failing {
				return errBoom
			}
			return nil
		}}
		var acked, nacked int
		m := &connector.Message{Message: samples("m1", 1, 2, -3, 4), Ack: func() { acked++ }, Nack: func() { nacked++ }}
		in := newIngest(t, w)
		err := in.Run(context.Background(), one{m})
		if tries.Load() < failing {
			// Four rows, halves, quarters of one, quarantine, the books.
			if failing != 8 || err != nil || acked != 1 || nacked != 0 {
				t.Errorf("%d appends, acked %d, nacked %d: %v", failing-1, acked, nacked, err)
			}
			return
		}
		if !errors.Is(err, errBoom) || acked != 0 || nacked != 1 {
			t.Errorf("append %d fails: acked %d, nacked %d: %v", failing, acked, nacked, err)
		}
	}
}
