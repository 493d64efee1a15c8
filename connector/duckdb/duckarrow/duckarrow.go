//go:build cgo

// Package duckarrow shows Arrow records to DuckDB as views, without copying
// them. It reaches into duckdb-go for that, and is the only place that does.
package duckarrow

/*
#include <stdint.h>
#include <stdlib.h>

// The parts of Arrow's C interfaces that are needed here:
// https://arrow.apache.org/docs/format/CDataInterface.html
// https://arrow.apache.org/docs/format/CStreamInterface.html
struct vitalsink_schema {
	const char *format, *name, *metadata;
	int64_t flags, n_children;
	struct vitalsink_schema **children, *dictionary;
	void (*release)(struct vitalsink_schema *);
	void *private_data;
};

struct vitalsink_stream {
	int (*get_schema)(struct vitalsink_stream *, struct vitalsink_schema *);
	void *get_next, *get_last_error;
	void (*release)(struct vitalsink_stream *);
	void *private_data;
};

// A stream that gives the same schema whenever it is asked. DuckDB asks several
// times for each of our batches, and leaves it to the caller to release what it
// got: with a new one each time some 40 kB were lost with every batch.
struct vitalsink_view {
	struct vitalsink_stream stream; // first, so that its address is the view's
	int (*get_schema)(struct vitalsink_stream *, struct vitalsink_schema *);
	struct vitalsink_schema schema;
};

static void vitalsink_keep(struct vitalsink_schema *copy) { copy->release = NULL; }

static int vitalsink_get_schema(struct vitalsink_stream *stream, struct vitalsink_schema *out) {
	struct vitalsink_view *v = (struct vitalsink_view *)stream;
	if (v->schema.release == NULL) {
		int code = v->get_schema(stream, &v->schema);
		if (code != 0) return code;
	}
	*out = v->schema;
	out->release = vitalsink_keep;
	return 0;
}

static void vitalsink_wrap(void *view) {
	struct vitalsink_view *v = view;
	v->get_schema = v->stream.get_schema;
	v->stream.get_schema = vitalsink_get_schema;
}

static void vitalsink_release(void *view) {
	struct vitalsink_view *v = view;
	if (v->schema.release != NULL) v->schema.release(&v->schema);
	if (v->stream.release != NULL) v->stream.release(&v->stream);
	free(v);
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

// piece is how many rows a thread of DuckDB takes at a time: those of its row
// groups.
const piece = 122_880

// Scan shows a record as a view of the connection, to be read once.
// release drops the view and gives the record up.
func Scan(conn *sql.Conn, rec arrow.Record, view string) (release func(), err error) {
	var pieces []arrow.Record
	for from := int64(0); from < rec.NumRows(); from += piece {
		p := rec.NewSlice(from, min(from+piece, rec.NumRows()))
		defer p.Release()
		pieces = append(pieces, p)
	}
	reader, err := array.NewRecordReader(rec.Schema(), pieces)
	if err != nil {
		return nil, fmt.Errorf("read record: %w", err)
	}
	stream := C.calloc(1, C.sizeof_struct_vitalsink_view)
	// From here on the stream owns the reader.
	cdata.ExportRecordReader(reader, (*cdata.CArrowArrayStream)(stream))
	reader.Release()
	C.vitalsink_wrap(stream)
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
