//go:build cgo

package bigquery

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"vitalsink/connector"
	"vitalsink/connector/bigquery/bigquerytest"
	"vitalsink/connector/connectortest"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// rehearsal is a warehouse on the stand-in, with a clock of the test's, and
// books of what was put into it.
type rehearsal struct {
	inspected
	*testing.T
	decoder  *transforms.Decoder
	appended map[string][]put // by table
	registry int
	ledger   []time.Time // when merges were
}

// put is a batch of a log: its hour, and what it touches.
type put struct {
	id      string
	at      time.Time
	rows    int
	days    []time.Time
	without bool // rows have no day
}

// message is a delivery of an event.
func message(id string, published time.Time, format string, args ...any) transforms.Message {
	return transforms.Message{ID: id, PublishTime: published, Data: fmt.Appendf(nil, format, args...)}
}

// put appends what messages say to one table, in a batch.
func (r *rehearsal) put(at time.Time, lane connector.Lane, messages ...transforms.Message) {
	r.Helper()
	var b *transforms.Builder
	var table *schemas.Table
	for _, m := range messages {
		d := r.decoder.Decode(&m)
		if d.Rows == 0 || table != nil && d.Table != table {
			r.Fatalf("message %s: %d rows of %v", m.ID, d.Rows, d.Table)
		}
		if table = d.Table; b == nil {
			b = transforms.NewBuilder(memory.DefaultAllocator, table)
		}
		b.Append(d)
	}
	defer b.Release()
	record := b.NewRecord()
	defer record.Release()
	days, without := b.Days()
	rows := int(record.NumRows())
	batch := &connector.Batch{
		ID: fmt.Sprintf("01890000-0000-7000-8000-%012d", r.registry), Table: table, Lane: lane, CatalogueVersion: r.Catalogue().Version,
		AppendedAt: at, Record: record, Days: days, RowsWithoutDay: without, Resources: b.Resources(),
		Books: connector.Books{Rows: rows, RowsDecoded: rows, Messages: len(messages), MessagesLanded: len(messages)},
	}
	if err := r.Append(context.Background(), batch); err != nil {
		r.Fatal(err)
	}
	r.registry++
	touches := put{id: batch.ID, at: at, rows: rows}
	touches.look(table, record)
	r.appended[table.Name] = append(r.appended[table.Name], touches)
}

// look finds the days of the rows, without asking what will be registered.
func (p *put) look(t *schemas.Table, rows arrow.Record) {
	if t.Partition == nil {
		return
	}
	column := rows.Column(t.Index(t.Partition.Column)).(*array.Timestamp)
	for i := range column.Len() {
		if column.IsNull(i) {
			p.without = true
		} else if d := column.Value(i).ToTime(arrow.Microsecond).Truncate(day); !slices.Contains(p.days, d) {
			p.days = append(p.days, d)
		}
	}
}

// partitions are the rows of a table by their day, the zero time if they have
// none.
func (r *rehearsal) partitions(t *schemas.Table) map[time.Time]float64 {
	r.Helper()
	name, byDay := ident(testProject+"."+storeOf(testDataset)+"."+t.Name), map[time.Time]float64{}
	if t.Partition == nil {
		byDay[time.Time{}] = float64(r.values(r, "SELECT COUNT(*) AS n FROM "+name)[0][0].(int64))
		return byDay
	}
	column := ident(t.Partition.Column)
	for _, row := range r.values(r, fmt.Sprintf("SELECT DATE(%s) AS d, COUNT(*) AS n FROM %s WHERE %s >= TIMESTAMP '1970-01-01 00:00:00+00' OR %s IS NULL GROUP BY d",
		column, name, column, column)) {
		at := time.Time{}
		if d, ok := row[0].(civil.Date); ok {
			at = d.In(time.UTC)
		}
		byDay[at] = float64(row[1].(int64))
	}
	return byDay
}

