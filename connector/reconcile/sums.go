package reconcile

import (
	"cmp"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"vitalsink/connector"
)

// mostExamples is how many keys a finding names.
const mostExamples = 10

// scope is what a finding is about.
type scope struct {
	check, table, resource, provider string
	day                              time.Time
}

func scopeOf(f *connector.Finding) scope {
	return scope{f.Check, f.Table, f.Resource, f.Provider, f.Day}
}

// sums are findings by what they are about.
type sums map[scope]*connector.Finding

// of is the finding about something.
func (s *sums) of(at scope) *connector.Finding {
	if *s == nil {
		*s = sums{}
	}
	f := (*s)[at]
	if f == nil {
		f = &connector.Finding{Check: at.check, Table: at.table, Resource: at.resource, Provider: at.provider, Day: at.day}
		(*s)[at] = f
	}
	return f
}

// add adds a finding to the one about the same.
func (s *sums) add(one *connector.Finding) {
	_, known := (*s)[scopeOf(one)]
	f := s.of(scopeOf(one))
	if one.Check == connector.CheckFreshness && known { // seconds do not add up
		f.Found = min(f.Found, one.Found)
		return
	}
	f.Users, f.Expected, f.Found = f.Users+one.Users, f.Expected+one.Expected, f.Found+one.Found
	f.Drift, f.Unsettled, f.Repaired = f.Drift+one.Drift, f.Unsettled+one.Unsettled, f.Repaired+one.Repaired
	for _, e := range one.Examples {
		example(f, e)
	}
}

func example(f *connector.Finding, key string) {
	if len(f.Examples) < mostExamples {
		f.Examples = append(f.Examples, key)
	}
}

// name is how a key is named: it tells nobody whose it is.
func (d digest) name() string { return hex.EncodeToString(d[:8]) }

// sorted are the findings in order.
func (s sums) sorted() []connector.Finding {
	all := make([]connector.Finding, 0, len(s))
	for _, f := range s {
		all = append(all, *f)
	}
	slices.SortFunc(all, func(a, b connector.Finding) int {
		return cmp.Or(strings.Compare(a.Check, b.Check), strings.Compare(a.Table, b.Table), strings.Compare(a.Resource, b.Resource),
			strings.Compare(a.Provider, b.Provider), a.Day.Compare(b.Day))
	})
	return all
}

// cellOf is the finding about a cell of a unit.
func (s *sums) cellOf(r *Reconcile, check string, l *look, unit int, at cell) *connector.Finding {
	return s.of(scope{check, l.table.Name, l.units[unit].endpoint.Resource, r.providers.text(at.source), timeOf(at.day)})
}

// enter enters what was counted in the cells of a unit, and forgets it.
func (s *sums) enter(r *Reconcile, l *look, unit int) {
	for at, n := range l.results[unit].cells {
		f := s.cellOf(r, connector.CheckCompared, l, unit, at)
		f.Users, f.Expected, f.Found = f.Users+1, f.Expected+n.expected, f.Found+n.found
	}
	l.results[unit].cells = nil
}

// judge enters the differences of a unit at a second look. It is false if the
// source did not answer.
func (s *sums) judge(r *Reconcile, l *look, unit int, m *mend) bool {
	out := &l.results[unit]
	if out.err != nil || out.absent {
		return false
	}
	repaired := m.take(unit)
	for i := range out.differences {
		d := &out.differences[i]
		all := s.cellOf(r, connector.CheckCompared, l, unit, d.cell)
		if !l.confirms(unit, d) {
			all.Unsettled++
			continue
		}
		f := s.cellOf(r, d.kind, l, unit, d.cell)
		f.Drift, all.Drift = f.Drift+1, all.Drift+1
		example(f, d.key.name())
		if repaired[d.key] {
			f.Repaired, all.Repaired = f.Repaired+1, all.Repaired+1
		}
	}
	out.differences = nil
	return true
}

// unsettled enters a unit that could not be looked at again.
func (s *sums) unsettled(r *Reconcile, l *look, unit int) {
	for at, n := range l.results[unit].cells {
		s.cellOf(r, connector.CheckCompared, l, unit, at).Unsettled += n.differences
	}
}
