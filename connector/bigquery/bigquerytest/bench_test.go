//go:build cgo

package bigquerytest_test

import (
	"os"
	"testing"
	"time"

	"cloud.google.com/go/bigquery"

	"vitalsink/connector/bigquery/bigquerytest"
	"vitalsink/schemas"
)

// BenchmarkMerge is one merge of one row, over REST, and emptying the tables.
func BenchmarkMerge(b *testing.B) {
	b.Run("merge", func(b *testing.B) { benchmarkMerge(b) })
}

func benchmarkMerge(b *testing.B) {
	c, err := schemas.Load()
	if err != nil {
		b.Fatal(err)
	}
	text, err := os.ReadFile(goldenDir + "/merge_update_sleep.sql")
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	d := open(b, bigquerytest.Config{})
	d.catalogue(c)
	b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms/schema")
	var empty, merge time.Duration
	for b.Loop() {
		began := time.Now()
		if err := d.Empty(); err != nil {
			b.Fatal(err)
		}
		empty += time.Since(began)
		d.logRow(c.Table("sleep"), c, "b1", nil)
		began = time.Now()
		d.must(string(text), bigquery.QueryParameter{Name: "ids", Value: []string{"b1"}}, bigquery.QueryParameter{Name: "fence", Value: 0},
			bigquery.QueryParameter{Name: "registered", Value: 1}, bigquery.QueryParameter{Name: "probed", Value: 0}, bigquery.QueryParameter{Name: "estimated", Value: 0},
			bigquery.QueryParameter{Name: "merge_id", Value: "m1"},
			bigquery.QueryParameter{Name: "merged_at", Value: time.Now()}, bigquery.QueryParameter{Name: "job_id", Value: "j1"})
		merge += time.Since(began)
	}
	b.ReportMetric(float64(empty.Microseconds())/1000/float64(b.N), "ms/empty")
	b.ReportMetric(float64(merge.Microseconds())/1000/float64(b.N), "ms/merge")
}
