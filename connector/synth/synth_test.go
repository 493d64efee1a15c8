package synth

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"vitalsink/schemas"
	"vitalsink/transforms"
)

func day() time.Time { return time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) }

func newGenerator(t testing.TB, seed uint64) *Generator {
	t.Helper()
	cat, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	return New(seed, cat)
}

func decode(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("not JSON: %v", err)
	}
	return v
}

func unpacked(t *testing.T, m transforms.Message) []byte {
	t.Helper()
	if m.Attributes["blob-codec"] != "gzip" {
		return m.Data
	}
	r, err := gzip.NewReader(bytes.NewReader(m.Data))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// everything is what a generator writes, as text.
func everything(t *testing.T, seed uint64) string {
	g := newGenerator(t, seed)
	u := g.User()
	var b strings.Builder
	for _, typ := range g.EventTypes() {
		for _, gen := range []Generation{Modern, Docs2024, Legacy2023} {
			b.Write(g.Event(typ, gen, u, day(), 3))
		}
	}
	return b.String()
}

func TestDeterminism(t *testing.T) {
	one := everything(t, 1)
	if one != everything(t, 1) {
		t.Error("the same seed wrote something else")
	}
	if one == everything(t, 2) {
		t.Error("another seed wrote the same")
	}
}

// TestIdentity: asked twice for the same, the facts keep their keys and change
// their values, whatever was asked in between.
func TestIdentity(t *testing.T) {
	g := newGenerator(t, 1)
	u := g.User()
	first := g.Event("daily.data.sleep.created", Modern, u, day(), 0)
	firstHR := g.Event("daily.data.heartrate.created", Modern, u, day(), 50)
	second := g.Event("daily.data.sleep.updated", Modern, u, day(), 0)
	secondHR := g.Event("daily.data.heartrate.updated", Modern, u, day(), 50)
	a, b := decode(t, first)["data"].(object), decode(t, second)["data"].(object)
	if a["id"] != b["id"] || a["created_at"] != b["created_at"] {
		t.Error("the update is of another record")
	}
	if a["updated_at"].(string) >= b["updated_at"].(string) {
		t.Error("the update is not newer")
	}
	x, y := samples(decode(t, firstHR)), samples(decode(t, secondHR))
	changed := false
	for i := range x {
		if x[i].(object)["timestamp"] != y[i].(object)["timestamp"] {
			t.Fatal("the update is of other samples")
		}
		changed = changed || x[i].(object)["value"] != y[i].(object)["value"]
	}
	if !changed {
		t.Error("the update changed nothing")
	}
}

func samples(body map[string]any) []any {
	list, _ := body["data"].(object)["data"].([]any)
	return list
}

func TestEveryEventType(t *testing.T) {
	g := newGenerator(t, 1)
	u := g.User()
	for _, typ := range g.EventTypes() {
		for _, gen := range []Generation{Modern, Docs2024, Legacy2023} {
			body := decode(t, g.Event(typ, gen, u, day(), 5))
			if body["event_type"] != typ {
				t.Errorf("event_type is %v, want %s", body["event_type"], typ)
			}
			_, hasTeam := body["team_id"]
			if hasTeam == (gen == Legacy2023) {
				t.Errorf("%s of generation %d: team_id in the envelope: %t", typ, gen, hasTeam)
			}
			table := g.catalogue.Route(typ)
			if table.Name != schemas.TimeseriesTable {
				continue
			}
			if n := len(samples(body)); n != 5 {
				t.Errorf("%s has %d samples, want 5", typ, n)
			}
		}
	}
}

func TestEverySeries(t *testing.T) {
	g := newGenerator(t, 1)
	u := g.User()
	types := strings.Join(g.EventTypes(), "\n")
	for _, r := range g.catalogue.Table(schemas.TimeseriesTable).Resources {
		typ := "daily.data." + r.Name + ".created"
		if !strings.Contains(types, typ) {
			t.Errorf("EventTypes lacks %s", typ)
		}
		if _, ok := g.series[r.Name]; !ok {
			t.Errorf("nobody said what %s looks like", r.Name)
		}
		seen := map[any]bool{}
		for _, s := range samples(decode(t, g.Event(typ, Modern, u, day(), 300))) {
			o := s.(object)
			if o["unit"] != r.Unit {
				t.Errorf("%s is in %v, want %s", r.Name, o["unit"], r.Unit)
			}
			ts, err := time.Parse(time.RFC3339, o["timestamp"].(string))
			if err != nil || ts.Before(day()) || ts.After(day().Add(48*time.Hour)) {
				t.Errorf("%s at %v", r.Name, o["timestamp"])
			}
			seen[o["timestamp"]] = true
		}
		if len(seen) != 300 {
			t.Errorf("%s has %d distinct times, want 300", r.Name, len(seen))
		}
	}
}

func TestNightsAddUp(t *testing.T) {
	g := newGenerator(t, 3)
	for i := range 30 {
		u, at := g.User(), day().AddDate(0, 0, i)
		d := decode(t, g.Event("daily.data.sleep.created", Modern, u, at, 0))["data"].(object)
		c := decode(t, g.Event("daily.data.sleep_cycle.created", Modern, u, at, 0))["data"].(object)
		start, _ := time.Parse(time.RFC3339, d["bedtime_start"].(string))
		stop, _ := time.Parse(time.RFC3339, d["bedtime_stop"].(string))
		num := func(k string) float64 { return d[k].(float64) }
		if num("duration") != stop.Sub(start).Seconds() || num("duration") != num("total")+num("awake") ||
			num("total") != num("rem")+num("light")+num("deep") {
			t.Errorf("does not add up: %v", d)
		}
		if num("total") < 4*3600 || num("total") > 11*3600 {
			t.Errorf("asleep for %v s", num("total"))
		}
		from, to, kind := c["stage_start_offset_second"].([]any), c["stage_end_offset_second"].([]any), c["stage_type"].([]any)
		if c["sleep_id"] != d["id"] || len(from) != len(to) || len(from) != len(kind) || to[len(to)-1] != d["duration"] {
			t.Errorf("sleep_cycle does not match sleep: %v", c)
		}
	}
}

func TestMessage(t *testing.T) {
	g := newGenerator(t, 1)
	u := g.User()
	ids := map[string]bool{}
	for _, n := range []int{1, 300} {
		body := g.Event("daily.data.heartrate.created", Modern, u, day(), n)
		m := g.Message("daily.data.heartrate.created", body, day())
		if gzipped := m.Attributes["blob-codec"] == "gzip"; gzipped != (len(body) >= 1024) || gzipped == bytes.Equal(m.Data, body) {
			t.Errorf("%d bytes: gzip is %t", len(body), gzipped)
		}
		if !bytes.Equal(unpacked(t, m), body) {
			t.Error("the body did not survive")
		}
		ids[m.ID], ids[m.Attributes["idempotency-key"]] = true, true
	}
	if len(ids) != 4 {
		t.Errorf("ids are not unique: %v", ids)
	}
}
