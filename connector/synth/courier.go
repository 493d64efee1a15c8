package synth

import (
	"maps"
	"strconv"
	"strings"
	"time"

	"vitalsink/transforms"
)

// courier makes messages of what a person's devices tell of one day, and
// delivers them as badly as the population's shares say. Its chances have
// nothing to do with what is told: other shares, same facts.
type courier struct {
	*Population
	*person
	zip      *zipper // nil if only the truth is asked for
	dice     dice
	firstID  uint64
	arrivals []arrival
}

// told is what was in a message, for the truth.
type told struct {
	body    []byte
	refused []refusal
}

// refusal is what quarantine must hold: a reason, and the position of the
// sample or wholeMessage.
type refusal struct {
	index  int
	reason string
}

const wholeMessage = -1

func (c *courier) deliver(day int) []arrival {
	g := c.generator
	c.dice = g.fixed("courier", c.index, day)
	c.firstID = g.messageID + uint64(c.index)*maxDays*messagesADay + uint64(day)*messagesADay
	for _, t := range c.person.day(day) {
		c.send(t)
	}
	return c.arrivals
}

// messagesADay is how many message ids a user's day has.
const messagesADay = 100_000

func (c *courier) chance(share float64) bool { return c.dice.Float64() < share }

// send publishes an event, and perhaps a later version of it.
func (c *courier) send(t telling) {
	if c.chance(c.Late) {
		t.after = t.after.Add(c.dice.minutes(14*24*60, 35*24*60))
	}
	first := c.publish(t.event, t.after, t)
	if !strings.HasPrefix(t.eventType, "daily.data.") || !c.chance(c.Updates) {
		return
	}
	e := c.again(t, c.dice)
	second := c.publish(e, later(e.known, t.after.Add(c.dice.minutes(20, 700))), telling{made: t.made})
	if c.dice.IntN(4) == 0 {
		late := c.arrivals[second].at.Add(c.dice.minutes(1, 60))
		c.arrivals[first].at = later(c.arrivals[first].at, late)
	}
}

// publish makes a message of an event and says which arrival it is; perhaps
// it comes again.
func (c *courier) publish(e event, after time.Time, t telling) int {
	made := len(c.arrivals)
	published := after.Add(c.dice.minutes(1, 20)).Add(time.Duration(c.dice.IntN(1e6)) * time.Microsecond)
	m := transforms.Message{
		ID:          strconv.FormatUint(c.firstID+uint64(made), 10),
		PublishTime: published,
		Attributes:  c.attributes(e.eventType, t, published),
	}
	a := arrival{at: published, samples: len(samplesIn(e))}
	if c.chance(c.Disorder) {
		a.at = a.at.Add(c.dice.minutes(120, 600))
	}
	var fault fault
	if c.chance(c.Bad) {
		fault = c.spoil(e)
	}
	body := fault.body(encode(e.body))
	maps.Copy(m.Attributes, fault.attributes)
	if c.zip != nil {
		m.Data = c.pack(&m, body, fault)
	} else {
		a.told = &told{body, fault.refused}
	}
	a.message = m
	c.arrivals = append(c.arrivals, a)
	if c.chance(c.Duplicates) {
		a.at = a.at.Add(c.dice.minutes(1, 900))
		c.arrivals = append(c.arrivals, a)
	}
	return made
}

// attributes are those of the era. Every tenth user's events came through a
// webhook, whose time they carry.
func (c *courier) attributes(eventType string, t telling, published time.Time) map[string]string {
	if t.made.gen == Legacy2023 {
		a := map[string]string{"event_type": eventType, "blob_type": "json", "blob_codec": "null"}
		if !t.old.IsZero() {
			a["original-message-id"] = strconv.FormatUint(c.firstID/2+uint64(len(c.arrivals)), 10)
			a["original-publish-time"] = t.old.Format(time.RFC3339Nano)
		}
		return a
	}
	a := map[string]string{"event-type": eventType, "blob-type": "json", "idempotency-key": c.dice.uuid()}
	if c.index%10 == 3 {
		a["event-time"] = published.Add(-c.dice.minutes(0, 3)).Format(time.RFC3339Nano)
	}
	return a
}

// pack is the body as Junction publishes it: compressed if it is large.
func (c *courier) pack(m *transforms.Message, body []byte, f fault) []byte {
	if len(body) < gzipFrom && !f.cutZip {
		return body
	}
	codec := "blob-codec"
	if _, older := m.Attributes["blob_codec"]; older {
		codec = "blob_codec"
	}
	if f.attributes["blob-codec"] == "" {
		m.Attributes[codec] = "gzip"
	}
	packed := c.zip.compress(body)
	if f.cutZip {
		packed = packed[:len(packed)*2/3]
	}
	return packed
}
