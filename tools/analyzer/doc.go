// Package analyzer checks the statements that vitalsink sends to BigQuery with
// Google's own analyzer of its SQL, so that an unknown column, a wrong type or
// a word of another dialect is found here and not by a fold at night.
//
// BigQuery cannot run on a laptop, and the stand-in of our tests runs DuckDB,
// which lets much pass that BigQuery refuses. GoogleSQL, the front half of
// BigQuery, can: github.com/goccy/go-googlesql is it, as plain Go. It resolves
// every name and type against a catalog of tables and refuses what does not
// fit. It does not run anything, and knows nothing of rows, REQUIRED columns,
// partitions, transactions, quotas or cost. It knows some functions that
// BigQuery has not: language.go takes away those that we found. And "user_id"
// where a text may stand is a text, for BigQuery too.
//
// What is checked are the golden statements (golden is a link to
// testdata/sql/bigquery), which connector/bigquery keeps equal to what it
// sends, and the statements that our pages show (pages has links to them). The
// tables are those of package schemas.
//
//	catalogue.go  tables and views, as the analyzer knows them
//	language.go   what BigQuery understands; parameters and system variables
//	script.go     statements of a script, one after the other
//	assign.go     expressions, and variables that take them
//	place.go      where in the text something is
//	view.go       the query of a view
//
// GoogleSQL analyzes one statement at a time; running a script is the engine's
// business, so this package walks it: variables and temporary tables are known
// from where they are declared, and both arms of an IF are checked. A kind of
// statement that it does not know is an error, never skipped.
//
// It is a Go module of its own, because building the library takes minutes and
// gigabytes the first time: nothing of it gets into the binary, and go test
// ./... does not enter it. Never build it with -race.
//
// A statement with a new parameter: add its name and type to parameters, in
// language.go. After a change of the main module's dependencies that schemas
// uses: go mod tidy, here too.
package analyzer
