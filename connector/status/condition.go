package status

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"vitalsink/connector"
)

// Words for how bad something is, worst first.
const (
	Failing = "failing" // somebody has to do something
	Behind  = "behind"  // the tables are older than they should be
	Works   = "works"
)

// mostBecause bounds a reason: a fold may fail for each table.
const mostBecause = 1000

// Condition is one sentence on how a command is.
type Condition struct {
	State    string `json:"state"`    // failing, behind or works
	Headline string `json:"headline"` // with since when
	Because  string `json:"because"`  // what the log says; "" if nothing
	Advice   string `json:"advice"`   // what to do; "" if nothing
}

// NewFailure is a failure in words, with what to do; nil if it works.
func NewFailure(f connector.Failure) *Failure {
	if f.Since.IsZero() {
		return nil
	}
	because := f.Err.Error()
	if len(because) > mostBecause {
		because = strings.ToValidUTF8(because[:mostBecause], "") + " … (the log has it all)"
	}
	return &Failure{Since: f.Since, Because: because, Advice: adviceOn(f.Err), Budget: connector.IsBudget(f.Err)}
}

// adviceOn is what to do about an error of a warehouse.
func adviceOn(err error) string {
	switch {
	case connector.IsBudget(err):
		return "It goes on at 00:00 UTC. To have it sooner, start it again with more --max-bytes-billed-per-day."
	case errors.Is(err, connector.ErrByteCap):
		return "Start it again with more --max-bytes-billed."
	case errors.Is(err, connector.ErrBooks):
		return "Rows are unaccounted for, so nothing was committed. Keep the tables as they are, and run vitalsink check."
	case errors.Is(err, connector.ErrFenced):
		return "Other processes fold the same tables: let one do it, and start the others with --no-fold."
	case errors.Is(err, connector.ErrConfiguration):
		return "Give the permission, or make the table, that is named: vitalsink schema plan shows what is missing. It then goes on by itself."
	case errors.Is(err, connector.ErrUnavailable):
		return "It goes on by itself when the warehouse answers. If it lasts, look at the network, and at Google's status page."
	}
	return "Mend what is named: a disk that is full, a file that cannot be written, a permission. It then goes on by itself."
}

// Conditions are all there is to say, worst first: at least one.
func (s *State) Conditions() []Condition {
	var all []Condition
	if f := s.Paused; f != nil {
		all = append(all, Condition{Failing, fmt.Sprintf("Paused for %s: the warehouse fails", s.ago(f.Since)), f.Because,
			"Nothing is received meanwhile, and nothing is lost: what is in hand is tried again. " + f.Advice})
	}
	if t := s.PubSubLostAt; t != nil {
		all = append(all, Condition{Failing, fmt.Sprintf("Pub/Sub is out of reach for %s", s.ago(*t)), "",
			"Look at the network, at PUBSUB_EMULATOR_HOST if it is set, and at Google's status page. It goes on by itself."})
	}
	if s.Folds != nil {
		all = append(all, s.folding()...)
	}
	if len(all) == 0 {
		all = append(all, Condition{State: Works, Headline: "It works: " + s.work()})
	}
	return all
}

// work is what a command does while all is well.
func (s *State) work() string {
	switch {
	case s.Folds == nil && s.Requests != nil:
		return "what comes is published"
	case s.Folds == nil:
		return "what comes is appended; another process folds"
	case s.Folds.LookedAt == nil:
		return "what comes is appended; the first fold has not looked at the warehouse yet"
	}
	return "what comes is appended, and folded into the tables"
}

// folding is what is wrong with folds.
func (s *State) folding() []Condition {
	var all []Condition
	f := s.Folds
	looked := s.Since
	if f.LookedAt != nil {
		looked = *f.LookedAt
	}
	const safe = "What is appended is safe and stays pending, the tables fall behind. "
	switch {
	case f.Failing != nil && f.Failing.Budget:
		all = append(all, Condition{Failing, fmt.Sprintf("Folding pauses for %s: the day's bytes are used up", s.ago(f.Failing.Since)), f.Failing.Because, safe + f.Failing.Advice})
	case f.Failing != nil:
		all = append(all, Condition{Failing, fmt.Sprintf("Folds fail for %s", s.ago(f.Failing.Since)), f.Failing.Because, safe + f.Failing.Advice})
	case s.At.Sub(looked) > patience(f.IntervalSeconds):
		all = append(all, Condition{Behind, fmt.Sprintf("No fold has looked at the warehouse for %s", s.ago(looked)), "",
			safe + "Either merges are large, or the warehouse hangs: see when the last merge was. If it hangs, look at the warehouse; a restart is safe."})
	}
	if f.NewerBatches > 0 {
		all = append(all, Condition{Failing, fmt.Sprintf("%s of a newer catalogue wait", number(f.NewerBatches, "batch", "batches")), "",
			"Another process has a newer vitalsink: bring this one up to it."})
	}
	if table, late := s.latest(); table != "" && f.Failing == nil { // else it is said why
		all = append(all, Condition{Behind, fmt.Sprintf("Behind: %s has batches that wait for %s", table, span(late)), "",
			"Folds do not keep up, or one is at work. If it lasts, see below how long merges take, and give them more memory, or fold more often."})
	}
	return all
}

// latest is the table that is furthest behind what its beat explains, with the age
// of its oldest batch; "" if there is none.
func (s *State) latest() (table string, age time.Duration) {
	for _, t := range s.Tables {
		for _, p := range t.Pending {
			beat := s.Folds.IntervalSeconds
			if p.Lane == connector.Late {
				beat = s.Folds.LateIntervalSeconds
			}
			if old := time.Duration(p.OldestSeconds) * time.Second; old > patience(beat) && old > age {
				table, age = t.Name, old
			}
		}
	}
	return table, age
}

// patience is for how long nothing need have happened: three beats, and not less
// than a minute.
func patience(beatSeconds float64) time.Duration {
	return max(time.Minute, time.Duration(3*beatSeconds*float64(time.Second)))
}

// ago is for how long something lasts, and since when.
func (s *State) ago(since time.Time) string {
	return fmt.Sprintf("%s (since %s)", span(s.At.Sub(since)), moment(since))
}
