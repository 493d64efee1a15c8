package connector

import (
	"maps"
	"sync"

	"vitalsink/schemas"
	"vitalsink/transforms"
)

// Landed is what an Ingest committed so far.
type Landed struct {
	Batches int              `json:"batches"`
	Books   Books            `json:"books"`
	Tables  map[string]Books `json:"tables"`
	// Quarantined counts refusals by reason.
	Quarantined map[transforms.Reason]int `json:"quarantined"`
}

// tally adds up what is committed.
type tally struct {
	mu     sync.Mutex
	landed Landed
	recent []Committed
}

func (t *tally) add(b *Batch, reasons map[transforms.Reason]int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := &t.landed
	if l.Tables == nil {
		l.Tables, l.Quarantined = map[string]Books{}, map[transforms.Reason]int{}
	}
	l.Batches++
	t.recent = keep(t.recent, Committed{ID: b.ID, Table: b.Table.Name, Lane: b.Lane, AppendedAt: b.AppendedAt, Books: b.Books})
	sum := l.Tables[b.Table.Name]
	sum.Add(b.Books)
	l.Tables[b.Table.Name] = sum
	books := b.Books
	if b.Table.Name == schemas.QuarantineTable {
		books.Rows = 0 // they describe rows, they are none
	}
	l.Books.Add(books)
	for reason, n := range reasons {
		l.Quarantined[reason] += n
	}
}

// Landed is a snapshot of what is committed so far.
func (in *Ingest) Landed() Landed {
	in.tally.mu.Lock()
	defer in.tally.mu.Unlock()
	l := in.tally.landed
	l.Tables, l.Quarantined = maps.Clone(l.Tables), maps.Clone(l.Quarantined)
	return l
}
