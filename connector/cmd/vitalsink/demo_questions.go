package main

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// demoQuery is a question of the demo's. The statement is GoogleSQL and, but
// for the dataset before the views, DuckDB's SQL, too.
type demoQuery struct{ question, statement string }

func (q demoQuery) inBigQuery() string { return q.statement }
func (q demoQuery) inDuckDB() string   { return strings.ReplaceAll(q.statement, demoDataset+".", "") }

// demoDataset is the one of views.
const demoDataset = "health"

// demoQueries are what an analyst would ask first.
var demoQueries = []demoQuery{
	{
		"How did they sleep?",
		`SELECT left(user_id, 8) AS person, calendar_date AS day, source_provider AS provider,
       round(total / 3600.0, 1) AS hours, round(deep / 60.0) AS deep_minutes, hr_lowest
FROM health.sleep
WHERE calendar_date >= '2026-03-02'
ORDER BY person, day, provider
LIMIT 6`,
	},
	{
		"How hard was each workout, by its record and by the heart-rate samples of its time?",
		`SELECT left(w.user_id, 8) AS person, w.sport_slug AS sport, round(w.distance / 1000, 1) AS km,
       round(w.moving_time / 60.0) AS minutes, w.average_hr, round(avg(h.value)) AS sampled_hr, count(*) AS samples
FROM health.workouts AS w JOIN health.heartrate AS h
  ON h.user_id = w.user_id AND h.provider = w.source_provider AND h.timestamp BETWEEN w.time_start AND w.time_end
GROUP BY ALL
ORDER BY person, km DESC
LIMIT 6`,
	},
	{
		"What was refused, and why?",
		`SELECT reason, json_path, detail, count(*) AS times
FROM health.quarantine
GROUP BY ALL
ORDER BY times DESC, reason
LIMIT 6`,
	},
}

// askDemo asks all of them, in the words of one of the two.
func askDemo(ctx context.Context, out io.Writer, of queryable, words func(demoQuery) string) error {
	for _, q := range demoQueries {
		fmt.Fprintf(out, "\n%s\n\n%s\n\n", q.question, words(q))
		if err := runQuery(ctx, of, words(q), "table", out); err != nil {
			return err
		}
	}
	return nil
}
