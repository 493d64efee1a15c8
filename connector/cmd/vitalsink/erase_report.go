package main

import (
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	"vitalsink/connector"
	"vitalsink/connector/erase"
)

// Outcomes of an erasure.
const (
	outcomeComplete = "complete"
	outcomePartly   = "incomplete"
	outcomeCounted  = "counted"
)

// erased is the result of an erase.
type erased struct {
	*erase.Report
	Removed connector.RowCount `json:"removed"` // in all tables
	Outcome string             `json:"outcome"` // complete, incomplete or counted
	Remains []remaining        `json:"remains"` // what cannot be reached from here
}

// remaining is what an erasure cannot reach.
type remaining struct {
	What  string     `json:"what"`
	Until *time.Time `json:"until,omitempty"` // nil: for as long as somebody keeps it
	Why   string     `json:"why"`
}

// queryHistory is for how long BigQuery shows jobs
// (https://cloud.google.com/bigquery/docs/information-schema-jobs).
const queryHistory = 180 * 24 * time.Hour

// remains are copies that are out of reach, from now on.
func (e *erasing) remains(now time.Time) []remaining {
	until := func(d time.Duration) *time.Time {
		t := now.Add(d).Truncate(time.Second)
		return &t
	}
	var all []remaining
	if e.kept > 0 {
		all = append(all, remaining{"Pub/Sub", until(e.kept), "messages that are not received, are kept for replay, or are dead letters (--pubsub-keeps)"})
	}
	if e.into.isBigQuery() {
		all = append(all,
			remaining{"BigQuery's tables", until(e.afterlife), "time travel and fail-safe bring removed rows back"},
			remaining{"BigQuery's job history", until(queryHistory), "statements of erase name hashes, and the references given as --client-user-id; queries of your own may name people"})
	} else {
		all = append(all, remaining{"copies of the DuckDB file", nil, "backups, snapshots of the disk, other hard links to it"})
	}
	return append(all,
		remaining{"files given to load, exports", nil, "delete them where they are"},
		remaining{"Junction", nil, "delete the user there; until then it sends, and what it sends is dropped"})
}

// print prints the result, up to an error that broke it off.
func (e *erasing) print(r *erase.Report, broken error) error {
	out := erased{Report: r, Removed: r.Sum(), Outcome: outcomePartly, Remains: e.remains(time.Now().UTC())}
	switch {
	case e.DryRun && broken == nil:
		out.Outcome = outcomeCounted
	case broken == nil && waiting(r) == 0:
		out.Outcome = outcomeComplete
	}
	if e.JSON {
		return printJSON(e.std.out, out)
	}
	w := tabwriter.NewWriter(e.std.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	if len(r.Tables) > 0 {
		fmt.Fprintln(w, "TABLE\tROWS\tOF THE LOG\t")
		for _, table := range slices.Sorted(maps.Keys(r.Tables)) {
			n := r.Tables[table]
			fmt.Fprintf(w, "%s\t%s\t%s\t\n", table, humanize.Comma(int64(n.Latest)), humanize.Comma(int64(n.Log)))
		}
		fmt.Fprintf(w, "all\t%s\t%s\t\n", humanize.Comma(int64(out.Removed.Latest)), humanize.Comma(int64(out.Removed.Log)))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	e.printOutcome(&out)
	return nil
}

func (e *erasing) printOutcome(r *erased) {
	people := fmt.Sprintf("%d people", len(r.People))
	if len(r.People) == 1 {
		people = "1 person"
	}
	switch {
	case r.Outcome == outcomeCounted:
		fmt.Fprintf(e.std.out, "%s: this would be removed, and nothing was; %d rows of logs would have to be folded first\n", people, waiting(r.Report))
		e.printUnreadable(r)
		return
	case len(r.People) == 0:
		fmt.Fprintln(e.std.out, "nobody is erased")
		return
	case r.Outcome == outcomePartly:
		fmt.Fprintf(e.std.out, "%s: erased, but not all of it is removed yet; no fold brings it back\n", people)
	default:
		fmt.Fprintf(e.std.out, "%s: erased; a last look found nothing of theirs in any table or log\n", people)
	}
	if r.Removed == (connector.RowCount{}) && !e.Sweep {
		fmt.Fprintln(e.std.out, "There was nothing to remove: if you expected something, check the ids, and lift the erasure of a wrong one.")
	}
	e.printUnreadable(r)
	for i, p := range r.People {
		if i == mostLines {
			fmt.Fprintf(e.std.out, "… and %d more\n", len(r.People)-i)
			break
		}
		fmt.Fprintf(e.std.out, "erasure %s of user_hash %.12s…: %s rows, %s of logs\n", p.ErasureID, p.UserHash, humanize.Comma(int64(p.Removed.Latest)), humanize.Comma(int64(p.Removed.Log)))
	}
	fmt.Fprintln(e.std.out, "\nOut of reach from here:")
	for _, left := range r.Remains {
		until := "for as long as somebody keeps them"
		if left.Until != nil {
			until = "until " + left.Until.Format(time.DateOnly)
		}
		fmt.Fprintf(e.std.out, "  %s, %s: %s\n", left.What, until, left.Why)
	}
	if r.GoneAt != nil {
		fmt.Fprintf(e.std.out, "The last copy in warehouse and Pub/Sub is gone on %s.\n", r.GoneAt.Format(time.DateOnly))
	}
}

// printUnreadable names messages, which is no secret: Pub/Sub or vitalsink did.
func (e *erasing) printUnreadable(r *erased) {
	for i, id := range r.Unreadable {
		if i == mostLines {
			fmt.Fprintf(e.std.out, "… and %d more, with --json\n", len(r.Unreadable)-i)
			break
		}
		fmt.Fprintf(e.std.out, "could not be searched: message %s\n", printable(id))
	}
}

func (e *erasing) printDiscarded(n connector.RowCount) error {
	if e.JSON {
		return printJSON(e.std.out, map[string]connector.RowCount{"removed": n})
	}
	_, err := fmt.Fprintf(e.std.out, "removed from quarantine: %d rows, %d of its log\n", n.Latest, n.Log)
	return err
}

func (e *erasing) printLifted(n int) error {
	if e.JSON {
		return printJSON(e.std.out, map[string]int{"lifted": n})
	}
	if n == 0 {
		return nil
	}
	_, err := fmt.Fprintf(e.std.out, "erasures lifted: %d; what comes from now on is kept, and receivers know within minutes\n", n)
	return err
}

// printRecords prints erasures.
func (e *erasing) printRecords(all []erase.Record) error {
	if e.JSON {
		return printJSON(e.std.out, map[string]any{"erasures": all})
	}
	if len(all) == 0 {
		fmt.Fprintln(e.std.out, "no erasure is on record")
		return nil
	}
	w := tabwriter.NewWriter(e.std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ERASURE\tUSER_HASH\tREQUESTED\tBY\tROWS\tOF LOGS\tUNREADABLE\tCOMPLETE\tLAST COPY\tLIFTED")
	day := func(t *time.Time) string {
		if t == nil {
			return "-"
		}
		return t.UTC().Format(time.DateOnly)
	}
	for i := range all {
		r := &all[i]
		fmt.Fprintf(w, "%s\t%.12s…\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", r.ErasureID, r.UserHash, r.RequestedAt.UTC().Format(time.DateTime), printable(r.RequestedBy),
			humanize.Comma(int64(r.Removed.Latest)), humanize.Comma(int64(r.Removed.Log)), len(r.Unreadable), day(r.CompletedAt), day(r.GoneAt), day(r.LiftedAt))
	}
	return w.Flush()
}
