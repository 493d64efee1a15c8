package bigquery

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"vitalsink/connector/synth"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// What the mix is measured on. The first day, on which people tell what they
// tell once, is taken off: what is rare comes round in three days, and every
// kind of person among thirty.
const (
	mixUsers = 30
	mixDays  = 3
)

// What goes wrong with messages on their way, as in the demo.
const (
	sentTwice = 0.1
	toldAnew  = 0.05
	weeksLate = 0.02
)

// The lanes, as positions.
const (
	recent = iota
	late
	lanes
)

// touched is what comes to the partitions of one age: rows, how many of them
// have a key that is new, and messages, how many of which bring a newer
// version of a row that is there.
type touched struct{ messages, changing, rows, fresh float64 }

// ages are what comes to partitions by their age: that many days lie between
// the row's day and its message. At 0 are rows without a day, and all rows of
// a table that has no partitions; a row of today is at 1.
type ages []touched

const (
	noDay = 0
	today = 1
)

func (a *ages) at(age int) *touched {
	for len(*a) <= age {
		*a = append(*a, touched{})
	}
	return &(*a)[age]
}

// flow is what comes to a table in a lane.
type flow struct {
	messages, rows float64
	ages           ages
}

// habit is what one person's devices send to a table.
type habit struct {
	table  *schemas.Table
	lanes  [lanes]flow        // a day
	before flow               // once
	sizes  map[string]float64 // of the values in each column, in bytes, on average
}

// mix is what one person's devices send, by table.
type mix []*habit

// of is the habit of a table.
func (m mix) of(name string) *habit {
	for _, h := range m {
		if h.table.Name == name {
			return h
		}
	}
	return nil
}

// measure is the mix of the generator's people. All of their messages can
// become rows.
func measure(t testing.TB) mix {
	t.Helper()
	c := loadCatalogue(t)
	one, all := count(t, c, 1), count(t, c, 1+mixDays)
	m := mix{}
	for _, table := range c.Versioned() {
		h := all[table.Name]
		if h == nil {
			continue
		}
		if one[table.Name] == nil {
			one[table.Name] = &habit{}
		}
		for lane := range h.lanes {
			h.lanes[lane].less(one[table.Name].lanes[lane], 1/float64(mixUsers*mixDays))
		}
		for lane, first := range one[table.Name].lanes {
			first.less(flow{}, 1.0/mixUsers)
			first.less(h.lanes[lane], 1)
			h.before.add(first)
		}
		m = append(m, h)
	}
	return m
}

// less takes off what other has, and scales the rest.
func (f *flow) less(other flow, scale float64) {
	f.messages, f.rows = max(0, f.messages-other.messages)*scale, max(0, f.rows-other.rows)*scale
	for age := range f.ages {
		a, b := &f.ages[age], touched{}
		if age < len(other.ages) {
			b = other.ages[age]
		}
		a.messages, a.changing = max(0, a.messages-b.messages)*scale, max(0, a.changing-b.changing)*scale
		a.rows, a.fresh = max(0, a.rows-b.rows)*scale, max(0, a.fresh-b.fresh)*scale
	}
}

func (f *flow) add(other flow) {
	f.messages, f.rows = f.messages+other.messages, f.rows+other.rows
	for age, b := range other.ages {
		a := f.ages.at(age)
		a.messages, a.changing, a.rows, a.fresh = a.messages+b.messages, a.changing+b.changing, a.rows+b.rows, a.fresh+b.fresh
	}
}

// arrived is a message of a table whose rows are in a record.
type arrived struct {
	published time.Time
	lane      int
	rows      int
}

// count is what the people of so many days send, in sum.
func count(t testing.TB, c *schemas.Catalogue, days int) map[string]*habit {
	t.Helper()
	p := &synth.Population{
		Seed: 1, Users: mixUsers, Days: days, Start: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC),
		Duplicates: sentTwice, Disorder: 0.1, Updates: toldAnew, Late: weeksLate,
	}
	d, err := transforms.NewDecoder(c)
	if err != nil {
		t.Fatal(err)
	}
	builders, messages := map[string]*transforms.Builder{}, map[string][]arrived{}
	for m := range p.Messages(t.Context(), c) {
		decoded := d.Decode(&m)
		if decoded.Rows == 0 {
			continue
		}
		name := decoded.Table.Name
		if builders[name] == nil {
			builders[name] = transforms.NewBuilder(memory.DefaultAllocator, decoded.Table)
		}
		builders[name].Append(decoded)
		a := arrived{m.PublishTime, recent, decoded.Rows}
		if decoded.Late {
			a.lane = late
		}
		messages[name] = append(messages[name], a)
	}
	habits := map[string]*habit{}
	for name, b := range builders {
		record := b.NewRecord()
		h := &habit{table: c.Table(name), sizes: sizesOf(c, c.Table(name), record)}
		h.count(record, messages[name])
		habits[name] = h
		record.Release()
		b.Release()
	}
	return habits
}

// held is what a latest table has of a key.
type held struct {
	version string
	created arrow.Timestamp
	dated   bool
}

// earlier tells whether v has a day that old has not, or a later one.
func (v held) earlier(old held) bool { return v.dated && (!old.dated || v.created < old.created) }

// over is the row that there is after v.
func (v held) over(old held) held {
	if !v.earlier(old) {
		v.created, v.dated = old.created, old.dated
	}
	v.version = max(v.version, old.version)
	return v
}

