package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	bq "cloud.google.com/go/bigquery"
	"github.com/dustin/go-humanize"
	"google.golang.org/api/iterator"

	"vitalsink/schemas"
)

// bills look at what folds are billed, when the tables are large.
type bills struct {
	*trial
	inserted int64 // the job of the fold that only inserts was billed
}

// checks are about three folds. The load comes before them, for only large
// partitions show what they cost.
func (b *bills) checks() []check {
	return []check{
		{
			name: "bill of inserts", look: b.inserts,
			assumed: "a fold that only inserts is billed for what it reads; merges and job agree on it, up to the last statements",
			code:    "connector/bigquery/billing.go, sql/merge.sql (@@script.bytes_billed)", means: billMeans,
		},
		{
			name: "bill of updates", look: b.updates,
			assumed: "a fold that updates is billed for the whole of the days that it changes, in addition",
			code:    "connector/bigquery/billing.go (reads), merge.go (probe)", means: billMeans,
		},
		{
			name: "bill of an old day", look: b.oldDay,
			assumed: "a fold of one old day is billed for that day, not for those between",
			code:    "connector/bigquery/bounds.go", means: billMeans,
		},
	}
}

const billMeans = "what --max-bytes-billed, the daily budget and the table merges say is off by this much; budget by what the project is billed"

// billDay is a day that the load filled.
var billDay = loadStart.Add(12 * time.Hour)

// billedSamples are what is folded.
func billedSamples(user string, first time.Time) telling {
	return telling{user: user, first: first, messages: 1, each: 1000, published: billDay.Add(12 * time.Hour)}
}

// inserts folds samples that nobody told before.
func (b *bills) inserts(ctx context.Context, _ *trial) (saw seen, err error) {
	if b.inserted, err = b.fold(ctx, &saw, billedSamples("bill", billDay)); err != nil {
		return saw, err
	}
	log, err := b.wouldRead(ctx, "SELECT * FROM "+b.table(schemas.TimeseriesTable+"_log"))
	saw.set("log_bytes", log)
	saw.say("the log, of which the fold wanted %d rows, holds %s", billedSamples("", billDay).samples(), humanize.IBytes(uint64(log)))
	return saw, err
}

// updates folds newer versions of the same samples. Of the day that holds them
// all columns of all rows are billed.
func (b *bills) updates(ctx context.Context, _ *trial) (saw seen, err error) {
	s := billedSamples("bill", billDay)
	s.published = s.published.Add(time.Hour)
	billed, err := b.fold(ctx, &saw, s)
	if err != nil {
		return saw, err
	}
	day := billDay.Truncate(24 * time.Hour)
	whole, err := b.wouldRead(ctx, fmt.Sprintf("SELECT * FROM %s AS T WHERE T.timestamp >= %s AND T.timestamp < %s",
		b.table(schemas.TimeseriesTable), literal(day), literal(day.AddDate(0, 0, 1))))
	if err != nil {
		return saw, err
	}
	more := billed - b.inserted
	saw.set("partition_bytes", whole)
	saw.set("more_than_inserts_bytes", more)
	saw.say("the day holds %s, and the update was billed %s more than the inserts", humanize.IBytes(uint64(whole)), signed(more))
	switch {
	case b.inserted == 0:
		return saw, hidden{"the fold of inserts did not work, so there is nothing to compare with"}
	case whole < 2*leastBilled:
		return saw, hidden{"the day is too small to be told from the least that is billed, 10 MB a table: take more samples"}
	case more < whole/2:
		return saw, different{"that is less than the whole day", "updates are cheaper than vitalsink takes them for: estimates are too high, and merges are cut finer than they need to be"}
	case more > 4*whole+16*leastBilled:
		return saw, different{"that is much more than the whole day", "updates are dearer than vitalsink takes them for: a merge may pause for its cap although its estimate was within it"}
	}
	return saw, nil
}

// oldDay folds samples of a day years before all others.
func (b *bills) oldDay(ctx context.Context, _ *trial) (saw seen, err error) {
	billed, err := b.fold(ctx, &saw, billedSamples("old", time.Date(2019, 6, 1, 12, 0, 0, 0, time.UTC)))
	if err != nil {
		return saw, err
	}
	all, err := b.wouldRead(ctx, "SELECT * FROM "+b.table(schemas.TimeseriesTable))
	if err != nil {
		return saw, err
	}
	saw.set("table_bytes", all)
	saw.say("the whole table has %s", humanize.IBytes(uint64(all)))
	if b.inserted > 0 && billed > b.inserted+max(all/4, 4*leastBilled) {
		return saw, different{"that is much more than the fold of a recent day", "one late sample makes a merge read years of a table"}
	}
	return saw, nil
}

