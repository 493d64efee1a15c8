package junction

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/go-faster/jx"
)

// mostElements is how many a stream has at most, all lists together: as many as
// ten fields of three days have, with a sample a second.
const mostElements = 3_000_000

// timeField is the list of a stream whose elements are seconds since 1970.
const timeField = "time"

// columns makes events of a stream: samples, each of the elements that have its
// position, and beside them what is no list.
func (f *fetch) columns(raw jx.Raw) error {
	lists := map[string][]jx.Raw{}
	fields := []field{{"workout_id", quoted(f.WorkoutID)}}
	length, elements := 0, 0
	err := jx.DecodeBytes(raw).ObjBytes(func(d *jx.Decoder, key []byte) error {
		name := string(key)
		switch d.Next() {
		case jx.Null:
			return d.Null()
		case jx.Array:
		default:
			value, err := d.Raw()
			if name != fields[0].name {
				fields = append(fields, field{name, value})
			}
			return err
		}
		var all []jx.Raw
		err := each(d, func(e jx.Raw) error {
			if elements++; elements > mostElements {
				return taken{ErrTooLarge}
			}
			all = append(all, e)
			return nil
		})
		lists[name], length = all, max(length, len(all))
		return err
	})
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(lists))
	p := parcel{fetch: f, fields: fields}
	for i := range length {
		if err := p.add(sampleAt(i, names, lists)); err != nil {
			return err
		}
	}
	return p.flush()
}

// sampleAt is the sample at a position, of lists that may be of unequal lengths
// and may hold null.
func sampleAt(i int, names []string, lists map[string][]jx.Raw) jx.Raw {
	var e jx.Encoder
	e.ObjStart()
	e.FieldStart("index")
	e.Int(i)
	for _, name := range names {
		if i >= len(lists[name]) || lists[name][i].Type() == jx.Null || name == "index" {
			continue
		}
		e.FieldStart(name)
		if at, ok := seconds(lists[name][i]); ok && name == timeField {
			e.Str(at.Format(time.RFC3339Nano))
		} else {
			e.Raw(lists[name][i])
		}
	}
	e.ObjEnd()
	return e.Bytes()
}

// seconds is the time that a number of seconds since 1970 is, if it is one.
func seconds(raw jx.Raw) (time.Time, bool) {
	n, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || math.Abs(n) > 1e11 {
		return time.Time{}, false
	}
	return time.UnixMicro(int64(math.Round(n * 1e6))).UTC(), true
}
