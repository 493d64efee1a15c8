package bigquery

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"cloud.google.com/go/bigquery"
	"github.com/google/go-cmp/cmp"

	"vitalsink/connector/terraformtest"
	"vitalsink/schemas"
)

// plannedTable is a table or view that Terraform makes.
type plannedTable struct {
	Dataset     string            `json:"dataset_id"`
	Table       string            `json:"table_id"`
	Description string            `json:"description"`
	Schema      string            `json:"schema"`
	Clustering  []string          `json:"clustering"`
	Labels      map[string]string `json:"labels"`
	Expires     *int64            `json:"expiration_time"`
	Filter      *bool             `json:"require_partition_filter"`
	View        []struct {
		Query  string `json:"query"`
		Legacy bool   `json:"use_legacy_sql"`
	} `json:"view"`
	Partitioning []struct {
		Type    string `json:"type"`
		Field   string `json:"field"`
		Expires *int64 `json:"expiration_ms"`
		Filter  *bool  `json:"require_partition_filter"`
	} `json:"time_partitioning"`
}

// metadata is the table as the API would tell of it.
func (p plannedTable) metadata(t testing.TB) *bigquery.TableMetadata {
	t.Helper()
	md := &bigquery.TableMetadata{Description: p.Description, Type: bigquery.RegularTable, Labels: p.Labels}
	if len(p.View) > 0 {
		md.Type, md.ViewQuery, md.UseLegacySQL = bigquery.ViewTable, p.View[0].Query, p.View[0].Legacy
		return md
	}
	schema, err := bigquery.SchemaFromJSON([]byte(p.Schema))
	if err != nil {
		t.Fatalf("%s: %v", p.Table, err)
	}
	md.Schema = schema
	if len(p.Clustering) > 0 {
		md.Clustering = &bigquery.Clustering{Fields: p.Clustering}
	}
	for _, by := range p.Partitioning {
		md.TimePartitioning = &bigquery.TimePartitioning{Type: bigquery.TimePartitioningType(by.Type), Field: by.Field}
		if by.Expires != nil || by.Filter != nil {
			t.Errorf("%s: a partitioning with an expiration or a filter of its own", p.Table)
		}
	}
	md.RequirePartitionFilter = p.Filter != nil && *p.Filter
	if p.Expires != nil {
		t.Errorf("%s: it expires", p.Table)
	}
	return md
}

// TestTerraformAgrees: Terraform makes the tables and views that the program
// expects, and no other, so that `schema plan` has nothing to say of them.
func TestTerraformAgrees(t *testing.T) {
	catalogue, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	text, err := newStatements("my-project", "people")
	if err != nil {
		t.Fatal(err)
	}
	w := &Warehouse{config: Config{Project: "my-project", Dataset: "people", Catalogue: catalogue}, statements: text}
	views, err := w.views()
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string]relation{}
	for _, r := range append(w.tables(), views...) {
		wanted[r.dataset+"."+r.name] = r
	}
	for _, r := range terraformtest.Plan(t, "../../terraform", map[string]any{
		"project_id": "my-project", "project_number": "1", "region": "europe-west1", "location": "EU",
		"dataset_id": "people", "junction_publishers": []string{},
		"image": "registry/vitalsink@sha256:" + strings.Repeat("0", 64),
	}) {
		if r.Type != "google_bigquery_table" {
			continue
		}
		var planned plannedTable
		r.Into(t, &planned)
		name := planned.Dataset + "." + planned.Table
		want, ok := wanted[name]
		if !ok {
			t.Errorf("%s is planned, and the catalogue does not know it", name)
			continue
		}
		delete(wanted, name)
		t.Run(name, func(t *testing.T) { agrees(t, want, planned.metadata(t)) })
	}
	for name := range wanted {
		t.Errorf("%s is not planned", name)
	}
}

// agrees compares a relation with what Terraform makes of it: in all that the
// program makes, and in what the program thinks of it.
func agrees(t *testing.T, want relation, have *bigquery.TableMetadata) {
	type made struct{ Description, Schema, Partitioning, Clustering, Query, Label string }
	of := func(md *bigquery.TableMetadata) made {
		m := made{md.Description, "", partitioningOf(md), clusteringOf(md), md.ViewQuery, md.Labels[viewLabel]}
		for _, f := range md.Schema {
			raw, err := json.Marshal(f)
			if err != nil {
				t.Fatal(err)
			}
			m.Schema += fmt.Sprintln(string(raw))
		}
		return m
	}
	if diff := cmp.Diff(of(want.md), of(have)); diff != "" {
		t.Errorf("(-program +terraform):\n%s", diff)
	}
	c := &comparison{project: "my-project", want: want, have: have}
	c.all()
	for _, d := range c.found {
		t.Errorf("%s: %s", d.Action, d)
	}
	byKey := want.md.ViewQuery == "" && want.table.Partition != nil && want.table.Partition.Rule == schemas.PartOfKey && want.name == want.table.Name
	if have.RequirePartitionFilter != byKey {
		t.Errorf("requires a partition filter: %v, want %v", have.RequirePartitionFilter, byKey)
	}
}
