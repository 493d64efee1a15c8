package synth

import (
	"slices"
	"strings"
	"time"

	"vitalsink/schemas"
)

// person is a user of a population, with a generator of their own: nothing
// that is written for one person depends on another.
type person struct {
	index     int
	generator *Generator
	user      User
	era       Generation
	start     time.Time // first day of the population
}

// telling is an event that a person's devices give rise to.
type telling struct {
	event
	after time.Time   // when it can be told
	made  request     // asked again, it is another version
	part  *part       // of a track, else nil
	agree func(event) // makes it say what other events say; may be nil
	old   time.Time   // when it was published first, of what is replayed
}

// part is what a message tells of a track.
type part struct {
	track  track
	points []point
	digits int
}

// person is the user at an index, about to live the given day. Most people's
// events are Modern; every fifth's, the third's first, are Docs2024.
func (p *Population) person(cat *schemas.Catalogue, index, day int) *person {
	g := New(p.Seed, cat)
	g.dice = g.fixed("user", index)
	one := &person{index: index, generator: g, user: g.User(), start: p.Start.UTC().Truncate(24 * time.Hour)}
	if index%5 == 2 {
		one.era = Docs2024
	}
	g.dice = g.fixed("measurements", index, day)
	return one
}

// on is a local hour of a day.
func (p *person) on(day, hour int) time.Time {
	return p.start.AddDate(0, 0, day).Add(time.Duration(hour)*time.Hour - time.Duration(p.user.UTCOffset)*time.Second)
}

// day is what is told of a day, and of what was before the first.
func (p *person) day(day int) []telling {
	l := p.life(day)
	var all []telling
	if day == 0 {
		all = p.first()
	}
	all = append(all, p.syncs(l)...)
	all = append(all, p.morning(l)...)
	all = append(all, p.workouts(l)...)
	all = append(all, p.records(l, day)...)
	return append(all, p.rarities(day)...)
}

// asked is a request for an event of the person's era.
func (p *person) asked(eventType string, at time.Time, n int) request {
	return request{eventType, p.era, p.user, at, n}
}

// say is an event that is told as soon as it is known.
func (p *person) say(eventType string, at time.Time, n int) telling {
	return p.agreed(eventType, at, n, nil)
}

// agreed is an event that has to say what others say.
func (p *person) agreed(eventType string, at time.Time, n int, agree func(event)) telling {
	t := telling{made: p.asked(eventType, at, n), agree: agree}
	t.event = p.version(t)
	t.after = t.known
	return t
}

// version is another version of an event, or the first.
func (p *person) version(t telling) event {
	if t.part != nil {
		return p.generator.track(t.made, t.part)
	}
	e := p.generator.event(t.made)
	if t.agree != nil {
		t.agree(e)
	}
	return e
}

// again is a later version: a record as of later, samples with other values.
func (p *person) again(t telling, d dice) event {
	t.made.eventType = strings.TrimSuffix(t.made.eventType, ".created") + ".updated"
	if t.part != nil {
		t.part = &part{t.part.track, corrected(t.part.points, d, t.part.digits), t.part.digits}
	}
	e := p.version(t)
	if record, ok := e.body["data"].(object); ok && record["updated_at"] != nil {
		p.blur(record, e.known, d)
	}
	return e
}

// blur is what goes wrong with the times of some records: created_at gets
// lost, or is of another hour, the clock that wrote updated_at is ahead. The
// day of created_at stays: Junction promises that, and merges prune by it.
func (p *person) blur(record object, known time.Time, d dice) {
	at := func(hour string) {
		if created, ok := record["created_at"].(string); ok {
			record["created_at"] = created[:len("2006-01-02T")] + hour + created[len("2006-01-02T15:04:05"):]
		}
	}
	switch d.IntN(10) {
	case 0:
		record["created_at"] = nil
	case 1, 2:
		at("23:59:59")
	case 3:
		at("00:00:01")
	case 4:
		record["updated_at"] = stamp(known.Add(60*24*time.Hour), p.era)
	}
}

// tell is some of a track, at a time.
func (p *person) tell(t track, points []point, now time.Time) telling {
	r := p.asked("daily.data."+t.resource+".created", points[0].at, len(points))
	if last := points[len(points)-1]; !last.sealed && p.generator.dice.IntN(40) == 0 {
		last.value++ // a stutter: the same sample twice, and the later counts
		points = append(points, last)
	}
	part := &part{t, points, p.generator.series[t.resource].digits}
	return telling{event: p.generator.track(r, part), after: now, made: r, part: part}
}

