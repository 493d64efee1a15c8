package junctiontest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"vitalsink/connector/synth"
)

// Disagree is how much of what the server holds differs from what was told, as
// shares of the records, from 0 to 1. It follows from the records' keys.
type Disagree struct {
	Missing float64
	// Changed records have another value, and an updated_at a minute later if
	// they have one.
	Changed float64
	// Extra are records that were never told, each like one that was: a sample
	// 123,457 µs later, a summary or a device of another id. Profiles are not
	// among them: there is one a user.
	Extra float64
}

// chosen tells whether a record is among a share of them.
func chosen(share float64, what, key string) bool {
	if share <= 0 {
		return false
	}
	return float64(binary.BigEndian.Uint64(hash(what, key)))/(1<<64) < share
}

func hash(what, key string) []byte {
	sum := sha256.Sum256([]byte(what + " " + key))
	return sum[:]
}

// apply is what the server holds of records. It adds to d what it does.
func (g Disagree) apply(records []synth.Record, d *Difference) []synth.Record {
	var all []synth.Record
	for _, r := range records {
		if chosen(g.Extra, "extra", r.Key) && r.Resource != profile {
			one := another(r)
			all, d.Extra = append(all, one), append(d.Extra, one.Key)
		}
		if chosen(g.Missing, "missing", r.Key) {
			d.Missing = append(d.Missing, r.Key)
			continue
		}
		if chosen(g.Changed, "changed", r.Key) && change(&r) {
			d.Changed = append(d.Changed, r.Key)
		}
		all = append(all, r)
	}
	return all
}

// telling are the fields that a change is made to; of samples it is value, or
// systolic.
var telling = map[string]string{
	"activity": "steps", "sleep": "score", "sleep_cycle": "time_zone", "workouts": "calories", "body": "weight",
	"meal": "name", "menstrual_cycle": "is_predicted", "electrocardiogram": "heart_rate_mean",
	profile: "height", devices: "device_version",
}

// change is false if the record has no field that it could change.
func change(r *synth.Record) bool {
	body := read(r.Body)
	changed := false
	for _, name := range []string{telling[r.Resource], "value", "systolic"} {
		if other, ok := otherwise(body[name]); ok {
			body[name], changed = other, true
			break
		}
	}
	if !changed {
		return false
	}
	if updated, ok := body["updated_at"].(string); ok {
		if t, _, ok := moment(updated); ok {
			body["updated_at"] = stamp(t.Add(time.Minute))
			r.Version = r.Version.Add(time.Minute)
		}
	}
	r.Body = encode(body)
	return true
}

// otherwise is another value of the same kind.
func otherwise(v any) (other any, ok bool) {
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		return json.Number(strconv.FormatFloat(f+1, 'f', -1, 64)), err == nil
	case string: // in events of 2023 some were numbers
		if f, err := strconv.ParseFloat(v, 64); err == nil {
			return strconv.FormatFloat(f+1, 'f', -1, 64), true
		}
		return v + " (changed)", true
	case bool:
		return !v, true
	}
	return v, false
}

// another is a record like r of something else.
func another(r synth.Record) synth.Record {
	const apart = 123_457 * time.Microsecond
	body := read(r.Body)
	if isSample(r.Resource) {
		was := keyTime(r.At)
		r.At = r.At.Add(apart)
		r.Key = strings.Replace(r.Key, was, keyTime(r.At), 1)
		for _, name := range []string{"timestamp", "start"} {
			if body[name] != nil {
				body[name] = stamp(r.At)
			}
		}
	} else {
		hex := fmt.Sprintf("%x", hash("another", r.Key))
		id := fmt.Sprintf("%s-%s-4%s-8%s-%s", hex[:8], hex[8:12], hex[13:16], hex[17:20], hex[20:32])
		was, _ := body["id"].(string)
		r.Key, body["id"] = strings.Replace(r.Key, was, id, 1), id
	}
	r.Body = encode(body)
	return r
}

// keyTime is a time as keys have it.
func keyTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// read panics on a body that is no object: those of a population all are.
func read(body json.RawMessage) object {
	var o object
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&o); err != nil {
		panic(fmt.Sprintf("read a record: %v", err))
	}
	return o
}
