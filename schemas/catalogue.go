package schemas

import (
	"slices"
	"strings"
)

// Type is a column's type, by its name in GoogleSQL.
type Type string

// The types a column can have.
const (
	String    Type = "STRING"
	Bytes     Type = "BYTES"
	Int64     Type = "INT64"
	Float64   Type = "FLOAT64"
	Bool      Type = "BOOL"
	Timestamp Type = "TIMESTAMP" // UTC, microseconds
	Date      Type = "DATE"
	JSON      Type = "JSON"
)

// Kind tells how a table's rows come about.
type Kind string

// The kinds of table.
const (
	Versioned  Kind = "versioned"   // a log of all versions, folded into a latest table
	AppendOnly Kind = "append_only" // written once, never changed
)

// Rows tells what of an event becomes a row.
type Rows string

// What of an event becomes a row.
const (
	RowsObject  Rows = "object"  // its data
	RowsSamples Rows = "samples" // each element of its data.data
	RowsEvent   Rows = "event"   // all of it
)

// Rule tells how a partition column relates to the key.
type Rule string

// The partition rules.
const (
	PartOfKey Rule = "key"    // versions of a row share its partition
	Sticky    Rule = "sticky" // the least value over all versions is kept
	ByDay     Rule = "day"    // append-only tables
)

// Shape is the form of a timeseries sample.
type Shape string

// The sample shapes.
const (
	Discrete      Shape = "discrete"
	Interval      Shape = "interval"
	BloodPressure Shape = "blood_pressure"
	Text          Shape = "text"
)

// Names of computed columns' sources.
const (
	ComputedResource      = "resource"
	ComputedDiscriminator = "discriminator"
	ComputedEventType     = "event_type"
	ComputedEventKey      = "event_key"
	ComputedPayload       = "payload"
	ComputedExtra         = "extra"
)

// Names of tables the code itself writes or reads.
const (
	TimeseriesTable = "timeseries"
	PullsTable      = "historical_pulls"
	StreamsTable    = "workout_streams"
	SamplesTable    = "workout_stream_samples"
	FetchesTable    = "fetches"
	EventsTable     = "events"
	QuarantineTable = "quarantine"
	BatchesTable    = "batches"
	MergesTable     = "merges"

	ReconciliationsTable = "reconciliations"
	ErasuresTable        = "erasures"
)

// Column is one column of a table; doc.go says what each field means.
type Column struct {
	Name        string   `yaml:"name" json:"name"`
	Path        string   `yaml:"path" json:"path,omitempty"`
	Fallbacks   []string `yaml:"fallbacks" json:"fallbacks,omitempty"`
	Computed    string   `yaml:"computed" json:"computed,omitempty"`
	Type        Type     `yaml:"type" json:"type"`
	Repeated    bool     `yaml:"repeated" json:"repeated,omitempty"`
	Required    bool     `yaml:"required" json:"required,omitempty"`
	Default     *string  `yaml:"default" json:"default,omitempty"`
	Unit        string   `yaml:"unit" json:"unit,omitempty"`
	Shapes      *[]Shape `yaml:"shapes" json:"shapes,omitempty"`
	Deprecated  bool     `yaml:"deprecated" json:"deprecated,omitempty"`
	Description string   `yaml:"description" json:"description"`

	line int
}

// Paths are the column's path and its fallbacks, best first; nil if computed.
func (c *Column) Paths() []string {
	if c.Path == "" {
		return nil
	}
	return append([]string{c.Path}, c.Fallbacks...)
}

// HasShape tells whether the column belongs to samples of the shape.
func (c *Column) HasShape(s Shape) bool {
	return c.Shapes == nil || slices.Contains(*c.Shapes, s)
}

// Partition is how a table is partitioned: by UTC day of Column.
type Partition struct {
	Column string `yaml:"column" json:"column"`
	Rule   Rule   `yaml:"rule" json:"rule"`
}

// Resource is one timeseries that Junction documents.
type Resource struct {
	Name          string   `yaml:"name" json:"name"`
	Shape         Shape    `yaml:"shape" json:"shape"`
	Unit          string   `yaml:"unit" json:"unit"`
	Discriminator string   `yaml:"discriminator" json:"discriminator,omitempty"` // column, "" for none
	APIName       string   `yaml:"api_name" json:"api_name,omitempty"`           // in paths of the API, "" for Name
	Columns       []string `yaml:"columns" json:"columns,omitempty"`
	Aliases       []string `yaml:"aliases" json:"aliases,omitempty"`
	Deprecated    bool     `yaml:"deprecated" json:"deprecated,omitempty"`
	Description   string   `yaml:"description" json:"description"`

	line int
}

