package schemas

import (
	"slices"
	"testing"
)

// TestOptional: rows cannot do without what finds, sorts or versions them, and
// can without the rest of the payload.
func TestOptional(t *testing.T) {
	c := load(t)
	for table, columns := range map[string]map[string]bool{
		"timeseries": {"value": true, "unit": true, "user_id": false, "timestamp": false, "type": false, "_extra": false, "_version": false, "no_such": false},
		"sleep":      {"score": true, "sleep_stream": true, "created_at": false, "id": false, "_deleted": false},
		"quarantine": {"detail": false, "payload": false},
		"batches":    {"days": false}, "merges": {"bytes_billed": false},
	} {
		for column, want := range columns {
			if got := c.Table(table).Optional(column); got != want {
				t.Errorf("%s.%s: optional is %v", table, column, got)
			}
		}
	}
}

// TestWithout: the columns are gone from the table and its views, and the
// catalogue they were taken from has them.
func TestWithout(t *testing.T) {
	c := load(t)
	less := c.Without(map[string][]string{"timeseries": {"value", "tags"}})
	for _, v := range less.Views() {
		if v.Table.Name == "timeseries" && (slices.Contains(v.Columns, "value") || slices.Contains(v.Columns, "tags")) {
			t.Errorf("view %s has a column that is not there", v.Name)
		}
	}
	if got, want := len(less.Table("timeseries").Columns), len(c.Table("timeseries").Columns)-2; got != want {
		t.Errorf("%d columns, want %d", got, want)
	}
	if c.Table("timeseries").Index("value") < 0 || less.Table("sleep") != c.Table("sleep") {
		t.Error("more was changed than was asked for")
	}
}
