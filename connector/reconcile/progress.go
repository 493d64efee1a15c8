package reconcile

import (
	"sync"
	"time"
)

// Result is what a Reconcile has done so far.
type Result struct {
	Users     int `json:"users"`      // there are, as far as they are wanted
	UsersDone int `json:"users_done"` // were looked at, in this process or one before
	Erased    int `json:"erased"`     // users who were left out, for they are erased
	UserDays  int `json:"user_days"`  // days of users that were looked at
	// Units are resources of users that the source was asked for; what was looked
	// at twice counts twice. Of them Failed were not answered, and Absent the
	// source does not know.
	Units  int `json:"compared"`
	Failed int `json:"failed"`
	Absent int `json:"absent"`
	// Passed are resources of users that only the first pass looked at.
	Passed int `json:"passed"`
	Rows   int `json:"rows"` // of the source
	// LeftOut are checks of tables that would have been billed for too much.
	LeftOut int `json:"checks_left_out"`
	// Again are facts that differed at the first look, and were looked at again.
	Again int `json:"looked_at_again"`
}

// plus is what was done together.
func (r Result) plus(o Result) Result {
	return Result{
		Users: r.Users + o.Users, UsersDone: r.UsersDone + o.UsersDone, UserDays: r.UserDays + o.UserDays,
		Units: r.Units + o.Units, Failed: r.Failed + o.Failed, Absent: r.Absent + o.Absent,
		Passed: r.Passed + o.Passed, Rows: r.Rows + o.Rows, Again: r.Again + o.Again,
	}
}

// progress is a Result that goroutines add to.
type progress struct {
	mu     sync.Mutex
	result Result
	began  time.Time
}

func (t *progress) add(f func(*Result)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(&t.result)
}

func (t *progress) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.began = time.Now()
}

// Result is what was done so far.
func (r *Reconcile) Result() Result {
	r.progress.mu.Lock()
	defer r.progress.mu.Unlock()
	return r.progress.result
}

// Elapsed is how long it has been at work.
func (r *Reconcile) Elapsed() time.Duration {
	r.progress.mu.Lock()
	defer r.progress.mu.Unlock()
	if r.progress.began.IsZero() {
		return 0
	}
	return time.Since(r.progress.began)
}
