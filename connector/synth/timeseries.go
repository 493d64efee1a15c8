package synth

import (
	"cmp"
	"time"

	"vitalsink/schemas"
)

// samples is the data of a timeseries event, and when its last sample ended.
// The times of the samples follow from user, resource and r.at.
func (g *Generator) samples(r request, resource string) (object, time.Time) {
	s := g.sampler(r, resource)
	list, known := []object{}, r.at
	for i, t := range s.times(g.fixed(r.user.ID, s.name, r.at.Unix())) {
		list = append(list, s.sample(g.dice, i, t))
		known = t.Add(s.step)
	}
	return g.grouped(s, list), known
}

// grouped is samples beside what they have in common, as the era wrote it.
func (g *Generator) grouped(s *sampler, list []object) object {
	r, source := s.request, s.provider.source(s.gen)
	data := object{"source": source, "data": list}
	if r.gen == Legacy2023 && s.shape == schemas.BloodPressure && r.n == 1 {
		data = list[0]
		data["source"] = source
	}
	switch r.gen {
	case Modern:
		source["sport"], source["workout_id"] = nil, nil
	case Docs2024:
		data["user_id"], data["source_id"], data["provider"] = r.user.ID, 1, s.provider.display()
	case Legacy2023:
		data["user_id"], data["source_id"], data["user_key"] = r.user.ID, 1, g.userKey(r.user)
	}
	if s.workout.id != "" && r.gen != Legacy2023 {
		source["sport"], source["workout_id"] = s.workout.sport.slug, s.workout.id
	}
	return data
}

// sampler writes the samples of one event.
type sampler struct {
	series
	request
	name     string // the catalogue's, whatever the event type spells
	unit     string
	shape    schemas.Shape
	provider Provider
	level    float64 // the user's
	workout  session // of the series that belong to one
}

func (g *Generator) sampler(r request, resource string) *sampler {
	s := &sampler{request: r, name: resource, unit: "index", shape: schemas.Discrete, series: plain()}
	if res, ok := g.catalogue.Table(schemas.TimeseriesTable).Resource(resource); ok {
		s.name, s.unit, s.shape = res.Name, res.Unit, res.Shape
	}
	if described, ok := g.series[s.name]; ok {
		s.series = described
	}
	s.step = min(s.step, 24*time.Hour/time.Duration(max(1, r.n)))
	if s.step > time.Second {
		s.step = s.step.Truncate(time.Second)
	}
	s.step = max(time.Microsecond, s.step.Truncate(time.Microsecond))
	s.provider = r.user.provider(cmp.Or(s.sourceType, "watch"))
	s.level = g.personal(r.user, s.name, s.mid, s.person)
	switch s.name {
	case "workout_distance":
		s.workout = g.session(r, false)
		s.level = s.workout.sport.speed * s.step.Seconds()
	case "workout_swimming_stroke":
		s.workout = g.session(r, true)
	}
	return s
}

// times are n moments, each later than the one before: moments of measuring
// stray by up to a third of a step, intervals do not.
func (s *sampler) times(d dice) []time.Time {
	stray, micros := 1, time.Duration(0)
	if s.shape == schemas.Discrete || s.shape == schemas.BloodPressure {
		stray = max(1, int(s.step/(3*time.Second)))
	}
	if s.gen == Legacy2023 {
		micros = time.Duration(d.IntN(1e6)) * time.Microsecond
	}
	times := make([]time.Time, 0, s.n)
	for t := s.at; len(times) < s.n; t = t.Add(s.step) {
		if midnight, _ := s.user.day(t); s.day && s.hour(t) < 7 {
			t = midnight.Add(7 * time.Hour)
		} else if s.day && s.hour(t) >= 22 {
			t = midnight.Add(31 * time.Hour)
		}
		times = append(times, t.Add(time.Duration(d.IntN(stray))*time.Second+micros))
	}
	return times
}

// hour is the local time of day.
func (s *sampler) hour(t time.Time) float64 {
	midnight, _ := s.user.day(t)
	return t.Sub(midnight).Hours()
}

// sample is the sample number i, at t.
func (s *sampler) sample(d dice, i int, t time.Time) object {
	o := object{"unit": s.unit}
	s.setTime(o, i, t)
	level := s.level
	if len(s.kinds) > 0 {
		k := s.kinds[i%len(s.kinds)]
		o["type"], level = k.name, cmp.Or(k.mid, level)
	}
	s.setValue(o, d, t, s.value(d, level, s.hour(t)))
	s.setDetails(o, i)
	return o
}

// setTime writes the time as the era did, and what else only some eras had.
func (s *sampler) setTime(o object, i int, t time.Time) {
	if s.gen == Legacy2023 {
		o["id"], o["timestamp"], o["type"] = i+1, stamp(t, s.gen), s.provider.Type
		return
	}
	o["type"], o["timezone_offset"] = nil, nil
	interval := s.shape == schemas.Interval || s.shape == schemas.Text
	if interval {
		o["start"], o["end"] = stamp(t, s.gen), stamp(t.Add(s.step), s.gen)
	}
	if !interval || s.gen == Modern {
		o["timestamp"] = stamp(t, s.gen)
	}
	if s.gen == Modern {
		o["timezone_offset"] = s.user.UTCOffset
	}
}

func (s *sampler) setValue(o object, d dice, t time.Time, v float64) {
	switch {
	case s.shape == schemas.Text:
		o["value"] = pick(d, "Lunch was bigger than planned", "Walked home the long way", "Woke up twice", "Coffee after six again")
	case s.shape == schemas.BloodPressure:
		o["systolic"], o["diastolic"] = v, d.around(v*0.64, 3, 0)
		if s.gen == Legacy2023 {
			o["systolic"], o["diastolic"] = string(encode(v)), string(encode(o["diastolic"]))
		}
	case s.name == "electrocardiogram_voltage" && t.UnixMicro()%850_000 < 30_000:
		o["value"] = round(v+0.9, 3) // a beat
	default:
		o["value"] = v
	}
}

// setDetails writes the fields that only some resources have.
func (s *sampler) setDetails(o object, i int) {
	switch s.name {
	case "body_temperature":
		o["sensor_location"] = "finger"
	case "body_temperature_delta":
		o["sensor_location"] = "wrist"
	case "workout_duration":
		o["intensity"] = []string{"low", "medium", "high"}[i%3]
	case "note":
		field := "tags"
		if s.gen != Modern {
			field = "type" // where tags were before they had a field
		}
		o[field] = [][]string{{"food"}, {"exercise"}, {"food", "sleep"}}[i%3]
	case "insulin_injection":
		if s.gen != Modern {
			return
		}
		o["delivery_mode"], o["delivery_form"], o["bolus_purpose"] = "basal", nil, nil
		if o["type"] == "rapid_acting" {
			o["delivery_mode"], o["delivery_form"] = "bolus", []string{"standard", "extended"}[i/2%2]
			o["bolus_purpose"] = []string{"meal", "correction", "mixed"}[i/2%3]
		}
	}
}
