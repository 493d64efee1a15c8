package synth

import (
	"time"

	"vitalsink/schemas"
)

// samples is the data of a timeseries event, and when its last sample ended.
// The times of the samples follow from user, resource and r.at.
func (g *Generator) samples(r request, resource string) (object, time.Time) {
	s := g.sampler(r, resource)
	source := s.provider.source(r.gen)
	known := r.at
	list := []object{}
	times := s.times(g.fixed(r.user.ID, s.name, "times", r.at.Unix()))
	for i, t := range times {
		list = append(list, s.sample(g.dice, i, t))
		known = t.Add(s.step)
	}
	data := object{"source": source, "data": list}
	switch {
	case r.gen == Legacy2023 && s.shape == schemas.BloodPressure && r.n == 1:
		data = list[0] // the oldest form: the sample is the data
		data["source"], data["user_id"] = source, r.user.ID
		data["user_key"] = g.userKey(r.user)
	case r.gen == Legacy2023:
		data["user_id"], data["user_key"], data["source_id"] = r.user.ID, g.userKey(r.user), 1
	case r.gen == Docs2024:
		data["user_id"], data["provider"], data["source_id"] = r.user.ID, s.provider.display(), 1
		s.bind(source)
	default:
		source["sport"], source["workout_id"] = nil, nil
		s.bind(source)
	}
	return data, known
}

// sampler writes the samples of one event.
type sampler struct {
	series
	request
	name     string // the catalogue's, whatever the event type spells
	unit     string
	shape    schemas.Shape
	provider Provider
	level    float64  // the user's
	workout  *session // of the series that belong to one
}

func (g *Generator) sampler(r request, resource string) *sampler {
	s := &sampler{request: r, name: resource, unit: "index", shape: schemas.Discrete}
	if res, ok := g.catalogue.Table(schemas.TimeseriesTable).Resource(resource); ok {
		s.name, s.unit, s.shape = res.Name, res.Unit, res.Shape
	}
	var ok bool
	if s.series, ok = g.series[s.name]; !ok {
		s.series = series{sourceType: "watch", step: 10 * time.Minute, mid: 50, sd: 10, max: 100, digits: 1}
	}
	if s.step > 24*time.Hour/time.Duration(max(1, r.n)) {
		s.step = max(time.Microsecond, (24 * time.Hour / time.Duration(r.n)).Truncate(time.Microsecond))
	}
	if s.step > time.Second {
		s.step = s.step.Truncate(time.Second)
	}
	s.provider = r.user.provider(s.sourceType)
	s.level = g.personal(r.user, s.name, s.mid, s.person)
	switch s.name {
	case "workout_distance":
		session := g.session(r, "")
		s.workout = &session
	case "workout_swimming_stroke":
		session := g.session(r, "swimming")
		s.workout = &session
	}
	return s
}

// bind names the workout that the samples belong to.
func (s *sampler) bind(source object) {
	if s.workout != nil {
		source["sport"], source["workout_id"] = s.workout.sport.slug, s.workout.id
	}
}

// times are n moments, each later than the one before: moments of measuring
// stray by up to a third of a step, intervals do not.
func (s *sampler) times(d dice) []time.Time {
	t := s.request.at
	if s.gen == Legacy2023 {
		t = t.Add(time.Duration(d.IntN(1e6)) * time.Microsecond)
	}
	stray := 1
	if s.shape == schemas.Discrete || s.shape == schemas.BloodPressure {
		stray = max(1, int(s.step/(3*time.Second)))
	}
	times := make([]time.Time, 0, s.n)
	for range s.n {
		if hour := s.hour(t); s.day && hour < 7 {
			t = t.Add(time.Duration((7 - hour) * float64(time.Hour))).Round(time.Second)
		} else if s.day && hour >= 22 {
			t = t.Add(time.Duration((31 - hour) * float64(time.Hour))).Round(time.Second)
		}
		times = append(times, t.Add(time.Duration(d.IntN(stray))*time.Second))
		t = t.Add(s.step)
	}
	return times
}

// hour is the local time of day.
func (s *sampler) hour(t time.Time) float64 {
	midnight, _ := s.user.day(t)
	return t.Sub(midnight).Hours()
}

// sample is the sample number i.
func (s *sampler) sample(d dice, i int, t time.Time) object {
	o := object{"unit": s.unit}
	s.setTime(o, i, t)
	s.setValue(o, d, i, t)
	s.setDetails(o, i)
	return o
}

// setTime writes the time as the era did, and what else only some eras had.
func (s *sampler) setTime(o object, i int, t time.Time) {
	interval := s.shape == schemas.Interval || s.shape == schemas.Text
	if s.gen == Legacy2023 {
		o["id"], o["timestamp"], o["type"] = i+1, stamp(t, s.gen), s.provider.Type
		return
	}
	o["type"], o["timezone_offset"] = nil, nil
	if s.gen == Modern {
		o["timezone_offset"] = s.user.UTCOffset
	}
	if interval {
		o["start"], o["end"] = stamp(t, s.gen), stamp(t.Add(s.step), s.gen)
	}
	if !interval || s.gen == Modern {
		o["timestamp"] = stamp(t, s.gen)
	}
}

func (s *sampler) setValue(o object, d dice, i int, t time.Time) {
	level := s.level
	if len(s.kinds) > 0 {
		k := s.kinds[i%len(s.kinds)]
		o["type"] = k.name
		if k.mid != 0 {
			level = k.mid
		}
	}
	v := s.series.value(d, level, s.hour(t))
	switch {
	case s.shape == schemas.Text:
		notes := []string{"Lunch was bigger than planned", "Walked home the long way", "Woke up twice", "Coffee after six again"}
		o["value"] = pick(d, notes)
	case s.shape == schemas.BloodPressure:
		s.setPressure(o, v, d.around(v*0.64, 3, 0))
	case s.name == "electrocardiogram_voltage" && t.UnixMicro()%850_000 < 30_000:
		o["value"] = round(v+0.9, 3) // a beat
	default:
		o["value"] = v
	}
}

// setPressure writes numbers, which were strings in 2023.
func (s *sampler) setPressure(o object, systolic, diastolic float64) {
	o["systolic"], o["diastolic"] = systolic, diastolic
	if s.gen == Legacy2023 {
		o["systolic"], o["diastolic"] = string(encode(systolic)), string(encode(diastolic))
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
		tags := [][]string{{"food"}, {"exercise"}, {"sleep"}, {"food", "sleep"}}[i%4]
		if s.gen == Modern {
			o["tags"] = tags
		} else {
			o["type"] = tags // where tags were before they had a field
		}
	case "insulin_injection":
		if s.gen == Modern {
			o["delivery_mode"], o["delivery_form"], o["bolus_purpose"] = "basal", nil, nil
			if o["type"] == "rapid_acting" {
				o["delivery_mode"], o["delivery_form"] = "bolus", []string{"standard", "extended"}[i/2%2]
				o["bolus_purpose"] = []string{"meal", "correction", "mixed"}[i/2%3]
			}
		}
	}
}
