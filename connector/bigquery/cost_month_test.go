package bigquery

import (
	"math"
	"time"

	"vitalsink/schemas"
)

const (
	// lateEvery is at how many beats the late lane is folded once.
	lateEvery = 10
	// flushes are how often in a day a worker of a receiver appends what it has,
	// and flushRows how much it has then at most.
	flushes, flushRows = 24 * 60, 250_000
	workers            = 4
	daysAMonth         = 30
	daysAYear          = 365
)

// deployment is what the costs of a month depend on. Messages come at any time
// of the day with the same chance.
type deployment struct {
	mix       mix
	catalogue *schemas.Catalogue
	users     float64
	interval  time.Duration // between folds; a day is a multiple of it
	foldRows  float64       // of one merge
	days      float64       // that the tables are old
	retention float64       // of the logs, in days
}

// month is what a deployment costs in 30 days.
type month struct {
	billed   map[string]float64 // bytes of queries, by what they are for
	largest  float64            // bytes of the largest merge
	appended float64            // bytes
	stored   float64            // bytes
}

func (m month) queries() float64 {
	sum := 0.0
	for _, what := range purposes {
		sum += m.billed[what]
	}
	return sum
}

// purposes are what statements are for, in the order of a fold.
var purposes = []string{"pending", "probe", "fence", "ledger", "log", "look-up", "books", "update", "insert"}

// inflow is what comes to one table in one lane, as the folds see it.
type inflow struct {
	*habit
	lane   int
	widths widths
	every  float64 // days between its folds
	often  float64 // its folds as a share of the beats
	chance float64 // that something is pending at one
	merges float64 // of one, if so
	// What a partition of an age has: rows of the days before, and those of the
	// day, of a user.
	earlier, within []float64
}

func (d deployment) inflows() []inflow {
	var all []inflow
	for _, h := range d.mix {
		w := widthsOf(d.catalogue, h.table, func(c schemas.Column) float64 { return h.sizes[c.Name] })
		for lane := range h.lanes {
			s := inflow{habit: h, lane: lane, widths: w, every: d.interval.Hours() / 24, often: 1}
			s.earlier, s.within = h.partitions()
			if lane == late {
				s.every, s.often = lateEvery*s.every, 1.0/lateEvery
			}
			f := h.lanes[lane]
			s.chance = atLeastOne(d.users * f.messages * s.every)
			if s.chance == 0 {
				continue
			}
			touches := 0.0
			for _, a := range f.ages {
				touches += atLeastOne(d.users * a.messages * s.every)
			}
			s.merges = math.Ceil(max(1, d.users*f.rows*s.every/s.chance/d.foldRows, touches/maxPartitions))
			all = append(all, s)
		}
	}
	return all
}

// atLeastOne is the chance of at least one event where so many are expected.
func atLeastOne(expected float64) float64 { return -math.Expm1(-expected) }

// month adds up the folds of a day, each with what the tables hold at its time.
func (d deployment) month() month {
	m := month{billed: map[string]float64{}}
	all := d.inflows()
	b := d.records(all)
	beats := float64(24 * time.Hour / d.interval)
	for beat := 1.0; beat <= beats; beat++ {
		at := beat / beats
		m.add(daysAMonth*b.readings, b.pending())
		for _, s := range all {
			many := daysAMonth * s.often * s.chance * s.merges
			f := d.merge(s, b, at)
			probes, merge := s.widths.probes(f), s.widths.merge(f)
			m.add(many, probes...)
			m.add(many, merge...)
			m.largest = max(m.largest, billed(merge, leastBilled))
		}
	}
	for _, h := range d.mix {
		rows := h.lanes[recent].rows + h.lanes[late].rows
		w := widthsOf(d.catalogue, h.table, func(c schemas.Column) float64 { return h.sizes[c.Name] })
		m.appended += d.users * rows * w.logAll * daysAMonth
		m.stored += d.users*rows*w.logAll*d.retention + d.rows(h)*w.all
	}
	return m
}

func (m *month) add(times float64, charges ...charge) {
	for _, c := range charges {
		m.billed[c.what] += times * c.billed(leastBilled)
	}
}

// merge is one merge of a inflow at a time of the day, if there is one.
func (d deployment) merge(s inflow, b records, at float64) folded {
	f, share := s.lanes[s.lane], s.every/s.merges
	chance := atLeastOne(d.users * f.messages * share)
	var m folded
	m.rows = d.users * f.rows * share / chance
	for i := range int(s.merges) {
		age := s.every * (1 - float64(i)/s.merges)
		m.log += d.users * (s.lanes[recent].rows + s.lanes[late].rows) * since(at, age, 1.0/24) / s.merges
		m.ledger.rows += b.merges * since(at, age+1, 1) / s.merges
	}
	m.ledger.width = b.ledgerWidth
	given := func(expected float64) float64 { return atLeastOne(d.users*expected*share) / chance }
	m.parts = d.parts(s, at, given)
	m.updates = d.updates(s, at, given)
	return m
}

// since is how long it is from the beginning of the unit of time that an age
// falls into, in days.
func since(at, age, unit float64) float64 {
	into := math.Mod(at-age+100, unit)
	if unit-into < 1e-9 {
		into = 0 // it is the beginning, but for rounding
	}
	return age + into
}

