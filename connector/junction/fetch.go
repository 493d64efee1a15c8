package junction

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/go-faster/jx"
	"github.com/google/uuid"

	"vitalsink/connector"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// An event has no more samples, and no more bytes of them, than these.
const (
	mostSamples = 2000
	mostBytes   = 1 << 20
)

var errShape = errors.New("the answer has not the form that is documented")

// Fetch asks for what a query says, page by page, and calls take with messages
// made of the answers, and how many records or samples are in each. A page that
// breaks off is asked for again: some messages then come twice, which changes
// nothing, and are counted once. The error is connector.ErrKey, ErrRefused, ErrTooLarge,
// ErrUnavailable or take's; that Junction does not know what was asked for is no
// error, but connector.ErrAbsent if it knew it a page before.
func (c *Client) Fetch(ctx context.Context, q *connector.Query, take func(m *transforms.Message, rows int) error) (connector.Answer, error) {
	f := &fetch{Query: q, take: take}
	seen := map[string]bool{}
	for cursor := ""; ; cursor = f.next {
		before := f.answer.Rows
		reply, err := c.get(ctx, requestOf(q, cursor), func(began time.Time, d *jx.Decoder) error {
			if f.answer.Began.IsZero() {
				f.answer.Began = began
			}
			f.answer.Rows, f.next = before, ""
			return f.read(d)
		})
		f.answer.Requests += reply.requests
		if errors.Is(err, connector.ErrAbsent) {
			if cursor != "" {
				return f.answer, err
			}
			f.answer.Absent = true
			if f.answer.Began.IsZero() { // it is not, after an answer that broke off
				f.answer.Began = reply.began
			}
			return f.answer, nil
		}
		if err != nil || f.next == "" {
			return f.answer, err
		}
		if seen[f.next] {
			return f.answer, fmt.Errorf("GET %s: %w: the cursor of the next page is that of an earlier one", q.Endpoint.Path, ErrUnavailable)
		}
		seen[f.next] = true
	}
}

// requestOf is the request for a page.
func requestOf(q *connector.Query, cursor string) request {
	r := request{path: q.Endpoint.Path, marks: map[string]string{}, query: url.Values{}}
	if q.WorkoutID != "" {
		r.marks["{workout_id}"] = q.WorkoutID
	} else {
		r.marks["{user_id}"] = q.Person.UserID
	}
	if q.Endpoint.Dates {
		r.query.Set("start_date", q.Start.UTC().Format(time.DateOnly))
		r.query.Set("end_date", q.End.UTC().Format(time.DateOnly))
		if q.Provider != "" {
			r.query.Set("provider", q.Provider)
		}
	}
	if cursor != "" {
		r.query.Set("next_cursor", cursor)
	}
	return r
}

// fetch is a Fetch at work.
type fetch struct {
	*connector.Query
	take   func(*transforms.Message, int) error
	answer connector.Answer
	next   string // cursor of the next page, "" if there is none
}

// read reads a page.
func (f *fetch) read(d *jx.Decoder) error {
	switch f.Endpoint.Form {
	case schemas.FormList:
		return list(d, f.Endpoint.Field, f.record)
	case schemas.FormArray:
		return each(d, f.record)
	case schemas.FormGroups:
		return f.groups(d)
	}
	raw, err := d.Raw()
	if err != nil {
		return err
	}
	if f.Endpoint.Form == schemas.FormColumns {
		return f.columns(raw)
	}
	return f.record(raw)
}

// list calls take with each element of a list in a field of an object.
func list(d *jx.Decoder, field string, take func(jx.Raw) error) error {
	found := false
	err := d.ObjBytes(func(d *jx.Decoder, key []byte) error {
		if string(key) != field {
			return d.Skip()
		}
		found = true
		return each(d, take)
	})
	if err == nil && !found {
		return errShape // to take it for an empty list might lose something
	}
	return err
}

// each calls take with each element of a list; null is an empty one.
func each(d *jx.Decoder, take func(jx.Raw) error) error {
	if d.Next() == jx.Null {
		return d.Null()
	}
	return d.Arr(func(d *jx.Decoder) error {
		raw, err := d.Raw()
		if err != nil {
			return err
		}
		return take(raw)
	})
}

