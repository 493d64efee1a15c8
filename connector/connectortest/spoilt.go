package connectortest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// When all batches of spoilt books were registered, and merged.
var (
	registeredAt = time.Date(2026, 5, 1, 12, 0, 0, 123456000, time.UTC)
	mergedAt     = registeredAt.Add(time.Minute)
)

// entries are rows of registry and ledger, by id.
type entries struct{ batches, merges map[string]map[string]any }

// entered are books that balance: two batches of sleep in one merge, one
// pending, one registered again by a later try, and one of the quarantine.
func entered() entries {
	sleeps := connector.Books{Rows: 3, RowsDecoded: 5, RowsQuarantined: 1, RowsErased: 1, Messages: 2, MessagesLanded: 1, MessagesPartlyQuarantined: 1}
	refused := connector.Books{Rows: 2, RowsDecoded: 4, RowsQuarantined: 4, Messages: 3, MessagesQuarantined: 2, MessagesEmpty: 1}
	e := entries{map[string]map[string]any{
		"b1": registryRow("b1", "sleep", sleeps), "b2": registryRow("b2", "sleep", sleeps),
		"pending": registryRow("pending", "sleep", sleeps), "q": registryRow("q", schemas.QuarantineTable, refused),
	}, map[string]map[string]any{
		"m1": ledgerRow("m1", "sleep", connector.MergeBooks{Registered: 6, Applied: 1, Superseded: 2, Stale: 1, Erased: 2}, "b1", "b2"),
		"m2": ledgerRow("m2", schemas.QuarantineTable, connector.MergeBooks{Registered: 2, Applied: 2}, "q"),
	}}
	e.again("b2")
	return e
}

// again registers a batch once more, by a later try.
func (e entries) again(id string) map[string]any {
	row := maps.Clone(e.batches[id])
	row["registered_at"] = mergedAt
	e.batches[id+" again"] = row
	return row
}

// merge enters one more merge.
func (e entries) merge(table string, books connector.MergeBooks, batches ...string) {
	e.merges["m3"] = ledgerRow("m3", table, books, batches...)
}

func registryRow(id, table string, books connector.Books) map[string]any {
	b := connector.Batch{
		ID: id, Table: &schemas.Table{Name: table}, Lane: connector.Recent, CatalogueVersion: 1, AppendedAt: registeredAt,
		Days: []time.Time{time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)}, Books: books,
	}
	return b.RegistryRow(registeredAt)
}

func ledgerRow(id, table string, b connector.MergeBooks, batches ...string) map[string]any {
	return map[string]any{
		"merge_id": id, "table_name": table, "batch_ids": batches, "merged_at": mergedAt,
		"rows_registered": b.Registered, "rows_applied": b.Applied, "rows_superseded": b.Superseded,
		"rows_stale": b.Stale, "rows_erased": b.Erased, "bytes_estimated": nil, "bytes_billed": nil, "job_id": nil,
	}
}

// placed is a row of the case of that number: with ids of its own, and so many
// hours later.
func placed(row map[string]any, number int) map[string]any {
	row = maps.Clone(row)
	for column, v := range row {
		switch v := v.(type) {
		case time.Time:
			row[column] = v.Add(time.Duration(number) * time.Hour)
		case []string:
			if column == "batch_ids" {
				v = slices.Clone(v)
				for i := range v {
					v[i] += fmt.Sprint(" of ", number)
				}
				row[column] = v
			}
		case string:
			if column == "batch_id" || column == "merge_id" {
				row[column] = v + fmt.Sprint(" of ", number)
			}
		}
	}
	return row
}

// spoilt is what somebody did to the books, and the faults that it makes.
type spoilt struct {
	name  string
	spoil func(e entries)
	table string
	want  []fault

	unregistered bool // what is wrong is a merge of nothing that is registered
}

// fault is one, with the id as it was before it was placed.
type fault struct {
	Kind    connector.FaultKind
	Count   int
	Example string
}

// spoiltBooks are the ways in which batches and merges can be at fault.
func spoiltBooks() []spoilt {
	return slices.Concat([]spoilt{{name: "nothing", spoil: func(entries) {}}}, spoiltBatches(), spoiltCopies(), spoiltMerges(), unregistered())
}

// raise adds one to columns of a row.
func raise(row map[string]any, columns ...string) {
	for _, c := range columns {
		row[c] = row[c].(int) + 1
	}
}