// fold lands samples and says what everybody thinks it was billed for: the
// estimate, the ledger, the job, and the warehouse for all of its jobs.
func (b *bills) fold(ctx context.Context, saw *seen, s telling) (billed int64, err error) {
	if err := b.settle(ctx); err != nil {
		return 0, err
	}
	if err := b.append(ctx, b.warehouse, s); err != nil {
		return 0, err
	}
	before, began := b.warehouse.Billed().Bytes, time.Now()
	folded, err := b.folder(b.warehouse, b.warehouse.Catalogue(), 0).Fold(ctx)
	if err != nil {
		return 0, err
	}
	if n := folded.Books.Applied; n != s.samples() {
		return 0, fmt.Errorf("the fold applied %d rows of %d", n, s.samples())
	}
	entries, err := b.ledger(ctx, began)
	if err != nil {
		return 0, err
	}
	entry := entries[len(entries)-1]
	job, err := b.client.JobFromIDLocation(ctx, entry.job, b.options.Location)
	if err != nil {
		return 0, told("look at the job of a merge", err)
	}
	billed = billedFor(job.LastStatus())
	saw.set("estimated_bytes", entry.estimated)
	saw.set("ledger_bytes", entry.billed)
	saw.set("job_bytes", billed)
	saw.set("fold_bytes", b.warehouse.Billed().Bytes-before) // less than nothing at midnight, UTC
	saw.say("estimated %s, merges says %s, its job %s (%s of the estimate), all jobs of the fold %s",
		humanize.IBytes(uint64(entry.estimated)), humanize.IBytes(uint64(entry.billed)), humanize.IBytes(uint64(billed)),
		ratio(billed, entry.estimated), signed(b.warehouse.Billed().Bytes-before))
	if n, sum, ok := b.children(ctx, job); ok {
		saw.set("statements", n)
		saw.set("statements_bytes", sum)
		saw.say("its %d statements were billed %s", n, humanize.IBytes(uint64(sum)))
	}
	return billed, judgeBill(entry, billed)
}

// judgeBill wants the ledger to agree with the job. The ledger has in addition
// the probe, and not the statements that come after it.
func judgeBill(e entry, job int64) error {
	switch {
	case job == 0:
		return different{saw: "the statistics of the job say that nothing was billed"}
	case e.billed == 0:
		return different{saw: "@@script.bytes_billed is nothing within the transaction"}
	case e.billed < job/2 || e.billed > 2*job+10*leastBilled:
		return different{saw: "merges and the job's statistics are far apart"}
	case job > 10*max(e.estimated, leastBilled):
		return different{saw: "the estimate is far too low"}
	}
	return nil
}

// children adds up the statements of a script; ok is false where they are not
// told.
func (b *bills) children(ctx context.Context, job *bq.Job) (n int, sum int64, ok bool) {
	it := job.Children(ctx)
	for {
		child, err := it.Next()
		if errors.Is(err, iterator.Done) {
			return n, sum, n > 0
		}
		if err != nil {
			return 0, 0, false
		}
		n, sum = n+1, sum+billedFor(child.LastStatus())
	}
}

// entry is a merge of samples in the ledger.
type entry struct {
	job               string
	estimated, billed int64
}

// ledger are the merges of samples since then, oldest first; at least one.
func (t *trial) ledger(ctx context.Context, since time.Time) ([]entry, error) {
	rows, _, err := t.answer(ctx, t.prepared(fmt.Sprintf(
		"SELECT job_id, IFNULL(bytes_estimated, 0) AS estimated, IFNULL(bytes_billed, 0) AS billed FROM %s AS m "+
			"WHERE m.table_name = '%s' AND m.merged_at >= %s ORDER BY m.merge_id",
		t.table(schemas.MergesTable), schemas.TimeseriesTable, literal(since.Truncate(time.Microsecond)))))
	if err != nil {
		return nil, err
	}
	var all []entry
	for _, row := range rows {
		job, _ := row[0].(string)
		estimated, _ := row[1].(int64)
		billed, _ := row[2].(int64)
		all = append(all, entry{job, estimated, billed})
	}
	if len(all) == 0 {
		return nil, errors.New("the ledger has no merge of these samples")
	}
	return all, nil
}

func literal(t time.Time) string {
	return "TIMESTAMP '" + t.UTC().Format("2006-01-02 15:04:05.999999") + "+00'"
}

func ratio(n, of int64) string {
	if of <= 0 {
		return "none"
	}
	return fmt.Sprintf("%.0f %%", 100*float64(n)/float64(of))
}

func signed(n int64) string {
	if n < 0 {
		return "-" + humanize.IBytes(uint64(-n))
	}
	return humanize.IBytes(uint64(n))
}
