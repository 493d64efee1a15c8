package connector

import (
	"fmt"
	"slices"
)

// summed is a column of registry or ledger, and where its sum belongs: an *int
// or *int64.
type summed struct {
	column string
	into   any
}

func (b *Books) summed() []summed {
	return []summed{
		{"rows", &b.Rows},
		{"rows_decoded", &b.RowsDecoded},
		{"rows_quarantined", &b.RowsQuarantined},
		{"rows_erased", &b.RowsErased},
		{"messages", &b.Messages},
		{"messages_landed", &b.MessagesLanded},
		{"messages_partly_quarantined", &b.MessagesPartlyQuarantined},
		{"messages_quarantined", &b.MessagesQuarantined},
		{"messages_empty", &b.MessagesEmpty},
		{"versions_clamped", &b.VersionsClamped},
	}
}

func (b *MergeBooks) summed() []summed {
	return []summed{
		{"rows_registered", &b.Registered},
		{"rows_applied", &b.Applied},
		{"rows_superseded", &b.Superseded},
		{"rows_stale", &b.Stale},
		{"rows_erased", &b.Erased},
		{"bytes_estimated", &b.BytesEstimated},
		{"bytes_billed", &b.BytesBilled},
	}
}

// RegistrySums are the columns of the registry that Books are made of.
func RegistrySums() []string { return columnsOf((&Books{}).summed()) }

// LedgerSums are the columns of the ledger that MergeBooks are made of.
func LedgerSums() []string { return columnsOf((&MergeBooks{}).summed()) }

func columnsOf(all []summed) []string {
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = s.column
	}
	return names
}

// Enter enters the books of a table, as a statement gives them, values as
// int64, string or nil for none:
//
//   - the table
//   - the count of batches, RegistrySums, the count of pending batches and of
//     their rows, and of each of BatchFaults the count and an example
//   - the count of merges, LedgerSums, the rows beyond the window, and of each
//     of MergeFaults the count and an example
func (b WindowBooks) Enter(values []any) error {
	var table string
	var books TableBooks
	found := make([]Fault, 0, len(BatchFaults())+len(MergeFaults()))
	look := func(kinds []FaultKind) (into []any) {
		for _, kind := range kinds {
			found = append(found, Fault{Kind: kind})
			f := &found[len(found)-1]
			into = append(into, &f.Count, &f.Example)
		}
		return into
	}
	into := slices.Concat(
		[]any{&table, &books.Batches}, placesOf(books.Registry.summed()), []any{&books.PendingBatches, &books.PendingRows}, look(BatchFaults()),
		[]any{&books.Merges}, placesOf(books.Ledger.summed()), []any{&books.RowsBeyond}, look(MergeFaults()),
	)
	if len(values) != len(into) {
		return fmt.Errorf("books come in %d columns, want %d", len(values), len(into))
	}
	for i, v := range values {
		if !assign(into[i], v) {
			return fmt.Errorf("column %d of the books comes as %T", i, v)
		}
	}
	for _, f := range found {
		if f.Count > 0 {
			books.Faults = append(books.Faults, f)
		}
	}
	b[table] = books
	return nil
}

func placesOf(all []summed) []any {
	into := make([]any, len(all))
	for i, s := range all {
		into[i] = s.into
	}
	return into
}

// assign tells whether the value is of the type that is wanted.
func assign(into, value any) (ok bool) {
	if value == nil {
		return true
	}
	n, isNumber := value.(int64)
	switch into := into.(type) {
	case *int:
		*into, ok = int(n), isNumber
	case *int64:
		*into, ok = n, isNumber
	case *string:
		*into, ok = value.(string)
	}
	return ok
}
