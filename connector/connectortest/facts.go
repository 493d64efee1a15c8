package connectortest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitalsink/connector"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// workout is a message of a workout; fields are beside its id.
func workout(t testing.TB, id, user, workout string, fields map[string]any) transforms.Message {
	data := map[string]any{"id": workout}
	for k, v := range fields {
		data[k] = v
	}
	return told(t, id, "daily.data.workouts.created", user, noon, data)
}

// series is a message with a sample of a resource at each of the times.
func series(t testing.TB, id, resource, user, provider string, at ...time.Time) transforms.Message {
	var samples []map[string]any
	for i, x := range at {
		samples = append(samples, map[string]any{"timestamp": x.Format(time.RFC3339Nano), "value": 60.5 + float64(i)})
	}
	return told(t, id, "daily.data."+resource+".created", user, noon, map[string]any{"data": samples, "source": map[string]any{"provider": provider}})
}

// deleted is a message that deletes rows of a table.
func (s *suite) deleted(t testing.TB, id, table string, at time.Time, rows ...map[string]any) transforms.Message {
	t.Helper()
	m, err := transforms.Tombstones(id, at, s.catalogue.Table(table), rows)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// factsOf are the rows that a query brings, which come in order.
func factsOf(t testing.TB, w Store, q connector.FactsQuery) (all [][]any) {
	t.Helper()
	err := w.Facts(t.Context(), q, func(row []any) error {
		if len(row) != len(q.Table.Columns) {
			t.Fatalf("a row of %s has %d values for %d columns", q.Table.Name, len(row), len(q.Table.Columns))
		}
		all = append(all, row)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	user, resource := q.Table.Index("user_id"), q.Table.Index("resource")
	if !slices.IsSortedFunc(all, func(a, b []any) int {
		if c := strings.Compare(a[user].(string), b[user].(string)); c != 0 || resource < 0 {
			return c
		}
		return strings.Compare(a[resource].(string), b[resource].(string))
	}) {
		t.Errorf("rows of %s do not come in order", q.Table.Name)
	}
	return all
}

// idsOf are the values of some columns of rows, those of a row as one text, in
// order.
func idsOf(t *schemas.Table, rows [][]any, columns ...string) []string {
	ids := make([]string, len(rows))
	for i, row := range rows {
		var texts []string
		for _, c := range columns {
			texts = append(texts, fmt.Sprint(row[t.Index(c)]))
		}
		ids[i] = strings.Join(texts, " ")
	}
	slices.Sort(ids)
	return ids
}

// textOfFact is a value as Text gives it.
func textOfFact(t testing.TB, c *schemas.Column, v any) string {
	t.Helper()
	if c.Repeated {
		list, ok := v.([]any)
		if !ok {
			t.Fatalf("%s comes as %T, want a list", c.Name, v)
		}
		raw, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	ok := false
	text := fmt.Sprint(v)
	switch c.Type {
	case schemas.String, schemas.JSON:
		_, ok = v.(string)
	case schemas.Int64:
		_, ok = v.(int64)
	case schemas.Float64:
		_, ok = v.(float64)
	case schemas.Bool:
		_, ok = v.(bool)
	case schemas.Bytes:
		_, ok = v.([]byte)
		text = fmt.Sprintf("%x", v)
	case schemas.Timestamp, schemas.Date:
		var at time.Time
		at, ok = v.(time.Time)
		text = at.Format(TimeFormat)
		if ok && at.Location() != time.UTC {
			t.Errorf("%s is in %s, want UTC", c.Name, at.Location())
		}
		if c.Type == schemas.Date {
			text = strings.TrimSuffix(text, "T00:00:00.000000Z")
		}
	}
	if !ok {
		t.Errorf("%s, a %s, comes as %T", c.Name, c.Type, v)
	}
	return text
}

// facts: a row of a latest table comes as it is there, each value in the type
// of its column.
func (s *suite) facts(t *testing.T) {
	w := s.open(t)
	messages := []transforms.Message{
		workout(t, "1", "u1", "w1", map[string]any{
			"title": "é\x00\"\\ 😀", "steps": json.Number("9007199254740993"), "distance": 1.5, "calories": 0.1, "hr_zones": []int{3, 0, -1},
			"calendar_date": "0001-01-01", "time_start": "0001-01-01T00:00:00Z", "time_end": "9999-12-31T23:59:59.999999Z",
			"unheard_of": map[string]any{"b": []any{1, nil, "x"}},
		}),
		workout(t, "2", "u1", "w2", map[string]any{"calendar_date": "9999-12-31", "hr_zones": []int{}, "title": ""}),
		s.deleted(t, "3", "workouts", noon.Add(time.Hour), map[string]any{"user_id": "u2", "id": "w3"}),
		told(t, "4", "daily.data.meal.created", "u1", noon, map[string]any{"id": "m1", "data": map[string]any{"a": []any{1.25, map[string]any{"b": nil}}}}),
		told(t, "5", "daily.data.note.created", "u1", noon, map[string]any{"data": []map[string]any{
			{"timestamp": "2026-05-01T00:00:00.123456Z", "value": "12", "tags": []string{"x", "", "é"}},
		}}),
		series(t, "6", "hrv", "u2", "oura", noon), series(t, "7", "heartrate", "u2", "oura", noon, noon.Add(time.Second)), series(t, "8", "heartrate", "u1", "fitbit", noon),
		told(t, "9", "provider.connection.created", "u1", noon, map[string]any{"provider": map[string]any{"slug": "oura"}}),
	}
	s.ingest(t, w, 100, messages...)
	s.fold(t, w)
	seen := 0
	for _, table := range s.catalogue.Versioned() {
		if table.Index("user_id") < 0 {
			continue
		}
		got, want := map[string]Row{}, map[string]Row{}
		for _, values := range factsOf(t, w, connector.FactsQuery{Table: table, Users: []string{"u2", "u1", "u1", "nobody"}}) {
			row := Row{}
			for i, v := range values {
				if c := &table.Columns[i]; v != nil {
					row[c.Name] = textOfFact(t, c, v)
				}
			}
			if got[keyOf(table, row)] != nil {
				t.Errorf("a row of %s comes twice", table.Name)
			}
			got[keyOf(table, row)] = oneSpelling(t, table, row)
			seen++
		}
		for _, row := range w.Latest(t, table.Name) {
			want[keyOf(table, row)] = oneSpelling(t, table, row)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", table.Name, diff)
		}
	}
	if seen < 10 {
		t.Errorf("%d rows, want 10 at least", seen)
	}
	if rows := factsOf(t, w, connector.FactsQuery{Table: s.catalogue.Table("workouts")}); len(rows) > 0 {
		t.Errorf("%d rows of no user", len(rows))
	}
}

// factsBounds: rows of the users and resources asked for, on the days asked
// for, and those without a day whatever the days.
func (s *suite) factsBounds(t *testing.T) {
	w := s.open(t)
	day := func(d int) time.Time { return time.Date(2026, 4, d, 0, 0, 0, 0, time.UTC) }
	var messages []transforms.Message
	for d := 9; d <= 13; d++ {
		messages = append(messages, workout(t, fmt.Sprint("w", d), "u1", fmt.Sprint("on ", d), map[string]any{"calendar_date": day(d).Format(time.DateOnly)}))
	}
	messages = append(messages, workout(t, "w0", "u1", "on none", nil), workout(t, "other", "u2", "of another", map[string]any{"calendar_date": "2026-04-11"}),
		s.deleted(t, "gone", "workouts", noon, map[string]any{"user_id": "u1", "id": "deleted"}))
	for _, resource := range []string{"heartrate", "hrv", "steps"} {
		messages = append(messages, series(t, resource, resource, "u1", "oura", day(11).Add(-time.Microsecond), day(11), day(13).Add(-time.Microsecond), day(13)))
	}
	messages = append(messages, series(t, "u2", "hrv", "u2", "oura", day(11)),
		s.deleted(t, "gone too", schemas.TimeseriesTable, noon.Add(time.Hour), map[string]any{
			"user_id": "u1", "resource": "hrv", "provider": "oura", "source_type": "unknown", "timestamp": day(11).Format(time.RFC3339), "discriminator": "",
		}),
		told(t, "device", "daily.data.device.created", "u1", noon, map[string]any{"id": "d1"}),
	)
	s.ingest(t, w, 100, messages...)
	s.fold(t, w)
	workouts, samples := s.catalogue.Table("workouts"), s.catalogue.Table(schemas.TimeseriesTable)
	got := idsOf(workouts, factsOf(t, w, connector.FactsQuery{Table: workouts, Users: []string{"u1"}, From: day(10), Until: day(12)}), "id", "_deleted")
	if want := []string{"deleted true", "on 10 false", "on 11 false", "on none false"}; !slices.Equal(got, want) {
		t.Errorf("of the 10th and 11th: %q, want %q", got, want)
	}
	if got := factsOf(t, w, connector.FactsQuery{Table: workouts, Users: []string{"u1", "u2"}}); len(got) != 8 {
		t.Errorf("%d rows without bounds, want 8", len(got))
	}
	q := connector.FactsQuery{Table: samples, Users: []string{"u1", "u3"}, Resources: []string{"hrv", "steps"}, From: day(11), Until: day(13)}
	got = idsOf(samples, factsOf(t, w, q), "resource", "timestamp", "_deleted")
	first, last := day(11), day(13).Add(-time.Microsecond)
	want := []string{fmt.Sprint("hrv ", first, " true"), fmt.Sprint("hrv ", last, " false"), fmt.Sprint("steps ", first, " false"), fmt.Sprint("steps ", last, " false")}
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Errorf("samples: %q, want %q", got, want)
	}
	q.Resources = nil
	if got := factsOf(t, w, q); len(got) != 6 {
		t.Errorf("%d samples of all resources, want 6", len(got))
	}
	if devices := s.catalogue.Table("devices"); len(factsOf(t, w, connector.FactsQuery{Table: devices, Users: []string{"u1"}})) != len(w.Latest(t, "devices")) {
		t.Error("a table without days is not read whole")
	}
}

// factsBeside: while rows are taken, others append and merge; an error of
// whoever takes them ends it.
func (s *suite) factsBeside(t *testing.T) {
	w := s.open(t)
	var at []time.Time
	for i := range 3000 {
		at = append(at, noon.Add(time.Duration(i)*time.Second))
	}
	s.ingest(t, w, 10_000, series(t, "1", "heartrate", "u1", "oura", at...))
	s.fold(t, w)
	q := connector.FactsQuery{Table: s.catalogue.Table(schemas.TimeseriesTable), Users: []string{"u1"}}
	taken := 0
	err := w.Facts(t.Context(), q, func([]any) error {
		taken++
		if taken == 1 || taken == 2500 {
			s.ingest(t, w, 10_000, series(t, fmt.Sprint("beside ", taken), "hrv", "u2", "oura", noon))
			s.fold(t, w)
		}
		return nil
	})
	if err != nil || taken != len(at) {
		t.Errorf("%d rows of %d: %v", taken, len(at), err)
	}
	enough := errors.New("enough")
	taken = 0
	err = w.Facts(t.Context(), q, func([]any) error {
		taken++
		return enough
	})
	if !errors.Is(err, enough) || taken != 1 {
		t.Errorf("after %d rows the error is %v, want %v", taken, err, enough)
	}
	s.ingest(t, w, 10_000, series(t, "after", "hrv", "u3", "oura", noon))
	if got := s.fold(t, w).Books.Applied; got != 1 {
		t.Errorf("%d rows are applied after it, want 1", got)
	}
}

// tallies: facts by person, resource and provider, but for those deleted.
func (s *suite) tallies(t *testing.T) {
	w := s.open(t)
	on := func(date, provider string) map[string]any {
		fields := map[string]any{}
		if date != "" {
			fields["calendar_date"] = date
		}
		if provider != "" {
			fields["source"] = map[string]any{"provider": provider}
		}
		return fields
	}
	s.ingest(t, w, 100,
		workout(t, "1", "u1", "w1", on("2026-04-10", "oura")), workout(t, "2", "u1", "w2", on("2026-04-12", "oura")), workout(t, "3", "u1", "w3", on("", "oura")),
		workout(t, "4", "u1", "w4", on("2026-04-10", "garmin")), workout(t, "5", "u2", "w5", on("", "")), workout(t, "6", "u1", "w6", on("2026-04-13", "oura")),
		workout(t, "7", "u3", "w7", on("2026-04-10", "oura")), s.deleted(t, "8", "workouts", noon.Add(time.Hour), map[string]any{"user_id": "u1", "id": "w1"}),
		series(t, "9", "heartrate", "u1", "oura", noon, noon.Add(time.Second)), series(t, "10", "hrv", "u1", "oura", noon), series(t, "11", "hrv", "u1", "fitbit", noon.AddDate(0, 0, 1)))
	s.fold(t, w)
	day := func(d int) time.Time { return time.Date(2026, 4, d, 0, 0, 0, 0, time.UTC) }
	check := func(q connector.FactsQuery, want ...connector.Tally) {
		t.Helper()
		got, err := w.Tallies(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(got, func(a, b connector.Tally) int {
			return strings.Compare(a.UserID+" "+a.Resource+" "+a.Provider, b.UserID+" "+b.Resource+" "+b.Provider)
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("tallies of %s (-want +got):\n%s", q.Table.Name, diff)
		}
	}
	users := []string{"u1", "u2"}
	check(connector.FactsQuery{Table: s.catalogue.Table("workouts"), Users: users, From: day(10), Until: day(13)},
		connector.Tally{UserID: "u1", Provider: "garmin", Rows: 1, Newest: day(10)},
		connector.Tally{UserID: "u1", Provider: "oura", Rows: 2, Newest: day(12)}, connector.Tally{UserID: "u2", Provider: "unknown", Rows: 1})
	samples := s.catalogue.Table(schemas.TimeseriesTable)
	fitbit := connector.Tally{UserID: "u1", Resource: "hrv", Provider: "fitbit", Rows: 1, Newest: noon.AddDate(0, 0, 1)}
	oura := connector.Tally{UserID: "u1", Resource: "hrv", Provider: "oura", Rows: 1, Newest: noon}
	check(connector.FactsQuery{Table: samples, Users: users},
		connector.Tally{UserID: "u1", Resource: "heartrate", Provider: "oura", Rows: 2, Newest: noon.Add(time.Second)}, fitbit, oura)
	check(connector.FactsQuery{Table: samples, Users: users, Resources: []string{"hrv"}}, fitbit, oura)
	check(connector.FactsQuery{Table: samples, Users: users, Resources: []string{"hrv"}, From: noon, Until: noon.AddDate(0, 0, 1)}, oura)
	check(connector.FactsQuery{Table: samples, Users: []string{"u2"}})
}
