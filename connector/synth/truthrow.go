package synth

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"vitalsink/schemas"
)

// truthRow is a row of a message, at a position in it.
type truthRow struct {
	table   *schemas.Table
	index   int
	columns object
	source  any // beside a sample, as it came
	body    any // what the row was read from, as it came
}

// reading is how the catalogue says to read events of a table, for samples of
// one shape.
type reading struct {
	table *schemas.Table
	paths map[string][]want
	above map[string]bool // paths that lead to one of them
}

// want is a column that can have the value at a path; rank 0 is the column's
// own path, 1 its first fallback.
type want struct {
	column *schemas.Column
	rank   int
}

// offer is a value that a column could have.
type offer struct {
	leaf leaf
	rank int
	fits any  // as the column has it
	lone bool // nobody else has it as their own
}

// leaf is a value of an event for which the catalogue may have a column.
type leaf struct {
	path  string
	value any
}

// reading of a table. "$.data.x" of an event whose data is the row is "x".
func (t *truth) reading(table *schemas.Table, shape schemas.Shape) *reading {
	name := table.Name + " " + string(shape)
	if r := t.readings[name]; r != nil {
		return r
	}
	r := &reading{table: table, paths: map[string][]want{}, above: map[string]bool{}}
	t.readings[name] = r
	own := map[string]int{}
	for i := range table.Columns {
		own[table.Columns[i].Path]++
	}
	for i := range table.Columns {
		c := &table.Columns[i]
		for rank, path := range c.Paths() {
			// The shape decides between columns of the same path.
			if shape == "" || c.HasShape(shape) || rank == 0 && own[path] == 1 {
				r.add(path, want{c, rank})
			}
		}
	}
	for _, path := range append(slices.Clone(table.Ignored), "$.event_type") {
		r.add(path, want{})
	}
	for _, wants := range r.paths {
		slices.SortStableFunc(wants, func(a, b want) int { return cmp.Compare(a.rank, b.rank) })
	}
	return r
}

func (r *reading) add(path string, w want) {
	if r.table.Rows == schemas.RowsObject {
		path = strings.TrimPrefix(path, "$.data.")
	}
	r.paths[path] = append(r.paths[path], w)
	for i, char := range path {
		if char == '.' {
			r.above[path[:i]] = true
		}
	}
}

// leaves are the values below v: where the catalogue knows nothing further
// down, an object is one value.
func (r *reading) leaves(path string, v any) []leaf {
	if v == nil {
		return nil
	}
	if fields, ok := v.(object); ok && (path == "" || r.above[path]) {
		var all []leaf
		for name, field := range fields {
			all = append(all, r.leaves(strings.TrimPrefix(path+"."+name, "."), field)...)
		}
		return all
	}
	return []leaf{{path, v}}
}

// without is an object without some fields.
func without(o object, names ...string) object {
	rest := object{}
	for name, v := range o {
		if !slices.Contains(names, name) {
			rest[name] = v
		}
	}
	return rest
}

// rows are those of a message.
func (t *truth) rows(a arrival, body object) []truthRow {
	eventType := body["event_type"].(string)
	table := t.catalogue.Route(eventType)
	resource := ""
	if parts := strings.Split(eventType, "."); len(parts) > 2 {
		resource = parts[2]
	}
	base := object{"event_type": eventType, "resource": resource}
	switch table.Rows {
	case schemas.RowsEvent:
		r := t.reading(table, "")
		base["event_key"] = a.message.Attributes["idempotency-key"]
		if base["event_key"] == "" {
			sum := sha256.Sum256(a.told.body)
			base["event_key"] = hex.EncodeToString(sum[:])
		}
		base["payload"] = json.RawMessage(a.told.body)
		return []truthRow{{table: table, columns: r.columns(base, r.propose(r.leaves("$", body), nil))}}
	case schemas.RowsObject:
		r := t.reading(table, "")
		found := append(r.leaves("$", without(body, "data")), r.leaves("", body["data"])...)
		return []truthRow{{table: table, columns: r.columns(base, r.propose(found, nil)), body: body["data"]}}
	}
	listed, known := table.Resource(resource)
	if !known {
		listed = &schemas.Resource{Name: resource}
	}
	base["resource"] = listed.Name
	return t.samples(t.reading(table, listed.Shape), listed.Discriminator, base, body)
}

