//go:build cgo

package bigquerytest

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"strings"
	"time"

	bq "google.golang.org/api/bigquery/v2"
)

// leastExpiration is the shortest default life of tables, in milliseconds.
const leastExpiration = 3_600_000

// CreateDataset makes a dataset in a location.
func (s *Server) CreateDataset(project, id, location string) error {
	return s.createDataset(context.Background(), &bq.Dataset{
		DatasetReference: &bq.DatasetReference{ProjectId: project, DatasetId: id}, Location: location,
	})
}

func (s *Server) createDataset(ctx context.Context, resource *bq.Dataset) error {
	if err := checkDataset(resource); err != nil {
		return err
	}
	project, id := resource.DatasetReference.ProjectId, resource.DatasetReference.DatasetId
	resource.Kind, resource.Id, resource.Location = "bigquery#dataset", project+":"+id, cmp.Or(resource.Location, s.config.Location)
	resource.CreationTime = time.Now().UnixMilli()
	resource.LastModifiedTime = resource.CreationTime
	d := &dataset{project: project, id: id, location: resource.Location, tables: map[string]*relation{}}
	return s.alter(func() error {
		if _, err := s.catalog.dataset(project, id); err == nil {
			return failure(reasonDuplicate, "Already Exists: Dataset %s:%s", project, id)
		}
		err := s.ddl(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "CREATE SCHEMA "+d.schema())
			return err
		})
		if err != nil {
			return fmt.Errorf("create dataset %s: %w", id, err)
		}
		s.catalog.keep(d, resource)
		return nil
	})
}

func checkDataset(d *bq.Dataset) error {
	if ms := d.DefaultTableExpirationMs; ms != 0 && ms < leastExpiration {
		return failure(reasonInvalid, "Invalid default table expiration: %d is less than %d", ms, leastExpiration)
	}
	return nil
}

func (s *Server) insertDataset(r *http.Request) (any, error) {
	var d bq.Dataset
	if err := readBody(r, &d); err != nil {
		return nil, err
	}
	if d.DatasetReference == nil || d.DatasetReference.DatasetId == "" {
		return nil, failure("required", "Required parameter is missing: datasetId")
	}
	d.DatasetReference.ProjectId = r.PathValue("project")
	if err := s.createDataset(r.Context(), &d); err != nil {
		return nil, err
	}
	return s.datasetResource(d.DatasetReference.ProjectId, d.DatasetReference.DatasetId)
}

func (s *Server) getDataset(r *http.Request) (any, error) {
	return s.datasetResource(r.PathValue("project"), r.PathValue("dataset"))
}

func (s *Server) datasetResource(project, id string) (*bq.Dataset, error) {
	d, err := s.catalog.dataset(project, id)
	if err != nil {
		return nil, err
	}
	return s.catalog.described(d), nil
}

// described is a dataset as REST answers it.
func (c *catalog) described(d *dataset) *bq.Dataset {
	c.mu.RLock()
	defer c.mu.RUnlock()
	resource := *d.resource
	resource.Etag = etag(resource.Id, fmt.Sprint(d.changed))
	return &resource
}

// patchDataset changes what a call names; null takes it away.
func (s *Server) patchDataset(r *http.Request) (any, error) {
	body, err := readPatch(r)
	if err != nil {
		return nil, err
	}
	project, id := r.PathValue("project"), r.PathValue("dataset")
	err = s.alter(func() error {
		d, err := s.catalog.dataset(project, id)
		if err != nil {
			return err
		}
		old := s.catalog.described(d)
		if err := ifMatch(r, old.Etag); err != nil {
			return err
		}
		if location, ok := body["location"].(string); ok && !strings.EqualFold(location, old.Location) {
			return failure(reasonInvalid, "Cannot change the location of dataset %s", old.Id)
		}
		next := &bq.Dataset{}
		if err := patched(old, body, next, "location"); err != nil {
			return err
		}
		if err := checkDataset(next); err != nil {
			return err
		}
		next.LastModifiedTime = time.Now().UnixMilli()
		s.catalog.keep(d, next)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.datasetResource(project, id)
}

// deleteDataset deletes a dataset, and what is in it if it may.
func (s *Server) deleteDataset(r *http.Request) (any, error) {
	var tables []*relation
	err := s.alter(func() error {
		d, err := s.catalog.dataset(r.PathValue("project"), r.PathValue("dataset"))
		if err != nil {
			return err
		}
		if tables = s.catalog.of(d); len(tables) > 0 && r.URL.Query().Get("deleteContents") != "true" {
			return failure(reasonInUse, "Dataset %s:%s is still in use", d.project, d.id)
		}
		err = s.ddl(r.Context(), func(tx *sql.Tx) error {
			_, err := tx.ExecContext(r.Context(), "DROP SCHEMA "+d.schema()+" CASCADE")
			return err
		})
		if err == nil {
			s.catalog.drop(d)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, t := range tables {
		s.write.forgetTable(t.path())
	}
	return nil, nil
}

func (c *catalog) drop(d *dataset) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	delete(c.datasets, d.project+"."+d.id)
}

func (s *Server) listDatasets(r *http.Request) (any, error) {
	if r.URL.Query().Get("filter") != "" {
		return nil, failure(reasonMissing, "stand-in for BigQuery: filters of datasets are not part of it")
	}
	list := &bq.DatasetList{Kind: "bigquery#datasetList", Datasets: []*bq.DatasetListDatasets{}}
	for _, d := range s.catalog.all() {
		if d.project != r.PathValue("project") {
			continue
		}
		resource := s.catalog.described(d)
		list.Datasets = append(list.Datasets, &bq.DatasetListDatasets{
			Kind: resource.Kind, Id: resource.Id, DatasetReference: resource.DatasetReference, FriendlyName: resource.FriendlyName,
			Labels: resource.Labels, Location: resource.Location,
		})
	}
	return list, nil
}
