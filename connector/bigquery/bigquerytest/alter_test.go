//go:build cgo

package bigquerytest_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/bigquery"
	bq "google.golang.org/api/bigquery/v2"
	"google.golang.org/api/googleapi"

	"vitalsink/connector/bigquery/bigquerytest"
)

// update changes a table, whatever its ETag is.
func (d *db) update(table string, md bigquery.TableMetadataToUpdate) (*bigquery.TableMetadata, error) {
	return d.client.Dataset("d").Table(table).Update(d.Context(), md, "")
}

// metadata is what REST says of a table.
func (d *db) metadata(table string) *bigquery.TableMetadata {
	d.Helper()
	md, err := d.client.Dataset("d").Table(table).Metadata(d.Context())
	if err != nil {
		d.Fatal(err)
	}
	return md
}

// extended adds columns to a table.
func (d *db) extended(table string, fields ...*bigquery.FieldSchema) {
	d.Helper()
	if _, err := d.update(table, bigquery.TableMetadataToUpdate{Schema: append(d.metadata(table).Schema, fields...)}); err != nil {
		d.Fatal(err)
	}
}

func list(name string, t bigquery.FieldType) *bigquery.FieldSchema {
	return &bigquery.FieldSchema{Name: name, Type: t, Repeated: true}
}

// TestAddColumns: new columns are empty in the rows that are there, and can be
// used at once.
func TestAddColumns(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.keyed("ts")
	d.must("INSERT INTO d.t (k, n, ts) VALUES ('a', 1, TIMESTAMP '2026-01-01')")
	kinds := []bigquery.FieldType{
		bigquery.StringFieldType, bigquery.BytesFieldType, bigquery.IntegerFieldType, bigquery.FloatFieldType,
		bigquery.BooleanFieldType, bigquery.TimestampFieldType, bigquery.DateFieldType, bigquery.JSONFieldType,
	}
	var fields []*bigquery.FieldSchema
	for _, kind := range kinds {
		fields = append(fields, field("x_"+string(kind), kind), list("l_"+string(kind), kind))
	}
	d.extended("t", fields...)
	for i, f := range d.metadata("t").Schema[3:] {
		if f.Name != fields[i].Name || f.Type != fields[i].Type || f.Repeated != fields[i].Repeated || f.Required {
			t.Errorf("%+v, want %+v", f, fields[i])
		}
	}
	for _, kind := range kinds {
		if got := fmt.Sprint(d.must(fmt.Sprintf("SELECT x_%[1]s, ARRAY_LENGTH(l_%[1]s), l_%[1]s FROM d.t", kind))); got != "[[<nil> 0 []]]" {
			t.Errorf("%s: %s, want NULL and an empty list", kind, got)
		}
	}
	d.must("INSERT INTO d.t (k, x_STRING, l_STRING) VALUES ('b', 'x', ['y', 'z'])")
	d.must("INSERT INTO d.t (k) VALUES ('c')")
	d.must("UPDATE d.t SET x_STRING = 'u' WHERE k = 'a'")
	d.must("MERGE d.t AS T USING (SELECT * REPLACE ('d' AS k) FROM d.t WHERE k = 'b') AS S ON T.k = S.k WHEN NOT MATCHED THEN INSERT ROW")
	if got := fmt.Sprint(d.must("SELECT k, x_STRING, l_STRING FROM d.t ORDER BY k")); got != "[[a u []] [b x [y z]] [c <nil> []] [d x [y z]]]" {
		t.Errorf("%s", got)
	}
	if rows := d.all(d.client.Dataset("d").Table("t").Read(t.Context())); len(rows) != 4 || len(rows[0]) != 3+len(fields) {
		t.Errorf("%v", rows)
	}
	if err := d.Empty(); err != nil {
		t.Fatal(err)
	}
	d.must("INSERT INTO d.t (k, x_STRING) VALUES ('a', 'b')")
}

// TestRelaxColumn: a column that must not be NULL may be, and never the other
// way round.
func TestRelaxColumn(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.table("r", "", &bigquery.FieldSchema{Name: "k", Type: bigquery.StringFieldType, Required: true}, field("n", bigquery.IntegerFieldType))
	const insert = "INSERT INTO d.r (n) VALUES (1)"
	if _, err := d.try(t.Context(), d.query(insert)); !isReason(err, "invalidQuery") {
		t.Errorf("NULL in a required column: %v", err)
	}
	s := d.metadata("r").Schema.Relax()
	md, err := d.update("r", bigquery.TableMetadataToUpdate{Schema: s})
	if err != nil || md.Schema[0].Required || d.metadata("r").Schema[0].Required {
		t.Fatal(md, err)
	}
	d.must(insert)
	s[0].Required = true
	if _, err := d.update("r", bigquery.TableMetadataToUpdate{Schema: s}); !isReason(err, "invalid") || !strings.Contains(err.Error(), "Field k has changed mode from NULLABLE to REQUIRED") {
		t.Errorf("back to required: %v", err)
	}
}

