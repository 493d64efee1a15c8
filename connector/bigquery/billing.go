package bigquery

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"cloud.google.com/go/bigquery"
	"github.com/dustin/go-humanize"
	"golang.org/x/sync/errgroup"

	"vitalsink/connector"
)

// leastBilled is what BigQuery bills at least for each table that a statement
// reads (https://cloud.google.com/bigquery/pricing#on_demand_pricing).
const leastBilled = 10 << 20

// rowBytes is about what a row takes: a sample 250 bytes, a sleep some
// thousand. An estimate is made of it, no limit.
const rowBytes = 512

// billing adds up what the jobs of a day, UTC, were billed for, and stops what
// would be too much.
type billing struct {
	most  int64 // a day; 0 for no limit
	now   func() time.Time
	began time.Time // of the process; jobs of before are others' to count

	mu       sync.Mutex
	day      time.Time
	bytes    int64
	recalled bool            // what others were billed for is in bytes
	refused  map[string]bool // batches that were too much by themselves that day
	stopped  bool            // a job was not begun that day, or had too little left
}

// today makes room for a new day. The caller holds mu.
func (b *billing) today() {
	if d := b.now().UTC().Truncate(day); d.After(b.day) {
		b.day, b.bytes, b.refused, b.stopped = d, 0, map[string]bool{}, false
	}
}

// add counts a job that was made at that time.
func (b *billing) add(n int64, made time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.today(); !made.Before(b.began) {
		b.bytes += n
	}
}

