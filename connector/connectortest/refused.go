package connectortest

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/bits"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vitalsink/connector"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// picky is a warehouse that refuses batches with a row that is poison.
type picky struct {
	connector.Warehouse
	poison  func(Row) bool
	refused atomic.Int64
	longest atomic.Int64 // rows of a batch
}

func (p *picky) Append(ctx context.Context, b *connector.Batch) error {
	p.longest.Store(max(p.longest.Load(), b.Record.NumRows()))
	if b.Table.Name != schemas.QuarantineTable {
		for _, row := range recordRows(b.Record) {
			if p.poison(row) {
				p.refused.Add(1)
				return fmt.Errorf("%w: one of its rows", connector.ErrRefused)
			}
		}
	}
	return p.Warehouse.Append(ctx, b)
}

// ledgerDoor is a source that counts what becomes of its messages.
type ledgerDoor struct {
	messages     []transforms.Message
	acked, twice atomic.Int64
	nacked       atomic.Int64
}

func (d *ledgerDoor) Receive(ctx context.Context, deliver func(context.Context, *connector.Message) error) error {
	for _, m := range d.messages {
		var settled atomic.Int64
		count := func(n *atomic.Int64) func() {
			return func() {
				n.Add(1)
				d.twice.Add(settled.Swap(1))
			}
		}
		if err := deliver(ctx, &connector.Message{Message: m, Ack: count(&d.acked), Nack: count(&d.nacked)}); err != nil {
			return err
		}
	}
	return nil
}

// refusedRows: whichever rows a warehouse refuses, they are in quarantine, all
// others are in their tables, the books say so, and it takes few appends.
func (s *suite) refusedRows(t *testing.T) {
	check(t, 20, func(rt *rapid.T) {
		messages := rapid.SliceOfN(rapid.Custom(drawMessage), 1, 40).Draw(rt, "messages")
		for i := range messages {
			messages[i].ID = fmt.Sprint("m", i%30) // some are two messages of one id
			if i >= 30 {
				messages[i] = messages[i-30]
			}
		}
		poison := drawPoison(rt)
		own := &scope{TB: t}
		defer own.end()
		store := s.open(own)
		w, d := &picky{Warehouse: store, poison: poison}, &ledgerDoor{messages: messages}
		landed, err := s.tryIngest(t, w, rapid.SampledFrom([]int{1, 8, 1000}).Draw(rt, "flush rows"), d)
		if err != nil {
			t.Fatal(err)
		}
		s.fold(t, w)
		ref, want := newReference(s.catalogue), connector.Landed{Quarantined: map[transforms.Reason]int{}}
		for _, m := range messages {
			s.addPoisoned(t, ref, &want, m, poison)
		}
		s.expect(t, store, ref)
		if diff := cmp.Diff(want.Books, landed.Books); diff != "" {
			t.Errorf("books (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want.Quarantined, landed.Quarantined); diff != "" {
			t.Errorf("refusals by reason (-want +got):\n%s", diff)
		}
		if n := int64(len(messages)); d.acked.Load() != n || d.nacked.Load() != 0 || d.twice.Load() != 0 {
			t.Errorf("acked %d, nacked %d, twice %d of %d", d.acked.Load(), d.nacked.Load(), d.twice.Load(), n)
		}
		// Each refused row is in the batch, its half, the half of that, ...
		refused := want.Quarantined[transforms.WarehouseRefused]
		most := int64(refused) * int64(bits.Len64(uint64(w.longest.Load()))+1)
		if n := w.refused.Load(); n > most {
			t.Errorf("%d appends are refused for %d rows, want %d at most", n, refused, most)
		}
		if t.Failed() {
			rt.FailNow()
		}
	})
}

// drawPoison draws which rows are poison.
func drawPoison(rt *rapid.T) func(Row) bool {
	bad := map[string][]string{
		"score":        rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) string { return fmt.Sprint(rapid.IntRange(0, 99).Draw(rt, "score")) }), 0, 40).Draw(rt, "bad scores"),
		"value":        rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) string { return fmt.Sprint(rapid.IntRange(40, 90).Draw(rt, "value")) }), 0, 20).Draw(rt, "bad values"),
		"device_model": rapid.SampledFrom([][]string{{}, {"b"}, {"a", "b"}}).Draw(rt, "bad models"),
	}
	badPayload := rapid.SampledFrom([]string{"none", `"v":2`, "raw"}).Draw(rt, "bad payload")
	return func(row Row) bool {
		for column, values := range bad {
			for _, v := range values {
				if row[column] == v {
					return true
				}
			}
		}
		return strings.Contains(row["payload"], badPayload)
	}
}

// addPoisoned folds a message into the reference as it should land: without its
// poison rows.
func (s *suite) addPoisoned(t *testing.T, ref *reference, want *connector.Landed, m transforms.Message, poison func(Row) bool) {
	d, err := transforms.NewDecoder(s.catalogue)
	if err != nil {
		t.Fatal(err)
	}
	out := d.Decode(&m)
	var positions []int32
	if out.Rows > 0 {
		for _, row := range rowsOf(t, out.Table, func(b *transforms.Builder) { b.Append(out) }) {
			if poison(row) {
				version, err := hex.DecodeString(row["_version"])
				if err != nil {
					t.Fatal(err)
				}
				positions = append(positions, int32(version[26])<<8|int32(version[27]))
			}
		}
	}
	if len(positions) > 0 {
		out.RefuseRows(positions)
	}
	ref.addDecoded(t, out)
	want.Books.Add(booksOf(out))
	for _, why := range out.Refusals() {
		want.Quarantined[why.Reason]++
	}
}

// booksOf are the books of one message.
func booksOf(d *transforms.Decoded) connector.Books {
	b := connector.Books{Rows: d.Rows, RowsDecoded: d.RowsDecoded, RowsQuarantined: d.RowsQuarantined, Messages: 1}
	switch d.Outcome {
	case transforms.Landed:
		b.MessagesLanded = 1
	case transforms.PartlyQuarantined:
		b.MessagesPartlyQuarantined = 1
	case transforms.Quarantined:
		b.MessagesQuarantined = 1
	case transforms.Empty:
		b.MessagesEmpty = 1
	}
	if d.Clamped {
		b.VersionsClamped = 1
	}
	return b
}
