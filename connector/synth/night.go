package synth

import "time"

// Stage codes of sleep_cycle and hypnogram.
const (
	deep = 1 + iota
	light
	rem
	awake
)

// night is one night's sleep.
type night struct {
	id     string // of the sleep record
	date   string // local day of waking up
	start  time.Time
	stages []stage
}

// stage is a stretch of one kind of sleep, in seconds since the start.
type stage struct{ kind, from, to int }

// night is the user's night before the local day of at.
func (g *Generator) night(u User, at time.Time) night {
	midnight, date := u.day(at)
	n := night{id: g.recordID(u, "sleep", date), date: date}
	d := g.fixed(u.ID, "night", date)
	n.start = midnight.Add(-d.minutes(20, 120))
	add := func(kind, loMin, hiMin int) {
		from := n.seconds()
		n.stages = append(n.stages, stage{kind, from, from + 30*d.between(2*loMin, 2*hiMin)})
	}
	add(awake, 3, 20) // falling asleep
	for cycle := range d.between(4, 5) {
		add(light, 15, 35)
		add(deep, max(4, 25-6*cycle), max(8, 40-8*cycle)) // deep sleep comes early,
		add(light, 10, 25)
		add(rem, 6+5*cycle, 14+7*cycle) // dreams come late
		if d.IntN(2) == 0 {
			add(awake, 1, 9)
		}
	}
	return n
}

// seconds is how long the night is.
func (n night) seconds() int {
	if len(n.stages) == 0 {
		return 0
	}
	return n.stages[len(n.stages)-1].to
}

func (n night) stop() time.Time { return n.start.Add(time.Duration(n.seconds()) * time.Second) }

func (g *Generator) sleep(r request) record {
	n := g.night(r.user, r.at)
	in := map[int]int{}
	for _, s := range n.stages {
		in[s.kind] += s.to - s.from
	}
	asleep := in[deep] + in[light] + in[rem]
	lowest := int(g.personal(r.user, "heartrate", 50, 0.08)) + g.dice.between(-3, 3)
	return record{bucket: n.date, done: n.stop(), fields: object{
		"date": n.date + "T00:00:00+00:00", "calendar_date": n.date,
		"bedtime_start": stamp(n.start, r.gen), "bedtime_stop": stamp(n.stop(), r.gen),
		"type": "long_sleep", "state": "confirmed", "timezone_offset": r.user.UTCOffset,
		"duration": n.seconds(), "total": asleep,
		"awake": in[awake], "light": in[light], "rem": in[rem], "deep": in[deep],
		"latency":    n.stages[0].to,
		"efficiency": round(100*float64(asleep)/float64(n.seconds()), 1),
		"score":      g.dice.between(62, 94), "recovery_readiness_score": g.dice.between(55, 95),
		"hr_lowest": lowest, "hr_average": lowest + g.dice.between(4, 9), "hr_resting": lowest + g.dice.between(2, 5),
		"hr_dip":            g.dice.around(14, 3, 1),
		"average_hrv":       g.dice.around(g.personal(r.user, "hrv", 48, 0.3), 5, 0),
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
	return record{bucket: n.date, done: n.stop(), fields: object{
		"sleep_id":      n.id,
		"session_start": stamp(n.start, r.gen), "session_end": stamp(n.stop(), r.gen),
		"stage_start_offset_second": from, "stage_end_offset_second": to, "stage_type": kind,
		"time_zone": r.user.TimeZone,
	}}
}
