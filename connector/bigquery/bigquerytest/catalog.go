package bigquerytest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	bq "google.golang.org/api/bigquery/v2"
)

// partitioning is how a table is cut.
type partitioning struct {
	column string
	kind   string // TIMESTAMP or DATE
	unit   time.Duration
}

// partition is the one with that number: units since 1970.
func (p *partitioning) partition(number *int64) partition {
	if number == nil {
		return partition{null: true}
	}
	from := *number * p.unit.Microseconds()
	if p.kind == "DATE" {
		return partition{from: from, to: from} // of all its rows
	}
	return partition{from: from, to: from + p.unit.Microseconds() - 1}
}

// sql is the number of the partition of a row.
func (p *partitioning) sql(alias string) string {
	column := quoteIdent(p.column)
	if alias != "" {
		column = quoteIdent(alias) + "." + column
	}
	if p.kind == "DATE" {
		return "CAST(" + column + " - DATE '1970-01-01' AS BIGINT)"
	}
	n := p.unit.Microseconds()
	// // rounds towards zero.
	return fmt.Sprintf("((epoch_us(%[1]s) - ((epoch_us(%[1]s) %% %[2]d) + %[2]d) %% %[2]d) // %[2]d)", column, n)
}

// relation is a table, a view, or a temporary table of a script, as it is from
// a change of the catalog on. It never changes: a change puts another in its
// place, and transactions that began before go on with the former.
type relation struct {
	project, dataset, id string
	sql                  string // its name in DuckDB
	columns              []column
	partitioned          *partitioning
	filtered             bool      // queries need a condition on the partition column
	view                 *fragment // what a view selects; nil for tables
	temporary            bool
	resource             *bq.Table // as it was asked for; nil if temporary

	since    uint64    // the change of the catalog that made it
	previous *relation // what had its name before; nil if nothing did
	gone     bool      // it was deleted, and only stands for that
	*history
}

// history is what happened to the rows of a table; changes of the table do not
// touch it.
type history struct {
	mu       sync.Mutex
	filled   bool      // a row was ever written, and not taken away by Empty
	streamed time.Time // when rows came through the Storage Write API
	seen     map[int64]bool
	deleted  int64 // rows that Empty took away since the table was made
}

// name is the table as errors name it.
func (r *relation) name() string { return r.project + ":" + r.dataset + "." + r.id }

// dotted is the table as errors about transactions name it.
func (r *relation) dotted() string { return r.project + "." + r.dataset + "." + r.id }

// path is the table as the Storage Write API names it.
func (r *relation) path() string {
	return "projects/" + r.project + "/datasets/" + r.dataset + "/tables/" + r.id
}

func (r *relation) column(name string) *column {
	i := slices.IndexFunc(r.columns, func(c column) bool { return strings.EqualFold(c.name, name) })
	if i < 0 {
		return nil
	}
	return &r.columns[i]
}

// fill notes that there are rows.
func (h *history) fill() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.filled = true
}

func (r *relation) isFilled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.filled || r.view != nil || r.temporary
}

// stream notes that rows came through the Storage Write API.
func (h *history) stream(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.filled, h.streamed = true, now
}

func (h *history) streamedAt() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.streamed
}

// see notes partitions that were written, and tells how many were, ever.
func (h *history) see(numbers map[int64]int) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.seen == nil {
		h.seen = map[int64]bool{}
	}
	for n := range numbers {
		h.seen[n] = true
	}
	return len(h.seen)
}

func (h *history) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.filled, h.streamed, h.seen = false, time.Time{}, nil
}

// dataset is a dataset.
type dataset struct {
	project, id, location string
	resource              *bq.Dataset // never changes; another is put in its place
	changed               uint64      // the change of the catalog that did
	tables                map[string]*relation
}

// schema is the dataset's name in DuckDB, with its database.
func (d *dataset) schema() string { return "memory." + quoteIdent(d.project+"."+d.id) }

// catalog is all datasets.
type catalog struct {
	mu       sync.RWMutex
	datasets map[string]*dataset // by project.dataset
	changes  uint64              // how many there were; the first is 1
}

// version is how many changes there were.
func (c *catalog) version() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.changes
}

// publish makes a relation what its name means from now on.
func (c *catalog) publish(d *dataset, r *relation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	r.since, r.previous = c.changes, d.tables[r.id]
	d.tables[r.id] = r
}

// keep puts a dataset's resource in the place of the former.
func (c *catalog) keep(d *dataset, resource *bq.Dataset) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	d.resource, d.changed = resource, c.changes
	c.datasets[d.project+"."+d.id] = d
}

func (c *catalog) dataset(project, id string) (*dataset, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if d := c.datasets[project+"."+id]; d != nil {
		return d, nil
	}
	return nil, failure(reasonNotFound, "Not found: Dataset %s:%s", project, id)
}

// relation is what a name means, or meant after so many changes of the
// catalog; 0 is now.
func (c *catalog) relation(project, dataset, id, location string, version uint64) (*relation, error) {
	d, err := c.dataset(project, dataset)
	if err != nil || location != "" && !strings.EqualFold(d.location, location) {
		return nil, failure(reasonNotFound, "Not found: Dataset %s:%s was not found in location %s", project, dataset, location)
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	r := d.tables[id]
	for r != nil && version > 0 && r.since > version {
		r = r.previous
	}
	if r != nil && !r.gone {
		return r, nil
	}
	return nil, failure(reasonNotFound, "Not found: Table %s:%s.%s was not found in location %s", project, dataset, id, d.location)
}

// of are the tables and views of a dataset.
func (c *catalog) of(d *dataset) []*relation {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var list []*relation
	for _, r := range d.tables {
		if !r.gone {
			list = append(list, r)
		}
	}
	return list
}

// all are the datasets, in the order of their names.
func (c *catalog) all() []*dataset {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var list []*dataset
	for _, name := range slices.Sorted(maps.Keys(c.datasets)) {
		list = append(list, c.datasets[name])
	}
	return list
}

// environment is what names in a script mean.
type environment struct {
	catalog           *catalog
	project, location string
	version           uint64 // changes of the catalog that names see; 0 for all
	defaultDataset    *bq.DatasetReference
	temporary         map[string]*relation // in lower case
	parameters        map[string]value     // in lower case
	variables         map[string]*value    // in lower case
	rowCount          int64
	script            string      // the id of the job; "" if it is of one statement only
	billed            int64       // bytes, for the statements of the script that have ended
	inSight           []*relation // those of the statement that a fragment is part of
}

// see makes the columns of a fragment's tables known to others of the statement.
func (env *environment) see(f *fragment) {
	for _, s := range f.scans {
		if s.relation != nil {
			env.inSight = append(env.inSight, s.relation)
		}
	}
}

// find finds the table of a path.
func (env *environment) find(path []string, t token) (*relation, error) {
	switch len(path) {
	case 1:
		if r := env.temporary[strings.ToLower(path[0])]; r != nil {
			return r, nil
		}
		if env.defaultDataset == nil {
			return nil, invalid("Table %q must be qualified with a dataset (e.g. dataset.table) at [%d:%d]", path[0], t.line, t.col)
		}
		return env.catalog.relation(env.project, env.defaultDataset.DatasetId, path[0], env.location, env.version)
	case 2:
		return env.catalog.relation(env.project, path[0], path[1], env.location, env.version)
	case 3:
		return env.catalog.relation(path[0], path[1], path[2], env.location, env.version)
	}
	return nil, missing(t, "the name %s", strings.Join(path, "."))
}
