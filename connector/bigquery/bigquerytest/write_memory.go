package bigquerytest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"cloud.google.com/go/bigquery/storage/apiv1/storagepb"
	"github.com/apache/arrow/go/v17/arrow"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"vitalsink/schemas"
)

// WriteServer is the Storage Write API alone, over tables that only keep what
// was written: for tests that need no SQL.
type WriteServer struct {
	Addr string

	faults Server // nothing but its faults is used
	write  *writeServer
	tables *memoryTables
}

// TB is what NewWriteServer needs of a test. (A demo that starts a Server is
// not to have package testing in it.)
type TB interface {
	Helper()
	Fatal(args ...any)
	Errorf(format string, args ...any)
	Cleanup(f func())
}

// NewWriteServer serves the logs and append-only tables of a catalogue in a
// dataset ("projects/P/datasets/D") until the test ends.
func NewWriteServer(tb TB, dataset string, c *schemas.Catalogue) *WriteServer {
	tb.Helper()
	l, err := listen()
	if err != nil {
		tb.Fatal(err)
	}
	s := &WriteServer{Addr: l.Addr().String(), tables: &memoryTables{declared: declare(dataset, c), rows: map[string][]arrow.Record{}}}
	s.write = newWriteServer(s.tables, &s.faults.faults, l.cut)
	server := grpc.NewServer(writeOptions()...)
	storagepb.RegisterBigQueryWriteServer(server, s.write)
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	tb.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			tb.Errorf("serve: %v", err)
		}
	})
	return s
}

// Options are those of a client of the server.
func (s *WriteServer) Options() []option.ClientOption { return clientOptions(s.Addr) }

// clientOptions are those of a gRPC client without TLS and credentials.
func clientOptions(addr string) []option.ClientOption {
	return []option.ClientOption{
		option.WithEndpoint(addr), option.WithoutAuthentication(), option.WithTelemetryDisabled(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
	}
}

// Inject, Heal and Calls are those of Server.
func (s *WriteServer) Inject(f Fault) { s.faults.Inject(f) }

// Heal takes all faults back.
func (s *WriteServer) Heal() { s.faults.Heal() }

// Calls is how often a call came in.
func (s *WriteServer) Calls(call string) int { return s.faults.Calls(call) }

// Rows are what a table holds, visible rows only, in the order they came.
func (s *WriteServer) Rows(table string) []arrow.Record {
	s.tables.mu.Lock()
	defer s.tables.mu.Unlock()
	return slices.Clone(s.tables.rows[table])
}

// memoryTables keeps what is inserted.
type memoryTables struct {
	declared map[string][]column

	mu   sync.Mutex
	rows map[string][]arrow.Record // by the table's id
}

func (m *memoryTables) columns(path string) ([]column, bool) {
	c, ok := m.declared[path]
	return c, ok
}

func (m *memoryTables) insert(_ context.Context, path string, rows []arrow.Record) error {
	if _, ok := m.declared[path]; !ok {
		return fmt.Errorf("no table %s", path)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range rows {
		r.Retain()
	}
	m.rows[tableID(path)] = append(m.rows[tableID(path)], rows...)
	return nil
}

// declare makes columns of a catalogue's.
func declare(dataset string, c *schemas.Catalogue) map[string][]column {
	declared := map[string][]column{}
	for _, t := range c.Tables {
		name, columns := t.Name, t.Columns
		if t.Kind == schemas.Versioned {
			name, columns = t.Name+"_log", slices.Concat(t.Columns, c.LogColumns)
		}
		var made []column
		for _, c := range columns {
			made = append(made, columnOf(c))
		}
		declared[dataset+"/tables/"+name] = made
	}
	return declared
}

// columnOf declares a column as REST does.
func columnOf(c schemas.Column) column {
	made := column{name: c.Name, kind: string(c.Type), mode: "NULLABLE"}
	switch c.Type {
	case schemas.Int64:
		made.kind = "INTEGER"
	case schemas.Float64:
		made.kind = "FLOAT"
	case schemas.Bool:
		made.kind = "BOOLEAN"
	}
	switch {
	case c.Repeated:
		made.mode = "REPEATED"
	case c.Required:
		made.mode = "REQUIRED"
	}
	return made
}
