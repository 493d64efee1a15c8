package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"vitalsink/connector"
)

// How a run ended.
const (
	Agree    = "agree"    // nothing differs
	Repaired = "repaired" // what differed is mended
	Drift    = "drift"    // something differs
	// Incomplete: nothing differs, or not any more, but not all could be compared.
	Incomplete = "incomplete"
	Stopped    = "stopped" // it did not come to its end
)

// run is one that is recorded.
type run struct {
	id      string
	started time.Time
	part    int
	resumed bool
	upTo    string // hash of the last person who was done before
	found   sums
	begun   connector.Finding
	done    Result              // of which found tells
	spent   [2]int64            // requests and bytes of processes before this one
	past    []connector.Finding // the ends of earlier runs
}

// Report is what a run found.
type Report struct {
	RunID     string    `json:"run_id"`
	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at"`
	From      time.Time `json:"from"`
	Until     time.Time `json:"until"` // not included
	Outcome   string    `json:"outcome"`
	// Sums of what was compared with the source.
	Expected  int `json:"expected"`
	Found     int `json:"found"`
	Unsettled int `json:"unsettled"`
	// Drift and Repaired are of all checks: a fact that two checks find counts
	// twice.
	Drift    int `json:"drift"`
	Repaired int `json:"repaired"`
	// Requests and Bytes are of all processes that went on with the run.
	Requests int64 `json:"requests"`
	Bytes    int64 `json:"bytes_billed"`
	Result
	// Earliest is the earliest day of samples that an example of behind, unequal
	// or duplicate names; zero if there are none.
	Earliest time.Time           `json:"earliest,omitzero"`
	Findings []connector.Finding `json:"-"` // marks too
	Past     []connector.Finding `json:"-"` // ends of earlier runs
}

// begun is what the first row of a run says of it. Whom it was to compare is
// not in it.
type begun struct {
	From      string   `json:"from"`
	Until     string   `json:"until"`
	Sample    int      `json:"sample"`
	Share     float64  `json:"share"`
	Resources []string `json:"resources,omitempty"`
	Some      bool     `json:"some_users,omitempty"`
	Ordinal   int      `json:"ordinal"` // how many such runs there were before: whose turn it is follows from it
}

// like tells whether two runs are about the same, of whichever days.
func (b *begun) like(o *begun) bool {
	return slices.Equal(b.Resources, o.Resources) && b.Sample == o.Sample && b.Share == o.Share && b.Some == o.Some
}

// reached is what a row of progress says.
type reached struct {
	UpTo     string   `json:"up_to"` // hash of a person's id
	Requests int64    `json:"requests"`
	Bytes    int64    `json:"bytes_billed"`
	Newest   []newest `json:"newest,omitempty"`
	Result
}

// newest is when the newest fact of a resource and provider is of.
type newest struct {
	Table    string    `json:"table"`
	Resource string    `json:"resource"`
	Provider string    `json:"provider"`
	At       time.Time `json:"at"`
}

// begin begins a run, or goes on with the last one.
func (r *Reconcile) begin(ctx context.Context) error {
	marks, err := r.Diary.Findings(ctx, "", r.now().Add(-pastRuns))
	if err != nil {
		return err
	}
	wanted := begun{r.From.Format(time.DateOnly), r.Until.Format(time.DateOnly), r.Sample, r.Share, r.Resources, len(r.Users) > 0, 0}
	r.run = run{id: uuid.Must(uuid.NewV7()).String(), started: r.now().Truncate(time.Microsecond), found: sums{}}
	last := ""
	for _, m := range marks {
		switch m.Check {
		case connector.CheckBegun:
			var was begun
			if json.Unmarshal([]byte(m.Details), &was) == nil && was.like(&wanted) {
				wanted.Ordinal++
			}
			last = m.RunID
		case connector.CheckRun:
			if n := len(r.run.past); n > 0 && r.run.past[n-1].RunID == m.RunID {
				r.run.past = r.run.past[:n-1] // it was stopped, and went on
			}
			r.run.past = append(r.run.past, m)
		}
	}
	if r.Resume && last != "" {
		if err := r.resume(ctx, last, &wanted); err != nil {
			return err
		}
	}
	r.ordinal = wanted.Ordinal
	from, err := time.Parse(time.DateOnly, wanted.From)
	until, untilErr := time.Parse(time.DateOnly, wanted.Until)
	if err := errors.Join(err, untilErr); err != nil {
		return fmt.Errorf("begin a run: %w", err)
	}
	r.From, r.Until, r.window = from, until, days{dayOf(from), dayOf(until)}
	if r.run.resumed {
		return nil
	}
	details, err := json.Marshal(wanted)
	if err != nil {
		return err
	}
	r.run.begun = connector.Finding{Check: connector.CheckBegun, Details: string(details)}
	return r.mark(ctx, r.run.begun)
}

