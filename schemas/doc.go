// Package schemas is the catalogue: the only place where tables are declared.
//
// Every table is one YAML file in this folder, embedded in the binary and
// readable by Terraform's yamldecode. From a declaration follow the Arrow
// schema, the statements of each warehouse, the views, and the JSON paths the
// decoder looks for. A new table, field or resource is an edit of YAML.
//
// A table says:
//
//	table        its name, and its view's
//	kind         versioned (latest table, log, fence) or append_only
//	description  one line
//	events       event types that land here: "daily.data.sleep.*" is every type
//	             that begins with "daily.data.sleep."; the longest match wins
//	rows         what of an event is a row: object (its data), samples (each
//	             element of its data.data), event (all of it); absent for
//	             tables that no event fills
//	endpoint     where Junction's API has the same records: path; form of the
//	             answer: list (in field), record, array, groups or columns;
//	             dates, if it takes a range of them; event, the type of the
//	             event that a record becomes
//	key          columns that identify a fact; never NULL
//	partition    column, and rule: key (part of the key), sticky (not part of
//	             it, but never changes: the least value seen is kept) or day
//	             (append_only); rows are partitioned by its UTC day
//	cluster      columns the warehouse sorts by, at most four
//	ignored      paths that are neither stored nor kept in _extra
//	hidden       columns that the view leaves out
//	columns      see below
//	resources    timeseries only: the series that Junction documents
//
// A column says:
//
//	name         in the table
//	path         where in the event: "$.user_id" from the event's root, else
//	             relative to the row's object ("heart_rate.avg_bpm")
//	fallbacks    other paths, tried in order when the ones before have nothing
//	computed     instead of a path: resource, discriminator, event_type,
//	             event_key, payload or extra
//	type         STRING, BYTES, INT64, FLOAT64, BOOL, TIMESTAMP, DATE or JSON
//	repeated     true for an array of the type
//	required     never NULL
//	default      what stands for a missing value
//	unit         of the values
//	shapes       timeseries only: the sample shapes it belongs to; [] is none,
//	             then only resources that name it show it; absent is all
//	deprecated   true if Junction says so
//	description  one line
package schemas
