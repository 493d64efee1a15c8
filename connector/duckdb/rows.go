package duckdb

// RowWriter takes the result of a query: the columns once, then every row,
// the values as database/sql gives them.
type RowWriter interface {
	Columns(names, types []string) error
	Row(values []any) error
}
