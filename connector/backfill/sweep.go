package backfill

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"vitalsink/schemas"
	"vitalsink/transforms"
)

const (
	// sweepTime is how far back a sweep looks for fetches: one that was not
	// swept within it, since nothing was folded, has to be fetched again.
	sweepTime = 7 * day
	// mostTombstones is how many rows a message deletes.
	mostTombstones = 10_000
)

// Sweep publishes tombstones for samples that are not part of their stream any
// more: those that a later fetch did not bring. Their version is the time of
// that fetch, so they lose against whatever a still later one brings. What is
// not folded yet the next sweep finds.
func (b *Backfill) Sweep(ctx context.Context, notices Notices) error {
	b.once.Do(b.setDefaults)
	leftovers, err := notices.Leftovers(ctx, time.Now().Add(-sweepTime))
	if err != nil {
		return err
	}
	table := b.Catalogue.Table(schemas.SamplesTable)
	byTime := map[time.Time][]map[string]any{}
	for _, l := range leftovers {
		if b.Erased.Has(l.UserID) {
			continue
		}
		byTime[l.FetchedAt] = append(byTime[l.FetchedAt], map[string]any{"user_id": l.UserID, "workout_id": l.WorkoutID, "index": l.Index})
	}
	for at, rows := range byTime {
		for part := range slices.Chunk(rows, mostTombstones) {
			if b.DryRun {
				continue
			}
			m, err := transforms.Tombstones(uuid.NewString(), at, table, part)
			if err != nil {
				return err
			}
			m.PublishTime = time.Now().UTC()
			m.Pack()
			if err := b.publish(ctx, &m); err != nil {
				return err
			}
			b.tally.add(func(r *Result) { r.Deleted += len(part) })
		}
	}
	return nil
}
