package transforms_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"vitalsink/schemas"
	"vitalsink/transforms"
)

// Where in an event the judge finds what.

// named is a field of a JSON object.
type named struct {
	name string
	raw  json.RawMessage
}

// members are the fields of an object as they are written, in order; a name
// may come twice. Half a surrogate pair in a name is read as U+FFFD.
func members(raw json.RawMessage) []named {
	var all []named
	d := json.NewDecoder(bytes.NewReader(raw))
	_, err := d.Token()
	for err == nil && d.More() {
		var name json.Token
		var value json.RawMessage
		if name, err = d.Token(); err == nil {
			err = d.Decode(&value)
		}
		all = append(all, named{fmt.Sprint(name), bytes.Trim(value, " \t\r\n")})
	}
	if err != nil {
		panic(err) // the event is valid
	}
	return all
}

// member is a field of an object by name, the first of that name; nil if there
// is none, or no object.
func member(raw json.RawMessage, name string) json.RawMessage {
	if len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	for _, m := range members(raw) {
		if m.name == name {
			return m.raw
		}
	}
	return nil
}

// elements are those of an array, as they are written.
func elements(raw json.RawMessage) []json.RawMessage {
	var all []json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		panic(err) // the event is valid
	}
	return all
}

// paths is how events of a table are read. series is nil for one that the
// catalogue does not list, and for what is none.
type paths struct {
	table    *schemas.Table
	resource string
	series   *schemas.Resource
	// known are all paths that the catalogue has for the table.
	known []string
}

func pathsFor(table *schemas.Table, resource string, series *schemas.Resource) paths {
	p := paths{table: table, resource: resource, series: series}
	for _, path := range table.Ignored {
		p.known = append(p.known, p.relative(path))
	}
	for i := range table.Columns {
		for _, path := range table.Columns[i].Paths() {
			p.known = append(p.known, p.relative(path))
		}
	}
	return p
}

// relative is a path as the catalogue's tables write it: where data is the
// row, relative to it.
func (p paths) relative(path string) string {
	if p.table.Rows == schemas.RowsObject {
		return strings.TrimPrefix(path, "$.data.")
	}
	return path
}

// leadsOn tells whether the catalogue looks into an object at a path.
func (p paths) leadsOn(path string) bool {
	return slices.ContainsFunc(p.known, func(known string) bool { return strings.HasPrefix(known, path+".") })
}

// context is a field that samples share: its path if the catalogue has one
// beside the samples.
func (p paths) context(name string) (path string, ok bool) {
	path = join("$.data", name)
	return path, p.leadsOn(path) || slices.Contains(p.known, path)
}

// found is a value by its path in the catalogue's words.
type found struct {
	path string
	raw  json.RawMessage
}

// spread names what is in an object: down to where the catalogue looks no
// further.
func (p paths) spread(raw json.RawMessage, path func(name string) string) []found {
	var all []found
	seen := map[string]bool{}
	for _, m := range members(raw) {
		at, twice := path(m.name), seen[m.name]
		seen[m.name] = true
		switch {
		case twice: // the first counts
		case m.raw[0] == '{' && p.leadsOn(at):
			all = append(all, p.spread(m.raw, func(name string) string { return join(at, name) })...)
		default:
			all = append(all, found{at, m.raw})
		}
	}
	return all
}

func below(prefix string) func(string) string {
	return func(name string) string { return join(prefix, name) }
}

// piece is what of an event is one row.
type piece struct {
	path   string // of its object
	odd    bool   // it is no object
	fields []found
}

// pieces are the rows of an event, or where it does not look like one of the
// table.
func (e *judged) pieces(p paths) (all []piece, bad string) {
	shared := slices.DeleteFunc(p.spread(e.body, below("$")), func(f found) bool {
		return f.path == "$.data" || strings.HasPrefix(f.path, "$.data.") || f.path == "$.event_type" && e.typeSaid
	})
	kind := byte(0)
	if e.data != nil {
		kind = e.data[0]
	}
	switch {
	case p.table.Rows == schemas.RowsEvent:
		if kind == '{' {
			shared = append(shared, p.spread(e.data, below("$.data"))...)
		}
		return []piece{{path: "$", fields: shared}}, ""
	case p.table.Rows == schemas.RowsObject && kind == '{':
		return []piece{{path: "$.data", fields: append(shared, p.spread(e.data, below(""))...)}}, ""
	case p.table.Rows == schemas.RowsSamples && kind == '[':
		// Each with its own context.
		for i, raw := range elements(e.data) {
			all = append(all, p.sample(fmt.Sprintf("$.data[%d]", i), raw, shared, p.own))
		}
		return all, ""
	case p.table.Rows == schemas.RowsSamples && kind == '{':
		return e.samples(p, shared)
	}
	return nil, "$.data"
}

