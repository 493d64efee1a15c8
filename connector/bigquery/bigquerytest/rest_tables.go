//go:build cgo

package bigquerytest

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	bq "google.golang.org/api/bigquery/v2"
)

func etag(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return fmt.Sprintf("%x", sum[:12])
}

// insertTable makes a table or a view.
func (s *Server) insertTable(r *http.Request) (any, error) {
	var t bq.Table
	if err := readBody(r, &t); err != nil {
		return nil, err
	}
	if t.TableReference == nil || t.TableReference.TableId == "" {
		return nil, failure("required", "Required parameter is missing: tableId")
	}
	var made *bq.Table
	err := s.alter(func() error {
		d, err := s.catalog.dataset(r.PathValue("project"), r.PathValue("dataset"))
		if err != nil {
			return err
		}
		rel := &relation{
			project: d.project, dataset: d.id, id: t.TableReference.TableId, resource: &t, history: &history{},
			sql: d.schema() + "." + quoteIdent(t.TableReference.TableId),
		}
		if err := s.makeRelation(r.Context(), d, rel); err != nil {
			return err
		}
		made, err = s.tableResource(r.Context(), rel)
		return err
	})
	return made, err
}

func (s *Server) makeRelation(ctx context.Context, d *dataset, rel *relation) error {
	t := rel.resource
	t.TableReference.ProjectId, t.TableReference.DatasetId = d.project, d.id
	t.Kind, t.Id, t.Type, t.Location = "bigquery#table", rel.name(), "TABLE", d.location
	t.Etag, t.NumRows, t.NumBytes, t.NumPartitions = "", 0, 0, 0
	t.CreationTime = time.Now().UnixMilli()
	t.LastModifiedTime = uint64(t.CreationTime)
	if _, err := s.catalog.relation(d.project, d.id, rel.id, "", 0); err == nil {
		return failure(reasonDuplicate, "Already Exists: Table %s", rel.name())
	}
	given := t.Schema
	if t.View != nil {
		t.Type = "VIEW"
		if err := s.prepareView(rel); err != nil {
			return err
		}
	} else if err := rel.declare(); err != nil {
		return err
	}
	inherit(t, s.catalog.described(d))
	err := s.ddl(ctx, func(tx *sql.Tx) error {
		if rel.view != nil {
			return rel.makeView(ctx, tx, "CREATE VIEW", given)
		}
		_, err := tx.ExecContext(ctx, rel.create("CREATE TABLE"))
		return err
	})
	if err == nil {
		s.catalog.publish(d, rel)
	}
	return err
}

// inherit gives a new table the expirations of its dataset, where it has none:
// https://cloud.google.com/bigquery/docs/reference/rest/v2/datasets.
func inherit(t *bq.Table, d *bq.Dataset) {
	by := t.TimePartitioning
	if by != nil && by.ExpirationMs == 0 {
		by.ExpirationMs = d.DefaultPartitionExpirationMs
	}
	if t.ExpirationTime == 0 && d.DefaultTableExpirationMs > 0 && (by == nil || d.DefaultPartitionExpirationMs == 0) {
		t.ExpirationTime = t.CreationTime + d.DefaultTableExpirationMs
	}
}

// declare reads the schema of a table.
func (r *relation) declare() error {
	t := r.resource
	if t.ExternalDataConfiguration != nil || t.MaterializedView != nil || t.RangePartitioning != nil || t.CloneDefinition != nil {
		return failure(reasonMissing, "stand-in for BigQuery: this kind of table is not part of it")
	}
	if t.Schema != nil {
		for _, f := range t.Schema.Fields {
			kind, ok := kindsOf[f.Type]
			if !ok {
				return failure(reasonMissing, "stand-in for BigQuery: a column of type %s is not part of it", f.Type)
			}
			mode := f.Mode
			if mode == "" {
				mode = "NULLABLE"
			}
			if r.column(f.Name) != nil {
				return failure(reasonInvalid, "Field %s already exists in schema", f.Name)
			}
			f.Type, f.Mode = kind, mode
			r.columns = append(r.columns, column{name: f.Name, kind: kind, mode: mode})
		}
	}
	if len(r.columns) == 0 {
		return failure(reasonMissing, "stand-in for BigQuery: a table without columns is not part of it")
	}
	if t.Clustering != nil {
		for _, name := range t.Clustering.Fields {
			if c := r.column(name); c == nil || c.mode == "REPEATED" || c.kind == "JSON" || c.kind == "FLOAT" || len(t.Clustering.Fields) > 4 {
				return failure(reasonInvalid, "The table cannot be clustered by field %s", name)
			}
		}
	}
	return r.partitionBy(t.TimePartitioning)
}

func (r *relation) partitionBy(by *bq.TimePartitioning) error {
	if by == nil {
		if r.resource.RequirePartitionFilter {
			return failure(reasonInvalid, "require_partition_filter can be set only for a partitioned table")
		}
		return nil
	}
	c := r.column(by.Field)
	unit := map[string]time.Duration{"DAY": 24 * time.Hour, "HOUR": time.Hour}[by.Type]
	switch {
	case by.Field == "":
		return failure(reasonMissing, "stand-in for BigQuery: partitions by ingestion time are not part of it")
	case unit == 0:
		return failure(reasonMissing, "stand-in for BigQuery: partitions by %s are not part of it", by.Type)
	case c == nil || c.kind != "TIMESTAMP" && c.kind != "DATE" || c.mode == "REPEATED" || c.kind == "DATE" && unit == time.Hour:
		return failure(reasonInvalid, "The field specified for partitioning cannot be used: %s", by.Field)
	}
	r.partitioned = &partitioning{c.name, c.kind, unit}
	// It may be asked for in two places; the older one is not kept.
	t := r.resource
	t.RequirePartitionFilter = t.RequirePartitionFilter || by.RequirePartitionFilter
	by.RequirePartitionFilter = false
	r.filtered = t.RequirePartitionFilter
	return nil
}

