package reconcile

import (
	"fmt"
	"time"

	"vitalsink/connector"
)

const (
	pageBarPitch   = 18 // pixels from run to run
	pageBarWidth   = 12
	pageTrendTop   = 10  // pixels above the highest bar
	pageTrendBars  = 120 // pixels of the highest bar
	pageTrendDates = 24  // pixels below, for the dates
	pageTrendScale = 56  // pixels beside, for the numbers
	pageTrendLeft  = 18  // pixels before the first bar, for half a date
	pageDatePitch  = 44  // pixels from date to date, at least
)

// pageTrend is drift and repaired of each run, the newest last.
type pageTrend struct {
	Bars                []pageBar
	Lines               []pageLine
	Width, Height, Base int
	LeftOut             int
	First, Last         time.Time
	withDrift           int // runs after which drift remained
}

// pageBar is a run: what was repaired, and on top of it the drift that remains.
type pageBar struct {
	X, Width         int
	State            string
	Open, Repaired   int // pixels
	OpenY, RepairedY int
	Title            string
	Date             string // "" where there is no room for one
	Middle           int
}

// pageLine is a line of the scale.
type pageLine struct {
	Y     int
	Count string
}

// newPageTrend shows past runs and the end of this one. A run that was resumed
// has several marks, of which the last counts.
func newPageTrend(runID string, past []connector.Finding, end connector.Finding) pageTrend {
	var marks []connector.Finding
	at := map[string]int{}
	for _, f := range past {
		if f.Check != connector.CheckRun || f.RunID == runID {
			continue
		}
		if i, seen := at[f.RunID]; seen {
			marks[i] = f
			continue
		}
		at[f.RunID] = len(marks)
		marks = append(marks, f)
	}
	if end.Check != "" {
		marks = append(marks, end)
	}
	t := pageTrend{LeftOut: max(0, len(marks)-pageMaxRuns)}
	marks = marks[t.LeftOut:]
	if len(marks) == 0 {
		return t
	}
	t.Base = pageTrendTop + pageTrendBars
	t.Height = t.Base + pageTrendDates
	t.Width = pageTrendLeft + len(marks)*pageBarPitch + pageTrendScale
	t.First, t.Last = marks[0].RecordedAt, marks[len(marks)-1].RecordedAt
	most := 0
	for _, f := range marks {
		most = max(most, f.Drift)
	}
	t.scale(pageRound(most))
	for i, f := range marks {
		t.bar(i, f, pageRound(most), (len(marks)-1-i)*pageBarPitch)
	}
	return t
}

// pageRound is the least of 1, 2, 5, 10, 20, 50, … that is not less.
func pageRound(n int) int {
	for unit := 1; ; unit *= 10 {
		for _, step := range []int{1, 2, 5} {
			if step*unit >= n {
				return step * unit
			}
		}
	}
}

func (t *pageTrend) scale(top int) {
	counts := []int{0, top}
	if top%2 == 0 {
		counts = []int{0, top / 2, top}
	}
	for _, n := range counts {
		t.Lines = append(t.Lines, pageLine{t.Base - n*pageTrendBars/top, pageCount(n)})
	}
}

// bar adds a run; top is the greatest count of the scale, and right how many
// pixels there are until the newest run. Dates are counted from there.
func (t *pageTrend) bar(i int, f connector.Finding, top, right int) {
	height := func(n int) int {
		if n <= 0 {
			return 0
		}
		return max(3, n*pageTrendBars/top) // a little drift is to be seen, too
	}
	b := pageBar{X: pageTrendLeft + i*pageBarPitch, Width: pageBarWidth, State: pageState(f)}
	b.Middle = b.X + pageBarWidth/2
	b.Repaired, b.Open = height(f.Repaired), height(f.Drift-f.Repaired)
	b.RepairedY = t.Base - b.Repaired
	b.OpenY = b.RepairedY - b.Open
	switch {
	case f.Outcome == "stopped", f.Outcome == "incomplete":
		b.State = "stopped"
	case b.State == "unsettled": // no drift, which is what the picture is about
		b.State = "agree"
	}
	if f.Drift > f.Repaired {
		t.withDrift++
	}
	every := (pageDatePitch + pageBarPitch - 1) / pageBarPitch * pageBarPitch
	if right%every == 0 {
		b.Date = f.RecordedAt.UTC().Format("01-02")
	}
	b.Title = fmt.Sprintf("%s: %s, %s drift, %s repaired", pageTime(f.RecordedAt), f.Outcome, pageCount(f.Drift), pageCount(f.Repaired))
	t.Bars = append(t.Bars, b)
}

// Right is where the lines of the scale end, and its numbers begin.
func (t *pageTrend) Right() int { return t.Width - pageTrendScale }

// Label says in words what the picture shows.
func (t *pageTrend) Label() string {
	return fmt.Sprintf("Drift and repaired of %d runs from %s to %s; drift remained after %d of them.",
		len(t.Bars), pageDay(t.First.UTC()), pageDay(t.Last.UTC()), t.withDrift)
}
