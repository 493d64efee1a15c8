package reconcile_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitalsink/connector"
	"vitalsink/connector/reconcile"
)

var updatePage = flag.Bool("update", false, "write testdata/page.html anew")

const pageRunID = "01a5a5a0-0000-7000-8000-000000000001"

// hostile is a name as nobody gives one in good faith.
const hostile = `</title></svg><script>alert(1)</script>"'><img src=x onerror=alert(1)>`

func pageDate(month time.Month, day int) time.Time {
	return time.Date(2026, month, day, 0, 0, 0, 0, time.UTC)
}

// pageHash is an example, as reconcile makes them.
func pageHash(n int) string { return fmt.Sprintf("%016x", uint64(n+1)*0x9e3779b97f4a7c15) }

// pageRows stamps rows as those of the run.
func pageRows(rows ...connector.Finding) []connector.Finding {
	for i := range rows {
		rows[i].RunID, rows[i].StartedAt = pageRunID, pageDate(11, 29).Add(3*time.Hour)
		rows[i].RecordedAt = rows[i].StartedAt.Add(time.Duration(200+i) * time.Second)
	}
	return rows
}

// smallRun has something of everything, and some rows in two parts.
func smallRun() []connector.Finding {
	compared := func(table, resource, provider string, day time.Time, numbers ...int) connector.Finding {
		return connector.Finding{Check: connector.CheckCompared, Table: table, Resource: resource, Provider: provider, Day: day,
			Users: numbers[0], Expected: numbers[1], Found: numbers[2], Drift: numbers[3], Unsettled: numbers[4], Repaired: numbers[5]}
	}
	drift := func(check, table, resource, provider string, day time.Time, drift, repaired int, examples ...string) connector.Finding {
		return connector.Finding{Check: check, Table: table, Resource: resource, Provider: provider, Day: day, Drift: drift, Repaired: repaired, Examples: examples}
	}
	again := compared("timeseries", "heartrate", "oura", pageDate(11, 22), 2, 800, 790, 10, 0, 4)
	again.Part = 1
	return pageRows(
		connector.Finding{Check: connector.CheckBegun, Details: `{"from":"2026-11-22","until":"2026-11-29","sample":0.01}`},
		compared("timeseries", "heartrate", "oura", pageDate(11, 22), 3, 1200, 1200, 0, 0, 0),
		again,
		compared("timeseries", "heartrate", "garmin", pageDate(11, 23), 1, 640, 640, 0, 0, 0),
		compared("timeseries", "heartrate", "garmin", pageDate(11, 28), 1, 300, 296, 0, 4, 0),
		compared("timeseries", "glucose", hostile, pageDate(11, 24), 2, 288, 280, 8, 0, 8),
		compared("timeseries", hostile, "abbott_libreview", pageDate(11, 25), 1, 96, 96, 0, 0, 0),
		compared("sleep", "", "oura", pageDate(11, 27), 3, 3, 3, 0, 0, 0),
		compared("sleep", "", "oura", pageDate(8, 3), 2, 2, 2, 0, 0, 0), // of the rolling sample
		compared("profile", "", "oura", time.Time{}, 3, 3, 3, 0, 0, 0),
		drift(connector.CheckMissing, "timeseries", "heartrate", "oura", pageDate(11, 22), 6, 0, pageHash(1), pageHash(2), pageHash(3)),
		drift(connector.CheckStale, "timeseries", "heartrate", "oura", pageDate(11, 22), 4, 4, pageHash(4)),
		drift(connector.CheckMissing, "timeseries", "glucose", hostile, pageDate(11, 24), 8, 8, pageHash(5), "user-17"),
		drift(connector.CheckDuplicate, "timeseries", "", "", time.Time{}, 1, 1, pageHash(6)),
		drift(connector.CheckBooks, "", "", "", time.Time{}, 0, 0),
		drift(connector.CheckUnmerged, "", "", "", time.Time{}, 0, 0),
		connector.Finding{Check: connector.CheckBehind, Table: "timeseries", Expected: 41_233},
		connector.Finding{Check: connector.CheckFreshness, Table: "timeseries", Resource: "heartrate", Provider: "oura", Found: 4000},
		connector.Finding{Check: connector.CheckFreshness, Table: "timeseries", Resource: "heartrate", Provider: "oura", Found: 90, Part: 1},
		connector.Finding{Check: connector.CheckFreshness, Table: "sleep", Provider: hostile, Found: 600_000},
		connector.Finding{Check: connector.CheckQuarantine, Table: "timeseries", Found: 12, Expected: 3},
		connector.Finding{Check: connector.CheckProgress, Details: `{"users":5}`},
		connector.Finding{Check: connector.CheckRun, Outcome: "drift", Users: 5, Expected: 3332, Found: 3310, Drift: 19, Unsettled: 4, Repaired: 13, Requests: 412, Bytes: 73_400_320},
	)
}

// pastRuns are n marks, one a day until the day before the run.
func pastRuns(n int) []connector.Finding {
	var past []connector.Finding
	for i := range n {
		f := connector.Finding{RunID: fmt.Sprintf("past-%d", i), Check: connector.CheckRun, Outcome: "agree",
			RecordedAt: pageDate(11, 29).AddDate(0, 0, i-n).Add(3*time.Hour + 5*time.Minute), Expected: 3000, Found: 3000}
		switch {
		case i%9 == 4:
			f.Outcome, f.Drift, f.Repaired = "drift", 40+i, 12
		case i%5 == 1:
			f.Outcome, f.Drift, f.Repaired = "repaired", 9+2*i, 9+2*i
		case i%13 == 7:
			f.Outcome = "stopped"
		}
		past = append(past, f)
	}
	return past
}