// create is the statement that makes the table in DuckDB.
func (r *relation) create(how string) string {
	columns := make([]string, len(r.columns))
	for i, c := range r.columns {
		columns[i] = quoteIdent(c.name) + " " + sqlType{c.kind, c.mode == "REPEATED"}.duck()
		switch c.mode {
		case "REQUIRED":
			columns[i] += " NOT NULL"
		case "REPEATED":
			columns[i] += emptyList
		}
	}
	return how + " " + r.sql + " (" + strings.Join(columns, ", ") + ")"
}

func (s *Server) relationOf(r *http.Request) (*relation, error) {
	return s.catalog.relation(r.PathValue("project"), r.PathValue("dataset"), r.PathValue("table"), "", 0)
}

func (s *Server) getTable(r *http.Request) (any, error) {
	rel, err := s.relationOf(r)
	if err != nil {
		return nil, err
	}
	if r.URL.Query().Get("fields") == "schema" {
		return &bq.Table{Schema: rel.resource.Schema}, nil // as the client asks before it reads rows
	}
	return s.tableResource(r.Context(), rel)
}

// tableResource is a table as REST answers it.
func (s *Server) tableResource(ctx context.Context, rel *relation) (*bq.Table, error) {
	t := *rel.resource
	if rel.view == nil {
		conn, err := s.db.Conn(ctx)
		if err != nil {
			return nil, explain(err)
		}
		defer func() { _ = conn.Close() }()
		counted, err := count(ctx, conn, rel)
		if err != nil {
			return nil, err
		}
		for _, n := range counted {
			t.NumRows += uint64(n)
		}
		t.NumBytes = int64(t.NumRows) * rel.width(func(column) bool { return true })
		if rel.partitioned != nil {
			t.NumPartitions = int64(len(counted))
		}
	}
	t.ForceSendFields = []string{"NumRows", "NumBytes"}
	t.Etag = etag(rel.name(), fmt.Sprint(rel.since), fmt.Sprint(t.NumRows))
	return &t, nil
}

func (s *Server) listTables(r *http.Request) (any, error) {
	d, err := s.catalog.dataset(r.PathValue("project"), r.PathValue("dataset"))
	if err != nil {
		return nil, err
	}
	list := &bq.TableList{Kind: "bigquery#tableList", Tables: []*bq.TableListTables{}}
	for _, rel := range s.catalog.of(d) {
		t := rel.resource
		list.Tables = append(list.Tables, &bq.TableListTables{
			Id: rel.name(), Kind: "bigquery#table", Type: t.Type, TableReference: t.TableReference, FriendlyName: t.FriendlyName,
			Labels: t.Labels, CreationTime: t.CreationTime, ExpirationTime: t.ExpirationTime,
		})
	}
	slices.SortFunc(list.Tables, func(a, b *bq.TableListTables) int { return strings.Compare(a.Id, b.Id) })
	list.TotalItems = int64(len(list.Tables))
	return list, nil
}

// listData reads a table without a job.
func (s *Server) listData(r *http.Request) (any, error) {
	rel, err := s.relationOf(r)
	if err != nil {
		return nil, err
	}
	if rel.view != nil {
		return nil, failure(reasonInvalid, "Cannot list a table of type VIEW.")
	}
	res := &result{}
	if rel.isFilled() {
		conn, err := s.db.Conn(r.Context())
		if err != nil {
			return nil, err
		}
		defer func() { _ = conn.Close() }()
		if res, err = readRows(r.Context(), conn, "SELECT * FROM "+rel.sql); err != nil {
			return nil, err
		}
	}
	rows, token, err := res.page(r)
	if err != nil {
		return nil, err
	}
	return &bq.TableDataList{Kind: "bigquery#tableDataList", Rows: rows, PageToken: token, TotalRows: int64(len(res.rows))}, nil
}

// pageSize is how many rows an answer has at most.
const pageSize = 10_000

// page is a part of the rows: startIndex or pageToken say from where on,
// maxResults how many.
func (res *result) page(r *http.Request) (rows []*bq.TableRow, token string, err error) {
	query := r.URL.Query()
	from, err := number(query.Get("startIndex"), 0)
	if t := query.Get("pageToken"); t != "" && err == nil {
		from, err = number(t, 0)
	}
	most, err2 := number(query.Get("maxResults"), pageSize)
	if err != nil || err2 != nil {
		return nil, "", failure(reasonInvalid, "Invalid page")
	}
	from = min(from, len(res.rows))
	to := min(from+min(most, pageSize), len(res.rows))
	int64Timestamps := query.Get("formatOptions.useInt64Timestamp") == "true"
	for _, row := range res.rows[from:to] {
		out := &bq.TableRow{F: make([]*bq.TableCell, len(row))}
		for i, v := range row {
			c, err := cell(value{res.types[i], v}, int64Timestamps)
			if err != nil {
				return nil, "", err
			}
			out.F[i] = &bq.TableCell{V: c, ForceSendFields: []string{"V"}}
		}
		rows = append(rows, out)
	}
	if to < len(res.rows) && to > from {
		token = strconv.Itoa(to)
	}
	return rows, token, nil
}

func number(s string, without int) (int, error) {
	if s == "" {
		return without, nil
	}
	return strconv.Atoi(s)
}
