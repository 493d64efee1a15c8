package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	"vitalsink/connector"
	"vitalsink/connector/reconcile"
)

// reconciled is the result of a reconcile.
type reconciled struct {
	*reconcile.Report
	Findings []finding `json:"findings"`
}

// finding is one that people and programs should look at, with its place.
type finding struct {
	Check     string   `json:"check"`
	Table     string   `json:"table,omitempty"`
	Resource  string   `json:"resource,omitempty"`
	Provider  string   `json:"provider,omitempty"`
	Day       string   `json:"day,omitempty"`
	Users     int      `json:"users,omitempty"`
	Expected  int      `json:"expected"`
	Found     int      `json:"found"`
	Drift     int      `json:"drift"`
	Unsettled int      `json:"unsettled,omitempty"`
	Repaired  int      `json:"repaired,omitempty"`
	Examples  []string `json:"examples,omitempty"`
}

func findingOf(f *connector.Finding) finding {
	out := finding{f.Check, f.Table, f.Resource, f.Provider, "", f.Users, f.Expected, f.Found, f.Drift, f.Unsettled, f.Repaired, f.Examples}
	if !f.Day.IsZero() {
		out.Day = f.Day.Format(time.DateOnly)
	}
	return out
}

// print prints the report.
func (a *audit) print() error {
	if a.JSON {
		out := reconciled{Report: a.report, Findings: []finding{}}
		for i := range a.report.Findings {
			if f := &a.report.Findings[i]; f.Check != connector.CheckRun && f.Check != connector.CheckBegun {
				out.Findings = append(out.Findings, findingOf(f))
			}
		}
		return printJSON(a.std.out, out)
	}
	w := tabwriter.NewWriter(a.std.out, 0, 0, 2, ' ', 0)
	r := a.report
	older := ""
	if a.Sample > 0 {
		older = fmt.Sprintf(", and %d older ones", a.Sample)
	}
	fmt.Fprintf(w, "days\t%s to %s%s\n", r.From.Format(time.DateOnly), r.Until.AddDate(0, 0, -1).Format(time.DateOnly), older)
	fmt.Fprintf(w, "users\t%d of %d\n", r.UsersDone, r.Users)
	if r.Erased > 0 {
		fmt.Fprintf(w, "erased\t%d users are left out\n", r.Erased)
	}
	if r.Passed > 0 {
		fmt.Fprintf(w, "passed over\t%d resources of users: a first pass found nothing wrong (--share 1 compares all)\n", r.Passed)
	}
	fmt.Fprintf(w, "facts compared\t%d = %d as they should be + %d that were not\n", r.Expected, r.Found, r.Expected-r.Found)
	fmt.Fprintf(w, "drift\t%d, of which %d repaired%s\n", r.Drift, r.Repaired, byCheck(r.Findings))
	if r.Unsettled > 0 {
		fmt.Fprintf(w, "on their way\t%d, for the next run to look at\n", r.Unsettled)
	}
	fmt.Fprintf(w, "requests\t%d, for %d days of users\n", r.Requests, r.UserDays)
	if r.Bytes > 0 {
		fmt.Fprintf(w, "billed\t%s\n", humanize.IBytes(uint64(r.Bytes)))
	}
	fmt.Fprintf(w, "outcome\t%s\n", r.Outcome)
	if err := w.Flush(); err != nil {
		return err
	}
	return a.printFindings()
}

// byCheck says how much of the drift each check found; a fact that two of them
// find counts in both.
func byCheck(all []connector.Finding) string {
	sums := map[string]int{}
	for i := range all {
		if f := &all[i]; f.Drift > 0 && f.Check != connector.CheckCompared && f.Check != connector.CheckRun {
			sums[f.Check] += f.Drift
		}
	}
	text := ""
	for _, check := range slices.Sorted(maps.Keys(sums)) {
		text += fmt.Sprintf(", %s %d", check, sums[check])
	}
	return strings.Replace(text, ",", ":", 1)
}

// mostLines is how many findings are printed; all are in the table.
const mostLines = 40

func (a *audit) printFindings() error {
	w := tabwriter.NewWriter(a.std.out, 0, 0, 2, ' ', 0)
	n := 0
	for i := range a.report.Findings {
		f := &a.report.Findings[i]
		if f.Drift == 0 && f.Repaired == 0 || f.Check == connector.CheckCompared || f.Check == connector.CheckRun {
			continue
		}
		if n++; n == 1 {
			fmt.Fprintln(w, "\nFOUND\tTABLE\tRESOURCE\tPROVIDER\tDAY\tDRIFT\tREPAIRED\tEXAMPLE")
		}
		if n > mostLines {
			continue
		}
		out := findingOf(f)
		example := ""
		if len(f.Examples) > 0 {
			example = f.Examples[0]
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n", out.Check, out.Table, out.Resource, out.Provider, out.Day, f.Drift, f.Repaired, example)
	}
	if n > mostLines {
		fmt.Fprintf(w, "… and %d more; all of them are in the table reconciliations, where run_id = '%s'\n", n-mostLines, a.report.RunID)
	}
	if at := a.report.Earliest; !at.IsZero() && at.Before(a.report.From) {
		fmt.Fprintf(w, "\nSome of it is of %s, before the days that were compared: --since %s compares those too.\n", at.Format(time.DateOnly), at.Format(time.DateOnly))
	}
	return w.Flush()
}
