package reconcile

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"vitalsink/connector"
)

// pageScope is what a row is about.
type pageScope struct {
	check, table, resource, provider string
	day                              time.Time
}

func pageScopeOf(f *connector.Finding) pageScope {
	return pageScope{f.Check, f.Table, f.Resource, f.Provider, f.Day}
}

// pageSum adds up the rows of several parts that are about the same, in the
// order in which each was first seen.
func pageSum(run []connector.Finding) []connector.Finding {
	var rows []connector.Finding
	at := map[pageScope]int{}
	for _, f := range run {
		if !f.Day.IsZero() {
			f.Day = pageDayOf(f.Day)
		}
		f.Examples = pageHashes(f.Examples)
		i, seen := at[pageScopeOf(&f)]
		if !seen {
			at[pageScopeOf(&f)] = len(rows)
			rows = append(rows, f)
			continue
		}
		sum := &rows[i]
		if f.Check == connector.CheckFreshness {
			// Ages do not add up: the newest fact of all is the least old.
			sum.Found = min(sum.Found, f.Found)
			continue
		}
		sum.Users += f.Users
		sum.Expected += f.Expected
		sum.Found += f.Found
		sum.Drift += f.Drift
		sum.Unsettled += f.Unsettled
		sum.Repaired += f.Repaired
		sum.Examples = pageHashes(append(sum.Examples, f.Examples...))
	}
	return rows
}

// pageHashes are the examples that are hashes of keys, each once: nothing else
// may get onto a page, whoever made the rows.
func pageHashes(examples []string) []string {
	var hashes []string
	for _, e := range examples {
		if len(e) == 16 && strings.Trim(e, "0123456789abcdef") == "" && !slices.Contains(hashes, e) && len(hashes) < pageMaxExamples {
			hashes = append(hashes, e)
		}
	}
	return hashes
}

func pageDayOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// pageEnd is the mark of a run's end; a run that was resumed has several, of
// which the last counts.
func pageEnd(run []connector.Finding) connector.Finding {
	var end connector.Finding
	for _, f := range run {
		if f.Check == connector.CheckRun && !f.RecordedAt.Before(end.RecordedAt) {
			end = f
		}
	}
	return end
}

// pageWindow are the bounds of what was asked for; zero if no mark tells.
func pageWindow(run []connector.Finding) (from, until time.Time) {
	for _, f := range run {
		if f.Check != connector.CheckBegun {
			continue
		}
		var asked struct{ From, Until string }
		if json.Unmarshal([]byte(f.Details), &asked) != nil {
			continue
		}
		a, errA := time.Parse(time.DateOnly, asked.From)
		b, errB := time.Parse(time.DateOnly, asked.Until)
		if errA == nil && errB == nil && a.Before(b) {
			return a, b
		}
	}
	return time.Time{}, time.Time{}
}

// pageWhat is the name of what was checked: the resource, or the table that
// holds nothing else.
func pageWhat(table, resource string) string {
	if resource != "" {
		return resource
	}
	return table
}

// pageWorst cuts rows that are in order to those that a page shows.
func pageWorst[T any](rows []T) (kept []T, leftOut int) {
	kept = rows[:min(len(rows), pageMaxRows)]
	return kept, len(rows) - len(kept)
}

// pageFinding is a row of the table of what was found.
type pageFinding struct {
	connector.Finding
	What  string
	State string
	// Known is whether Expected and Found say something.
	Known bool
}

// pageFindings are the findings of drift, the worst first. What a source has of
// the same resource, provider and day is in the row that compared them.
func pageFindings(rows []connector.Finding) (kept []pageFinding, leftOut int) {
	compared := map[pageScope]connector.Finding{}
	for _, f := range rows {
		if f.Check == connector.CheckCompared {
			compared[pageScopeOf(&f)] = f
		}
	}
	var found []pageFinding
	for _, f := range rows {
		switch f.Check {
		case connector.CheckBegun, connector.CheckProgress, connector.CheckRun, connector.CheckCompared, connector.CheckFreshness, connector.CheckQuarantine:
			continue
		}
		if f.Drift == 0 && f.Repaired == 0 {
			continue
		}
		known := f.Expected != 0
		switch f.Check {
		case connector.CheckMissing, connector.CheckStale, connector.CheckExtra:
			whole := pageScopeOf(&f)
			whole.check = connector.CheckCompared
			if c, ok := compared[whole]; ok && !known {
				f.Expected, f.Found, known = c.Expected, c.Found, true
			}
		}
		found = append(found, pageFinding{f, pageWhat(f.Table, f.Resource), pageState(f), known})
	}
	slices.SortStableFunc(found, func(a, b pageFinding) int {
		return cmp.Or(cmp.Compare(b.Drift-b.Repaired, a.Drift-a.Repaired), cmp.Compare(b.Drift, a.Drift), cmp.Compare(a.Check, b.Check),
			cmp.Compare(a.What, b.What), cmp.Compare(a.Provider, b.Provider), a.Day.Compare(b.Day))
	})
	return pageWorst(found)
}

