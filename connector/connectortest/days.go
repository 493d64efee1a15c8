package connectortest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"vitalsink/connector"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// heartrates is a message with a sample of the value at each of the times.
func heartrates(id string, published time.Time, value int, at ...time.Time) transforms.Message {
	var samples []string
	for _, x := range at {
		samples = append(samples, fmt.Sprintf(`{"timestamp":%q,"value":%d}`, x.Format(time.RFC3339Nano), value))
	}
	return transforms.Message{
		ID: id, PublishTime: published,
		Data: fmt.Appendf(nil, `{"event_type":"daily.data.heartrate.created","user_id":"u1","data":{"data":[%s]}}`, strings.Join(samples, ",")),
	}
}

// lateSample: one sample from years ago among those of today takes its message
// into the late lane. When both lanes are folded each row is right, and so it is
// after updates of the old and of the new ones, through either lane.
func (s *suite) lateSample(t *testing.T) {
	w, ref := s.open(t), newReference(s.catalogue)
	old, today := time.Date(2019, 3, 1, 8, 0, 0, 0, time.UTC), noon.Add(-time.Hour)
	ingest := func(m transforms.Message) {
		ref.add(t, m)
		s.ingest(t, w, 100, m)
	}
	ingest(heartrates("m1", noon, 60, today, old, today.Add(time.Minute)))
	ingest(heartrates("m2", noon, 61, today.Add(time.Second), today.Add(time.Minute)))
	lanes := map[connector.Lane]int{}
	for _, b := range s.pending(t, w).Batches {
		lanes[b.Lane]++
	}
	if lanes[connector.Late] != 1 || lanes[connector.Recent] != 1 {
		t.Errorf("batches by lane: %v, want one each", lanes)
	}
	if f, err := s.folder(w).Fold(context.Background(), connector.Recent); err != nil || f.Books.Registered != 2 {
		t.Errorf("the recent lane alone: %+v, %v", f, err)
	}
	s.fold(t, w)
	s.expect(t, w, ref)
	for i, m := range []transforms.Message{
		heartrates("m3", noon.Add(1*time.Hour), 70, old, today),                                         // both, late
		heartrates("m4", noon.Add(2*time.Hour), 71, today, today.Add(time.Second)),                      // new ones, recent
		heartrates("m5", noon.Add(3*time.Hour), 72, old),                                                // old one, late
		heartrates("m6", noon.Add(-time.Hour), 73, old, today, today.Add(30*time.Second)),               // stale, but for the last
		heartrates("m7", noon.Add(4*time.Hour), 74, old.Add(time.Hour), old, noon.Add(-30*time.Second)), // old and new, one of them there
	} {
		ingest(m)
		s.fold(t, w)
		s.expect(t, w, ref)
		if t.Failed() {
			t.Fatalf("after update %d", i)
		}
	}
}

// wideBatch: more days than one statement of BigQuery may touch partitions
// (4,000), to insert, to update and to find nothing newer.
func (s *suite) wideBatch(t *testing.T) {
	days := func(from, to, step int) []time.Time {
		var list []time.Time
		for d := from; d < to; d += step {
			list = append(list, time.Date(2005, 1, 1+d, 6, 0, 0, 0, time.UTC))
		}
		return list
	}
	w, ref := s.open(t), newReference(s.catalogue)
	for _, step := range []struct {
		message        transforms.Message
		applied, stale int
	}{
		{heartrates("m1", noon, 60, days(0, 4500, 1)...), 4500, 0},
		{heartrates("m2", noon.Add(time.Hour), 61, days(500, 5000, 1)...), 4500, 0}, // 4,000 updates
		{heartrates("m3", noon.Add(2*time.Hour), 62, days(0, 4998, 7)...), 714, 0},  // a few
		{heartrates("m4", noon.Add(-time.Hour), 63, days(0, 5002, 1)...), 2, 5000},  // stale but for two
		{heartrates("m2", noon.Add(time.Hour), 61, days(500, 5000, 1)...), 0, 4500}, // again
	} {
		ref.add(t, step.message)
		s.ingest(t, w, 100_000, step.message)
		if n := len(s.pending(t, w).Batches); n != 1 {
			t.Fatalf("%d batches, so this shows nothing", n)
		}
		if got := s.fold(t, w).Books; got.Applied != step.applied || got.Stale != step.stale {
			t.Errorf("%s: %+v, want %d applied and %d stale", step.message.ID, got, step.applied, step.stale)
		}
	}
	s.expect(t, w, ref)
	if n := len(w.Latest(t, schemas.TimeseriesTable)); n != 5002 {
		t.Errorf("%d rows, want 5002", n)
	}
}
