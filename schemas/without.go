package schemas

import "slices"

// Optional tells whether rows of the table can do without a column: it comes
// from the payload, nothing finds or sorts rows by it, and a value of it that
// has no column is kept in _extra.
func (t *Table) Optional(name string) bool {
	i := t.Index(name)
	if i < 0 || t.Kind != Versioned {
		return false
	}
	c := &t.Columns[i]
	keepsExtra := slices.ContainsFunc(t.Columns, func(c Column) bool { return c.Computed == ComputedExtra })
	discriminates := slices.ContainsFunc(t.Resources, func(r Resource) bool { return r.Discriminator == name })
	return keepsExtra && c.Path != "" && !c.Required && !t.IsKey(name) && !discriminates && (t.Partition == nil || t.Partition.Column != name)
}

// Without is the catalogue without some columns of its tables, by the name of
// the table. They must be Optional.
func (c *Catalogue) Without(columns map[string][]string) *Catalogue {
	less := *c
	less.Tables = slices.Clone(c.Tables)
	for i, t := range less.Tables {
		if len(columns[t.Name]) > 0 {
			less.Tables[i] = t.without(columns[t.Name])
		}
	}
	return &less
}

func (t *Table) without(columns []string) *Table {
	less := *t
	less.Columns = slices.DeleteFunc(slices.Clone(t.Columns), func(c Column) bool { return slices.Contains(columns, c.Name) })
	less.Resources = slices.Clone(t.Resources)
	for i := range less.Resources {
		r := &less.Resources[i]
		r.Columns = slices.DeleteFunc(slices.Clone(r.Columns), func(name string) bool { return slices.Contains(columns, name) })
	}
	return &less
}