func renderPage(t *testing.T, run, past []connector.Finding) string {
	t.Helper()
	var b bytes.Buffer
	if err := reconcile.Page(&b, run, past); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPageGolden(t *testing.T) {
	got := renderPage(t, smallRun(), pastRuns(16))
	path := filepath.Join("testdata", "page.html")
	if *updatePage {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-want +got, write it with -update:\n%s", diff)
	}
}

// TestPageIsClosed: nothing on the page is loaded, runs, or tells of a person.
func TestPageIsClosed(t *testing.T) {
	got := renderPage(t, smallRun(), pastRuns(3))
	for _, not := range []string{"<script", "<img", "http:", "https:", "user-17", "@import", " style="} {
		if strings.Contains(got, not) {
			t.Errorf("the page has %q", not)
		}
	}
	if n := strings.Count(got, "&lt;script&gt;alert(1)"); n < 5 {
		t.Errorf("the hostile name is there %d times as text", n)
	}
	for _, to := range regexp.MustCompile(`(?:href="|src="|url\()([^")]*)`).FindAllStringSubmatch(got, -1) {
		if !strings.HasPrefix(to[1], "#") {
			t.Errorf("the page refers to %q", to[1])
		}
	}
}

// TestPageVerdicts: the headline for each end of a run.
func TestPageVerdicts(t *testing.T) {
	headline := regexp.MustCompile(`<h1>(.*)</h1>`)
	for want, end := range map[string]connector.Finding{
		"The warehouse agrees with the source: all 1,204 facts are as they should be": {Outcome: "agree", Users: 1, Expected: 1204, Found: 1204},
		"No drift: of what was compared, all 9 facts are as they should be":           {Outcome: "agree", Users: 1, Expected: 9, Found: 9, Details: `{"compared":6,"passed":139}`},
		"No drift: 1,200 facts are as they should be":                                 {Outcome: "agree", Users: 1, Expected: 1204, Found: 1200, Unsettled: 4},
		"No drift within the warehouse: 0 facts compared with the source":             {Outcome: "agree"},
		"Repaired: all the drift that was found, 4 facts":                             {Outcome: "repaired", Users: 1, Expected: 1204, Found: 1200, Drift: 4, Repaired: 4},
		"Drift remains: 1 fact is not as it should be":                                {Outcome: "drift", Users: 1, Expected: 1204, Found: 1200, Drift: 4, Repaired: 3},
		"Not all could be compared: the source did not answer about some of it":       {Outcome: "incomplete", Users: 1, Expected: 1204, Found: 1204},
		"Stopped before the end: 4 facts of drift found until then":                   {Outcome: "stopped", Users: 1, Expected: 1204, Found: 1200, Drift: 4},
	} {
		end.Check = connector.CheckRun
		if got := headline.FindStringSubmatch(renderPage(t, pageRows(end), nil)); len(got) == 0 || got[1] != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for name, run := range map[string][]connector.Finding{
		"empty": nil, "begun, and its details are broken": pageRows(connector.Finding{Check: connector.CheckBegun, Details: "{"}),
	} {
		if got := renderPage(t, run, nil); !strings.Contains(got, "No verdict: the run has not ended") {
			t.Errorf("%s: the page does not say that there is no verdict", name)
		}
	}
}

// bigRun is a run over many resources and days, each day of each with a row.
func bigRun(resources, days int) []connector.Finding {
	end := connector.Finding{Check: connector.CheckRun, Outcome: "drift", Users: 40}
	run := []connector.Finding{{Check: connector.CheckBegun, Details: `{"from":"2026-10-20","until":"2026-11-29"}`}}
	for r := range resources {
		for d := range days {
			f := connector.Finding{Check: connector.CheckCompared, Table: "timeseries", Resource: fmt.Sprintf("resource_%03d", r), Provider: "oura",
				Day: pageDate(10, 20).AddDate(0, 0, d), Users: 40, Expected: 5000, Found: 5000}
			if (r*days+d)%31 == 0 {
				f.Found, f.Drift = 4990, 10
				run = append(run, connector.Finding{Check: connector.CheckMissing, Table: f.Table, Resource: f.Resource, Provider: f.Provider,
					Day: f.Day, Drift: 10, Examples: []string{pageHash(r), pageHash(d + 1000)}})
			}
			run = append(run, f)
			pageAddUp(&end, f)
		}
	}
	return pageRows(append(run, end)...)
}

func pageAddUp(end *connector.Finding, f connector.Finding) {
	end.Expected += f.Expected
	end.Found += f.Found
	end.Drift += f.Drift
}

// TestPageSize: 300 resources by 40 days are a page that a phone opens, and the
// lists are cut where it says so.
func TestPageSize(t *testing.T) {
	got := renderPage(t, bigRun(300, 40), pastRuns(400))
	t.Logf("%d KiB", len(got)>>10)
	if len(got) > 2<<20 {
		t.Errorf("%d KiB", len(got)>>10)
	}
	if n := strings.Count(got, "nothing compared</title>"); n != 0 {
		t.Errorf("%d cells without a row", n)
	}
	for _, want := range []string{"188 more rows are left out here", "341 older runs are left out here"} {
		if !strings.Contains(got, want) {
			t.Errorf("the page does not say: %s", want)
		}
	}
	got = renderPage(t, bigRun(410, 62), nil)
	for _, want := range []string{"10 more resources are left out here", "2 older days are left out here"} {
		if !strings.Contains(got, want) {
			t.Errorf("the page does not say: %s", want)
		}
	}
}
