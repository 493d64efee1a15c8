package reconcile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"vitalsink/connector"
)

const (
	pageCellPitch = 22 // pixels from cell to cell, either way
	pageCellGap   = 10 // pixels more between days that do not follow one another
	pageMapTop    = 42 // pixels above the cells, for the days
	pageMapSide   = 4  // pixels left and right of them, for a year that is wider
	pageMonths    = 8  // columns from month to month, at most: as many as a phone shows
)

// pageMap is the heat map: a row for each resource, a column for each day.
type pageMap struct {
	Columns          []pageColumn
	Rows             []pageMapRow
	Width, Height    int
	ResourcesLeftOut int
	DaysLeftOut      int
}

// pageColumn is a day. Year and month are said where they change, and the month
// every few columns, too.
type pageColumn struct {
	X                int // of the middle
	Year, Month, Day string
	left             int
	day              time.Time
}

type pageMapRow struct {
	Name  string
	Y     int
	Cells []pageCell

	state string // of all its cells together
	open  int    // drift that remains
}

type pageCell struct {
	X     int
	State string
	Title string
}

type pageCellKey struct {
	table, resource string
	day             time.Time
}

func newPageMap(rows []connector.Finding, from, until time.Time) pageMap {
	cells := map[pageCellKey]connector.Finding{}
	days := map[time.Time]bool{}
	for day := from; day.Before(until); day = day.AddDate(0, 0, 1) {
		days[day] = true
	}
	for _, f := range rows {
		if f.Check != connector.CheckCompared {
			continue
		}
		days[f.Day] = true
		key := pageCellKey{f.Table, f.Resource, f.Day}
		cell := cells[key]
		pageAdd(&cell, f)
		cells[key] = cell
	}
	if len(cells) == 0 {
		return pageMap{}
	}
	m := pageMap{}
	m.lay(slices.SortedFunc(maps.Keys(days), time.Time.Compare))
	m.fill(cells)
	return m
}

func pageAdd(sum *connector.Finding, f connector.Finding) {
	sum.Users += f.Users
	sum.Expected += f.Expected
	sum.Found += f.Found
	sum.Drift += f.Drift
	sum.Unsettled += f.Unsettled
	sum.Repaired += f.Repaired
}

// lay places the columns. The facts without a day come last.
func (m *pageMap) lay(days []time.Time) {
	if days[0].IsZero() {
		days = append(days[1:], time.Time{})
	}
	m.DaysLeftOut = max(0, len(days)-pageMaxDays)
	days = days[m.DaysLeftOut:]
	x, before := pageMapSide, time.Time{}
	for i, day := range days {
		if i > 0 && !day.Equal(before.AddDate(0, 0, 1)) {
			x += pageCellGap
		}
		c := pageColumn{X: x + pageCellPitch/2, left: x + 1, day: day, Day: "day", Month: "no"}
		if !day.IsZero() {
			c.Day, c.Month = day.Format("2"), ""
			if i == 0 || day.Month() != before.Month() || day.Year() != before.Year() || (len(days)-1-i)%pageMonths == 0 {
				c.Month = day.Format("Jan")
			}
			if i == 0 || day.Year() != before.Year() {
				c.Year = day.Format("2006")
			}
		}
		m.Columns = append(m.Columns, c)
		x, before = x+pageCellPitch, day
	}
	m.Width = x + pageMapSide
}

// fill makes the rows, those with something open first: whoever reads 300 of
// them looks for these.
func (m *pageMap) fill(cells map[pageCellKey]connector.Finding) {
	sums := map[pageCellKey]connector.Finding{}
	for key, f := range cells {
		key.day = time.Time{}
		sum := sums[key]
		pageAdd(&sum, f)
		sums[key] = sum
	}
	for key, sum := range sums {
		row := pageMapRow{Name: pageWhat(key.table, key.resource), state: pageState(sum), open: sum.Drift - sum.Repaired}
		for _, c := range m.Columns {
			key.day = c.day
			f, compared := cells[key]
			cell := pageCell{X: c.left, State: "none"}
			if compared {
				cell.State = pageState(f)
			}
			cell.Title = pageCellTitle(row.Name, c.day, cell.State, f)
			row.Cells = append(row.Cells, cell)
		}
		m.Rows = append(m.Rows, row)
	}
	order := []string{"drift", "unsettled", "repaired", "agree"}
	slices.SortFunc(m.Rows, func(a, b pageMapRow) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.state), slices.Index(order, b.state)), cmp.Compare(b.open, a.open), cmp.Compare(a.Name, b.Name))
	})
	m.ResourcesLeftOut = max(0, len(m.Rows)-pageMaxResources)
	m.Rows = m.Rows[:len(m.Rows)-m.ResourcesLeftOut]
	for i := range m.Rows {
		m.Rows[i].Y = pageMapTop + i*pageCellPitch
	}
	m.Height = pageMapTop + len(m.Rows)*pageCellPitch
}

// pageCellTitle is what a cell says to a pointer. Most cells agree, and there
// are thousands of them: these say it shortly.
func pageCellTitle(name string, day time.Time, state string, f connector.Finding) string {
	head := name + ", " + pageDay(day) + ": "
	switch state {
	case "none":
		return head + "nothing compared"
	case "agree":
		return head + fmt.Sprintf("agree, %s of %s", pageCount(f.Found), pageFacts(f.Expected))
	}
	parts := []string{state, fmt.Sprintf("%s of %s found as they should be", pageCount(f.Found), pageCount(f.Expected))}
	for _, n := range []struct {
		count int
		word  string
	}{{f.Drift, "drift"}, {f.Repaired, "repaired"}, {f.Unsettled, "unsettled"}} {
		if n.count != 0 {
			parts = append(parts, pageCount(n.count)+" "+n.word)
		}
	}
	return head + strings.Join(parts, ", ")
}

// Label says in words what the picture shows.
func (m *pageMap) Label() string {
	counts := map[string]int{}
	for _, row := range m.Rows {
		for _, cell := range row.Cells {
			counts[cell.State]++
		}
	}
	return fmt.Sprintf("Heat map of %d resources by %d days. Cells: %d agree, %d repaired, %d drift, %d unsettled, %d nothing compared.",
		len(m.Rows), len(m.Columns), counts["agree"], counts["repaired"], counts["drift"], counts["unsettled"], counts["none"])
}
