package backfill

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestWindows: every moment of a range that a table takes is well within a
// window, windows follow on each other with a day in common, and none is longer
// than 30 days.
func TestWindows(t *testing.T) {
	now := time.Date(2026, 11, 29, 13, 0, 0, 0, time.UTC)
	moment := rapid.Map(rapid.Int64Range(time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), now.AddDate(3, 0, 0).Unix()), func(s int64) time.Time {
		return time.Unix(s, 0).UTC()
	})
	rapid.Check(t, func(t *rapid.T) {
		start, end := moment.Draw(t, "start"), moment.Draw(t, "end")
		all := windows(start, end, now)
		for i, w := range all {
			if w.last.Sub(w.first) > 30*day || !w.first.Before(w.last) || i > 0 && !w.first.Equal(all[i-1].last) {
				t.Fatalf("%d of %v", i, all)
			}
		}
		if end.Before(start) {
			start, end = end, start
		}
		at := start.Add(time.Duration(rapid.Int64Range(0, int64(end.Sub(start)/time.Second)).Draw(t, "within")) * time.Second)
		if at.Before(earliest) || at.After(now.Add(2*day)) {
			return
		}
		if len(all) == 0 || at.Before(all[0].first) || at.After(all[len(all)-1].last.Add(day)) {
			t.Fatalf("%v is in none of %v", at, all)
		}
	})
	if n := len(windows(now.AddDate(-1, 0, 0), now, now)); n != 13 {
		t.Errorf("a year is %d windows", n)
	}
}
