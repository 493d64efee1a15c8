package bigquery

import (
	"strconv"

	"cloud.google.com/go/bigquery"

	"vitalsink/schemas"
)

// viewNames is what the statement of a view is made of.
type viewNames struct{ schemas.View }

func (v viewNames) Versioned() bool { return v.Table.Kind == schemas.Versioned }

// relation is a table or a view as the catalogue wants it.
type relation struct {
	dataset, name string
	md            *bigquery.TableMetadata
	table         *schemas.Table // it belongs to
	fence         bool           // it holds one row
	filtered      bool           // every statement on it bounds the partition column
}

// tables are the tables that a catalogue wants, those that others need first:
// a log never has a column that its latest table has not.
func (w *Warehouse) tables() []relation {
	store := storeOf(w.config.Dataset)
	var all []relation
	for _, t := range w.config.Catalogue.Tables {
		byKey := t.Partition != nil && t.Partition.Rule == schemas.PartOfKey
		all = append(all, relation{dataset: store, name: t.Name, md: tableMetadata(t), table: t, filtered: byKey})
		if t.Kind == schemas.Versioned {
			all = append(all,
				relation{dataset: store, name: logOf(t.Name), md: logMetadata(t, w.config.Catalogue), table: t, filtered: true},
				relation{dataset: store, name: fenceOf(t.Name), md: fenceMetadata(t), table: t, fence: true})
		}
	}
	return all
}

// viewLabel tells which catalogue a view was made for. A view without it is
// somebody else's.
const viewLabel = "vitalsink_catalogue"

// views are the views that a catalogue wants.
func (w *Warehouse) views() ([]relation, error) {
	var all []relation
	for _, v := range w.config.Catalogue.Views() {
		text, err := w.statements.render("view.sql", viewNames{v})
		if err != nil {
			return nil, err
		}
		md := &bigquery.TableMetadata{
			ViewQuery: text, Description: v.Description, Labels: map[string]string{viewLabel: strconv.Itoa(w.config.Catalogue.Version)},
		}
		all = append(all, relation{dataset: w.config.Dataset, name: v.Name, md: md, table: v.Table})
	}
	return all, nil
}

// tableMetadata is the table as BigQuery declares it.
func tableMetadata(t *schemas.Table) *bigquery.TableMetadata {
	md := &bigquery.TableMetadata{Description: t.Description, Schema: schemaOf(t.Columns)}
	if t.Partition != nil {
		md.TimePartitioning = &bigquery.TimePartitioning{Type: bigquery.DayPartitioningType, Field: t.Partition.Column}
	}
	if len(t.Cluster) > 0 {
		md.Clustering = &bigquery.Clustering{Fields: t.Cluster}
	}
	return md
}

// logMetadata is the log of a table: by hour of the append, and never expiring
// by itself, which would not ask whether rows are merged.
func logMetadata(t *schemas.Table, c *schemas.Catalogue) *bigquery.TableMetadata {
	return &bigquery.TableMetadata{
		Description:      "All versions of the rows of " + t.Name + ".",
		Schema:           schemaOf(append(append([]schemas.Column{}, t.Columns...), c.LogColumns...)),
		TimePartitioning: &bigquery.TimePartitioning{Type: bigquery.HourPartitioningType, Field: "_appended_at"},
		Clustering:       &bigquery.Clustering{Fields: []string{"_batch_id"}},
	}
}

func fenceMetadata(t *schemas.Table) *bigquery.TableMetadata {
	return &bigquery.TableMetadata{
		Description: "One row: how many merges " + t.Name + " has had.",
		Schema:      bigquery.Schema{{Name: "n", Type: bigquery.IntegerFieldType, Required: true}},
	}
}

func schemaOf(columns []schemas.Column) bigquery.Schema {
	types := map[schemas.Type]bigquery.FieldType{
		schemas.String: bigquery.StringFieldType, schemas.Bytes: bigquery.BytesFieldType,
		schemas.Int64: bigquery.IntegerFieldType, schemas.Float64: bigquery.FloatFieldType,
		schemas.Bool: bigquery.BooleanFieldType, schemas.Timestamp: bigquery.TimestampFieldType,
		schemas.Date: bigquery.DateFieldType, schemas.JSON: bigquery.JSONFieldType,
	}
	schema := make(bigquery.Schema, len(columns))
	for i, c := range columns {
		schema[i] = &bigquery.FieldSchema{
			Name: c.Name, Type: types[c.Type], Required: c.Required && !c.Repeated, Repeated: c.Repeated, Description: c.Description,
		}
	}
	return schema
}