// allow is what a job may be billed for that asks for so much: at most what is
// left of the day, which BigQuery sees to, for it begins no statement that
// needs more. lowered tells that this is less than was asked for. The error is
// connector.ErrBudget if nothing is left, or less than the job is likely to
// take; but what cannot be made less, alone, is tried while the day is fresh, or
// its turn might never come.
func (b *billing) allow(limit, likely int64, alone bool) (most int64, lowered bool, err error) {
	if b.most == 0 {
		return limit, false, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.today()
	left := b.most - b.bytes
	tried := alone && left >= b.most/10*9
	if left <= 0 || likely > left && !tried {
		b.stopped = true
		return 0, false, b.tooMuch("")
	}
	return min(limit, left), left < limit, nil
}

// tooMuch is the error of a day that has not enough left. The caller holds mu.
func (b *billing) tooMuch(why string) error {
	return fmt.Errorf("%w: of --max-bytes-billed-per-day %s, %s are billed%s; it is tried again at 00:00 UTC", connector.ErrBudget,
		humanize.IBytes(uint64(b.most)), humanize.IBytes(uint64(b.bytes)), why)
}

// explain makes of an exceeded limit that was lowered what it is.
func (b *billing) explain(err error, lowered bool) error {
	var f *fault
	if !lowered || !errors.Is(err, connector.ErrByteCap) || !errors.As(err, &f) {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.today()
	b.stopped = true
	return b.tooMuch(", and for this " + f.what)
}

// date is the day that it is.
func (b *billing) date() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.today()
	return b.day
}

// refuse remembers a batch that was too much for what was left of that day: it
// need not be tried again before the next.
func (b *billing) refuse(m *connector.Merge, that time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.today(); len(m.Batches) == 1 && b.day.Equal(that) {
		b.refused[m.Batches[0].ID] = true
	}
}

// Postponed tells whether a batch waits for the next day, for it was too much
// for what is left of this one.
func (w *Warehouse) Postponed(batchID string) bool {
	b := &w.billing
	b.mu.Lock()
	defer b.mu.Unlock()
	b.today()
	return b.refused[batchID]
}

// Billed is what the jobs of this process were billed for today; where there
// is a limit for a day, also the merges of others before it began.
func (w *Warehouse) Billed() connector.Bill {
	b := &w.billing
	b.mu.Lock()
	defer b.mu.Unlock()
	b.today()
	return connector.Bill{Day: b.day, Bytes: b.bytes, Most: b.most, Paused: b.stopped || len(b.refused) > 0}
}

// recall reads, once, what the merges of the day were billed for before this
// process.
func (w *Warehouse) recall(ctx context.Context) error {
	b := &w.billing
	if b.most == 0 || b.isRecalled() {
		return nil
	}
	text, err := w.statements.render("billed.sql", b.now().UTC().Truncate(day))
	if err != nil {
		return err
	}
	_, err = w.query(ctx, statement{step: "billed", text: text, limit: w.config.MaxBytesBilled}, func(row []bigquery.Value) error {
		var n int64
		err := scan(row[0], &n)
		b.add(n, b.began)
		return err
	})
	if err != nil {
		return fmt.Errorf("read what was billed today: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.recalled = true
	return nil
}

func (b *billing) isRecalled() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.recalled
}

// readNames is what read.sql is made of.
type readNames struct {
	Columns     []string
	From, Where string
}

// reads are what a merge reads of permanent tables, and writes anew.
func (n mergeNames) reads() []readNames {
	keys := append(append([]string{}, n.Key...), "_version")
	if n.Sticky != "" {
		keys = append(keys, n.Sticky)
	}
	all := []readNames{{n.Columns, n.Log, "T._batch_id IN UNNEST(@ids) AND T._appended_at >= " + timestamp(n.Since)}}
	for _, p := range n.Parts {
		all = append(all, readNames{keys, n.Table, p.Target.SQL("T")})
	}
	for _, u := range n.Updates { // it looks for the rows, and pays for their whole partitions
		all = append(all, readNames{keys, n.Table, u.SQL("T")}, readNames{n.Columns, n.Table, u.SQL("T")})
	}
	return all
}

// estimate is what a merge is likely to be billed for, as BigQuery estimates
// it for statements that read the same: it makes no estimate for scripts.
// Where tables are clustered it is an upper bound.
// A merge is worth making without one: it is NULL if BigQuery does not answer.
func (w *Warehouse) estimate(ctx context.Context, m *connector.Merge, names mergeNames) bigquery.NullInt64 {
	reads := names.reads()
	bytes := make([]int64, len(reads))
	g, gctx := errgroup.WithContext(ctx)
	for i, r := range reads {
		g.Go(func() error {
			text, err := w.statements.render("read.sql", r)
			if err != nil {
				return err
			}
			n, err := w.dryRun(gctx, statement{
				step: "estimate", table: m.Table.Name, text: text, parameters: []bigquery.QueryParameter{{Name: "ids", Value: idsOf(m)}},
			})
			bytes[i] = max(n, leastBilled)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		w.config.Log.Debug("no estimate of a merge's bytes", "table", m.Table.Name, "error", err)
		return bigquery.NullInt64{}
	}
	// Each part of the merge looks through temporary tables of its rows twice,
	// each group of partitions that is updated once; they are counted, and fence,
	// ledger and erasures are looked at, which takes the least there is.
	rows := max(int64(m.Rows())*rowBytes, leastBilled)
	sum := int64(2*len(names.Parts)+len(names.Updates))*rows + 5*leastBilled
	for _, n := range bytes {
		sum += n
	}
	return bigquery.NullInt64{Int64: sum, Valid: true}
}

// dryRun is how many bytes BigQuery would read for a statement.
func (w *Warehouse) dryRun(ctx context.Context, s statement) (int64, error) {
	q := w.client.Query(s.text)
	s.configure(q, w.patience)
	q.DryRun, q.Location = true, w.client.Location
	job, err := within(ctx, w.patience, q.Run)
	if err != nil {
		return 0, fmt.Errorf("estimate: %w", err)
	}
	if stats := job.LastStatus().Statistics; stats != nil {
		return stats.TotalBytesProcessed, nil
	}
	return 0, errors.New("estimate: the answer has no statistics")
}

// billedFor is what a job was billed for, and when it was made.
func billedFor(status *bigquery.JobStatus) (bytes int64, made time.Time) {
	if status.Statistics == nil {
		return 0, made
	}
	if q, ok := status.Statistics.Details.(*bigquery.QueryStatistics); ok {
		bytes = q.TotalBytesBilled
	}
	return bytes, status.Statistics.CreationTime
}
