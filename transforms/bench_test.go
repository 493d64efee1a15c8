package transforms_test

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/go-faster/jx"
	"github.com/klauspost/compress/gzip"

	"vitalsink/connector/connectortest"
	"vitalsink/connector/synth"
	"vitalsink/transforms"
)

// perBatch is about how many rows the benchmarks collect before they hand them
// over.
const perBatch = 60_000

// corpus is what a benchmark reads, again and again.
type corpus struct {
	name     string
	messages []transforms.Message
	bytes    int // of JSON in all of them
	rows     int // in all of them
}

// scene is one event of a corpus.
type scene struct {
	resource string
	samples  int
}

// corpora are the messages of the benchmarks, gzip'd as Junction does, from a
// kibibyte on: a sleep has less. mixed is about a day of a user.
func corpora(tb testing.TB, users int) []corpus {
	tb.Helper()
	return []corpus{
		newCorpus(tb, "heartrate", users, scene{"heartrate", 300}),
		newCorpus(tb, "blood_pressure", users, scene{"blood_pressure", 300}),
		newCorpus(tb, "steps", users, scene{"steps", 300}),
		newCorpus(tb, "sleep", users, scene{"sleep", 0}),
		newCorpus(tb, "mixed", users,
			scene{"sleep", 0}, scene{"activity", 0}, scene{"sleep", 0}, scene{"activity", 0}, scene{"workouts", 0}, scene{"workout_distance", 60},
			scene{"heartrate", 120}, scene{"heartrate", 120}, scene{"heartrate", 120}, scene{"heartrate", 120}, scene{"hrv", 60},
			scene{"blood_oxygen", 16}, scene{"stress_level", 40}, scene{"steps", 20}, scene{"steps", 56}, scene{"distance", 20}, scene{"distance", 56},
			scene{"calories_active", 56}, scene{"calories_basal", 24}, scene{"floors_climbed", 12}, scene{"glucose", 48}, scene{"weight", 1},
			scene{"blood_pressure", 2}, scene{"water", 5}),
	}
}

// newCorpus plays the scenes for each of some users.
func newCorpus(tb testing.TB, name string, users int, scenes ...scene) corpus {
	tb.Helper()
	g, at := synth.New(7, catalogue()), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	decoder, c := newDecoder(tb), corpus{name: name}
	for range users {
		u := g.User()
		for _, s := range scenes {
			eventType := "daily.data." + s.resource + ".created"
			body := g.Event(eventType, synth.Modern, u, at, s.samples)
			m := g.Message(eventType, body, at.Add(30*time.Hour))
			d := decoder.Decode(&m)
			if d.Outcome != transforms.Landed {
				tb.Fatalf("%s does not land: %v", eventType, d.Refusals())
			}
			c.messages, c.bytes, c.rows = append(c.messages, m), c.bytes+len(body), c.rows+d.Rows
		}
	}
	return c
}

// sink is one way to make rows of messages.
type sink interface {
	// add takes a message in.
	add(m *transforms.Message) error
	// flush hands the rows over, a record a table.
	flush(each func(table string, record arrow.Record))
}

// measure runs a sink over each corpus; an operation is one message.
func measure(b *testing.B, newSink func(testing.TB) sink) {
	for _, c := range corpora(b, 20) {
		b.Run(c.name, func(b *testing.B) {
			s := newSink(b)
			b.SetBytes(int64(c.bytes / len(c.messages)))
			run(b, &c, s)
		})
	}
}

// run reads messages of a corpus and hands the rows over now and then.
func run(b *testing.B, c *corpus, s sink) {
	for rows := 0; rows == 0 || rows < perBatch; rows += c.rows / len(c.messages) { // memory that is new is slow
		if err := s.add(&c.messages[0]); err != nil {
			b.Fatal(err)
		}
	}
	s.flush(func(string, arrow.Record) {})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n, sinceFlush, cpu := 0, 0, connectortest.StartCPU(b)
	for b.Loop() {
		if err := s.add(&c.messages[n%len(c.messages)]); err != nil {
			b.Fatal(err)
		}
		n++
		if sinceFlush += c.rows / len(c.messages); sinceFlush >= perBatch {
			sinceFlush = 0
			s.flush(func(string, arrow.Record) {})
		}
	}
	s.flush(func(string, arrow.Record) {})
	took := cpu.Report(b)
	runtime.ReadMemStats(&after)
	samples := float64(n) * float64(c.rows) / float64(len(c.messages))
	b.ReportMetric(float64(took)/samples, "cpu-ns/sample")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/samples, "allocs/sample")
}

