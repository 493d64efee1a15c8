package reconcile

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
)

func pageCount(n int) string { return humanize.Comma(int64(n)) }

func pageFacts(n int) string {
	if n == 1 {
		return "1 fact"
	}
	return pageCount(n) + " facts"
}

func pageFactsAre(n int) string {
	if n == 1 {
		return "1 fact is"
	}
	return pageCount(n) + " facts are"
}

func pageThey(n int) string {
	if n == 1 {
		return "it"
	}
	return "they"
}

// pageDay is a day, or that a fact has none.
func pageDay(t time.Time) string {
	if t.IsZero() {
		return "no day"
	}
	return t.Format(time.DateOnly)
}

func pageTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") + " UTC" }

// pageSpan is a length of time in its two greatest units.
func pageSpan(d time.Duration) string {
	if d < 0 {
		return pageSpan(-d) + " ahead"
	}
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	case s < 48*3600:
		return fmt.Sprintf("%d h %d min", s/3600, s%3600/60)
	}
	return fmt.Sprintf("%s d %d h", humanize.Comma(s/86400), s%86400/3600)
}

// Bytes is what the warehouse charged for, or that it charges nothing.
func (p *page) Bytes() string {
	if p.Sums.Bytes == 0 {
		return "none"
	}
	return humanize.IBytes(uint64(p.Sums.Bytes))
}

// Requests is how many there were to Junction's API.
func (p *page) Requests() string { return humanize.Comma(p.Sums.Requests) }
