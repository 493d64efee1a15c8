package synth

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"vitalsink/schemas"
	"vitalsink/transforms"
)

func population(users, days int) *Population {
	return &Population{Users: users, Days: days, Seed: 1, Start: day()}
}

// digest is the sum of all that a population sends.
func digest(t *testing.T, p *Population) [sha256.Size]byte {
	t.Helper()
	h := sha256.New()
	for m, samples := range p.Messages(t.Context(), newGenerator(t, 1).catalogue) {
		fmt.Fprintln(h, m.ID, m.PublishTime.UnixMicro(), m.Attributes, samples)
		h.Write(m.Data)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

func TestPopulationDeterminism(t *testing.T) {
	p := population(3, 2)
	p.Duplicates, p.Disorder, p.Updates, p.Late, p.Bad = 0.2, 0.2, 0.2, 0.2, 0.2
	one := digest(t, p)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if one != digest(t, p) {
		t.Error("on one processor it sends something else")
	}
	p.Seed = 2
	if one == digest(t, p) {
		t.Error("another seed sends the same")
	}
}

// What is delayed, late or told twice is in its place all the same.
func TestOrderOfArrival(t *testing.T) {
	p := population(2, 3)
	p.Duplicates, p.Disorder, p.Updates, p.Late = 0.3, 0.3, 0.3, 0.3
	want := deliveries(t, p)
	slices.SortFunc(want, func(a, b arrival) int {
		return cmp.Or(a.at.Compare(b.at), strings.Compare(a.message.ID, b.message.ID))
	})
	n := 0
	for m := range p.Messages(t.Context(), newGenerator(t, 1).catalogue) {
		if n >= len(want) || m.ID != want[n].message.ID {
			t.Fatalf("message %d is %s", n, m.ID)
		}
		n++
	}
	if n != len(want) {
		t.Errorf("%d messages, want %d", n, len(want))
	}
}

// A person does not depend on who else there is.
func TestPopulationIndependence(t *testing.T) {
	cat := newGenerator(t, 1).catalogue
	sent := map[string][]byte{}
	for m := range population(3, 1).Messages(t.Context(), cat) {
		sent[m.ID] = m.Data
	}
	same := 0
	for m := range population(2, 1).Messages(t.Context(), cat) {
		if !bytes.Equal(sent[m.ID], m.Data) {
			t.Fatalf("message %s depends on the number of users", m.ID)
		}
		same++
	}
	if same == 0 || same == len(sent) {
		t.Errorf("%d messages of two users, %d of three", same, len(sent))
	}
}

// A population of perfect delivery is in order, each message once, and it has
// everything the package promises.
func TestPopulationHasEverything(t *testing.T) {
	g := newGenerator(t, 1)
	ids, resources, types := map[string]bool{}, map[string]bool{}, map[string]bool{}
	heart, total, panels := 0, 0, 0
	var last time.Time
	for m, samples := range population(3, 3).Messages(t.Context(), g.catalogue) {
		if m.PublishTime.Before(last) || ids[m.ID] {
			t.Fatalf("message %s is out of order or comes twice", m.ID)
		}
		last, ids[m.ID] = m.PublishTime, true
		body := decode(t, unpackedAny(t, m))
		typ := body["event_type"].(string)
		types[typ] = true
		if resource, ok := cutResource(typ, "daily.data."); ok {
			resources[resource] = true
			if resource == "heartrate" {
				heart += samples
			}
			if resource == "cholesterol" && kindsAtOnce(body) == 4 {
				panels++
			}
		}
		total += samples
		checkPast(t, m, body)
	}
	if perDay := total / 9; perDay < 3000 || perDay > 5000 {
		t.Errorf("%d samples a day and user", perDay)
	}
	if perDay := heart / 9; perDay < 1440 || perDay > 1800 {
		t.Errorf("%d heart-rate samples a day and user", perDay)
	}
	if panels == 0 {
		t.Error("no panel of four kinds of cholesterol")
	}
	checkPromised(t, g, resources, types)
}

// checkPast wants that nothing is told before it began. An interval may be told
// of before it ends, as devices do.
func checkPast(t *testing.T, m transforms.Message, body object) {
	t.Helper()
	data, ok := body["data"].(object)
	if !ok {
		return
	}
	said := []any{data["created_at"]} // a clock that is ahead wrote updated_at
	for _, s := range samples(body) {
		said = append(said, s.(object)["timestamp"], s.(object)["start"])
	}
	for _, v := range said {
		if at, ok := instant(v); ok && at.After(m.PublishTime) {
			t.Errorf("%s published at %v tells of %v", body["event_type"], m.PublishTime, v)
		}
	}
}

// unpackedAny is for either spelling of the attributes.
func unpackedAny(t *testing.T, m transforms.Message) []byte {
	t.Helper()
	if bytes.HasPrefix(m.Data, []byte{0x1f, 0x8b}) {
		m.Attributes = map[string]string{"blob-codec": "gzip"}
	}
	return unpacked(t, m)
}

// kindsAtOnce is how many kinds of sample share the first sample's time.
func kindsAtOnce(body object) int {
	kinds := map[any]bool{}
	list := samples(body)
	for _, s := range list {
		if s.(object)["timestamp"] == list[0].(object)["timestamp"] {
			kinds[s.(object)["type"]] = true
		}
	}
	return len(kinds)
}

func checkPromised(t *testing.T, g *Generator, resources, types map[string]bool) {
	t.Helper()
	for _, r := range g.catalogue.Table(schemas.TimeseriesTable).Resources {
		if !resources[r.Name] {
			t.Errorf("nobody has %s", r.Name)
		}
	}
	for name := range g.recipes {
		if !resources[name] {
			t.Errorf("nobody has %s", name)
		}
	}
	for _, typ := range append(notificationTypes(), UnknownEvent, "daily.data."+UnknownResource+".created", "daily.data.workout_stream.created") {
		if !types[typ] {
			t.Errorf("nobody has %s", typ)
		}
	}
}

// deliveries are all that a population's couriers deliver, user by user.
func deliveries(t *testing.T, p *Population) []arrival {
	t.Helper()
	cat := newGenerator(t, 1).catalogue
	var all []arrival
	for user := range p.Users {
		for day := range p.Days {
			c := courier{Population: p, person: p.person(cat, user, day)}
			all = append(all, c.deliver(day)...)
		}
	}
	return all
}

// TestDials measures every share, all dials being at the same.
func TestDials(t *testing.T) {
	for _, share := range []float64{0, 0.15, 1} {
		p := population(3, 2)
		p.Duplicates, p.Disorder, p.Updates, p.Late, p.Bad = share, share, share, share, share
		all, got, seen := deliveries(t, p), map[string]float64{}, map[string]bool{}
		for i, a := range all {
			switch updated := strings.HasSuffix(eventType(a), ".updated"); {
			case seen[a.message.ID]:
				got["twice"]++
				continue
			case strings.HasPrefix(eventType(a), "daily.data.") && updated:
				got["updated"]++
			case strings.HasPrefix(eventType(a), "daily.data."):
				got["created"]++
			}
			seen[a.message.ID] = true
			got["messages"]++
			got["bad"] += count(len(a.told.refused) > 0)
			got["late"] += count(a.message.PublishTime.Sub(day()) > 13*24*time.Hour)
			if i+1 == len(all) || !strings.HasSuffix(eventType(all[i+1]), ".updated") { // what an update may overtake
				got["timed"]++
				got["disorder"] += count(a.at.Sub(a.message.PublishTime) >= 2*time.Hour)
			}
		}
		for what, of := range map[string]string{"twice": "messages", "updated": "created", "bad": "messages", "late": "messages", "disorder": "timed"} {
			if measured := got[what] / got[of]; math.Abs(measured-share) > 0.07*math.Ceil(share*(1-share)) {
				t.Errorf("%s: %.3f, want %v", what, measured, share)
			}
		}
	}
}

func count(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func eventType(a arrival) string {
	for _, name := range []string{"event-type", "event_type"} {
		if typ := a.message.Attributes[name]; typ != "" {
			return typ
		}
	}
	return ""
}

// Some updates arrive before what they update.
func TestUpdatesOvertake(t *testing.T) {
	p := population(3, 1)
	p.Updates = 1
	all, overtaken := deliveries(t, p), 0
	for i := 1; i < len(all); i++ {
		if strings.HasSuffix(eventType(all[i]), ".updated") && all[i].at.Before(all[i-1].at) {
			overtaken++
			if !all[i].message.PublishTime.After(all[i-1].message.PublishTime) {
				t.Error("an update was published before its original")
			}
		}
	}
	if overtaken < len(all)/20 {
		t.Errorf("%d of %d messages were overtaken", overtaken, len(all))
	}
}

func TestCheck(t *testing.T) {
	if err := population(1, 1).Check(); err != nil {
		t.Error(err)
	}
	err := (&Population{Users: -1, Days: 20000, Late: 1.5, Bad: math.NaN()}).Check()
	for _, what := range []string{"users -1: give", "days 20000: give", "late 1.5: give", "bad NaN: give"} {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v does not say %q", err, what)
		}
	}
}

func TestMessagesEndWithContext(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	n := 0
	for range population(1, 2).Messages(ctx, newGenerator(t, 1).catalogue) {
		n++
		stop()
	}
	if n != 1 {
		t.Errorf("%d messages after the end", n-1)
	}
}
