//go:build cgo

package bigquerytest

import (
	"context"
	"errors"
	"regexp"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"
)

var (
	noColumn   = regexp.MustCompile(`Referenced column "([^"]*)" (?:was )?not found`)
	noColumnIn = regexp.MustCompile(`(?:Table|Column) "?([^" ]*)"? does not have a column (?:named|with name) "([^"]*)"`)
	noTable    = regexp.MustCompile(`Referenced table "([^"]*)" not found`)
	notNull    = regexp.MustCompile(`NOT NULL constraint failed: (?:[^. ]*\.)*(\S+)`)
)

// isConflict tells whether DuckDB ends a transaction because a table that it
// wrote to was altered, or dropped, by another.
func isConflict(err error) bool {
	var duck *duckdb.Error
	return errors.As(err, &duck) && duck.Type == duckdb.ErrorTypeTransaction
}

// altered finds the name of the table in the error of a conflict.
var altered = regexp.MustCompile(`(?:into|from|update|modify) (?:table )?"?([^" ]+)"?`)

// aborted says so as BigQuery does of conflicts.
func (tx *transaction) aborted(err error) error {
	var duck *duckdb.Error
	if errors.As(err, &duck) {
		p := altered.FindStringSubmatch(duck.Msg)
		for _, r := range tx.wrote {
			if len(tx.wrote) == 1 || p != nil && p[1] == r.id {
				return tx.lost(r.dotted())
			}
		}
	}
	return explain(err)
}

// explain puts an error of DuckDB's into words of BigQuery's, as far as the
// words are known; else DuckDB's own stay.
func explain(err error) error {
	var known *JobError
	var duck *duckdb.Error
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if !errors.As(err, &duck) {
		return failure("internalError", "%s", err.Error())
	}
	text, _, _ := strings.Cut(duck.Msg, "\n\nLINE")
	switch duck.Type {
	case duckdb.ErrorTypeBinder:
		if p := noColumn.FindStringSubmatch(text); p != nil {
			return invalid("Unrecognized name: %s", p[1])
		}
		if p := noColumnIn.FindStringSubmatch(text); p != nil {
			return invalid("Name %s not found inside %s", p[2], p[1])
		}
		if p := noTable.FindStringSubmatch(text); p != nil {
			return invalid("Unrecognized name: %s", p[1])
		}
	case duckdb.ErrorTypeConstraint:
		if p := notNull.FindStringSubmatch(text); p != nil {
			return invalid("Required field %s cannot be null", p[1])
		}
	case duckdb.ErrorTypeParser, duckdb.ErrorTypeSyntax:
		return invalid("Syntax error: %s", text)
	case duckdb.ErrorTypeInterrupt:
		return context.Canceled
	case duckdb.ErrorTypeOutOfMemory:
		return failure("resourcesExceeded", "Resources exceeded during query execution: %s", text)
	}
	return invalid("%s", text)
}
