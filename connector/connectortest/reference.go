package connectortest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"vitalsink/schemas"
	"vitalsink/transforms"
)

// Row is a row as texts by column; a NULL has no entry.
type Row map[string]string

// reference is the fold done naively: every row version in a map, compared
// with those that came before.
type reference struct {
	catalogue *schemas.Catalogue
	tables    map[string]map[string]Row
}

func newReference(c *schemas.Catalogue) *reference {
	return &reference{catalogue: c, tables: map[string]map[string]Row{}}
}

// add folds the rows of a message in.
func (r *reference) add(t testing.TB, m transforms.Message) {
	d, err := transforms.NewDecoder(r.catalogue)
	if err != nil {
		t.Fatal(err)
	}
	r.addDecoded(t, d.Decode(&m))
}

// addDecoded folds in what is in a message.
func (r *reference) addDecoded(t testing.TB, out *transforms.Decoded) {
	if out.Rows > 0 {
		r.fold(out.Table, rowsOf(t, out.Table, func(b *transforms.Builder) { b.Append(out) }))
	}
	if len(out.Refusals()) > 0 {
		q := r.catalogue.Table(schemas.QuarantineTable)
		r.fold(q, rowsOf(t, q, func(b *transforms.Builder) { b.AppendQuarantine(out) }))
	}
}

func (r *reference) fold(t *schemas.Table, rows []Row) {
	latest := r.tables[t.Name]
	if latest == nil {
		latest = map[string]Row{}
		r.tables[t.Name] = latest
	}
	for _, row := range rows {
		key := keyOf(t, row)
		have, ok := latest[key]
		if !ok {
			latest[key] = row
			continue
		}
		winner := have
		if row["_version"] > have["_version"] {
			winner = row
		}
		if sticky := t.StickyColumn(); sticky != "" {
			winner = withLeast(winner, sticky, have[sticky], row[sticky])
		}
		latest[key] = winner
	}
}

// withLeast is the row with the lesser of two values; "" is NULL.
func withLeast(row Row, column, a, b string) Row {
	least := a
	if a == "" || b != "" && b < a {
		least = b
	}
	if least == "" {
		return row
	}
	changed := Row{}
	for k, v := range row {
		changed[k] = v
	}
	changed[column] = least
	return changed
}

func keyOf(t *schemas.Table, row Row) string {
	parts := make([]string, len(t.Key))
	for i, k := range t.Key {
		parts[i] = row[k]
	}
	return strings.Join(parts, "\x00")
}

// rowsOf are the rows that fill puts into a builder.
func rowsOf(t testing.TB, table *schemas.Table, fill func(*transforms.Builder)) []Row {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	b := transforms.NewBuilder(mem, table)
	defer b.Release()
	fill(b)
	rec := b.NewRecord()
	defer rec.Release()
	return recordRows(rec)
}

// recordRows are the rows of a record.
func recordRows(rec arrow.Record) []Row {
	rows := make([]Row, rec.NumRows())
	for i := range rows {
		rows[i] = Row{}
		for j := range int(rec.NumCols()) {
			if s, ok := Text(rec.Column(j), i); ok {
				rows[i][rec.ColumnName(j)] = s
			}
		}
	}
	return rows
}

// Text is a value in the form that rows are compared in: bytes in hex, times
// in RFC 3339 with six digits, lists in JSON. ok is false for NULL.
func Text(column arrow.Array, i int) (s string, ok bool) {
	if column.IsNull(i) {
		return "", false
	}
	switch c := column.(type) {
	case *array.Timestamp:
		return c.Value(i).ToTime(arrow.Microsecond).UTC().Format(TimeFormat), true
	case *array.Date32:
		return c.Value(i).ToTime().Format("2006-01-02"), true
	case *array.Binary:
		return fmt.Sprintf("%x", c.Value(i)), true
	case *array.Float64:
		return fmt.Sprint(c.Value(i)), true
	case *array.List:
		raw, err := json.Marshal(c.GetOneForMarshal(i))
		return string(raw), err == nil
	}
	return column.ValueStr(i), true
}

// TimeFormat has the form of timestamps in a Row; it sorts as time does.
const TimeFormat = "2006-01-02T15:04:05.000000Z"
