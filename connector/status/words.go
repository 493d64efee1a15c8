package status

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
)

// unknown stands for what is not known.
const unknown = "–"

// count is a number, or that it is not known.
func count(n any) string {
	switch n := n.(type) {
	case int:
		return humanize.Comma(int64(n))
	case int64:
		return humanize.Comma(n)
	case *int64:
		if n != nil {
			return humanize.Comma(*n)
		}
	}
	return unknown
}

func number(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return humanize.Comma(int64(n)) + " " + many
}

// rate is a number a second.
func rate(perSecond float64) string {
	if perSecond >= 10 {
		return humanize.Comma(int64(perSecond + 0.5))
	}
	return humanize.FtoaWithDigits(perSecond, 1)
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" }

// clock is a moment of late.
func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

func bytes(n int64) string { return humanize.IBytes(uint64(max(0, n))) }

// seconds is a length of time, or that it is not known.
func seconds(s *int64) string {
	if s == nil {
		return unknown
	}
	return span(time.Duration(*s) * time.Second)
}

// took is how long something short took.
func took(s float64) string {
	if s < 10 {
		return fmt.Sprintf("%.1f s", s)
	}
	return span(time.Duration(s * float64(time.Second)))
}

// span is a length of time in its two greatest units.
func span(d time.Duration) string {
	s := max(0, int64(d/time.Second))
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
