package synth

import (
	"math"
	"time"
)

// series is what the samples of a resource look like, in the catalogue's unit.
type series struct {
	sourceType string
	step       time.Duration // between samples, and the length of an interval
	mid        float64       // the level,
	person     float64       // the share of it by which people differ,
	swing      float64       // how far it is above mid in the afternoon and below it at night,
	sd         float64       // and how far a sample strays
	burst      bool          // instead: exponential around mid, as counts of movement are
	min, max   float64
	digits     int    // after the point, as a device rounds
	day        bool   // only between 7 and 22 o'clock, local time
	kinds      []kind // what the sample's type can be; none for most
}

// kind is one type of sample, with its own level if that is not 0.
type kind struct {
	name string
	mid  float64
}

// seriesTable holds a series for each resource that looks like anything. Others
// are numbers around 50.
func seriesTable() map[string]series {
	const (
		m = time.Minute
		h = time.Hour
	)
	one := series{sourceType: "watch", step: 5 * h, mid: 1, min: 1, max: 1}
	day := one
	day.day = true
	temperature := series{sourceType: "ring", step: h, mid: 36.6, swing: 0.25, sd: 0.1, min: 35, max: 40, digits: 1}
	stature := series{sourceType: "scale", step: 12 * h, min: 5, max: 300, digits: 1, day: true}
	lung := series{sourceType: "app", step: 8 * h, min: 1, max: 800, digits: 2, day: true}
	intake := series{sourceType: "app", step: 3 * h, burst: true, day: true, max: 5000}
	return map[string]series{
		"heartrate":        {sourceType: "watch", step: m, mid: 70, person: 0.08, swing: 13, sd: 4, min: 38, max: 195},
		"hrv":              {sourceType: "ring", step: 5 * m, mid: 48, person: 0.3, swing: -9, sd: 6, min: 8, max: 180},
		"respiratory_rate": {sourceType: "ring", step: 5 * m, mid: 15, person: 0.08, swing: 0.8, sd: 0.6, min: 8, max: 30, digits: 1},
		"blood_oxygen":     {sourceType: "watch", step: 30 * m, mid: 97, swing: 0.7, sd: 0.8, min: 85, max: 100},
		"stress_level":     {sourceType: "watch", step: 15 * m, mid: 38, person: 0.2, swing: 14, sd: 9, max: 100},
		"glucose":          {sourceType: "automatic", step: 5 * m, mid: 5.9, person: 0.06, swing: 0.6, sd: 0.35, min: 4, max: 10, digits: 1},
		"blood_pressure":   {sourceType: "cuff", step: 8 * h, mid: 121, person: 0.07, swing: 6, sd: 5, min: 88, max: 185},

		"steps":                   {sourceType: "watch", step: 15 * m, mid: 140, burst: true, min: 1, max: 2400, day: true},
		"distance":                {sourceType: "watch", step: 15 * m, mid: 105, burst: true, min: 0.7, max: 2200, digits: 1, day: true},
		"calories_active":         {sourceType: "watch", step: 15 * m, mid: 6, burst: true, min: 0.1, max: 200, digits: 1, day: true},
		"calories_basal":          {sourceType: "watch", step: h, mid: 65, person: 0.1, swing: 4, sd: 1, min: 30, max: 120, digits: 1},
		"floors_climbed":          {sourceType: "watch", step: h, mid: 1.5, burst: true, min: 1, max: 30, day: true},
		"stand_duration":          {sourceType: "watch", step: h, mid: 9, sd: 4, min: 1, max: 60, day: true},
		"stand_hour":              {sourceType: "watch", step: h, mid: 1, min: 1, max: 1, day: true, kinds: []kind{{"stood", 0}, {"idle", 0}}},
		"wheelchair_push":         {sourceType: "watch", step: 15 * m, mid: 90, burst: true, min: 1, max: 900, day: true},
		"workout_duration":        {sourceType: "watch", step: h, mid: 24, sd: 9, min: 1, max: 60, day: true},
		"workout_distance":        {sourceType: "watch", step: 20 * time.Second, mid: 56, sd: 5, min: 5, max: 250, digits: 1},
		"workout_swimming_stroke": {sourceType: "watch", step: 30 * time.Second, mid: 13, sd: 2, min: 4, max: 40},
		"mindfulness_minutes":     {sourceType: "app", step: 4 * h, mid: 10, sd: 3, min: 1, max: 60, day: true},
		"daylight_exposure":       {sourceType: "watch", step: h, mid: 11, burst: true, min: 1, max: 60, day: true},
		"uv_exposure":             {sourceType: "watch", step: h, mid: 2, swing: 2, sd: 1, max: 11, day: true},
		"vo2_max":                 {sourceType: "watch", step: 24 * h, mid: 41, person: 0.12, sd: 0.4, min: 18, max: 80, digits: 1},
		"heart_rate_recovery_one_minute": {
			sourceType: "watch", step: 12 * h, mid: 29, person: 0.15, sd: 3, min: 8, max: 70, day: true,
		},

		"weight":              stature.at(74, 0.12, 0.3),
		"fat":                 stature.at(24, 0.2, 0.4),
		"lean_body_mass":      stature.at(55, 0.12, 0.3),
		"body_mass_index":     stature.at(24.4, 0.1, 0.1),
		"waist_circumference": stature.at(84, 0.1, 0.5),

		"body_temperature":       temperature,
		"basal_body_temperature": {sourceType: "ring", step: 24 * h, mid: 36.4, sd: 0.12, min: 35, max: 38, digits: 2},
		"body_temperature_delta": {sourceType: "ring", step: h, swing: 0.1, sd: 0.15, min: -2, max: 2, digits: 2},

		"carbohydrates": intake.at(38, 0, 0),
		"water":         intake.at(240, 0, 0),
		"caffeine":      {sourceType: "app", step: 3 * h, mid: 0.09, sd: 0.03, min: 0.01, max: 0.4, digits: 3, day: true}, // g
		"insulin_injection": {
			sourceType: "insulin_pump", step: 4 * h, mid: 4, sd: 1.5, min: 0.1, max: 20, digits: 2, day: true,
			kinds: []kind{{"rapid_acting", 0}, {"long_acting", 14}},
		},
		"cholesterol": {
			sourceType: "lab", step: h, sd: 0.2, min: 0.3, max: 9, digits: 2,
			kinds: []kind{{"cholesterol/total", 4.9}, {"cholesterol/ldl", 2.9}, {"cholesterol/hdl", 1.4}, {"cholesterol/triglycerides", 1.2}},
		},
		"ige": {sourceType: "lab", step: h, mid: 9, burst: true, max: 120, digits: 1, kinds: []kind{{"timothy_grass", 0}, {"birch_pollen", 0}, {"cat_dander", 0}}},
		"igg": {sourceType: "lab", step: h, mid: 12, burst: true, max: 120, digits: 1, kinds: []kind{{"egg_white", 0}, {"wheat", 0}, {"cow_milk", 0}}},

		"electrocardiogram_voltage": {
			sourceType: "watch", step: time.Second / 512, mid: 0.02, sd: 0.03, min: -1, max: 3, digits: 3, kinds: []kind{{"lead_1", 0}},
		},
		"afib_burden":       {sourceType: "watch", step: 24 * h, mid: 2, burst: true, max: 100, digits: 1},
		"heart_rate_alert":  {sourceType: "watch", step: 6 * h, mid: 1, min: 1, max: 1, kinds: []kind{{"high_heart_rate", 0}, {"irregular_rhythm", 0}, {"low_heart_rate", 0}}},
		"sleep_apnea_alert": one,
		"sleep_breathing_disturbance": {
			sourceType: "watch", step: 24 * h, mid: 4, burst: true, max: 60, kinds: []kind{{"not_elevated", 3}, {"elevated", 18}},
		},
		"fall":         day,
		"handwashing":  day,
		"inhaler_usage": day,
		"note":         {sourceType: "app", step: 4 * h, day: true},
		"hypnogram":    {sourceType: "ring", step: 5 * m, mid: 2.4, sd: 0.9, min: deep, max: awake},

		"forced_expiratory_volume_1": lung.at(3.3, 0.12, 0.1),
		"forced_vital_capacity":      lung.at(4.1, 0.12, 0.1),
		"peak_expiratory_flow_rate":  lung.at(450, 0.12, 15),
	}
}

// at is the same series around another level.
func (s series) at(mid, person, sd float64) series {
	s.mid, s.person, s.sd = mid, person, sd
	return s
}

// value draws one sample taken at a local time of day, in hours.
func (s series) value(d dice, mid, hour float64) float64 {
	v := mid + s.swing*rhythm(hour) + s.sd*d.NormFloat64()
	if s.burst {
		v = mid * d.ExpFloat64()
	}
	return round(min(s.max, max(s.min, v)), s.digits)
}

// rhythm is how the body follows the clock: -1 at 4 in the morning, 1 at 16.
func rhythm(hour float64) float64 { return -math.Cos((hour - 4) * math.Pi / 12) }
