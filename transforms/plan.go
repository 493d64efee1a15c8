package transforms

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"

	"vitalsink/schemas"
)

// plan is how events of one table (for samples: of one shape) are read: the
// catalogue's paths as tries of field names.
type plan struct {
	table    *schemas.Table // as the events say it
	deletes  *schemas.Table // whose rows the events delete; nil if they bring rows
	root     *node          // the envelope
	data     *node          // the object under data; samples: what they share
	sample   *node          // samples: one sample
	lone     *node          // samples: one that brings its own context (data is a list)
	required []int
	defaults []string // by column, "" if none
	shared   []bool   // by column: has paths, but none within a sample
	// keepsExtra is false for a table that stores events whole.
	keepsExtra bool
	// Positions of columns, -1 if the table has none.
	partition int
	user      int
	width     int // of a row in Arrow, in bytes, but for its texts
}

// widthOf is what a row takes in Arrow but for its texts and the elements of
// its lists, in bytes, NULL or not: values, or where they end, and the bits
// that say which are there.
func widthOf(t *schemas.Table) int {
	bits := 0
	for _, f := range t.ArrowSchema().Fields() {
		bits++
		if fixed, ok := f.Type.(arrow.FixedWidthDataType); ok {
			bits += fixed.BitWidth()
		} else {
			bits += 8 * arrow.Int32SizeBytes
		}
	}
	return bits/8 + 1
}

// lands is the table that the rows are for.
func (p *plan) lands() *schemas.Table { return cmp.Or(p.deletes, p.table) }

// samples tells whether an event of the plan has a row per sample.
func (p *plan) samples() bool { return p.table.Rows == schemas.RowsSamples }

// nodeKind marks the fields that are more than values.
type nodeKind uint8

const (
	plainNode nodeKind = iota
	eventTypeNode
	dataNode
	samplesNode
	updatedAtNode
)

// node is a field name at a place in the event.
type node struct {
	path     string // for _extra and messages
	kind     nodeKind
	ignored  bool
	bit      uint64 // of the field among its siblings
	bindings []binding
	// sole is the binding of a sample's field that is one column's own, and
	// offered to no other; nil if it is not so.
	sole     *binding
	name     string
	children map[string]*node
	// order is how the children came in the object before: objects of a kind
	// are mostly written alike, so the next one need not be looked up.
	order []*node
	// alike is how the last object was written, if n is that of samples.
	alike alike
}

// binding offers a field's value to a column; priority 0 is the column's own
// path, 1 its first fallback, and so on.
type binding struct {
	column   int
	priority uint8
	of       *schemas.Column
	key      bool // a column of the table's key
}

// markSole finds the fields of a sample that are one column's own.
func (n *node) markSole() {
	for _, c := range n.children {
		if len(c.bindings) == 1 && c.bindings[0].priority == 0 && !c.ignored {
			c.sole = &c.bindings[0]
		}
	}
}

// next is the child of a name that comes at a position among its siblings; nil
// if the plan does not know it.
func (n *node) next(key []byte, position int) *node {
	if position < len(n.order) && n.order[position].name == string(key) {
		return n.order[position]
	}
	c := n.children[string(key)]
	if c != nil {
		n.order = append(n.order[:position], c)
	}
	return c
}

func (n *node) child(name, path string) *node {
	if n.children == nil {
		n.children = map[string]*node{}
	}
	c, ok := n.children[name]
	if !ok {
		c = &node{name: name, path: path, bit: 1 << len(n.children)}
		n.children[name] = c
	}
	return c
}

// at is the node of a dotted path below n, made if absent.
func (n *node) at(prefix, dotted string) *node {
	for _, name := range strings.Split(dotted, ".") {
		prefix += name
		n = n.child(name, prefix)
		prefix += "."
	}
	return n
}

// widest is the largest number of fields side by side below n.
func (n *node) widest() int {
	w := len(n.children)
	for _, c := range n.children {
		w = max(w, c.widest())
	}
	return w
}

const (
	rootPrefix = "$."
	dataPrefix = "$.data."
)

// newPlan compiles a table. shape is that of the samples; "" is unknown, then
// every column that shares a path is tried in turn.
func newPlan(t *schemas.Table, shape schemas.Shape) (*plan, error) {
	p := &plan{
		table: t, root: &node{}, data: &node{}, sample: &node{}, lone: &node{},
		partition: -1, user: t.Index("user_id"), width: widthOf(t),
		defaults: make([]string, len(t.Columns)),
		shared:   make([]bool, len(t.Columns)),
	}
	if t.Partition != nil {
		p.partition = t.Index(t.Partition.Column)
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		p.bind(i, c, shape)
		if c.Default != nil {
			p.defaults[i] = *c.Default
		}
		p.keepsExtra = p.keepsExtra || c.Computed == schemas.ComputedExtra
		if c.Required && len(c.Paths()) > 0 {
			p.required = append(p.required, i)
		}
	}
	for _, path := range t.Ignored {
		for _, n := range p.places(path) {
			n.ignored = true
		}
	}
	p.mark()
	p.sample.markSole()
	p.lone.markSole()
	for _, n := range []*node{p.root, p.data, p.sample, p.lone} {
		if n.widest() > 64 {
			return nil, fmt.Errorf("table %s has more than 64 fields side by side", t.Name)
		}
	}
	return p, nil
}

