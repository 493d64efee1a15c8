package transforms_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vitalsink/transforms"
)

// versionBytes lays a _version out by the design's words.
func versionBytes(at, publish time.Time, id string, index uint32) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(at.UnixMicro()))
	b = binary.BigEndian.AppendUint64(b, uint64(publish.UnixMicro()))
	sum := sha256.Sum256([]byte(id))
	return binary.BigEndian.AppendUint32(append(b, sum[:8]...), index)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// TestVersion: what the version time, the publish time and the id of a message
// are.
func TestVersion(t *testing.T) {
	pub, epoch := published(), time.UnixMicro(0)
	hour, day := pub.Add(-time.Hour), pub.AddDate(0, 0, -1)
	for _, c := range []struct {
		name      string
		updatedAt string // of the summary
		edits     []func(*transforms.Message)
		at, pub   time.Time
		id        string
		clamped   bool
	}{
		{name: "publish time", at: pub, pub: pub, id: "m1"},
		{name: "updated_at", updatedAt: stamp(hour), at: hour, pub: pub, id: "m1"},
		{name: "updated_at with offset", updatedAt: "2026-03-02T12:00:00.0000015+01:00", at: hour.Add(time.Microsecond), pub: pub, id: "m1"},
		{name: "updated_at unreadable", updatedAt: "lately", at: pub, pub: pub, id: "m1"},
		{name: "event time", edits: edits(attribute("event-time", stamp(hour))), at: hour, pub: pub, id: "m1"},
		{name: "event time unreadable", edits: edits(attribute("event-time", "lately")), at: pub, pub: pub, id: "m1"},
		{name: "updated_at before event time", updatedAt: stamp(day), edits: edits(attribute("event-time", stamp(hour))), at: day, pub: pub, id: "m1"},
		{name: "five minutes ahead", updatedAt: stamp(pub.Add(5 * time.Minute)), at: pub.Add(5 * time.Minute), pub: pub, id: "m1"},
		{name: "further ahead", updatedAt: stamp(pub.Add(5*time.Minute + time.Microsecond)), at: pub, pub: pub, id: "m1", clamped: true},
		{name: "event time ahead", edits: edits(attribute("event-time", stamp(pub.Add(time.Hour)))), at: pub, pub: pub, id: "m1", clamped: true},
		{name: "replay", edits: edits(attribute("original-message-id", "m0"), attribute("original-publish-time", stamp(hour))), at: hour, pub: hour, id: "m0"},
		{name: "replay without time", edits: edits(attribute("original-message-id", "m0"), attribute("original-publish-time", "")), at: pub, pub: pub, id: "m0"},
		{name: "dead letter", edits: edits(attribute("CloudPubSubDeadLetterSourceTopicPublishTime", stamp(day))), at: day, pub: day, id: "m1"},
		{name: "replay of a dead letter", edits: edits(attribute("CloudPubSubDeadLetterSourceTopicPublishTime", stamp(hour)),
			attribute("original-publish-time", stamp(day))), at: day, pub: day, id: "m1"},
		{name: "clamped to the original", updatedAt: stamp(pub), edits: edits(attribute("original-publish-time", stamp(hour))), at: hour, pub: hour, id: "m1", clamped: true},
		{name: "as of later", updatedAt: stamp(hour), edits: edits(publishedAt(epoch), asOf(pub)), at: hour, pub: epoch, id: "m1"},
		{name: "after as of", updatedAt: stamp(pub.AddDate(1, 0, 0)), edits: edits(publishedAt(epoch), asOf(pub)), at: pub, pub: epoch, id: "m1", clamped: true},
		{name: "bare", edits: edits(publishedAt(epoch), asOf(pub)), at: epoch, pub: epoch, id: "m1"},
		{name: "updated before 1970", updatedAt: "1969-12-31T23:59:59Z", at: epoch, pub: pub, id: "m1"},
		{name: "published before 1970", edits: edits(publishedAt(epoch.Add(-time.Second)), asOf(pub)), at: epoch, pub: epoch, id: "m1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fields := ""
			if c.updatedAt != "" {
				fields = `"updated_at":"` + c.updatedAt + `"`
			}
			o := decode(t, summary("body", fields), c.edits...)
			want := versionBytes(c.at, c.pub, c.id, 0)
			checkRow(t, only(t, o), row{"_version": want, "_version_at": stamp(c.at), "_message_id": c.id, "_deleted": false})
			if o.Clamped != c.clamped {
				t.Errorf("clamped is %t", o.Clamped)
			}
		})
	}
}

