package transforms_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"time"

	"vitalsink/schemas"
)

// What the judge makes of values.

// escapes are those of a JSON string: a pair of surrogates, half of one, any
// other.
var escapes = regexp.MustCompile(`\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\.`)

// whole is JSON with the escapes of half surrogate pairs made text.
func whole(raw json.RawMessage) string {
	return escapes.ReplaceAllStringFunc(string(raw), func(escape string) string {
		if len(escape) == len(`\ud800`) {
			return `\` + escape
		}
		return escape
	})
}

// text is that of a JSON string; one with half a surrogate pair has none.
func text(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 || raw[0] != '"' || whole(raw) != string(raw) {
		return "", false
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}

// digits is the number that a literal is, or that its text is.
var number = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

func digits(raw json.RawMessage) (string, bool) {
	s := string(raw)
	if raw[0] == '"' {
		s, _ = text(raw)
	}
	return s, number.MatchString(s)
}

var integer = regexp.MustCompile(`^-?[0-9]+$`)

// fits is what a literal is in a column, if it fits.
func (p paths) fits(c *schemas.Column, raw json.RawMessage) (any, bool) {
	if c.Repeated {
		return list(c.Type, raw)
	}
	if c.Type == schemas.String && p.table.IsKey(c.Name) && integer.Match(raw) {
		return string(raw), true // an id is an id, however it is written
	}
	return one(c.Type, raw)
}

func list(t schemas.Type, raw json.RawMessage) (any, bool) {
	if raw[0] != '[' {
		return nil, false
	}
	all := []any{}
	for _, element := range elements(raw) {
		v, ok := one(t, element)
		if !ok {
			return nil, false
		}
		all = append(all, v)
	}
	return all, true
}

func one(t schemas.Type, raw json.RawMessage) (any, bool) {
	switch t {
	case schemas.JSON:
		return whole(raw), true
	case schemas.String:
		return ok(text(raw))
	case schemas.Bool:
		return string(raw) == "true", string(raw) == "true" || string(raw) == "false"
	case schemas.Float64:
		return ok(float(raw))
	case schemas.Int64:
		return ok(exact(raw))
	case schemas.Timestamp:
		s, _ := text(raw)
		micros, readable := reference(s)
		return time.UnixMicro(micros).UTC().Format(time.RFC3339Nano), readable
	case schemas.Date:
		s, _ := text(raw)
		at, err := time.Parse(time.DateOnly, s)
		return s, err == nil && at.Year() > 0
	}
	panic(fmt.Sprintf("no column of an event is %s", t))
}

func ok[T any](v T, fits bool) (any, bool) { return v, fits }

// float is the nearest there is, but not of an integer that might lie between
// two.
func float(raw json.RawMessage) (float64, bool) {
	s, ok := digits(raw)
	if i, whole := new(big.Int).SetString(s, 10); ok && whole && i.CmpAbs(big.NewInt(1<<53)) > 0 {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, ok && err == nil
}

// exact is a whole number, however it is written.
func exact(raw json.RawMessage) (int64, bool) {
	s, ok := digits(raw)
	if f, err := strconv.ParseFloat(s, 64); !ok || err != nil || f < -1e19 || f > 1e19 || f != 0 && f > -0.1 && f < 0.1 {
		return 0, false // and not worth the hours of package big
	} else if f == 0 {
		return 0, regexp.MustCompile(`^-?[0.]+([eE].*)?$`).MatchString(s) // not just too small
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok || !r.IsInt() || !r.Num().IsInt64() {
		return 0, false
	}
	return r.Num().Int64(), true
}

// filled is what the fields of a piece are in its columns, and what of them is
// kept.
type filled struct {
	row   row
	extra map[string]string
}

// open tells whether a column takes its k-th path. Of columns that have one
// path as their own, and of fallbacks, the shape of the series chooses.
func (p paths) open(c *schemas.Column, k int) bool {
	if p.series == nil || c.HasShape(p.series.Shape) {
		return true
	}
	rivals := 0
	for i := range p.table.Columns {
		if p.table.Columns[i].Path == c.Path {
			rivals++
		}
	}
	return k == 0 && rivals == 1
}

// standsIn tells whether something else is there for an empty text in c.
func standsIn(c *schemas.Column) bool { return len(c.Fallbacks) > 0 || c.Default != nil }

// fill gives every column the best of its paths that it fits; what no column
// has is kept by its path.
func (p paths) fill(fields []found) filled {
	f := filled{row{}, map[string]string{}}
	said := map[string]string{} // by column, as it is compared
	own := map[string]bool{}    // paths that a column has as its own
	for i := range p.table.Columns {
		c := &p.table.Columns[i]
		for k, path := range c.Paths() {
			path = p.relative(path)
			raw, ok := p.lookup(fields, path)
			if !ok || !p.open(c, k) || k == 0 && own[path] || string(raw) == `""` && standsIn(c) {
				continue
			}
			v, ok := p.fits(c, raw)
			if !ok {
				continue
			}
			f.row[c.Name], said[c.Name] = v, compared(c, v, raw)
			own[path] = own[path] || k == 0
			break
		}
	}
	for _, at := range fields {
		raw, ok := p.lookup(fields, at.path)
		if ok && !own[at.path] && !p.has(said, at) {
			f.extra[at.path] = whole(raw)
		}
	}
	return f
}

// lookup is the value at a path, if there is one that is not ignored.
func (p paths) lookup(fields []found, path string) (json.RawMessage, bool) {
	for _, f := range fields {
		if f.path == path && string(f.raw) != "null" && !slices.ContainsFunc(p.table.Ignored, func(i string) bool { return p.relative(i) == path }) {
			return f.raw, true
		}
	}
	return nil, false
}

// compared is what a fallback is compared by: lists as they are written.
func compared(c *schemas.Column, v any, raw json.RawMessage) string {
	if c.Repeated {
		return string(raw)
	}
	return fmt.Sprint(v)
}

// has tells whether a column says what a fallback says: the fallback is what
// it has, or alike, or an empty text.
func (p paths) has(said map[string]string, at found) bool {
	alike := false
	for i := range p.table.Columns {
		c := &p.table.Columns[i]
		for k, path := range c.Paths() {
			if p.relative(path) != at.path || !p.open(c, k) {
				continue
			}
			if v, ok := p.fits(c, at.raw); string(at.raw) == `""` && standsIn(c) {
				alike = true
			} else if ok && k > 0 && compared(c, v, at.raw) != said[c.Name] {
				return false
			} else if ok {
				alike = alike || k > 0
			}
		}
	}
	return alike
}

// day is the UTC day of a partition column.
func (f filled) day(c *schemas.Column) (time.Time, bool) {
	s, ok := f.row[c.Name].(string)
	if !ok {
		return time.Time{}, false
	}
	at, err := time.Parse(time.DateOnly, s[:len(time.DateOnly)])
	return at, err == nil
}

func inTime(day, asOf time.Time) bool {
	return day.Year() >= 2005 && !day.After(asOf.Add(48*time.Hour))
}

// late tells whether a row that lands makes its message a late one.
func (p paths) late(f filled, v versioned) bool {
	if p.table.Partition == nil {
		return false
	}
	day, ok := f.day(&p.table.Columns[p.table.Index(p.table.Partition.Column)])
	return !ok || day.Before(v.publish.AddDate(0, 0, -3).Truncate(24*time.Hour))
}

// versioned is what of a message goes into the versions of its rows.
type versioned struct {
	id                string
	at, publish, asOf time.Time
	clamped           bool
}

func (e *judged) version() versioned {
	m := e.message
	v := versioned{id: m.ID, publish: m.PublishTime.UTC().Truncate(time.Microsecond)}
	if first := m.Attributes["original-message-id"]; first != "" {
		v.id = first
	}
	attr := func(name string, otherwise time.Time) time.Time {
		if micros, ok := reference(m.Attributes[name]); ok {
			return time.UnixMicro(micros).UTC()
		}
		return otherwise
	}
	v.publish = attr("original-publish-time", attr("CloudPubSubDeadLetterSourceTopicPublishTime", v.publish))
	if v.asOf = m.AsOf.UTC().Truncate(time.Microsecond); m.AsOf.IsZero() {
		v.asOf = v.publish
	}
	v.at = attr("event-time", v.publish)
	updated, _ := text(member(e.data, "updated_at"))
	if micros, ok := reference(updated); ok {
		v.at = time.UnixMicro(micros).UTC()
	}
	if v.at.After(v.asOf.Add(5 * time.Minute)) {
		v.at, v.clamped = v.asOf, true
	}
	return v
}

// stamp writes the version columns of the row at a position.
func (v versioned) stamp(r row, position int) {
	atLeast := func(t time.Time) time.Time {
		if t.Before(time.Unix(0, 0)) {
			return time.Unix(0, 0)
		}
		return t
	}
	r["_version"] = versionBytes(atLeast(v.at), atLeast(v.publish), v.id, uint32(position))
	r["_version_at"], r["_message_id"], r["_deleted"] = stamp(atLeast(v.at)), v.id, false
}