func (p *plan) bind(i int, c *schemas.Column, shape schemas.Shape) {
	p.shared[i] = c.Path != ""
	for priority, path := range c.Paths() {
		if !strings.HasPrefix(path, rootPrefix) {
			p.shared[i] = false
		}
		if shape != "" && !c.HasShape(shape) && (priority > 0 || rivals(p.table, path)) {
			continue
		}
		for _, n := range p.places(path) {
			n.bindings = append(n.bindings, binding{i, uint8(priority), c, p.table.IsKey(c.Name)})
			slices.SortStableFunc(n.bindings, func(a, b binding) int { return int(a.priority) - int(b.priority) })
		}
	}
}

// rivals tells whether several columns have the same path as their own: which
// of them it fills depends on the shape.
func rivals(t *schemas.Table, path string) bool {
	n := 0
	for _, c := range t.Columns {
		if c.Path == path {
			n++
		}
	}
	return n > 1
}

// places are the nodes of a path: in the tree it stands in, and for samples
// also in the tree of lone samples.
func (p *plan) places(path string) []*node {
	samples := p.samples()
	if dotted, ok := strings.CutPrefix(path, dataPrefix); ok {
		nodes := []*node{p.data.at(p.within(), dotted)}
		if samples {
			nodes = append(nodes, p.lone.at(dataPrefix, dotted))
		}
		return nodes
	}
	if dotted, ok := strings.CutPrefix(path, rootPrefix); ok {
		return []*node{p.root.at(rootPrefix, dotted)}
	}
	if samples {
		return []*node{p.sample.at("", path), p.lone.at("", path)}
	}
	return []*node{p.data.at("", path)}
}

// within prefixes the paths of fields of data: nothing where data is the row.
func (p *plan) within() string {
	if p.table.Rows == schemas.RowsObject {
		return ""
	}
	return dataPrefix
}

// mark names the fields that are more than values.
func (p *plan) mark() {
	p.root.child("event_type", "$.event_type").kind = eventTypeNode
	p.root.child("data", "$.data").kind = dataNode
	p.data.child("updated_at", p.within()+"updated_at").kind = updatedAtNode
	if p.samples() {
		p.data.child("data", "$.data.data").kind = samplesNode
	}
}

// route is where events of a type go.
type route struct {
	eventType string
	plan      *plan
	resource  string
	// discriminator is the column whose value tells facts apart, -1 for none.
	discriminator int
	// known is false for a series that the catalogue does not list.
	known bool
}

// router finds the route of an event type.
type router struct {
	catalogue *schemas.Catalogue
	plans     map[string]*plan        // by table
	shapes    map[schemas.Shape]*plan // of timeseries; "" is unknown
	deletions map[string]*plan        // by table
	seen      map[string]*route       // by event type
}

// maxRoutes bounds what is remembered: event types come from outside.
const maxRoutes = 4096

func newRouter(c *schemas.Catalogue) (*router, error) {
	r := &router{
		catalogue: c, plans: map[string]*plan{}, shapes: map[schemas.Shape]*plan{}, deletions: map[string]*plan{}, seen: map[string]*route{},
	}
	for _, t := range c.Versioned() {
		p, err := newPlan(t.Tombstones(), "")
		if err != nil {
			return nil, err
		}
		p.deletes = t
		r.deletions[t.Name] = p
	}
	for _, t := range c.Tables {
		if t.Rows == "" {
			continue
		}
		if len(t.Resources) == 0 {
			p, err := newPlan(t, "")
			if err != nil {
				return nil, err
			}
			r.plans[t.Name] = p
			continue
		}
		for _, s := range []schemas.Shape{"", schemas.Discrete, schemas.Interval, schemas.BloodPressure, schemas.Text} {
			p, err := newPlan(t, s)
			if err != nil {
				return nil, err
			}
			r.shapes[s] = p
		}
	}
	return r, nil
}

func (r *router) route(eventType string) *route {
	if rt, ok := r.seen[eventType]; ok {
		return rt
	}
	rt := r.find(eventType)
	if len(r.seen) >= maxRoutes {
		clear(r.seen)
	}
	r.seen[rt.eventType] = rt
	return rt
}

func (r *router) find(eventType string) *route {
	if table, ok := strings.CutPrefix(eventType, deletedPrefix); ok && r.deletions[table] != nil {
		return &route{eventType: strings.Clone(eventType), plan: r.deletions[table], discriminator: -1, known: true}
	}
	t := r.catalogue.Route(eventType)
	rt := &route{eventType: strings.Clone(eventType), discriminator: -1, known: true}
	parts := strings.Split(rt.eventType, ".") // daily.data.RESOURCE.created
	if len(parts) > 2 {
		rt.resource = parts[2]
	}
	ofResource := slices.ContainsFunc(t.Columns, func(c schemas.Column) bool { return c.Computed == schemas.ComputedResource })
	if ofResource && rt.resource == "" || len(t.Resources) > 0 && len(parts) < 4 {
		return r.unmodelled(rt.eventType)
	}
	listed, known := r.catalogue.Table(schemas.TimeseriesTable).Resource(rt.resource)
	if known {
		rt.resource = listed.Name
	}
	if len(t.Resources) == 0 {
		rt.plan = r.plans[t.Name]
		return rt
	}
	rt.known = known
	rt.plan = r.shapes[""]
	if known {
		rt.plan = r.shapes[listed.Shape]
		if listed.Discriminator != "" {
			rt.discriminator = t.Index(listed.Discriminator)
		}
	}
	return rt
}

// unmodelled is the route of an event that no table is made for.
func (r *router) unmodelled(eventType string) *route {
	return &route{eventType: eventType, plan: r.plans[schemas.EventsTable], discriminator: -1, known: true}
}
