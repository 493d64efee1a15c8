package synth

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"
	"time"
)

// diary is what the truth says of a few people's workouts, nights and hearts.
type diary struct {
	heart    map[string]map[time.Time]float64 // by user, of the watch
	metres   map[string]float64               // by workout
	workouts []object
	sleeps   []object
	steps    float64 // of all samples
	walked   float64 // by all records
}

func read(t *testing.T, p *Population) *diary {
	t.Helper()
	var out bytes.Buffer
	if err := p.WriteTruth(t.Context(), newGenerator(t, 1).catalogue, &out); err != nil {
		t.Fatal(err)
	}
	d := &diary{heart: map[string]map[time.Time]float64{}, metres: map[string]float64{}}
	for line := range bytes.Lines(out.Bytes()) {
		var fact struct {
			Table string
			Row   object
		}
		if err := json.Unmarshal(line, &fact); err != nil {
			t.Fatal(err)
		}
		d.add(fact.Table, fact.Row)
	}
	return d
}

func (d *diary) add(table string, row object) {
	user, _ := row["user_id"].(string)
	switch {
	case table == "workouts":
		d.workouts = append(d.workouts, row)
	case moment(row["bedtime_start"]).Before(day().AddDate(0, 0, -2)) && table == "sleep": // the archive
	case table == "sleep":
		d.sleeps = append(d.sleeps, row)
	case table == "activity":
		d.walked += row["steps"].(float64)
	case row["resource"] == "steps":
		d.steps += row["value"].(float64)
	case row["resource"] == "workout_distance":
		d.metres[row["workout_id"].(string)] += row["value"].(float64)
	case row["resource"] == "heartrate" && row["source_type"] == "watch":
		if d.heart[user] == nil {
			d.heart[user] = map[time.Time]float64{}
		}
		d.heart[user][moment(row["timestamp"])] = row["value"].(float64)
	}
}

func moment(v any) time.Time {
	t, _ := instant(v)
	return t
}

// between is the mean and the highest heart rate of a stretch of time, and how
// many samples it has.
func (d *diary) between(user string, from, to time.Time) (mean, highest float64, n int) {
	for at, rate := range d.heart[user] {
		if !at.Before(from) && at.Before(to) {
			mean, highest, n = mean+rate, max(highest, rate), n+1
		}
	}
	return mean / float64(max(1, n)), highest, n
}

// TestRealism: what devices tell of the same thing agrees, updates and all.
func TestRealism(t *testing.T) {
	p := population(3, 2)
	p.Updates = 0.2
	d := read(t, p)
	if len(d.workouts) < 3 || len(d.sleeps) != 6 {
		t.Errorf("%d workouts, %d nights", len(d.workouts), len(d.sleeps))
	}
	for _, w := range d.workouts {
		user, from, to := w["user_id"].(string), moment(w["time_start"]), moment(w["time_end"])
		mean, highest, n := d.between(user, from, to)
		if n != int(to.Sub(from).Minutes()) || math.Round(mean) != w["average_hr"] || highest != w["max_hr"] {
			t.Errorf("a workout says %v and %v, its %d samples %v and %v", w["average_hr"], w["max_hr"], n, mean, highest)
		}
		before, _, _ := d.between(user, from.Add(-time.Hour), from)
		if mean < before+25 {
			t.Errorf("in a workout the heart beats %v, before %v", mean, before)
		}
		if math.Abs(d.metres[w["id"].(string)]-w["distance"].(float64)) > 0.01 || w["moving_time"] != to.Sub(from).Seconds() {
			t.Errorf("a workout says %v m, its samples %v", w["distance"], d.metres[w["id"].(string)])
		}
	}
	for _, s := range d.sleeps {
		d.checkNight(t, s)
	}
}

// checkNight wants stages that add up, and a heart that is slower than by day.
func (d *diary) checkNight(t *testing.T, s object) {
	t.Helper()
	num := func(k string) float64 { return s[k].(float64) }
	start, stop := moment(s["bedtime_start"]), moment(s["bedtime_stop"])
	if num("duration") != stop.Sub(start).Seconds() || num("total") != num("rem")+num("light")+num("deep") ||
		num("duration") != num("total")+num("awake") {
		t.Errorf("a night does not add up: %v", s)
	}
	asleep, _, _ := d.between(s["user_id"].(string), start, stop)
	awake, _, _ := d.between(s["user_id"].(string), stop, stop.Add(14*time.Hour))
	if asleep > awake-10 {
		t.Errorf("asleep the heart beats %v, awake %v", asleep, awake)
	}
}

func TestStepsAddUp(t *testing.T) {
	d := read(t, population(2, 1))
	if d.steps != d.walked || d.steps < 2*2000 || d.steps > 2*30000 {
		t.Errorf("%v steps by samples, %v by records", d.steps, d.walked)
	}
}
