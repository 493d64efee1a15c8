package schemas

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// userColumn says whose a row of a versioned table is.
const userColumn = "user_id"

// maxCluster is BigQuery's limit of clustering columns.
const maxCluster = 4

var (
	nameForm = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)
	pathForm = regexp.MustCompile(`^(\$\.)?[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$`)

	endpointForm = regexp.MustCompile(`^(/([a-z0-9_]+|\{(user_id|workout_id|resource)\}))+$`)

	types    = []Type{String, Bytes, Int64, Float64, Bool, Timestamp, Date, JSON}
	forms    = []Form{FormList, FormRecord, FormArray, FormGroups, FormColumns}
	shapes   = []Shape{Discrete, Interval, BloodPressure, Text}
	computed = []string{
		ComputedResource, ComputedDiscriminator, ComputedEventType,
		ComputedEventKey, ComputedPayload, ComputedExtra,
	}
)

// validate reports every mistake of the catalogue.
func (c *Catalogue) validate() []error {
	v := &validation{file: commonFile}
	for _, cols := range [][]Column{c.VersionColumns, c.LogColumns} {
		for i := range cols {
			v.column(&cols[i], true)
		}
	}
	owner := map[string]string{} // event pattern or view name → file that has it
	for _, t := range c.Tables {
		v.table(t)
		for _, e := range t.Events {
			v.once(owner, "event type "+e, t.line)
		}
		for _, view := range t.Views() {
			v.once(owner, "view "+view.Name, t.line)
		}
	}
	for _, t := range c.Tables {
		v.endpoint(c, t)
	}
	for _, name := range []string{
		TimeseriesTable, EventsTable, QuarantineTable, BatchesTable, MergesTable, PullsTable, StreamsTable, SamplesTable, FetchesTable, ErasuresTable,
	} {
		if c.Table(name) == nil {
			v.file = commonFile
			v.add(1, "the catalogue has no table %q, which the program needs", name)
		}
	}
	return v.problems
}

type validation struct {
	file     string
	problems []error
}

func (v *validation) add(line int, format string, args ...any) {
	v.problems = append(v.problems, problem{v.file, line, fmt.Sprintf(format, args...)})
}

func (v *validation) once(owner map[string]string, what string, line int) {
	if other, ok := owner[what]; ok {
		v.add(line, "%s stands in %s too", what, other)
	}
	owner[what] = v.file
}

func (v *validation) table(t *Table) {
	v.file = t.file
	if !nameForm.MatchString(t.Name) {
		v.add(t.line, "table name %q must be lower-case letters, digits and _", t.Name)
	}
	if t.Name+".yaml" != t.file {
		v.add(t.line, "table %q belongs into %s.yaml", t.Name, t.Name)
	}
	if t.Description == "" {
		v.add(t.line, "table %s has no description", t.Name)
	}
	seen := map[string]bool{}
	for i := range t.Columns {
		col := &t.Columns[i]
		if seen[col.Name] {
			v.add(col.line, "column %s stands twice", col.Name)
		}
		seen[col.Name] = true
		v.column(col, t.Rows == "")
	}
	v.structure(t)
	v.patterns(t)
	v.resources(t)
}

// structure checks what refers to columns.
func (v *validation) structure(t *Table) {
	switch t.Kind {
	case Versioned:
		if len(t.Key) == 0 {
			v.add(t.line, "versioned table %s has no key", t.Name)
		}
		// By it a person's rows are found when they are to be erased.
		if i := t.Index(userColumn); i < 0 || t.Columns[i].Type != String || t.Columns[i].Repeated {
			v.add(t.line, "versioned table %s has no column %s of one STRING", t.Name, userColumn)
		}
	case AppendOnly:
		if len(t.Key) > 0 || len(t.Events) > 0 {
			v.add(t.line, "append_only table %s can have neither key nor events", t.Name)
		}
	default:
		v.add(t.line, "kind %q is neither versioned nor append_only", t.Kind)
	}
	v.known(t, "key", t.Key)
	v.known(t, "cluster", t.Cluster)
	v.known(t, "hidden", t.Hidden)
	for _, k := range t.Key {
		if i := t.Index(k); i >= 0 && (!t.Columns[i].Required || t.Columns[i].Repeated) {
			v.add(t.Columns[i].line, "key column %s must be required and not repeated", k)
		}
	}
	if len(t.Cluster) > maxCluster {
		v.add(t.line, "table %s has %d cluster columns, BigQuery takes %d", t.Name, len(t.Cluster), maxCluster)
	}
	v.partition(t)
}

func (v *validation) partition(t *Table) {
	p := t.Partition
	if p == nil {
		return
	}
	v.known(t, "partition", []string{p.Column})
	if i := t.Index(p.Column); i >= 0 && t.Columns[i].Type != Timestamp && t.Columns[i].Type != Date {
		v.add(t.Columns[i].line, "partition column %s must be a TIMESTAMP or DATE", p.Column)
	}
	ok := false
	switch p.Rule {
	case PartOfKey:
		ok = t.Kind == Versioned && t.IsKey(p.Column)
	case Sticky:
		ok = t.Kind == Versioned && !t.IsKey(p.Column)
	case ByDay:
		ok = t.Kind == AppendOnly
	}
	if !ok {
		v.add(t.line, "partition rule %q does not suit column %s of table %s", p.Rule, p.Column, t.Name)
	}
}