// own is the path of a field of a sample that brings its own context.
func (p paths) own(name string) string {
	if path, ok := p.context(name); ok {
		return path
	}
	return join("", name)
}

func (p paths) sample(at string, raw json.RawMessage, shared []found, path func(string) string) piece {
	if raw[0] != '{' {
		return piece{path: at, odd: true, fields: shared}
	}
	return piece{path: at, fields: append(slices.Clone(shared), p.spread(raw, path)...)}
}

// samples are those of an object: a list under data, one alone under data, or
// the object itself, if it says more than samples share.
func (e *judged) samples(p paths, shared []found) (all []piece, bad string) {
	list := member(e.data, "data")
	if list == nil {
		itself := p.spread(e.data, func(name string) string {
			if name == "updated_at" {
				return "$.data.updated_at"
			}
			return p.own(name)
		})
		if !slices.ContainsFunc(itself, func(f found) bool { return !strings.HasPrefix(f.path, "$.data") }) {
			return nil, "$.data"
		}
		return []piece{{path: "$.data", fields: append(shared, itself...)}}, ""
	}
	for _, f := range p.spread(e.data, below("$.data")) {
		if f.path != "$.data.data" {
			shared = append(shared, f)
		}
	}
	switch {
	case list[0] == '{':
		return []piece{p.sample("$.data.data[0]", list, shared, below(""))}, ""
	case list[0] == '[':
		for i, raw := range elements(list) {
			all = append(all, p.sample(fmt.Sprintf("$.data.data[%d]", i), raw, shared, below("")))
		}
		return all, ""
	case string(list) == "null":
		return nil, ""
	}
	return nil, "$.data.data"
}

// faults are the objects that say a field twice and what is nested too deep,
// by the position of the sample they are in.
func (e *judged) faults(p paths) map[int][]refusal {
	all := map[int][]refusal{}
	walk(e.body, nil, func(reason transforms.Reason, steps []any) {
		position, path := e.place(p, reason, steps)
		all[position] = append(all[position], refusal{reason, path})
	})
	return all
}

// walk visits all objects and arrays by the steps that lead to them.
func walk(raw json.RawMessage, steps []any, tell func(transforms.Reason, []any)) {
	if raw[0] != '{' && raw[0] != '[' {
		return
	}
	if len(steps) >= transforms.MaxDepth {
		tell(transforms.TooDeep, steps)
		return
	}
	if raw[0] == '[' {
		for i, inner := range elements(raw) {
			walk(inner, append(slices.Clone(steps), i), tell)
		}
		return
	}
	seen := map[string]bool{}
	for _, m := range members(raw) {
		if seen[m.name] {
			tell(transforms.DuplicateKey, steps)
		}
		seen[m.name] = true
		walk(m.raw, append(slices.Clone(steps), m.name), tell)
	}
}

// place is the sample that a fault belongs to, and its path: that of the
// object if the catalogue knows it, else that of the sample, else none.
func (e *judged) place(p paths, reason transforms.Reason, steps []any) (position int, path string) {
	position, at, rest, name := wholly, "$", steps, below("$")
	if p.table.Rows == schemas.RowsSamples && len(steps) > 1 && steps[0] == "data" {
		list := member(e.data, "data")
		i, lone := steps[1].(int)
		switch {
		case lone:
			position, at, rest, name = i, fmt.Sprintf("$.data[%d]", i), steps[2:], p.own
		case steps[1] == "data" && list[0] == '{':
			position, at, rest, name = 0, "$.data.data[0]", steps[2:], below("")
		case steps[1] == "data" && len(steps) > 2:
			position, at, rest, name = steps[2].(int), fmt.Sprintf("$.data.data[%d]", steps[2]), steps[3:], below("")
		}
	}
	path, known := at, ""
	for i, step := range rest {
		field, ok := step.(string)
		if !ok {
			known = "none"
			break
		}
		path = join(path, field)
		if known = join(known, field); i == 0 {
			known = name(field)
		}
	}
	switch {
	case reason == transforms.DuplicateKey && (len(rest) == 0 || known == "$.data" || p.leadsOn(p.relative(known))):
		return position, path
	case position == wholly:
		return position, ""
	}
	return position, at
}