// parts are the look-ups of a merge: one in the partitions that it touches, for
// summaries with that of rows without a day, and one of rows without a day in
// all of the table.
func (d deployment) parts(s inflow, at float64, given func(float64) float64) []stretch {
	if s.table.Partition == nil {
		return []stretch{{1, d.rows(s.habit)}}
	}
	f := s.lanes[s.lane]
	var parts []stretch
	dated, messages := stretch{}, 0.0
	for age, a := range f.ages {
		if age != noDay {
			messages += a.messages
			dated.rows += given(a.messages) * d.partition(s, age, at)
		}
	}
	if dated.chance = min(1, given(min(messages, f.messages))); dated.chance > 0 {
		dated.rows /= dated.chance
		if s.table.StickyColumn() != "" {
			dated.rows += d.partition(s, noDay, at)
		}
		parts = append(parts, dated)
	}
	if without := given(f.ages.get(noDay).messages); without > 0 {
		parts = append(parts, stretch{without, d.rows(s.habit)})
	}
	return parts
}

// updates is the update of a merge, in the partitions that hold something older
// than what it brings.
func (d deployment) updates(s inflow, at float64, given func(float64) float64) []stretch {
	messages, u := 0.0, stretch{}
	for age, a := range s.lanes[s.lane].ages {
		messages += a.changing
		u.rows += given(a.changing) * d.partition(s, age, at)
	}
	if u.chance = min(1, given(min(messages, s.lanes[s.lane].messages))); u.chance == 0 {
		return nil
	}
	u.rows /= u.chance
	return []stretch{u}
}

// partition is how many rows the partition of an age has at a time of the day.
func (d deployment) partition(s inflow, age int, at float64) float64 {
	switch {
	case s.table.Partition == nil:
		return d.rows(s.habit)
	case age == noDay:
		return d.users * (s.within[noDay]*d.days + s.before.ages.get(noDay).fresh)
	}
	return d.users * (s.earlier[age] + at*s.within[age])
}

// rows is how many the table has.
func (d deployment) rows(h *habit) float64 {
	sum := 0.0
	_, within := h.partitions()
	for age, fresh := range within {
		sum += fresh*d.days + h.before.ages.get(age).fresh
	}
	return d.users * sum
}

// partitions are the new rows that a user's partition of each age gets in a
// day, and got on the days before.
func (h *habit) partitions() (earlier, within []float64) {
	sum := 0.0
	for age := range max(len(h.lanes[recent].ages), len(h.lanes[late].ages), len(h.before.ages)) {
		fresh := h.lanes[recent].ages.get(age).fresh + h.lanes[late].ages.get(age).fresh
		earlier, within = append(earlier, sum), append(within, fresh)
		if age != noDay {
			sum += fresh
		}
	}
	return earlier, within
}

func (a ages) get(age int) touched {
	if age < len(a) {
		return a[age]
	}
	return touched{}
}

// records is what registry and ledger have.
type records struct {
	registry    float64 // bytes
	ids         float64 // of batches, in the ledger
	merges      float64 // a day
	ledgerWidth float64 // of what a merge reads of another's row
	readings    float64 // of what is pending, by a fold
}

func (b records) pending() charge { return pending(read{1, b.registry}, read{b.ids, idSize}) }

// records says how many batches and merges there are: a worker makes a batch of
// what has come since the last, if anything has.
func (d deployment) records(all []inflow) records {
	var b records
	batches, names, most, second, idle := 0.0, 0.0, 1.0, 0.0, 1.0
	for _, s := range all {
		f := s.lanes[s.lane]
		part := d.users / (flushes * workers)
		n := max(flushes*workers*atLeastOne(part*f.messages), d.users*f.rows/flushRows)
		batches += n
		b.registry += n * d.days * d.registryWidth(s, part)
		merges := s.chance * s.merges / s.every
		b.merges += merges
		names += merges * (2 + float64(len(s.table.Name)))
		if s.lane == recent {
			idle *= 1 - s.chance
			most = max(most, s.merges)
		} else {
			second = max(second, s.chance*s.merges)
		}
	}
	b.ids = batches * d.days
	if b.merges > 0 {
		b.ledgerWidth = 8 + (names+batches*idSize)/b.merges
	}
	b.readings = 1 + (1-idle)*most + second/lateEvery
	return b
}

// registryWidth is what a batch's row has in the registry: names and numbers,
// days and resources.
func (d deployment) registryWidth(s inflow, part float64) float64 {
	width := 0.0
	registry := d.catalogue.Table(schemas.BatchesTable)
	for _, c := range registry.Columns {
		switch c.Name {
		case "days":
			for age, a := range s.lanes[s.lane].ages {
				if age != noDay {
					width += 8 * atLeastOne(part*a.messages)
				}
			}
		case "resources":
			if s.table.IsKey(resourceColumn) {
				most := float64(len(d.catalogue.Table(schemas.TimeseriesTable).Resources))
				width += s.sizes[resourceColumn] * min(most, part*s.lanes[s.lane].messages)
			}
		case "batch_id":
			width += idSize
		case "table_name":
			width += 2 + float64(len(s.table.Name))
		case "lane":
			width += 2 + float64(len("recent"))
		default:
			width += 8
		}
	}
	return width
}
