package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"vitalsink/connector/duckdb"
	"vitalsink/schemas"
)

// warehouseFlag says which warehouse a command works on.
type warehouseFlag struct {
	Warehouse string `default:"duckdb://vitalsink.duckdb" placeholder:"URL" help:"Where the tables are: duckdb://PATH. Default ${default}."`
}

// path is the file of a DuckDB warehouse.
func (f warehouseFlag) path() (string, error) {
	path, ok := strings.CutPrefix(f.Warehouse, "duckdb://")
	if !ok || path == "" {
		return "", usage{fmt.Errorf("--warehouse %s: write duckdb://PATH", f.Warehouse)}
	}
	return path, nil
}

// open opens the warehouse for the tables of this binary's catalogue. memory
// is what it may take, in bytes.
func (f warehouseFlag) open(ctx context.Context, memory int64) (*schemas.Catalogue, *duckdb.Warehouse, error) {
	path, err := f.path()
	if err != nil {
		return nil, nil, err
	}
	catalogue, err := schemas.Load()
	if err != nil {
		return nil, nil, err
	}
	warehouse, err := duckdb.Open(ctx, duckdb.Config{Path: path, Catalogue: catalogue, Memory: memory})
	return catalogue, warehouse, err
}

// parseResource reads pubsub://PROJECT/NAME.
func parseResource(flag, value string) (project, name string, err error) {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "pubsub" || u.Host == "" || strings.Count(u.Path, "/") != 1 || len(u.Path) < 2 {
		return "", "", usage{fmt.Errorf("--%s %s: write pubsub://PROJECT/SUBSCRIPTION", flag, value)}
	}
	return u.Host, u.Path[1:], nil
}