func (v *validation) patterns(t *Table) {
	if (len(t.Events) == 0) != (t.Rows == "") {
		v.add(t.line, "table %s needs both events and rows, or neither", t.Name)
	}
	if t.Rows != "" && !slices.Contains([]Rows{RowsObject, RowsSamples, RowsEvent}, t.Rows) {
		v.add(t.line, "rows %q is none of object, samples, event", t.Rows)
	}
	for _, e := range t.Events {
		if e != "*" && !strings.HasSuffix(e, ".*") {
			v.add(t.line, "event pattern %q must end in .*", e)
		}
	}
	for _, p := range t.Ignored {
		v.path(t.line, p)
	}
}

// endpoint checks that what is fetched can be asked for, and lands.
func (v *validation) endpoint(c *Catalogue, t *Table) {
	v.file = t.file
	e := t.Endpoint
	if e == nil {
		return
	}
	if !endpointForm.MatchString(e.Path) {
		v.add(t.line, "endpoint path %q must be names, or {user_id}, {workout_id} or {resource}, each after a /", e.Path)
	}
	if !slices.Contains(forms, e.Form) || (e.Form == FormList) != (e.Field != "") {
		v.add(t.line, "endpoint form %q must be list, with a field, or record, array, groups or columns", e.Form)
	}
	if strings.Contains(e.Path, resourceMark) != (len(t.Resources) > 0) || strings.Contains(e.Event, resourceMark) != (len(t.Resources) > 0) {
		v.add(t.line, "endpoint path and event have {resource} if and only if the table has resources")
	}
	if lands := c.Route(e.Event); lands == nil || lands.Name == EventsTable {
		v.add(t.line, "endpoint event %q lands in no table of its own", e.Event)
	}
}

func (v *validation) resources(t *Table) {
	if len(t.Resources) > 0 && t.Rows != RowsSamples {
		v.add(t.line, "table %s has resources, but its rows are not samples", t.Name)
	}
	seen := map[string]bool{}
	for _, r := range t.Resources {
		for _, name := range append([]string{r.Name}, r.Aliases...) {
			if !nameForm.MatchString(name) || seen[name] {
				v.add(r.line, "resource name %q is malformed or stands twice", name)
			}
			seen[name] = true
		}
		if !slices.Contains(shapes, r.Shape) {
			v.add(r.line, "resource %s has the unknown shape %q", r.Name, r.Shape)
		}
		if r.Unit == "" || r.Description == "" {
			v.add(r.line, "resource %s needs a unit and a description", r.Name)
		}
		v.known(t, "columns of resource "+r.Name, r.Columns)
		if r.Discriminator != "" {
			v.known(t, "discriminator of resource "+r.Name, []string{r.Discriminator})
		}
	}
}

func (v *validation) known(t *Table, what string, names []string) {
	for _, n := range names {
		if t.Index(n) < 0 {
			v.add(t.line, "%s names column %q, which table %s does not have", what, n, t.Name)
		}
	}
}

// column checks one column; written columns have neither path nor computed.
func (v *validation) column(c *Column, written bool) {
	if !nameForm.MatchString(c.Name) {
		v.add(c.line, "column name %q must be lower-case letters, digits and _", c.Name)
	}
	if !slices.Contains(types, c.Type) {
		v.add(c.line, "column %s has the unknown type %q", c.Name, c.Type)
	}
	if c.Description == "" {
		v.add(c.line, "column %s has no description", c.Name)
	}
	if c.Computed != "" && !slices.Contains(computed, c.Computed) {
		v.add(c.line, "column %s is computed from the unknown %q", c.Name, c.Computed)
	}
	if c.Repeated && (c.Required || c.Type == JSON || c.Type == Bytes) {
		v.add(c.line, "column %s: a repeated column is never NULL, and neither JSON nor BYTES", c.Name)
	}
	version := strings.HasPrefix(c.Name, "_") && c.Computed == ""
	switch given := c.Path != "" || c.Computed != ""; {
	case c.Path != "" && c.Computed != "":
		v.add(c.line, "column %s has both path and computed", c.Name)
	case !given && !written && !version:
		v.add(c.line, "column %s has neither path nor computed", c.Name)
	case given && written:
		v.add(c.line, "column %s has a path, but no event fills its table", c.Name)
	}
	for _, p := range c.Paths() {
		v.path(c.line, p)
	}
	if c.Default != nil && c.Type != String {
		v.add(c.line, "column %s: only a STRING can have a default", c.Name)
	}
}

func (v *validation) path(line int, p string) {
	if !pathForm.MatchString(p) {
		v.add(line, "path %q must be names joined by dots, with $. before them if from the root", p)
	}
}
