package duckdb

// RowWriter takes the result of a query: the columns once, then every row.
// Values are as database/sql gives them; of types TypeJSON and TypeNumber,
// text.
type RowWriter interface {
	Columns(names, types []string) error
	Row(values []any) error
}

// Types of columns whose values come as text.
const (
	TypeJSON   = "JSON"   // nested values too
	TypeNumber = "NUMBER" // beyond 64 bits, or with a fixed scale
)
