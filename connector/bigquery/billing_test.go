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
		alone         bool
		most          int64
		lowered       bool
		refused       bool
		billed        int64
	}{
		{"more than the day, but alone", 60, 170, true, 60, false, false, 55},
		{"what is left", 60, 45, false, 45, true, false, 40},
		{"likely to be too much", 60, 6, false, 0, false, true, 0},
		{"the same alone, and the day is not fresh", 60, 70, true, 0, false, true, 0},
		{"less than is left", 4, 0, false, 4, false, false, 5},
		{"nothing is left", 4, 0, true, 0, false, true, 0},
	} {
		most, lowered, err := b.allow(step.limit, step.likely, step.alone)
		if most != step.most || lowered != step.lowered || errors.Is(err, connector.ErrBudget) != step.refused {
			t.Errorf("%s: %d, lowered %v, %v", step.name, most, lowered, err)
		}
		b.add(step.billed, clock)
	}
	if b.add(7, b.began.Add(-time.Second)); !b.stopped || b.bytes != 100 {
		t.Errorf("stopped %v after %d bytes", b.stopped, b.bytes)
	}
	clock = clock.Add(23 * time.Hour)
	if _, _, err := b.allow(1, 0, true); !errors.Is(err, connector.ErrBudget) {
		t.Errorf("late on the same day: %v", err)
	}
	clock = clock.Add(time.Hour)
	if most, _, err := b.allow(100, 0, false); most != 100 || err != nil || b.stopped {
		t.Errorf("the next day: %d, %v, stopped %v", most, err, b.stopped)
	}
	if none := (&billing{now: time.Now}); none.most != 0 {
		t.Error("there is a limit")
	} else if most, lowered, err := none.allow(7, 9, false); most != 7 || lowered || err != nil {
		t.Errorf("without a limit: %d, %v, %v", most, lowered, err)
	}
}

// TestPostponed: a batch that was too much for the rest of a day, by itself, waits
// for the next; but not if the day is over when that is known.
func TestPostponed(t *testing.T) {
	clock := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	w := &Warehouse{billing: billing{most: 100, now: func() time.Time { return clock }}}
	of := func(ids ...string) *connector.Merge {
		m := &connector.Merge{}
		for _, id := range ids {
			m.Batches = append(m.Batches, connector.Registered{ID: id})
		}
		return m
	}
	first := w.billing.date()
	w.billing.refuse(of("a", "c"), first)
	w.billing.refuse(of("b"), first)
	if !w.Postponed("b") || w.Postponed("a") || !w.Billed().Paused {
		t.Errorf("b waits: %v, a: %v, paused: %v", w.Postponed("b"), w.Postponed("a"), w.Billed().Paused)
	}
	clock = clock.Add(day)
	w.billing.refuse(of("late"), first)
	if w.Postponed("b") || w.Postponed("late") || w.Billed().Paused {
		t.Error("the next day: something still waits")
	}
}
