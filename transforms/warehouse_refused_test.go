package transforms_test

import (
	"testing"

	"vitalsink/transforms"
)

// TestRefuseRows: rows that the warehouse does not take are in quarantine as if
// the decoder had refused them, beside those that it did refuse.
func TestRefuseRows(t *testing.T) {
	body := series("heartrate", at(noon, "")+","+at("?", "")+","+at("2026-03-02T12:00:01Z", "")+","+at("2026-03-02T12:00:02Z", ""))
	o := decodeWith(t, newDecoder(t), message(body), 2)
	if o.Outcome != transforms.PartlyQuarantined || o.RowsDecoded != 4 || o.RowsQuarantined != 2 || len(o.rows) != 2 {
		t.Errorf("outcome %v, %d rows decoded, %d quarantined, %d built", o.Outcome, o.RowsDecoded, o.RowsQuarantined, len(o.rows))
	}
	for i, want := range []row{
		{"_index": int64(-1), "reason": "samples"},
		{"_index": int64(1), "reason": "bad_key"},
		{
			"_index": int64(2), "reason": "warehouse_refused", "json_path": "$.data.data[2]",
			"detail": "the warehouse does not take the row", "payload": nil,
		},
	} {
		for column, value := range want {
			if got := o.quarantine[i][column]; got != value {
				t.Errorf("quarantine row %d: %s is %v, want %v", i, column, got, value)
			}
		}
	}
	if got := restored(t, o.quarantine); string(got) != body {
		t.Errorf("restored %q", got)
	}
}

// TestRefuseAllRows: a message of which no row is left.
func TestRefuseAllRows(t *testing.T) {
	for body, path := range map[string]string{
		summary("sleep", ""): "$.data",
		`{"event_type":"raw.oura.daily","user_id":"u1","data":{}}`:                                     "$",
		series("heartrate", at(noon, "")):                                                              "$.data.data[0]",
		series("glow", at(noon, "")):                                                                   "$.data.data[0]", // stays a series
		`{"event_type":"daily.data.glucose.created","user_id":"u1","data":[` + at(noon, "") + `]}`:     "$.data[0]",
		`{"event_type":"daily.data.glucose.created","user_id":"u1","data":` + at(noon, "") + `}`:       "$.data",
		`{"event_type":"provider.device.created","user_id":"u1","data":{"id":"d1","provider":"oura"}}`: "$.data",
	} {
		o := decodeWith(t, newDecoder(t), message(body), 0)
		if o.Outcome != transforms.Quarantined || o.Rows != 0 || len(o.rows) != 0 || len(o.refusals) != 1 {
			t.Errorf("%s: outcome %v, %d rows, refusals %v", body, o.Outcome, len(o.rows), o.refusals)
			continue
		}
		if r := o.refusals[0]; r.Reason != transforms.WarehouseRefused || r.Path != path {
			t.Errorf("%s: %v, want it at %s", body, r.Error(), path)
		}
		if got := restored(t, o.quarantine); string(got) != body {
			t.Errorf("restored %q", got)
		}
	}
}
