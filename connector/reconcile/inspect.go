package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// inspect looks at the warehouse by itself, and removes duplicates if it is to
// repair.
func (r *Reconcile) inspect(ctx context.Context, repair bool) (s sums, err error) {
	for _, check := range []func(context.Context, *sums) error{r.books, r.unmerged, r.behind, r.quarantine} {
		if err := check(ctx, &s); err != nil {
			return nil, err
		}
	}
	return s, r.duplicates(ctx, &s, repair)
}

// books: registry and ledger balance.
func (r *Reconcile) books(ctx context.Context, s *sums) error {
	books, err := r.Ledger.BooksOf(ctx, connector.Window{Since: timeOf(r.window.from)})
	if err != nil {
		return err
	}
	for table, b := range books {
		f := s.of(scope{check: connector.CheckBooks, table: table})
		f.Expected, f.Drift = b.Batches+b.Merges, len(b.Unequal(table))
		for _, fault := range b.Faults {
			f.Drift += fault.Count
		}
		f.Found = max(0, f.Expected-f.Drift)
	}
	return nil
}

// unmerged: nothing waits for longer than it should.
func (r *Reconcile) unmerged(ctx context.Context, s *sums) error {
	pending, err := r.Ledger.Pending(ctx)
	if err != nil {
		return err
	}
	for _, b := range pending.Batches {
		f := s.of(scope{check: connector.CheckUnmerged, table: b.Table})
		f.Expected++
		if r.now().Sub(b.AppendedAt) > r.MaxUnmerged {
			f.Drift++
		} else {
			f.Found++
		}
	}
	return nil
}

// behind: of each key in the rows of merged batches the table has the greatest
// version, or a greater one.
func (r *Reconcile) behind(ctx context.Context, s *sums) error {
	batches, err := r.Ledger.MergedSince(ctx, timeOf(r.window.from))
	if err != nil {
		return err
	}
	of := map[string][]connector.Registered{}
	for _, b := range batches {
		of[b.Table] = append(of[b.Table], b)
	}
	for _, t := range r.Catalogue.Versioned() {
		flaws, err := r.Ledger.Behind(ctx, t, of[t.Name])
		if r.isTooMuch(connector.CheckBehind, t.Name, err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("compare %s with its log: %w", t.Name, err)
		}
		looked := s.of(scope{check: connector.CheckBehind, table: t.Name})
		s.of(scope{check: connector.CheckUnequal, table: t.Name})
		if t.StickyColumn() != "" {
			s.of(scope{check: connector.CheckMoved, table: t.Name})
		}
		for _, b := range of[t.Name] {
			looked.Expected += b.Rows
		}
		for i := range flaws {
			r.flaw(s, t, &flaws[i])
		}
		looked.Found = max(0, looked.Expected-looked.Drift)
	}
	return nil
}

// isTooMuch leaves a check of a table out that would be billed for more than is
// allowed: the others are made.
func (r *Reconcile) isTooMuch(check, table string, err error) bool {
	if !errors.Is(err, connector.ErrByteCap) && !errors.Is(err, connector.ErrBudget) {
		return false
	}
	r.progress.add(func(p *Result) { p.LeftOut++ })
	r.warn("a check is left out, for it would be billed for too much", check+" "+table, err)
	return true
}

func (r *Reconcile) flaw(s *sums, t *schemas.Table, flaw *connector.Flaw) *connector.Finding {
	f, form := s.of(scope{check: flaw.Check, table: t.Name}), newForm(t)
	f.Drift += flaw.Rows
	for _, key := range flaw.Examples {
		row := make([]any, len(form.table.Columns))
		for i, name := range t.Key {
			row[form.table.Index(name)] = key[i]
		}
		example(f, form.digest(row, form.keys).name())
		if form.day < 0 {
			continue
		}
		if at, ok := row[form.day].(time.Time); ok && (r.earliest.IsZero() || at.Before(r.earliest)) {
			r.earliest = at.Truncate(day)
		}
	}
	return f
}