func spoiltBatches() []spoilt {
	return []spoilt{
		{
			name:  "a message without an outcome",
			spoil: func(e entries) { raise(e.batches["b1"], "messages") },
			table: "sleep", want: []fault{{connector.MessagesUnaccounted, 1, "b1"}},
		}, {
			name:  "a row that is gone",
			spoil: func(e entries) { raise(e.batches["pending"], "rows_decoded") },
			table: "sleep", want: []fault{{connector.RowsUnaccounted, 1, "pending"}},
		}, {
			name:  "a row too many",
			spoil: func(e entries) { raise(e.batches["b1"], "rows_erased") },
			table: "sleep", want: []fault{{connector.RowsUnaccounted, 1, "b1"}},
		}, {
			name: "two that cancel out",
			spoil: func(e entries) {
				raise(e.batches["b1"], "messages_empty")
				raise(e.batches["pending"], "messages")
			},
			table: "sleep", want: []fault{{connector.MessagesUnaccounted, 2, "b1"}},
		}, {
			name:  "a quarantine that counts its rows",
			spoil: func(e entries) { e.batches["q"]["rows_quarantined"] = 2 },
			table: schemas.QuarantineTable, want: []fault{{connector.RowsUnaccounted, 1, "q"}},
		}, {
			name:  "a batch in two merges",
			spoil: func(e entries) { e.merge("sleep", connector.MergeBooks{Registered: 3, Stale: 3}, "b1") },
			table: "sleep", want: []fault{{connector.TakenTwice, 1, "b1"}},
		}, {
			name: "a batch twice in a merge",
			spoil: func(e entries) {
				e.merge("sleep", connector.MergeBooks{Registered: 6, Applied: 6}, "pending", "pending")
			},
			table: "sleep", want: []fault{{connector.TakenTwice, 1, "pending"}},
		},
	}
}

// spoiltCopies have a batch twice, and not the same.
func spoiltCopies() []spoilt {
	var cases []spoilt
	for column, value := range map[string]any{
		"lane": "late", "table_name": "zzz", "rows": 4, "messages_landed": 2, "appended_at": mergedAt, "catalogue_version": 2,
		"days": []time.Time{}, "resources": []string{"heartrate"}, "rows_without_day": 1,
	} {
		cases = append(cases, spoilt{
			name:  "copies with another " + column,
			spoil: func(e entries) { e.again("pending")[column] = value },
			table: "sleep", want: []fault{{connector.CopiesDiffer, 1, "pending"}},
		})
	}
	return cases
}

func spoiltMerges() []spoilt {
	return []spoilt{
		{
			name:  "a row lost in a merge",
			spoil: func(e entries) { e.merges["m1"]["rows_stale"] = 0 },
			table: "sleep", want: []fault{{connector.MergeUnaccounted, 1, "m1"}},
		}, {
			name:  "a merge of more rows",
			spoil: func(e entries) { raise(e.merges["m1"], "rows_registered", "rows_applied") },
			table: "sleep", want: []fault{{connector.RegistryDiffers, 1, "m1"}},
		}, {
			name:  "a merge into another table",
			spoil: func(e entries) { e.merges["m2"]["table_name"] = "sleep" },
			table: "sleep", want: []fault{{connector.TableDiffers, 1, "m2"}},
		}, {
			name:  "a merge twice in the ledger",
			spoil: func(e entries) { e.merges["m2 again"] = e.merges["m2"] },
			table: schemas.QuarantineTable, want: []fault{{connector.TakenTwice, 1, "q"}, {connector.RegistryDiffers, 2, "m2"}},
		},
	}
}

// unregistered have a merge of batches that are not there.
func unregistered() []spoilt {
	return []spoilt{
		{
			name:  "a batch that nobody registered, among others",
			spoil: func(e entries) { e.merges["m1"]["batch_ids"] = []string{"b1", "b2", "b3"} },
			table: "sleep", want: []fault{{connector.BatchUnregistered, 1, "m1"}},
		}, {
			name:  "a batch that nobody registered",
			spoil: func(e entries) { e.merge("meal", connector.MergeBooks{}, "b3") },
			table: "meal", want: []fault{{connector.BatchUnregistered, 1, "m3"}}, unregistered: true,
		}, {
			name:  "a merge of nothing",
			spoil: func(e entries) { e.merge("sleep", connector.MergeBooks{Registered: 1, Applied: 1}) },
			table: "sleep", want: []fault{{connector.RegistryDiffers, 1, "m3"}}, unregistered: true,
		},
	}
}
