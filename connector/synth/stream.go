package synth

import (
	"encoding/json"
	"slices"
	"time"
)

// streamStep is the time between two points of a stream.
const streamStep = 5 * time.Second

// Stream is what a device recorded in the course of a workout: a JSON object of
// parallel arrays with a point every 5 seconds for 10 to 60 minutes, namely
// time (unix seconds), altitude (m), velocity_smooth (m/s), heartrate and
// cadence (a minute), lat and lng (degrees), distance (m), power and resistance
// (W, and a level) and temperature (°C). It follows from the seed and the
// workout alone. As devices do, it has fields that are null or empty, or that
// end before time does, and now and then a point lacks a value.
func (p *Population) Stream(w Workout) json.RawMessage {
	g := &Generator{seed: p.Seed}
	d := g.fixed(w.ID, "stream")
	n := d.between(10*12, 60*12)
	times := make([]int64, n)
	for i := range times {
		times[i] = w.Start.Add(time.Duration(i) * streamStep).Unix()
	}
	stream := object{"time": times}
	for _, f := range streamFields() {
		stream[f.name] = f.values(d, n, w.Sport)
	}
	return encode(stream)
}

// streamField is an array of a stream: a value that begins at start, changes by
// step from point to point, and strays by sd.
type streamField struct {
	name            string
	start, step, sd float64
	digits          int
	sports          []string // that have it
}

func streamFields() []streamField {
	outside, all := []string{"running", "cycling"}, []string{"running", "cycling", "swimming", ""}
	return []streamField{
		{"altitude", 120, 0.01, 0.4, 1, outside},
		{"cadence", 82, 0, 4, 0, all},
		{"distance", 0, 13, 0.3, 1, all},
		{"heartrate", 128, 0.02, 4, 0, all},
		{"lat", 0.01, 2e-5, 1e-6, 6, outside}, // near 0°N 0°E, where nobody lives
		{"lng", 0.01, 1e-5, 1e-6, 6, outside},
		{"power", 165, 0, 18, 0, []string{"cycling"}},
		{"resistance", 12, 0, 1, 0, []string{"cycling"}},
		{"temperature", 19, 0.002, 0.2, 1, outside},
		{"velocity_smooth", 2.7, 0, 0.2, 2, all},
	}
}

// values are a field's, of at most n points: null, none, fewer, or some of them
// null.
func (f streamField) values(d dice, n int, sport string) []any {
	if !slices.Contains(f.sports, sport) {
		return pick(d, nil, []any{})
	}
	if d.IntN(5) == 0 {
		n -= d.between(1, 12)
	}
	gaps := d.IntN(2) == 0
	values := make([]any, n)
	for i := range values {
		if gaps && d.IntN(50) == 0 {
			continue
		}
		values[i] = d.around(f.start+f.step*float64(i), f.sd, f.digits)
	}
	return values
}
