//go:build cgo

package bigquerytest

import (
	"context"
	"database/sql"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	bq "google.golang.org/api/bigquery/v2"
)

// outputOnly are what a call cannot change, of tables and datasets: it is
// ignored where it is sent.
var outputOnly = []string{
	"kind", "id", "etag", "selfLink", "type", "creationTime", "lastModifiedTime", "tableReference", "datasetReference",
	"numRows", "numBytes", "numLongTermBytes", "streamingBuffer",
}

// readPatch reads a resource that may hold nulls, without what is output only.
func readPatch(r *http.Request) (map[string]any, error) {
	body := map[string]any{}
	if err := readBody(r, &body); err != nil {
		return nil, err
	}
	for _, name := range outputOnly {
		delete(body, name)
	}
	return body, nil
}

// ifMatch refuses a change of something that is not as the caller knows it.
func ifMatch(r *http.Request, etag string) error {
	if wanted := r.Header.Get("If-Match"); wanted != "" && wanted != "*" && strings.Trim(wanted, `"`) != etag {
		return failure(reasonPrecondition, "Precondition check failed.")
	}
	return nil
}

// patched puts a resource together from the former and a patch; what is named
// beside them stays.
func patched(old any, patch map[string]any, into any, stays ...string) error {
	base, err := asMap(old)
	if err != nil {
		return err
	}
	for _, name := range append(stays, "etag") {
		delete(patch, name)
	}
	delete(base, "etag")
	return fromMap(merge(base, patch), into)
}

// merge applies a patch as RFC 7386 has it: null deletes, objects are merged,
// all else is replaced.
func merge(base, patch map[string]any) map[string]any {
	out := maps.Clone(base)
	if out == nil {
		out = map[string]any{}
	}
	for name, value := range patch {
		inner, isObject := value.(map[string]any)
		switch {
		case value == nil:
			delete(out, name)
		case isObject:
			under, _ := out[name].(map[string]any) // if it is none, it is replaced
			out[name] = merge(under, inner)
		default:
			out[name] = value
		}
	}
	return out
}

func asMap(v any) (map[string]any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	m := map[string]any{}
	return m, json.Unmarshal(raw, &m)
}

func fromMap(m map[string]any, into any) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return failure(reasonInvalid, "Invalid JSON payload received: %v", err)
	}
	return nil
}

// patchTable changes what a call names; null takes it away.
func (s *Server) patchTable(r *http.Request) (any, error) {
	return s.changeTable(r, func(old *bq.Table, body map[string]any, into *bq.Table) error {
		return patched(old, body, into, "location")
	})
}

// updateTable changes all that can be changed: what a call does not name is
// taken away.
func (s *Server) updateTable(r *http.Request) (any, error) {
	return s.changeTable(r, func(old *bq.Table, body map[string]any, into *bq.Table) error {
		base, err := asMap(old)
		if err != nil {
			return err
		}
		maps.DeleteFunc(base, func(name string, _ any) bool {
			return name != "location" && (name == "etag" || !slices.Contains(outputOnly, name))
		})
		delete(body, "location")
		return fromMap(merge(base, body), into)
	})
}

// changeTable puts another relation in the place of a table or view.
func (s *Server) changeTable(r *http.Request, wanted func(old *bq.Table, body map[string]any, into *bq.Table) error) (any, error) {
	body, err := readPatch(r)
	if err != nil {
		return nil, err
	}
	_, given := body["schema"]
	var changed *bq.Table
	err = s.alter(func() error {
		old, err := s.relationOf(r)
		if err != nil {
			return err
		}
		known, err := s.tableResource(r.Context(), old)
		if err != nil {
			return err
		}
		if err := ifMatch(r, known.Etag); err != nil {
			return err
		}
		resource := &bq.Table{}
		if err := wanted(old.resource, body, resource); err != nil {
			return err
		}
		next, err := s.replace(r.Context(), old, resource, given)
		if err != nil {
			return err
		}
		changed, err = s.tableResource(r.Context(), next)
		return err
	})
	return changed, err
}

// replace makes a table or view what a resource says. The schema was given, or
// is the former.
func (s *Server) replace(ctx context.Context, old *relation, resource *bq.Table, given bool) (*relation, error) {
	resource.LastModifiedTime = uint64(time.Now().UnixMilli())
	d, err := s.catalog.dataset(old.project, old.dataset)
	if err != nil {
		return nil, err
	}
	next, statements, err := s.succeed(old, resource)
	if err != nil {
		return nil, err
	}
	err = s.ddl(ctx, func(tx *sql.Tx) error {
		for _, text := range statements {
			if _, err := tx.ExecContext(ctx, text); err != nil {
				return err
			}
		}
		if next.view == nil {
			return nil
		}
		return next.replaceView(ctx, tx, old, given)
	})
	if err != nil {
		return nil, err
	}
	s.catalog.publish(d, next)
	return next, nil
}

// deleteTable deletes a table or view. Transactions that began before still
// see it.
func (s *Server) deleteTable(r *http.Request) (any, error) {
	var old *relation
	err := s.alter(func() error {
		d, err := s.catalog.dataset(r.PathValue("project"), r.PathValue("dataset"))
		if err != nil {
			return err
		}
		if old, err = s.relationOf(r); err != nil {
			return err
		}
		kind := "TABLE"
		if old.view != nil {
			kind = "VIEW"
		}
		err = s.ddl(r.Context(), func(tx *sql.Tx) error {
			_, err := tx.ExecContext(r.Context(), "DROP "+kind+" "+old.sql)
			return err
		})
		if err == nil {
			s.catalog.publish(d, &relation{id: old.id, gone: true})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	s.write.forgetTable(old.path())
	return nil, nil
}
