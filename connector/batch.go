package connector

import (
	"fmt"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"vitalsink/schemas"
)

// Lane separates batches that touch old partitions from those that do not, so
// that one sample from years ago does not drag years into every merge.
type Lane string

// The lanes.
const (
	Recent Lane = "recent"
	Late   Lane = "late"
)

// Batch is rows of one table and one lane, with their books.
type Batch struct {
	ID               string // UUIDv7
	Table            *schemas.Table
	Lane             Lane
	CatalogueVersion int
	AppendedAt       time.Time
	// Record holds the rows, by the table's Arrow schema. It may have none:
	// then the batch only accounts for messages without rows, or whose rows
	// are in other batches. It may be a slice of a longer record.
	Record arrow.Record
	// What the rows touch; of a slice perhaps more than that.
	Days           []time.Time // UTC days of the partition column, ascending
	RowsWithoutDay int
	Resources      []string
	Books          Books
}

// Books account for the messages of a batch and their rows. Each number is
// counted where it arises, none is computed from the others.
type Books struct {
	Rows            int `json:"rows"` // in the log
	RowsDecoded     int `json:"rows_decoded"`
	RowsQuarantined int `json:"rows_quarantined"`
	RowsErased      int `json:"rows_erased"`

	Messages                  int `json:"messages"`
	MessagesLanded            int `json:"messages_landed"`
	MessagesPartlyQuarantined int `json:"messages_partly_quarantined"`
	MessagesQuarantined       int `json:"messages_quarantined"`
	MessagesEmpty             int `json:"messages_empty"`

	VersionsClamped int `json:"versions_clamped"`
}

// Add adds other to b.
func (b *Books) Add(other Books) {
	b.Rows += other.Rows
	b.RowsDecoded += other.RowsDecoded
	b.RowsQuarantined += other.RowsQuarantined
	b.RowsErased += other.RowsErased
	b.Messages += other.Messages
	b.MessagesLanded += other.MessagesLanded
	b.MessagesPartlyQuarantined += other.MessagesPartlyQuarantined
	b.MessagesQuarantined += other.MessagesQuarantined
	b.MessagesEmpty += other.MessagesEmpty
	b.VersionsClamped += other.VersionsClamped
}

// outcomes is how many messages have one.
func (b *Books) outcomes() int {
	return b.MessagesLanded + b.MessagesPartlyQuarantined + b.MessagesQuarantined + b.MessagesEmpty
}

// accounted is of how many decoded rows it is known what became of them. Rows
// of the quarantine are not decoded from messages, they describe what was not.
func (b *Books) accounted(table string) int {
	landed := b.Rows
	if table == schemas.QuarantineTable {
		landed = 0
	}
	return landed + b.RowsQuarantined + b.RowsErased
}

// check reports the equation that does not hold.
func (b *Batch) check() error {
	k := b.Books
	if sum := k.outcomes(); sum != k.Messages {
		return fmt.Errorf("%w: batch %s of %s has %d messages, but outcomes of %d", ErrBooks, b.ID, b.Table.Name, k.Messages, sum)
	}
	if sum := k.accounted(b.Table.Name); sum != k.RowsDecoded {
		return fmt.Errorf("%w: batch %s of %s decoded %d rows, but accounts for %d", ErrBooks, b.ID, b.Table.Name, k.RowsDecoded, sum)
	}
	return nil
}

// RegistryRow is the batch's row of the registry, a value for each column.
func (b *Batch) RegistryRow(registeredAt time.Time) map[string]any {
	return map[string]any{
		"batch_id": b.ID, "table_name": b.Table.Name, "lane": string(b.Lane),
		"catalogue_version": b.CatalogueVersion, "appended_at": b.AppendedAt, "registered_at": registeredAt,
		"rows": b.Books.Rows, "rows_decoded": b.Books.RowsDecoded,
		"rows_quarantined": b.Books.RowsQuarantined, "rows_erased": b.Books.RowsErased,
		"messages": b.Books.Messages, "messages_landed": b.Books.MessagesLanded,
		"messages_partly_quarantined": b.Books.MessagesPartlyQuarantined,
		"messages_quarantined":        b.Books.MessagesQuarantined, "messages_empty": b.Books.MessagesEmpty,
		"versions_clamped": b.Books.VersionsClamped,
		// Lists must not be nil, which would be NULL.
		"days": append([]time.Time{}, b.Days...), "rows_without_day": b.RowsWithoutDay, "resources": append([]string{}, b.Resources...),
	}
}
