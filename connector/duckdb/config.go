package duckdb

import "vitalsink/schemas"

// Config says which file a Warehouse is, and how.
type Config struct {
	Path      string             // Required.
	Catalogue *schemas.Catalogue // Required.
	// Memory bounds what DuckDB itself takes, in bytes; beyond it, it spills
	// to a folder beside the file. Optional, default 2 GiB.
	Memory int64
}
