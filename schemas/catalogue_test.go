package schemas

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/apache/arrow/go/v17/arrow"
)

func load(t *testing.T) *Catalogue {
	t.Helper()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestCatalogueHasAll: what Junction documents, and what the program keeps.
func TestCatalogueHasAll(t *testing.T) {
	c := load(t)
	var names []string
	for _, table := range c.Tables {
		names = append(names, table.Name)
	}
	want := strings.Fields(`activity batches body connections devices electrocardiogram erasures events fetches historical_pulls meal
		menstrual_cycle merges profile quarantine reconciliations sleep sleep_cycle timeseries workout_stream_samples workout_streams workouts`)
	if !slices.Equal(names, want) {
		t.Errorf("tables %v, want %v", names, want)
	}
	resources := c.Table(TimeseriesTable).Resources
	if len(resources) != 51 {
		t.Errorf("%d timeseries resources, want 51", len(resources))
	}
	for _, r := range resources {
		if r.Deprecated != (r.Name == "hypnogram") {
			t.Errorf("%s: deprecated is %v", r.Name, r.Deprecated)
		}
	}
}

func TestRoute(t *testing.T) {
	c := load(t)
	for eventType, table := range map[string]string{
		"daily.data.sleep.created":           "sleep",
		"daily.data.sleep_cycle.updated":     "sleep_cycle",
		"daily.data.meals.created":           "meal",
		"daily.data.heartrate.created":       "timeseries",
		"daily.data.invented.created":        "timeseries", // if it has the shape
		"daily.data.workout_stream.created":  "workout_streams",
		"daily.workout_stream.unavailable":   "workout_streams",
		"historical.data.sleep.created":      "historical_pulls",
		"provider.connection.error":          "connections",
		"provider.device.created":            "devices",
		"daily.data.device.created":          "devices",
		"labtest.order.created":              "events",
		"raw.fitbit.daily_activity_summary":  "events",
		"continuous_query.result_table.made": "events",
		"":                                   "events",
	} {
		if got := c.Route(eventType).Name; got != table {
			t.Errorf("%q goes to %s, want %s", eventType, got, table)
		}
	}
}

func TestAliases(t *testing.T) {
	ts := load(t).Table(TimeseriesTable)
	for alias, name := range map[string]string{
		"active_energy_burned": "calories_active", "distance_running_walking": "distance", "heartrate": "heartrate",
	} {
		if r, ok := ts.Resource(alias); !ok || r.Name != name {
			t.Errorf("%s is %v, want %s", alias, r, name)
		}
	}
	if _, ok := ts.Resource("glow"); ok {
		t.Error("glow is a resource")
	}
}

// TestViews: a resource's view has just the columns that apply.
func TestViews(t *testing.T) {
	views := map[string]View{}
	for _, v := range load(t).Views() {
		views[v.Name] = v
	}
	for view, c := range map[string]struct{ with, without []string }{
		"heartrate":        {[]string{"value", "unit", "user_id", "_version"}, []string{"resource", "systolic", "value_text", "start_time", "tags"}},
		"steps":            {[]string{"value", "start_time", "end_time"}, []string{"diastolic", "sensor_location"}},
		"blood_pressure":   {[]string{"systolic", "diastolic"}, []string{"value", "value_text"}},
		"note":             {[]string{"value_text", "tags", "start_time"}, []string{"value"}},
		"body_temperature": {[]string{"sensor_location"}, []string{"delivery_mode"}},
		"quarantine":       {[]string{"reason", "detail"}, []string{"payload"}},
		"timeseries":       {[]string{"resource", "value", "systolic", "tags"}, nil},
	} {
		for _, col := range c.with {
			if !slices.Contains(views[view].Columns, col) {
				t.Errorf("view %s lacks %s", view, col)
			}
		}
		for _, col := range c.without {
			if slices.Contains(views[view].Columns, col) {
				t.Errorf("view %s has %s", view, col)
			}
		}
	}
}

func TestArrowSchema(t *testing.T) {
	s := load(t).Table("workouts").ArrowSchema()
	for name, want := range map[string]arrow.Field{
		"id":         {Name: "id", Type: arrow.BinaryTypes.String},
		"time_start": {Name: "time_start", Type: arrow.FixedWidthTypes.Timestamp_us, Nullable: true},
		"hr_zones":   {Name: "hr_zones", Type: arrow.ListOfNonNullable(arrow.PrimitiveTypes.Int64)},
		"_version":   {Name: "_version", Type: arrow.BinaryTypes.Binary},
	} {
		got, ok := s.FieldsByName(name)
		if !ok || !got[0].Equal(want) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

// goodTable passes every check but that the program's own tables are missing.
const goodTable = `table: good
kind: versioned
description: A table.
events: [daily.data.good.*]
rows: object
key: [user_id]
columns:
  - name: user_id
    path: $.user_id
    type: STRING
    required: true
    description: Who.
`

// TestMistakes: each is reported with its file and line.
func TestMistakes(t *testing.T) {
	for name, c := range map[string]struct{ from, to, want string }{
		"unknown field":     {"description: A table.", "about: A table.", `good.yaml:3: unknown field "about"`},
		"unknown type":      {"type: STRING", "type: TEXT", `good.yaml:8: column user_id has the unknown type "TEXT"`},
		"no description":    {"    description: Who.", "", "good.yaml:8: column user_id has no description"},
		"key unknown":       {"key: [user_id]", "key: [who]", `good.yaml:1: key names column "who"`},
		"key not required":  {"    required: true\n", "", "good.yaml:8: key column user_id must be required"},
		"no user":           {"name: user_id", "name: person", "good.yaml:1: versioned table good has no column user_id of one STRING"},
		"user is a number":  {"type: STRING\n    required: true", "type: INT64\n    required: true", "good.yaml:1: versioned table good has no column user_id of one STRING"},
		"no key":            {"key: [user_id]\n", "", "good.yaml:1: versioned table good has no key"},
		"bad path":          {"path: $.user_id", "path: a..b", `good.yaml:8: path "a..b"`},
		"path and computed": {"path: $.user_id", "path: a\n    computed: extra", "good.yaml:8: column user_id has both"},
		"wrong file":        {"table: good", "table: other", `good.yaml:1: table "other" belongs into other.yaml`},
		"pattern":           {"daily.data.good.*", "daily.data.good", "good.yaml:1: event pattern"},
		"kind":              {"kind: versioned", "kind: big", "good.yaml:1: kind"},
		"partition":         {"key: [user_id]", "key: [user_id]\npartition: {column: user_id, rule: sticky}", "good.yaml:9: partition column user_id must be"},
		"cluster":           {"key: [user_id]", "key: [user_id]\ncluster: [a]", `good.yaml:1: cluster names column "a"`},
		"not YAML":          {"columns:", "columns: [", "good.yaml"},
	} {
		text := strings.Replace(goodTable, c.from, c.to, 1)
		if text == goodTable {
			t.Fatalf("%s: nothing replaced", name)
		}
		fsys := fstest.MapFS{
			"_common.yaml": {Data: []byte("catalogue_version: 1\n")},
			"good.yaml":    {Data: []byte(text)},
		}
		if _, err := LoadFS(fsys); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", name, err, c.want)
		}
	}
}

// TestMistakesTogether: one run names all of them.
func TestMistakesTogether(t *testing.T) {
	fsys := fstest.MapFS{
		"_common.yaml": {Data: []byte("catalogue_version: 1\n")},
		"a.yaml":       {Data: []byte(strings.Replace(goodTable, "type: STRING", "type: TEXT", 1))},
		"b.yaml":       {Data: []byte(strings.Replace(goodTable, "kind: versioned", "kind: big", 1))},
	}
	_, err := LoadFS(fsys)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"a.yaml:8:", "b.yaml:1: kind", "b.yaml:1: event type daily.data.good.* stands in a.yaml too", `no table "timeseries"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
}
