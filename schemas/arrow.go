package schemas

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
)

// ArrowSchema is the schema of the table's rows as they travel: its columns
// in order, without the log columns. TIMESTAMP is microseconds UTC, JSON is
// text.
func (t *Table) ArrowSchema() *arrow.Schema {
	fields := make([]arrow.Field, len(t.Columns))
	for i, c := range t.Columns {
		fields[i] = arrow.Field{Name: c.Name, Type: c.arrowType(), Nullable: !c.Required && !c.Repeated}
	}
	return arrow.NewSchema(fields, nil)
}

func (c *Column) arrowType() arrow.DataType {
	t := c.Type.arrow()
	if c.Repeated {
		return arrow.ListOfNonNullable(t)
	}
	return t
}

func (t Type) arrow() arrow.DataType {
	switch t {
	case String, JSON:
		return arrow.BinaryTypes.String
	case Bytes:
		return arrow.BinaryTypes.Binary
	case Int64:
		return arrow.PrimitiveTypes.Int64
	case Float64:
		return arrow.PrimitiveTypes.Float64
	case Bool:
		return arrow.FixedWidthTypes.Boolean
	case Timestamp:
		return arrow.FixedWidthTypes.Timestamp_us
	case Date:
		return arrow.FixedWidthTypes.Date32
	}
	panic(fmt.Sprintf("schemas: type %q has no Arrow type", t)) // the catalogue is validated
}
