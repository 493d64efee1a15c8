//go:build unix

package transforms_test

import (
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"vitalsink/connector/connectortest"
	"vitalsink/transforms"
)

// TestPace: decoding has not become several times slower beside what it is
// measured by. The margins are wide: docs/performance.md has the figures.
func TestPace(t *testing.T) {
	connectortest.Long(t) // the race detector slows down some more than others
	for _, c := range corpora(t, 20) {
		atMost := map[string]float64{"heartrate": 4, "blood_pressure": 4, "steps": 5, "sleep": 16, "mixed": 5}[c.name]
		atLeast := map[string]float64{"heartrate": 3, "blood_pressure": 2, "steps": 2, "sleep": 0.8, "mixed": 2}[c.name]
		var floors, jsons []float64
		for range 7 {
			mem := &transforms.Recycler{}
			decode := took(t, &c, newDecodeSink(t, mem))
			floors = append(floors, float64(decode)/float64(took(t, &c, &floorSink{})))
			jsons = append(jsons, float64(took(t, &c, newJSONSink(mem)))/float64(decode))
		}
		slices.Sort(floors)
		slices.Sort(jsons)
		if floor, json := floors[len(floors)/2], jsons[len(jsons)/2]; floor > atMost || json < atLeast {
			t.Errorf("%s: it takes %.1f times the floor's time, at most %.1f are wanted; encoding/json takes %.1f times its time, at least %.1f are wanted",
				c.name, floor, atMost, json, atLeast)
		} else {
			t.Logf("%s: %.1f times the floor's time; encoding/json takes %.1f times its time", c.name, floor, json)
		}
	}
}

// took is the processor time that a sink takes for some 30,000 rows, once warm.
func took(t *testing.T, c *corpus, s sink) time.Duration {
	t.Helper()
	var cpu connectortest.CPU
	for round := range 4 {
		if round == 1 {
			cpu = connectortest.StartCPU(t)
		}
		for n := 0; n*c.rows/len(c.messages) < 10_000 && n < 2_000; n++ {
			if err := s.add(&c.messages[n%len(c.messages)]); err != nil {
				t.Fatal(err)
			}
		}
		s.flush(func(string, arrow.Record) {})
	}
	return cpu.Spent(t)
}
