package transforms_test

import (
	"slices"
	"testing"
	"time"

	"vitalsink/schemas"
	"vitalsink/transforms"
)

// keyValue is a value for a column of a key, or of the partition, and how it
// comes back.
func keyValue(c schemas.Column) (said, got any) {
	switch c.Type {
	case schemas.Int64:
		return -1, int64(-1)
	case schemas.Timestamp:
		return "2026-02-01T08:00:00.000001Z", "2026-02-01T08:00:00.000001Z"
	case schemas.Date:
		return "2026-02-01", "2026-02-01"
	}
	if c.Name == "discriminator" {
		return "", "" // as it is for most series
	}
	return "a " + c.Name, "a " + c.Name
}

// TestTombstones: of every table rows can be deleted, by key and partition, and
// a tombstone says nothing else.
func TestTombstones(t *testing.T) {
	at := published().Add(time.Minute)
	for _, table := range catalogue().Versioned() {
		t.Run(table.Name, func(t *testing.T) {
			said, want := map[string]any{}, row{}
			for _, c := range table.Columns {
				if table.IsKey(c.Name) || table.Partition != nil && table.Partition.Column == c.Name {
					said[c.Name], want[c.Name] = keyValue(c)
				} else if c.Repeated {
					want[c.Name] = []any{}
				}
			}
			m, err := transforms.Tombstones("t1", at, table, []map[string]any{{}, said})
			if err != nil {
				t.Fatal(err)
			}
			o := decodeWith(t, newDecoder(t), &m)
			if o.Table != table || len(o.rows) != 1 {
				t.Fatalf("%d rows of %v: %v", len(o.rows), o.Table, o.refusals)
			}
			checkSampleRefused(t, o, 1, o.refusals[0].Reason, o.refusals[0].Path) // the one without a key
			want["_version"], want["_version_at"] = versionBytes(at, at, "t1", 1), stamp(at)
			want["_message_id"], want["_deleted"] = "t1", true
			checkRow(t, o.rows[0], want)
			if len(o.rows[0]) != len(want) {
				t.Errorf("it says more than %v: %v", want, o.rows[0])
			}
			if days := len(o.days); (days == 1) != (table.Partition != nil) {
				t.Errorf("it touches %d days", days)
			}
			// Merges of timeseries read just the series that their batches name.
			if table.Name == schemas.TimeseriesTable && !slices.Equal(o.resources, []string{"a resource"}) {
				t.Errorf("it touches the series %v", o.resources)
			}
		})
	}
}

// TestTombstonesOfNothing: what is no tombstone is not taken for one.
func TestTombstonesOfNothing(t *testing.T) {
	sleep := catalogue().Table("sleep")
	if _, err := transforms.Tombstones("t1", published(), sleep, []map[string]any{{"user_id": "u1", "id": "s1", "score": 7}}); err == nil {
		t.Error("a tombstone may say a value")
	}
	for _, body := range []string{
		`{"event_type":"vitalsink.deleted.batches","data":{"data":[{"batch_id":"b1"}]}}`, // no versions, no tombstones
		`{"event_type":"vitalsink.deleted.","data":{"data":[]}}`,
		`{"event_type":"vitalsink.deleted","data":{"data":[]}}`,
	} {
		checkTable(t, decode(t, body), "events", row{"payload": body})
	}
	m, err := transforms.Tombstones("t1", published(), sleep, nil)
	if err != nil {
		t.Fatal(err)
	}
	if o := decodeWith(t, newDecoder(t), &m); o.Outcome != transforms.Empty {
		t.Errorf("no rows to delete are %v", o.Outcome)
	}
}

// TestAsOfIsKept: the clock of a bare event goes with it into quarantine, and
// counts when it is decoded again: by its publish time of 1970 all dates would
// be of the future.
func TestAsOfIsKept(t *testing.T) {
	bare := edits(publishedAt(time.UnixMicro(7)), asOf(published()))
	o := decode(t, "{", bare...)
	attributes := o.quarantine[0]["attributes"]
	if attributes != `{"as-of":"`+stamp(published())+`"}` {
		t.Fatalf("attributes: %v", attributes)
	}
	again := decode(t, series("heartrate", at(noon, "")), publishedAt(time.UnixMicro(7)), attribute("as-of", stamp(published())))
	if len(again.rows) != 1 || again.Clamped {
		t.Errorf("decoded again: %d rows, %v", len(again.rows), again.refusals)
	}
}
