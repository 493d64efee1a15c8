package backfill

import (
	"sync"
	"time"
)

// Result is what a Backfill has done so far.
type Result struct {
	Users    int `json:"users"`    // for whom there is something to do, as far as that is known
	Erased   int `json:"erased"`   // people who were left out, for they are erased
	Notices  int `json:"notices"`  // announcements of Junction's to be answered
	Answered int `json:"answered"` // of them; what was recorded without fetching included
	Foreign  int `json:"foreign"`  // announced for other teams, and left alone
	Windows  int `json:"windows"`  // questions to be asked, a page or more each
	// WindowsDone were asked; of them Empty had nothing, Absent were about
	// something that Junction does not know, and Failed were not answered.
	WindowsDone int `json:"windows_done"`
	Empty       int `json:"windows_empty"`
	Absent      int `json:"windows_absent"`
	Failed      int `json:"windows_failed"`
	Rows        int `json:"rows"`    // records and samples, published
	Deleted     int `json:"deleted"` // samples of streams that are not part of them any more
}

// tally is a Result that goroutines add to.
type tally struct {
	mu     sync.Mutex
	result Result
	began  time.Time
}

func (t *tally) add(f func(*Result)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.began.IsZero() {
		t.began = time.Now()
	}
	f(&t.result)
}

// Result is what was done so far.
func (b *Backfill) Result() Result {
	b.tally.mu.Lock()
	defer b.tally.mu.Unlock()
	return b.tally.result
}

// Elapsed is how long it has been at work.
func (b *Backfill) Elapsed() time.Duration {
	b.tally.mu.Lock()
	defer b.tally.mu.Unlock()
	if b.tally.began.IsZero() {
		return 0
	}
	return time.Since(b.tally.began)
}