// Table is one table of the catalogue.
type Table struct {
	Name        string     `yaml:"table" json:"table"`
	Kind        Kind       `yaml:"kind" json:"kind"`
	Description string     `yaml:"description" json:"description"`
	Events      []string   `yaml:"events" json:"events,omitempty"`
	Rows        Rows       `yaml:"rows" json:"rows,omitempty"`
	Endpoint    *Endpoint  `yaml:"endpoint" json:"endpoint,omitempty"`
	Key         []string   `yaml:"key" json:"key,omitempty"`
	Partition   *Partition `yaml:"partition" json:"partition,omitempty"`
	Cluster     []string   `yaml:"cluster" json:"cluster,omitempty"`
	Ignored     []string   `yaml:"ignored" json:"ignored,omitempty"`
	Hidden      []string   `yaml:"hidden" json:"hidden,omitempty"`
	// Columns of a versioned table end with the version columns.
	Columns   []Column   `yaml:"columns" json:"columns"`
	Resources []Resource `yaml:"resources" json:"resources,omitempty"`

	file string
	line int
}

// Index is the position of the named column, -1 if there is none.
func (t *Table) Index(name string) int {
	return slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
}

// IsKey tells whether the named column is part of the key.
func (t *Table) IsKey(name string) bool { return slices.Contains(t.Key, name) }

// StickyColumn is the partition column of which the least value over all
// versions of a row is kept; "" if the table has none.
func (t *Table) StickyColumn() string {
	if t.Partition != nil && t.Partition.Rule == Sticky {
		return t.Partition.Column
	}
	return ""
}

// DayColumn is the column, a TIMESTAMP or a DATE, that says on which day a fact
// of the table was: its partition column if that is part of the key, else the
// second that it is clustered by. It is "" if facts have no day.
func (t *Table) DayColumn() string {
	if t.Partition != nil && t.Partition.Rule == PartOfKey {
		return t.Partition.Column
	}
	if len(t.Cluster) > 1 {
		if c := t.Columns[t.Index(t.Cluster[1])]; c.Type == Timestamp || c.Type == Date {
			return c.Name
		}
	}
	return ""
}

// ProviderColumn is the column of the provider's slug, "" if there is none.
func (t *Table) ProviderColumn() string {
	for _, name := range []string{"provider", "source_provider"} {
		if t.Index(name) >= 0 {
			return name
		}
	}
	return ""
}

// Resource is the documented series of that name, or with that alias.
func (t *Table) Resource(name string) (*Resource, bool) {
	for i := range t.Resources {
		r := &t.Resources[i]
		if r.Name == name || slices.Contains(r.Aliases, name) {
			return r, true
		}
	}
	return nil, false
}

// View is what people query: some columns of a versioned table's rows that
// are not deleted, or all rows of an append-only one.
type View struct {
	Name        string
	Table       *Table
	Resource    string // only rows of this resource; "" for all
	Columns     []string
	Description string
}

// Views are the table's own view and, for timeseries, one per resource.
func (t *Table) Views() []View {
	own := View{Name: t.Name, Table: t, Description: t.Description}
	for _, c := range t.Columns {
		if !slices.Contains(t.Hidden, c.Name) {
			own.Columns = append(own.Columns, c.Name)
		}
	}
	views := []View{own}
	for _, r := range t.Resources {
		v := View{Name: r.Name, Table: t, Resource: r.Name, Description: r.Description}
		for _, c := range t.Columns {
			if c.Computed != ComputedResource && (c.HasShape(r.Shape) || slices.Contains(r.Columns, c.Name)) {
				v.Columns = append(v.Columns, c.Name)
			}
		}
		views = append(views, v)
	}
	return views
}

// Catalogue is every table there is.
type Catalogue struct {
	Version        int      `json:"catalogue_version"`
	VersionColumns []Column `json:"version_columns"`
	LogColumns     []Column `json:"log_columns"`
	Tables         []*Table `json:"tables"` // by name
}

// Table is the table of that name, nil if there is none.
func (c *Catalogue) Table(name string) *Table {
	for _, t := range c.Tables {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// Versioned are the tables of that kind, by name.
func (c *Catalogue) Versioned() []*Table {
	var ts []*Table
	for _, t := range c.Tables {
		if t.Kind == Versioned {
			ts = append(ts, t)
		}
	}
	return ts
}

// Views are all views, those of one table together.
func (c *Catalogue) Views() []View {
	var vs []View
	for _, t := range c.Tables {
		vs = append(vs, t.Views()...)
	}
	return vs
}

// Route is the table whose events an event type belongs to: the one with the
// longest pattern that matches. Some table always does (events takes "*").
func (c *Catalogue) Route(eventType string) *Table {
	var best *Table
	longest := -1
	for _, t := range c.Tables {
		for _, p := range t.Events {
			prefix := strings.TrimSuffix(p, "*")
			if len(prefix) > longest && strings.HasPrefix(eventType, prefix) {
				best, longest = t, len(prefix)
			}
		}
	}
	return best
}
