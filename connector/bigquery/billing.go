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

// billing adds up what the jobs of a day, UTC, were billed for.
type billing struct {
	most int64 // a day; 0 for no limit
	now  func() time.Time

	mu     sync.Mutex
	day    time.Time
	bytes  int64
	paused bool // a job was not begun that day
}

// today makes room for a new day. The caller holds mu.
func (b *billing) today() {
	if d := b.now().UTC().Truncate(day); d.After(b.day) {
		b.day, b.bytes, b.paused = d, 0, false
	}
}

func (b *billing) add(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.today()
	b.bytes += n
}

// allow is what a job may be billed for that asks for so much and is likely to
// take some of it. lowered tells that the day's limit has less to give than the
// job asks for. The error is connector.ErrBudget if it has not even what is
// likely.
func (b *billing) allow(limit, likely int64) (most int64, lowered bool, err error) {
	if b.most == 0 {
		return limit, false, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.today()
	left := b.most - b.bytes
	if left <= max(likely-1, 0) {
		return 0, false, b.exhausted()
	}
	return min(limit, left), left < limit, nil
}

// exhausted is the error of a day that has no more to give. The caller holds mu.
func (b *billing) exhausted() error {
	b.paused = true
	return fmt.Errorf("%w: of --max-bytes-billed-per-day %s, %s are billed; it goes on at 00:00 UTC", connector.ErrBudget,
		humanize.IBytes(uint64(b.most)), humanize.IBytes(uint64(b.bytes)))
}

// explain makes of an exceeded limit that was lowered what it is.
func (b *billing) explain(err error, lowered bool) error {
	if !lowered || !errors.Is(err, connector.ErrByteCap) {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.exhausted()
}

// Billed is what the jobs of this process were billed for today; where there
// is a limit for a day, also the merges of others before it began.
func (w *Warehouse) Billed() connector.Bill {
	b := &w.billing
	b.mu.Lock()
	defer b.mu.Unlock()
	b.today()
	return connector.Bill{Day: b.day, Bytes: b.bytes, Most: b.most, Paused: b.paused}
}

// recall reads what the merges of the day were billed for before this process.
func (w *Warehouse) recall(ctx context.Context) error {
	if w.billing.most == 0 {
		return nil
	}
	text, err := w.statements.render("billed.sql", w.billing.now().UTC().Truncate(day))
	if err != nil {
		return err
	}
	_, err = w.query(ctx, statement{step: "billed", text: text, limit: w.config.MaxBytesBilled}, func(row []bigquery.Value) error {
		var n int64
		err := scan(row[0], &n)
		w.billing.add(n)
		return err
	})
	if errors.Is(err, connector.ErrBudget) {
		return nil // the folds will say so
	}
	return err
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
	// Temporary tables hold the rows of the log, at most. Each part of the merge
	// looks through them twice, each group of partitions that is updated once,
	// and they are counted, which takes the least there is.
	sum := int64(2*len(names.Parts)+len(names.Updates))*bytes[0] + 3*leastBilled
	for _, n := range bytes {
		sum += n
	}
	return bigquery.NullInt64{Int64: sum, Valid: true}
}

// dryRun is how many bytes BigQuery would read for a statement.
func (w *Warehouse) dryRun(ctx context.Context, s statement) (int64, error) {
	q := w.client.Query(s.text)
	s.configure(q)
	q.DryRun, q.Location = true, w.client.Location
	job, err := within(ctx, q.Run)
	if err != nil {
		return 0, fmt.Errorf("estimate: %w", err)
	}
	return job.LastStatus().Statistics.TotalBytesProcessed, nil
}

// billedFor is what a job was billed for.
func billedFor(status *bigquery.JobStatus) int64 {
	if status.Statistics == nil {
		return 0
	}
	if q, ok := status.Statistics.Details.(*bigquery.QueryStatistics); ok {
		return q.TotalBytesBilled
	}
	return 0
}