func edits(all ...func(*transforms.Message)) []func(*transforms.Message) { return all }

func asOf(at time.Time) func(*transforms.Message) {
	return func(m *transforms.Message) { m.AsOf = at }
}

// TestVersionOfSamples: data.updated_at is the version time of a series and of
// an event nobody knows, too; it has no column there.
func TestVersionOfSamples(t *testing.T) {
	updated := published().Add(-time.Hour)
	fields := `"updated_at":"` + stamp(updated) + `"`
	want := row{"_version": versionBytes(updated, published(), "m1", 0), "_extra": `{"$.data.updated_at":"` + stamp(updated) + `"}`}
	checkRow(t, only(t, decode(t, seriesOf("heartrate", fields, at(noon, "")))), want)
	delete(want, "_extra")
	checkRow(t, only(t, decode(t, `{"event_type":"lab.new","data":{`+fields+`}}`)), want)
	// Of one sample it says nothing about the others.
	checkRow(t, only(t, decode(t, series("heartrate", at(noon, fields)))), row{"_version": versionBytes(published(), published(), "m1", 0)})
}

// TestPosition: of two samples with one key the later wins; a refused one
// keeps its place.
func TestPosition(t *testing.T) {
	o := decode(t, series("heartrate", at(noon, "")+`,{"value":1},`+at(noon, "")))
	if len(o.rows) != 2 || o.rows[0].position() != 0 || o.rows[1].position() != 2 {
		t.Fatalf("rows %v", o.rows)
	}
	if bytes.Compare(o.rows[0]["_version"].([]byte), o.rows[1]["_version"].([]byte)) >= 0 {
		t.Error("the later position does not win")
	}
	whole, sample := o.quarantine[0], o.quarantine[1]
	checkRow(t, whole, row{"_index": int64(-1), "_version": versionBytes(published(), published(), "m1", 0xFFFFFFFF)})
	checkRow(t, sample, row{"_index": int64(1), "_version": versionBytes(published(), published(), "m1", 1)})
}

// TestVersionsSort: bytes compare as what they are made of.
func TestVersionsSort(t *testing.T) {
	type parts struct {
		at, publish int64
		id          string
	}
	decoder := newDecoder(t)
	draw := rapid.Custom(func(t *rapid.T) parts {
		micros := rapid.Int64Range(0, published().UnixMicro())
		return parts{rapid.OneOf(micros, rapid.Int64Range(0, 3)).Draw(t, "at"), published().UnixMicro() + rapid.Int64Range(0, 2).Draw(t, "publish"),
			fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "id"))}
	})
	version := func(t *rapid.T, p parts) []byte {
		m := message(summary("body", `"updated_at":"`+stamp(time.UnixMicro(p.at))+`"`), publishedAt(time.UnixMicro(p.publish)))
		m.ID = p.id
		return only(t, decodeWith(t, decoder, m))["_version"].([]byte)
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw.Draw(t, "a"), draw.Draw(t, "b")
		x, y := sha256.Sum256([]byte(a.id)), sha256.Sum256([]byte(b.id))
		want := cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.publish, b.publish), bytes.Compare(x[:8], y[:8]))
		if got := bytes.Compare(version(t, a), version(t, b)); got != want {
			t.Errorf("%v against %v: bytes say %d, want %d", a, b, got, want)
		}
	})
}
