package connectortest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitalsink/connector"
)

// findings: what a run found comes back as it was, each once, in order.
func (s *suite) findings(t *testing.T) {
	w := s.open(t)
	day := noon.Truncate(24 * time.Hour)
	const first, second, third = "00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002", "00000000-0000-7000-8000-000000000003"
	mark := func(run, check string, began time.Time, part int) connector.Finding {
		return connector.Finding{RunID: run, StartedAt: began, RecordedAt: began.Add(time.Duration(part) * time.Minute), Part: part, Check: check}
	}
	full := connector.Finding{
		RunID: first, StartedAt: noon, RecordedAt: noon.Add(time.Minute + time.Microsecond), Part: 1, Check: connector.CheckCompared,
		Table: "timeseries", Resource: "heartrate", Provider: "oura", Day: day, Users: 1, Expected: 2, Found: 3, Drift: 4, Unsettled: 5, Repaired: 6,
		Examples: []string{"0123456789abcdef", "fedcba9876543210"}, Requests: 7, Bytes: 1 << 40, Outcome: "drift", Details: `{"b": 1, "a": ["é", 0.1]}`,
	}
	other := full
	other.Day, other.Examples, other.Part = day.AddDate(0, 0, 1), nil, 2
	begun, run := mark(first, connector.CheckBegun, noon, 0), mark(first, connector.CheckRun, noon, 3)
	begun.Details, run.Outcome, run.Requests = `{"users":1}`, "agree", 5
	progress := mark(second, connector.CheckProgress, noon.Add(time.Hour), 1)
	yesterday := mark(third, connector.CheckBegun, noon.AddDate(0, 0, -1), 0)
	found := mark(second, connector.CheckBehind, noon.Add(time.Hour), 0)
	for _, rows := range [][]connector.Finding{{progress, found}, {run, other, full, begun}, {full, begun}, {yesterday}, {}} {
		if err := w.Record(t.Context(), rows); err != nil {
			t.Fatal(err)
		}
	}
	check := func(what, run string, since time.Time, want ...connector.Finding) {
		t.Helper()
		got, err := w.Findings(t.Context(), run, since)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	check("a run", first, noon.Add(time.Hour*24), begun, full, other, run)
	check("another", second, time.Time{}, found, progress)
	check("no run", "00000000-0000-7000-8000-000000000009", time.Time{})
	check("marks", "", noon, begun, run, progress)
	check("marks of all", "", time.Time{}, yesterday, begun, run, progress)
	check("marks since later", "", noon.Add(time.Microsecond), progress)
}
