package bigquerytest

import (
	"fmt"
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

// relation is a table, a view, or a temporary table of a script.
type relation struct {
	project, dataset, id string
	sql                  string // its name in DuckDB
	columns              []column
	partitioned          *partitioning
	view                 *fragment // what a view selects; nil for tables
	temporary            bool
	resource             *bq.Table // as it was asked for; nil if temporary

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

func (r *relation) column(name string) *column {
	i := slices.IndexFunc(r.columns, func(c column) bool { return strings.EqualFold(c.name, name) })
	if i < 0 {
		return nil
	}
	return &r.columns[i]
}

// fill notes that there are rows.
func (r *relation) fill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.filled = true
}

func (r *relation) isFilled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.filled || r.view != nil || r.temporary
}

// stream notes that rows came through the Storage Write API.
func (r *relation) stream(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.filled, r.streamed = true, now
}

func (r *relation) streamedAt() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.streamed
}

// see notes partitions that were written, and tells how many were, ever.
func (r *relation) see(numbers map[int64]int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = map[int64]bool{}
	}
	for n := range numbers {
		r.seen[n] = true
	}
	return len(r.seen)
}

func (r *relation) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.filled, r.streamed, r.seen = false, time.Time{}, nil
}

// dataset is a dataset.
type dataset struct {
	project, id, location string
	created               time.Time
	tables                map[string]*relation
}

// schema is the dataset's name in DuckDB, with its database.
func (d *dataset) schema() string { return "memory." + quoteIdent(d.project+"."+d.id) }

// catalog is all datasets.
type catalog struct {
	mu       sync.RWMutex
	datasets map[string]*dataset // by project.dataset
}

func (c *catalog) dataset(project, id string) (*dataset, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if d := c.datasets[project+"."+id]; d != nil {
		return d, nil
	}
	return nil, failure(reasonNotFound, "Not found: Dataset %s:%s", project, id)
}

func (c *catalog) relation(project, dataset, id, location string) (*relation, error) {
	d, err := c.dataset(project, dataset)
	if err != nil || location != "" && !strings.EqualFold(d.location, location) {
		return nil, failure(reasonNotFound, "Not found: Dataset %s:%s was not found in location %s", project, dataset, location)
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	if r := d.tables[id]; r != nil {
		return r, nil
	}
	return nil, failure(reasonNotFound, "Not found: Table %s:%s.%s was not found in location %s", project, dataset, id, d.location)
}

// all are the tables and views of all datasets.
func (c *catalog) all() []*relation {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var list []*relation
	for _, d := range c.datasets {
		for _, r := range d.tables {
			list = append(list, r)
		}
	}
	return list
}

// environment is what names in a script mean.
type environment struct {
	catalog           *catalog
	project, location string
	defaultDataset    *bq.DatasetReference
	temporary         map[string]*relation // in lower case
	parameters        map[string]value     // in lower case
	variables         map[string]*value    // in lower case
	rowCount          int64
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
		return env.catalog.relation(env.project, env.defaultDataset.DatasetId, path[0], env.location)
	case 2:
		return env.catalog.relation(env.project, path[0], path[1], env.location)
	case 3:
		return env.catalog.relation(path[0], path[1], path[2], env.location)
	}
	return nil, missing(t, "the name %s", strings.Join(path, "."))
}
