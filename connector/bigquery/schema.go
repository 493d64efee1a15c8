package bigquery

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"cloud.google.com/go/bigquery"
	"google.golang.org/api/googleapi"

	"vitalsink/schemas"
)

// viewNames is what the statement of a view is made of.
type viewNames struct{ schemas.View }

func (v viewNames) Versioned() bool { return v.Table.Kind == schemas.Versioned }

// CreateSchema makes what is not there of the datasets, tables, fence rows and
// views of a catalogue. Nothing that runs calls it: in a real project the
// datasets are somebody's to make.
func (w *Warehouse) CreateSchema(ctx context.Context) error {
	for _, t := range w.config.Catalogue.Tables {
		if err := w.createTables(ctx, t); err != nil {
			return err
		}
	}
	for _, v := range w.config.Catalogue.Views() {
		text, err := w.statements.render("view.sql", viewNames{v})
		if err != nil {
			return err
		}
		md := &bigquery.TableMetadata{ViewQuery: text, Description: v.Description}
		if err := w.create(ctx, w.config.Dataset, v.Name, md); err != nil {
			return err
		}
	}
	return nil
}

func (w *Warehouse) createTables(ctx context.Context, t *schemas.Table) error {
	store := storeOf(w.config.Dataset)
	if err := w.create(ctx, store, t.Name, tableMetadata(t)); err != nil || t.Kind != schemas.Versioned {
		return err
	}
	if err := w.create(ctx, store, logOf(t.Name), logMetadata(t, w.config.Catalogue)); err != nil {
		return err
	}
	if err := w.create(ctx, store, fenceOf(t.Name), fenceMetadata(t)); err != nil {
		return err
	}
	text, err := w.statements.render("fill_fence.sql", namesOf(t))
	if err != nil {
		return err
	}
	err = w.query(ctx, statement{step: "schema", table: t.Name, text: text, limit: w.config.MaxBytesBilled},
		func([]bigquery.Value) error { return nil })
	if err != nil {
		return fmt.Errorf("fill fence of %s: %w", t.Name, err)
	}
	return nil
}

func (w *Warehouse) create(ctx context.Context, dataset, name string, md *bigquery.TableMetadata) error {
	err := w.client.Dataset(dataset).Table(name).Create(ctx, md)
	var rest *googleapi.Error
	if errors.As(err, &rest) && rest.Code == http.StatusConflict {
		return nil // it is there
	}
	if err != nil {
		return fmt.Errorf("create %s.%s: %w", dataset, name, explain(err))
	}
	return nil
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