// BenchmarkDecodeSize decodes messages of ever more samples, which are short:
// a body holds at most transforms.MaxBody.
func BenchmarkDecodeSize(b *testing.B) {
	for samples := 1; samples <= 1_000_000; samples *= 10 {
		at, body := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), []byte(nil)
		for i := range samples {
			body = fmt.Appendf(body, `{"timestamp":%q,"value":%d},`, at.Add(-time.Duration(i)*time.Second).Format(time.RFC3339), 40+i%100)
		}
		c := corpus{rows: samples, messages: []transforms.Message{{
			ID: "m", PublishTime: at,
			Data: fmt.Appendf(nil, `{"event_type":"daily.data.heartrate.created","user_id":"u","data":{"data":[%s]}}`, body[:len(body)-1]),
		}}}
		b.Run(fmt.Sprintf("samples=%d", samples), func(b *testing.B) {
			run(b, &c, newDecodeSink(b, &transforms.Recycler{}))
		})
	}
}

// BenchmarkDecode is the package: message in, Arrow out.
func BenchmarkDecode(b *testing.B) {
	measure(b, func(tb testing.TB) sink { return newDecodeSink(tb, &transforms.Recycler{}) })
}

// BenchmarkEncodingJSON does the same by encoding/json and structs, without
// _extra, fallbacks, checks of duplicates and bounds.
func BenchmarkEncodingJSON(b *testing.B) {
	measure(b, func(testing.TB) sink { return newJSONSink(&transforms.Recycler{}) })
}

// BenchmarkFloor only decompresses and finds where the JSON ends: nothing that
// reads every byte is faster.
func BenchmarkFloor(b *testing.B) {
	measure(b, func(testing.TB) sink { return &floorSink{} })
}

type decodeSink struct {
	mem      memory.Allocator
	decoder  *transforms.Decoder
	builders map[string]*transforms.Builder
}

func newDecodeSink(tb testing.TB, mem memory.Allocator) *decodeSink {
	return &decodeSink{mem, newDecoder(tb), map[string]*transforms.Builder{}}
}

func (s *decodeSink) add(m *transforms.Message) error {
	d := s.decoder.Decode(m)
	if d.Outcome != transforms.Landed {
		return fmt.Errorf("does not land: %v", d.Refusals())
	}
	b, ok := s.builders[d.Table.Name]
	if !ok {
		b = transforms.NewBuilder(s.mem, d.Table)
		s.builders[d.Table.Name] = b
	}
	b.Append(d)
	return nil
}

func (s *decodeSink) flush(each func(string, arrow.Record)) {
	for table, b := range s.builders {
		record := b.NewRecord()
		each(table, record)
		record.Release()
		b.Release()
	}
	clear(s.builders)
}

type floorSink struct {
	unzip unzipper
	json  jx.Decoder
}

func (s *floorSink) add(m *transforms.Message) error {
	body, err := s.unzip.body(m)
	if err != nil {
		return err
	}
	s.json.ResetBytes(body)
	return s.json.Skip()
}

func (s *floorSink) flush(func(string, arrow.Record)) {}

// unzipper keeps its buffers, as the decoder does.
type unzipper struct {
	zr  *gzip.Reader
	buf bytes.Buffer
}

func (u *unzipper) body(m *transforms.Message) (_ []byte, err error) {
	if m.Attributes["blob-codec"] != "gzip" {
		return m.Data, nil
	}
	if u.zr == nil {
		u.zr, err = gzip.NewReader(bytes.NewReader(m.Data))
	} else {
		err = u.zr.Reset(bytes.NewReader(m.Data))
	}
	if err != nil {
		return nil, err
	}
	u.buf.Reset()
	_, err = u.buf.ReadFrom(u.zr)
	return u.buf.Bytes(), err
}

// TestEncodingJSON: what the benchmarks compare does the same.
func TestEncodingJSON(t *testing.T) {
	for _, c := range corpora(t, 1) {
		mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
		records := map[string]arrow.Record{}
		ours, theirs := newDecodeSink(t, mem), newJSONSink(mem)
		for i := range c.messages {
			for _, s := range []sink{ours, theirs} {
				if err := s.add(&c.messages[i]); err != nil {
					t.Fatal(err)
				}
			}
		}
		ours.flush(func(table string, r arrow.Record) { r.Retain(); records[table] = r })
		theirs.flush(func(table string, r arrow.Record) {
			if !array.RecordEqual(records[table], r) {
				t.Errorf("%s: the records of %s differ", c.name, table)
			}
			records[table].Release()
			delete(records, table)
		})
		if len(records) > 0 {
			t.Errorf("%s: %d tables more", c.name, len(records))
		}
		mem.AssertSize(t, 0)
	}
}
