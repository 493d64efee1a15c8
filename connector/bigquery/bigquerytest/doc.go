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
// hour (by table: whether those very rows were does not matter), and reading a
// table that requires a filter on its partition column without one. A filter
// stands in the WHERE right at the scan of the table, or of a view of it, or in
// the ON of a MERGE.
//
// Tables, views and datasets are changed and deleted over REST, with ETags.
// Columns are added at the end, for writers after Config.SchemaLag, or may be
// NULL from then on; all other changes of columns, and those of partitioning,
// are refused. Labels, descriptions, policy tags, clustering and expirations
// are kept and shown, and do nothing else; new tables inherit expirations from
// their dataset. Statements outside transactions and changes of the catalog
// wait for each other. A transaction sees the catalog as it was when it began,
// but for datasets that are deleted;
// one that writes to a table that was extended or deleted since is aborted.
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
// temporary ones too, plus, for what changes rows, all columns of the
// partitions that have such rows. It is checked against MaximumBytesBilled
// before a statement runs, with what it would change counted in. A script is
// billed for the sum of its statements, and knows it: @@script.bytes_billed. A
// statement that fails costs nothing. What is processed is the same without the
// 10 MB, and so is what a dry run answers, of one SELECT or one statement of
// DML. Jobs shows it to tests, and TakeCalls which calls came in.
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
//     of inserts a day, of jobs, of requests, of changes of tables. Clustering,
//     but for its declaration. Prune for views by what the query of the view is
//     asked; prune by joins, or by anything but literals.
//   - Jobs but queries; child jobs, lists of jobs, dry runs of scripts, of CREATE
//     and of jobs.query, the tables that a dry run refers to; destination tables,
//     sessions, caches, permissions but those of Deny, expiry, INFORMATION_SCHEMA, the Storage Read
//     API; datasets.update and undelete, filters of lists.
//   - System variables but @@row_count, @@script.bytes_billed and
//     @@script.job_id.
//   - Let a transaction append to a table that is extended meanwhile, which
//     BigQuery should; find a filter on the partition column outside a derived
//     table or in the ON of a SELECT, where BigQuery pushes it down.
//   - Know what BigQuery really does where its documentation is silent: a job's
//     limit is taken to be one for each statement (see Config.CapScripts), and
//     the wording of many errors is DuckDB's.
package bigquerytest
