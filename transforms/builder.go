package transforms

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"vitalsink/schemas"
)

// Builder collects rows of one table in Arrow columns. It is not safe for
// concurrent use. Release it.
type Builder struct {
	table     *schemas.Table
	schema    *arrow.Schema
	columns   []*column
	none      *zeros
	rows      int
	bytes     int64
	days      map[int32]struct{}
	noDay     int
	resources map[string]struct{}
}

// NewBuilder makes a builder whose memory comes from mem.
func NewBuilder(mem memory.Allocator, t *schemas.Table) *Builder {
	b := &Builder{table: t, schema: t.ArrowSchema(), none: &zeros{mem: mem}, days: map[int32]struct{}{}, resources: map[string]struct{}{}}
	for _, f := range b.schema.Fields() {
		b.columns = append(b.columns, newColumn(mem, f.Type, b.none))
	}
	return b
}

// Release frees what was not taken by NewRecord.
func (b *Builder) Release() {
	for _, c := range b.columns {
		c.release()
	}
	b.none.release()
}

// Rows is the number of rows collected.
func (b *Builder) Rows() int { return b.rows }

// Bytes is about what the rows collected take.
func (b *Builder) Bytes() int64 { return b.bytes }

// Days are the UTC days of the partition column, ascending, and the number of
// rows that have none.
func (b *Builder) Days() (days []time.Time, without int) {
	for _, d := range slices.Sorted(maps.Keys(b.days)) {
		days = append(days, time.Unix(int64(d)*86400, 0).UTC())
	}
	return days, b.noDay
}

// Resources are those of the rows, sorted.
func (b *Builder) Resources() []string { return slices.Sorted(maps.Keys(b.resources)) }

// NewRecord hands over the rows; the caller releases the record.
func (b *Builder) NewRecord() arrow.Record {
	arrays := make([]arrow.Array, len(b.columns))
	for i, c := range b.columns {
		arrays[i] = c.array()
		defer arrays[i].Release()
	}
	b.none.release()
	return array.NewRecord(b.schema, arrays, int64(b.rows))
}

// Append adds the rows of d, whose Table must be the builder's.
func (b *Builder) Append(d *Decoded) {
	if d.Rows == 0 {
		return
	}
	b.rows += d.Rows
	b.bytes += int64(d.bytes)
	b.countResources(d)
	for i := range b.table.Columns {
		c := &d.rt.plan.table.Columns[i]
		switch {
		case len(c.Paths()) > 0:
			b.values(i, d)
		case c.Computed == schemas.ComputedExtra:
			b.extras(i, d)
		case c.Computed == schemas.ComputedDiscriminator:
			b.discriminators(i, d)
		case c.Computed == schemas.ComputedPayload:
			b.bytes += int64(len(d.body))
			b.repeat(i, d, storable(d.body))
		case c.Computed == schemas.ComputedEventKey:
			b.repeat(i, d, []byte(d.eventKey()))
		case c.Computed == schemas.ComputedEventType:
			b.repeat(i, d, []byte(d.rt.eventType))
		case c.Computed == schemas.ComputedResource:
			b.repeat(i, d, []byte(d.rt.resource))
		default:
			b.versions(i, d)
		}
	}
	b.countDays(d)
}

// values appends a column that has a path.
func (b *Builder) values(i int, d *Decoded) {
	c, into := &d.rt.plan.table.Columns[i], b.columns[i]
	missing := d.reader.lookup(i, sharedRow)
	if missing == nil && c.Default != nil {
		missing = &cell{str: []byte(*c.Default)}
	}
	cells := d.reader.cells[i]
	switch {
	case len(cells) == 0:
		into.repeatCell(d.Rows, c, missing)
	case len(cells) == d.Rows && d.Rows == d.RowsDecoded && into.alike(cells):
		into.repeatCell(d.Rows, c, &cells[0])
	case len(cells) == d.Rows && d.Rows == d.RowsDecoded && into.size > 0:
		into.appendNumbers(cells)
	default:
		d.reader.eachRow(i, func(row int32, v *cell) {
			if d.reader.dead[row] {
				return
			}
			if v == nil {
				v = missing
			}
			into.appendCell(c, v)
		})
	}
}