// fold merges what is pending, and compares what every job was billed with the
// model. changed are the days in which each table and lane has rows to be
// changed; the zero time stands for rows without one, and tables without days.
func (r *rehearsal) fold(at time.Time, changed map[string][]time.Time) {
	r.Helper()
	from := len(r.server.Jobs())
	p, err := r.Pending(context.Background())
	if err != nil {
		r.Fatal(err)
	}
	registry := r.Catalogue().Table(schemas.BatchesTable)
	// pending.sql names table_name, of the registry's rows.
	ledger := r.columnsOf(schemas.MergesTable, "batch_ids", "table_name")
	r.compare("pending", r.jobsFrom(from)[0], []charge{pending(
		read{float64(r.registry), sumOf(registry.Columns, standInSize)},
		read{float64(len(r.ledger)), sumOf(ledger, standInSize)},
	)})
	merges := map[string]*connector.Merge{}
	var order []string
	for _, b := range p.Batches {
		key := b.Table + "/" + string(b.Lane)
		if merges[key] == nil {
			merges[key] = &connector.Merge{ID: "of-" + b.ID, Table: r.Catalogue().Table(b.Table), MergedAt: at}
			order = append(order, key)
		}
		merges[key].Batches = append(merges[key].Batches, b)
	}
	for _, key := range order {
		m := merges[key]
		m.Fence = p.Fences[m.Table.Name]
		r.merge(m, changed[key])
		p.Fences[m.Table.Name]++
	}
}

// merge makes one merge, and compares.
func (r *rehearsal) merge(m *connector.Merge, changed []time.Time) {
	r.Helper()
	has, f := r.partitions(m.Table), r.folded(m)
	f.parts = r.parts(m, has)
	for _, d := range changed {
		if f.updates == nil {
			f.updates = []stretch{{chance: 1}}
		}
		f.updates[0].rows += has[d]
	}
	from := len(r.server.Jobs())
	books, err := r.Merge(context.Background(), m)
	if err != nil {
		r.Fatal(err)
	}
	if books.Superseded != 0 {
		r.Fatal("the model is told of each key once")
	}
	r.ledger = append(r.ledger, m.MergedAt)
	w, jobs := standInWidths(r.Catalogue(), m.Table), r.jobsFrom(from)
	probes := w.probes(f)
	if len(jobs) != len(probes)+1 {
		r.Fatalf("%d jobs for %d parts", len(jobs), len(probes))
	}
	for i, p := range probes {
		r.compare("probe of "+m.Table.Name, jobs[i], []charge{p})
	}
	r.compare("merge of "+m.Table.Name, jobs[len(probes)], w.merge(f))
}

// columnsOf are some columns of a table.
func (r *rehearsal) columnsOf(table string, names ...string) []schemas.Column {
	var columns []schemas.Column
	for _, name := range names {
		t := r.Catalogue().Table(table)
		columns = append(columns, t.Columns[t.Index(name)])
	}
	return columns
}

// jobsFrom are the jobs of ours from one on.
func (r *rehearsal) jobsFrom(from int) []bigquerytest.Job {
	return slices.DeleteFunc(r.server.Jobs()[from:], func(j bigquerytest.Job) bool { return j.Labels["app"] != "vitalsink" })
}

// folded is what a merge reads but for the latest table.
func (r *rehearsal) folded(m *connector.Merge) folded {
	f, since := folded{rows: float64(m.Rows())}, m.Batches[0].AppendedAt
	for _, b := range m.Batches {
		if b.AppendedAt.Before(since) {
			since = b.AppendedAt
		}
	}
	for _, p := range r.appended[m.Table.Name] {
		if !p.at.Before(since.Truncate(time.Hour)) {
			f.log += float64(p.rows)
		}
	}
	f.ledger.width = sumOf(r.columnsOf(schemas.MergesTable, "batch_ids", "merged_at", "table_name"), standInSize)
	for _, at := range r.ledger {
		if !at.Before(since.Add(-day).Truncate(day)) {
			f.ledger.rows++
		}
	}
	return f
}

// parts are the rows that each look-up of a merge has to read.
func (r *rehearsal) parts(m *connector.Merge, has map[time.Time]float64) []stretch {
	var days []time.Time
	without := false
	for _, p := range r.appended[m.Table.Name] {
		if slices.ContainsFunc(m.Batches, func(b connector.Registered) bool { return b.ID == p.id }) {
			days, without = append(days, p.days...), without || p.without
		}
	}
	slices.SortFunc(days, time.Time.Compare)
	all, touched := 0.0, 0.0
	for d, rows := range has {
		all += rows
		if slices.Contains(days, d) {
			touched += rows
		}
	}
	if m.Table.StickyColumn() != "" {
		touched += has[time.Time{}]
	}
	var parts []stretch
	if len(days) > 0 {
		parts = append(parts, stretch{1, touched})
	}
	if without || m.Table.Partition == nil {
		parts = append(parts, stretch{1, all})
	}
	return parts
}

