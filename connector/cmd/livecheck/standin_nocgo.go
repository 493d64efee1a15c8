//go:build !cgo

package main

import "errors"

// startStandIn has no stand-in to start: it is made of DuckDB.
func startStandIn(options) (target, error) {
	return target{}, errors.New("this was built without cgo, and so without the stand-in for BigQuery; name a project of yours with --project")
}
