package synth

import (
	"strings"
	"time"

	"vitalsink/schemas"
)

// first is what is told at the beginning: every provider and its device, the
// history that was pulled, and what hardly ever changes.
func (p *person) first() []telling {
	var all []telling
	for _, provider := range p.user.Providers {
		alone := *p
		alone.user.Providers, alone.era = []Provider{provider}, Modern
		all = append(all, alone.say("provider.connection.created", p.on(0, 0), 0))
		if provider.Device.ID != "" {
			all = append(all, alone.say("provider.device.created", p.on(0, 0), 0))
		}
	}
	for _, resource := range []string{"activity", "sleep", "heartrate", "workout_stream"} {
		all = append(all, p.say("historical.data."+resource+".created", p.on(0, 0), 0))
	}
	all = append(all, p.say("daily.data.profile.created", p.on(0, 7), 0), p.say("daily.data.electrocardiogram.created", p.on(0, 8), 0))
	if p.index%2 == 0 {
		all = append(all, p.say("daily.data.menstrual_cycle.created", p.on(0, 7), 0))
	}
	if p.index%10 == 2 {
		all = append(all, p.archive()...)
	}
	return all
}

// scene is an event of a user's day: the local hour it is about, and its
// samples.
type scene struct {
	eventType string
	hour, n   int
}

// archive is a day of six weeks before, as events of 2023, and replayed: each
// had an identity before, which it keeps. What never reached a topic has none.
func (p *person) archive() []telling {
	then := *p
	then.era = Legacy2023
	var all []telling
	for _, c := range []scene{
		{"daily.data.activity.created", 6, 0}, {"daily.data.sleep.created", 6, 0}, {"daily.data.body.created", 7, 0},
		{"daily.data.heartrate.created", 6, 90}, {"daily.data.steps.created", 7, 40}, {"daily.data.glucose.created", 7, 30},
		{"daily.data.blood_pressure.created", 8, 1}, {"daily.data.blood_pressure.created", 9, 3},
		{"daily.data.note.created", 10, 2}, {"provider.connection.created", 6, 0}, {"historical.data.sleep.created", 6, 0},
		{"labtest.order.created", 11, 0},
	} {
		t := then.say(c.eventType, p.on(-42, c.hour), c.n)
		t.after = p.on(0, 11)
		if len(all)%2 == 0 {
			t.old = t.known.Add(p.generator.dice.minutes(1, 20))
		}
		all = append(all, t)
	}
	return all
}

// everyday are the series that have tracks.
const everyday = " heartrate steps distance calories_active calories_basal stress_level floors_climbed stand_duration" +
	" hrv respiratory_rate blood_oxygen body_temperature_delta workout_distance workout_swimming_stroke glucose "

// rarities are what is told rarely. Of the series that are not everyday, each
// is told by every third person on every third day, so that three people and
// three days have all of them.
func (p *person) rarities(day int) []telling {
	var all []telling
	n := 0
	for _, r := range p.generator.catalogue.Table(schemas.TimeseriesTable).Resources {
		if strings.Contains(everyday, " "+r.Name+" ") {
			continue
		}
		if n++; n%3 == p.index%3 && n/3%3 == day%3 {
			all = append(all, p.rare(r.Name, day))
		}
	}
	if day%3 == 1 && p.index%3 == 0 {
		all = append(all, p.odd(day)...)
	}
	if day%3 == 2 && p.index%3 == 1 {
		all = append(all, p.say("provider.connection.error", p.on(day, 9), 0), p.say("provider.device.updated", p.on(day, 10), 0),
			p.agreed("daily.data.electrocardiogram.created", p.on(day, 11), 0, ahead))
	}
	return all
}

func (p *person) rare(resource string, day int) telling {
	n := 12
	switch step := p.generator.series[resource].step; {
	case resource == "cholesterol":
		return p.agreed("daily.data.cholesterol.created", p.on(day, 8), 4, atOnce)
	case step >= time.Second:
		n = int(min(64, max(1, 12*time.Hour/step)))
	case step > 0:
		n = 256
	}
	return p.say("daily.data."+resource+".created", p.on(day, 8), n)
}

// ahead makes a record one whose writer's clock is a day ahead.
func ahead(e event) {
	if updated, ok := instant(e.record()["updated_at"]); ok {
		e.record()["updated_at"] = stamp(updated.Add(24*time.Hour), Modern)
	}
}

// atOnce makes samples those of one moment, as a panel of one blood sample is.
func atOnce(e event) {
	samples := samplesIn(e)
	for _, sample := range samples {
		sample["timestamp"] = samples[0]["timestamp"]
	}
}

// odd is what no device tells, and what no catalogue knows.
func (p *person) odd(day int) []telling {
	var all []telling
	for i, eventType := range []string{
		"labtest.order.created", "labtest.order.updated", "labtest.result.critical", "labtest.match_review.created",
		"continuous_query.result_table.changed", UnknownEvent, "daily.data." + UnknownResource + ".created",
	} {
		all = append(all, p.say(eventType, p.on(day, 9+i), 12))
	}
	return all
}

// samplesIn are the samples of a timeseries event, none of another.
func samplesIn(e event) []object {
	data, _ := e.body["data"].(object)
	list, _ := data["data"].([]object)
	return list
}
