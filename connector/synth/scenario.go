package synth

import (
	"slices"
	"time"

	"vitalsink/schemas"
	"vitalsink/transforms"
)

// Scenario is the demo: three users over three days, in order of arrival.
// start is the first day. In it are
//
//   - every summary and every series of the catalogue at least once,
//     connections, devices, completions of history, lab and query events;
//   - two users whose events are Modern, and one whose are Docs2024, with an
//     archive of Legacy2023 from six weeks before;
//   - records and samples that are updated later, redeliveries (every eleventh
//     message comes twice), disorder (every fifth is two hours late), samples
//     weeks older than their message;
//   - four kinds of cholesterol at one moment: four facts;
//   - a resource and an event type that nobody knows;
//   - three messages with something bad in them: one is not JSON, one is a
//     summary without id, one has a sample without a readable time.
//
// The same seed and start give the same messages, whatever else g has written;
// another start gives the same users other days.
func (g *Generator) Scenario(start time.Time) []transforms.Message {
	s := &script{Generator: New(g.seed, g.catalogue), start: start.UTC().Truncate(24 * time.Hour)}
	s.users = []User{s.User(), s.User(), s.User()}
	s.dice = s.fixed("scenario", s.start.Unix())
	s.messageID += s.dice.Uint64N(1e15)
	for user, u := range s.users {
		s.connect(user, u)
		s.play(user, 0, firstDay())
		for day := range 3 {
			s.play(user, day, everyDay())
		}
	}
	s.otherSeries()
	s.lateArrivals()
	s.oddities()
	s.badInput()
	slices.SortStableFunc(s.deliveries, func(a, b delivery) int { return a.arrives.Compare(b.arrives) })
	messages := make([]transforms.Message, 0, len(s.deliveries))
	for _, d := range s.deliveries {
		messages = append(messages, d.message)
	}
	return messages
}

// script is a scenario in the making.
type script struct {
	*Generator
	start      time.Time
	users      []User
	deliveries []delivery
	sent       int
}

type delivery struct {
	arrives time.Time
	message transforms.Message
}

// scene is an event of a user's day: the local hour it is about, and its
// samples.
type scene struct {
	eventType string
	hour, n   int
}

func firstDay() []scene {
	return []scene{
		{"historical.data.activity.created", 0, 0}, {"historical.data.sleep.created", 0, 0},
		{"historical.data.heartrate.created", 0, 0}, {"historical.data.workout_stream.created", 0, 0},
		{"daily.data.body.created", 7, 0}, {"daily.data.profile.created", 7, 0},
		{"daily.data.menstrual_cycle.created", 7, 0}, {"daily.data.electrocardiogram.created", 8, 0},
	}
}

// everyDay has updates of records, and of samples: the steps of the morning
// come again, with other values, in those of the whole day.
func everyDay() []scene {
	return []scene{
		{"daily.data.activity.created", 6, 0}, {"daily.data.sleep.created", 6, 0}, {"daily.data.sleep_cycle.created", 6, 0},
		{"daily.data.activity.updated", 9, 0}, {"daily.data.sleep.updated", 9, 0},
		{"daily.data.meal.created", 8, 0}, {"daily.data.meal.created", 19, 0},
		{"daily.data.workouts.created", 17, 0}, {"daily.data.workout_stream.created", 17, 0},
		{"daily.data.workout_distance.created", 17, 60},
		{"daily.data.heartrate.created", 0, 120}, {"daily.data.heartrate.created", 6, 120},
		{"daily.data.heartrate.created", 12, 120}, {"daily.data.heartrate.created", 18, 120},
		{"daily.data.hrv.created", 0, 60}, {"daily.data.respiratory_rate.created", 0, 60},
		{"daily.data.steps.created", 7, 20}, {"daily.data.steps.updated", 7, 56},
		{"daily.data.distance.created", 7, 20}, {"daily.data.distance.updated", 7, 56},
		{"daily.data.calories_active.created", 7, 56},
	}
}

// on is a local hour of a user, on a day counted from the first.
func (s *script) on(user, day, hour int) time.Time {
	return s.start.AddDate(0, 0, day).Add(time.Duration(hour)*time.Hour - time.Duration(s.users[user].UTCOffset)*time.Second)
}

// asked is a request for an event of the user's era.
func (s *script) asked(user, day int, c scene) request {
	gen := []Generation{Modern, Modern, Docs2024}[user]
	return request{c.eventType, gen, s.users[user], s.on(user, day, c.hour), c.n}
}

func (s *script) play(user, day int, scenes []scene) {
	for _, c := range scenes {
		e := s.event(s.asked(user, day, c))
		s.send(e, e.known)
	}
}

