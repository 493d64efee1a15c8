//go:build cgo

package main

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	bq "cloud.google.com/go/bigquery"
	"cloud.google.com/go/civil"
	duckdbgo "github.com/duckdb/duckdb-go/v2"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/iterator"

	"vitalsink/connector/bigquery"
	"vitalsink/connector/bigquery/bigquerytest"
	"vitalsink/connector/connectortest"
	"vitalsink/connector/duckdb"
	"vitalsink/schemas"
)

const (
	bigQueryProject = "demo"
	bigQueryDataset = "health"
)

// bigQuery is a stand-in, for other processes, and the project in it.
type bigQuery struct {
	*bigquerytest.Server
	project string
}

func newEmptyBigQuery(t testing.TB) *bigQuery {
	t.Helper()
	server, err := bigquerytest.New(bigquerytest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := &bigQuery{server, bigQueryProject}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newBigQuery(t testing.TB) *bigQuery {
	t.Helper()
	s := newEmptyBigQuery(t)
	schema, err := bigquery.OpenSchema(t.Context(), bigquery.Config{
		Project: bigQueryProject, Dataset: bigQueryDataset, Catalogue: mustCatalogue(t), REST: s.REST(), Write: s.Write(),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = schema.Apply(t.Context(), "EU", func(bigquery.Difference) {})
	if err := errors.Join(err, schema.Close()); err != nil {
		t.Fatal(err)
	}
	return s
}

func mustCatalogue(t testing.TB) *schemas.Catalogue {
	t.Helper()
	c, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *bigQuery) url() string { return "bigquery://" + s.project + "/" + bigQueryDataset }

// command is vitalsink, in a process that finds the stand-in.
func (s *bigQuery) command(args ...string) *process {
	p := &process{Cmd: exec.Command("vitalsink", args...)} // see TestMain
	p.Env = append(os.Environ(), "GORACE="+quickExit(), emulatorVariable+"="+s.RESTAddr(), storageEmulatorVariable+"="+s.WriteAddr())
	p.Stdout, p.Stderr = &p.wrote, &p.wrote
	return p
}

// load loads a file of messages.
func (s *bigQuery) load(t testing.TB, messages string) {
	t.Helper()
	p := s.command("load", "--warehouse", s.url(), messages)
	p.start(t)
	if err := p.Wait(); p.ProcessState.ExitCode() != exitDone && p.ProcessState.ExitCode() != exitAttention {
		t.Fatalf("load: %v\n%s", err, p.wrote.String())
	}
}

// copied is a DuckDB file with the rows of the latest tables, read as anybody
// reads them.
func (s *bigQuery) copied(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "copy.duckdb")
	catalogue := mustCatalogue(t)
	w, err := duckdb.Open(t.Context(), duckdb.Config{Path: file, Catalogue: catalogue})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	to, err := duckdbgo.NewConnector(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close() //nolint:errcheck // nothing is left to write
	conn, err := to.Connect(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // the appenders have been closed
	from, err := bq.NewClient(t.Context(), s.project, s.REST()...)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close() //nolint:errcheck // only read
	for _, table := range catalogue.Versioned() {
		copyTable(t, conn, from, table.Name)
	}
	return file
}

func copyTable(t testing.TB, conn driver.Conn, from *bq.Client, table string) {
	t.Helper()
	a, err := duckdbgo.NewAppenderFromConn(conn, "store", table)
	if err != nil {
		t.Fatal(err)
	}
	rows := from.Dataset(bigQueryDataset + "_store").Table(table).Read(t.Context())
	for {
		var row []bq.Value
		err := rows.Next(&row)
		if errors.Is(err, iterator.Done) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		values := make([]driver.Value, len(row))
		for i, v := range row {
			values[i] = duckDBValue(v, rows.Schema[i].Type)
		}
		if err := a.AppendRow(values...); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

func duckDBValue(v bq.Value, kind bq.FieldType) driver.Value {
	switch v := v.(type) {
	case string:
		if kind == bq.JSONFieldType {
			return json.RawMessage(v)
		}
	case civil.Date:
		return v.In(time.UTC)
	case []bq.Value:
		list := make([]any, len(v))
		for i := range v {
			list[i] = v[i]
		}
		return list
	}
	return v
}

// fold folds what is pending, as foldFile does.
func (s *bigQuery) fold(t *testing.T) {
	t.Helper()
	w, err := bigquery.Open(t.Context(), bigquery.Config{
		Project: s.project, Dataset: bigQueryDataset, Catalogue: mustCatalogue(t), REST: s.REST(), Write: s.Write(),
	})
	if err != nil {
		t.Fatal(err)
	}
	fold(t, w)
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// TestLoadIntoBigQuery: what a population told, badly delivered and loaded
// twice, is in the tables exactly as the truth has it.
func TestLoadIntoBigQuery(t *testing.T) {
	connectortest.Long(t)
	t.Parallel()
	messages, truth := generated(t, "--users", "3", "--days", "2",
		"--duplicates", "0.1", "--disorder", "0.1", "--updates", "0.1", "--late", "0.1", "--bad", "0.1")
	s := newBigQuery(t)
	made := s.Calls(bigquerytest.CallTablesInsert)
	s.load(t, messages)
	compareWithTruth(t, s.copied(t), truth)
	s.load(t, messages)
	compareWithTruth(t, s.copied(t), truth)
	wants(t, s.says(t, exitDone, "check", "--warehouse", s.url()), "The books balance.", " 0 pending")
	if n := s.Calls(bigquerytest.CallTablesInsert) - made + s.Calls(bigquerytest.CallTablesPatch) + s.Calls(bigquerytest.CallTablesDelete); n != 0 {
		t.Errorf("a load has made or changed %d tables", n)
	}
}

// TestRunIntoBigQuery: the service, killed and started again, with a second
// one beside it, brings BigQuery's tables to where a load brings those of
// DuckDB.
func TestRunIntoBigQuery(t *testing.T) {
	t.Parallel()
	pub, s := newService(t), newBigQuery(t)
	run := func() *process {
		p := s.command("run", "--warehouse", s.url(), "--source", "pubsub://demo/vitalsink", "--flush-interval", "100ms", "--fold-interval", "300ms")
		p.Env = append(p.Env, emulator+"="+pub.Addr)
		p.start(t)
		return p
	}
	messages := scenarioPart(t, 90)
	pub.publish(messages[:30])
	p := run()
	pub.await(t, "the first batch is committed", func(_, acked int) bool { return acked > 0 })
	p.kill(t)
	pub.expireLeases()
	pub.publish(messages[30:60])
	p, beside := run(), run()
	pub.await(t, "half is committed", func(_, acked int) bool { return acked >= 45 })
	p.kill(t)
	pub.expireLeases()
	pub.publish(messages[60:])
	pub.awaitAcks(t, len(messages))
	beside.terminate(t)
	wants(t, s.says(t, exitDone, "check", "--warehouse", s.url()), "The books balance.")
	s.fold(t)
	if diff := cmp.Diff(pub.loaded(t), mustTables(t, s.copied(t))); diff != "" {
		t.Errorf("tables of a load (-) and of BigQuery (+):\n%s", diff)
	}
}