// alike tells whether cells have the same text.
func (c *column) alike(cells []cell) bool {
	if c.size > 0 || c.elements != nil {
		return false
	}
	first := cells[0].str
	for i := range cells {
		if string(cells[i].str) != string(first) {
			return false
		}
	}
	return true
}

// repeatCell appends the same value, or its absence, for some rows.
func (c *column) repeatCell(rows int, of *schemas.Column, v *cell) {
	switch {
	case v == nil:
		c.nulls(rows)
	case c.elements != nil:
		for range rows {
			c.appendElements(of, v)
		}
	case c.size == 0:
		c.repeat(rows, v.str)
	default:
		c.repeatNumber(rows, v.num)
	}
}

// appendCell appends a value, or its absence.
func (c *column) appendCell(of *schemas.Column, v *cell) {
	switch {
	case v == nil:
		c.appendNull()
	case c.elements != nil:
		c.appendElements(of, v)
	case c.size == 0:
		c.append(v.str)
	default:
		c.appendNumber(v.num)
	}
}

// appendElements appends a list.
func (c *column) appendElements(of *schemas.Column, v *cell) {
	// The array was read when the cell was made, so it can be read again.
	_ = eachElement(v.str, func(element []byte) {
		if of.Type == schemas.String {
			s, _ := unquote(element)
			c.elements.(*array.StringBuilder).BinaryBuilder.Append(s)
			return
		}
		n, _ := scalar(of.Type, element)
		switch e := c.elements.(type) {
		case *array.Float64Builder:
			e.Append(math.Float64frombits(uint64(n)))
		case *array.Int64Builder:
			e.Append(n)
		case *array.TimestampBuilder:
			e.Append(arrow.Timestamp(n))
		case *array.Date32Builder:
			e.Append(arrow.Date32(n))
		case *array.BooleanBuilder:
			e.Append(n != 0)
		}
	})
	c.appendList()
}

// repeat appends the same text for every row.
func (b *Builder) repeat(i int, d *Decoded, s []byte) { b.columns[i].repeat(d.Rows, s) }

func (b *Builder) discriminators(i int, d *Decoded) {
	if d.rt.discriminator < 0 {
		b.repeat(i, d, nil)
		return
	}
	d.reader.eachRow(d.rt.discriminator, func(row int32, v *cell) {
		switch {
		case d.reader.dead[row]:
		case v == nil:
			b.columns[i].append(nil)
		default:
			b.columns[i].append(v.str)
		}
	})
}

// extras appends _extra: what a row's own part and the shared part keep.
func (b *Builder) extras(i int, d *Decoded) {
	c, r := b.columns[i], d.reader
	if len(r.extras) == 0 && len(r.sharedExtra) == 0 {
		c.nulls(d.Rows)
		return
	}
	everywhere := len(r.sharedExtra)*int(r.rows) <= maxSharedExtra
	var text []byte
	extras, first := r.extras, true
	for row := range r.rows {
		text = append(text[:0], '{')
		for len(extras) > 0 && extras[0].row == row {
			text = append(text, r.extraText[extras[0].start:extras[0].end]...)
			extras = extras[1:]
		}
		if r.dead[row] {
			continue
		}
		if everywhere || first {
			text = append(text, r.sharedExtra...)
		}
		first = false
		if len(text) == 1 {
			c.appendNull()
			continue
		}
		text[len(text)-1] = '}' // in place of the last comma
		c.append(text)
	}
}

// versions appends one of the version columns.
func (b *Builder) versions(i int, d *Decoded) {
	if b.table.Columns[i].Name != "_version" {
		b.version(i, d, d.Rows, 0)
		return
	}
	c, v := b.columns[i], d.version.bytes(0)
	for row := range d.reader.rows {
		if !d.reader.dead[row] {
			binary.BigEndian.PutUint32(v[versionSize-4:], uint32(row))
			c.append(v[:])
		}
	}
}

