package transforms

import (
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
	columns   *array.RecordBuilder
	rows      int
	bytes     int64
	days      map[int32]struct{}
	noDay     int
	resources map[string]struct{}
}

// NewBuilder makes a builder whose memory comes from mem.
func NewBuilder(mem memory.Allocator, t *schemas.Table) *Builder {
	return &Builder{
		table: t, columns: array.NewRecordBuilder(mem, t.ArrowSchema()),
		days: map[int32]struct{}{}, resources: map[string]struct{}{},
	}
}

// Release frees what was not taken by NewRecord.
func (b *Builder) Release() { b.columns.Release() }

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
func (b *Builder) NewRecord() arrow.Record { return b.columns.NewRecord() }

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
			b.repeat(i, d, string(storable(d.body)))
		case c.Computed == schemas.ComputedEventKey:
			b.repeat(i, d, d.eventKey())
		case c.Computed == schemas.ComputedEventType:
			b.repeat(i, d, d.rt.eventType)
		case c.Computed == schemas.ComputedResource:
			b.repeat(i, d, d.rt.resource)
		default:
			b.versions(i, d)
		}
	}
	b.countDays(d)
}

// values appends a column that has a path.
func (b *Builder) values(i int, d *Decoded) {
	c, field := &d.rt.plan.table.Columns[i], b.columns.Field(i)
	var missing *cell
	if c.Default != nil {
		missing = &cell{str: []byte(*c.Default)}
	}
	if !d.reader.hasCells(i) && d.reader.lookup(i, sharedRow) == nil && missing == nil && !c.Repeated {
		field.AppendNulls(d.Rows)
		return
	}
	d.reader.eachRow(i, func(row int32, v *cell) {
		if d.reader.dead[row] {
			return
		}
		if v == nil {
			v = missing
		}
		appendCell(field, c, v)
	})
}

// appendCell appends a value, or its absence.
func appendCell(field array.Builder, c *schemas.Column, v *cell) {
	if c.Repeated {
		appendList(field.(*array.ListBuilder), c, v)
		return
	}
	if v == nil {
		field.AppendNull()
		return
	}
	if f, ok := field.(*array.StringBuilder); ok {
		f.BinaryBuilder.Append(v.str)
		return
	}
	appendScalar(field, v.num)
}

func appendScalar(field array.Builder, num int64) {
	switch f := field.(type) {
	case *array.Float64Builder:
		f.Append(math.Float64frombits(uint64(num)))
	case *array.Int64Builder:
		f.Append(num)
	case *array.TimestampBuilder:
		f.Append(arrow.Timestamp(num))
	case *array.Date32Builder:
		f.Append(arrow.Date32(num))
	case *array.BooleanBuilder:
		f.Append(num != 0)
	}
}

// appendList appends an array; a missing one is empty, never NULL.
func appendList(field *array.ListBuilder, c *schemas.Column, v *cell) {
	field.Append(true)
	if v == nil {
		return
	}
	// The array was read when the cell was made, so it can be read again.
	_ = eachElement(v.str, func(element []byte) {
		if c.Type == schemas.String {
			s, _ := unquote(element)
			field.ValueBuilder().(*array.StringBuilder).BinaryBuilder.Append(s)
			return
		}
		n, _ := scalar(c.Type, element)
		appendScalar(field.ValueBuilder(), n)
	})
}

// repeat appends the same text for every row.
func (b *Builder) repeat(i int, d *Decoded, s string) {
	f := b.columns.Field(i).(*array.StringBuilder)
	for range d.Rows {
		f.Append(s)
	}
}

func (b *Builder) discriminators(i int, d *Decoded) {
	if d.rt.discriminator < 0 {
		b.repeat(i, d, "")
		return
	}
	f := b.columns.Field(i).(*array.StringBuilder)
	d.reader.eachRow(d.rt.discriminator, func(row int32, v *cell) {
		switch {
		case d.reader.dead[row]:
		case v == nil:
			f.Append("")
		default:
			f.BinaryBuilder.Append(v.str)
		}
	})
}

// extras appends _extra: what a row's own part and the shared part keep.
func (b *Builder) extras(i int, d *Decoded) {
	f, r := b.columns.Field(i).(*array.StringBuilder), d.reader
	if len(r.extras) == 0 && len(r.sharedExtra) == 0 {
		f.AppendNulls(d.Rows)
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
			f.AppendNull()
			continue
		}
		text[len(text)-1] = '}' // in place of the last comma
		f.BinaryBuilder.Append(text)
	}
}

// versions appends the version columns.
func (b *Builder) versions(i int, d *Decoded) {
	for row := range d.reader.rows {
		if !d.reader.dead[row] {
			position := row
			b.version(i, d, position)
		}
	}
}

// version appends one version column of the row at a position.
func (b *Builder) version(i int, d *Decoded, position int32) {
	switch field := b.columns.Field(i); b.table.Columns[i].Name {
	case "_version":
		v := d.version.bytes(position)
		field.(*array.BinaryBuilder).Append(v[:])
	case "_version_at":
		field.(*array.TimestampBuilder).Append(arrow.Timestamp(d.version.at))
	case "_message_id":
		field.(*array.StringBuilder).Append(d.who.id)
	case "_deleted":
		field.(*array.BooleanBuilder).Append(d.deletes())
	default: // of which a tombstone says nothing
		appendCell(field, &b.table.Columns[i], nil)
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
	d.reader.eachRow(p.partition, func(row int32, v *cell) {
		switch {
		case d.reader.dead[row]:
		case v == nil:
			b.noDay++
		case b.table.Columns[p.partition].Type == schemas.Date:
			b.days[int32(v.num)] = struct{}{}
		default:
			b.days[dayOf(v.num)] = struct{}{}
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
		field := b.columns.Field(i)
		switch name := b.table.Columns[i].Name; name {
		case "message_id":
			appendText(field, d.who.id)
		case "_index":
			appendScalar(field, int64(why.index))
		case "part":
			appendScalar(field, int64(part))
		case "published_at":
			appendScalar(field, d.who.publish)
		case "reason":
			appendText(field, string(why.Reason))
		case "detail":
			appendText(field, why.Detail)
		case "json_path":
			appendText(field, why.Path)
		case "user_id":
			appendText(field, string(d.user))
		case "event_type":
			appendText(field, d.eventTypeText())
		case "attributes":
			if !first {
				field.AppendNull()
				continue
			}
			appendText(field, d.message.attributesText())
		case "payload_bytes":
			appendScalar(field, int64(len(d.message.Data)))
		case "payload":
			if piece == nil {
				field.AppendNull()
				continue
			}
			field.(*array.BinaryBuilder).Append(piece)
		default:
			b.version(i, d, why.index)
		}
	}
}

// appendText appends a text, or NULL if it is empty.
func appendText(field array.Builder, s string) {
	if s == "" {
		field.AppendNull()
		return
	}
	field.(*array.StringBuilder).Append(s)
}

func (d *Decoded) eventTypeText() string {
	if d.rt == nil {
		return d.message.attribute(attrEventType, "event_type")
	}
	return d.rt.eventType
}
