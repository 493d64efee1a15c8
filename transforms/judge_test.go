package transforms_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"vitalsink/schemas"
	"vitalsink/transforms"
)

// The judge is a second decoder: slow, and simple enough to be seen to be
// right. It reads an event with encoding/json and makes of it what the
// catalogue, the package comment and the design promise. It knows nothing of
// limits on sizes, for which there are tests of their own (bounds_test.go).

// verdict is what should become of a message.
type verdict struct {
	table *schemas.Table
	rows  []row // _extra as literals by path
	// refused is what may be said of what is refused, by its position in the
	// message, or wholly for all of it: of several faults, any may be named.
	refused       map[int][]refusal
	clamped, late bool
}

type refusal struct {
	reason transforms.Reason
	path   string
}

// wholly is the position of a refusal of the whole message.
const wholly = -1

// refuse is the verdict on a message that is refused as a whole; without a
// reason any is right.
func refuse(reasons ...refusal) verdict {
	return verdict{refused: map[int][]refusal{wholly: reasons}}
}

// judge says what should become of a message.
func judge(c *schemas.Catalogue, m *transforms.Message) verdict {
	body, why := opened(m)
	if why != "" {
		return refuse(refusal{why, ""})
	}
	e := &judged{catalogue: c, message: m, body: bytes.Trim(body, " \t\r\n")}
	switch {
	case !utf8.Valid(body):
		return refuse(refusal{transforms.InvalidUTF8, ""})
	case !json.Valid(e.body):
		return refuse() // for being that, or for what comes before the break
	case e.body[0] != '{':
		return refuse(refusal{transforms.BadShape, "$"})
	}
	e.data = member(e.body, "data")
	e.eventType, e.typeSaid = text(member(e.body, "event_type"))
	if e.eventType == "" {
		e.eventType = m.Attributes["event_type"]
		if present, ok := m.Attributes["event-type"]; ok {
			e.eventType = present
		}
	}
	return e.route()
}

// opened is the JSON that a message holds, or why there is none to be had.
func opened(m *transforms.Message) ([]byte, transforms.Reason) {
	either := func(name string) string {
		if v, ok := m.Attributes[name]; ok {
			return v
		}
		return m.Attributes[strings.ReplaceAll(name, "-", "_")]
	}
	codec := either("blob-codec")
	switch {
	case !slices.Contains([]string{"", "null", "json"}, either("blob-type")):
		return nil, transforms.BadBlobType
	case !slices.Contains([]string{"", "null", "gzip"}, codec):
		return nil, transforms.BadCodec
	case codec != "gzip" && !bytes.HasPrefix(m.Data, []byte("\x1f\x8b")):
		return m.Data, ""
	}
	body, refused := transforms.Inflate(m.Data) // FuzzGunzip compares it with the standard library
	if refused != nil {
		return nil, refused.Reason
	}
	return body, ""
}

// judged is an event under judgement.
type judged struct {
	catalogue *schemas.Catalogue
	message   *transforms.Message
	body      json.RawMessage
	data      json.RawMessage // nil if there is none
	eventType string
	typeSaid  bool // by the body, if only with an empty text
}

// route judges the event by the table of its type. What is like no series is
// an event that nobody modelled, kept whole.
func (e *judged) route() verdict {
	table := e.catalogue.Route(e.eventType)
	unmodelled := pathsFor(e.catalogue.Table(schemas.EventsTable), "", nil)
	parts := append(strings.Split(e.eventType, "."), "", "", "")
	listed := e.catalogue.Table(schemas.TimeseriesTable).Resources
	i := slices.IndexFunc(listed, func(r schemas.Resource) bool {
		return r.Name == parts[2] || slices.Contains(r.Aliases, parts[2])
	})
	p := pathsFor(table, parts[2], nil)
	if i >= 0 {
		p.resource, p.series = listed[i].Name, &listed[i]
	}
	switch {
	case table.Index("resource") >= 0 && parts[2] == "":
		return e.read(unmodelled)
	case table.Rows != schemas.RowsSamples:
		p.series = nil
		return e.read(p)
	case strings.Count(e.eventType, ".") < 3:
		return e.read(unmodelled)
	case p.series != nil:
		return e.read(p)
	}
	if v := e.read(p); len(v.refused) == 0 && len(v.rows) > 0 && member(e.data, "data") != nil {
		return v
	}
	return e.read(unmodelled)
}

