package reconcile

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"hash"
	"math"
	"slices"
	"strconv"
	"time"

	"vitalsink/schemas"
)

const day = 24 * time.Hour

// noDay is the day of facts without one.
const noDay = math.MinInt32

// digest is the beginning of a SHA-256.
type digest [16]byte

// fact is what is compared of a row.
type fact struct {
	key     digest
	value   digest // of all that is compared; without the sticky column
	version [28]byte
	sticky  int64 // µs since 1970 of the sticky column; 0 for none
	day     int32 // since 1970, noDay for none
	source  int32 // provider, an index of the reader's
	deleted bool
}

// form is how rows of a table are read. It is not safe for concurrent use.
type form struct {
	// table has the columns that matter here, in their order.
	table *schemas.Table
	from  []int // where they are in the table's own order

	keys, values                  []int
	user, resource, provider      int // -1 for none
	day, sticky, version, deleted int // -1 for none
	sum                           hash.Hash
	buffer                        []byte
}

// uncompared are columns that a fact can have in several ways and be the same:
// how it was delivered, whose it is by other names, and fields that no column is
// made for, which an event has and an answer of the API has not.
var uncompared = []string{"_version", "_version_at", "_message_id", "_deleted", "_extra", "team_id", "client_user_id", "event_type"}

// newForm reads rows of a table: those of its columns that are compared, and
// its version columns.
func newForm(of *schemas.Table) *form {
	t := *of
	t.Columns = nil
	sticky := of.StickyColumn()
	f := &form{table: &t, user: -1, resource: -1, provider: -1, day: -1, sticky: -1, version: -1, deleted: -1, sum: sha256.New()}
	for i, c := range of.Columns {
		at := len(t.Columns)
		switch {
		case c.Name == "_version":
			f.version = at
		case c.Name == "_deleted":
			f.deleted = at
		case c.Name == sticky:
			f.sticky = at
		case of.IsKey(c.Name): // see below
		case slices.Contains(uncompared, c.Name) || c.Deprecated:
			continue
		default:
			f.values = append(f.values, at)
		}
		t.Columns, f.from = append(t.Columns, c), append(f.from, i)
	}
	for _, name := range of.Key {
		f.keys = append(f.keys, t.Index(name))
	}
	f.user, f.resource, f.provider, f.day = t.Index("user_id"), t.Index("resource"), -1, -1
	if name := of.ProviderColumn(); name != "" {
		f.provider = t.Index(name)
	}
	if name := of.DayColumn(); name != "" {
		f.day = t.Index(name)
	}
	return f
}

// of is the row of the form's table that is part of one of all columns.
func (f *form) of(all []any) []any {
	row := make([]any, len(f.from))
	for i, from := range f.from {
		row[i] = all[from]
	}
	return row
}

// fact digests a row, which has a value for each column of the form's table.
func (f *form) fact(row []any, sourceOf func(provider string) int32) fact {
	one := fact{key: f.digest(row, f.keys), value: f.digest(row, f.values), day: noDay}
	if f.version >= 0 {
		version, _ := row[f.version].([]byte)
		copy(one.version[:], version)
	}
	if f.deleted >= 0 {
		one.deleted, _ = row[f.deleted].(bool)
	}
	if f.day >= 0 {
		if t, ok := row[f.day].(time.Time); ok {
			one.day = dayOf(t)
		}
	}
	if f.sticky >= 0 {
		if t, ok := row[f.sticky].(time.Time); ok {
			one.sticky = t.UnixMicro()
		}
	}
	if f.provider >= 0 {
		provider, _ := row[f.provider].(string)
		one.source = sourceOf(provider)
	}
	return one
}

func dayOf(t time.Time) int32 { return int32(math.Floor(float64(t.Unix()) / day.Seconds())) }

func timeOf(d int32) time.Time {
	if d == noDay {
		return time.Time{}
	}
	return time.Unix(int64(d)*int64(day/time.Second), 0).UTC()
}

// digest is that of some columns of a row, each with its type and length, so
// that no two rows are written alike.
func (f *form) digest(row []any, columns []int) (d digest) {
	f.sum.Reset()
	for _, i := range columns {
		f.buffer = appendValue(f.buffer[:0], &f.table.Columns[i], row[i])
		_, _ = f.sum.Write(f.buffer)
	}
	f.buffer = f.sum.Sum(f.buffer[:0])
	copy(d[:], f.buffer)
	return d
}

// appendValue writes a value in the one way in which it is written here,
// whoever read it.
func appendValue(to []byte, c *schemas.Column, value any) []byte {
	if c.Repeated {
		list, _ := value.([]any) // NULL is an empty one: BigQuery does not know the difference
		to = binary.AppendUvarint(append(to, 'L'), uint64(len(list)))
		element := *c
		element.Repeated = false
		for _, v := range list {
			to = appendValue(to, &element, v)
		}
		return to
	}
	switch v := value.(type) {
	case nil:
		return append(to, 'N')
	case string:
		text := []byte(v)
		if c.Type == schemas.JSON {
			text = canonical(text)
		}
		return append(binary.AppendUvarint(append(to, 'S'), uint64(len(text))), text...)
	case []byte:
		return append(binary.AppendUvarint(append(to, 'B'), uint64(len(v))), v...)
	case int64:
		return binary.BigEndian.AppendUint64(append(to, 'I'), uint64(v))
	case float64:
		if v == 0 {
			v = 0 // -0 is the same
		}
		return binary.BigEndian.AppendUint64(append(to, 'F'), math.Float64bits(v))
	case bool:
		if v {
			return append(to, 'T')
		}
		return append(to, 'f')
	case time.Time:
		return binary.BigEndian.AppendUint64(append(to, 't'), uint64(v.UnixMicro()))
	}
	return append(to, '?') // no other comes
}

// canonical is JSON without white space, with keys in order and numbers in
// their shortest form: warehouses write it in their own ways.
func canonical(text []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return text
	}
	out, err := json.Marshal(shortened(v))
	if err != nil {
		return text
	}
	return out
}

// shortened writes numbers in their shortest form. Integers that no float holds
// stay what they are.
func shortened(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = shortened(e)
		}
	case []any:
		for i, e := range v {
			v[i] = shortened(e)
		}
	case json.Number:
		n, err := strconv.ParseFloat(string(v), 64)
		if _, intErr := strconv.ParseInt(string(v), 10, 64); err != nil || intErr == nil && math.Abs(n) >= 1<<53 {
			return v
		}
		if n == 0 {
			n = 0
		}
		return json.Number(strconv.FormatFloat(n, 'g', -1, 64))
	}
	return v
}