// compare compares a job, statement by statement, with and without the 10 MB.
func (r *rehearsal) compare(what string, job bigquerytest.Job, want []charge) {
	r.Helper()
	// What is read to SET several variables, the stand-in lets go for nothing.
	if i := slices.IndexFunc(want, func(c charge) bool { return c.what == "books" }); i >= 0 {
		want = slices.Delete(slices.Clone(want), i, i+1)
	}
	paid := slices.DeleteFunc(slices.Clone(job.Statements), func(s bigquerytest.Statement) bool { return s.BytesBilled == 0 })
	if len(paid) != len(want) {
		for _, s := range paid {
			r.Logf("%d bytes: %.60q", s.BytesBilled, s.Text)
		}
		r.Errorf("%s: %d statements are billed, want %d", what, len(paid), len(want))
		return
	}
	for i, s := range paid {
		if got, model := s.BytesBilled, int64(want[i].billed(leastBilled)); got != model {
			r.Errorf("%s, %s: %d bytes billed, by the model %d: %.60q", what, want[i].what, got, model, s.Text)
		}
		if got, model := s.BytesProcessed, int64(want[i].billed(0)); got != model {
			r.Errorf("%s, %s: %d bytes processed, by the model %d: %.60q", what, want[i].what, got, model, s.Text)
		}
	}
}

// standInSize is what the stand-in takes values of a column for.
func standInSize(c schemas.Column) float64 {
	n := map[schemas.Type]float64{
		schemas.String: 24, schemas.Bytes: 32, schemas.JSON: 256, schemas.Bool: 1,
		schemas.Int64: 8, schemas.Float64: 8, schemas.Timestamp: 8, schemas.Date: 8,
	}[c.Type]
	if c.Repeated {
		return 4 * n
	}
	return n
}

func sumOf(columns []schemas.Column, size sizer) float64 {
	n := 0.0
	for _, c := range columns {
		n += size(c)
	}
	return n
}

// standInWidths are widths by the stand-in's rule: a column counts for every
// table of a statement that has one of that name, wherever the statement names
// it. So look-up and update, which name all columns of the source, count all of
// the table's, and the function DATE counts a column date. TestTargetColumns
// looks at what the look-ups really name.
func standInWidths(c *schemas.Catalogue, t *schemas.Table) widths {
	w := widthsOf(c, t, standInSize)
	w.lookedUp, w.updated = w.all, w.all
	if i := t.Index("date"); i >= 0 && t.Partition != nil {
		w.probed, w.logProbed = w.probed+standInSize(t.Columns[i]), w.logProbed+standInSize(t.Columns[i])
	}
	return w
}

// manySamples is a message of that many heart rates of a day.
func manySamples(id string, published, from time.Time, value, n int) transforms.Message {
	var samples strings.Builder
	for i := range n {
		fmt.Fprintf(&samples, `,{"timestamp":%q,"value":%d}`, from.Add(time.Duration(i)*time.Second).Format(time.RFC3339), value)
	}
	return message(id, published, `{"event_type":"daily.data.heartrate.created","user_id":"u1","data":{"source":{"provider":"oura","type":"ring"},"data":[%s]}}`,
		samples.String()[1:])
}

// sleepAs is a version of a sleep; created is JSON.
func sleepAs(id, sleep string, published time.Time, created string) transforms.Message {
	return message(id, published, `{"event_type":"daily.data.sleep.updated","user_id":"u1","data":{"id":%q,"score":7,"created_at":%s}}`, sleep, created)
}

