package bigquery

import (
	"slices"

	"vitalsink/schemas"
)

// read is what a statement reads of a table: rows, and the bytes of a row in
// the columns that it names.
type read struct{ rows, width float64 }

// charge is what BigQuery bills for a statement: of each table that it reads
// the columns it names, in the partitions that its literals leave over, and
// 10 MB at the least; and the partitions that it changes, as a whole
// (https://cloud.google.com/bigquery/docs/reference/standard-sql/dml-syntax#on-demand_query_size_calculation).
// Clustering is not counted, which may make it less.
type charge struct {
	what    string
	chance  float64 // that the job has the statement
	reads   []read
	changes float64 // bytes
}

func always(what string, reads ...read) charge { return charge{what: what, chance: 1, reads: reads} }

func (c charge) billed(least float64) float64 {
	sum := c.changes
	for _, r := range c.reads {
		sum += max(least, r.rows*r.width)
	}
	return c.chance * sum
}

func billed(charges []charge, least float64) float64 {
	sum := 0.0
	for _, c := range charges {
		sum += c.billed(least)
	}
	return sum
}

// widths are the bytes of a row of a table, of its log and of the temporary
// tables of a merge, in the columns that statements read.
type widths struct {
	all               float64 // of the table
	probed            float64 // of the table, by the probe
	lookedUp          float64 // of the table, by the merge
	updated           float64 // of the table, by the search for the rows to update
	logProbed, logAll float64
	source, staged    float64
	inserted, counted float64 // of staged
	fence             float64
}

// sizer is the bytes of the values of a column.
type sizer func(schemas.Column) float64

// What the merge's temporary tables have besides the table's columns.
var (
	versionsColumn = schemas.Column{Name: "_versions", Type: schemas.Int64}
	stateColumn    = schemas.Column{Name: "_state", Type: schemas.String}
)

// keyColumns are what is read of a table to find the rows that a merge is
// about: the columns of target.sql.
func keyColumns(t *schemas.Table) []string {
	columns := append(slices.Clone(t.Key), "_version")
	if sticky := t.StickyColumn(); sticky != "" {
		columns = append(columns, sticky)
	}
	return columns
}

func widthsOf(c *schemas.Catalogue, t *schemas.Table, size sizer) widths {
	sum := func(columns ...schemas.Column) float64 {
		n := 0.0
		for _, column := range columns {
			n += size(column)
		}
		return n
	}
	var keys []schemas.Column
	for _, name := range keyColumns(t) {
		keys = append(keys, t.Columns[t.Index(name)])
	}
	all, key, log := sum(t.Columns...), sum(keys...), sum(c.LogColumns...)
	versions, state := size(versionsColumn), size(stateColumn)
	return widths{
		all: all, probed: key, lookedUp: key, updated: key, logProbed: key + log, logAll: all + log,
		source: all + versions, staged: all + versions + state, inserted: all + state, counted: versions + state, fence: 8,
	}
}

// folded is a merge as its jobs see the tables.
type folded struct {
	log     float64 // rows in the hours of the log, from that of its first batch on
	ledger  read    // merges from a day before its first batch on
	rows    float64 // its own, each key once
	parts   []stretch
	updates []stretch
}

// stretch is partitions of the table that a statement reads.
type stretch struct {
	chance float64 // that there is such a statement
	rows   float64
}

// pending is pending.sql. Registry and ledger are read as a whole.
func pending(registry, ledger read) charge { return always("pending", registry, ledger) }

// probes are probe.sql, a job for each part.
func (w widths) probes(m folded) []charge {
	var all []charge
	for _, p := range m.parts {
		all = append(all, charge{"probe", p.chance, []read{{m.log, w.logProbed}, {p.rows, w.probed}}, 0})
	}
	return all
}

// merge is merge.sql. Temporary tables cost nothing to write, and what they
// hold to read.
func (w widths) merge(m folded) []charge {
	source, staged := read{m.rows, w.source}, read{m.rows, w.staged}
	fence := always("fence", read{1, w.fence})
	fence.changes = w.fence
	all := []charge{fence, always("ledger", m.ledger), always("log", read{m.log, w.logAll}, read{})}
	for _, p := range m.parts {
		all = append(all, charge{"look-up", p.chance, []read{source, {p.rows, w.lookedUp}}, 0})
	}
	all = append(all, always("books", read{m.rows, w.counted}), always("books", read{m.rows, 0}))
	for _, u := range m.updates {
		all = append(all, charge{"update", u.chance, []read{staged, {u.rows, w.updated}}, u.rows * w.all})
	}
	for _, p := range m.parts {
		all = append(all, charge{"insert", p.chance, []read{{m.rows, w.inserted}}, 0})
	}
	return all
}