// count goes through the rows in the order in which they came, as if each
// message were folded alone: what meets a newer version within one fold costs
// less than is counted here.
func (h *habit) count(record arrow.Record, messages []arrived) {
	latest := map[string]held{}
	column := func(name string) arrow.Array { return record.Column(h.table.Index(name)) }
	versions := column("_version").(*array.Binary)
	var days *array.Timestamp
	if h.table.Partition != nil {
		days = column(h.table.Partition.Column).(*array.Timestamp)
	}
	var keys []arrow.Array
	for _, k := range h.table.Key {
		keys = append(keys, column(k))
	}
	row := 0
	for _, m := range messages {
		seen, changed := map[int]bool{}, map[int]bool{}
		f := &h.lanes[m.lane]
		for range m.rows {
			v := held{version: string(versions.Value(row))}
			if days != nil && days.IsValid(row) {
				v.created, v.dated = days.Value(row), true
			}
			key := keyOf(keys, row)
			old, there := latest[key]
			age := v.age(m.published)
			a := f.ages.at(age)
			seen[age] = true
			a.rows++
			switch {
			case !there:
				a.fresh++
				latest[key] = v
			case v.version > old.version || h.table.StickyColumn() != "" && v.earlier(old):
				changed[old.age(m.published)] = true // that is where the row is
				latest[key] = v.over(old)
			}
			row++
		}
		f.messages, f.rows = f.messages+1, f.rows+float64(m.rows)
		for age := range seen {
			f.ages.at(age).messages++
		}
		for age := range changed {
			f.ages.at(age).changing++
		}
	}
}

// keyOf is a text that is the same for the same key.
func keyOf(keys []arrow.Array, row int) string {
	var key strings.Builder
	for _, k := range keys {
		switch k := k.(type) {
		case *array.String:
			key.WriteString(k.Value(row))
		case *array.Timestamp:
			key.WriteString(strconv.FormatInt(int64(k.Value(row)), 36))
		default:
			key.WriteString(k.ValueStr(row))
		}
		key.WriteByte(0)
	}
	return key.String()
}

// age is how old the row's partition is for a message of a time.
func (v held) age(published time.Time) int {
	if !v.dated {
		return noDay
	}
	partition := v.created.ToTime(arrow.Microsecond).Truncate(day)
	return today + max(0, int(published.Truncate(day).Sub(partition)/day))
}

// sizesOf are the bytes that BigQuery counts for a row's values, by column, on
// average over the rows
// (https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#data_type_sizes).
func sizesOf(c *schemas.Catalogue, t *schemas.Table, rows arrow.Record) map[string]float64 {
	sizes := map[string]float64{"_versions": 8, "_state": 2 + float64(len("newer")), "_batch_id": idSize, "_appended_at": 8}
	if len(c.LogColumns) != 2 {
		panic("the log has other columns")
	}
	for i, column := range t.Columns {
		sizes[column.Name] = float64(logicalSize(column.Type, rows.Column(i))) / float64(rows.NumRows())
	}
	return sizes
}

// idSize is what a UUID takes as a STRING.
const idSize = 2 + 36

// logicalSize is the size of all values of a column: none of NULL, and of lists
// that of their items.
func logicalSize(of schemas.Type, values arrow.Array) int {
	there := values.Len() - values.NullN()
	switch values := values.(type) {
	case *array.List:
		return logicalSize(of, values.ListValues())
	case *array.String:
		if of == schemas.JSON {
			return len(values.ValueBytes())
		}
		return 2*there + len(values.ValueBytes())
	case *array.Binary:
		return 2*there + len(values.ValueBytes())
	case *array.Boolean:
		return there
	}
	return 8 * there // INT64, FLOAT64, TIMESTAMP, DATE
}

// dated is the mix if every summary came with its created_at.
func (m mix) dated() mix {
	return m.with(func(h *habit) {
		if h.table.StickyColumn() == "" {
			return
		}
		for _, f := range []*flow{&h.lanes[recent], &h.lanes[late], &h.before} {
			none := *f.ages.at(noDay)
			*f.ages.at(noDay) = touched{}
			messages := min(none.messages, f.messages)
			f.messages, f.rows = f.messages-messages, f.rows-none.rows
			h.lanes[recent].add(flow{messages: messages, rows: none.rows, ages: ages{today: none}})
		}
	})
}

// punctual is the mix if what comes weeks late came on its day.
func (m mix) punctual() mix {
	return m.with(func(h *habit) {
		f := &h.lanes[late]
		for age := today; age < len(f.ages); age++ {
			a := f.ages[age]
			f.ages[age] = touched{}
			messages := min(a.messages, f.messages)
			f.messages, f.rows = f.messages-messages, max(0, f.rows-a.rows)
			h.lanes[recent].add(flow{messages: messages, rows: a.rows, ages: ages{today: a}})
		}
	})
}

// lighter is the mix with that share of the samples.
func (m mix) lighter(share float64) mix {
	return m.with(func(h *habit) {
		if h.table.Name != schemas.TimeseriesTable {
			return
		}
		for _, f := range []*flow{&h.lanes[recent], &h.lanes[late], &h.before} {
			f.rows *= share
			for age := range f.ages {
				f.ages[age].rows, f.ages[age].fresh = f.ages[age].rows*share, f.ages[age].fresh*share
			}
		}
	})
}

// with is a copy that is changed.
func (m mix) with(change func(*habit)) mix {
	var all mix
	for _, h := range m {
		of := *h
		for lane := range of.lanes {
			of.lanes[lane].ages = append(ages{}, h.lanes[lane].ages...)
		}
		of.before.ages = append(ages{}, h.before.ages...)
		change(&of)
		all = append(all, &of)
	}
	return all
}
