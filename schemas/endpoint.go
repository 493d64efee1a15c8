package schemas

import "strings"

// Form is what an answer of Junction's Data Access API looks like.
type Form string

// The forms of answers.
const (
	FormList    Form = "list"    // an object, of which a field is a list of records
	FormRecord  Form = "record"  // the record
	FormArray   Form = "array"   // a list of records
	FormGroups  Form = "groups"  // samples by provider and source, in pages
	FormColumns Form = "columns" // a list for each field of the samples, all of the same order
)

// Endpoint is where Junction's Data Access API has the records of a resource,
// and the event that a record of it is told by.
type Endpoint struct {
	// Path of the request, with {user_id} or {workout_id}, and {resource} where
	// one path serves many.
	Path  string `yaml:"path" json:"path"`
	Form  Form   `yaml:"form" json:"form"`
	Field string `yaml:"field" json:"field,omitempty"` // of the list, if the form is FormList
	// Dates tells whether it takes start_date, end_date and provider.
	Dates bool `yaml:"dates" json:"dates,omitempty"`
	// Event is the type of the event; {resource} as in the path, but by the
	// name that events have for it.
	Event string `yaml:"event" json:"event"`

	// Resource by its name in event types, and where the catalogue lists it.
	Resource string `yaml:"-" json:"-"`
	Known    bool   `yaml:"-" json:"-"`
}

// resourceMark stands for the resource in paths and event types.
const resourceMark = "{resource}"

// Endpoint is that of a resource, by its name or an older one. A series that
// the catalogue does not list has one too: Junction may know it. It is false
// for what Junction's API does not have.
func (c *Catalogue) Endpoint(resource string) (Endpoint, bool) {
	if !nameForm.MatchString(resource) { // it may come from an event
		return Endpoint{}, false
	}
	t := c.Route("daily.data." + resource + ".created")
	if t.Endpoint == nil {
		return Endpoint{}, false
	}
	e := *t.Endpoint
	e.Resource, e.Known = t.resourceOfEvents(), true
	if strings.Contains(e.Path, resourceMark) {
		name := resource
		var listed *Resource
		if listed, e.Known = t.Resource(resource); e.Known {
			resource, name = listed.Name, listed.Name
			if listed.APIName != "" {
				name = listed.APIName
			}
		}
		e.Resource = resource
		e.Path = strings.ReplaceAll(e.Path, resourceMark, name)
		e.Event = strings.ReplaceAll(e.Event, resourceMark, resource)
	}
	return e, true
}

// Endpoints are those of all resources that the catalogue lists, tables by
// name, series in their order.
func (c *Catalogue) Endpoints() []Endpoint {
	var all []Endpoint
	for _, t := range c.Tables {
		if t.Endpoint == nil {
			continue
		}
		names := []string{t.resourceOfEvents()}
		if len(t.Resources) > 0 {
			names = names[:0]
			for _, r := range t.Resources {
				names = append(names, r.Name)
			}
		}
		for _, name := range names {
			e, _ := c.Endpoint(name)
			all = append(all, e)
		}
	}
	return all
}

// resourceOfEvents is what the types of a table's events call it, "sleep" of
// daily.data.sleep.*; the present name stands first, and older ones behind.
func (t *Table) resourceOfEvents() string {
	for _, pattern := range t.Events {
		if rest, ok := strings.CutPrefix(pattern, "daily.data."); ok {
			return strings.TrimSuffix(strings.TrimSuffix(rest, "*"), ".")
		}
	}
	return t.Name
}