// TestCostAgainstStandIn: every statement of real folds is billed what the
// model says, to the byte: a statement that begins to read another partition
// or, but for look-ups and updates, another column fails it.
func TestCostAgainstStandIn(t *testing.T) {
	connectortest.Long(t)
	s := openTest(t)
	decoder, err := transforms.NewDecoder(s.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	r := &rehearsal{inspected: s, T: t, decoder: decoder, appended: map[string][]put{}}
	first := noon.Truncate(day)
	clock := func(days, hours, minutes int) time.Time {
		return first.Add(time.Duration(days)*day + time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute)
	}
	quoted := func(at time.Time) string { return `"` + at.Format(time.RFC3339) + `"` }
	none := map[string][]time.Time{}

	// Nothing; then what only inserts, in an hour, and on in the next.
	r.fold(clock(0, 9, 0), none)
	r.put(clock(0, 10, 1), connector.Recent, samplesOn("a", clock(0, 10, 0), 60, daysFrom(first.Add(-2*day), 3)...))
	r.put(clock(0, 10, 2), connector.Recent, sleepAs("b", "s1", clock(0, 10, 0), quoted(first)))
	r.put(clock(0, 10, 2), connector.Recent, message("c", clock(0, 10, 0), `{"event_type":"coach.plan","user_id":"u1","data":{}}`))
	r.fold(clock(0, 10, 5), none)
	r.put(clock(0, 10, 57), connector.Recent, manySamples("d", clock(0, 10, 50), first, 61, 9))
	r.put(clock(0, 11, 2), connector.Recent, manySamples("e", clock(0, 11, 0), first.Add(-day), 61, 5))
	r.put(clock(0, 11, 3), connector.Recent, sleepAs("f", "s2", clock(0, 11, 0), quoted(first)))
	r.fold(clock(0, 11, 5), none)

	// Newer versions: of samples of one of the days, of a sleep, of an event.
	r.put(clock(0, 12, 1), connector.Recent, manySamples("g2", clock(0, 12, 0), first.Add(15*time.Hour), 61, 2))
	r.put(clock(0, 12, 1), connector.Recent, samplesOn("g", clock(0, 12, 0), 62, first.Add(-day), first.Add(day)))
	r.put(clock(0, 12, 2), connector.Recent, sleepAs("h", "s1", clock(0, 12, 0), quoted(first)))
	again := message("c2", clock(0, 12, 0), `{"event_type":"coach.plan","user_id":"u1","data":{}}`)
	r.put(clock(0, 12, 3), connector.Recent, again)
	r.fold(clock(0, 12, 5), map[string][]time.Time{"timeseries/recent": {first.Add(-day)}, "sleep/recent": {first}, "events/recent": {{}}})

	// The next day: an old one beside today, in the late lane, and sleeps without
	// created_at: one alone, one beside others, and then a newer version of one.
	old := mustDay("2019-06-01")
	r.put(clock(1, 9, 0), connector.Late, samplesOn("i", clock(1, 9, 0), 60, old, first))
	r.put(clock(1, 9, 1), connector.Late, sleepAs("j", "s3", clock(1, 9, 0), "null"))
	r.put(clock(1, 9, 2), connector.Recent, samplesOn("k", clock(1, 9, 0), 60, first.Add(day)))
	r.fold(clock(1, 9, 5), map[string][]time.Time{"timeseries/recent": {first.Add(day)}, "timeseries/late": {first}})
	r.put(clock(1, 9, 31), connector.Late, sleepAs("l", "s4", clock(1, 9, 30), "null"), sleepAs("m", "s5", clock(1, 9, 30), quoted(old)))
	r.put(clock(1, 9, 32), connector.Recent, sleepAs("n", "s6", clock(1, 9, 30), quoted(first.Add(day))))
	r.fold(clock(1, 9, 35), none)
	r.put(clock(1, 23, 59), connector.Late, sleepAs("o", "s4", clock(1, 23, 0), "null"))
	r.fold(clock(2, 0, 5), map[string][]time.Time{"sleep/late": {{}}})

	// More than the least that is billed, and a change of that; ledger and log
	// are read from a day and an hour on that have begun.
	r.put(clock(3, 10, 0), connector.Recent, manySamples("p", clock(3, 10, 0), first.Add(2*day), 60, 70_000))
	r.fold(clock(3, 10, 5), none)
	r.put(clock(3, 10, 10), connector.Recent, manySamples("q", clock(3, 10, 10), first.Add(2*day), 61, 1), manySamples("r", clock(3, 10, 10), first, 62, 1))
	r.fold(clock(3, 10, 15), map[string][]time.Time{"timeseries/recent": {first.Add(2 * day), first}})
	r.readings(clock(3, 11, 0))
}

// readings: a fold reads what is pending once, and again after each round of
// merges, of which a table with both lanes takes two.
func (r *rehearsal) readings(at time.Time) {
	pendings := func() int { return len(r.jobs("pending")) }
	for lanes, want := range []int{1, 2, 3} {
		for lane := range lanes {
			id := fmt.Sprint("z", lanes, lane)
			r.put(at.Add(time.Duration(lane)*time.Minute), []connector.Lane{connector.Recent, connector.Late}[lane], samplesOn(id, at, 60, at.Truncate(day)))
		}
		before := pendings()
		r.inspected.fold(r)
		if got := pendings() - before; got != want {
			r.Errorf("a fold of a table with %d lanes reads what is pending %d times, want %d", lanes, got, want)
		}
	}
}
