//go:build cgo

package bigquerytest_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"cloud.google.com/go/bigquery"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/iterator"

	"vitalsink/connector/bigquery/bigquerytest"
)

// TestDatasetMetadata: what a dataset was told is what it says.
func TestDatasetMetadata(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	ds := d.client.Dataset("other")
	if err := ds.Create(t.Context(), &bigquery.DatasetMetadata{DefaultTableExpiration: time.Minute}); !isReason(err, "invalid") {
		t.Errorf("tables that live for a minute: %v", err)
	}
	err := ds.Create(t.Context(), &bigquery.DatasetMetadata{
		Location: "EU", Description: "text", Labels: map[string]string{"team": "data", "stage": "test"},
		DefaultTableExpiration: 24 * time.Hour, DefaultPartitionExpiration: 48 * time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	old, err := ds.Metadata(t.Context())
	if err != nil || old.Location != "EU" || old.Description != "text" || fmt.Sprint(old.Labels) != "map[stage:test team:data]" ||
		old.DefaultTableExpiration != 24*time.Hour || old.DefaultPartitionExpiration != 48*time.Hour || old.ETag == "" || old.FullID != "p:other" {
		t.Fatalf("%+v, %v", old, err)
	}
	change := bigquery.DatasetMetadataToUpdate{Description: "new", DefaultTableExpiration: time.Duration(0), DefaultPartitionExpiration: 2 * time.Hour}
	change.DeleteLabel("stage")
	change.SetLabel("team", "ops")
	got, err := ds.Update(t.Context(), change, old.ETag)
	if err != nil || got.Description != "new" || fmt.Sprint(got.Labels) != "map[team:ops]" || got.DefaultTableExpiration != 0 ||
		got.DefaultPartitionExpiration != 2*time.Hour || got.ETag == old.ETag || got.Location != "EU" {
		t.Fatalf("%+v, %v", got, err)
	}
	var rest *googleapi.Error
	if _, err := ds.Update(t.Context(), change, old.ETag); !errors.As(err, &rest) || rest.Code != http.StatusPreconditionFailed || !isReason(err, "conditionNotMet") {
		t.Errorf("with an old ETag: %v", err)
	}
	if _, err := ds.Update(t.Context(), bigquery.DatasetMetadataToUpdate{DefaultTableExpiration: time.Minute}, ""); !isReason(err, "invalid") {
		t.Errorf("tables that live for a minute: %v", err)
	}
	if _, err := d.client.Dataset("nope").Update(t.Context(), change, ""); !isReason(err, "notFound") {
		t.Errorf("no dataset: %v", err)
	}
	if got := d.datasets(); got != "[d other]" {
		t.Errorf("datasets %s", got)
	}
}

// datasets are the ids of all datasets.
func (d *db) datasets() string {
	d.Helper()
	var ids []string
	for it := d.client.Datasets(d.Context()); ; {
		ds, err := it.Next()
		if errors.Is(err, iterator.Done) {
			return fmt.Sprint(ids)
		}
		if err != nil {
			d.Fatal(err)
		}
		ids = append(ids, ds.DatasetID)
	}
}

// TestDefaultExpirations: a new table gets what its dataset says, unless it
// says otherwise.
func TestDefaultExpirations(t *testing.T) {
	for _, test := range []struct {
		name                string
		table, partition    time.Duration // of the dataset
		own                 bigquery.TableMetadata
		expires             bool
		partitionExpiration time.Duration
	}{
		{"nothing", 0, 0, bigquery.TableMetadata{}, false, 0},
		{"table", time.Hour, 2 * time.Hour, bigquery.TableMetadata{}, true, 0},
		{"partitions", time.Hour, 2 * time.Hour, bigquery.TableMetadata{TimePartitioning: &bigquery.TimePartitioning{Field: "ts"}}, false, 2 * time.Hour},
		{"partitioned table", time.Hour, 0, bigquery.TableMetadata{TimePartitioning: &bigquery.TimePartitioning{Field: "ts"}}, true, 0},
		{"its own", 0, 2 * time.Hour, bigquery.TableMetadata{TimePartitioning: &bigquery.TimePartitioning{Field: "ts", Expiration: 5 * time.Hour}}, false, 5 * time.Hour},
	} {
		d := open(t, bigquerytest.Config{})
		change := bigquery.DatasetMetadataToUpdate{DefaultTableExpiration: test.table, DefaultPartitionExpiration: test.partition}
		if _, err := d.client.Dataset("d").Update(t.Context(), change, ""); err != nil {
			t.Fatal(err)
		}
		test.own.Schema = bigquery.Schema{field("ts", bigquery.TimestampFieldType)}
		if err := d.client.Dataset("d").Table("t").Create(t.Context(), &test.own); err != nil {
			t.Fatal(err)
		}
		md := d.metadata("t")
		if test.expires != md.ExpirationTime.Equal(md.CreationTime.Add(test.table)) || !test.expires && !md.ExpirationTime.IsZero() {
			t.Errorf("%s: expires %v, made %v", test.name, md.ExpirationTime, md.CreationTime)
		}
		if p := md.TimePartitioning; p != nil && p.Expiration != test.partitionExpiration {
			t.Errorf("%s: partitions expire after %v, want %v", test.name, p.Expiration, test.partitionExpiration)
		}
	}
}

// TestDeleteDataset: a dataset is deleted if it is empty, or with all in it.
func TestDeleteDataset(t *testing.T) {
	d := open(t, bigquerytest.Config{})
	d.filled()
	ds := d.client.Dataset("d")
	var rest *googleapi.Error
	if err := ds.Delete(t.Context()); !errors.As(err, &rest) || rest.Code != http.StatusBadRequest || !isReason(err, "resourceInUse") || rest.Message != "Dataset p:d is still in use" {
		t.Errorf("with tables in it: %v", err)
	}
	if err := ds.DeleteWithContents(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := ds.Metadata(t.Context()); !isReason(err, "notFound") {
		t.Errorf("after it was deleted: %v", err)
	}
	if _, err := d.try(t.Context(), d.query("SELECT * FROM d.t")); !isReason(err, "notFound") {
		t.Errorf("query of a table in it: %v", err)
	}
	if err := ds.Create(t.Context(), &bigquery.DatasetMetadata{}); err != nil {
		t.Fatal(err)
	}
	d.keyed("")
	if n := d.count("SELECT COUNT(*) FROM d.t"); n != 0 {
		t.Errorf("%d rows are back", n)
	}
	if err := ds.Table("t").Delete(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := ds.Delete(t.Context()); err != nil {
		t.Error(err)
	}
	if got := d.datasets(); got != "[]" {
		t.Errorf("datasets %s", got)
	}
}