// pageState is how a row is shown. What is still open comes first: drift that
// remains, then what is unsettled.
func pageState(f connector.Finding) string {
	switch {
	case f.Drift > f.Repaired:
		return "drift"
	case f.Unsettled > 0:
		return "unsettled"
	case f.Drift > 0 || f.Repaired > 0:
		return "repaired"
	}
	return "agree"
}

// pageCheck is a check within the warehouse and its result.
type pageCheck struct {
	Name, Meaning string
	Rows          int // of the run about it
	connector.Finding
	State string
}

// pageInside are the checks within the warehouse, each added up over all tables;
// those without a row, too: that nobody wrote one is worth knowing.
func pageInside(rows []connector.Finding) []pageCheck {
	checks := []pageCheck{
		{Name: connector.CheckBooks, Meaning: "registry and ledger balance"},
		{Name: connector.CheckUnmerged, Meaning: "no batch waits for too long"},
		{Name: connector.CheckDuplicate, Meaning: "a key has one row"},
		{Name: connector.CheckBehind, Meaning: "no table is behind a merged row"},
		{Name: connector.CheckUnequal, Meaning: "the same version has the same content"},
		{Name: connector.CheckMoved, Meaning: "created_at keeps its day, and is the earliest that was said"},
	}
	for i := range checks {
		c := &checks[i]
		c.State = "none"
		for _, f := range rows {
			if f.Check == c.Name {
				c.Rows++
				c.Expected += f.Expected
				c.Drift += f.Drift
				c.Repaired += f.Repaired
				c.Unsettled += f.Unsettled
				c.State = pageState(c.Finding)
			}
		}
	}
	return checks
}

// pageFreshness is how old the newest fact of a resource and provider is.
type pageFreshness struct {
	What, Provider, Age string
	seconds             int
}

// pageFreshnesses are in order of age, the oldest first.
func pageFreshnesses(rows []connector.Finding) (kept []pageFreshness, leftOut int) {
	var all []pageFreshness
	for _, f := range rows {
		if f.Check == connector.CheckFreshness {
			age := pageSpan(time.Duration(f.Found) * time.Second)
			all = append(all, pageFreshness{pageWhat(f.Table, f.Resource), f.Provider, age, f.Found})
		}
	}
	slices.SortStableFunc(all, func(a, b pageFreshness) int {
		return cmp.Or(cmp.Compare(b.seconds, a.seconds), cmp.Compare(a.What, b.What), cmp.Compare(a.Provider, b.Provider))
	})
	return pageWorst(all)
}

// pageGrowth is what was quarantined lately, and as long before.
type pageGrowth struct {
	What, Provider string
	New, Before    int
}

// Change is how many more there are than before, with a sign.
func (g pageGrowth) Change() string {
	if g.New > g.Before {
		return "+" + pageCount(g.New-g.Before)
	}
	return pageCount(g.New - g.Before)
}

// pageGrowths are in order of what is new, most first.
func pageGrowths(rows []connector.Finding) (kept []pageGrowth, leftOut int) {
	var all []pageGrowth
	for _, f := range rows {
		if f.Check == connector.CheckQuarantine {
			all = append(all, pageGrowth{pageWhat(f.Table, f.Resource), f.Provider, f.Found, f.Expected})
		}
	}
	slices.SortStableFunc(all, func(a, b pageGrowth) int {
		return cmp.Or(cmp.Compare(b.New, a.New), cmp.Compare(b.Before, a.Before), cmp.Compare(a.What, b.What))
	})
	return pageWorst(all)
}
