package bigquery

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cloud.google.com/go/bigquery"
)

// comparison is of a relation with the one there is.
type comparison struct {
	project string
	want    relation
	have    *bigquery.TableMetadata
	found   []Difference
}

func (c *comparison) add(d Difference) {
	d.Dataset, d.Table, d.want = c.want.dataset, c.want.name, c.want
	c.found = append(c.found, d)
}

func (c *comparison) refuse(why, remedy string, columns ...string) {
	c.add(Difference{Action: Refuse, Why: why, Remedy: remedy, Columns: columns})
}

func (c *comparison) keep(why, remedy string, columns ...string) {
	c.add(Difference{Action: Keep, Why: why, Remedy: remedy, Columns: columns})
}

// path is the relation as bq names it, quoted as SQL does if asked.
func (c *comparison) path() string {
	return c.project + ":" + c.want.dataset + "." + c.want.name
}

func (c *comparison) ident() string {
	return ident(c.project + "." + c.want.dataset + "." + c.want.name)
}

// all compares everything that can be seen in the declaration.
func (c *comparison) all() {
	kind := bigquery.RegularTable
	if c.want.md.ViewQuery != "" {
		kind = bigquery.ViewTable
	}
	switch {
	case c.have.Type != kind:
		c.refuse(fmt.Sprintf("it is a %s and must be a %s", c.have.Type, kind), "rename it, or delete it: bq rm "+c.path())
	case kind == bigquery.ViewTable:
		c.view()
	default:
		c.columns()
		c.partitions()
		c.options()
	}
}

func (c *comparison) view() {
	theirs, err := strconv.Atoi(c.have.Labels[viewLabel])
	ours, _ := strconv.Atoi(c.want.md.Labels[viewLabel]) // we wrote it
	switch {
	case !c.have.UseLegacySQL && strings.TrimSpace(c.have.ViewQuery) == c.want.md.ViewQuery:
	case err != nil:
		c.refuse("it is another view, and lacks the label "+viewLabel+" of those that vitalsink makes",
			"rename it, or delete it (bq rm "+c.path()+") and apply; if Terraform made it, apply that")
	case theirs > ours:
		c.keep("a newer vitalsink has made it", "")
	default:
		c.add(Difference{Action: ReplaceView})
	}
}

func (c *comparison) columns() {
	var added []string
	for _, want := range c.want.md.Schema {
		have := fieldOf(c.have.Schema, want.Name)
		switch {
		case have == nil && want.Required:
			c.refuse("the column is missing and must not be NULL, and such a column cannot be added to a table", c.anew(), want.Name)
		case have == nil:
			added = append(added, want.Name)
		default:
			c.column(want, have)
		}
	}
	if len(added) > 0 {
		c.add(Difference{Action: AddColumns, Columns: added})
	}
	for _, have := range c.have.Schema {
		switch {
		case fieldOf(c.want.md.Schema, have.Name) != nil:
		case have.Required:
			c.refuse("the catalogue does not know the column, and without it no row is accepted", c.nullable(have.Name), have.Name)
		default:
			c.keep("the catalogue does not know the column: a newer one's, or yours; merges carry it on", "", have.Name)
		}
	}
}

func (c *comparison) column(want, have *bigquery.FieldSchema) {
	switch {
	case want.Type != have.Type:
		c.refuse(fmt.Sprintf("the column is %s and must be %s, and types cannot be changed", have.Type, want.Type), c.anew(), want.Name)
	case want.Repeated != have.Repeated:
		c.refuse(fmt.Sprintf("the column is %s and must be %s, and that cannot be changed", modeOf(have), modeOf(want)), c.anew(), want.Name)
	case have.Collation != "":
		c.refuse("the column is compared by "+have.Collation+": keys that differ would be one", c.anew(), want.Name)
	case have.Required && !want.Required:
		c.refuse("the column is REQUIRED: rows without a value would not be accepted", c.nullable(want.Name), want.Name)
	case want.Required && !have.Required:
		c.keep("the column is NULLABLE and need not be: no NULL is ever written", "", want.Name)
	}
}

func modeOf(f *bigquery.FieldSchema) string {
	if f.Repeated {
		return "REPEATED"
	}
	return "one value"
}

// fieldOf is the column of that name. BigQuery does not mind upper and lower
// case.
func fieldOf(s bigquery.Schema, name string) *bigquery.FieldSchema {
	i := slices.IndexFunc(s, func(f *bigquery.FieldSchema) bool { return strings.EqualFold(f.Name, name) })
	if i < 0 {
		return nil
	}
	return s[i]
}

// anew is the remedy for what cannot be changed in place.
func (c *comparison) anew() string {
	return fmt.Sprintf("if it has no rows delete it (bq rm %s) and apply again; else rename it (ALTER TABLE %s RENAME TO %s_old), apply, "+
		"and copy its rows over with INSERT … SELECT while nothing folds", c.path(), c.ident(), c.want.name)
}

func (c *comparison) nullable(column string) string {
	return fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL", c.ident(), ident(column))
}

func (c *comparison) partitions() {
	want, have := partitioningOf(c.want.md), partitioningOf(c.have)
	if want != have {
		c.refuse(fmt.Sprintf("it is %s and must be %s, which cannot be changed", have, want), c.anew())
	}
	if by := c.have.TimePartitioning; by != nil && by.Expiration > 0 {
		c.refuse("its partitions expire, whether their rows are merged or not: rows would vanish",
			"bq update --time_partitioning_expiration 0 "+c.path())
	}
	if c.have.RequirePartitionFilter && !c.want.filtered {
		c.refuse("it demands a filter by partition, and statements on it have none", "bq update --norequire_partition_filter "+c.path())
	}
}

func partitioningOf(md *bigquery.TableMetadata) string {
	switch {
	case md.RangePartitioning != nil:
		return "partitioned by a range of " + md.RangePartitioning.Field
	case md.TimePartitioning == nil:
		return "not partitioned"
	case md.TimePartitioning.Field == "":
		return "partitioned by the time of arrival"
	}
	unit := md.TimePartitioning.Type
	if unit == "" {
		unit = bigquery.DayPartitioningType
	}
	return fmt.Sprintf("partitioned by %s of %s", strings.ToLower(string(unit)), md.TimePartitioning.Field)
}

// options are what a table has besides columns and partitions.
func (c *comparison) options() {
	if !c.have.ExpirationTime.IsZero() {
		c.refuse("it expires: rows would vanish", "bq update --expiration 0 "+c.path())
	}
	if want, have := clusteringOf(c.want.md), clusteringOf(c.have); want != have {
		remedy := "bq update --clustering_fields=" + want + " " + c.path()
		c.keep(fmt.Sprintf("it is clustered by %q and should be by %q: merges may cost more", have, want), remedy)
	}
}

func clusteringOf(md *bigquery.TableMetadata) string {
	if md.Clustering == nil {
		return ""
	}
	return strings.Join(md.Clustering.Fields, ",")
}

// fenceRows judges the number of rows of a fence.
func (c *comparison) fenceRows(n int) {
	switch {
	case n == 0:
		c.add(Difference{Action: FillFence})
	case n > 1:
		c.refuse(fmt.Sprintf("it must have one row and has %d", n),
			fmt.Sprintf("CREATE OR REPLACE TABLE %s (n INT64 NOT NULL) AS SELECT MAX(n) AS n FROM %s", c.ident(), c.ident()))
	}
}
