//go:build cgo

package bigquerytest

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	bq "google.golang.org/api/bigquery/v2"
)

func (s *Server) insertDataset(r *http.Request) (any, error) {
	var d bq.Dataset
	if err := readBody(r, &d); err != nil {
		return nil, err
	}
	if d.DatasetReference == nil || d.DatasetReference.DatasetId == "" {
		return nil, failure("required", "Required parameter is missing: datasetId")
	}
	project := r.PathValue("project")
	if err := s.CreateDataset(project, d.DatasetReference.DatasetId, d.Location); err != nil {
		return nil, err
	}
	return s.datasetResource(project, d.DatasetReference.DatasetId)
}

func (s *Server) getDataset(r *http.Request) (any, error) {
	return s.datasetResource(r.PathValue("project"), r.PathValue("dataset"))
}

func (s *Server) datasetResource(project, id string) (*bq.Dataset, error) {
	d, err := s.catalog.dataset(project, id)
	if err != nil {
		return nil, err
	}
	return &bq.Dataset{
		Kind: "bigquery#dataset", Id: project + ":" + id, Etag: etag(project, id, d.created.String()), Location: d.location,
		DatasetReference: &bq.DatasetReference{ProjectId: project, DatasetId: id}, CreationTime: d.created.UnixMilli(),
		LastModifiedTime: d.created.UnixMilli(),
	}, nil
}

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
	d, err := s.catalog.dataset(r.PathValue("project"), r.PathValue("dataset"))
	if err != nil {
		return nil, err
	}
	rel := &relation{
		project: d.project, dataset: d.id, id: t.TableReference.TableId, resource: &t,
		sql: d.schema() + "." + quoteIdent(t.TableReference.TableId),
	}
	if err := s.makeRelation(r.Context(), d, rel); err != nil {
		return nil, err
	}
	return s.tableResource(r.Context(), rel)
}

func (s *Server) makeRelation(ctx context.Context, d *dataset, rel *relation) error {
	t := rel.resource
	t.TableReference.ProjectId, t.TableReference.DatasetId = d.project, d.id
	t.Kind, t.Id, t.Type, t.Location = "bigquery#table", rel.name(), "TABLE", d.location
	t.CreationTime = time.Now().UnixMilli()
	t.LastModifiedTime = uint64(t.CreationTime)
	var view string
	var err error
	if t.View != nil {
		t.Type = "VIEW"
		view, err = s.prepareView(rel)
	} else {
		err = rel.declare()
	}
	if err != nil {
		return err
	}
	s.catalog.mu.Lock()
	defer s.catalog.mu.Unlock()
	if d.tables[rel.id] != nil {
		return failure(reasonDuplicate, "Already Exists: Table %s", rel.name())
	}
	if t.View == nil {
		view = rel.create("CREATE TABLE")
	}
	if _, err := s.db.ExecContext(context.WithoutCancel(ctx), view); err != nil {
		return explain(err)
	}
	if t.View != nil {
		if err := s.describeView(ctx, rel); err != nil {
			return err
		}
	}
	d.tables[rel.id] = rel
	return nil
}

// prepareView translates what a view selects.
func (s *Server) prepareView(rel *relation) (string, error) {
	if rel.resource.View.UseLegacySql {
		return "", failure(reasonMissing, "stand-in for BigQuery: legacy SQL is not part of it")
	}
	list, err := parse(rel.resource.View.Query)
	if err != nil {
		return "", err
	}
	if len(list) != 1 || list[0].kind != kindSelect {
		return "", invalid("A view must be one SELECT")
	}
	env := &environment{catalog: &s.catalog, project: rel.project}
	if rel.view, err = env.fragment(list[0].tokens, inSelect); err != nil {
		return "", err
	}
	text, err := rel.view.sql()
	return "CREATE VIEW " + rel.sql + " AS " + text, err
}

// describeView reads the columns of a view that was just made.
func (s *Server) describeView(ctx context.Context, rel *relation) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if rel.columns, err = columnsOf(ctx, conn, rel.sql); err != nil {
		return err
	}
	rel.resource.Schema = &bq.TableSchema{}
	for _, c := range rel.columns {
		rel.resource.Schema.Fields = append(rel.resource.Schema.Fields, &bq.TableFieldSchema{Name: c.name, Type: c.kind, Mode: c.mode})
	}
	return nil
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
			r.columns = append(r.columns, column{f.Name, kind, mode})
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
			columns[i] += " DEFAULT []"
		}
	}
	return how + " " + r.sql + " (" + strings.Join(columns, ", ") + ")"
}

func (s *Server) relationOf(r *http.Request) (*relation, error) {
	return s.catalog.relation(r.PathValue("project"), r.PathValue("dataset"), r.PathValue("table"), "")
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
	if rel.view == nil && rel.isFilled() {
		var n uint64
		if err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM "+rel.sql).Scan(&n); err != nil {
			return nil, explain(err)
		}
		t.NumRows = n
		t.NumBytes = int64(n) * rel.width(func(column) bool { return true })
	}
	t.ForceSendFields = []string{"NumRows", "NumBytes"}
	content, err := json.Marshal(&t)
	if err != nil {
		return nil, err
	}
	t.Etag = etag(string(content))
	return &t, nil
}

func (s *Server) listTables(r *http.Request) (any, error) {
	d, err := s.catalog.dataset(r.PathValue("project"), r.PathValue("dataset"))
	if err != nil {
		return nil, err
	}
	list := &bq.TableList{Kind: "bigquery#tableList", Tables: []*bq.TableListTables{}}
	for _, rel := range s.catalog.all() {
		if rel.project == d.project && rel.dataset == d.id {
			list.Tables = append(list.Tables, &bq.TableListTables{
				Id: rel.name(), Kind: "bigquery#table", Type: rel.resource.Type, TableReference: rel.resource.TableReference,
			})
		}
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
