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
		var planned terraformtest.Table
		r.Into(t, &planned)
		name := planned.Dataset + "." + planned.Table
		want, ok := wanted[name]
		if !ok {
			t.Errorf("%s is planned, and the catalogue does not know it", name)
			continue
		}
		delete(wanted, name)
		t.Run(name, func(t *testing.T) { agrees(t, want, planned.Metadata(t)) })
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
