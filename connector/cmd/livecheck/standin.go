//go:build cgo

package main

import "vitalsink/connector/bigquery/bigquerytest"

// standInProject is a project that only the stand-in has.
const standInProject = "stand-in"

// standInMemory is what the stand-in may take, in bytes: its tables are in
// memory, and a merge has all of its rows there twice more.
const standInMemory = 6 << 30

// startStandIn starts a stand-in for BigQuery.
func startStandIn(o options) (target, error) {
	server, err := bigquerytest.New(bigquerytest.Config{Location: o.Location, Memory: standInMemory})
	if err != nil {
		return target{}, err
	}
	return standInAt(server), nil
}

func standInAt(server *bigquerytest.Server) target {
	return target{project: standInProject, rest: server.REST(), write: server.Write(), close: server.Close}
}
