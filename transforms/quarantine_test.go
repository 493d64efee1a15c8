package transforms_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"vitalsink/transforms"
)

// restored is what the parts in quarantine give back: gunzip of all of them,
// in order.
func restored(t tb, quarantine []row) []byte {
	t.Helper()
	var zipped []byte
	part := int64(0)
	for _, r := range quarantine {
		if r["_index"] != int64(-1) {
			continue
		}
		if r["part"] != part {
			t.Fatalf("part %v, want %d", r["part"], part)
		}
		part++
		zipped = append(zipped, r["payload"].([]byte)...)
	}
	zr, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		t.Fatalf("open the payload: %v", err)
	}
	data, err := io.ReadAll(zr)
	if err != nil {
		t.Fatalf("read the payload: %v", err)
	}
	return data
}

// TestQuarantineOfMessage: all that is known of it, once.
func TestQuarantineOfMessage(t *testing.T) {
	body := `{"event_type":"daily.data.sleep.created","user_id":"u1","data":{}}`
	o := decode(t, body, attribute("idempotency-key", "k1"), attribute("event-type", "daily.data.heartrate.created"))
	if len(o.quarantine) != 1 {
		t.Fatalf("%d rows", len(o.quarantine))
	}
	checkRow(t, o.quarantine[0], row{
		"message_id": "m1", "_index": int64(-1), "part": int64(0), "published_at": stamp(published()),
		"reason": "bad_key", "json_path": "$.data.id", "detail": "id is missing or unreadable",
		"user_id": "u1", "event_type": "daily.data.sleep.created", "payload_bytes": int64(len(body)),
		"attributes": `{"event-type":"daily.data.heartrate.created","idempotency-key":"k1"}`,
		"_version":   versionBytes(published(), published(), "m1", 0xFFFFFFFF), "_version_at": stamp(published()),
		"_message_id": "m1", "_deleted": false,
	})
	if got := restored(t, o.quarantine); string(got) != body {
		t.Errorf("restored %q", got)
	}
}

// TestQuarantineOfLittleKnown: what cannot be told is NULL.
func TestQuarantineOfLittleKnown(t *testing.T) {
	o := decode(t, "\x1f\x8b\x00", attribute("event-type", "daily.data.sleep.created"))
	checkRow(t, o.quarantine[0], row{"reason": "bad_gzip", "user_id": nil, "event_type": "daily.data.sleep.created", "json_path": nil})
	checkRow(t, decode(t, "").quarantine[0], row{"reason": "not_json", "user_id": nil, "event_type": nil, "attributes": nil, "payload_bytes": int64(0)})
	if got := restored(t, decode(t, "").quarantine); len(got) != 0 {
		t.Errorf("restored %q of nothing", got)
	}
}

// TestQuarantineOfDoor: a door that could not open its envelope says why.
func TestQuarantineOfDoor(t *testing.T) {
	body := "no envelope \xff"
	o := decode(t, body, func(m *transforms.Message) {
		m.Refusal = transforms.Refuse(transforms.BadEnvelope, "$.message", "no %s", "data")
	})
	checkRefused(t, o, "bad_envelope", "$.message")
	checkRow(t, o.quarantine[0], row{"reason": "bad_envelope", "json_path": "$.message", "detail": "no data"})
	if got := restored(t, o.quarantine); string(got) != body {
		t.Errorf("restored %q", got)
	}
}

// TestQuarantineOfSamples: the bytes once, and a row for each bad sample.
func TestQuarantineOfSamples(t *testing.T) {
	body := zip(t, series("heartrate", `{},`+at(noon, "")+`,7,`+at("1999-01-01", "")))
	o := decode(t, body, attribute("blob-codec", "gzip"))
	if len(o.quarantine) != 4 || len(o.rows) != 1 {
		t.Fatalf("%d rows in quarantine, %d landed", len(o.quarantine), len(o.rows))
	}
	size := int64(len(body))
	checkRow(t, o.quarantine[0], row{"_index": int64(-1), "reason": "samples", "payload_bytes": size, "attributes": `{"blob-codec":"gzip"}`})
	for i, want := range []row{
		{"_index": int64(0), "reason": "bad_key", "json_path": "$.data.data[0].timestamp"},
		{"_index": int64(2), "reason": "bad_shape", "json_path": "$.data.data[2]"},
		{"_index": int64(3), "reason": "date_out_of_time", "json_path": "$.data.data[3].timestamp"},
	} {
		want["part"], want["payload"], want["attributes"], want["user_id"] = int64(0), nil, nil, "u1"
		checkRow(t, o.quarantine[i+1], want)
	}
	if got := restored(t, o.quarantine); string(got) != body {
		t.Errorf("restored %q", got)
	}
}

// TestQuarantineOfReplay: it keeps the identity it had first.
func TestQuarantineOfReplay(t *testing.T) {
	before := published().Add(-time.Hour)
	o := decode(t, "{", attribute("original-message-id", "m0"), attribute("original-publish-time", stamp(before)))
	checkRow(t, o.quarantine[0], row{"message_id": "m0", "published_at": stamp(before), "_version": versionBytes(before, before, "m0", 0xFFFFFFFF)})
}

// TestQuarantineInParts: what compresses to more than a part holds.
func TestQuarantineInParts(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 2*transforms.MaxPart+1000)
	source := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(source.Uint32())
	}
	o := decode(t, string(noise), attribute("x", "y"))
	if len(o.quarantine) != 3 {
		t.Fatalf("%d parts, want 3", len(o.quarantine))
	}
	for i, r := range o.quarantine {
		if n := len(r["payload"].([]byte)); n > transforms.MaxPart {
			t.Errorf("part %d has %d bytes", i, n)
		}
		if (r["attributes"] != nil) != (i == 0) {
			t.Errorf("attributes of part %d: %v", i, r["attributes"])
		}
	}
	if !bytes.Equal(restored(t, o.quarantine), noise) {
		t.Error("the parts do not give the message back")
	}
}

// TestQuarantineKeys: no two rows of a message share their key.
func TestQuarantineKeys(t *testing.T) {
	o := decode(t, series("heartrate", strings.TrimSuffix(strings.Repeat("{},", 50), ",")))
	seen := map[[2]any]bool{}
	for _, r := range o.quarantine {
		key := [2]any{r["_index"], r["part"]}
		if seen[key] {
			t.Errorf("twice: %v", key)
		}
		seen[key] = true
	}
	if len(seen) != 51 {
		t.Errorf("%d rows, want 51", len(seen))
	}
}
