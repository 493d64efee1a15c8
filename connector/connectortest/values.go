package connectortest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"vitalsink/schemas"
	"vitalsink/transforms"
)

// extremeValues: what a type can hold comes back as it went in.
func (s *suite) extremeValues(t *testing.T) {
	bodies := []string{
		`{"event_type":"daily.data.workouts.created","user_id":"u1","data":{"id":"w1","steps":9223372036854775807,
		  "distance":1.7976931348623157e308,"calories":-5e-324,"title":"é\u0000\"\\ 😀 '; DROP TABLE","hr_zones":[-9223372036854775808,0],
		  "calendar_date":"0001-01-01","time_start":"0001-01-01T00:00:00Z","time_end":"9999-12-31T23:59:59.999999Z"}}`,
		`{"event_type":"daily.data.workouts.created","user_id":"u1","data":{"id":"w2","hr_zones":[],"title":"",
		  "calendar_date":"9999-12-31","distance":-0.0,"map":{"polyline":"` + "a\\u20ac" + `"}}}`,
		`{"event_type":"daily.data.meal.created","user_id":"","data":{"user_id":"u1","id":"w1","data":{"a":[1,{"b":null}]},"name":5}}`,
		`{"event_type":"daily.data.note.created","user_id":"u1","data":{"data":[{"start":"2026-05-01T00:00:00.123456789-11:30",
		  "value":"12","tags":["x","","é"]},{"timestamp":"2026-05-01T00:00:00","value":""}]}}`,
		`{"event_type":"raw.😀","user_id":"u1","data":` + deepJSON + `}`,
	}
	var messages []transforms.Message
	for i, body := range bodies {
		messages = append(messages, transforms.Message{ID: fmt.Sprint("m", i), PublishTime: noon, Data: []byte(body)})
	}
	ref := s.wellFormed(t, messages)
	// Every byte there is goes to quarantine as it came; zipped, none of them
	// gets shorter.
	bytes := make([]byte, 256)
	for i := range bytes {
		bytes[i] = byte(255 - i)
	}
	messages = append(messages, transforms.Message{ID: "bytes", PublishTime: noon, Data: bytes})
	ref.add(t, messages[len(messages)-1])
	w := s.open(t)
	s.ingest(t, w, 1, messages...)
	s.fold(t, w)
	s.expect(t, w, ref)
}

// Extremes of JSON: nested almost as deep as is allowed, and long.
var (
	deepJSON = strings.Repeat(`{"k":[`, 29) + `"x"` + strings.Repeat(`]}`, 29)
	longJSON = `{"é😀\"\\":"` + strings.Repeat(`\u20ac\n😀`, 20_000) + `","":[],"n":[-0.5,1e-7,9007199254740993]}`
)

// extremes are literals of each type, the least and the greatest among them.
// NaN and infinity cannot come from JSON.
var extremes = map[schemas.Type][]string{
	schemas.String: {
		`"\u0000\u0001\b\t\r\n\u001f\u007f\u0085"`, `"😀𝒳é\u2028\ufeff\u0301\ud83d\ude00"`, `""`,
		`"'; DROP TABLE \"x\"; -- \\ ` + "`" + `%s{{.}}"`, `" NULL "`, `"` + strings.Repeat("0", 1<<16) + `"`,
	},
	schemas.Int64:   {"9223372036854775807", "-9223372036854775808", "0", "-1", "9007199254740993"},
	schemas.Float64: {"1.7976931348623157e308", "-1.7976931348623157e308", "5e-324", "-5e-324", "-0.0", "0.1", "123456789.123456789"},
	schemas.Bool:    {"true", "false"},
	schemas.Timestamp: {
		`"0001-01-01T00:00:00Z"`, `"9999-12-31T23:59:59.999999Z"`, `"1969-12-31T23:59:59.999999Z"`,
		`"2026-05-01T00:00:00.123456789-11:30"`, `"1582-10-10T00:00:00Z"`,
	},
	schemas.Date: {`"0001-01-01"`, `"9999-12-31"`, `"1969-12-31"`, `"2024-02-29"`},
	schemas.JSON: {deepJSON, longJSON, `{}`, `[]`, `""`, `0`, `false`, `"\u0000"`},
}

// partitionDates are the first and the last that are allowed, as of noon.
var partitionDates = []string{`"2005-01-01T00:00:00Z"`, `"2026-05-03T23:59:59.999999Z"`, `"2026-05-01T00:00:00Z"`}

// variants is how many messages it takes to show a column all extremes.
const variants = 8

// literal is the value of a column in a variant; "" for none.
func literal(t *schemas.Table, c *schemas.Column, variant int) string {
	of := extremes[c.Type]
	if t.Partition != nil && t.Partition.Column == c.Name {
		of = partitionDates
		if variant%(len(of)+1) == len(of) && !c.Required {
			return ""
		}
	}
	switch {
	case c.Required && c.Type == schemas.String:
		return fmt.Sprintf(`"é😀'\"\\ %d"`, variant)
	case !c.Repeated:
		return of[variant%len(of)]
	case variant == 0:
		return "[]"
	case variant == 1:
		return "[" + of[0] + "]"
	}
	return "[" + strings.Join(of, ",") + "]"
}

