//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
)

// TableRows counts the rows of each latest table, tombstones too.
func (w *Warehouse) TableRows(ctx context.Context) (map[string]int64, error) {
	counts := map[string]int64{}
	err := w.read(ctx, "table_rows.sql", versionedNames(w.config.Catalogue), func(rows *sql.Rows) error {
		var table string
		var n int64
		err := rows.Scan(&table, &n)
		counts[table] = n
		return err
	})
	return counts, err
}