// record is an event of one record.
func (f *fetch) record(raw jx.Raw) error {
	if raw.Type() == jx.Null {
		return nil
	}
	return f.send(1, func(e *jx.Encoder) { e.Raw(raw) })
}

// send takes an event with data that is written by write, and counts its rows.
func (f *fetch) send(rows int, write func(*jx.Encoder)) error {
	var e jx.Encoder
	e.ObjStart()
	for _, field := range [][2]string{
		{"event_type", f.Endpoint.Event}, {"user_id", f.Person.UserID}, {"team_id", f.Person.TeamID}, {"client_user_id", f.Person.ClientUserID},
	} {
		if field[1] != "" {
			e.FieldStart(field[0])
			e.Str(field[1])
		}
	}
	e.FieldStart("data")
	write(&e)
	e.ObjEnd()
	m := transforms.NewMessage(uuid.NewString(), f.Endpoint.Event, f.answer.Began, e.Bytes())
	m.PublishTime = time.Now().UTC()
	if err := f.take(&m, rows); err != nil {
		return taken{err}
	}
	f.answer.Rows += rows
	return nil
}

// groups reads a page of samples: by provider lists of groups, each with a
// source, and the cursor of the next page.
func (f *fetch) groups(d *jx.Decoder) error {
	found, twin := false, ""
	err := d.ObjBytes(func(d *jx.Decoder, key []byte) error {
		var err error
		switch string(key) {
		case "groups":
			found = true
			if d.Next() == jx.Null {
				return d.Null()
			}
			return d.ObjBytes(func(d *jx.Decoder, provider []byte) error {
				slug := string(provider)
				return each(d, func(raw jx.Raw) error { return f.group(slug, raw) })
			})
		case "next_cursor":
			f.next, err = cursor(d)
		case "next": // its deprecated twin
			twin, err = cursor(d)
		default:
			return d.Skip()
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case !found:
		return errShape
	case f.next == "":
		f.next = twin
	}
	return nil
}

// cursor is one, "" for null.
func cursor(d *jx.Decoder) (string, error) {
	if d.Next() == jx.Null {
		return "", d.Null()
	}
	return d.Str()
}

// field is one of an object.
type field struct {
	name string
	raw  jx.Raw
}

func quoted(text string) jx.Raw {
	var e jx.Encoder
	e.Str(text)
	return e.Bytes()
}

// group makes events of a group: as data all of it, but only some samples each,
// and beside them the provider under whose name it stands.
func (f *fetch) group(provider string, raw jx.Raw) error {
	fields := []field{{"provider", quoted(provider)}}
	var samples jx.Raw
	err := jx.DecodeBytes(raw).ObjBytes(func(d *jx.Decoder, key []byte) error {
		name := string(key)
		value, err := d.Raw()
		switch {
		case err != nil:
			return err
		case name == "data":
			samples = value
		case name != fields[0].name:
			fields = append(fields, field{name, value})
		case value.Type() != jx.Null:
			fields[0].raw = value
		}
		return nil
	})
	if err != nil {
		return err
	}
	if samples == nil {
		return errShape
	}
	p := parcel{fetch: f, fields: fields}
	if err := each(jx.DecodeBytes(samples), p.add); err != nil {
		return err
	}
	return p.flush()
}

// parcel collects the samples of one event.
type parcel struct {
	*fetch
	fields  []field
	samples []jx.Raw
	bytes   int
}

func (p *parcel) add(sample jx.Raw) error {
	p.samples, p.bytes = append(p.samples, sample), p.bytes+len(sample)
	if len(p.samples) < mostSamples && p.bytes < mostBytes {
		return nil
	}
	return p.flush()
}

func (p *parcel) flush() error {
	if len(p.samples) == 0 {
		return nil
	}
	err := p.send(len(p.samples), func(e *jx.Encoder) {
		e.ObjStart()
		for _, f := range p.fields {
			e.FieldStart(f.name)
			e.Raw(f.raw)
		}
		e.FieldStart("data")
		e.ArrStart()
		for _, sample := range p.samples {
			e.Raw(sample)
		}
		e.ArrEnd()
		e.ObjEnd()
	})
	p.samples, p.bytes = p.samples[:0], 0
	return err
}
