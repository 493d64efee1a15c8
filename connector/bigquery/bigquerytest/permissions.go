//go:build cgo

package bigquerytest

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	bq "google.golang.org/api/bigquery/v2"
)

// permissionOf are the permissions that calls of the REST API want; see
// https://cloud.google.com/bigquery/docs/access-control.
var permissionOf = map[string]string{
	CallDatasetsGet:   "bigquery.datasets.get",
	CallTablesGet:     "bigquery.tables.get",
	CallTabledataList: "bigquery.tables.getData",
	CallJobsInsert:    "bigquery.jobs.create",
}

// permissions are those that were taken away, by dataset.
type permissions struct {
	mu     sync.Mutex
	denied map[string][]string
}

// Deny takes a permission away from whoever calls, on a dataset; "" for all of
// them, and for jobs. Calls that need it are refused: those of datasets.get,
// tables.get, tabledata.list and jobs.insert; tables.testIamPermissions tells of
// any. What statements do in a job, and streams, is not refused.
func (s *Server) Deny(permission, dataset string) {
	s.permissions.mu.Lock()
	defer s.permissions.mu.Unlock()
	if s.permissions.denied == nil {
		s.permissions.denied = map[string][]string{}
	}
	s.permissions.denied[dataset] = append(s.permissions.denied[dataset], permission)
}

// Allow gives back all that Deny took.
func (s *Server) Allow() {
	s.permissions.mu.Lock()
	defer s.permissions.mu.Unlock()
	s.permissions.denied = nil
}

// lacks tells whether a permission was taken away.
func (p *permissions) lacks(permission, dataset string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return permission != "" && (slices.Contains(p.denied[""], permission) || slices.Contains(p.denied[dataset], permission))
}

// refusal is the answer to a call without its permission, nil if it has it.
func (p *permissions) refusal(call, dataset string) error {
	if permission := permissionOf[call]; p.lacks(permission, dataset) {
		return failure("accessDenied", "Access Denied: Permission %s denied", permission)
	}
	return nil
}

// testPermissions answers which of the permissions that are asked for the caller
// has on a table.
func (s *Server) testPermissions(r *http.Request) (any, error) {
	var asked bq.TestIamPermissionsRequest
	if err := readBody(r, &asked); err != nil {
		return nil, err
	}
	table, ok := strings.CutSuffix(r.PathValue("table"), ":testIamPermissions")
	if !ok {
		return nil, failure(reasonMissing, "stand-in for BigQuery: %s %s is not part of it", r.Method, r.URL.Path)
	}
	dataset := r.PathValue("dataset")
	if _, err := s.catalog.relation(r.PathValue("project"), dataset, table, "", 0); err != nil {
		return nil, err
	}
	has := &bq.TestIamPermissionsResponse{}
	for _, permission := range asked.Permissions {
		if !s.permissions.lacks(permission, dataset) {
			has.Permissions = append(has.Permissions, permission)
		}
	}
	return has, nil
}
