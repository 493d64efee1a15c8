// Package bigquerytest stands in for BigQuery, on the loopback interface of the
// machine, for the real clients: cloud.google.com/go/bigquery and the raw
// client of the Storage Write API. It is for tests and the demo.
//
//	s, err := bigquerytest.New(bigquerytest.Config{})
//	s.CreateDataset("project", "dataset", "EU")
//	client, err := bigquery.NewClient(ctx, "project", s.REST()...)
//
// A Server is the REST API over net/http and the Storage Write API over gRPC,
// in front of one DuckDB database in memory: a dataset is a schema. A job has a
// connection of its own and runs in the background. Its script is cut into
// statements, and each is translated, token by token, from GoogleSQL into
// DuckDB's dialect. All names reach DuckDB quoted, and only functions and types
// of a list are let through: what is no GoogleSQL does not run.
//
// # What it is for
//
// It refuses what BigQuery refuses and DuckDB does not: two rows of a source
// for one of the target, comparing ARRAY and JSON, changes of permanent tables'
// schema in a transaction, too many partitions, too long queries, times out of
// range, changes in a transaction of rows that were streamed in the last half
// hour (by table: whether those very rows were does not matter).
//
// Transactions have snapshots. One that changes rows of a table aborts others
// that do, and is aborted if another did since it began; inserts, and changes
// of no rows, meet nobody. Outside transactions two statements that change
// rows of a table run, twenty wait, for transactions too, and the next fails.
//
// It counts what is read: the partitions of a table that the literals in the
// WHERE right at its scan, or in the ON of a MERGE, leave over. What is billed
// is an estimate: the rows of these partitions times a width by type of the
// columns that the statement names (all for *), at least 10 MB for each table,
// plus, for what changes rows, all columns of the partitions that have such
// rows. It is checked against MaximumBytesBilled before a statement runs, with
// what it would change counted in. Jobs shows it to tests.
//
// Faults make calls, jobs and statements go wrong on demand. For calls about a
// job the Table of a Fault is the job's label "table". CallStatement is met by
// every statement that runs but DECLARE, SET and IF; its Table is the one that
// the statement changes.
//
// # What it does not do
//
//   - Check types as BigQuery does: DuckDB casts more on its own. Nor scopes of
//     aliases, nor anything else that Google's SQL analyzer would find.
//   - NUMERIC, DATETIME, TIME, INTERVAL, RANGE, GEOGRAPHY and STRUCT; most
//     functions; WITH OFFSET; arrays in FROM without UNNEST; subscripts but
//     OFFSET and ORDINAL; operators on bits; SELECT AS STRUCT but in SET;
//     positional parameters; pipes.
//   - Statements but SELECT, INSERT, UPDATE, DELETE, MERGE, CREATE TEMP TABLE
//     AS, DROP of it, transactions, DECLARE, SET, IF and RAISE: no blocks, no
//     exceptions, no loops, no DDL of permanent tables. What is missing is said
//     so: reason notImplemented, which BigQuery does not have.
//   - Know columns of subqueries when it decides whether a name is a variable
//     or a column: columns of tables that the statement reads win, those that
//     only a subquery defines do not count. By name alone it also decides
//     whether a column is of a type that cannot be compared.
//   - Compare NaN as BigQuery does (DuckDB: equal to itself, above all), fail
//     at a division by zero with /, keep JSON as it was written (numbers keep
//     their text, but functions on it are DuckDB's), or sum exactly as it does.
//   - Conflicts by partition: tables are the unit. Retries of conflicts. Limits
//     of inserts a day, of jobs, of requests. Clustering, but for its
//     declaration. Prune for views by what the query of the view is asked;
//     prune by joins, or by anything but literals.
//   - Jobs but queries; child jobs, lists of jobs, dry runs, destination tables,
//     sessions, caches, permissions, expiry, INFORMATION_SCHEMA, changes of
//     tables, deletion of anything over REST, the Storage Read API.
//   - Know what BigQuery really does where its documentation is silent: a job's
//     limit is taken to be one for each statement (see Config.CapScripts), and
//     the wording of many errors is DuckDB's.
package bigquerytest
