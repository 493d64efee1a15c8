package bigquerytest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"cloud.google.com/go/bigquery/storage/apiv1/storagepb"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// writerSchema is the schema of a connection's rows, checked against the
// table's.
type writerSchema struct {
	message []byte // in IPC format
	columns []column
}

// arrowTypes says which Arrow types a column takes, from
// https://cloud.google.com/bigquery/docs/supported-data-types. (Of integers it
// says is_signed = false, which cannot be meant: all clients send signed ones.)
var arrowTypes = map[string][]arrow.DataType{
	"STRING":    {arrow.BinaryTypes.String},
	"JSON":      {arrow.BinaryTypes.String},
	"BYTES":     {arrow.BinaryTypes.Binary},
	"INTEGER":   {arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int8},
	"FLOAT":     {arrow.PrimitiveTypes.Float64, arrow.PrimitiveTypes.Float32},
	"BOOLEAN":   {arrow.FixedWidthTypes.Boolean},
	"TIMESTAMP": {arrow.FixedWidthTypes.Timestamp_us},
	"DATE":      {arrow.FixedWidthTypes.Date32},
}

// readSchema reads a schema message for rows of a table.
func readSchema(message []byte, table string, columns []column) (w writerSchema, err error) {
	if err := oneMessage(message, ipc.MessageSchema); err != nil {
		return w, err
	}
	var schema *arrow.Schema
	err = guarded(func() error {
		r, err := ipc.NewReader(bytes.NewReader(message))
		if err != nil {
			return err
		}
		defer r.Release()
		schema = r.Schema()
		return nil
	})
	if err != nil {
		return w, err
	}
	w.message = message
	for _, f := range schema.Fields() {
		i := slices.IndexFunc(columns, func(c column) bool { return c.name == f.Name })
		switch {
		case i < 0:
			return w, storageStatus(codes.InvalidArgument, storagepb.StorageError_SCHEMA_MISMATCH_EXTRA_FIELDS, table)
		case len(schema.FieldIndices(f.Name)) > 1:
			return w, status.Errorf(codes.InvalidArgument, "field %s is there twice", f.Name)
		case !columns[i].takes(f.Type):
			return w, status.Errorf(codes.InvalidArgument, "field %s of Arrow type %s does not fit its column", f.Name, f.Type)
		}
		w.columns = append(w.columns, columns[i])
	}
	for _, c := range columns {
		if c.mode == "REQUIRED" && !slices.Contains(w.columns, c) {
			return w, status.Errorf(codes.InvalidArgument, "required column %s is missing", c.name)
		}
	}
	return w, nil
}

// takes tells whether a column takes values of an Arrow type. How a list
// calls its items does not matter.
func (c column) takes(t arrow.DataType) bool {
	list, isList := t.(*arrow.ListType)
	if isList != (c.mode == "REPEATED") {
		return false
	}
	if isList {
		t = list.Elem()
	}
	return slices.ContainsFunc(arrowTypes[c.kind], func(want arrow.DataType) bool { return arrow.TypeEqual(t, want) })
}

// decode reads a record batch message.
func (w *writerSchema) decode(message []byte) (rows arrow.Record, err error) {
	if err := oneMessage(message, ipc.MessageRecordBatch); err != nil {
		return nil, err
	}
	err = guarded(func() error {
		r, err := ipc.NewReader(io.MultiReader(bytes.NewReader(w.message), bytes.NewReader(message)))
		if err != nil {
			return err
		}
		defer r.Release()
		if rows, err = r.Read(); err != nil {
			return err
		}
		rows.Retain()
		return nil
	})
	if err == nil && rows.NumRows() == 0 {
		rows.Release()
		return nil, status.Error(codes.InvalidArgument, "no rows")
	}
	return rows, err
}

// oneMessage refuses what is not one encapsulated message of a kind and
// nothing else: a whole stream, say.
func oneMessage(message []byte, want ipc.MessageType) error {
	if len(message) < 8 || binary.LittleEndian.Uint32(message) != 0xFFFFFFFF {
		return status.Error(codes.InvalidArgument, "no encapsulated Arrow message")
	}
	rest := bytes.NewReader(message)
	return guarded(func() error {
		r := ipc.NewMessageReader(rest)
		defer r.Release()
		m, err := r.Message()
		switch {
		case err != nil:
			return err
		case m.Type() != want:
			return fmt.Errorf("a message of type %s, want %s", m.Type(), want)
		case rest.Len() > 0:
			return fmt.Errorf("%d bytes after the message", rest.Len())
		}
		return nil
	})
}

// guarded refuses the request if reading Arrow fails; malformed messages make
// the reader panic.
func guarded(read func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = status.Errorf(codes.InvalidArgument, "malformed Arrow: %v", p)
		}
	}()
	if err := read(); err != nil {
		return status.Errorf(codes.InvalidArgument, "malformed Arrow: %v", err)
	}
	return nil
}

// rowErrors is the error of a request with bad rows.
type rowErrors struct{ rows []*storagepb.RowError }

func (*rowErrors) Error() string { return "errors found while processing rows" }

// GRPCStatus says it as gRPC does.
func (e *rowErrors) GRPCStatus() *status.Status { return status.New(codes.InvalidArgument, e.Error()) }

// check refuses values that their columns do not take. As BigQuery does, its
// texts quote them.
func (w *writerSchema) check(rows arrow.Record) error {
	var bad []*storagepb.RowError
	for i, c := range w.columns {
		values := rows.Column(i)
		if c.mode == "REPEATED" && values.NullN() > 0 {
			return status.Errorf(codes.InvalidArgument, "column %s: a null list must be an empty list", c.name)
		}
		for row := range values.Len() {
			if why := c.fault(values, row); why != "" {
				bad = append(bad, &storagepb.RowError{
					Index: int64(row), Code: storagepb.RowError_FIELDS_ERROR, Message: c.name + ": " + why,
				})
			}
		}
	}
	if len(bad) > 0 {
		return &rowErrors{bad}
	}
	return nil
}

// fault is what is wrong with one value, "" if nothing is.
func (c column) fault(values arrow.Array, i int) string {
	if list, ok := values.(*array.List); ok {
		from, to := list.ValueOffsets(i)
		for j := from; j < to; j++ {
			if list.ListValues().IsNull(int(j)) {
				return "an element is NULL"
			}
			if why := c.wrong(list.ListValues(), int(j)); why != "" {
				return why
			}
		}
		return ""
	}
	if values.IsNull(i) {
		if c.mode == "REQUIRED" {
			return "NULL in a required column"
		}
		return ""
	}
	return c.wrong(values, i)
}

// Bounds of TIMESTAMP and DATE: years 1 to 9999.
const (
	minMicros, maxMicros = -62135596800_000000, 253402300799_999999
	minDay, maxDay       = -719162, 2932896
)

func (c column) wrong(values arrow.Array, i int) string {
	switch a := values.(type) {
	case *array.String:
		switch v := a.Value(i); {
		case !utf8.ValidString(v):
			return fmt.Sprintf("invalid UTF-8: %q", v)
		case c.kind == "JSON" && !json.Valid([]byte(v)):
			return fmt.Sprintf("invalid JSON: %q", v)
		}
	case *array.Timestamp:
		if v := a.Value(i); v < minMicros || v > maxMicros {
			return fmt.Sprintf("timestamp out of range: %d", v)
		}
	case *array.Date32:
		if v := a.Value(i); v < minDay || v > maxDay {
			return fmt.Sprintf("date out of range: %d", v)
		}
	}
	return ""
}
