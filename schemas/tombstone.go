package schemas

// Tombstones is the table as events say it that delete rows of it: a list of
// rows, each just its key and the value of its partition column, under the
// names of the columns. All columns are there, in their places; the others
// have no path.
func (t *Table) Tombstones() *Table {
	says := &Table{Name: t.Name, Kind: t.Kind, Rows: RowsSamples, Key: t.Key, Partition: t.Partition}
	for _, c := range t.Columns {
		said := Column{Name: c.Name, Type: c.Type, Repeated: c.Repeated, Required: c.Required, Default: c.Default}
		if t.IsKey(c.Name) || t.Partition != nil && t.Partition.Column == c.Name {
			said.Path = c.Name
		}
		says.Columns = append(says.Columns, said)
	}
	return says
}
