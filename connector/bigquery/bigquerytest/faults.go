package bigquerytest

import (
	"sync"
	"time"

	"google.golang.org/api/googleapi"
	"google.golang.org/grpc/status"
)

// Effect is what a Fault does to a call.
type Effect int

// The effects.
const (
	// Refuse answers with the fault's error and does nothing.
	Refuse Effect = iota
	// LoseReply does what was asked for and then answers with the fault's
	// error.
	LoseReply
	// Reset cuts the connection and does nothing.
	Reset
	// ResetAfter does what was asked for and then cuts the connection.
	ResetAfter
	// Pass lets the call go on, after Delay and Do.
	Pass
)

// Calls that can go wrong: methods of the two services, the execution of a
// job, and each of its statements.
const (
	CallCreateWriteStream       = "CreateWriteStream"
	CallAppendRows              = "AppendRows" // each request on the stream
	CallGetWriteStream          = "GetWriteStream"
	CallFinalizeWriteStream     = "FinalizeWriteStream"
	CallBatchCommitWriteStreams = "BatchCommitWriteStreams"
	CallJobsInsert              = "jobs.insert"
	CallJobsGet                 = "jobs.get"
	CallJobsGetQueryResults     = "jobs.getQueryResults"
	CallTabledataList           = "tabledata.list"
	CallDatasetsGet             = "datasets.get"
	CallDatasetsInsert          = "datasets.insert"
	CallDatasetsList            = "datasets.list"
	CallDatasetsPatch           = "datasets.patch"
	CallDatasetsDelete          = "datasets.delete"
	CallTablesGet               = "tables.get"
	CallTablesInsert            = "tables.insert"
	CallTablesList              = "tables.list"
	CallTablesPatch             = "tables.patch"
	CallTablesUpdate            = "tables.update"
	CallTablesDelete            = "tables.delete"
	CallTablesTestPermissions   = "tables.testIamPermissions"
	CallJob                     = "job"       // a job begins to run
	CallStatement               = "statement" // a statement of a job
	CallAny                     = ""
)

// Fault makes calls go wrong on demand.
type Fault struct {
	Call  string // one of the constants above
	Table string // only calls about the table of this id. Optional.
	Skip  int    // calls that go well before. Optional.
	Times int    // calls that go wrong then. Optional, default 1; -1 for all.

	Effect Effect
	Status *status.Status    // what gRPC calls answer. Optional, default UNAVAILABLE.
	REST   *googleapi.Error  // what REST calls answer. Optional, default 503 backendError.
	Job    *JobError         // what becomes of the job. Optional, default backendError.
	Delay  time.Duration     // before anything else. Optional; it ends when the client goes away.
	Do     func(call string) // is called after Delay, before the effect. Optional.
}

// JobError is the error of a job.
type JobError struct{ Reason, Message string }

// faults are what was injected.
type faults struct {
	mu    sync.Mutex
	list  []*Fault
	calls map[string]int
	taken map[Call]bool // see TakeCalls
	met   int
}

// Inject adds a fault; the first that matches a call takes effect.
func (s *Server) Inject(f Fault) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	if f.Times == 0 {
		f.Times = 1
	}
	s.faults.list = append(s.faults.list, &f)
}

// Heal takes all faults back.
func (s *Server) Heal() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.list = nil
}

// Calls is how often a call came in.
func (s *Server) Calls(call string) int {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	return s.faults.calls[call]
}

// Met is how often a call, a job or a statement met a fault.
func (s *Server) Met() int {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	return s.faults.met
}

// next counts a call and returns the fault that it meets, if any. The caller
// waits for its Delay, calls its Do, and does what its Effect says.
func (f *faults) next(call, table string) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls == nil {
		f.calls = map[string]int{}
	}
	f.calls[call]++
	for _, fault := range f.list {
		switch {
		case fault.Call != CallAny && fault.Call != call, fault.Table != "" && fault.Table != table, fault.Times == 0:
			continue
		case fault.Skip > 0:
			fault.Skip--
			continue
		}
		if fault.Times > 0 {
			fault.Times--
		}
		f.met++
		return fault
	}
	return nil
}
