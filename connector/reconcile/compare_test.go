package reconcile

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// TestCompareFindsJustThat: of any facts on both sides, it finds what is missing,
// stale and extra in the days that are compared, and nothing else.
func TestCompareFindsJustThat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := days{100, 103}
		var source, warehouse []fact
		want := map[string]string{}
		expected, found := 0, 0
		for i := range rapid.IntRange(0, 40).Draw(t, "facts") {
			s := fact{key: digest{byte(i)}, value: digest{1}, day: rapid.SampledFrom([]int32{99, 100, 102, 103, noDay}).Draw(t, "day")}
			w := s
			w.version[0] = 9
			what := rapid.SampledFrom([]string{"same", connector.CheckMissing, connector.CheckStale, connector.CheckExtra, "deleted", "gone", "moved", "twice"}).Draw(t, "what")
			inside := in.has(s.day)
			switch what {
			case connector.CheckMissing:
				source = append(source, s)
			case connector.CheckStale:
				w.value[0]++
				source, warehouse = append(source, s), append(warehouse, w)
			case connector.CheckExtra:
				warehouse = append(warehouse, w)
				inside = inside && s.day != noDay
			case "deleted": // what the source has
				w.deleted, what = true, connector.CheckMissing
				source, warehouse = append(source, s), append(warehouse, w)
			case "gone": // on both sides
				w.deleted, inside = true, false
				warehouse = append(warehouse, w)
			case "moved": // into the window, or out of it
				w.day, w.value[1], what = 101, 7, connector.CheckStale
				inside = true
				source, warehouse = append(source, s), append(warehouse, w)
			case "twice": // the greatest version counts
				older := w
				older.version[0], older.value[0] = 3, 200
				source, warehouse = append(source, s, s), append(warehouse, older, w)
				what = "same"
			default:
				source, warehouse = append(source, s), append(warehouse, w)
			}
			if inside && what != "same" {
				want[s.key.name()] = what
			}
			if inside && what != connector.CheckExtra {
				expected++
			}
			if inside && what == "same" {
				found++
			}
		}
		c := compare(sorted(rapid.Permutation(source).Draw(t, "source")), sorted(rapid.Permutation(warehouse).Draw(t, "warehouse")), in, false)
		got := map[string]string{}
		for _, d := range c.differences {
			got[d.key.name()] = d.kind
		}
		sum := counts{}
		for _, n := range c.cells {
			sum.expected, sum.found, sum.differences = sum.expected+n.expected, sum.found+n.found, sum.differences+n.differences
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || sum != (counts{expected, found, len(want)}) {
			t.Errorf("it finds %v, want %v; %+v, want %d expected, %d found", got, want, sum, expected, found)
		}
	})
}

// TestCandidates: a difference is the same later only if neither side changed.
func TestCandidates(t *testing.T) {
	s, w := fact{key: digest{1}, value: digest{1}, day: 1}, fact{key: digest{1}, value: digest{2}, day: 1}
	seen := candidates(compare([]fact{s}, []fact{w}, days{0, 9}, false).differences)
	for what, change := range map[string]func(s, w *fact){
		"source":  func(s, _ *fact) { s.value[5]++ },
		"value":   func(_, w *fact) { w.value[5]++ },
		"version": func(_, w *fact) { w.version[27]++ },
		"key":     func(s, w *fact) { s.key[0]++; w.key[0]++ },
		"":        func(*fact, *fact) {},
	} {
		s, w := s, w
		change(&s, &w)
		again := compare([]fact{s}, []fact{w}, days{0, 9}, false).differences
		if len(again) != 1 || wasSeen(seen, &again[0]) != (what == "") {
			t.Errorf("after a change of the %q it is seen: %v", what, again)
		}
	}
}