// send publishes an event some minutes after a time, and delivers some
// messages late or twice.
func (s *script) send(e event, after time.Time) {
	m := s.Message(e.eventType, encode(e.body), after.Add(s.dice.minutes(1, 20)))
	arrives := m.PublishTime
	s.sent++
	if s.sent%5 == 0 {
		arrives = arrives.Add(2 * time.Hour)
	}
	s.deliveries = append(s.deliveries, delivery{arrives, m})
	if s.sent%11 == 0 {
		s.deliveries = append(s.deliveries, delivery{arrives.Add(s.dice.minutes(1, 900)), m})
	}
}

// connect is the first midnight: every provider, and its device.
func (s *script) connect(user int, u User) {
	for _, p := range u.Providers {
		u.Providers = []Provider{p}
		types := []string{"provider.connection.created", "provider.device.created"}
		if p.Device.ID == "" {
			types = types[:1]
		}
		for _, t := range types {
			e := s.event(request{t, Modern, u, s.on(user, 0, 0), 0})
			s.send(e, e.known)
		}
	}
}

// otherSeries tells of each series that is not an everyday one, by one user.
func (s *script) otherSeries() {
	for i, r := range s.catalogue.Table(schemas.TimeseriesTable).Resources {
		c := scene{"daily.data." + r.Name + ".created", 8, 12}
		if slices.ContainsFunc(everyDay(), func(e scene) bool { return e.eventType == c.eventType }) {
			continue
		}
		if step := s.series[r.Name].step; step > 0 {
			c.n = int(min(64, max(1, 12*time.Hour/step)))
		}
		s.play(i%3, i/3%3, []scene{c})
	}
}

// lateArrivals are samples that one user's devices kept for weeks, and another
// user's archive of another era.
func (s *script) lateArrivals() {
	kept := []scene{{"daily.data.weight.created", 7, 1}, {"daily.data.glucose.created", 9, 48}, {"daily.data.heartrate.created", 20, 60}}
	for i, c := range kept {
		s.send(s.event(s.asked(1, 7*i-35, c)), s.on(1, 1, 10))
	}
	archive := []scene{
		{"daily.data.activity.created", 6, 0}, {"daily.data.sleep.created", 6, 0}, {"daily.data.body.created", 7, 0},
		{"daily.data.heartrate.created", 6, 90}, {"daily.data.steps.created", 7, 40}, {"daily.data.glucose.created", 7, 30},
		{"daily.data.blood_pressure.created", 8, 1}, {"daily.data.blood_pressure.created", 9, 3},
		{"daily.data.note.created", 10, 2}, {"provider.connection.created", 6, 0}, {"historical.data.sleep.created", 6, 0},
	}
	for _, c := range archive {
		r := s.asked(2, -42, c)
		r.gen = Legacy2023
		s.send(s.event(r), s.on(2, 2, 10))
	}
}

// oddities are events that are right, and rare.
func (s *script) oddities() {
	panel := s.event(s.asked(0, 1, scene{"daily.data.cholesterol.created", 9, 4}))
	for _, sample := range samplesOf(panel) {
		sample["timestamp"] = samplesOf(panel)[0]["timestamp"]
	}
	s.send(panel, panel.known)
	s.play(1, 1, []scene{{"provider.connection.error", 9, 0}, {"provider.device.updated", 10, 0}})
	s.play(0, 1, []scene{
		{"labtest.order.created", 9, 0}, {"labtest.order.updated", 10, 0}, {"labtest.result.critical", 11, 0},
		{"labtest.match_review.created", 12, 0}, {"continuous_query.result_table.changed", 13, 0},
		{UnknownEvent, 14, 0}, {"daily.data." + UnknownResource + ".created", 15, 12},
	})
}

// samplesOf are the samples of a timeseries event.
func samplesOf(e event) []object { return e.body["data"].(object)["data"].([]object) }

// badInput is what quarantine is for; each comes once.
func (s *script) badInput() {
	noID := s.event(s.asked(0, 1, scene{"daily.data.body.created", 15, 0}))
	delete(noID.body["data"].(object), "id")
	badSample := s.event(s.asked(0, 1, scene{"daily.data.heartrate.created", 15, 12}))
	samplesOf(badSample)[5]["timestamp"] = "not recorded"
	cut := s.event(s.asked(0, 1, scene{"daily.data.steps.created", 15, 4}))
	text := encode(cut.body)
	for _, m := range []transforms.Message{
		s.Message(cut.eventType, text[:len(text)/2], cut.known),
		s.Message(noID.eventType, encode(noID.body), noID.known),
		s.Message(badSample.eventType, encode(badSample.body), badSample.known),
	} {
		s.deliveries = append(s.deliveries, delivery{m.PublishTime, m})
	}
}
