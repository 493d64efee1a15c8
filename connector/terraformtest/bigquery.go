package terraformtest

import (
	"testing"

	"cloud.google.com/go/bigquery"
)

// Table is a table or view that Terraform makes.
type Table struct {
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

// Metadata is the table as the API would tell of it.
func (p Table) Metadata(t testing.TB) *bigquery.TableMetadata {
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
