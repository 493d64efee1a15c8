package transforms_test

import (
	"fmt"
	"strings"
	"testing"

	"vitalsink/transforms"
)

// TestWithoutColumns: whatever column rows can do without is missing, its value
// is kept in _extra.
func TestWithoutColumns(t *testing.T) {
	all := catalogue()
	for _, table := range all.Versioned() {
		for _, c := range table.Columns {
			if !table.Optional(c.Name) {
				continue
			}
			if _, err := transforms.NewDecoder(all.Without(map[string][]string{table.Name: {c.Name}})); err != nil {
				t.Errorf("without %s.%s: %v", table.Name, c.Name, err)
			}
		}
	}
	d, err := transforms.NewDecoder(all.Without(map[string][]string{"sleep": {"score"}, "timeseries": {"value"}}))
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{
		summary("sleep", `"score":77`),
		`{"event_type":"daily.data.heartrate.created","user_id":"u","data":{"source":{"provider":"oura"},"data":[{"timestamp":"2026-03-01T08:00:00Z","value":77}]}}`,
	} {
		row := only(t, decodeWith(t, d, message(body)))
		if extra := fmt.Sprint(row["_extra"]); !strings.Contains(extra, "77") {
			t.Errorf("_extra is %v", row["_extra"])
		}
	}
}
