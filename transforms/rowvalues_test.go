package transforms_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"vitalsink/connector/synth"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// scribbler fills memory that is given back, so that who still reads it sees
// something else.
type scribbler struct{ memory.Allocator }

func (s scribbler) Free(b []byte) {
	for i := range b {
		b[i] = 0xa5
	}
	s.Allocator.Free(b)
}

// typedValues are some values of a type, and the text that Arrow's builders
// read them from.
func typedValues(typ schemas.Type) map[string]any {
	switch typ {
	case schemas.String, schemas.JSON:
		return map[string]any{"": "", "{}": "{}", "a long text that stays": "a long text that stays"}
	case schemas.Bytes: // in base64
		return map[string]any{"": []byte{}, "AP8B": []byte{0, 255, 1}}
	case schemas.Int64:
		return map[string]any{"0": int64(0), "-9223372036854775808": int64(math.MinInt64), "9007199254740993": int64(9007199254740993)}
	case schemas.Float64:
		return map[string]any{"0": 0.0, "-61.5": -61.5, "0.1": 0.1}
	case schemas.Bool:
		return map[string]any{"true": true, "false": false}
	case schemas.Timestamp:
		return map[string]any{
			"1970-01-01 00:00:00":        time.Unix(0, 0).UTC(),
			"2026-03-02 23:59:59.000001": time.Date(2026, 3, 2, 23, 59, 59, 1000, time.UTC),
			"1969-12-31 23:59:59.999999": time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC),
		}
	case schemas.Date:
		return map[string]any{
			"1970-01-01": time.Unix(0, 0).UTC(), "2024-02-29": time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC),
			"1969-12-31": time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC),
		}
	}
	panic(fmt.Sprintf("no values of %s", typ))
}

// TestValues: of every column of the catalogue every value comes back, NULL too,
// and outlives the record.
func TestValues(t *testing.T) {
	mem := memory.NewCheckedAllocator(scribbler{memory.DefaultAllocator})
	defer mem.AssertSize(t, 0)
	for _, table := range catalogue().Tables {
		b := array.NewRecordBuilder(mem, table.ArrowSchema())
		want := make([][]any, 4)
		for i, c := range table.Columns {
			texts := sortedKeys(typedValues(c.Type))
			for row := range want {
				v, text := typedValues(c.Type)[texts[row%len(texts)]], texts[row%len(texts)]
				if c.Repeated {
					want[row] = append(want[row], appendSome(t, b.Field(i).(*array.ListBuilder), row, text, v))
					continue
				}
				if row == 3 {
					v, text = nil, array.NullValueStr
				}
				want[row] = append(want[row], v)
				if err := b.Field(i).AppendValueFromString(text); err != nil {
					t.Fatalf("%s.%s %q: %v", table.Name, c.Name, text, err)
				}
			}
		}
		record := b.NewRecord()
		sliced := record.NewSlice(1, 4) // so that positions are not those of the buffers
		var got [][]any
		for row := range want {
			got = append(got, transforms.Values(record, table.Columns, row))
			if row == 0 {
				continue
			}
			if d := cmp.Diff(got[row], transforms.Values(sliced, table.Columns, row-1)); d != "" {
				t.Errorf("%s, in a slice:\n%s", table.Name, d)
			}
		}
		if fewer := transforms.Values(record, table.Columns[:2], 1); !cmp.Equal(fewer, want[1][:2]) {
			t.Errorf("%v", fewer)
		}
		sliced.Release()
		record.Release()
		b.Release()
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", table.Name, d)
		}
		for _, r := range got {
			for i, v := range r {
				if at, ok := v.(time.Time); ok && at.Location() != time.UTC {
					t.Errorf("%s.%s is in %s", table.Name, table.Columns[i].Name, at.Location())
				}
			}
		}
	}
}

// appendSome appends a list: of two elements, none, one, and NULL, which a
// warehouse may have where the column is younger than the row.
func appendSome(t *testing.T, list *array.ListBuilder, row int, text string, v any) []any {
	t.Helper()
	want := []any{}
	if row == 3 {
		list.AppendNull()
		return want
	}
	list.Append(true)
	for range []int{2, 0, 1}[row] {
		want = append(want, v)
		if err := list.ValueBuilder().AppendValueFromString(text); err != nil {
			t.Fatal(err)
		}
	}
	return want
}

// TestValuesOfEvents: rows of the decoder have the values that the other tests
// read from them.
func TestValuesOfEvents(t *testing.T) {
	mem := memory.NewCheckedAllocator(scribbler{memory.DefaultAllocator})
	defer mem.AssertSize(t, 0)
	decoder := newDecoder(t)
	for _, event := range events(t, everyType(), synth.Modern) {
		m := message(encoded(t, event))
		want := decodeWith(t, decoder, m).rows
		d := decoder.Decode(m)
		b := transforms.NewBuilder(mem, d.Table)
		b.Append(d)
		record := b.NewRecord()
		for i, r := range want {
			got := row{}
			for j, v := range transforms.Values(record, d.Table.Columns, i) {
				c := d.Table.Columns[j]
				switch at, _ := v.(time.Time); {
				case v == nil:
					continue
				case c.Type == schemas.Timestamp:
					v = at.Format(time.RFC3339Nano)
				case c.Type == schemas.Date:
					v = at.Format(time.DateOnly)
				}
				got[c.Name] = v
			}
			if d := cmp.Diff(r, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", event["event_type"], d)
			}
		}
		record.Release()
		b.Release()
	}
}

// TestValuesOfAnotherType: a column that no table has is a fault of ours, not a
// value that is missing.
func TestValuesOfAnotherType(t *testing.T) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int32}}, nil))
	b.Field(0).(*array.Int32Builder).Append(7)
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	transforms.Values(b.NewRecord(), []schemas.Column{{Name: "n", Type: schemas.Int64}}, 0)
}
