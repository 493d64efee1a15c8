//go:build cgo

// Package duckarrow shows Arrow records to DuckDB as views, without copying
// them. It reaches into duckdb-go for that, and is the only place that does.
package duckarrow

/*
#include <stdlib.h>

// The part of Arrow's C stream interface that is needed here:
// https://arrow.apache.org/docs/format/CStreamInterface.html
struct vitalsink_stream {
	void *get_schema, *get_next, *get_last_error;
	void (*release)(struct vitalsink_stream *);
	void *private_data;
};

static void vitalsink_release(void *stream) {
	struct vitalsink_stream *s = stream;
	if (s->release != NULL) s->release(s);
	free(s);
}

// In DuckDB's static library whatever the build tags say; duckdb-go's Go
// wrapper of it speaks another version of Arrow.
extern int duckdb_arrow_scan(void *connection, const char *view, void *stream);
*/
import "C"

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/cdata"
)

// Scan shows a record as a view of the connection, to be read once.
// release drops the view and gives the record up.
func Scan(conn *sql.Conn, rec arrow.Record, view string) (release func(), err error) {
	reader, err := array.NewRecordReader(rec.Schema(), []arrow.Record{rec})
	if err != nil {
		return nil, fmt.Errorf("read record: %w", err)
	}
	stream := C.calloc(1, C.sizeof_struct_vitalsink_stream)
	// From here on the stream owns the reader.
	cdata.ExportRecordReader(reader, (*cdata.CArrowArrayStream)(stream))
	reader.Release()
	release = func() {
		// The view must not outlive what it points to. Without the order to
		// stop in ctx: it is dropped in any case.
		_, _ = conn.ExecContext(context.Background(), `DROP VIEW IF EXISTS "`+strings.ReplaceAll(view, `"`, `""`)+`"`)
		C.vitalsink_release(stream)
	}
	err = conn.Raw(func(dc any) error {
		handle, err := Handle(dc)
		if err != nil {
			return err
		}
		name := C.CString(view)
		defer C.free(unsafe.Pointer(name))
		if C.duckdb_arrow_scan(handle, name, stream) != 0 {
			return errors.New("duckdb does not take the Arrow stream")
		}
		return nil
	})
	if err != nil {
		// It does not say why; a statement may.
		if _, why := conn.ExecContext(context.Background(), "SELECT 1"); why != nil {
			err = why
		}
	}
	if err != nil {
		release()
		return nil, fmt.Errorf("show record to duckdb: %w", err)
	}
	return release, nil
}

// Handle is the C connection within a *duckdb.Conn, which does not
// show it: the module's version is pinned, and a test tells if it moves.
func Handle(dc any) (unsafe.Pointer, error) {
	v := reflect.ValueOf(dc)
	for _, field := range []string{"conn", "Ptr"} {
		for v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct || !v.FieldByName(field).IsValid() {
			return nil, fmt.Errorf("no field %s in a connection of this duckdb-go", field)
		}
		v = v.FieldByName(field)
	}
	if v.Kind() != reflect.UnsafePointer || v.IsNil() {
		return nil, errors.New("the connection of this duckdb-go has no handle")
	}
	return v.UnsafePointer(), nil
}