// put sets a value at the place that a column's path names.
func put(event map[string]any, path, value string) {
	for {
		name, rest, nested := strings.Cut(path, ".")
		if !nested {
			if _, taken := event[name]; !taken {
				event[name] = json.RawMessage(value)
			}
			return
		}
		inner, ok := event[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			event[name] = inner
		}
		event, path = inner, rest
	}
}

// extremeEvent is an event with a value in every column of a table that has a
// path; with the keys alone in the variant after the last. For samples it is of
// the resource.
func extremeEvent(t *testing.T, table *schemas.Table, resource *schemas.Resource, variant int) transforms.Message {
	t.Helper()
	eventType := strings.TrimSuffix(table.Events[0], "*") + "created"
	data, sample := map[string]any{}, map[string]any{}
	event := map[string]any{"data": data}
	if resource != nil {
		eventType = "daily.data." + resource.Name + ".created"
		data["data"] = []any{sample}
	}
	event["event_type"] = eventType
	for i := range table.Columns {
		c := &table.Columns[i]
		otherShape := resource != nil && !c.HasShape(resource.Shape) && len(*c.Shapes) > 0
		if c.Path == "" || variant == variants && !c.Required || otherShape {
			continue
		}
		value := literal(table, c, variant)
		if value == "" {
			continue
		}
		path, root := strings.CutPrefix(c.Path, "$.")
		switch {
		case root:
			put(event, path, value)
		case resource != nil:
			put(sample, path, value)
		default:
			put(data, path, value)
		}
	}
	body, err := json.Marshal(event)
	if err != nil {
		t.Fatalf("%s: %v", table.Name, err)
	}
	return transforms.Message{ID: fmt.Sprintf("%s %d", eventType, variant), PublishTime: noon, Data: body}
}

// extremeEvents are events of every table that is filled from events, table by
// table.
func (s *suite) extremeEvents(t *testing.T) [][]transforms.Message {
	var all [][]transforms.Message
	for _, table := range s.catalogue.Versioned() {
		resources := []*schemas.Resource{nil}
		switch table.Rows {
		case schemas.RowsObject:
		case schemas.RowsSamples:
			resources = nil
			for _, name := range []string{"heartrate", "body_temperature", "blood_pressure", "note"} {
				r, _ := table.Resource(name)
				resources = append(resources, r)
			}
		default:
			continue // the whole event is one value of it
		}
		var messages []transforms.Message
		for _, r := range resources {
			for variant := range variants + 1 {
				messages = append(messages, extremeEvent(t, table, r, variant))
			}
		}
		all = append(all, messages)
	}
	return all
}

// wellFormed is the reference of messages that all have to land.
func (s *suite) wellFormed(t *testing.T, messages []transforms.Message) *reference {
	t.Helper()
	ref := newReference(s.catalogue)
	for _, m := range messages {
		ref.add(t, m)
	}
	for _, row := range ref.tables[schemas.QuarantineTable] {
		t.Errorf("%s is refused, so this shows less: %s", row["message_id"], row["detail"])
	}
	return ref
}

// everyColumn: extreme values of every column there is, and their absence, in
// one batch per table.
func (s *suite) everyColumn(t *testing.T) {
	messages := slices.Concat(s.extremeEvents(t)...)
	ref := s.wellFormed(t, messages)
	filled := map[string]bool{}
	for name, rows := range ref.tables {
		for _, row := range rows {
			for column := range row {
				filled[name+"."+column] = true
			}
		}
	}
	for _, table := range s.catalogue.Versioned() {
		for _, c := range table.Columns {
			if table.Rows != schemas.RowsEvent && c.Path != "" && !filled[table.Name+"."+c.Name] {
				t.Errorf("column %s of %s has no value, so this shows less", c.Name, table.Name)
			}
		}
	}
	w := s.open(t)
	s.ingest(t, w, 100_000, messages...)
	s.fold(t, w)
	s.expect(t, w, ref)
}

// slices: batches may be slices of one record, whose columns begin anywhere
// within their memory.
func (s *suite) slices(t *testing.T) {
	w, ref := s.open(t), newReference(s.catalogue)
	for i, messages := range s.extremeEvents(t) {
		for _, m := range messages {
			ref.add(t, m)
		}
		whole := s.batchOf(t, "", messages...)
		for from := int64(0); from < whole.Record.NumRows(); from += 3 {
			part := *whole
			part.ID = fmt.Sprintf("b%d.%d", i, from)
			part.Record = whole.Record.NewSlice(from, min(from+3, whole.Record.NumRows()))
			part.Books.Rows = int(part.Record.NumRows())
			part.Books.RowsDecoded = part.Books.Rows
			err := w.Append(context.Background(), &part)
			part.Record.Release()
			if err != nil {
				t.Fatalf("%s, from row %d: %v", whole.Table.Name, from, err)
			}
		}
		whole.Record.Release()
	}
	s.fold(t, w)
	s.expect(t, w, ref)
}
