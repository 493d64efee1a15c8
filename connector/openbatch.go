package connector

import (
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"vitalsink/schemas"
	"vitalsink/transforms"
)

// openBatch is a batch that is being filled.
type openBatch struct {
	table    *schemas.Table
	lane     Lane
	builder  *transforms.Builder
	messages []*Message
	books    Books
	refused  int // messages, in full or in part
	reasons  map[transforms.Reason]int
	received time.Time // when the oldest message was
	held     int64     // bytes of the messages
	// When the first message was decoded into it, and when it was closed.
	began, ended time.Time
}

func newOpenBatch(mem memory.Allocator, t *schemas.Table, lane Lane) *openBatch {
	return &openBatch{
		table: t, lane: lane, builder: transforms.NewBuilder(mem, t), reasons: map[transforms.Reason]int{},
		began: time.Now(),
	}
}

// part is a message's share in a batch: its rows, or what is refused of it.
type part struct {
	*openBatch
	refused bool
}

// add puts the part of a message into its batch and returns what the message
// takes. A message in two batches is counted with its rows, if any landed.
func (p part) add(m *Message, d *transforms.Decoded) int64 {
	b := p.openBatch
	b.messages = append(b.messages, m)
	if b.received.IsZero() || m.received.Before(b.received) {
		b.received = m.received
	}
	if p.refused {
		b.builder.AppendQuarantine(d)
		b.refused++
		for _, why := range d.Refusals() {
			b.reasons[why.Reason]++
		}
	} else {
		b.builder.Append(d)
	}
	if p.refused == (d.Outcome == transforms.Quarantined) {
		b.books.count(d)
	}
	size := m.size()
	b.held += size
	return size
}

// count enters a message.
func (b *Books) count(d *transforms.Decoded) {
	b.Messages++
	switch d.Outcome {
	case transforms.Landed:
		b.MessagesLanded++
	case transforms.PartlyQuarantined:
		b.MessagesPartlyQuarantined++
	case transforms.Quarantined:
		b.MessagesQuarantined++
	case transforms.Empty, transforms.Erased:
		b.MessagesEmpty++
	}
	b.RowsDecoded += d.RowsDecoded
	if d.Table != nil && d.Table.Name == schemas.QuarantineTable {
		b.RowsDecoded -= d.Rows // they tell of rows that quarantine is rid of, they are none
	}
	b.RowsQuarantined += d.RowsQuarantined
	b.RowsErased += d.RowsErased
	if d.Clamped {
		b.VersionsClamped++
	}
}

// batch closes the batch. The caller releases its record.
func (b *openBatch) batch(catalogueVersion int) *Batch {
	b.ended = time.Now()
	record := b.builder.NewRecord()
	b.builder.Release()
	b.books.Rows = int(record.NumRows())
	days, without := b.builder.Days()
	return &Batch{
		ID: newID(), Table: b.table, Lane: b.lane, CatalogueVersion: catalogueVersion,
		AppendedAt: now(), Record: record, Days: days, RowsWithoutDay: without,
		Resources: b.builder.Resources(), Books: b.books,
	}
}

// settle tells every message that its part is committed, or is not.
func (b *openBatch) settle(committed bool) {
	for _, m := range b.messages {
		m.done(committed)
	}
	b.messages = nil
}

// release frees the rows of a batch that nobody will commit.
func (b *openBatch) release() { b.builder.Release() }
