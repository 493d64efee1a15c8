package synth

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"vitalsink/schemas"
)

// Generation is an era of Junction's payloads.
type Generation int

// The eras, newest first.
const (
	// Modern is 2025 and later: ids in the envelope, sources with app and
	// device, created_at and updated_at on summaries, interval samples with
	// timestamp, start and end.
	Modern Generation = iota
	// Docs2024 has ids in the envelope and data.user_id, data.provider and
	// data.source_id beside the samples, interval samples with start and end
	// only, and no created_at or updated_at.
	Docs2024
	// Legacy2023 has event_type and data only: data.user_id and data.user_key,
	// a source of name, slug and logo, times with microseconds, the source
	// type as the type of a sample, and blood pressure as strings. A single
	// blood pressure is itself the data.
	Legacy2023
)

// Names that no catalogue knows.
const (
	UnknownEvent    = "coaching.plan.suggested"
	UnknownResource = "skin_conductance"
)

// object is a JSON object; encoding/json sorts its keys.
type object = map[string]any

// Generator writes events. It is not safe for concurrent use.
type Generator struct {
	seed      uint64
	catalogue *schemas.Catalogue
	dice      dice // what devices measure
	teamID    string
	recipes   map[string]recipe
	series    map[string]series
	messageID uint64
}

// New is a generator of the catalogue's resources.
func New(seed uint64, cat *schemas.Catalogue) *Generator {
	g := &Generator{seed: seed, catalogue: cat, series: seriesTable()}
	g.recipes = g.recipeTable()
	g.dice = g.fixed("dice")
	g.teamID = g.fixed("team").uuid()
	g.messageID = 1e16 + g.fixed("message").Uint64N(1e15)
	return g
}

// User is an invented person with a few devices.
type User struct {
	ID           string // Junction's id, a UUID
	TeamID       string
	ClientUserID string // the customer's own id, free text
	TimeZone     string // IANA name
	UTCOffset    int    // local time minus UTC in seconds, the same all year
	Providers    []Provider
}

// User is the next user. Zones are such without daylight saving: what is
// written must not depend on the time zone database of the machine.
func (g *Generator) User() User {
	zone := g.dice.IntN(4)
	return User{
		ID:           g.dice.uuid(),
		TeamID:       g.teamID,
		ClientUserID: fmt.Sprintf("member-%06d", g.dice.IntN(1e6)),
		TimeZone:     []string{"Atlantic/Reykjavik", "Africa/Nairobi", "Asia/Tokyo", "America/Phoenix"}[zone],
		UTCOffset:    []int{0, 10800, 32400, -25200}[zone],
		Providers:    g.providers(),
	}
}

// day is the local midnight before t, in UTC, and its date.
func (u User) day(t time.Time) (midnight time.Time, date string) {
	offset := time.Duration(u.UTCOffset) * time.Second
	local := t.Add(offset).Truncate(24 * time.Hour)
	return local.Add(-offset), local.Format(time.DateOnly)
}

// request is what Event is asked for.
type request struct {
	eventType string
	gen       Generation
	user      User
	at        time.Time
	n         int
}

// event is an event before it is written down. It cannot have been published
// before known, when the last thing it tells has happened.
type event struct {
	eventType string
	body      object
	known     time.Time
}

// Event is the body of one event, as JSON. at is the time it is about: the day
// of a daily summary, the start of a workout or of the first sample, else when
// it happened. n is the number of samples of a timeseries, each at a time of
// its own within 48 hours from at, mostly 24; other types ignore it. A type
// that nobody knows gives an event of that type.
func (g *Generator) Event(eventType string, gen Generation, u User, at time.Time, n int) []byte {
	return encode(g.event(request{eventType, gen, u, at, n}).body)
}

func (g *Generator) event(r request) event {
	r.at = r.at.UTC().Truncate(time.Second)
	r.n = max(r.n, 0)
	data, known := g.data(r)
	return event{r.eventType, g.envelope(r, data), later(known, r.at)}
}

// envelope is what an era put around data.
func (g *Generator) envelope(r request, data any) object {
	body := object{"event_type": r.eventType, "data": data}
	if r.gen != Legacy2023 {
		body["team_id"] = r.user.TeamID
	}
	// Junction names no user before it has matched a result to one.
	if r.gen == Docs2024 || r.gen == Modern && !strings.HasPrefix(r.eventType, "labtest.match_review.") {
		body["user_id"], body["client_user_id"] = r.user.ID, r.user.ClientUserID
	}
	return body
}

// data is an event's data, and when the last thing it tells has happened.
func (g *Generator) data(r request) (data any, known time.Time) {
	if resource, ok := cutResource(r.eventType, "historical.data."); ok {
		return g.historical(r, resource), r.at
	}
	resource, ok := cutResource(r.eventType, "daily.data.")
	if !ok {
		return g.notification(r), r.at
	}
	if how, ok := g.recipes[resource]; ok {
		return g.summary(r, resource, how)
	}
	if resource == "workout_stream" {
		return g.workoutStream(r)
	}
	return g.samples(r, resource)
}

// cutResource is "steps" of "daily.data.steps.created".
func cutResource(eventType, prefix string) (string, bool) {
	rest, ok := strings.CutPrefix(eventType, prefix)
	resource, _, dot := strings.Cut(rest, ".")
	return resource, ok && dot
}

// EventTypes are the event types of the catalogue's resources, those of
// connections, devices, labs and queries, and UnknownEvent; sorted.
func (g *Generator) EventTypes() []string {
	resources := append(slices.Collect(maps.Keys(g.recipes)), "workout_stream")
	for _, r := range g.catalogue.Table(schemas.TimeseriesTable).Resources {
		resources = append(resources, r.Name)
	}
	types := append(notificationTypes(), UnknownEvent)
	for _, r := range resources {
		types = append(types, "daily.data."+r+".created", "daily.data."+r+".updated", "historical.data."+r+".created")
	}
	slices.Sort(types)
	return types
}

// stamp is how an era wrote a time: UTC, with microseconds in 2023, later only
// where there are any.
func stamp(t time.Time, gen Generation) string {
	if gen == Legacy2023 {
		return t.UTC().Format("2006-01-02T15:04:05.000000-07:00")
	}
	return t.UTC().Format("2006-01-02T15:04:05.999999-07:00")
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// encode panics on what JSON cannot say, which nothing in here is.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encode event: %v", err))
	}
	return b
}
