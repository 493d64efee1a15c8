package status

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"time"

	"vitalsink/connector"
)

// Policy is the Content-Security-Policy of the page: it has a style, runs no
// script and loads nothing.
const Policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

//go:embed page.html
var pageHTML string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"count": count, "rate": rate, "moment": moment, "clock": clock, "bytes": bytes, "seconds": seconds, "took": took,
}).Parse(pageHTML))

// page is what the template shows.
type page struct {
	State
	Condition Condition   // the worst
	Others    []Condition // all else there is to say
}

// HTML writes the page. It asks for itself every 10 seconds.
func HTML(w io.Writer, s State) error {
	s.order()
	all := s.Conditions()
	if err := pageTemplate.Execute(w, page{s, all[0], all[1:]}); err != nil {
		return fmt.Errorf("write the status page: %w", err)
	}
	return nil
}

// JSON writes a State and its conditions as one object.
func JSON(w io.Writer, s State) error {
	s.order()
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	err := e.Encode(struct {
		Conditions []Condition `json:"conditions"`
		State
	}{s.Conditions(), s})
	if err != nil {
		return fmt.Errorf("write the status: %w", err)
	}
	return nil
}

// order puts the worst first. Of lists it leaves none nil, which would be null.
func (s *State) order() {
	s.Tables = slices.SortedStableFunc(slices.Values(s.Tables), func(a, b Table) int {
		return cmp.Or(cmp.Compare(lagOf(b), lagOf(a)), cmp.Compare(a.Name, b.Name))
	})
	s.Quarantine = slices.SortedStableFunc(slices.Values(s.Quarantine), func(a, b Quarantined) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason))
	})
	s.Tables, s.Quarantine = append([]Table{}, s.Tables...), append([]Quarantined{}, s.Quarantine...)
	s.Batches, s.Merges = append([]Batch{}, s.Batches...), append([]Merge{}, s.Merges...)
	for i := range s.Tables {
		s.Tables[i].Pending = append([]Pending{}, s.Tables[i].Pending...)
	}
}

func lagOf(t Table) int64 {
	if t.LagSeconds == nil {
		return -1
	}
	return *t.LagSeconds
}

// In is what is pending in a lane; nil if nothing is.
func (t Table) In(lane connector.Lane) *Pending {
	for i := range t.Pending {
		if t.Pending[i].Lane == lane {
			return &t.Pending[i]
		}
	}
	return nil
}

// Runs is for how long it runs.
func (p page) Runs() string { return span(p.At.Sub(p.Since)) }

// Age is how old something is that was asked for before.
func (p page) Age(t *time.Time) string { return span(p.At.Sub(*t)) }

// Lag is that of the table furthest behind.
func (p page) Lag() *int64 {
	if len(p.Tables) == 0 {
		return nil
	}
	return p.Tables[0].LagSeconds
}

// PendingRows are those of all tables; nil if another process folds.
func (p page) PendingRows() *int64 {
	if p.Folds == nil {
		return nil
	}
	var n int64
	for _, t := range p.Tables {
		for _, w := range t.Pending {
			n += int64(w.Rows)
		}
	}
	return &n
}

// Refused is all that went to quarantine since the start.
func (p page) Refused() int {
	n := 0
	for _, q := range p.Quarantine {
		n += q.Count
	}
	return n
}
