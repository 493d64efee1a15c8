package bigquery

import (
	"errors"
	"testing"
	"time"

	"vitalsink/connector"
)

// TestBilling: a job gets no more than is left of the day, none begins that is
// likely to take more, and the next day, of UTC, begins with nothing.
func TestBilling(t *testing.T) {
	clock := time.Date(2026, 11, 23, 23, 0, 0, 0, time.FixedZone("", -3600)) // it is the 24th
	b := &billing{most: 100, now: func() time.Time { return clock }}
	for _, step := range []struct {
		name          string
		limit, likely int64
		most          int64
		lowered       bool
		refused       bool
		billed        int64
	}{
		{"all of its own", 60, 50, 60, false, false, 55},
		{"what is left", 60, 45, 45, true, false, 40},
		{"likely to be too much", 60, 6, 0, false, true, 0},
		{"likely to be too much for any day", 60, 70, 5, true, false, 0},
		{"less than is left", 4, 0, 4, false, false, 5},
		{"nothing is left", 4, 0, 0, false, true, 0},
	} {
		most, lowered, err := b.allow(step.limit, step.likely)
		if most != step.most || lowered != step.lowered || errors.Is(err, connector.ErrBudget) != step.refused {
			t.Errorf("%s: %d, lowered %v, %v", step.name, most, lowered, err)
		}
		b.add(step.billed, clock)
	}
	if b.add(7, b.began.Add(-time.Second)); !b.stopped || b.bytes != 100 {
		t.Errorf("stopped %v after %d bytes", b.stopped, b.bytes)
	}
	clock = clock.Add(23 * time.Hour)
	if _, _, err := b.allow(1, 0); !errors.Is(err, connector.ErrBudget) {
		t.Errorf("late on the same day: %v", err)
	}
	clock = clock.Add(time.Hour)
	if most, _, err := b.allow(100, 0); most != 100 || err != nil || b.stopped {
		t.Errorf("the next day: %d, %v, stopped %v", most, err, b.stopped)
	}
	if none := (&billing{now: time.Now}); none.most != 0 {
		t.Error("there is a limit")
	} else if most, lowered, err := none.allow(7, 9); most != 7 || lowered || err != nil {
		t.Errorf("without a limit: %d, %v, %v", most, lowered, err)
	}
}

// TestHopelessMerge: a batch that was too much for the rest of a day is not
// tried again that day, alone or with others; several that were are, in parts.
func TestHopelessMerge(t *testing.T) {
	clock := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	b := &billing{most: 100, now: func() time.Time { return clock }}
	of := func(ids ...string) *connector.Merge {
		m := &connector.Merge{}
		for _, id := range ids {
			m.Batches = append(m.Batches, connector.Registered{ID: id})
		}
		return m
	}
	b.refuse(of("a", "b", "c"))
	b.refuse(of("b"))
	for _, c := range []struct {
		merge *connector.Merge
		want  bool
	}{{of("b"), true}, {of("a", "b"), true}, {of("a", "c"), false}, {of("a"), false}} {
		if got := errors.Is(b.hopeless(c.merge), connector.ErrBudget); got != c.want {
			t.Errorf("%v: hopeless %v", c.merge.Batches, got)
		}
	}
	clock = clock.Add(day)
	if err := b.hopeless(of("b")); err != nil {
		t.Errorf("the next day: %v", err)
	}
}