// TestRefusedChanges: what BigQuery does not change of a table, and what it
// says.
func TestRefusedChanges(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.table("t", "ts", &bigquery.FieldSchema{Name: "k", Type: bigquery.StringFieldType, Required: true}, field("n", bigquery.IntegerFieldType),
		list("l", bigquery.StringFieldType), field("ts", bigquery.TimestampFieldType))
	d.table("flat", "", field("k", bigquery.StringFieldType), field("ts", bigquery.TimestampFieldType))
	if err := d.client.Dataset("d").Table("v").Create(t.Context(), &bigquery.TableMetadata{ViewQuery: "SELECT k FROM `p.d.t`"}); err != nil {
		t.Fatal(err)
	}
	before := d.metadata("t")
	schema := func(change func(s bigquery.Schema) bigquery.Schema) bigquery.TableMetadataToUpdate {
		var s bigquery.Schema
		for _, f := range before.Schema {
			own := *f
			s = append(s, &own)
		}
		return bigquery.TableMetadataToUpdate{Schema: change(s)}
	}
	const mismatch = "Provided Schema does not match Table p:d.t. "
	for name, test := range map[string]struct {
		table, reason, text string
		md                  bigquery.TableMetadataToUpdate
	}{
		"dropped column":   {"t", "invalid", mismatch + "Field n is missing in new schema", schema(func(s bigquery.Schema) bigquery.Schema { return slices.Delete(s, 1, 2) })},
		"renamed column":   {"t", "invalid", mismatch + "Field n is missing in new schema", schema(func(s bigquery.Schema) bigquery.Schema { s[1].Name = "m"; return s })},
		"another type":     {"t", "invalid", mismatch + "Field n has changed type from INTEGER to FLOAT", schema(func(s bigquery.Schema) bigquery.Schema { s[1].Type = bigquery.FloatFieldType; return s })},
		"no list any more": {"t", "invalid", mismatch + "Field l has changed mode from REPEATED to NULLABLE", schema(func(s bigquery.Schema) bigquery.Schema { s[2].Repeated = false; return s })},
		"a list now":       {"t", "invalid", mismatch + "Field n has changed mode from NULLABLE to REPEATED", schema(func(s bigquery.Schema) bigquery.Schema { s[1].Repeated = true; return s })},
		"required column": {"t", "invalid", mismatch + "Cannot add required fields to an existing schema. (field: x)", schema(func(s bigquery.Schema) bigquery.Schema {
			return append(s, &bigquery.FieldSchema{Name: "x", Type: bigquery.StringFieldType, Required: true})
		})},
		"column in the middle": {"t", "conditionNotMet", "Precondition Failed", schema(func(s bigquery.Schema) bigquery.Schema {
			return slices.Insert(s, 1, field("x", bigquery.StringFieldType))
		})},
		"the same name twice":   {"t", "invalid", "already exists", schema(func(s bigquery.Schema) bigquery.Schema { return append(s, field("N", bigquery.StringFieldType)) })},
		"another unit":          {"t", "invalid", "partitioning", bigquery.TableMetadataToUpdate{TimePartitioning: &bigquery.TimePartitioning{Type: bigquery.HourPartitioningType, Field: "ts"}}},
		"another partitioning":  {"t", "invalid", "", bigquery.TableMetadataToUpdate{TimePartitioning: &bigquery.TimePartitioning{Field: "k"}}},
		"partitions of a table": {"flat", "invalid", "Cannot convert non partitioned", bigquery.TableMetadataToUpdate{TimePartitioning: &bigquery.TimePartitioning{Field: "ts"}}},
		"filter of nothing":     {"flat", "invalid", "partitioned", bigquery.TableMetadataToUpdate{RequirePartitionFilter: true}},
		"clustering by a list":  {"t", "invalid", "clustered", bigquery.TableMetadataToUpdate{Clustering: &bigquery.Clustering{Fields: []string{"l"}}}},
		"table to a view":       {"t", "invalid", "", bigquery.TableMetadataToUpdate{ViewQuery: "SELECT 1 AS x"}},
		"nothing there":         {"nope", "notFound", "Not found: Table p:d.nope", bigquery.TableMetadataToUpdate{Description: "x"}},
		"bad query":             {"v", "invalidQuery", "nope", bigquery.TableMetadataToUpdate{ViewQuery: "SELECT nope FROM `p.d.t`"}},
		"view of itself":        {"v", "invalidQuery", "", bigquery.TableMetadataToUpdate{ViewQuery: "SELECT k FROM `p.d.v`"}},
		"columns of a view":     {"v", "invalid", "Provided Schema", bigquery.TableMetadataToUpdate{Schema: bigquery.Schema{field("other", bigquery.StringFieldType)}}},
	} {
		_, err := d.update(test.table, test.md)
		if reason, text := reasonOf(err); reason != test.reason || !strings.Contains(text, test.text) {
			t.Errorf("%s: %v; want %s: … %s …", name, err, test.reason, test.text)
		}
	}
	if after := d.metadata("t"); after.ETag != before.ETag || len(after.Schema) != 4 {
		t.Errorf("after all of them the table is %+v", after)
	}
	// The order of columns is not changed by another order in the schema.
	md, err := d.update("t", schema(func(s bigquery.Schema) bigquery.Schema {
		slices.Reverse(s)
		return append(s, field("last", bigquery.StringFieldType))
	}))
	if err != nil || md.Schema[0].Name != "k" || md.Schema[4].Name != "last" {
		t.Errorf("another order: %+v, %v", md, err)
	}
}

