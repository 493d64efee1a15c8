// Package connectortest is the conformance suite of warehouses: what every
// implementation of connector.Warehouse has to do, tested through its
// interface alone. It imports no adapter.
package connectortest
