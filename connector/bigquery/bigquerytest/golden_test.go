//go:build cgo

package bigquerytest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/bigquery"

	"vitalsink/connector/bigquery/bigquerytest"
	"vitalsink/schemas"
)

const goldenDir = "../../../testdata/sql/bigquery"

// catalogue makes the tables of the catalogue, as the warehouse does, in
// dataset health_store of project project.
func (d *db) catalogue(c *schemas.Catalogue) {
	d.Helper()
	var err error
	if d.client, err = bigquery.NewClient(d.Context(), "project", d.REST()...); err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() { _ = d.client.Close() })
	for _, name := range []string{"health", "health_store"} {
		if err := d.CreateDataset("project", name, "US"); err != nil {
			d.Fatal(err)
		}
	}
	for _, t := range c.Tables {
		md := &bigquery.TableMetadata{Schema: schemaOf(t.Columns)}
		if t.Partition != nil {
			md.TimePartitioning = &bigquery.TimePartitioning{Type: bigquery.DayPartitioningType, Field: t.Partition.Column}
		}
		d.create(t.Name, md)
		if t.Kind == schemas.Versioned {
			d.create(t.Name+"_log", &bigquery.TableMetadata{
				Schema:           schemaOf(append(t.Columns[:len(t.Columns):len(t.Columns)], c.LogColumns...)),
				TimePartitioning: &bigquery.TimePartitioning{Type: bigquery.HourPartitioningType, Field: "_appended_at"},
				Clustering:       &bigquery.Clustering{Fields: []string{"_batch_id"}},
			})
			d.create(t.Name+"_fence", &bigquery.TableMetadata{Schema: bigquery.Schema{{Name: "n", Type: bigquery.IntegerFieldType, Required: true}}})
			d.must("INSERT INTO health_store." + t.Name + "_fence (n) SELECT 0 FROM UNNEST([1]) WHERE NOT EXISTS (SELECT 1 FROM health_store." + t.Name + "_fence)")
		}
	}
}

func (d *db) create(name string, md *bigquery.TableMetadata) {
	d.Helper()
	if err := d.client.Dataset("health_store").Table(name).Create(d.Context(), md); err != nil {
		d.Fatal(err)
	}
}

func schemaOf(columns []schemas.Column) bigquery.Schema {
	var s bigquery.Schema
	for _, c := range columns {
		s = append(s, &bigquery.FieldSchema{Name: c.Name, Type: bigquery.FieldType(c.Type), Required: c.Required && !c.Repeated, Repeated: c.Repeated})
	}
	return s
}

// logRows inserts rows of a batch into a log: columns that are not named get a
// value of their type if they must have one.
func (d *db) logRow(t *schemas.Table, c *schemas.Catalogue, batch string, values map[string]string) {
	d.Helper()
	var names, texts []string
	for _, col := range append(t.Columns[:len(t.Columns):len(t.Columns)], c.LogColumns...) {
		text, ok := values[col.Name]
		switch {
		case ok:
		case col.Name == "_batch_id":
			text = "'" + batch + "'"
		case col.Name == "_appended_at":
			text = "TIMESTAMP '2026-11-23 10:00:00.123456+00'"
		case !col.Required || col.Repeated:
			continue
		default:
			text = map[schemas.Type]string{
				schemas.String: "'x'", schemas.Bytes: "b'\\x01'", schemas.Int64: "1", schemas.Float64: "1.5", schemas.Bool: "FALSE",
				schemas.Timestamp: "TIMESTAMP '2026-11-22 08:00:00+00'", schemas.Date: "DATE '2026-11-22'", schemas.JSON: "JSON '{}'",
			}[col.Type]
		}
		names, texts = append(names, "`"+col.Name+"`"), append(texts, text)
	}
	d.must(fmt.Sprintf("INSERT INTO health_store.%s_log (%s) VALUES (%s)", t.Name, strings.Join(names, ", "), strings.Join(texts, ", ")))
}

// TestGoldenStatements: every statement that the warehouse sends runs.
func TestGoldenStatements(t *testing.T) {
	c, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	d := open(t, bigquerytest.Config{})
	d.catalogue(c)
	files, err := filepath.Glob(filepath.Join(goldenDir, "*.sql"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d golden statements, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".sql")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if view, ok := strings.CutPrefix(name, "view_"); ok {
			if err := d.client.Dataset("health").Table(view).Create(t.Context(), &bigquery.TableMetadata{ViewQuery: string(text)}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		t.Run(name, func(t *testing.T) { d.golden(t, c, name, string(text)) })
	}
}

// golden runs a statement for one row in the log of its table.
func (d *db) golden(t *testing.T, c *schemas.Catalogue, name, text string) {
	d = &db{TB: t, Server: d.Server, client: d.client}
	if err := d.Empty(); err != nil {
		t.Fatal(err)
	}
	registered := 1
	if table := c.Table(name[strings.LastIndexByte(name, '_')+1:]); table != nil && table.Kind == schemas.Versioned {
		d.logRow(table, c, "b1", nil)
	}
	parameters := []bigquery.QueryParameter{
		{Name: "ids", Value: []string{"b1", "b2"}}, {Name: "job_id", Value: "j1"}, {Name: "after", Value: ""}, {Name: "reasons", Value: []string{"not_json"}},
		{Name: "since", Value: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}, {Name: "users", Value: []string{"u1"}}, {Name: "workouts", Value: []string{"w1"}},
		{Name: "run", Value: "r1"}, {Name: "fence", Value: 7},
		{Name: "hashes", Value: []string{"h1"}}, {Name: "client_user_ids", Value: []string{"c1"}},
	}
	if table, ok := strings.CutPrefix(name, "remove_"); ok {
		d.raise(table)
	}
	if !strings.HasPrefix(name, "merge_") {
		d.must(text, parameters...)
		return
	}
	d.raise(name[strings.LastIndexByte(name, '_')+1:])
	rows := d.must(text, append(parameters, bigquery.QueryParameter{Name: "registered", Value: registered},
		bigquery.QueryParameter{Name: "probed", Value: 0}, bigquery.QueryParameter{Name: "estimated", Value: 0},
		bigquery.QueryParameter{Name: "merge_id", Value: "m1"}, bigquery.QueryParameter{Name: "merged_at", Value: time.Date(2026, 11, 23, 10, 1, 0, 0, time.UTC)})...)
	if got := fmt.Sprint(rows[0][:4]); got != "[1 1 0 0]" {
		t.Errorf("books are %s, want one row applied", got)
	}
}

// raise sets the fence of a table to that of the golden statements.
func (d *db) raise(table string) {
	d.Helper()
	d.must("UPDATE health_store." + table + "_fence SET n = 7 WHERE TRUE")
}
