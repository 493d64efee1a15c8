//go:build cgo

package bigquery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/bigquery"
	"cloud.google.com/go/civil"
	"go.uber.org/goleak"
	"google.golang.org/api/iterator"

	"vitalsink/connector"
	"vitalsink/connector/bigquery/bigquerytest"
	"vitalsink/connector/connectortest"
	"vitalsink/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pooled{m}) }

// pooled closes the pool of servers after the tests.
type pooled struct{ *testing.M }

func (p pooled) Run() int {
	code := p.M.Run()
	for _, s := range pool.idle {
		if err := s.Close(); err != nil {
			fmt.Println("close stand-in:", err)
			code = max(code, 1)
		}
	}
	return code
}

func TestConformance(t *testing.T) {
	connectortest.Run(t, func(t testing.TB) connectortest.Store { return openTest(t) })
}

const (
	testProject = "project"
	testDataset = "health"
)

// standIn is a server with empty tables.
type standIn struct{ *bigquerytest.Server }

// open opens the warehouse on it, as a process of its own would.
func (s standIn) open(t testing.TB) *Warehouse {
	t.Helper()
	w, err := Open(context.Background(), Config{
		Project: testProject, Dataset: testDataset, Catalogue: loadCatalogue(t), REST: s.REST(), Write: s.Write(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// pool are servers whose tables are there already: to make them takes longer
// than to empty them.
var pool struct {
	sync.Mutex
	idle []standIn
}

// startTest is a server with empty tables that is the test's own.
func startTest(t testing.TB) standIn {
	t.Helper()
	pool.Lock()
	defer pool.Unlock()
	var s standIn
	if n := len(pool.idle); n > 0 {
		s, pool.idle = pool.idle[n-1], pool.idle[:n-1]
	} else {
		s = newStandIn(t)
	}
	t.Cleanup(func() {
		s.Heal()
		if err := s.Empty(); err != nil {
			t.Error(err)
			return
		}
		pool.Lock()
		defer pool.Unlock()
		pool.idle = append(pool.idle, s)
	})
	return s
}

func newStandIn(t testing.TB) standIn {
	t.Helper()
	server, err := bigquerytest.New(bigquerytest.Config{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	s := standIn{server}
	s.apply(t, loadCatalogue(t))
	return s
}

// apply makes datasets and tables, as schema apply does.
func (s standIn) apply(t testing.TB, c *schemas.Catalogue) {
	t.Helper()
	if _, err := s.schema(t, c).Apply(context.Background(), "EU", func(Difference) {}); err != nil {
		t.Fatal(err)
	}
}

func (s standIn) schema(t testing.TB, c *schemas.Catalogue) *Schema {
	t.Helper()
	schema, err := OpenSchema(context.Background(), Config{
		Project: testProject, Dataset: testDataset, Catalogue: c, REST: s.REST(), Write: s.Write(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = schema.Close() })
	return schema
}

// inspected is a warehouse under test, and a look into its tables.
type inspected struct {
	*Warehouse
	server standIn
}

func openTest(t testing.TB) inspected {
	t.Helper()
	s := startTest(t)
	return inspected{s.open(t), s}
}

func (s inspected) Latest(t testing.TB, table string) []connectortest.Row {
	t.Helper()
	return s.rows(t, "SELECT * FROM "+ident(testProject+"."+storeOf(testDataset)+"."+table))
}

func (s inspected) View(t testing.TB, view string) []connectortest.Row {
	t.Helper()
	return s.rows(t, "SELECT * FROM "+ident(testProject+"."+testDataset+"."+view))
}

func (s inspected) Ledger(t testing.TB) connector.MergeBooks {
	t.Helper()
	var b connector.MergeBooks
	for _, row := range s.values(t, "SELECT rows_registered, rows_applied, rows_superseded, rows_stale, rows_erased FROM "+
		ident(testProject+"."+storeOf(testDataset)+".merges")) {
		var n [5]int
		for i := range n {
			n[i] = int(row[i].(int64))
		}
		b.Add(connector.MergeBooks{Registered: n[0], Applied: n[1], Superseded: n[2], Stale: n[3], Erased: n[4]})
	}
	return b
}

func (s inspected) Merged(t testing.TB) []string {
	t.Helper()
	var ids []string
	for _, row := range s.values(t, "SELECT id FROM "+ident(testProject+"."+storeOf(testDataset)+".merges")+" AS m, UNNEST(m.batch_ids) AS id") {
		ids = append(ids, row[0].(string))
	}
	return ids
}

func (s inspected) EmptyFence(t testing.TB, table string) {
	t.Helper()
	s.values(t, "DELETE FROM "+ident(testProject+"."+storeOf(testDataset)+"."+fenceOf(table))+" WHERE TRUE")
}

func (s inspected) RegisterAgain(t testing.TB, batchID string) {
	t.Helper()
	registry := ident(testProject + "." + storeOf(testDataset) + ".batches")
	s.values(t, "INSERT INTO "+registry+" SELECT * FROM "+registry+" WHERE batch_id = "+literal(batchID))
}

func (s inspected) Enter(t testing.TB, table string, row map[string]any) {
	t.Helper()
	var columns, values []string
	var parameters []bigquery.QueryParameter
	for name, v := range row {
		if days, ok := v.([]time.Time); ok {
			dates := make([]civil.Date, len(days))
			for i, d := range days {
				dates[i] = civil.DateOf(d)
			}
			v = dates
		}
		if v != nil {
			columns, values = append(columns, name), append(values, "@"+name)
			parameters = append(parameters, bigquery.QueryParameter{Name: name, Value: v})
		}
	}
	s.values(t, fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", ident(testProject+"."+storeOf(testDataset)+"."+table),
		idents(columns), strings.Join(values, ", ")), parameters...)
}

func (s inspected) Copy(t testing.TB, table, where string) {
	t.Helper()
	latest := ident(testProject + "." + storeOf(testDataset) + "." + table)
	s.values(t, "INSERT INTO "+latest+" SELECT * FROM "+latest+" WHERE "+where)
}

func (s inspected) Change(t testing.TB, table, set, where string) {
	t.Helper()
	s.values(t, "UPDATE "+ident(testProject+"."+storeOf(testDataset)+"."+table)+" SET "+set+" WHERE "+where)
}

func (s inspected) Remove(t testing.TB, table, where string) {
	t.Helper()
	s.values(t, "DELETE FROM "+ident(testProject+"."+storeOf(testDataset)+"."+table)+" WHERE "+where)
}

// values runs a statement as anybody would.
func (s inspected) values(t testing.TB, statement string, parameters ...bigquery.QueryParameter) [][]bigquery.Value {
	t.Helper()
	rows, _ := s.read(t, statement, parameters...)
	return rows
}

func (s inspected) read(t testing.TB, statement string, parameters ...bigquery.QueryParameter) ([][]bigquery.Value, bigquery.Schema) {
	t.Helper()
	q := s.client.Query(statement)
	q.Location, q.Parameters = s.client.Location, parameters
	it, err := q.Read(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]bigquery.Value
	for {
		var row []bigquery.Value
		err := it.Next(&row)
		if errors.Is(err, iterator.Done) {
			return rows, it.Schema
		}
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
}

func (s inspected) rows(t testing.TB, statement string) []connectortest.Row {
	t.Helper()
	values, schema := s.read(t, statement)
	var rows []connectortest.Row
	for _, row := range values {
		texts := connectortest.Row{}
		for i, v := range row {
			if v != nil || schema[i].Repeated {
				texts[schema[i].Name] = text(t, v)
			}
		}
		rows = append(rows, texts)
	}
	return rows
}

// text gives a value the form that connectortest.Text gives it.
func text(t testing.TB, v bigquery.Value) string {
	t.Helper()
	switch v := v.(type) {
	case time.Time:
		return v.UTC().Format(connectortest.TimeFormat)
	case civil.Date:
		return v.String()
	case []byte:
		return fmt.Sprintf("%x", v)
	case nil:
		return "[]"
	case []bigquery.Value:
		raw, err := json.Marshal(append([]bigquery.Value{}, v...))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	return fmt.Sprint(v)
}
