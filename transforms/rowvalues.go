package transforms

import (
	"fmt"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"vitalsink/schemas"
)

// Values are those of a row of a record whose columns begin with these, in the
// order of theirs: nil for NULL; string for STRING and JSON; int64, float64, bool;
// []byte for BYTES; time.Time in UTC for TIMESTAMP and DATE (midnight); []any of
// such for a REPEATED column, which is never NULL: it has no elements then. They
// are copies, so that they outlive the record.
func Values(record arrow.Record, columns []schemas.Column, row int) []any {
	values := make([]any, len(columns))
	for i := range columns {
		values[i] = goValue(record.Column(i), row)
		if values[i] == nil && columns[i].Repeated {
			values[i] = []any{}
		}
	}
	return values
}

// goValue is the value at a position, nil for NULL.
func goValue(of arrow.Array, at int) any {
	if of.IsNull(at) {
		return nil
	}
	switch of := of.(type) {
	case *array.String:
		return strings.Clone(of.Value(at))
	case *array.Binary:
		return append([]byte{}, of.Value(at)...)
	case *array.Int64:
		return of.Value(at)
	case *array.Float64:
		return of.Value(at)
	case *array.Boolean:
		return of.Value(at)
	case *array.Timestamp:
		return of.Value(at).ToTime(of.DataType().(*arrow.TimestampType).Unit)
	case *array.Date32:
		return of.Value(at).ToTime()
	case *array.List:
		from, to := of.ValueOffsets(at)
		list := make([]any, 0, to-from)
		for i := from; i < to; i++ {
			list = append(list, goValue(of.ListValues(), int(i)))
		}
		return list
	}
	panic(fmt.Sprintf("transforms: no column has the type %s", of.DataType())) // ArrowSchema makes no other
}
