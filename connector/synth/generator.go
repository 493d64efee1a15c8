package synth

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
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
	// type as the type of a sample, and blood pressure as strings.
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
	summaries map[string]recipe
	series    map[string]series
	messageID uint64
}

// New is a generator of the catalogue's resources.
func New(seed uint64, cat *schemas.Catalogue) *Generator {
	g := &Generator{
		seed:      seed,
		catalogue: cat,
		dice:      dice{rand.New(rand.NewPCG(seed, 0))},
		series:    seriesTable(),
	}
	g.summaries = g.recipes()
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

// User is the next user.
func (g *Generator) User() User {
	zone := pick(g.dice, []Zone{
		{"Atlantic/Reykjavik", 0}, {"Africa/Nairobi", 10800}, {"Asia/Kolkata", 19800},
		{"Asia/Tokyo", 32400}, {"America/Phoenix", -25200},
	})
	return User{
		ID:           g.dice.uuid(),
		TeamID:       g.teamID,
		ClientUserID: fmt.Sprintf("member-%06d", g.dice.IntN(1e6)),
		TimeZone:     zone.Name,
		UTCOffset:    zone.Offset,
		Providers:    g.providers(),
	}
}

// Zone is a time zone without daylight saving: what is written must not
// depend on the time zone database of the machine.
type Zone struct {
	Name   string
	Offset int // seconds east of UTC
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
// it happened. n is the number of samples of a timeseries (they fit into the
// 24 hours from at, nights of sleep excepted); other types ignore it. Unknown
// types give an event of that type, unknown resources a series of numbers.
func (g *Generator) Event(eventType string, gen Generation, u User, at time.Time, n int) []byte {
	return encode(g.event(request{eventType, gen, u, at, n}).body)
}

func (g *Generator) event(r request) event {
	r.at = r.at.UTC().Truncate(time.Second)
	r.n = max(r.n, 0)
	data, known := g.data(r)
	body := object{"event_type": r.eventType, "data": data}
	if r.gen != Legacy2023 {
		body["team_id"] = r.user.TeamID
		body["user_id"] = r.user.ID
		body["client_user_id"] = r.user.ClientUserID
	}
	if r.gen == Modern && strings.HasPrefix(r.eventType, "labtest.match_review.") {
		delete(body, "user_id") // Junction names no user before the match
		delete(body, "client_user_id")
	}
	return event{r.eventType, body, later(known, r.at)}
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
	if make, ok := g.summaries[resource]; ok {
		return g.summary(r, resource, make)
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
// connections, devices, labs and queries, and one that nobody knows; sorted.
func (g *Generator) EventTypes() []string {
	resources := slices.Sorted(maps.Keys(g.summaries))
	for _, r := range g.catalogue.Table(schemas.TimeseriesTable).Resources {
		resources = append(resources, r.Name)
	}
	types := append(notificationTypes(), UnknownEvent)
	for _, r := range append(resources, "workout_stream") {
		types = append(types, "daily.data."+r+".created", "daily.data."+r+".updated", "historical.data."+r+".created")
	}
	slices.Sort(types)
	return types
}

// fixed is a source of chance that depends on the seed and parts alone, for
// what must come out the same whenever it is asked for.
func (g *Generator) fixed(parts ...any) dice {
	sum := sha256.Sum256(fmt.Append(nil, append([]any{g.seed, "\x00"}, parts...)...))
	return dice{rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:])))}
}

// personal is the level that varies between people around mid, by the share
// sd: the same person always has the same.
func (g *Generator) personal(u User, what string, mid, sd float64) float64 {
	return mid * (1 + sd*min(2, max(-2, g.fixed(u.ID, what).NormFloat64())))
}

// dice is a source of chance.
type dice struct{ *rand.Rand }

// between is a whole number from lo to hi, both included.
func (d dice) between(lo, hi int) int { return lo + d.IntN(hi-lo+1) }

// around is a normally distributed number, rounded.
func (d dice) around(mid, sd float64, digits int) float64 {
	return round(mid+sd*d.NormFloat64(), digits)
}

// minutes is a time of lo to hi minutes, in whole seconds.
func (d dice) minutes(lo, hi int) time.Duration {
	return time.Duration(d.between(lo*60, hi*60)) * time.Second
}

// uuid is a random (version 4) UUID.
func (d dice) uuid() string {
	hi, lo := d.Uint64(), d.Uint64()
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(3<<62) | 2<<62
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", hi>>32, hi>>16&0xffff, hi&0xffff, lo>>48, lo&(1<<48-1))
}

func pick[T any](d dice, from []T) T { return from[d.IntN(len(from))] }

// round is v with that many digits after the point, never -0.
func round(v float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(v*p)/p + 0
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