// version appends one version column for some rows; but _version, which ends
// with the row's position, for one.
func (b *Builder) version(i int, d *Decoded, rows int, position int32) {
	switch c := b.columns[i]; b.table.Columns[i].Name {
	case "_version":
		v := d.version.bytes(position)
		c.append(v[:])
	case "_version_at":
		c.repeatNumber(rows, d.version.at)
	case "_message_id":
		c.repeat(rows, []byte(d.who.id))
	case "_deleted":
		deleted := int64(0)
		if d.deletes() {
			deleted = 1
		}
		c.repeatNumber(rows, deleted)
	default: // of which a tombstone says nothing
		c.nulls(rows)
	}
}

// countResources enters the resources of d's rows.
func (b *Builder) countResources(d *Decoded) {
	if d.Resource != "" {
		b.resources[d.Resource] = struct{}{}
	}
	column := slices.IndexFunc(b.table.Columns, func(c schemas.Column) bool { return c.Computed == schemas.ComputedResource })
	if !d.deletes() || d.Table.Name != schemas.TimeseriesTable {
		return
	}
	d.reader.eachRow(column, func(row int32, v *cell) {
		if v != nil && !d.reader.dead[row] {
			b.resources[string(v.str)] = struct{}{}
		}
	})
}

func (b *Builder) countDays(d *Decoded) {
	p := d.rt.plan
	if p.partition < 0 {
		b.noDay += d.Rows
		return
	}
	last := int32(math.MaxInt32) // that was entered
	d.reader.eachRow(p.partition, func(row int32, v *cell) {
		if d.reader.dead[row] {
			return
		}
		if v == nil {
			b.noDay++
			return
		}
		day := int32(v.num)
		if b.table.Columns[p.partition].Type != schemas.Date {
			day = dayOf(v.num)
		}
		if day != last {
			b.days[day], last = struct{}{}, day
		}
	})
}

// AppendQuarantine adds what of d is refused: the message's bytes, once, and
// every refused sample. The builder must be of the quarantine table. Each row
// ends up in the columns by name.
func (b *Builder) AppendQuarantine(d *Decoded) {
	whole := Refusal{
		Reason: Samples, index: wholeMessage,
		Detail: "some samples of the message are refused; see the rows of each",
	}
	samples := d.refused
	if len(samples) > 0 && samples[0].index == wholeMessage {
		whole, samples = samples[0], samples[1:]
	}
	zipped := gzipBytes(d.message.Data)
	for part := 0; part == 0 || part*MaxPart < len(zipped); part++ {
		piece := zipped[part*MaxPart : min(len(zipped), (part+1)*MaxPart)]
		b.quarantine(d, &whole, part, piece)
	}
	for i := range samples {
		b.quarantine(d, &samples[i], 0, nil)
	}
}

// quarantine appends one row. Attributes stand with the first part only.
func (b *Builder) quarantine(d *Decoded, why *Refusal, part int, piece []byte) {
	b.rows++
	b.noDay++
	b.bytes += int64(len(piece) + 512)
	first := part == 0 && why.index == wholeMessage
	for i := range b.table.Columns {
		c := b.columns[i]
		switch name := b.table.Columns[i].Name; name {
		case "message_id":
			c.appendText(d.who.id)
		case "_index":
			c.appendNumber(int64(why.index))
		case "part":
			c.appendNumber(int64(part))
		case "published_at":
			c.appendNumber(d.who.publish)
		case "reason":
			c.appendText(string(why.Reason))
		case "detail":
			c.appendText(why.Detail)
		case "json_path":
			c.appendText(why.Path)
		case "user_id":
			c.appendText(string(d.user))
		case "event_type":
			c.appendText(d.eventTypeText())
		case "attributes":
			if !first {
				c.appendNull()
				continue
			}
			c.appendText(d.message.attributesText())
		case "payload_bytes":
			c.appendNumber(int64(len(d.message.Data)))
		case "payload":
			if piece == nil {
				c.appendNull()
				continue
			}
			c.append(piece)
		default:
			b.version(i, d, 1, why.index)
		}
	}
}

// appendText appends a text, or NULL if it is empty.
func (c *column) appendText(s string) {
	if s == "" {
		c.appendNull()
		return
	}
	c.append([]byte(s))
}

func (d *Decoded) eventTypeText() string {
	if d.rt == nil {
		return d.message.attribute(AttrEventType, "event_type")
	}
	return d.rt.eventType
}
