package synth

import (
	"math"
	"time"
)

// track is a series of a day: what of it there is to tell at any time.
type track struct {
	resource string
	step     time.Duration // length of an interval
	// back is how much of what was told before is told again, as devices do
	// that send whole hours or the whole day so far.
	back   time.Duration
	points []point
	bound  session // the workout that the series belongs to, if any
}

type point struct {
	at    time.Time
	value float64
	// sealed values are not corrected later: a record has been summed up from
	// them.
	sealed bool
}

// dayTracks are the series that are told in the course of the day.
func (p *person) dayTracks(l *life) []track {
	tracks := []track{
		p.heart(l),
		l.moving("steps", func(n float64) float64 { return n }),
		l.moving("distance", metresOf),
		l.moving("calories_active", energyOf),
		p.measured(l, "calories_basal", time.Hour, 4*time.Hour, l.always),
		p.measured(l, "stress_level", 3*time.Minute, 9*time.Minute, l.awake),
		p.measured(l, "floors_climbed", time.Hour, 4*time.Hour, l.awake),
		p.measured(l, "stand_duration", time.Hour, 4*time.Hour, l.awake),
	}
	if p.index%4 == 1 {
		tracks = append(tracks, p.measured(l, "glucose", 5*time.Minute, 20*time.Minute, l.always))
	}
	return tracks
}

// nightTracks are the series that are told in the morning.
func (p *person) nightTracks(l *life) []track {
	const step = 5 * time.Minute
	return []track{
		p.nightly(l, "hrv", step), p.nightly(l, "respiratory_rate", step), p.nightly(l, "blood_oxygen", step),
		p.nightly(l, "body_temperature_delta", time.Hour),
	}
}

func (l *life) always(time.Time) bool  { return true }
func (l *life) awake(t time.Time) bool { return !l.asleep(t) }

// heart is a sample a minute, at a second that the device keeps all day.
func (p *person) heart(l *life) track {
	t := track{resource: "heartrate", back: 12 * time.Minute}
	stray := p.generator.fixed(p.user.ID, "second", l.date).IntN(60)
	for m, rate := range l.heart {
		at := l.at(m).Add(time.Duration(stray) * time.Second)
		t.points = append(t.points, point{at, rate, l.training(m)})
	}
	return t
}

func (l *life) training(minute int) bool {
	for _, o := range l.outings {
		if minute >= o.from && minute < o.to {
			return true
		}
	}
	return false
}

// moving follows from the day's steps; where there are none, there is no
// sample.
func (l *life) moving(resource string, of func(steps float64) float64) track {
	t := track{resource: resource, step: bucket, back: 8 * time.Hour}
	for i, n := range l.steps {
		if v := of(n); v > 0 {
			t.points = append(t.points, point{at: l.at(5 * i), value: v})
		}
	}
	return t
}

// measured is a series that is described in seriesTable, at other steps.
func (p *person) measured(l *life, resource string, step, back time.Duration, when func(time.Time) bool) track {
	return p.drawn(l, track{resource: resource, step: step, back: back}, l.midnight, l.midnight.Add(24*time.Hour), when)
}

// nightly is a series of the night that ended this morning.
func (p *person) nightly(l *life, resource string, step time.Duration) track {
	return p.drawn(l, track{resource: resource, step: step}, l.last.start, l.last.stop, l.always)
}

func (p *person) drawn(l *life, t track, from, to time.Time, when func(time.Time) bool) track {
	g, s := p.generator, p.generator.series[t.resource]
	level := g.personal(p.user, t.resource, s.mid, s.person)
	d := g.fixed(p.user.ID, t.resource, l.date)
	for at := from; at.Before(to); at = at.Add(t.step) {
		v := s.value(d, level, math.Mod(at.Sub(l.midnight).Hours()+24, 24))
		if when(at) {
			t.points = append(t.points, point{at: at, value: v})
		}
	}
	return t
}

// covered is the distance of an outing, by stretch. Its values are sealed: the
// workout's record is their sum.
func (o outing) covered() track {
	t := track{resource: "workout_distance", step: stretch, bound: o.session}
	for i, m := range o.metres {
		t.points = append(t.points, point{o.start.Add(time.Duration(i) * stretch), m, true})
	}
	return t
}

// between are the points that a sync at to tells of, the one before having
// been at from. An interval that is not over yet has a part of its value.
func (t *track) between(from, to time.Time, digits int) []point {
	var points []point
	for _, p := range t.points {
		if p.at.Before(from.Add(-t.back)) || !p.at.Before(to) {
			continue
		}
		if past := to.Sub(p.at); t.back >= time.Hour && past < t.step {
			p.value = round(p.value*past.Seconds()/t.step.Seconds(), digits)
		}
		points = append(points, p)
	}
	return points
}

// corrected are the points as they come again later: with other values, but
// for the sealed ones.
func corrected(points []point, d dice, digits int) []point {
	again := make([]point, len(points))
	unit := math.Pow10(-digits)
	for i, p := range points {
		if !p.sealed {
			p.value = round(p.value+unit*float64(d.between(1, 3)), digits)
		}
		again[i] = p
	}
	return again
}
