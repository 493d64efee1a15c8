//go:build cgo

package bigquerytest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	bq "google.golang.org/api/bigquery/v2"
	"google.golang.org/api/googleapi"
)

// basePath is where Google has the API, and so has the stand-in; without it, as
// clients of emulators do, is good too.
const basePath = "/bigquery/v2/"

func lower(s string) string { return strings.ToLower(s) }

// method does a call of the REST API and returns its answer.
type method func(r *http.Request) (any, error)

// handler knows the methods of the REST API that there are.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	const datasets = "/projects/{project}/datasets"
	const tables = datasets + "/{dataset}/tables"
	for pattern, m := range map[string]struct {
		call string
		do   method
	}{
		"POST " + datasets:                           {CallDatasetsInsert, s.insertDataset},
		"GET " + datasets:                            {CallDatasetsList, s.listDatasets},
		"GET " + datasets + "/{dataset}":             {CallDatasetsGet, s.getDataset},
		"PATCH " + datasets + "/{dataset}":           {CallDatasetsPatch, s.patchDataset},
		"DELETE " + datasets + "/{dataset}":          {CallDatasetsDelete, s.deleteDataset},
		"POST " + tables:                             {CallTablesInsert, s.insertTable},
		"GET " + tables:                              {CallTablesList, s.listTables},
		"GET " + tables + "/{table}":                 {CallTablesGet, s.getTable},
		"PATCH " + tables + "/{table}":               {CallTablesPatch, s.patchTable},
		"PUT " + tables + "/{table}":                 {CallTablesUpdate, s.updateTable},
		"DELETE " + tables + "/{table}":              {CallTablesDelete, s.deleteTable},
		"POST " + tables + "/{table}":                {CallTablesTestPermissions, s.testPermissions},
		"GET " + tables + "/{table}/data":            {CallTabledataList, s.listData},
		"POST /projects/{project}/jobs":              {CallJobsInsert, s.insertJob},
		"GET /projects/{project}/jobs/{job}":         {CallJobsGet, s.getJob},
		"POST /projects/{project}/jobs/{job}/cancel": {"jobs.cancel", s.cancelJob},
		"GET /projects/{project}/queries/{job}":      {CallJobsGetQueryResults, s.queryResults},
		"POST /projects/{project}/queries":           {"jobs.query", s.queryJob},
	} {
		mux.Handle(pattern, s.serve(m.call, m.do))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.faults.note("unknown", "")
		answerError(w, failure(reasonMissing, "stand-in for BigQuery: %s %s is not part of it", r.Method, r.URL.Path))
	})
	prefix := strings.TrimSuffix(basePath, "/")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = strings.TrimPrefix(r.URL.Path, prefix)
		mux.ServeHTTP(w, r)
	})
}

// serve answers calls of a method, unless a fault has it otherwise.
func (s *Server) serve(call string, do method) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.faults.note(call, r.PathValue("dataset"))
		w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
		if err := s.permissions.refusal(call, r.PathValue("dataset")); err != nil {
			answerError(w, err)
			return
		}
		fault := s.faults.next(call, s.tableOf(r))
		if fault == nil {
			answer(w, r, do)
			return
		}
		if fault.begin(r.Context(), call) != nil {
			return // the client went away
		}
		switch fault.Effect {
		case Reset:
			reset(w)
		case ResetAfter:
			_, _ = do(r) // nobody will know
			reset(w)
		case LoseReply:
			_, _ = do(r) // nobody will know
			fallthrough
		case Refuse:
			failed := fault.REST
			if failed == nil {
				failed = failure(reasonBackend, "a fault was injected").api()
			}
			answerAPI(w, failed)
		default:
			answer(w, r, do)
		}
	})
}

// tableOf is the table that a call is about; for one about a job, the job's
// label "table".
func (s *Server) tableOf(r *http.Request) string {
	if table := r.PathValue("table"); table != "" {
		return table
	}
	if r.Method == http.MethodPost && r.PathValue("job") == "" {
		return tableOfRequest(r)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if j := s.jobs[r.PathValue("job")]; j != nil {
		return j.labels["table"]
	}
	return ""
}

// tableOfRequest is the table that is to be made, or the label "table" of a
// job that is asked for.
func tableOfRequest(r *http.Request) string {
	raw, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(raw))
	var request struct {
		TableReference bq.TableReference
		Configuration  struct{ Labels map[string]string }
	}
	if err != nil || json.Unmarshal(raw, &request) != nil {
		return ""
	}
	return cmp.Or(request.TableReference.TableId, request.Configuration.Labels["table"])
}

// reset cuts the connection as a network does it.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	inner := conn
	if c, ok := conn.(*cuttableConn); ok {
		inner = c.Conn
	}
	if tcp, ok := inner.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // it is closed already then
	}
	_ = conn.Close() // as above
}

func answer(w http.ResponseWriter, r *http.Request, do method) {
	body, err := do(r)
	if err != nil {
		answerError(w, err)
		return
	}
	if body == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_ = json.NewEncoder(w).Encode(body) // the client went away
}

func answerError(w http.ResponseWriter, err error) {
	var known *JobError
	if !errors.As(err, &known) {
		known = failure("internalError", "%v", err)
	}
	answerAPI(w, known.api())
}

// answerAPI answers an error as Google's APIs do.
func answerAPI(w http.ResponseWriter, e *googleapi.Error) {
	type item struct {
		Reason  string `json:"reason"`
		Message string `json:"message"`
		Domain  string `json:"domain"`
	}
	var items []item
	for _, i := range e.Errors {
		items = append(items, item{i.Reason, i.Message, "global"})
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	for name, values := range e.Header {
		w.Header()[name] = values
	}
	code := e.Code
	if code == 0 {
		code = http.StatusServiceUnavailable
	}
	w.WriteHeader(code)
	// If it fails the client went away.
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": code, "message": e.Message, "errors": items}})
}

// readBody reads what a call brings.
func readBody(r *http.Request, into any) error {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		return failure(reasonInvalid, "Invalid JSON payload received: %v", err)
	}
	return nil
}
