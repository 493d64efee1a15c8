package bigquery

import (
	"context"
	"fmt"

	bq "google.golang.org/api/bigquery/v2"
)

// MaxPartitions is how many partitions BigQuery lets a table have
// (https://cloud.google.com/bigquery/quotas#partitioned_tables).
const MaxPartitions = 10_000

// ManyPartitions are so many that somebody has to do something, soon.
const ManyPartitions = MaxPartitions / 10 * 9

// Partitions are how many partitions each table of the store has that is
// partitioned, as BigQuery counted some minutes ago. It asks once for each, and
// is billed for nothing.
func (w *Warehouse) Partitions(ctx context.Context) (map[string]int, error) {
	counts := map[string]int{}
	for _, r := range w.tables() {
		if r.md.TimePartitioning == nil {
			continue
		}
		t, err := within(ctx, w.patience, func(ctx context.Context) (*bq.Table, error) {
			return w.rest.Tables.Get(w.config.Project, r.dataset, r.name).Fields("numPartitions").Context(ctx).Do()
		})
		if err != nil {
			return nil, fmt.Errorf("count partitions of %s: %w", r.name, err)
		}
		counts[r.name] = int(t.NumPartitions)
	}
	return counts, nil
}
