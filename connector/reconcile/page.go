package reconcile

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"time"

	"vitalsink/connector"
)

// What a page shows at most: a run over hundreds of resources stays a page that
// a phone opens. What is left out is counted there.
const (
	pageMaxRows      = 200 // of each table; the worst are kept
	pageMaxResources = 400 // rows of the heat map
	pageMaxDays      = 60  // columns of the heat map; the newest are kept
	pageMaxRuns      = 60  // of the trend; the newest are kept
	pageMaxExamples  = 10  // of a finding, as many as a warehouse gives
)

//go:embed page.html
var pageHTML string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"count": pageCount, "day": pageDay, "time": pageTime,
}).Parse(pageHTML))

// Page writes a report of a run as one self-contained HTML page: run are the
// rows of reconciliations of the run, its marks among them; past are the marks
// of earlier runs (CheckRun rows), oldest first. Rows of several parts are added
// up; a row must not be there twice.
//
// The page runs no script and loads nothing. Of people it holds nothing but
// hashes of keys: an example that is no hash is left out.
func Page(w io.Writer, run, past []connector.Finding) error {
	if err := pageTemplate.Execute(w, newPage(run, past)); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// page is what the template shows.
type page struct {
	RunID             string
	Started, Ended    time.Time // Ended is zero for a run without an end
	From, Until       time.Time // the window; Until is its last day; zero if unknown
	Verdict           pageVerdict
	Sums              connector.Finding // of the mark of the end
	Map               pageMap
	Findings          []pageFinding
	FindingsLeftOut   int
	Inside            []pageCheck
	Trend             pageTrend
	Freshness         []pageFreshness
	FreshnessLeftOut  int
	Quarantine        []pageGrowth
	QuarantineLeftOut int
}

func newPage(run, past []connector.Finding) *page {
	rows := pageSum(run)
	p := &page{Sums: pageEnd(run)}
	for _, f := range run {
		p.RunID = f.RunID
		if p.Started.IsZero() || f.StartedAt.Before(p.Started) {
			p.Started = f.StartedAt
		}
	}
	if p.Sums.Check != "" {
		p.Ended = p.Sums.RecordedAt
	}
	from, until := pageWindow(run)
	if !from.IsZero() {
		p.From, p.Until = from, until.AddDate(0, 0, -1)
	}
	p.Verdict = newPageVerdict(p.Sums)
	p.Map = newPageMap(rows, from, until)
	p.Findings, p.FindingsLeftOut = pageFindings(rows)
	p.Inside = pageInside(rows)
	p.Trend = newPageTrend(p.RunID, past, p.Sums)
	p.Freshness, p.FreshnessLeftOut = pageFreshnesses(rows)
	p.Quarantine, p.QuarantineLeftOut = pageGrowths(rows)
	return p
}

// Took is how long the run took; "" if it has no end.
func (p *page) Took() string {
	if p.Ended.IsZero() || p.Started.IsZero() || p.Ended.Before(p.Started) {
		return ""
	}
	return pageSpan(p.Ended.Sub(p.Started))
}

// pageVerdict is what came out, in words.
type pageVerdict struct {
	State    string // agree, repaired, drift, unsettled or none: as in the heat map
	Headline string
	Sentence string
}

func newPageVerdict(end connector.Finding) pageVerdict {
	open := end.Drift - end.Repaired
	switch {
	case end.Outcome == "drift" || open > 0 && end.Outcome != "" && end.Outcome != "stopped":
		return pageVerdict{"drift",
			fmt.Sprintf("Drift remains: %s not as %s should be", pageFactsAre(open), pageThey(open)),
			fmt.Sprintf("%s of drift found, %s repaired.%s", pageFacts(end.Drift), pageCount(end.Repaired), pageOfCompared(end))}
	case end.Outcome == "repaired":
		return pageVerdict{"repaired",
			fmt.Sprintf("Repaired: all the drift that was found, %s", pageFacts(end.Drift)),
			"What was repaired is published, and counts once it is folded: the next run looks at it." + pageOfCompared(end)}
	case end.Outcome == "agree" && end.Expected == 0 && end.Users == 0:
		return pageVerdict{"agree", "No drift within the warehouse: 0 facts compared with the source",
			"Only the checks within the warehouse had something to look at."}
	case end.Outcome == "agree" && end.Unsettled > 0:
		return pageVerdict{"agree",
			fmt.Sprintf("No drift: %s as %s should be", pageFactsAre(end.Found), pageThey(end.Found)),
			fmt.Sprintf("%s unsettled: what differs may be on its way, and the next run looks again.%s", pageFactsAre(end.Unsettled), pageOfCompared(end))}
	case end.Outcome == "agree" && pagePassed(end).Passed > 0:
		return pageVerdict{"agree",
			fmt.Sprintf("No drift: of what was compared, all %s as they should be", pageFactsAre(end.Found)), pageOfCompared(end)}
	case end.Outcome == "agree":
		return pageVerdict{"agree",
			fmt.Sprintf("The warehouse agrees with the source: all %s as they should be", pageFactsAre(end.Found)),
			"Each is there once, in its latest version." + pageOfCompared(end)}
	case end.Outcome == "incomplete":
		return pageVerdict{"none",
			"Not all could be compared: the source did not answer about some of it",
			fmt.Sprintf("Of the rest no drift remains: %s found, %s repaired.%s", pageCount(end.Drift), pageCount(end.Repaired), pageOfCompared(end))}
	case end.Outcome == "stopped":
		return pageVerdict{"none",
			fmt.Sprintf("Stopped before the end: %s of drift found until then", pageFacts(end.Drift)),
			fmt.Sprintf("%s repaired. What was not looked at is not known to agree.%s", pageCount(end.Repaired), pageOfCompared(end))}
	}
	return pageVerdict{"none", "No verdict: the run has not ended", "What it has found so far is below."}
}

// pageOfCompared says how much was compared, as a further sentence.
func pageOfCompared(end connector.Finding) string {
	people := pageCount(end.Users) + " people"
	if end.Users == 1 {
		people = "1 person"
	}
	text := fmt.Sprintf(" Compared: %s of %s.", pageFacts(end.Expected), people)
	if n := pagePassed(end).Passed; n > 0 {
		text += fmt.Sprintf(" Of the resources of people, %s passed a first pass and were not compared in this run.", pageCount(n))
	}
	return text
}

// pagePassed is what the end of a run says of how much was compared.
func pagePassed(end connector.Finding) (p passes) {
	_ = json.Unmarshal([]byte(end.Details), &p) // an older run says nothing
	return p
}
