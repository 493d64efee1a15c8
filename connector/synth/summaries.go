package synth

import (
	"strings"
	"time"
)

// recipe is how to write a kind of summary.
type recipe struct {
	sourceType string
	flat       []string // fields of the source that the record repeats as source_…
	since2025  []string // fields that earlier eras did not have
	write      func(request) record
}

// record is a summary without what all summaries have.
type record struct {
	bucket string    // tells the records of a user and provider apart
	done   time.Time // when what it sums up was over
	fields object
}

func (g *Generator) recipes() map[string]recipe {
	all := []string{"provider", "type", "app_id", "device_id"}
	return map[string]recipe{
		"activity":    {sourceType: "watch", write: g.activity},
		"sleep":       {sourceType: "ring", write: g.sleep, since2025: []string{"recovery_readiness_score"}},
		"sleep_cycle": {sourceType: "ring", write: g.sleepCycle, flat: all},
		"workouts":    {sourceType: "watch", write: g.workout},
		"body": {sourceType: "scale", write: g.body, since2025: []string{
			"body_mass_index", "lean_body_mass_kilogram", "waist_circumference_centimeter",
			"visceral_fat_index", "bone_mass_percentage",
		}},
		"profile":           {sourceType: "watch", write: g.profile},
		"meal":              {sourceType: "app", write: g.meal, flat: all[2:], since2025: []string{"calendar_date"}},
		"menstrual_cycle":   {sourceType: "ring", write: g.menstrualCycle, flat: all},
		"electrocardiogram": {sourceType: "watch", write: g.electrocardiogram, flat: all},
	}
}

// recordID is the id of a record, the same whenever it is told of.
func (g *Generator) recordID(u User, resource, bucket string) string {
	return g.fixed(u.ID, resource, u.provider(g.summaries[resource].sourceType).Slug, bucket).uuid()
}

// summary writes a record and adds what all summaries have. created_at follows
// from the id and never changes; an update is later than it, and than r.at.
func (g *Generator) summary(r request, resource string, make recipe) (object, time.Time) {
	rec := make.write(r)
	source := r.user.provider(make.sourceType).source(r.gen)
	d := rec.fields
	id := g.recordID(r.user, resource, rec.bucket)
	d["id"], d["user_id"], d["source"] = id, r.user.ID, source
	created := rec.done.Add(g.fixed(id, "created").minutes(2, 40))
	updated := created
	if strings.HasSuffix(r.eventType, ".updated") {
		updated = later(created, r.at).Add(g.dice.minutes(60, 600))
	}
	if r.gen == Modern {
		d["created_at"], d["updated_at"] = stamp(created, r.gen), stamp(updated, r.gen)
	} else {
		for _, f := range make.since2025 {
			delete(d, f)
		}
	}
	if r.gen == Legacy2023 {
		d["user_key"] = g.userKey(r.user)
		return d, updated
	}
	for _, f := range make.flat {
		d["source_"+f] = source[f]
	}
	return d, updated
}

// userKey is the second user id that events had until 2023.
func (g *Generator) userKey(u User) string { return g.fixed(u.ID, "key").uuid() }

func (g *Generator) activity(r request) record {
	midnight, date := r.user.day(r.at)
	steps := g.dice.between(3000, 14000)
	active := round(float64(steps)*0.042, 0)
	rest := g.dice.around(g.personal(r.user, "heartrate", 58, 0.08), 1, 0)
	return record{bucket: date, done: midnight.Add(24 * time.Hour), fields: object{
		"date": date + "T00:00:00+00:00", "calendar_date": date,
		"steps": steps, "distance": round(float64(steps)*0.74, 1), "daily_movement": round(float64(steps)*0.7, 0),
		"calories_active": active, "calories_total": active + g.dice.around(1550, 40, 0),
		"low": g.dice.between(120, 260), "medium": g.dice.between(20, 80), "high": g.dice.between(0, 45),
		"floors_climbed": g.dice.between(0, 22),
		"time_zone":      r.user.TimeZone, "timezone_offset": r.user.UTCOffset,
		"heart_rate": object{
			"avg_bpm": rest + 16, "min_bpm": rest - 6, "max_bpm": rest + float64(g.dice.between(70, 110)),
			"resting_bpm": rest, "avg_walking_bpm": rest + 36,
		},
		"wheelchair_use": nil, "wheelchair_push": nil,
	}}
}