// TestSticky: a lower value of the sticky column is what a merge would take, a
// greater one is not.
func TestSticky(t *testing.T) {
	for _, c := range []struct {
		source, warehouse int64
		stale             bool
	}{{5, 5, false}, {4, 5, true}, {6, 5, false}, {5, 0, true}, {0, 5, false}, {0, 0, false}} {
		s, w := fact{day: 1, sticky: c.source}, fact{day: 1, sticky: c.warehouse}
		if got := compare([]fact{s}, []fact{w}, days{0, 9}, false).differences; len(got) > 0 != c.stale {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// TestOneWayToWrite: what engines write in different ways is one value, and what
// differs is not.
func TestOneWayToWrite(t *testing.T) {
	text := &schemas.Column{Type: schemas.JSON}
	write := func(c *schemas.Column, v any) string { return string(appendValue(nil, c, v)) }
	same := [][2]string{
		{`{"a":1,"b":[1.0,2e2]}`, `{ "b" : [1, 200.0], "a" : 1.0 }`}, {`0.10`, `1e-1`}, {`-0.0`, `0`}, {`"\u00e4"`, `"ä"`}, {`null`, ` null`},
	}
	for _, pair := range same {
		if write(text, pair[0]) != write(text, pair[1]) {
			t.Errorf("%s and %s differ", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{
		{`{"a":1}`, `{"a":2}`}, {`[1,2]`, `[2,1]`}, {`9007199254740993`, `9007199254740992`}, {`"1"`, `1`}, {`{}`, `[]`},
	} {
		if write(text, pair[0]) == write(text, pair[1]) {
			t.Errorf("%s and %s are the same", pair[0], pair[1])
		}
	}
	number, list := &schemas.Column{Type: schemas.Float64}, &schemas.Column{Type: schemas.String, Repeated: true}
	negative := 0.0
	negative = -negative
	if write(number, 0.0) != write(number, negative*-1) || write(list, nil) != write(list, []any{}) {
		t.Error("-0, or an empty list, is written in two ways")
	}
	at := time.Date(2026, 5, 1, 2, 0, 0, 1000, time.FixedZone("", 7200))
	if write(number, at) != write(number, at.UTC()) {
		t.Error("a moment is written in two ways")
	}
	if write(list, []any{"a", "b"}) == write(list, []any{"ab"}) || write(number, nil) == write(number, 0.0) {
		t.Error("different values are written alike")
	}
}

// TestTurns: each unit has its turn once in as many runs as the share says, and
// the sample of older days walks through all of them.
func TestTurns(t *testing.T) {
	r := &Reconcile{Share: 0.2, Sample: 3, window: days{20_000, 20_007}}
	turns, sampled := 0, map[int32]int{}
	k := &known{extents: map[of][]connector.Extent{{"u", "sleep"}: {{Oldest: timeOf(19_990), Newest: timeOf(20_005)}}}}
	for r.ordinal = range 20 {
		if r.turn("u", "sleep") {
			turns++
		}
		sample := (&chunk{Reconcile: r}).sampleDays(k)
		for d := sample.from; d < sample.until; d++ {
			sampled[d]++
		}
	}
	if turns != 4 {
		t.Errorf("%d turns in 20 runs, want 4", turns)
	}
	for d := int32(19_990); d < 20_000; d++ {
		if sampled[d] < 5 {
			t.Errorf("day %d was sampled %d times in 20 runs", d, sampled[d])
		}
	}
	if len(sampled) != 10 {
		t.Errorf("%d days were sampled, want 10", len(sampled))
	}
	if all := (&Reconcile{Share: 1}); !all.turn("u", "sleep") || (&Reconcile{}).turn("u", "sleep") {
		t.Error("share 1 is all, and 0 nothing")
	}
}

// TestFirstPass: what the two sides say decides where to look.
func TestFirstPass(t *testing.T) {
	at := func(d int32, h int) time.Time { return timeOf(d).Add(time.Duration(h) * time.Hour) }
	in := days{100, 107}
	for name, c := range map[string]struct {
		extents []connector.Extent
		tallies []connector.Tally
		want    string
	}{
		"nobody has anything":     {nil, nil, ""},
		"both say the same":       {[]connector.Extent{{Provider: "oura", Oldest: at(90, 0), Newest: at(105, 5), Sent: 9}}, []connector.Tally{{Provider: "oura", Rows: 4, Newest: at(105, 5)}}, "there"},
		"by days":                 {[]connector.Extent{{Provider: "oura", Newest: at(105, 5), Sent: 9}}, []connector.Tally{{Provider: "oura", Rows: 4, Newest: at(105, 0)}}, "there"},
		"the newest is missing":   {[]connector.Extent{{Provider: "oura", Newest: at(105, 5), Sent: 9}}, []connector.Tally{{Provider: "oura", Rows: 4, Newest: at(105, 4)}}, "look"},
		"a provider is missing":   {[]connector.Extent{{Provider: "oura", Newest: at(105, 5), Sent: 9}, {Provider: "fitbit", Newest: at(103, 0), Sent: 1}}, []connector.Tally{{Provider: "oura", Rows: 4, Newest: at(105, 5)}}, "look"},
		"more than ever sent":     {[]connector.Extent{{Provider: "oura", Newest: at(105, 5), Sent: 3}}, []connector.Tally{{Provider: "oura", Rows: 4, Newest: at(105, 5)}}, "look"},
		"unknown to the source":   {nil, []connector.Tally{{Provider: "oura", Rows: 4, Newest: at(105, 5)}}, "look"},
		"older than the window":   {[]connector.Extent{{Provider: "oura", Newest: at(99, 23), Sent: 9}}, nil, ""},
		"newer than the window":   {[]connector.Extent{{Provider: "oura", Oldest: at(108, 0), Newest: at(109, 23), Sent: 9}}, nil, ""},
		"newest after the window": {[]connector.Extent{{Provider: "oura", Newest: at(109, 0), Sent: 9}}, []connector.Tally{{Provider: "oura", Rows: 4, Newest: at(106, 23)}}, "look"},
	} {
		k := &known{extents: map[of][]connector.Extent{{"u", "sleep"}: c.extents}, tallies: map[of][]connector.Tally{{"u", "sleep"}: c.tallies}}
		got := ""
		look, there := k.worthALook("u", "sleep", in)
		if there {
			got = "there"
		}
		if look {
			got = "look"
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestOnTheirWay: a batch that waits to be folded leaves its days open, if it was
// there at the first look.
func TestOnTheirWay(t *testing.T) {
	series, sleep := &schemas.Table{Name: "timeseries", Partition: &schemas.Partition{Column: "timestamp", Rule: schemas.PartOfKey}}, &schemas.Table{Name: "sleep"}
	then := timeOf(100)
	pending := []connector.Registered{
		{Table: "timeseries", AppendedAt: then.Add(-1), Days: []time.Time{timeOf(90)}, Resources: []string{"hrv"}},
		{Table: "timeseries", AppendedAt: then.Add(1), Days: []time.Time{timeOf(91)}, Resources: []string{"hrv"}},
		{Table: "sleep", AppendedAt: then.Add(-1), Days: []time.Time{timeOf(90)}},
	}
	var open []string
	for _, d := range []int32{90, 91} {
		for _, resource := range []string{"hrv", "steps"} {
			if touched(pending, series, then)(resource, d) {
				open = append(open, fmt.Sprint(resource, d))
			}
		}
	}
	if !slices.Equal(open, []string{"hrv90"}) || !touched(pending, sleep, then)("", 3) || touched(nil, sleep, then)("", 3) {
		t.Errorf("open are %v", open)
	}
}

// TestBlocks: blocks are all of the days, each once.
func TestBlocks(t *testing.T) {
	seen := map[int32]int{}
	for _, in := range (days{100, 467}).blocks() {
		if in.until-in.from > windowDays {
			t.Errorf("%+v is too long", in)
		}
		for d := in.from; d < in.until; d++ {
			seen[d]++
		}
	}
	for d := int32(100); d < 467; d++ {
		if seen[d] != 1 {
			t.Errorf("day %d is in %d blocks", d, seen[d])
		}
	}
	if len(seen) != 367 {
		t.Errorf("%d days, want 367", len(seen))
	}
}
