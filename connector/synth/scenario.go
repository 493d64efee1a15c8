package synth

import (
	"slices"
	"time"

	"vitalsink/schemas"
	"vitalsink/transforms"
)

// days is how long the demo lasts.
const days = 3

// Scenario is the demo: three users over three days, in order of arrival.
// start is the first day. In it are
//
//   - every summary and every series of the catalogue at least once,
//     connections, devices, completions of history, lab and query events;
//   - two users of today, one whose events are Docs2024, and with an archive of
//     Legacy2023 from six weeks before;
//   - records and samples that are updated later, redeliveries (every eleventh
//     message comes twice), disorder (every fifth is two hours late), samples
//     weeks older than their message;
//   - four kinds of cholesterol at one moment: four facts;
//   - a resource and an event type that nobody knows;
//   - three messages with something bad in them: one is not JSON, one is a
//     summary without id, one has a sample without a readable time.
//
// The same seed and start give the same messages, whatever else g has written.
func (g *Generator) Scenario(start time.Time) []transforms.Message {
	s := &script{Generator: New(g.seed, g.catalogue), start: start.UTC().Truncate(24 * time.Hour)}
	for range 3 {
		s.users = append(s.users, s.User())
	}
	s.connect()
	for day := range days {
		for i := range s.users {
			s.live(i, day)
		}
	}
	s.everySeries()
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

// on is a local time of a user, on a day counted from the first.
func (s *script) on(u User, day, hour int) time.Time {
	return s.start.AddDate(0, 0, day).Add(time.Duration(hour)*time.Hour - time.Duration(u.UTCOffset)*time.Second)
}

// generation is the era of the user's events.
func generation(user int) Generation { return []Generation{Modern, Modern, Docs2024}[user] }

// tell sends an event some minutes after all it tells has happened.
func (s *script) tell(user int, eventType string, at time.Time, n int) event {
	e := s.event(request{eventType, generation(user), s.users[user], at, n})
	s.send(e, e.known)
	return e
}

// send publishes an event some minutes after a time.
func (s *script) send(e event, after time.Time) {
	s.publish(e.eventType, encode(e.body), after.Add(s.dice.minutes(1, 20)))
}

// publish delivers a message, and some messages late or twice.
func (s *script) publish(eventType string, body []byte, published time.Time) {
	m := s.Message(eventType, body, published)
	arrives := published
	s.sent++
	if s.sent%5 == 0 {
		arrives = arrives.Add(2 * time.Hour)
	}
	s.deliveries = append(s.deliveries, delivery{arrives, m})
	if s.sent%11 == 0 {
		s.deliveries = append(s.deliveries, delivery{arrives.Add(s.dice.minutes(1, 900)), m})
	}
}

// connect is the first evening: every provider, its device, some history. One
// connection breaks, one device gets an update.
func (s *script) connect() {
	for i, u := range s.users {
		at := s.on(u, 0, 0)
		for _, p := range u.Providers {
			alone := u
			alone.Providers = []Provider{p}
			types := []string{"provider.connection.created"}
			if p.Device.ID != "" {
				types = append(types, "provider.device.created")
			}
			if i == 1 && p.Type == "cuff" {
				types = append(types, "provider.connection.error", "provider.device.updated")
			}
			for step, t := range types {
				e := s.event(request{t, Modern, alone, at.Add(time.Duration(step) * time.Hour), 0})
				s.send(e, e.known)
			}
		}
		for _, r := range []string{"activity", "sleep", "heartrate", "workout_stream"} {
			s.tell(i, "historical.data."+r+".created", at, 0)
		}
	}
}

// live is a user's day.
func (s *script) live(user, day int) {
	u := s.users[user]
	for _, r := range []string{"activity", "sleep", "sleep_cycle"} {
		s.tell(user, "daily.data."+r+".created", s.on(u, day, 6), 0)
	}
	s.tell(user, "daily.data.sleep.updated", s.on(u, day, 9), 0)
	s.tell(user, "daily.data.activity.updated", s.on(u, day, 9), 0)
	s.tell(user, "daily.data.meal.created", s.on(u, day, 8), 0)
	s.tell(user, "daily.data.meal.created", s.on(u, day, 19), 0)
	for _, r := range []string{"workouts", "workout_stream"} {
		s.tell(user, "daily.data."+r+".created", s.on(u, day, 17), 0)
	}
	s.tell(user, "daily.data.workout_distance.created", s.on(u, day, 17), 60)
	if day == 0 {
		for _, r := range []string{"body", "profile", "menstrual_cycle", "electrocardiogram"} {
			s.tell(user, "daily.data."+r+".created", s.on(u, day, 7), 0)
		}
	}
	for hour := 0; hour < 24; hour += 6 {
		s.tell(user, "daily.data.heartrate.created", s.on(u, day, hour), 120)
	}
	for r, n := range coreSeries() {
		s.tell(user, "daily.data."+r+".created", s.on(u, day, 7), n)
	}
	for _, r := range []string{"steps", "distance"} {
		// The last hours of the morning were not complete the first time.
		e := s.event(request{"daily.data." + r + ".updated", generation(user), u, s.on(u, day, 7), 20})
		s.send(e, e.known.Add(14*time.Hour))
	}
}
