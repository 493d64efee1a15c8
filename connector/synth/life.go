package synth

import (
	"math"
	"time"
)

const (
	minutesADay = 24 * 60
	bucket      = 5 * time.Minute // of steps, distance and energy
)

// life is a local day of a person: what all devices see of it, so that what
// they tell agrees.
type life struct {
	midnight time.Time // local, in UTC
	date     string
	last     night // ended this morning
	next     night // begins before this day ends
	outings  []outing
	heart    [minutesADay]float64 // beats a minute, by minute
	steps    [minutesADay / 5]float64
}

// outing is a workout in a day: from and to are its minutes since midnight.
type outing struct {
	session
	start    time.Time
	from, to int
	metres   []float64 // by stretch, see stretch
}

// stretch is how long a sample of workout_distance is.
const stretch = 20 * time.Second

// asleep tells whether the person is in bed at a time.
func (l *life) asleep(t time.Time) bool {
	return t.Before(l.last.stop) && !t.Before(l.last.start) || !t.Before(l.next.start)
}

// at is a minute of the day.
func (l *life) at(minute int) time.Time { return l.midnight.Add(time.Duration(minute) * time.Minute) }

// life is the person's local day number day. It is the same whenever it is
// asked for.
func (p *person) life(day int) *life {
	g, u := p.generator, p.user
	noon := p.on(day, 12)
	l := &life{last: g.night(u, noon), next: g.night(u, noon.Add(24*time.Hour))}
	l.midnight, l.date = u.day(noon)
	d := g.fixed(u.ID, "life", l.date)
	p.train(l, d, day)
	l.beat(d, g.personal(u, "heartrate", 70, 0.08))
	l.walk(d, g.personal(u, "steps", 55, 0.3))
	return l
}

// train plans the day's workout: on every third day, and on half of the
// others. Now and then it is sure to be swimming.
func (p *person) train(l *life, d dice, day int) {
	from := 60*pick(d, 7, 12, 17, 18) + d.IntN(60)
	sure := (p.index+day)%3 == 1
	if d.IntN(2) == 0 && !sure {
		return
	}
	plan := func() session { return p.generator.session(request{user: p.user, at: l.at(from)}, false) }
	s := plan()
	for sure && p.index%3 == 0 && s.sport.slug != "swimming" {
		from++
		s = plan()
	}
	o := outing{session: s, start: l.at(from), from: from, to: from + s.seconds/60}
	pace := p.generator.personal(p.user, "pace", s.sport.speed, 0.1) * stretch.Seconds()
	for range time.Duration(s.seconds) * time.Second / stretch {
		o.metres = append(o.metres, max(1, d.around(pace, pace*0.07, 1)))
	}
	l.outings = append(l.outings, o)
}

// beat draws the heart rate: low at night, above the level by day, and high in
// a workout, from which it recovers within half an hour.
func (l *life) beat(d dice, level float64) {
	for m := range l.heart {
		hour := float64(m) / 60
		rate, spread := level-11*math.Cos((hour-4)*math.Pi/12), 4.0
		if l.asleep(l.at(m)) {
			rate, spread = level-16+3*math.Cos(hour*math.Pi/3), 2
		}
		for _, o := range l.outings {
			switch effort := level + 72 - rate; {
			case m < o.from:
			case m < o.to:
				rate += effort * min(1, float64(m-o.from+1)/8)
			default:
				rate += effort * math.Exp(-float64(m-o.to+1)/9)
			}
		}
		l.heart[m] = min(195, max(38, d.around(rate, spread, 0)))
	}
}

// walk draws the steps of every bucket. Many a waking bucket has none; who
// runs has many.
func (l *life) walk(d dice, level float64) {
	for i := range l.steps {
		n, m := math.Round(level*d.ExpFloat64()), 5*i
		if l.asleep(l.at(m)) || d.IntN(4) == 0 {
			n = 0
		}
		for _, o := range l.outings {
			if o.sport.slug == "running" && m >= o.from && m < o.to {
				n = d.around(800, 30, 0)
			}
		}
		l.steps[i] = n
	}
}

// moved is what a day's steps sum up to: so many, metres and kcal.
func (l *life) moved() (steps, metres, energy float64) {
	for _, n := range l.steps {
		steps, metres, energy = steps+n, metres+metresOf(n), energy+energyOf(n)
	}
	return steps, round(metres, 1), round(energy, 1)
}

func metresOf(steps float64) float64 { return round(steps*0.74, 1) }
func energyOf(steps float64) float64 { return round(steps*0.042, 1) }

// pulse is the mean and the highest heart rate of an outing's samples.
func (l *life) pulse(o outing) (mean, highest float64) {
	within := l.heart[min(o.from, minutesADay):min(o.to, minutesADay)]
	for _, rate := range within {
		mean, highest = mean+rate, max(highest, rate)
	}
	return math.Round(mean / float64(max(1, len(within)))), highest
}

// length is the distance of an outing.
func (o outing) length() float64 {
	sum := 0.0
	for _, m := range o.metres {
		sum += m
	}
	return round(sum, 1)
}
