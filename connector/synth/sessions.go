package synth

import (
	"strings"
	"time"
)

// Stage codes of sleep_cycle and hypnogram.
const (
	deep = 1 + iota
	light
	rem
	awake
)

// night is one night's sleep: sleep sums up what sleep_cycle lists.
type night struct {
	date        string // local day of waking up
	start, stop time.Time
	stages      []stage
	in          map[int]int // seconds by kind of stage
}

// stage is a stretch of one kind of sleep, in seconds since the start.
type stage struct{ kind, from, to int }

// night is the user's night before the local day of at.
func (g *Generator) night(u User, at time.Time) night {
	midnight, date := u.day(at)
	d := g.fixed(u.ID, "night", date)
	n := night{date: date, start: midnight.Add(-d.minutes(20, 120)), in: map[int]int{}}
	length := 0
	add := func(kind, loMin, hiMin int) {
		s := stage{kind, length, length + 30*d.between(2*loMin, 2*hiMin)}
		n.stages, length = append(n.stages, s), s.to
		n.in[kind] += s.to - s.from
	}
	add(awake, 3, 20) // falling asleep
	for cycle := range d.between(4, 5) {
		add(light, 15, 35)
		add(deep, 20-4*cycle, 40-8*cycle) // deep sleep comes early,
		add(light, 10, 25)
		add(rem, 6+5*cycle, 14+7*cycle) // dreams come late
		if d.IntN(2) == 0 {
			add(awake, 1, 9)
		}
	}
	n.stop = n.start.Add(time.Duration(length) * time.Second)
	return n
}

func (g *Generator) sleep(r request) record {
	n := g.night(r.user, r.at)
	asleep := n.in[deep] + n.in[light] + n.in[rem]
	lowest := int(g.personal(r.user, "heartrate", 50, 0.08)) + g.dice.between(-3, 3)
	return record{n.date, n.stop, object{
		"date": n.date + "T00:00:00+00:00", "calendar_date": n.date, "timezone_offset": r.user.UTCOffset,
		"bedtime_start": stamp(n.start, r.gen), "bedtime_stop": stamp(n.stop, r.gen),
		"type": "long_sleep", "state": "confirmed", "duration": asleep + n.in[awake], "total": asleep,
		"awake": n.in[awake], "light": n.in[light], "rem": n.in[rem], "deep": n.in[deep], "latency": n.stages[0].to,
		"efficiency": round(100*float64(asleep)/float64(asleep+n.in[awake]), 1),
		"score":      g.dice.between(62, 94), "recovery_readiness_score": g.dice.between(55, 95),
		"hr_lowest": lowest, "hr_average": lowest + g.dice.between(4, 9), "hr_resting": lowest + g.dice.between(2, 5),
		"hr_dip": g.dice.around(14, 3, 1), "average_hrv": g.dice.around(g.personal(r.user, "hrv", 48, 0.3), 4, 0),
		"respiratory_rate":  g.dice.around(14.5, 0.7, 1),
		"temperature_delta": g.dice.around(0, 0.2, 2), "skin_temperature": g.dice.around(34.8, 0.4, 1),
	}}
}

func (g *Generator) sleepCycle(r request) record {
	n := g.night(r.user, r.at)
	var from, to, kind []int
	for _, s := range n.stages {
		from, to, kind = append(from, s.from), append(to, s.to), append(kind, s.kind)
	}
	return record{n.date, n.stop, object{
		"sleep_id": g.recordID(r.user, "sleep", n.date), "time_zone": r.user.TimeZone,
		"session_start": stamp(n.start, r.gen), "session_end": stamp(n.stop, r.gen),
		"stage_start_offset_second": from, "stage_end_offset_second": to, "stage_type": kind,
	}}
}

// session is the workout that a user begins at some time. Its record, stream
// and samples agree on it.
type session struct {
	id, bucket string
	sport      sport
	seconds    int
}

type sport struct {
	id         int
	slug, name string
	speed      float64 // m/s
}

func (s sport) object() object { return object{"id": s.id, "name": s.name, "slug": s.slug} }

// session is of a sport by chance, or of swimming.
func (g *Generator) session(r request, swims bool) session {
	minute := r.at.Truncate(time.Minute).Format(time.RFC3339)
	d := g.fixed(r.user.ID, "session", minute)
	s := session{seconds: 60 * d.between(25, 80)}
	sports := []sport{{1, "running", "Running", 2.8}, {2, "cycling", "Cycling", 6.9}, {3, "swimming", "Swimming", 0.9}}
	s.sport = pick(d, sports...)
	if swims {
		s.sport = sports[2]
	}
	s.bucket = s.sport.slug + minute
	s.id = g.recordID(r.user, "workouts", s.bucket)
	return s
}

func (g *Generator) workout(r request) record {
	s := g.session(r, false)
	end := r.at.Add(time.Duration(s.seconds) * time.Second)
	moving := s.seconds - g.dice.between(0, 240)
	speed := g.dice.around(s.sport.speed, s.sport.speed*0.06, 2)
	hr := g.dice.between(118, 148)
	_, date := r.user.day(r.at)
	d := object{
		"title": s.sport.name, "sport": s.sport.object(), "calendar_date": date, "provider_id": s.id[:8],
		"time_start": stamp(r.at, r.gen), "time_end": stamp(end, r.gen), "timezone_offset": r.user.UTCOffset,
		"moving_time": moving, "distance": round(speed*float64(moving), 1),
		"average_speed": speed, "max_speed": round(speed*1.4, 2),
		"average_hr": hr, "max_hr": hr + g.dice.between(18, 40), "hr_zones": zones(s.seconds),
		"calories": s.seconds / 60 * g.dice.between(8, 12), "map": nil, "steps": nil, "average_watts": nil,
	}
	if s.sport.slug != "swimming" {
		low, gain := g.dice.around(120, 40, 1), g.dice.between(10, 140)
		d["total_elevation_gain"], d["elev_low"], d["elev_high"] = gain, low, round(low+float64(gain)*0.6, 1)
		d["map"] = object{"polyline": g.polyline(60), "summary_polyline": g.polyline(12)}
	}
	switch s.sport.slug {
	case "running":
		d["steps"] = moving * 8 / 3
	case "cycling":
		w := g.dice.between(130, 210)
		d["average_watts"], d["max_watts"], d["weighted_average_watts"] = w, 3*w, w+12
	}
	return record{s.bucket, end, d}
}

// zones shares seconds out over six heart-rate zones, most to the middle.
func zones(seconds int) []int {
	var out []int
	left := seconds
	for _, percent := range []int{8, 20, 40, 55, 80, 100} { // of what is left
		out = append(out, left*percent/100)
		left -= left * percent / 100
	}
	return out
}

// polyline is an encoded walk of n steps near 0°N 0°E, where nobody lives: a
// character from 63 to 94 is one coordinate's step of at most 0.00016°.
func (g *Generator) polyline(n int) string {
	var b strings.Builder
	for range 2 * n {
		b.WriteByte(byte(63 + g.dice.IntN(32)))
	}
	return b.String()
}