// session is the workout that a user begins at some time. The records, stream
// and samples of a workout agree on it.
type session struct {
	id      string
	sport   sport
	seconds int
}

type sport struct {
	slug, name string
	speed      float64 // m/s
}

func (s sport) object() object { return object{"id": len(s.slug), "name": s.name, "slug": s.slug} }

// session chooses a sport unless one is given.
func (g *Generator) session(r request, slug string) session {
	minute := r.at.Truncate(time.Minute).Format(time.RFC3339)
	d := g.fixed(r.user.ID, "session", minute)
	s := session{seconds: 60 * d.between(25, 80)}
	sports := []sport{{"running", "Running", 2.8}, {"cycling", "Cycling", 6.9}, {"swimming", "Swimming", 0.9}}
	s.sport = pick(d, sports)
	for _, sp := range sports {
		if sp.slug == slug {
			s.sport = sp
		}
	}
	s.id = g.recordID(r.user, "workouts", s.bucket(r))
	return s
}

func (s session) bucket(r request) string {
	return s.sport.slug + r.at.Truncate(time.Minute).Format(time.RFC3339)
}

func (g *Generator) workout(r request) record {
	s := g.session(r, "")
	end := r.at.Add(time.Duration(s.seconds) * time.Second)
	moving := s.seconds - g.dice.between(0, 240)
	speed := max(0.5, g.dice.around(s.sport.speed, s.sport.speed*0.06, 2))
	hr := g.dice.between(118, 148)
	var zones []int
	for left, i := s.seconds, 0; i < 6; i++ {
		share := left * []int{8, 20, 40, 55, 80, 100}[i] / 100
		zones, left = append(zones, share), left-share
	}
	_, date := r.user.day(r.at)
	f := object{
		"title": s.sport.name, "sport": s.sport.object(), "calendar_date": date,
		"time_start": stamp(r.at, r.gen), "time_end": stamp(end, r.gen), "timezone_offset": r.user.UTCOffset,
		"moving_time": moving, "distance": round(speed*float64(moving), 1),
		"average_speed": speed, "max_speed": round(speed*1.4, 2),
		"average_hr": hr, "max_hr": hr + g.dice.between(18, 40), "hr_zones": zones,
		"calories": float64(s.seconds / 60 * g.dice.between(8, 12)), "provider_id": s.id[:8],
		"total_elevation_gain": nil, "elev_high": nil, "elev_low": nil, "steps": nil, "map": nil,
		"average_watts": nil, "device_watts": nil, "max_watts": nil, "weighted_average_watts": nil,
	}
	if s.sport.slug != "swimming" {
		low := g.dice.around(120, 40, 1)
		gain := g.dice.between(10, 140)
		f["total_elevation_gain"], f["elev_low"], f["elev_high"] = gain, low, round(low+float64(gain)*0.6, 1)
		f["map"] = object{"polyline": g.polyline(60), "summary_polyline": g.polyline(12)}
	}
	if s.sport.slug == "running" {
		f["steps"] = moving * 8 / 3
	}
	if s.sport.slug == "cycling" {
		w := g.dice.between(130, 210)
		f["average_watts"], f["device_watts"], f["max_watts"], f["weighted_average_watts"] = w, w, 3*w, w+12
	}
	return record{bucket: s.bucket(r), done: end, fields: f}
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

func (g *Generator) body(r request) record {
	_, date := r.user.day(r.at)
	weight := g.dice.around(g.personal(r.user, "weight", 74, 0.12), 0.4, 1)
	fat := g.dice.around(g.personal(r.user, "fat", 24, 0.2), 0.4, 1)
	height := g.height(r.user)
	return record{bucket: date, done: r.at, fields: object{
		"date": date + "T00:00:00+00:00", "calendar_date": date,
		"weight": weight, "fat": fat,
		"water_percentage": round((100-fat)*0.73, 1), "muscle_mass_percentage": round((100-fat)*0.94, 1),
		"visceral_fat_index": g.dice.around(7, 1, 1), "bone_mass_percentage": g.dice.around(3.9, 0.1, 1),
		"body_mass_index":                round(weight/(height*height)*1e4, 1),
		"lean_body_mass_kilogram":        round(weight*(100-fat)/100, 1),
		"waist_circumference_centimeter": g.dice.around(g.personal(r.user, "waist_circumference", 84, 0.1), 0.5, 1),
	}}
}

// height is a user's height in whole cm.
func (g *Generator) height(u User) float64 { return round(g.personal(u, "height", 171, 0.05), 0) }

// profile was first stored early in 2025 and never ends.
func (g *Generator) profile(r request) record {
	d := g.fixed(r.user.ID, "profile")
	sex := pick(d, []string{"female", "male", "other"})
	since := time.Date(2025, 1, 1+d.IntN(90), d.IntN(24), 0, 0, 0, time.UTC)
	born := time.Date(1950+d.IntN(55), 1, 1+d.IntN(365), 0, 0, 0, 0, time.UTC)
	return record{done: since, fields: object{
		"height": g.height(r.user), "birth_date": born.Format(time.DateOnly),
		"gender": sex, "sex": sex, "wheelchair_use": nil,
	}}
}

// menstrualCycle is the last cycle of 28 days that ended before r.at.
func (g *Generator) menstrualCycle(r request) record {
	const cycle = 28
	d := g.fixed(r.user.ID, "cycle")
	today, _ := r.user.day(r.at)
	days := int(today.Unix()/86400) - d.IntN(cycle)
	start := today.AddDate(0, 0, -days%cycle-cycle)
	date := func(day int) string {
		_, s := r.user.day(start.AddDate(0, 0, day))
		return s
	}
	flow, warmth := []object{}, []object{}
	for day, level := range []string{"light", "heavy", "heavy", "medium", "light"} {
		flow = append(flow, object{"date": date(day), "flow": level})
	}
	for day := range cycle {
		rise := map[bool]float64{true: 0.3}[day > cycle/2]
		warmth = append(warmth, object{"date": date(day), "value": g.dice.around(36.4+rise, 0.07, 2)})
	}
	return record{bucket: date(0), done: start.AddDate(0, 0, cycle), fields: object{
		"period_start": date(0), "period_end": date(4), "cycle_end": date(cycle - 1), "is_predicted": false,
		"menstrual_flow": flow, "basal_body_temperature": warmth,
		"cervical_mucus":          []object{{"date": date(12), "quality": "creamy"}, {"date": date(14), "quality": "egg_white"}},
		"ovulation_test":          []object{{"date": date(13), "test_result": "luteinizing_hormone_surge"}},
		"intermenstrual_bleeding": []object{}, "contraceptive": []object{}, "detected_deviations": []object{},
		"home_pregnancy_test": []object{}, "home_progesterone_test": []object{}, "sexual_activity": []object{},
	}}
}

func (g *Generator) electrocardiogram(r request) record {
	const seconds, hertz = 30, 512
	end := r.at.Add(seconds * time.Second)
	class := pick(g.dice, []string{"sinus_rhythm", "sinus_rhythm", "sinus_rhythm", "atrial_fibrillation", "inconclusive"})
	f := object{
		"session_start": stamp(r.at, r.gen), "session_end": stamp(end, r.gen),
		"voltage_sample_count": seconds * hertz, "sampling_frequency_hz": hertz,
		"heart_rate_mean": g.dice.between(58, 84), "classification": class, "inconclusive_cause": nil,
		"algorithm_version": "2", "time_zone": r.user.TimeZone,
		"source_device_model": orNull(r.user.provider("watch").Device.Model),
	}
	if class == "inconclusive" {
		f["inconclusive_cause"] = "poor_reading"
	}
	return record{bucket: r.at.Format(time.RFC3339), done: end, fields: f}
}