// duplicates: no key has two rows.
func (r *Reconcile) duplicates(ctx context.Context, s *sums, repair bool) error {
	var days []time.Time
	for d := r.window.from; d < r.window.until; d++ {
		days = append(days, timeOf(d))
	}
	for _, t := range r.Catalogue.Versioned() {
		flaw, err := r.Ledger.Duplicates(ctx, t, days)
		if r.isTooMuch(connector.CheckDuplicate, t.Name, err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("look for keys with several rows in %s: %w", t.Name, err)
		}
		if flaw == nil {
			s.of(scope{check: connector.CheckDuplicate, table: t.Name})
			continue
		}
		f := r.flaw(s, t, flaw)
		if !repair {
			continue
		}
		switch removed, err := r.Mender.RemoveDuplicates(ctx, t, days); {
		case errors.Is(err, connector.ErrFenced): // something is being folded there: the next run
			r.warn("duplicates are left to the next run: the table changed meanwhile", t.Name, err)
		case err != nil:
			return fmt.Errorf("remove duplicates from %s: %w", t.Name, err)
		case removed > 0:
			f.Repaired = flaw.Rows
		}
	}
	return nil
}

// quarantine: how many rows are new there.
func (r *Reconcile) quarantine(ctx context.Context, s *sums) error {
	from, until := timeOf(r.window.from), timeOf(r.window.until)
	growth, err := r.Ledger.QuarantineGrowth(ctx, from, from.Add(-until.Sub(from)))
	if err != nil {
		return err
	}
	for _, g := range growth {
		f := s.of(scope{check: connector.CheckQuarantine, table: schemas.QuarantineTable, resource: g.Reason})
		f.Found, f.Expected = g.Recent, g.Before
	}
	return nil
}

// fresh notes how old the newest fact of a resource and provider is.
func (r *Reconcile) fresh(table, resource string, t *connector.Tally) {
	if t.Newest.IsZero() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	at := scope{check: connector.CheckFreshness, table: table, resource: resource, provider: t.Provider}
	if t.Newest.After(r.newest[at]) {
		r.newest[at] = t.Newest
	}
}

// freshness are the findings of that.
func (r *Reconcile) freshness() (s sums) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for at, newest := range r.newest {
		s.of(at).Found = int(max(0, r.now().Sub(newest).Seconds()))
	}
	return s
}

// suspects are tables that differ from their log.
func (s sums) suspects() map[string]bool {
	tables := map[string]bool{}
	for at, f := range s {
		switch at.check {
		case connector.CheckBehind, connector.CheckUnequal, connector.CheckMoved:
			tables[at.table] = tables[at.table] || f.Drift > f.Repaired
		}
	}
	return tables
}

// inspected tells whether the warehouse was looked at by itself: each table is
// looked at for duplicates, and last.
func (s sums) inspected() bool {
	for at := range s {
		if at.check == connector.CheckDuplicate {
			return true
		}
	}
	return false
}

// mended is what another inspection mended of what is found: its other findings
// are known.
func (s sums) mended(again sums) (more sums) {
	for at, f := range again {
		if was := s[at]; was != nil && f.Repaired > 0 {
			more.of(at).Repaired = min(f.Repaired, was.Drift-was.Repaired)
		}
	}
	return more
}

// open tells whether a table is wrong by itself.
func (s sums) open() bool {
	for at, f := range s {
		if isOfTable(at.check) && f.Drift > f.Repaired {
			return true
		}
	}
	return false
}

// isOfTable tells whether a check is about a table by itself, and what is
// published can mend what it finds.
func isOfTable(check string) bool {
	switch check {
	case connector.CheckDuplicate, connector.CheckBehind, connector.CheckUnequal, connector.CheckMoved:
		return true
	}
	return false
}

// gone is what of the findings is repaired, by what a later inspection still
// finds.
func (s sums) gone(after sums) (more sums) {
	for at, f := range s {
		if !isOfTable(at.check) {
			continue
		}
		now := 0
		if again := after[at]; again != nil {
			now = again.Drift
		}
		if open := f.Drift - f.Repaired; now < open {
			more.of(at).Repaired = open - now
		}
	}
	return more
}
