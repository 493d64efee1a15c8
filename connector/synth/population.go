package synth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"vitalsink/schemas"
	"vitalsink/transforms"
)

// Population is people whose devices report to Junction for some days. What a
// person's devices tell follows from the seed and the person's number alone.
//
// In any three people's three days there is every summary and every series of
// the catalogue, connections, devices, completions of history, lab and query
// events, an event type and a resource that nobody knows. Most people's events
// are Modern, every fifth's are Docs2024, and every tenth has an archive of
// Legacy2023, replayed.
//
// The shares are of messages, from 0 to 1.
type Population struct {
	Users, Days int       // Required.
	Seed        uint64    //
	Start       time.Time // the first day. Required.

	// Duplicates come twice, the second time within 15 hours.
	Duplicates float64
	// Disorder is what arrives 2 to 10 hours after it was published.
	Disorder float64
	// Updates are told again within 12 hours, with other values; one in four
	// before what they update arrives.
	Updates float64
	// Late is published two to five weeks after it was measured.
	Late float64
	// Bad is what cannot become rows, as a whole or one sample of it.
	Bad float64
}

// Check reports all that is wrong with the numbers; a share must be written
// so that not a number fails.
func (p *Population) Check() error {
	var wrong []error
	if p.Users < 1 || p.Users > maxUsers {
		wrong = append(wrong, fmt.Errorf("users %d: give a number from 1 to %d", p.Users, maxUsers))
	}
	if p.Days < 1 || p.Days > maxDays {
		wrong = append(wrong, fmt.Errorf("days %d: give a number from 1 to %d", p.Days, maxDays))
	}
	for name, share := range map[string]float64{
		"duplicates": p.Duplicates, "disorder": p.Disorder, "updates": p.Updates, "late": p.Late, "bad": p.Bad,
	} {
		if !(share >= 0 && share <= 1) {
			wrong = append(wrong, fmt.Errorf("%s %v: give a share of the messages, from 0 to 1", name, share))
		}
	}
	slices.SortFunc(wrong, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(wrong...)
}

// What message ids leave room for.
const (
	maxUsers = 5_000 // a day of them is held in memory, half a MiB each
	maxDays  = 10_000
)

// arrival is a message that comes out of the topic at a time.
type arrival struct {
	at      time.Time
	message transforms.Message
	samples int
	told    *told // for the truth only
}

// Messages are in order of arrival, each with its number of samples. They end
// early when ctx does. Memory holds about one day of all users, and what is late.
func (p *Population) Messages(ctx context.Context, cat *schemas.Catalogue) iter.Seq2[transforms.Message, int] {
	return func(yield func(transforms.Message, int) bool) {
		var waiting []arrival
		for day := range p.Days {
			waiting = append(waiting, p.day(ctx, cat, day)...)
			slices.SortFunc(waiting, func(a, b arrival) int {
				return cmp.Or(a.at.Compare(b.at), strings.Compare(a.message.ID, b.message.ID))
			})
			// Nothing of the next day is published before it begins somewhere.
			next := p.Start.UTC().Truncate(24*time.Hour).AddDate(0, 0, day+1).Add(-maxOffset)
			due := len(waiting)
			if day < p.Days-1 {
				due, _ = slices.BinarySearchFunc(waiting, next, func(a arrival, t time.Time) int { return a.at.Compare(t) })
			}
			for _, a := range waiting[:due] {
				if ctx.Err() != nil || !yield(a.message, a.samples) {
					return
				}
			}
			waiting = slices.Clone(waiting[due:])
		}
	}
}

// maxOffset is how much earlier than in UTC a user's day may begin.
const maxOffset = 9 * time.Hour

// day is what all users tell of a day, user by user, in no order.
func (p *Population) day(ctx context.Context, cat *schemas.Catalogue, day int) []arrival {
	parts := make([][]arrival, p.Users)
	sideBySide(func(next func() int) {
		var z zipper
		for user := next(); user < p.Users && ctx.Err() == nil; user = next() {
			c := courier{Population: p, person: p.person(cat, user, day), zip: &z}
			parts[user] = c.deliver(day)
		}
	})
	return slices.Concat(parts...)
}

// sideBySide runs work on every processor; next counts up from 0 over all.
func sideBySide(work func(next func() int)) {
	var counter atomic.Int64
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() { work(func() int { return int(counter.Add(1)) - 1 }) })
	}
	all.Wait()
}
