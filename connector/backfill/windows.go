package backfill

import "time"

const (
	day = 24 * time.Hour
	// windowDays is how many days are asked for at once.
	windowDays = 30
)

// earliest is the first day that tables take.
var earliest = time.Date(2005, 1, 1, 0, 0, 0, 0, time.UTC)

// window is a range of days, both included.
type window struct{ first, last time.Time }

// windows cuts a range into windows. One that ends before it begins is turned
// around: Junction's own documentation has such. A day more is asked for at both
// ends, for it is not said whose days are meant; and the last day of a window is
// the first of the next, for it is not said to the fraction of a second where
// one ends. What no table takes, since it is too old or in the future, is left
// out.
func windows(start, end, now time.Time) []window {
	if end.Before(start) {
		start, end = end, start
	}
	first, last := start.UTC().Truncate(day).Add(-day), end.UTC().Truncate(day).Add(day)
	if first.Before(earliest) {
		first = earliest
	}
	if latest := now.UTC().Truncate(day).Add(2 * day); last.After(latest) {
		last = latest
	}
	var all []window
	for ; first.Before(last); first = first.Add(windowDays * day) {
		w := window{first, first.Add(windowDays * day)}
		if w.last.After(last) {
			w.last = last
		}
		all = append(all, w)
	}
	return all
}