// read judges the event as one of a table.
func (e *judged) read(p paths) verdict {
	v := verdict{table: p.table, refused: e.faults(p)}
	pieces, bad := e.pieces(p)
	shape := refusal{transforms.BadShape, bad}
	switch faults := v.refused[wholly]; {
	case len(faults) > 0 && bad != "":
		return refuse(append(faults, shape)...)
	case len(faults) > 0:
		return refuse(faults...)
	case e.eventType == "":
		return refuse(refusal{transforms.NoEventType, "$.event_type"})
	case bad != "":
		return refuse(shape)
	}
	filled := make([]filled, len(pieces))
	for i := range pieces {
		filled[i] = p.fill(pieces[i].fields)
	}
	if user := p.table.Columns[0]; len(pieces) > 0 && user.Default == nil && nobody(filled) {
		return refuse(refusal{transforms.NoUser, user.Path})
	}
	ver := e.version()
	v.clamped = ver.clamped
	for i, piece := range pieces {
		if v.refused[i] == nil {
			v.refused[i] = e.unfit(p, piece, filled[i])
		}
		if len(v.refused[i]) == 0 {
			delete(v.refused, i)
			v.late = v.late || p.late(filled[i], ver)
			v.rows = append(v.rows, e.finish(p, filled[i], ver, i))
		}
	}
	if len(v.refused) > 0 && p.table.Rows != schemas.RowsSamples {
		return refuse(v.refused[0]...)
	}
	return v
}

func nobody(all []filled) bool {
	return !slices.ContainsFunc(all, func(f filled) bool { return f.row["user_id"] != nil })
}

// unfit is why a piece cannot be a row.
func (e *judged) unfit(p paths, at piece, f filled) []refusal {
	if at.odd {
		return []refusal{{transforms.BadShape, at.path}}
	}
	in := func(c *schemas.Column) string {
		if strings.HasPrefix(c.Path, "$.") {
			return c.Path
		}
		return at.path + "." + c.Path
	}
	for i := range p.table.Columns {
		c := &p.table.Columns[i]
		if !c.Required || c.Path == "" || c.Default != nil || f.row[c.Name] != nil && f.row[c.Name] != "" {
			continue
		}
		if c.Name == "user_id" {
			return []refusal{{transforms.NoUser, in(c)}}
		}
		return []refusal{{transforms.BadKey, in(c)}}
	}
	if p.table.Partition == nil {
		return nil
	}
	c := &p.table.Columns[p.table.Index(p.table.Partition.Column)]
	if day, ok := f.day(c); ok && !inTime(day, e.version().asOf) {
		return []refusal{{transforms.DateOutOfTime, in(c)}}
	}
	return nil
}

// finish is the row, with what does not come from a path.
func (e *judged) finish(p paths, f filled, ver versioned, position int) row {
	r := f.row
	for i := range p.table.Columns {
		switch c := &p.table.Columns[i]; c.Computed {
		case "":
			if c.Default != nil && r[c.Name] == nil {
				r[c.Name] = *c.Default
			}
			if c.Repeated && r[c.Name] == nil {
				r[c.Name] = []any{}
			}
		case schemas.ComputedResource:
			r[c.Name] = p.resource
		case schemas.ComputedEventType:
			r[c.Name] = e.eventType
		case schemas.ComputedEventKey:
			r[c.Name] = e.key()
		case schemas.ComputedPayload:
			r[c.Name] = whole(e.body)
		case schemas.ComputedDiscriminator:
			r[c.Name] = ""
			if p.series != nil && r[p.series.Discriminator] != nil {
				r[c.Name] = r[p.series.Discriminator]
			}
		case schemas.ComputedExtra:
			if len(f.extra) > 0 {
				r[c.Name] = f.extra
			}
		}
	}
	ver.stamp(r, position)
	return r
}

// key identifies an event of the table events.
func (e *judged) key() string {
	key, ok := e.message.Attributes["idempotency-key"]
	if !ok {
		key = e.message.Attributes["idempotency_key"]
	}
	if key == "" {
		sum := sha256.Sum256(e.body)
		key = hex.EncodeToString(sum[:])
	}
	return key
}