// resume goes on with a run, if it did not end and was to do the same.
func (r *Reconcile) resume(ctx context.Context, id string, wanted *begun) error {
	rows, err := r.Diary.Findings(ctx, id, time.Time{})
	if err != nil {
		return err
	}
	var was begun
	var at reached
	for i := range rows {
		f := &rows[i]
		switch f.Check {
		case connector.CheckBegun:
			if err := json.Unmarshal([]byte(f.Details), &was); err != nil {
				return fmt.Errorf("read how run %s began: %w", id, err)
			}
		case connector.CheckProgress:
			if err := json.Unmarshal([]byte(f.Details), &at); err != nil {
				return fmt.Errorf("read how far run %s is: %w", id, err)
			}
		case connector.CheckRun:
			if f.Outcome != Stopped {
				return nil // it ended: this is another
			}
			at.Requests, at.Bytes = f.Requests, f.Bytes
		}
	}
	if !was.like(wanted) || was.Some {
		r.Log.Warn("the last run was with other --sample, --share, --resource or --user: this one begins anew; to go on with that one, give the same")
		return nil
	}
	r.run.id, r.run.started, r.run.resumed, r.run.upTo, r.run.done = id, rows[0].StartedAt, true, at.UpTo, at.Result
	r.run.spent = [2]int64{at.Requests, at.Bytes}
	for _, n := range at.Newest {
		r.newest[scope{check: connector.CheckFreshness, table: n.Table, resource: n.Resource, provider: n.Provider}] = n.At
	}
	for i := range rows {
		r.run.part = max(r.run.part, rows[i].Part)
		if !isMark(rows[i].Check) {
			r.run.found.add(&rows[i])
		}
	}
	r.run.past = slices.DeleteFunc(r.run.past, func(f connector.Finding) bool { return f.RunID == id })
	r.run.begun = rows[0]
	*wanted = was
	return nil
}

func isMark(check string) bool {
	return check == connector.CheckBegun || check == connector.CheckProgress || check == connector.CheckRun
}

// mark records a row about the run itself.
func (r *Reconcile) mark(ctx context.Context, f connector.Finding) error {
	return r.write(ctx, []connector.Finding{f})
}

// write records rows as the next part of the run.
func (r *Reconcile) write(ctx context.Context, rows []connector.Finding) error {
	r.run.part++
	for i := range rows {
		rows[i].RunID, rows[i].StartedAt, rows[i].RecordedAt, rows[i].Part = r.run.id, r.run.started, r.now().Truncate(time.Microsecond), r.run.part
	}
	if err := r.Diary.Record(ctx, rows); err != nil {
		return fmt.Errorf("record what was found: %w", err)
	}
	return nil
}

// record records what was found and, of people, how far it is.
func (r *Reconcile) record(ctx context.Context, found sums, people *chunk) error {
	rows := found.sorted()
	if people != nil {
		people.count(func(p *Result) { p.UsersDone += len(people.people) })
		r.run.done = r.run.done.plus(people.done.result)
		at := reached{UpTo: hashOf(people.people[len(people.people)-1].UserID), Result: r.run.done, Newest: r.newestOf()}
		at.Requests, at.Bytes = r.allSpent()
		details, err := json.Marshal(at)
		if err != nil {
			return err
		}
		rows = append(rows, connector.Finding{Check: connector.CheckProgress, Details: string(details)})
	}
	if len(rows) == 0 {
		return nil
	}
	if err := r.write(ctx, rows); err != nil {
		return err
	}
	for i := range rows {
		if !isMark(rows[i].Check) {
			r.run.found.add(&rows[i])
		}
	}
	return nil
}

// newestOf are the newest facts so far.
func (r *Reconcile) newestOf() (all []newest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for at, t := range r.newest {
		all = append(all, newest{at.table, at.resource, at.provider, t})
	}
	return all
}

// allSpent is what was spent on the run, by processes before this one too.
func (r *Reconcile) allSpent() (requests, bytes int64) {
	if r.Spent != nil {
		requests, bytes = r.Spent()
	}
	return r.run.spent[0] + requests, r.run.spent[1] + bytes
}

// end records how the run ended.
func (r *Reconcile) end(ctx context.Context, failed error) (*Report, error) {
	report := &Report{
		RunID: r.run.id, StartedAt: r.run.started, From: r.From, Until: r.Until, Result: r.run.done, Past: r.run.past,
		Findings: r.run.found.sorted(),
	}
	report.sum()
	now := r.Result()
	report.Earliest = r.earliest
	report.Users, report.UsersDone, report.Erased, report.LeftOut = now.Users, now.UsersDone, now.Erased, now.LeftOut
	report.Requests, report.Bytes = r.allSpent()
	switch {
	case failed != nil:
		report.Outcome = Stopped
	case report.Drift > report.Repaired:
		report.Outcome = Drift
	case report.Failed+report.LeftOut > 0:
		report.Outcome = Incomplete
	case report.Repaired > 0:
		report.Outcome = Repaired
	default:
		report.Outcome = Agree
	}
	last := connector.Finding{
		Check: connector.CheckRun, Outcome: report.Outcome, Requests: report.Requests, Bytes: report.Bytes, Users: report.UsersDone,
		Details: report.passes(), Expected: report.Expected, Found: report.Found, Drift: report.Drift, Unsettled: report.Unsettled, Repaired: report.Repaired,
	}
	// Also when it is told to stop: that it was is what the next one wants to know.
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	rows := []connector.Finding{last}
	err := r.write(late, rows)
	report.EndedAt = rows[0].RecordedAt
	report.Findings = append(report.Findings, r.run.begun, rows[0])
	return report, errors.Join(failed, err)
}

// passes is how many resources of users were compared, and how many were not.
func (r *Report) passes() string {
	text, _ := json.Marshal(passes{r.Units, r.Passed}) // numbers always can
	return string(text)
}

// passes is what the last row of a run says of how much was compared.
type passes struct {
	Compared int `json:"compared"`
	Passed   int `json:"passed"`
}

// sum adds up the findings. What was compared has the drift of the checks that
// say what it is.
func (r *Report) sum() {
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Check == connector.CheckCompared {
			r.Expected, r.Found, r.Unsettled = r.Expected+f.Expected, r.Found+f.Found, r.Unsettled+f.Unsettled
			continue
		}
		r.Drift, r.Repaired = r.Drift+f.Drift, r.Repaired+f.Repaired
	}
}
