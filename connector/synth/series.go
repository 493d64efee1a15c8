package synth

import (
	"math"
	"time"
)

// series is what the samples of a resource look like, in the catalogue's unit.
type series struct {
	sourceType string        // watch if empty
	step       time.Duration // between samples, and the length of an interval
	mid        float64       // the level,
	person     float64       // the share of it by which people differ,
	swing      float64       // how far it is above mid at 16 o'clock and below it at 4,
	sd         float64       // and how far a sample strays
	burst      bool          // instead: exponential around mid, as counts of movement are
	min, max   float64       // max 0 is none
	digits     int           // after the point, as a device rounds
	day        bool          // only between 7 and 22 o'clock, local time
	kinds      []kind        // what the sample's type can be; none for most
}

// kind is one type of sample, with its own level if that is not 0.
type kind struct {
	name string
	mid  float64
}

// plain is a series that nobody described.
func plain() series { return series{step: 10 * time.Minute, mid: 50, sd: 10, digits: 1} }

// seriesTable describes the series of the catalogue.
func seriesTable() map[string]series {
	const (
		s = time.Second
		m = time.Minute
		h = time.Hour
	)
	once := series{step: 5 * h, mid: 1}
	return map[string]series{
		"heartrate":        {step: m, mid: 70, person: 0.08, swing: 13, sd: 4, min: 38, max: 195},
		"hrv":              {sourceType: "ring", step: 5 * m, mid: 48, person: 0.3, swing: -9, sd: 6, min: 8},
		"respiratory_rate": {sourceType: "ring", step: 5 * m, mid: 15, person: 0.08, swing: 0.8, sd: 0.6, digits: 1},
		"blood_oxygen":     {step: 30 * m, mid: 97, swing: 0.7, sd: 0.8, min: 85, max: 100},
		"stress_level":     {step: 15 * m, mid: 38, person: 0.2, swing: 14, sd: 9, max: 100},
		"glucose":          {sourceType: "automatic", step: 5 * m, mid: 5.9, person: 0.06, swing: 0.6, sd: 0.35, min: 4, max: 10, digits: 1},
		"blood_pressure":   {sourceType: "cuff", step: 8 * h, mid: 121, person: 0.07, swing: 6, sd: 5, min: 88, max: 185},

		"steps":             {step: 15 * m, mid: 140, burst: true, min: 1, max: 2400, day: true},
		"distance":          {step: 15 * m, mid: 105, burst: true, min: 0.7, max: 2200, digits: 1, day: true},
		"calories_active":   {step: 15 * m, mid: 6, burst: true, min: 0.1, max: 200, digits: 1, day: true},
		"calories_basal":    {step: h, mid: 65, person: 0.1, swing: 4, sd: 1, digits: 1},
		"floors_climbed":    {step: h, mid: 1.5, burst: true, min: 1, max: 30, day: true},
		"stand_duration":    {step: h, mid: 9, sd: 4, min: 1, day: true},
		"stand_hour":        {step: h, mid: 1, day: true, kinds: []kind{{"stood", 0}, {"idle", 0}}},
		"wheelchair_push":   {step: 15 * m, mid: 90, burst: true, min: 1, max: 900, day: true},
		"daylight_exposure": {step: h, mid: 11, burst: true, min: 1, max: 60, day: true},
		"uv_exposure":       {step: h, mid: 2, swing: 2, sd: 1, day: true},

		"workout_duration":               {step: h, mid: 24, sd: 9, min: 1, max: 60, day: true},
		"workout_distance":               {step: 20 * s, sd: 2, min: 1, digits: 1}, // its level is the sport's
		"workout_swimming_stroke":        {step: 30 * s, mid: 13, sd: 2, min: 4},
		"mindfulness_minutes":            {sourceType: "app", step: 4 * h, mid: 10, sd: 3, min: 1, day: true},
		"vo2_max":                        {step: 24 * h, mid: 41, person: 0.12, sd: 0.4, digits: 1},
		"heart_rate_recovery_one_minute": {step: 12 * h, mid: 29, person: 0.15, sd: 3, day: true},

		"weight":              {sourceType: "scale", step: 12 * h, mid: 74, person: 0.12, sd: 0.3, digits: 1, day: true},
		"fat":                 {sourceType: "scale", step: 12 * h, mid: 24, person: 0.2, sd: 0.4, digits: 1, day: true},
		"lean_body_mass":      {sourceType: "scale", step: 12 * h, mid: 55, person: 0.12, sd: 0.3, digits: 1, day: true},
		"body_mass_index":     {sourceType: "scale", step: 12 * h, mid: 24.4, person: 0.1, sd: 0.1, digits: 1, day: true},
		"waist_circumference": {sourceType: "scale", step: 12 * h, mid: 84, person: 0.1, sd: 0.5, digits: 1, day: true},

		"body_temperature":       {sourceType: "ring", step: h, mid: 36.6, swing: 0.25, sd: 0.1, digits: 1},
		"basal_body_temperature": {sourceType: "ring", step: 24 * h, mid: 36.4, sd: 0.12, digits: 2},
		"body_temperature_delta": {sourceType: "ring", step: h, swing: 0.1, sd: 0.15, min: -2, digits: 2},

		"carbohydrates": {sourceType: "app", step: 3 * h, mid: 38, burst: true, min: 1, max: 250, day: true},
		"water":         {sourceType: "app", step: 3 * h, mid: 240, burst: true, min: 50, max: 1500, day: true},
		"caffeine":      {sourceType: "app", step: 3 * h, mid: 0.09, sd: 0.03, min: 0.01, digits: 3, day: true},
		"insulin_injection": {sourceType: "insulin_pump", step: 4 * h, mid: 4, sd: 1.5, min: 0.1, digits: 2, day: true,
			kinds: []kind{{"rapid_acting", 0}, {"long_acting", 14}}},
		"cholesterol": {sourceType: "lab", step: h, sd: 0.2, min: 0.3, digits: 2, kinds: []kind{
			{"cholesterol/total", 4.9}, {"cholesterol/ldl", 2.9}, {"cholesterol/hdl", 1.4}, {"cholesterol/triglycerides", 1.2}}},
		"ige": {sourceType: "lab", step: h, mid: 9, burst: true, digits: 1, kinds: []kind{{"timothy_grass", 0}, {"birch_pollen", 0}}},
		"igg": {sourceType: "lab", step: h, mid: 12, burst: true, digits: 1, kinds: []kind{{"egg_white", 0}, {"wheat", 0}}},

		"electrocardiogram_voltage": {step: s / 512, mid: 0.02, sd: 0.03, min: -1, digits: 3, kinds: []kind{{"lead_1", 0}}},
		"afib_burden":               {step: 24 * h, mid: 2, burst: true, max: 100, digits: 1},
		"heart_rate_alert": {step: 6 * h, mid: 1, kinds: []kind{
			{"high_heart_rate", 0}, {"irregular_rhythm", 0}, {"low_heart_rate", 0}}},
		"sleep_apnea_alert":           once,
		"sleep_breathing_disturbance": {step: 24 * h, burst: true, kinds: []kind{{"not_elevated", 3}, {"elevated", 18}}},
		"fall":                        once,
		"handwashing":                 once,
		"inhaler_usage":               once,
		"note":                        {sourceType: "app", step: 4 * h, day: true},
		"hypnogram":                   {sourceType: "ring", step: 5 * m, mid: 2.4, sd: 0.9, min: deep, max: awake},

		"forced_expiratory_volume_1": {sourceType: "app", step: 8 * h, mid: 3.3, person: 0.12, sd: 0.1, digits: 2, day: true},
		"forced_vital_capacity":      {sourceType: "app", step: 8 * h, mid: 4.1, person: 0.12, sd: 0.1, digits: 2, day: true},
		"peak_expiratory_flow_rate":  {sourceType: "app", step: 8 * h, mid: 450, person: 0.12, sd: 15, day: true},
	}
}

// value draws one sample around mid, taken at a local time of day, in hours.
func (s series) value(d dice, mid, hour float64) float64 {
	v := mid - s.swing*math.Cos((hour-4)*math.Pi/12) + s.sd*d.NormFloat64()
	if s.burst {
		v = mid * d.ExpFloat64()
	}
	if v = max(s.min, v); s.max > 0 {
		v = min(s.max, v)
	}
	return round(v, s.digits)
}
