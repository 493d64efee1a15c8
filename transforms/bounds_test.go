package transforms_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"vitalsink/transforms"
)

// TestPartitionBounds: from 2005 to two days after the message, by days.
func TestPartitionBounds(t *testing.T) {
	bare := edits(publishedAt(time.UnixMicro(0)), asOf(published()))
	for _, c := range []struct {
		name, at string
		edits    []func(*transforms.Message)
		lands    bool
	}{
		{"before 2005", "2004-12-31T23:59:59.999999Z", nil, false},
		{"2005", "2005-01-01", nil, true},
		{"2005 by its offset only", "2005-01-01T00:59:59+01:00", nil, false},
		{"two days ahead", "2026-03-04T12:00:00Z", nil, true},
		{"the end of that day", "2026-03-04T23:59:59.999999Z", nil, true},
		{"the day after", "2026-03-05T00:00:00Z", nil, false},
		{"as of, in time", "2026-03-04T23:59:59Z", bare, true},
		{"as of, too late", "2026-03-05T00:00:00Z", bare, false},
		{"of a replay", "2026-02-05", edits(attribute("original-publish-time", "2026-02-02T00:00:00Z")), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			samples := decode(t, series("heartrate", at(c.at, "")), c.edits...)
			whole := decode(t, summary("sleep", `"created_at":"`+c.at+`"`), c.edits...)
			if c.lands {
				only(t, samples)
				only(t, whole)
				return
			}
			checkRefusedAlone(t, samples, "date_out_of_time", "$.data.data[0].timestamp")
			checkRefused(t, whole, "date_out_of_time", "$.data.created_at")
		})
	}
}

// TestLane: a message is late if its oldest partition day is more than three
// days before its publish time, or unknown.
func TestLane(t *testing.T) {
	for _, c := range []struct {
		name, body string
		late       bool
	}{
		{"three days", series("heartrate", at("2026-02-27T00:00:00Z", "")), false},
		{"more", series("heartrate", at("2026-02-26T23:59:59Z", "")), true},
		{"one of several", series("heartrate", at(noon, "")+","+at("2019-01-01", "")), true},
		{"only one that is refused", series("heartrate", at(noon, "")+","+at("1999-01-01", "")), false},
		{"summary", summary("sleep", `"created_at":"2026-03-01T00:00:00Z"`), false},
		{"old summary", summary("sleep", `"created_at":"2025-05-01T00:00:00Z"`), true},
		{"no created_at", summary("sleep", ""), true},
		{"unreadable created_at", summary("sleep", `"created_at":"lately"`), true},
		{"not partitioned", summary("device", ""), false},
		{"unknown event", `{"event_type":"lab.new"}`, false},
		{"no samples", series("heartrate", ""), false},
		{"refused", summary("sleep", `"created_at":"1999-01-01","new":1`), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if o := decode(t, c.body); o.Late != c.late {
				t.Errorf("late is %t", o.Late)
			}
		})
	}
	// A bare event from a file has no publish time to be late by.
	if o := decode(t, series("heartrate", at("2019-01-01", "")), publishedAt(time.UnixMicro(0)), asOf(published())); o.Late {
		t.Error("late against a publish time in 1970")
	}
}

// TestDays: what the registry is told of a batch.
func TestDays(t *testing.T) {
	o := decode(t, series("heartrate", at("2026-03-02T23:59:59Z", "")+","+at("2026-03-01T00:00:00+01:00", "")+`,{},`+at(noon, "")))
	got := fmt.Sprint(o.days, o.noDay, o.resources)
	if want := "[2026-02-28 00:00:00 +0000 UTC 2026-03-02 00:00:00 +0000 UTC] 0 [heartrate]"; got != want {
		t.Errorf("days, rows without, resources: %s, want %s", got, want)
	}
	if o := decode(t, summary("sleep", "")); len(o.days) != 0 || o.noDay != 1 || len(o.resources) != 0 {
		t.Errorf("a summary without created_at: %v %d %v", o.days, o.noDay, o.resources)
	}
	if o := decode(t, summary("device", "")); o.noDay != 1 {
		t.Errorf("a table without partitions: %d rows without a day", o.noDay)
	}
}

// TestRowTooLarge: beyond 8 MiB a sample goes alone, what is one row as a
// whole.
func TestRowTooLarge(t *testing.T) {
	t.Parallel()
	fits, big := strings.Repeat("x", transforms.MaxRow-4096), strings.Repeat("x", transforms.MaxRow)
	o := decode(t, series("heartrate", at(noon, "")+","+at(noon, `"note":"`+big+`"`)+","+at(noon, `"note":"`+fits+`"`)))
	checkSampleRefused(t, o, 2, "too_large", "$.data.data[1]")
	checkRow(t, o.rows[1], row{"_extra": `{"note":"` + fits + `"}`})
	only(t, decode(t, summary("sleep", `"new":"`+fits+`"`)))
	checkRefused(t, decode(t, summary("sleep", `"state":"`+big+`"`)), "too_large", "")
	only(t, decode(t, `{"event_type":"raw.new","data":"`+fits+`"}`))
	checkRefused(t, decode(t, `{"event_type":"raw.new","data":"`+big+`"}`), "too_large", "")
	// Half in the row, half beside it.
	half := strings.Repeat("x", transforms.MaxRow/2)
	o = decode(t, seriesOf("heartrate", `"source":{"app_id":"`+half+`"}`, at(noon, `"note":"`+half+`"`)+","+at(noon, "")))
	checkSampleRefused(t, o, 1, "too_large", "$.data.data[0]")
}

// TestExpansion: what every sample repeats makes a small body a large batch.
func TestExpansion(t *testing.T) {
	shared := `"source":{"app_id":"` + strings.Repeat("x", 2<<20) + `"}`
	samples := strings.TrimSuffix(strings.Repeat(at(noon, "")+",", 300), ",")
	checkRefused(t, decode(t, seriesOf("heartrate", shared, samples)), "too_large", "")
}

// TestBodyTooLarge: 64 MiB once decompressed, and not a byte more.
func TestBodyTooLarge(t *testing.T) {
	t.Parallel()
	event := summary("body", "")
	const page = 1 << 20
	// Members of one gzip stream: compressing all of it would take long.
	spaces := strings.Repeat(zip(t, strings.Repeat(" ", page)), transforms.MaxBody/page-1)
	fits := spaces + zip(t, event+strings.Repeat(" ", page-len(event)))
	only(t, decode(t, fits, attribute("blob-codec", "gzip")))
	o := decode(t, fits+zip(t, " "), attribute("blob-codec", "gzip"))
	checkRefused(t, o, "too_large", "")
	if n := len(o.quarantine); n != 1 {
		t.Errorf("a bomb takes %d rows in quarantine", n)
	}
	// Plain bodies are judged by their size before they are read.
	plain := make([]byte, transforms.MaxBody+1)
	for size, reason := range map[int]transforms.Reason{transforms.MaxBody: transforms.NotJSON, transforms.MaxBody + 1: transforms.TooLarge} {
		d := newDecoder(t).Decode(&transforms.Message{ID: "m1", PublishTime: published(), Data: plain[:size]})
		if len(d.Refusals()) != 1 || d.Refusals()[0].Reason != reason {
			t.Errorf("%d bytes: refusals %v, want %s", size, d.Refusals(), reason)
		}
	}
}
