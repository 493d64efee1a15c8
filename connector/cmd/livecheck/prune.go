package main

import (
	"context"
	"fmt"

	bq "cloud.google.com/go/bigquery"
	"github.com/dustin/go-humanize"
)

// The table that is pruned: so many days and one partition of NULL, all with as
// many rows.
const (
	pruneTable = "livecheck_days"
	pruneDays  = 40
	pruneRows  = 2_000
)

// condition is one on the partition column.
type condition struct{ name, sql string }

var (
	withRuns = condition{"with literal runs", "(T.day >= TIMESTAMP '2026-01-05' AND T.day < TIMESTAMP '2026-01-06'" +
		" OR T.day >= TIMESTAMP '2026-01-20' AND T.day < TIMESTAMP '2026-01-22')"}
	withNull = condition{"with runs OR IS NULL", "(T.day >= TIMESTAMP '2026-01-05' AND T.day < TIMESTAMP '2026-01-06'" +
		" OR T.day >= TIMESTAMP '2026-01-20' AND T.day < TIMESTAMP '2026-01-22' OR T.day IS NULL)"}
	without = condition{"with no bounds", "TRUE"}
)

// The statements have the shapes of those in connector/bigquery/sql.
func selectOf(table string, c condition) string {
	return fmt.Sprintf("SELECT T.day, T.k, T.v FROM %s AS T WHERE %s", table, c.sql)
}

func joinOf(table string, c condition) string {
	return fmt.Sprintf("SELECT S.k, T.day, T.v FROM (SELECT 'none' AS k) AS S LEFT JOIN (SELECT T.day, T.k, T.v FROM %s AS T WHERE %s) AS T ON T.k = S.k", table, c.sql)
}

func mergeOf(table string, c condition) string {
	return fmt.Sprintf("MERGE INTO %s AS T USING (SELECT 'none' AS k, 1 AS v) AS S ON T.k = S.k AND %s WHEN MATCHED AND S.v > T.v THEN UPDATE SET v = S.v", table, c.sql)
}

// pruningOf asks what a statement of some shape would read, with bounds of
// three kinds, and then lets it.
func pruningOf(what string, statement func(table string, c condition) string, code string) check {
	return check{
		name:    "pruning of " + what,
		assumed: "literal runs of days prune, and OR IS NULL adds just the partition of NULL: 3 and 4 partitions of 41",
		code:    code,
		means: "every fold of a table of summaries reads the whole table instead of some days: it gets slower and dearer with the years. " +
			"Rows without created_at should then be merged by a statement of their own",
		look: func(ctx context.Context, t *trial) (seen, error) { return t.pruning(ctx, statement) },
	}
}

func (t *trial) pruning(ctx context.Context, statement func(table string, c condition) string) (saw seen, err error) {
	if err := t.fillDays(ctx); err != nil {
		return saw, err
	}
	var would, did [3]int64
	for i, c := range []condition{withRuns, withNull, without} {
		text := statement(t.table(pruneTable), c)
		if would[i], err = t.wouldRead(ctx, text); err != nil {
			return saw, err
		}
		if _, did[i], err = t.answer(ctx, t.prepared(text)); err != nil {
			return saw, err
		}
		saw.say("%s %s (%s when it ran)", c.name, humanize.IBytes(uint64(would[i])), humanize.IBytes(uint64(did[i])))
		saw.set([]string{"runs", "runs_or_null", "unbounded"}[i]+"_bytes", []int64{would[i], did[i]})
	}
	for _, read := range [][3]int64{would, did} {
		if err := judgePruning(read); err != nil {
			return saw, err
		}
	}
	return saw, nil
}

// judgePruning compares the bytes, roughly: a statement without bounds has no
// use for the partition column, and may not read it.
func judgePruning(read [3]int64) error {
	runs, orNull, all := read[0], read[1], read[2]
	switch {
	case all == 0:
		return different{"nothing is said to be read without bounds", "estimates are of no use: merges are capped by what BigQuery finds, not by what vitalsink expects"}
	case runs > all/4:
		return different{saw: "not even the literal runs prune"}
	case orNull > 2*runs:
		return different{saw: "OR IS NULL reads more than the runs and the partition of NULL"}
	}
	return nil
}

// fillDays makes the table, if it is not there. DML writes to its partitions at
// once, so that what is read can be told to the byte.
func (t *trial) fillDays(ctx context.Context) error {
	if t.filled {
		return nil
	}
	err := t.client.Dataset(t.store()).Table(pruneTable).Create(ctx, &bq.TableMetadata{
		Schema: bq.Schema{
			{Name: "day", Type: bq.TimestampFieldType}, {Name: "k", Type: bq.StringFieldType}, {Name: "v", Type: bq.IntegerFieldType},
		},
		TimePartitioning: &bq.TimePartitioning{Type: bq.DayPartitioningType, Field: "day"},
	})
	if err != nil && !isConflict(err) {
		return told("make the table of days", err)
	}
	_, _, err = t.answer(ctx, t.prepared(fmt.Sprintf("INSERT INTO %s (day, k, v) SELECT "+
		"CASE WHEN d < %d THEN TIMESTAMP_SECONDS(1767225600 + 86400 * d) END, CONCAT('k', CAST(n AS STRING)), n "+
		"FROM UNNEST(GENERATE_ARRAY(0, %d)) AS d CROSS JOIN UNNEST(GENERATE_ARRAY(1, %d)) AS n",
		t.table(pruneTable), pruneDays, pruneDays, pruneRows)))
	t.filled = err == nil
	return err
}
