package connector

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// balanced are the sums of a table in which every term has a part.
func balanced() TableBooks {
	return TableBooks{
		Batches: 4, PendingBatches: 1, PendingRows: 4, Merges: 2, RowsBeyond: 5,
		Registry: Books{
			Rows: 10, RowsDecoded: 13, RowsQuarantined: 2, RowsErased: 1,
			Messages: 10, MessagesLanded: 4, MessagesPartlyQuarantined: 3, MessagesQuarantined: 2, MessagesEmpty: 1,
		},
		Ledger: MergeBooks{Registered: 11, Applied: 5, Superseded: 3, Stale: 2, Erased: 1},
	}
}

// TestUnequal: with any of the terms changed the equations that have it do not
// hold, whatever the statement of a warehouse has found.
func TestUnequal(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*TableBooks)
		want   []Equation
	}{
		"nothing":              {func(*TableBooks) {}, nil},
		"messages":             {func(b *TableBooks) { b.Registry.Messages++ }, []Equation{MessagesAddUp}},
		"landed":               {func(b *TableBooks) { b.Registry.MessagesLanded++ }, []Equation{MessagesAddUp}},
		"partly quarantined":   {func(b *TableBooks) { b.Registry.MessagesPartlyQuarantined++ }, []Equation{MessagesAddUp}},
		"quarantined":          {func(b *TableBooks) { b.Registry.MessagesQuarantined++ }, []Equation{MessagesAddUp}},
		"empty":                {func(b *TableBooks) { b.Registry.MessagesEmpty++ }, []Equation{MessagesAddUp}},
		"rows":                 {func(b *TableBooks) { b.Registry.Rows++ }, []Equation{RowsAddUp, RegistryAddsUp}},
		"decoded":              {func(b *TableBooks) { b.Registry.RowsDecoded++ }, []Equation{RowsAddUp}},
		"rows quarantined":     {func(b *TableBooks) { b.Registry.RowsQuarantined++ }, []Equation{RowsAddUp}},
		"rows erased":          {func(b *TableBooks) { b.Registry.RowsErased++ }, []Equation{RowsAddUp}},
		"pending":              {func(b *TableBooks) { b.PendingRows++ }, []Equation{RegistryAddsUp}},
		"beyond":               {func(b *TableBooks) { b.RowsBeyond++ }, []Equation{RegistryAddsUp}},
		"merged":               {func(b *TableBooks) { b.Ledger.Registered++ }, []Equation{RegistryAddsUp, LedgerAddsUp}},
		"applied":              {func(b *TableBooks) { b.Ledger.Applied++ }, []Equation{LedgerAddsUp}},
		"superseded":           {func(b *TableBooks) { b.Ledger.Superseded++ }, []Equation{LedgerAddsUp}},
		"stale":                {func(b *TableBooks) { b.Ledger.Stale++ }, []Equation{LedgerAddsUp}},
		"erased":               {func(b *TableBooks) { b.Ledger.Erased++ }, []Equation{LedgerAddsUp}},
		"merged, and as stale": {func(b *TableBooks) { b.Ledger.Registered++; b.Ledger.Stale++ }, []Equation{RegistryAddsUp}},
	} {
		t.Run(name, func(t *testing.T) {
			b := balanced()
			c.change(&b)
			if diff := cmp.Diff(c.want, b.Unequal("sleep")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := (WindowBooks{"sleep": b, "meal": balanced()}).Balanced(); got != (c.want == nil) {
				t.Errorf("Balanced is %t", got)
			}
		})
	}
}

// TestUnequalQuarantine: rows of the quarantine were not decoded.
func TestUnequalQuarantine(t *testing.T) {
	b := balanced()
	if diff := cmp.Diff([]Equation{RowsAddUp}, b.Unequal("quarantine")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.Registry.RowsDecoded -= b.Registry.Rows
	if got := b.Unequal("quarantine"); got != nil {
		t.Errorf("without its rows: %v", got)
	}
	sum := WindowBooks{"quarantine": b, "sleep": balanced()}.Sum()
	if got := sum.Unequal("sleep"); len(got) != 1 || got[0] != RegistryAddsUp {
		t.Errorf("of the sum: %v, want that rows about quarantine are left out of the registry's alone", got)
	}
}

// TestFaultUnbalances: what a warehouse has found is not balanced, though the
// sums may be.
func TestFaultUnbalances(t *testing.T) {
	b := balanced()
	b.Faults = []Fault{{TakenTwice, 1, "b1"}}
	if (WindowBooks{"sleep": b}).Balanced() {
		t.Error("it balances")
	}
}

func TestWindowBounds(t *testing.T) {
	since, until := Window{}.Bounds()
	if !since.Before(time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC)) || until.Year() != 9999 {
		t.Errorf("no bounds are %v to %v", since, until)
	}
	w := Window{Since: time.Unix(1, 0), Until: time.Unix(2, 0)}
	if since, until := w.Bounds(); since != w.Since || until != w.Until {
		t.Errorf("bounds of %v are %v, %v", w, since, until)
	}
}

// TestEnter: a statement whose columns are not those that are wanted is an
// error, not a number in the wrong place.
func TestEnter(t *testing.T) {
	row := func() []any {
		values := []any{"sleep"}
		for i := range 2 + len(RegistrySums()) + 1 {
			values = append(values, int64(i+1))
		}
		for _, kind := range BatchFaults() {
			if kind == CopiesDiffer {
				values = append(values, int64(2), "b7")
			} else {
				values = append(values, int64(0), nil)
			}
		}
		return append(values, make([]any, 1+len(LedgerSums())+1+2*len(MergeFaults()))...) // no merge
	}
	books := WindowBooks{}
	if err := books.Enter(row()); err != nil {
		t.Fatal(err)
	}
	want := TableBooks{
		Batches: 1, PendingBatches: 12, PendingRows: 13, Faults: []Fault{{CopiesDiffer, 2, "b7"}},
		Registry: Books{
			Rows: 2, RowsDecoded: 3, RowsQuarantined: 4, RowsErased: 5, Messages: 6, MessagesLanded: 7,
			MessagesPartlyQuarantined: 8, MessagesQuarantined: 9, MessagesEmpty: 10, VersionsClamped: 11,
		},
	}
	if diff := cmp.Diff(WindowBooks{"sleep": want}, books); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	short, wrong := row(), row()
	wrong[3] = "2"
	for text, values := range map[string][]any{"columns, want": short[1:], "column 3 of the books comes as string": wrong} {
		if err := books.Enter(values); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("error %v, want one about %q", err, text)
		}
	}
}