// track is an event of some of a track's points.
func (g *Generator) track(r request, part *part) event {
	s := g.sampler(r, part.track.resource)
	s.step, s.workout = part.track.step, part.track.bound
	list := make([]object, len(part.points))
	for i, p := range part.points {
		o := object{"unit": s.unit}
		s.setTime(o, i, p.at)
		o["value"] = p.value
		list[i] = o
	}
	last := part.points[len(part.points)-1].at.Add(s.step)
	return event{r.eventType, g.envelope(r, g.grouped(s, list)), last}
}

// syncs are the device's four to six reports of a day.
func (p *person) syncs(l *life) []telling {
	d := p.generator.fixed(p.user.ID, "syncs", l.date)
	hours := pick(d, []int{6, 10, 14, 19, 24}, []int{7, 12, 18, 24}, []int{5, 9, 12, 16, 20, 24})
	tracks := p.dayTracks(l)
	var all []telling
	from := l.midnight
	for i, hour := range hours {
		to := l.midnight.Add(time.Duration(hour) * time.Hour)
		if i < len(hours)-1 {
			to = to.Add(d.minutes(-25, 25))
		}
		for _, t := range tracks {
			if points := t.between(from, to, p.generator.series[t.resource].digits); len(points) > 0 {
				all = append(all, p.tell(t, points, to))
			}
		}
		from = to
	}
	return all
}

// morning is the night, as the ring tells it after waking up.
func (p *person) morning(l *life) []telling {
	up := l.last.stop
	var all []telling
	for _, t := range p.nightTracks(l) {
		all = append(all, p.tell(t, t.points, up))
	}
	ring := p.nightly(l, "hypnogram", bucket) // the ring's own heart rate
	ring.resource = "heartrate"
	for i := range ring.points {
		ring.points[i].value = max(38, min(90, 40+4*ring.points[i].value))
	}
	onRing := *p
	onRing.user.Providers = []Provider{p.user.provider("ring")}
	all = append(all, onRing.tell(ring, ring.points, up))
	return append(all,
		p.say("daily.data.sleep.created", up, 0), p.say("daily.data.sleep_cycle.created", up, 0))
}

// workouts are the records of the day's workouts and the series that belong
// to them.
func (p *person) workouts(l *life) []telling {
	var all []telling
	for _, o := range l.outings {
		record := p.agreed("daily.data.workouts.created", o.start, 0, func(e event) { o.sumUp(e.record(), l) })
		t := o.covered()
		all = append(all, record, p.tell(t, t.points, l.at(o.to)), p.say("daily.data.workout_stream.created", o.start, 0))
		if o.sport.slug == "swimming" {
			all = append(all, p.say("daily.data.workout_swimming_stroke.created", o.start, o.seconds/30))
		}
	}
	return all
}

// sumUp makes a workout's record say what its samples say.
func (o outing) sumUp(d object, l *life) {
	mean, highest := l.pulse(o)
	length := o.length()
	speed := round(length/float64(o.seconds), 2)
	d["average_hr"], d["max_hr"] = mean, highest
	d["moving_time"], d["distance"], d["average_speed"], d["max_speed"] = o.seconds, length, speed, round(speed*1.4, 2)
}

// records are the day's other summaries.
func (p *person) records(l *life, day int) []telling {
	all := []telling{p.agreed("daily.data.activity.created", l.at(12*60), 0, func(e event) {
		l.sumUp(e.record())
		p.surprise(e.record())
	})}
	for _, hour := range []int{8, 13, 19} {
		at := l.at(60*hour + p.generator.dice.IntN(40))
		all = append(all, p.say("daily.data.meal.created", at, 0))
	}
	if (day+p.index)%3 == 0 {
		all = append(all, p.say("daily.data.body.created", l.at(7*60+15), 0))
	}
	return all
}

// surprise is what some providers send: a field that no catalogue has, a value
// that does not fit its column.
func (p *person) surprise(d object) {
	switch p.index % 4 {
	case 0:
		d["cardio_load"] = object{"band": "moderate", "points": d["medium"]}
	case 3:
		d["floors_climbed"] = 2.5
	}
}

// record is the data of a summary.
func (e event) record() object { return e.body["data"].(object) }

// sumUp makes the record of a day's activity say what its samples say.
func (l *life) sumUp(d object) {
	steps, metres, energy := l.moved()
	rest := d["calories_total"].(float64) - d["calories_active"].(float64)
	d["steps"], d["distance"], d["calories_active"], d["calories_total"] = steps, metres, energy, round(energy+rest, 1)
	heart := d["heart_rate"].(object)
	sum := 0.0
	for _, rate := range l.heart {
		sum += rate
	}
	heart["min_bpm"], heart["max_bpm"] = slices.Min(l.heart[:]), slices.Max(l.heart[:])
	heart["avg_bpm"] = round(sum/minutesADay, 1)
}