// samples are a message's rows of timeseries. Data without a list is a sample
// itself, with its source beside it.
func (t *truth) samples(r *reading, discriminator string, base, body object) []truthRow {
	data := body["data"].(object)
	list, ok := data["data"].([]any)
	beside := without(data, "data")
	if !ok {
		beside = object{"source": data["source"], "user_id": data["user_id"], "source_id": data["source_id"]}
		list = []any{without(data, "source", "user_id", "source_id")}
	}
	shared := r.propose(append(r.leaves("$", without(body, "data")), r.leaves("$.data", beside)...), nil)
	var rows []truthRow
	for i, sample := range list {
		columns := r.columns(base, r.propose(r.leaves("", sample), shared))
		columns["discriminator"] = ""
		if v, ok := columns[discriminator]; ok {
			columns["discriminator"] = v
		}
		rows = append(rows, truthRow{r.table, i, columns, beside["source"], sample})
	}
	return rows
}

// proposal is what an event says for each column, and what no column can have.
type proposal struct {
	offers map[string][]offer
	extra  object
}

// propose adds leaves to what all samples share, which may be nil.
func (r *reading) propose(found []leaf, shared *proposal) *proposal {
	p := &proposal{map[string][]offer{}, object{}}
	if shared != nil {
		p.offers, p.extra = maps.Clone(shared.offers), maps.Clone(shared.extra)
	}
	for _, l := range found {
		if !r.give(l, p.offers) {
			p.extra[l.path] = l.value
		}
	}
	return p
}

// columns are a row's; base has the computed ones.
func (r *reading) columns(base object, p *proposal) object {
	row := object{}
	for i := range r.table.Columns {
		c := &r.table.Columns[i]
		said := p.offers[c.Name]
		slices.SortStableFunc(said, func(a, b offer) int { return cmp.Compare(a.rank, b.rank) })
		switch {
		case len(said) > 0:
			row[c.Name] = said[0].fits
		case c.Default != nil:
			row[c.Name] = *c.Default
		case c.Repeated:
			row[c.Name] = []any{}
		case c.Computed != "" && base[c.Name] != nil:
			row[c.Name] = base[c.Name]
		}
		for _, o := range said { // what was said in vain is kept
			if o.rank > 0 && o.lone && !reflect.DeepEqual(o.fits, said[0].fits) {
				p.extra[o.leaf.path] = o.leaf.value
			}
		}
	}
	if r.table.Index("_extra") >= 0 && len(p.extra) > 0 {
		row["_extra"] = p.extra
	}
	return row
}

// give offers a value to the columns that it fits. It is false if there is no
// place for it.
func (r *reading) give(l leaf, offers map[string][]offer) bool {
	owned, taken := false, false
	for _, w := range r.paths[l.path] {
		if w.column == nil { // ignored
			return true
		}
		if l.value == "" && (len(w.column.Fallbacks) > 0 || w.column.Default != nil) {
			return true // the same as none
		}
		v, ok := fits(w.column, l.value)
		if !ok || owned && w.rank == 0 {
			continue
		}
		owned, taken = owned || w.rank == 0, true
		name := w.column.Name
		offers[name] = append(slices.Clip(offers[name]), offer{l, w.rank, v, !owned})
	}
	return taken
}

// fits is a value as its column has it.
func fits(c *schemas.Column, v any) (any, bool) {
	if !c.Repeated {
		return fitsType(c.Type, v)
	}
	list, ok := v.([]any)
	all := []any{}
	for _, element := range list {
		one, fit := fitsType(c.Type, element)
		ok, all = ok && fit, append(all, one)
	}
	return all, ok
}

func fitsType(typ schemas.Type, v any) (any, bool) {
	text, isText := v.(string)
	number := v
	if isText {
		number = json.Number(text)
	}
	n, isNumber := number.(json.Number)
	switch typ {
	case schemas.JSON:
		return v, true
	case schemas.String:
		return v, isText
	case schemas.Bool:
		b, ok := v.(bool)
		return b, ok
	case schemas.Int64:
		i, err := strconv.ParseInt(n.String(), 10, 64)
		return i, isNumber && err == nil
	case schemas.Float64:
		f, err := strconv.ParseFloat(n.String(), 64)
		return f, isNumber && err == nil
	case schemas.Timestamp:
		t, ok := instant(v)
		return micros(t), ok
	case schemas.Date:
		_, err := time.Parse(time.DateOnly, text)
		return text, err == nil
	}
	return nil, false
}
