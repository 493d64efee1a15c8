package synth

import (
	"strings"
	"time"
)

// recipe is how to write a kind of summary.
type recipe struct {
	sourceType string
	write      func(request) record
	flat       []string // fields of the source that the record repeats as source_…
	since2025  []string // fields that earlier eras did not have
}

// record is a summary without what all summaries have.
type record struct {
	bucket string    // tells the records of a user and provider apart
	done   time.Time // when what it sums up was over
	fields object
}

func (g *Generator) recipeTable() map[string]recipe {
	flat := []string{"provider", "type", "app_id", "device_id"}
	newInBody := []string{"body_mass_index", "lean_body_mass_kilogram", "waist_circumference_centimeter", "bone_mass_percentage"}
	return map[string]recipe{
		"activity":          {"watch", g.activity, nil, nil},
		"sleep":             {"ring", g.sleep, nil, []string{"recovery_readiness_score"}},
		"sleep_cycle":       {"ring", g.sleepCycle, flat, nil},
		"workouts":          {"watch", g.workout, nil, nil},
		"body":              {"scale", g.body, nil, newInBody},
		"profile":           {"watch", g.profile, nil, nil},
		"meal":              {"app", g.meal, flat[2:], []string{"calendar_date"}},
		"menstrual_cycle":   {"ring", g.menstrualCycle, flat, nil},
		"electrocardiogram": {"watch", g.electrocardiogram, flat, nil},
	}
}

// recordID is the id of a record, the same whenever it is told of.
func (g *Generator) recordID(u User, resource, bucket string) string {
	return g.fixed(u.ID, resource, u.provider(g.recipes[resource].sourceType).Slug, bucket).uuid()
}

// summary writes a record and adds what all summaries have. created_at follows
// from the id and never changes; an update is later than it, and than r.at.
func (g *Generator) summary(r request, resource string, how recipe) (object, time.Time) {
	rec := how.write(r)
	d := rec.fields
	source := r.user.provider(how.sourceType).source(r.gen)
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
		for _, f := range how.since2025 {
			delete(d, f)
		}
	}
	if r.gen == Legacy2023 {
		d["user_key"] = g.userKey(r.user)
		return d, updated
	}
	for _, f := range how.flat {
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
	return record{date, midnight.Add(24 * time.Hour), object{
		"date": date + "T00:00:00+00:00", "calendar_date": date,
		"steps": steps, "distance": round(float64(steps)*0.74, 1), "floors_climbed": g.dice.between(0, 22),
		"calories_active": active, "calories_total": active + g.dice.around(1550, 40, 0),
		"low": g.dice.between(120, 260), "medium": g.dice.between(20, 80), "high": g.dice.between(0, 45),
		"time_zone": r.user.TimeZone, "timezone_offset": r.user.UTCOffset, "wheelchair_use": nil, "wheelchair_push": nil,
		"heart_rate": object{
			"avg_bpm": rest + 16, "min_bpm": rest - 6, "max_bpm": rest + float64(g.dice.between(70, 110)),
			"resting_bpm": rest, "avg_walking_bpm": rest + 36,
		},
	}}
}

func (g *Generator) body(r request) record {
	_, date := r.user.day(r.at)
	weight := g.dice.around(g.personal(r.user, "weight", 74, 0.12), 0.3, 1)
	fat := g.dice.around(g.personal(r.user, "fat", 24, 0.2), 0.4, 1)
	height := g.height(r.user)
	return record{date, r.at, object{
		"date": date + "T00:00:00+00:00", "calendar_date": date, "weight": weight, "fat": fat,
		"water_percentage": round((100-fat)*0.73, 1), "muscle_mass_percentage": round((100-fat)*0.94, 1),
		"visceral_fat_index": g.dice.around(7, 1, 1), "bone_mass_percentage": g.dice.around(3.9, 0.1, 1),
		"body_mass_index":                round(weight/(height*height)*1e4, 1),
		"lean_body_mass_kilogram":        round(weight*(100-fat)/100, 1),
		"waist_circumference_centimeter": g.dice.around(weight*0.6+40, 0.5, 1),
	}}
}

// height is a user's height in whole cm.
func (g *Generator) height(u User) float64 { return round(g.personal(u, "height", 171, 0.05), 0) }

