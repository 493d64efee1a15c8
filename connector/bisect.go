package connector

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/apache/arrow/go/v17/arrow/array"

	"vitalsink/schemas"
	"vitalsink/transforms"
)

// maxRefused is how many rows of a batch may be refused. Where there are more
// it is not about the rows, and to ask about each would take for ever: a row
// costs up to twice log2 of the batch's rows in appends.
const maxRefused = 100

// bisection appends what a warehouse takes of a batch that it refused.
type bisection struct {
	*Ingest
	whole    *Batch
	open     *openBatch
	appended int   // rows, in parts that are registered
	refused  []int // rows of the record, ascending
}

// bisect appends a batch that was refused in parts, each a batch of its own,
// down to the single rows that are refused, and puts these into quarantine. It
// is no harm if it stops midway: the messages are delivered again, and for
// rows that are appended twice the versions decide.
func (in *Ingest) bisect(ctx context.Context, whole *Batch, open *openBatch) error {
	s := &bisection{Ingest: in, whole: whole, open: open}
	if err := s.split(ctx, 0, whole.Books.Rows); err != nil {
		return err
	}
	if len(s.refused) > 0 { // else it has taken the rows after all
		in.Log.Warn("the warehouse refuses rows of a batch: they go to quarantine, the others are appended",
			"batch", whole.ID, "table", whole.Table.Name, "rows", whole.Books.Rows, "refused", len(s.refused))
	}
	return s.settle(ctx)
}

// split appends rows from..to-1, which are refused together, in halves.
func (s *bisection) split(ctx context.Context, from, to int) error {
	if to-from == 1 {
		if s.refused = append(s.refused, from); len(s.refused) > maxRefused {
			return fmt.Errorf("more than %d rows of %s: %w", maxRefused, s.whole.Table.Name, ErrRefused)
		}
		return nil
	}
	middle := (from + to) / 2
	for _, half := range [][2]int{{from, middle}, {middle, to}} {
		if s.GiveUp > 0 && time.Since(s.open.received) > s.GiveUp {
			return fmt.Errorf("%w: its rows are refused, and it takes too long to find which", ErrGivenUp)
		}
		err := s.part(ctx, half[0], half[1])
		if errors.Is(err, ErrRefused) {
			err = s.split(ctx, half[0], half[1])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// part appends some of the rows. They may touch less than what is said of the
// whole, which makes a merge read more than it must, never less.
func (s *bisection) part(ctx context.Context, from, to int) error {
	b := *s.whole
	b.ID, b.AppendedAt = newID(), now()
	b.Books = Books{Rows: to - from, RowsDecoded: to - from}
	b.Record = s.whole.Record.NewSlice(int64(from), int64(to))
	defer b.Record.Release()
	err := s.commitBatch(ctx, &b, s.open)
	if err == nil {
		s.appended += to - from
	}
	return err
}

// settle writes the quarantine, and then accounts for the messages in a batch
// without rows, as if the decoder had refused the rows: it decodes the messages
// once more, and is told.
func (s *bisection) settle(ctx context.Context) error {
	decoder, err := transforms.NewDecoder(s.Catalogue)
	if err != nil {
		return err
	}
	quarantine := newOpenBatch(s.Allocator, s.Catalogue.Table(schemas.QuarantineTable), Recent)
	books := s.decodeAgain(decoder, quarantine)
	// What the decoder had refused is about to be in quarantine already, and
	// is counted there. To have it here once more does no harm.
	quarantine.reasons = map[transforms.Reason]int{transforms.WarehouseRefused: len(s.refused)}
	b := quarantine.batch(s.Catalogue.Version)
	defer b.Record.Release()
	if len(s.refused) > 0 {
		if err := s.commitBatch(ctx, b, quarantine); err != nil {
			return err
		}
	}
	if books.Messages == 0 {
		return nil // all of them are in quarantine in full
	}
	rest := *s.whole
	rest.ID, rest.AppendedAt = newID(), now()
	rest.Record = s.whole.Record.NewSlice(0, 0)
	defer rest.Record.Release()
	rest.Days, rest.RowsWithoutDay, rest.Resources = nil, 0, nil
	rest.Books = books
	rest.Books.RowsDecoded -= s.appended // the parts account for these
	return s.commitBatch(ctx, &rest, s.open)
}

// decodeAgain enters the messages, with what is refused of them, into the
// books of the table or, in part or in full, into quarantine.
func (s *bisection) decodeAgain(decoder *transforms.Decoder, quarantine *openBatch) (books Books) {
	refused, first := s.refused, 0
	for _, m := range s.open.messages {
		d := decoder.Decode(&m.Message)
		m.erased.Drop(d)
		first += d.Rows
		var positions []int32
		for ; len(refused) > 0 && refused[0] < first; refused = refused[1:] {
			positions = append(positions, s.position(refused[0]))
		}
		if positions != nil {
			d.RefuseRows(positions)
			m.note(d)
			if len(d.Refusals()) > 0 { // else they are erased
				part{quarantine, true}.add(m, d)
			}
		}
		if d.Outcome != transforms.Quarantined {
			books.count(d)
		}
	}
	return books
}

// position is a row's place in its message, with which its version ends.
func (s *bisection) position(row int) int32 {
	versions := s.whole.Record.Column(s.whole.Table.Index("_version")).(*array.Binary)
	version := versions.Value(row)
	return int32(binary.BigEndian.Uint32(version[len(version)-4:]))
}
