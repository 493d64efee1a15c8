package bigquerytest

import (
	"context"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
)

// column is a column of a table, as REST declares it.
type column struct {
	name string
	kind string // STRING, BYTES, INTEGER, FLOAT, BOOLEAN, TIMESTAMP, DATE or JSON
	mode string // NULLABLE, REQUIRED or REPEATED

	added time.Time // when, if later than its table
}

// tables are the tables that streams write to.
type tables interface {
	// columns are those that writers see of the table named
	// projects/P/datasets/D/tables/T; ok is false if there is no such table.
	columns(path string) (columns []column, ok bool)
	// insert appends rows to a table, all or none. Statements that begin
	// afterwards see them. The records' columns are columns of the table, in
	// any order; what they leave out is NULL. It does not release them.
	insert(ctx context.Context, path string, rows []arrow.Record) error
}
