package bigquery

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vitalsink/connector"
	"vitalsink/schemas"
)

func loadCatalogue(t testing.TB) *schemas.Catalogue {
	t.Helper()
	c, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestRunsCoverDays: whatever the days and the limits, runs hold all of them,
// groups hold nothing else, and no two overlap.
func TestRunsCoverDays(t *testing.T) {
	epoch := mustDay("2005-01-01")
	rapid.Check(t, func(rt *rapid.T) {
		offsets := rapid.SliceOf(rapid.IntRange(0, 400)).Draw(rt, "days")
		days := make([]time.Time, len(offsets))
		want := map[time.Time]bool{}
		for i, o := range offsets {
			days[i] = epoch.Add(time.Duration(o) * day)
			want[days[i]] = true
		}
		most := rapid.IntRange(1, 50).Draw(rt, "most")
		got := map[time.Time]bool{}
		var last time.Time
		for _, group := range cut(runsOf(days), most) {
			n := 0
			for _, r := range group {
				if r.First.Before(last) || r.days() < 1 {
					rt.Fatalf("run %v after %v", r, last)
				}
				last, n = r.End, n+r.days()
				for d := r.First; d.Before(r.End); d = d.Add(day) {
					got[d] = true
				}
			}
			if n > most {
				rt.Fatalf("a group of %d days, at most %d are allowed", n, most)
			}
		}
		if len(got) != len(want) {
			rt.Fatalf("%d days, want %d", len(got), len(want))
		}
		for d := range want {
			if !got[d] {
				rt.Fatalf("%v is missing", d)
			}
		}
	})
}

// TestJoinedRuns: a statement has no more runs than it may, and leaves no day
// out.
func TestJoinedRuns(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		offsets := rapid.SliceOf(rapid.IntRange(0, 400)).Draw(rt, "days")
		most := rapid.IntRange(1, 20).Draw(rt, "most")
		var days []time.Time
		for _, o := range offsets {
			days = append(days, mustDay("2005-01-01").Add(time.Duration(o)*day))
		}
		runs := runsOf(days)
		few := joined(slices.Clone(runs), most)
		if len(few) != min(most, len(runs)) {
			rt.Fatalf("%d runs became %d, at most %d are allowed", len(runs), len(few), most)
		}
		for _, r := range runs {
			if !slices.ContainsFunc(few, func(f run) bool { return !r.First.Before(f.First) && !r.End.After(f.End) }) {
				rt.Fatalf("%v is not covered", r)
			}
		}
	})
}

// TestOldSampleAmongRecent: one sample from 2019 among today's makes two runs
// of days, and not seven years.
func TestOldSampleAmongRecent(t *testing.T) {
	table := loadCatalogue(t).Table("timeseries")
	m := &connector.Merge{Table: table, Batches: []connector.Registered{
		{Rows: 1, Days: []time.Time{mustDay("2026-11-23")}, Resources: []string{"heartrate"}},
		{Rows: 2, Days: []time.Time{mustDay("2019-06-01"), mustDay("2026-11-22")}, Resources: []string{"glow's", "heartrate"}},
	}}
	parts := partsOf(m, maxPartitions)
	if len(parts) != 1 {
		t.Fatalf("%d parts, want one", len(parts))
	}
	want := "((T.`timestamp` >= TIMESTAMP '2019-06-01 00:00:00+00' AND T.`timestamp` < TIMESTAMP '2019-06-02 00:00:00+00')" +
		" OR (T.`timestamp` >= TIMESTAMP '2026-11-22 00:00:00+00' AND T.`timestamp` < TIMESTAMP '2026-11-24 00:00:00+00'))"
	want += " AND T.`resource` IN ('glow\\'s', 'heartrate')"
	if got := parts[0].Target.SQL("T"); got != want {
		t.Errorf("bounds:\n%s\nwant\n%s", got, want)
	}
	if got := parts[0].Source.SQL("T"); got != want {
		t.Errorf("rows that belong to them:\n%s\nwant\n%s", got, want)
	}
}

// TestPartsOfTables: where nothing proves that a key cannot be elsewhere, the
// statement says why it reads everything.
func TestPartsOfTables(t *testing.T) {
	c := loadCatalogue(t)
	days := []time.Time{mustDay("2026-11-23")}
	for _, test := range []struct {
		name, table   string
		batch         connector.Registered
		parts         int
		target, where string // of the last part
	}{
		{"key", "timeseries", connector.Registered{Days: days}, 1, "2026-11-23", "2026-11-23"},
		{"sticky", "sleep", connector.Registered{Days: days}, 1, "OR T.`created_at` IS NULL", "2026-11-23"},
		{"sticky without a day", "sleep", connector.Registered{Days: days, RowsWithoutDay: 1}, 2, "not pruned: rows without a day", "S.`created_at` IS NULL"},
		{"unpartitioned", "devices", connector.Registered{}, 1, "not pruned: the table is not partitioned", "TRUE"},
		{"unknown resources", "timeseries", connector.Registered{Days: days, Rows: 1}, 1, "2026-11-24 00:00:00+00'))", "2026-11-23"},
		{"no rows", "timeseries", connector.Registered{}, 1, "FALSE", "FALSE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			parts := partsOf(&connector.Merge{Table: c.Table(test.table), Batches: []connector.Registered{test.batch}}, maxPartitions)
			if len(parts) != test.parts {
				t.Fatalf("%d parts, want %d", len(parts), test.parts)
			}
			last := parts[len(parts)-1]
			if got := last.Target.SQL("T"); !strings.Contains(got, test.target) {
				t.Errorf("target: %s", got)
			}
			if got := last.Source.SQL("S"); !strings.Contains(got, test.where) {
				t.Errorf("source: %s", got)
			}
		})
	}
}

// TestLiterals: no text gets out of its quotes.
func TestLiterals(t *testing.T) {
	for text, want := range map[string]string{
		`a`:           `'a'`,
		`it's`:        `'it\'s'`,
		`\' OR 1=1`:   `'\\\' OR 1=1'`,
		"a\nb\x00":    `'a\u000ab\u0000'`,
		"é\U0001F600": "'é\U0001F600'",
	} {
		if got := literal(text); got != want {
			t.Errorf("literal(%q) = %s, want %s", text, got, want)
		}
	}
	if got := ident("a`b\\"); got != "`a\\`b\\\\`" {
		t.Errorf("ident: %s", got)
	}
}