// profile was first stored early in 2025 and never ends.
func (g *Generator) profile(r request) record {
	d := g.fixed(r.user.ID, "profile")
	sex := pick(d, "female", "male", "other")
	since := time.Date(2025, 1, 1+d.IntN(90), d.IntN(24), 0, 0, 0, time.UTC)
	born := time.Date(1950+d.IntN(55), 1, 1+d.IntN(365), 0, 0, 0, 0, time.UTC)
	return record{"", since, object{
		"height": g.height(r.user), "birth_date": born.Format(time.DateOnly), "gender": sex, "sex": sex, "wheelchair_use": nil,
	}}
}

// meal is one to three foods, its energy by Atwater's factors: 4 kcal a gram
// of carbohydrate and protein, 9 of fat.
func (g *Generator) meal(r request) record {
	menu := []struct {
		name                       string
		carbs, protein, fat, fibre float64 // g
		sodium                     float64 // mg
	}{
		{"Oat porridge", 54, 11, 6, 8, 120}, {"Lentil soup", 40, 18, 7, 13, 640}, {"Rye bread", 33, 6, 2, 6, 390},
		{"Green salad", 8, 3, 10, 4, 180}, {"Baked salmon", 0, 34, 18, 0, 95}, {"Plain yoghurt", 9, 8, 6, 0, 95},
	}
	nutrition := func(carbs, protein, fat, fibre, sodium float64) object {
		return object{
			"energy": object{"unit": "kcal", "value": 4*carbs + 4*protein + 9*fat},
			"macros": object{
				"carbs": carbs, "protein": protein, "fibre": fibre,
				"fats": object{"total": fat, "saturated": round(fat*0.3, 1), "omega3": round(fat*0.05, 1)},
			},
			"micros": object{"minerals": object{"sodium": sodium}, "trace_elements": object{}, "vitamins": object{}},
		}
	}
	foods, total := object{}, [5]float64{}
	for _, i := range g.dice.Perm(len(menu))[:g.dice.between(1, 3)] {
		f := menu[i]
		foods[f.name] = nutrition(f.carbs, f.protein, f.fat, f.fibre, f.sodium)
		for k, v := range []float64{f.carbs, f.protein, f.fat, f.fibre, f.sodium} {
			total[k] += v
		}
	}
	d := nutrition(total[0], total[1], total[2], total[3], total[4])
	bucket := r.at.Format(time.RFC3339)
	_, d["calendar_date"] = r.user.day(r.at)
	d["timestamp"], d["name"], d["data"] = stamp(r.at, r.gen), "Meal", foods
	d["provider_id"], d["priority_id"], d["source_id"] = g.recordID(r.user, "meal", bucket), 1, 1
	return record{bucket, r.at, d}
}

// menstrualCycle is the last cycle of 28 days that ended before r.at.
func (g *Generator) menstrualCycle(r request) record {
	const cycle = 28
	today, _ := r.user.day(r.at)
	begun := int(today.Unix()/86400) + g.fixed(r.user.ID, "cycle").IntN(cycle)
	start := today.AddDate(0, 0, -begun%cycle-cycle)
	date := func(day int) string {
		_, s := r.user.day(start.AddDate(0, 0, day))
		return s
	}
	flow, warmth := []object{}, []object{}
	for day, level := range []string{"light", "heavy", "heavy", "medium", "light"} {
		flow = append(flow, object{"date": date(day), "flow": level})
	}
	for day := range cycle {
		warmth = append(warmth, object{"date": date(day), "value": g.dice.around(36.4+0.3*float64(day*2/cycle), 0.07, 2)})
	}
	return record{date(0), start.AddDate(0, 0, cycle), object{
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
	d := object{
		"session_start": stamp(r.at, r.gen), "session_end": stamp(end, r.gen), "time_zone": r.user.TimeZone,
		"voltage_sample_count": seconds * hertz, "sampling_frequency_hz": hertz, "heart_rate_mean": g.dice.between(58, 84),
		"classification": "sinus_rhythm", "inconclusive_cause": nil, "algorithm_version": "2",
		"source_device_model": orNull(r.user.provider("watch").Device.Model),
	}
	if g.dice.IntN(4) == 0 {
		d["classification"], d["inconclusive_cause"] = "inconclusive", "poor_reading"
	}
	return record{r.at.Format(time.RFC3339), end, d}
}