// TestTableMetadata: what a table was told is what it says, each change has its
// ETag, and a change of something that was changed meanwhile is refused.
func TestTableMetadata(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.keyed("ts")
	table := d.client.Dataset("d").Table("t")
	tags := &bigquery.PolicyTagList{Names: []string{"projects/p/locations/us/taxonomies/1/policyTags/2"}}
	s := d.metadata("t").Schema
	s[0].Description, s[0].PolicyTags = "the key", tags
	label := bigquery.TableMetadataToUpdate{}
	label.SetLabel("team", "data")
	label.SetLabel("stage", "test")
	unlabel := bigquery.TableMetadataToUpdate{}
	unlabel.DeleteLabel("stage")
	expires := time.UnixMilli(4e12)
	etags := map[string]bool{d.metadata("t").ETag: true}
	for _, md := range []bigquery.TableMetadataToUpdate{
		{Description: "text", Name: "name"}, label, unlabel, {ExpirationTime: expires}, {Schema: s}, {RequirePartitionFilter: true},
		{TimePartitioning: &bigquery.TimePartitioning{Type: bigquery.DayPartitioningType, Field: "ts", Expiration: 48 * time.Hour}},
		{Clustering: &bigquery.Clustering{Fields: []string{"k", "n"}}},
		{Schema: bigquery.Schema{{Name: "k", Type: bigquery.StringFieldType}, s[1], s[2]}}, // keeps the tags, not the description
	} {
		old := d.metadata("t").ETag
		got, err := table.Update(t.Context(), md, old)
		if err != nil {
			t.Fatalf("%+v: %v", md, err)
		}
		if etags[got.ETag] || got.ETag != d.metadata("t").ETag {
			t.Errorf("%+v: the ETag is %s, was %s", md, got.ETag, old)
		}
		etags[got.ETag] = true
		var rest *googleapi.Error
		if _, err := table.Update(t.Context(), md, old); !errors.As(err, &rest) || rest.Code != http.StatusPreconditionFailed || !isReason(err, "conditionNotMet") {
			t.Errorf("with an old ETag: %v", err)
		}
	}
	got := d.metadata("t")
	if got.Description != "text" || got.Name != "name" || fmt.Sprint(got.Labels) != "map[team:data]" || !got.ExpirationTime.Equal(expires) ||
		!got.RequirePartitionFilter || got.TimePartitioning.Expiration != 48*time.Hour || fmt.Sprint(got.Clustering.Fields) != "[k n]" ||
		got.Schema[0].Description != "" || got.Schema[0].PolicyTags == nil || got.Schema[0].PolicyTags.Names[0] != tags.Names[0] {
		t.Errorf("%+v", got)
	}
	for _, md := range []bigquery.TableMetadataToUpdate{
		{ExpirationTime: bigquery.NeverExpire, Description: "", RequirePartitionFilter: false}, {Clustering: &bigquery.Clustering{}},
		{TimePartitioning: &bigquery.TimePartitioning{Field: "ts"}},
		{Schema: bigquery.Schema{{Name: "k", Type: bigquery.StringFieldType, PolicyTags: &bigquery.PolicyTagList{}}, s[1], s[2]}},
	} {
		if _, err := d.update("t", md); err != nil {
			t.Fatal(err)
		}
	}
	got = d.metadata("t")
	if got.Description != "" || !got.ExpirationTime.IsZero() || got.RequirePartitionFilter || got.TimePartitioning.Expiration != 0 ||
		got.Clustering != nil || got.Schema[0].PolicyTags != nil || got.Name != "name" {
		t.Errorf("after taking it away: %+v", got)
	}
}

