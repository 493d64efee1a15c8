package bigquery

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vitalsink/connector"
	"vitalsink/connector/synth"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// rowsOf are a catalogue's tables as a population fills them, sleep,
// timeseries and quarantine among them. The caller releases the records.
func rowsOf(t testing.TB, mem memory.Allocator, c *schemas.Catalogue, p *synth.Population) map[string]arrow.Record {
	t.Helper()
	d, err := transforms.NewDecoder(c)
	if err != nil {
		t.Fatal(err)
	}
	builders := map[string]*transforms.Builder{}
	of := func(name string) *transforms.Builder {
		if builders[name] == nil {
			builders[name] = transforms.NewBuilder(mem, c.Table(name))
		}
		return builders[name]
	}
	for m := range p.Messages(context.Background(), c) {
		decoded := d.Decode(&m)
		if len(decoded.Refusals()) > 0 {
			of(schemas.QuarantineTable).AppendQuarantine(decoded)
		}
		if decoded.Rows > 0 {
			of(decoded.Table.Name).Append(decoded)
		}
	}
	records := map[string]arrow.Record{}
	for name, b := range builders {
		records[name] = b.NewRecord()
		b.Release()
	}
	return records
}

func population(users, days int) *synth.Population {
	return &synth.Population{Seed: 11, Users: users, Days: days, Bad: 0.02, Start: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
}

// TestAppendEveryTable: what people's data looks like comes out as it went in.
func TestAppendEveryTable(t *testing.T) {
	a := newAppending(t)
	records := rowsOf(t, a.mem, a.catalogue, population(2, 2))
	for _, name := range []string{"timeseries", "sleep", schemas.QuarantineTable, "activity", "workouts", "events"} {
		if records[name] == nil {
			t.Errorf("no rows of %s", name)
		}
	}
	for name, r := range records {
		b := &connector.Batch{ID: "of-" + name, Table: a.catalogue.Table(name), AppendedAt: appendedAt, Record: r, Books: connector.Books{Rows: int(r.NumRows())}}
		err := a.append(t.Context(), b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		a.check(t, b, err)
		r.Release()
	}
}

// TestEncodeSlices: a message holds the rows asked for and nothing else, and
// the size is known before.
func TestEncodeSlices(t *testing.T) {
	a := newAppending(t)
	const n = 400
	for _, name := range []string{"timeseries", "sleep", "workouts", schemas.QuarantineTable, "events"} {
		b := a.batch(name, "b1", n)
		e, err := newEncoder(a.mem, 9_000_000, b.Record, logSchema(a.catalogue), map[string]any{"_batch_id": "b1", "_appended_at": appendedAt})
		if err != nil {
			t.Fatal(err)
		}
		all := lines(b.Record)
		rapid.Check(t, func(t *rapid.T) {
			from := rapid.IntRange(0, n-1).Draw(t, "from")
			to := rapid.IntRange(from+1, n).Draw(t, "to")
			message, err := e.encode(from, to)
			if err != nil {
				t.Fatal(err)
			}
			if estimate := e.size(from, to); len(message) > estimate+requestOverhead/2 {
				t.Errorf("%s: %d..%d take %d bytes, estimated at %d", name, from, to, len(message), estimate)
			}
			got := decode(t, e.message, message)
			for i, line := range got {
				got[i] = strings.TrimSuffix(line, "_batch_id=b1 _appended_at=2026-03-02 12:00:00.123456Z ")
			}
			if diff := cmp.Diff(all[from:to], got); diff != "" {
				t.Errorf("%s: %.1000s", name, diff)
			}
		})
		e.release()
		b.Record.Release()
	}
}

func logSchema(c *schemas.Catalogue) *arrow.Schema {
	return (&schemas.Table{Columns: c.LogColumns}).ArrowSchema()
}

// decode reads two messages as a stream, as lines.
func decode(t *rapid.T, schema, message []byte) []string {
	r, err := ipc.NewReader(strings.NewReader(string(schema) + string(message)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	rows, err := r.Read()
	if err != nil {
		t.Fatal(err)
	}
	return lines(rows)
}

// TestEncodeParts: rows of any sizes are cut into requests that fit, and
// streams of about the same size.
func TestEncodeParts(t *testing.T) {
	a := newAppending(t).small()
	rapid.Check(t, func(rt *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(0, 3000), 1, 60).Draw(rt, "sizes")
		b := a.payloads("b1", sizes...)
		defer b.Record.Release()
		e, err := newEncoder(a.mem, a.tuned.request, b.Record, logSchema(a.catalogue), map[string]any{"_batch_id": "b1", "_appended_at": appendedAt})
		if err != nil {
			rt.Fatal(err)
		}
		defer e.release()
		next := 0
		parts := a.parts(e)
		for _, p := range parts {
			if p.from != next || p.to <= p.from || len(parts) > a.tuned.streams {
				rt.Fatalf("parts: %v", parts)
			}
			for next < p.to {
				message, end, err := e.next(next, p.to)
				if err != nil {
					rt.Fatal(err)
				}
				if end <= next || end > p.to || len(message) > a.tuned.request {
					rt.Fatalf("rows %d..%d in %d bytes", next, end, len(message))
				}
				next = end
			}
		}
		if next != len(sizes) {
			rt.Fatalf("%d of %d rows", next, len(sizes))
		}
	})
}

// TestEncodeNoValue: a column that the catalogue gained is not left empty.
func TestEncodeNoValue(t *testing.T) {
	a := newAppending(t)
	b := a.batch("sleep", "b1", 2)
	defer b.Record.Release()
	for _, constants := range []map[string]any{{"_batch_id": "b1"}, {"_batch_id": "b1", "_appended_at": 3}} {
		if _, err := newEncoder(a.mem, 9_000_000, b.Record, logSchema(a.catalogue), constants); err == nil || !strings.Contains(err.Error(), "_appended_at") {
			t.Errorf("%v: %v", constants, err)
		}
	}
	grown := *a.catalogue
	grown.LogColumns = append([]schemas.Column{{Name: "_new", Type: schemas.String}}, grown.LogColumns...)
	a.catalogue = &grown
	if err := a.append(t.Context(), b); err == nil || errors.Is(err, connector.ErrRefused) {
		t.Errorf("append: %v", err)
	}
}

// TestEncodeManyRows: more rows than the constants are long.
func TestEncodeManyRows(t *testing.T) {
	a := newAppending(t)
	deleted := array.NewBooleanBuilder(a.mem)
	defer deleted.Release()
	const n = 3*requestRows + 7
	for range n {
		deleted.Append(true)
	}
	column := deleted.NewArray()
	defer column.Release()
	rows := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "_deleted", Type: arrow.FixedWidthTypes.Boolean}}, nil), []arrow.Array{column}, n)
	defer rows.Release()
	e, err := newEncoder(a.mem, 9_000_000, rows, logSchema(a.catalogue), map[string]any{"_batch_id": "b1", "_appended_at": appendedAt})
	if err != nil {
		t.Fatal(err)
	}
	defer e.release()
	var ends []int
	for next := 0; next < n; {
		if _, next, err = e.next(next, n); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, next)
	}
	if got, want := fmt.Sprint(ends), fmt.Sprint([]int{requestRows, 2 * requestRows, 3 * requestRows, n}); got != want {
		t.Errorf("requests end at %s, want %s", got, want)
	}
}
