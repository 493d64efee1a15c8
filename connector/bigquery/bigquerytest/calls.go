package bigquerytest

import "strings"

// What statements of jobs do to tables that stay, as the Method of a Call.
const (
	StatementReads   = "statement reads"
	StatementChanges = "statement changes rows"
)

// Call is a call that came in, or what a statement of a job does, without what
// it was about: for tests of which permissions their callers need.
type Call struct {
	// Method is one of the constants Call… and Statement…, jobs.query and
	// jobs.cancel; "unknown" for what is not part of the stand-in.
	Method string
	// Dataset is the one of the table, the stream or the dataset that the call
	// names; "" for jobs, and for lists of datasets.
	Dataset string
}

// TakeCalls are the different calls since it was called last, in no order.
// Those that were refused count, too.
func (s *Server) TakeCalls() (calls []Call) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	for c := range s.faults.taken {
		calls = append(calls, c)
	}
	s.faults.taken = nil
	return calls
}

// note keeps a call for TakeCalls.
func (f *faults) note(method, dataset string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.taken == nil {
		f.taken = map[Call]bool{}
	}
	f.taken[Call{method, dataset}] = true
}

// datasetID is D of a path that begins with projects/P/datasets/D.
func datasetID(path string) string {
	if parts := strings.Split(path, "/"); len(parts) > 3 {
		return parts[3]
	}
	return ""
}