// TestTablesUpdate: tables.update takes away what it does not name.
func TestTablesUpdate(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.keyed("ts")
	if _, err := d.update("t", bigquery.TableMetadataToUpdate{Description: "text", Name: "name"}); err != nil {
		t.Fatal(err)
	}
	service, err := bq.NewService(t.Context(), d.REST()...)
	if err != nil {
		t.Fatal(err)
	}
	table, err := service.Tables.Get("p", "d", "t").Do()
	if err != nil {
		t.Fatal(err)
	}
	table.FriendlyName = ""
	table.Schema.Fields = append(table.Schema.Fields, &bq.TableFieldSchema{Name: "x", Type: "INT64"})
	if _, err := service.Tables.Update("p", "d", "t", table).Do(); err != nil {
		t.Fatal(err)
	}
	if md := d.metadata("t"); md.Name != "" || md.Description != "text" || len(md.Schema) != 4 || md.Schema[3].Type != bigquery.IntegerFieldType {
		t.Errorf("%+v", md)
	}
	for _, bad := range []*bq.Table{{Description: "no schema"}, {Schema: table.Schema}} {
		if _, err := service.Tables.Update("p", "d", "t", bad).Do(); !isReason(err, "invalid") {
			t.Errorf("without what cannot be taken away: %v", err)
		}
	}
}

// TestChangeView: a view selects something else, and its schema follows; what
// its tables get later shows up in SELECT *.
func TestChangeView(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.filled()
	if err := d.client.Dataset("d").Table("v").Create(t.Context(), &bigquery.TableMetadata{ViewQuery: "SELECT k FROM `p.d.t`"}); err != nil {
		t.Fatal(err)
	}
	described := bigquery.Schema{{Name: "k", Type: bigquery.StringFieldType, Description: "key"}}
	if md, err := d.update("v", bigquery.TableMetadataToUpdate{Schema: described}); err != nil || md.Schema[0].Description != "key" {
		t.Errorf("%+v, %v", md, err)
	}
	if md, err := d.update("v", bigquery.TableMetadataToUpdate{Description: "text"}); err != nil || md.Schema[0].Description != "key" {
		t.Errorf("%+v, %v", md, err)
	}
	md, err := d.update("v", bigquery.TableMetadataToUpdate{ViewQuery: "SELECT * FROM `p.d.t` WHERE k = 'a'"})
	if err != nil || len(md.Schema) != 3 || md.ViewQuery == "" || md.Description != "text" {
		t.Fatal(md, err)
	}
	d.extended("t", field("x", bigquery.StringFieldType))
	d.must("UPDATE d.t SET x = 'new' WHERE TRUE")
	if got := fmt.Sprint(d.must("SELECT * FROM d.v")); got != "[[a 1 <nil> new]]" {
		t.Errorf("%s", got)
	}
	if n := len(d.metadata("v").Schema); n != 3 {
		t.Errorf("the schema of the view has %d columns, want those it had", n)
	}
}

// TestDeleteTable: what is deleted is gone, and its name is free.
func TestDeleteTable(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.filled()
	ds := d.client.Dataset("d")
	if err := ds.Table("v").Create(t.Context(), &bigquery.TableMetadata{ViewQuery: "SELECT * FROM `p.d.t`"}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := ds.Table("t").Delete(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := ds.Table("t").Delete(t.Context()); !isReason(err, "notFound") {
			t.Errorf("deleted twice: %v", err)
		}
		for _, query := range []string{"SELECT * FROM d.t", "SELECT * FROM d.v", "INSERT INTO d.t (k) VALUES ('a')"} {
			if _, err := d.try(t.Context(), d.query(query)); !isReason(err, "notFound") || !strings.Contains(err.Error(), "Not found: Table p:d.t") {
				t.Errorf("%s: %v", query, err)
			}
		}
		if n := len(tablesOf(t, ds)); n != 2 {
			t.Errorf("%d tables", n)
		}
		d.table("t", "", field("z", bigquery.StringFieldType))
		d.must("INSERT INTO d.t (z) VALUES ('x')")
		if got := fmt.Sprint(d.must("SELECT * FROM d.v")); got != "[[x]]" {
			t.Errorf("%s", got)
		}
	}
	if err := ds.Table("v").Delete(t.Context()); err != nil {
		t.Fatal(err)
	}
}
