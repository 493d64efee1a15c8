package junction_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"vitalsink/transforms"
)

// row is one of a table: its columns as text, without those that are NULL.
type row map[string]string

// rowsOf decodes messages, all of which must land.
func rowsOf(t testing.TB, messages []transforms.Message) (all []row) {
	t.Helper()
	decoder, err := transforms.NewDecoder(catalogue())
	if err != nil {
		t.Fatal(err)
	}
	for i := range messages {
		d := decoder.Decode(&messages[i])
		if d.Outcome != transforms.Landed {
			t.Fatalf("message %d of %s: %v %v", i, messages[i].Attributes[transforms.AttrEventType], d.Outcome, d.Refusals())
		}
		all = append(all, built(d)...)
	}
	return all
}

func built(d *transforms.Decoded) []row {
	b := transforms.NewBuilder(memory.DefaultAllocator, d.Table)
	defer b.Release()
	b.Append(d)
	record := b.NewRecord()
	defer record.Release()
	rows := make([]row, record.NumRows())
	for i := range rows {
		rows[i] = row{"": d.Table.Name}
		for j, column := range d.Table.Columns {
			if !record.Column(j).IsNull(i) {
				rows[i][column.Name] = cell(record.Column(j), i)
			}
		}
	}
	return rows
}

func cell(a arrow.Array, i int) string {
	if at, ok := a.(*array.Timestamp); ok {
		return time.UnixMicro(int64(at.Value(i))).UTC().Format("2006-01-02T15:04:05.000000Z")
	}
	return a.ValueStr(i)
}

// key identifies the row as synth.Record.Key does.
func (r row) key() string {
	table := catalogue().Table(r[""])
	parts := []string{table.Name}
	for _, name := range table.Key {
		parts = append(parts, r[name])
	}
	return strings.Join(parts, "|")
}

// fact is what the row says, without how it came.
func (r row) fact() string {
	said := row{}
	for name, value := range r {
		if !strings.HasPrefix(name, "_") || name == "_extra" {
			said[name] = value
		}
	}
	return fmt.Sprint(said) // maps print in order
}
