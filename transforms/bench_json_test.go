package transforms_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"vitalsink/transforms"
)

// jsonSink is how one would write it first: a struct for each table.
type jsonSink struct {
	mem      memory.Allocator
	unzip    unzipper
	builders map[string]*array.RecordBuilder
}

func newJSONSink(mem memory.Allocator) *jsonSink {
	return &jsonSink{mem: mem, builders: map[string]*array.RecordBuilder{}}
}

func (s *jsonSink) add(m *transforms.Message) error {
	body, err := s.unzip.body(m)
	if err != nil {
		return err
	}
	eventType := m.Attributes["event-type"]
	resource := strings.Split(eventType, ".")[2]
	switch resource {
	case "sleep":
		return addSummary[jsonSleep](s, m, body, resource)
	case "activity":
		return addSummary[jsonActivity](s, m, body, resource)
	case "workouts":
		return addSummary[jsonWorkout](s, m, body, resource)
	}
	var e jsonEvent[jsonSeries]
	if err := json.Unmarshal(body, &e); err != nil {
		return err
	}
	v, b := newJSONVersion(m, nil), s.builder("timeseries")
	for i := range e.Data.Data {
		c := cursor{b: b}
		e.Data.Data[i].columns(&c, &e, resource)
		v.columns(&c, i)
	}
	return nil
}

func (s *jsonSink) builder(table string) *array.RecordBuilder {
	b, ok := s.builders[table]
	if !ok {
		b = array.NewRecordBuilder(s.mem, catalogue().Table(table).ArrowSchema())
		s.builders[table] = b
	}
	return b
}

func (s *jsonSink) flush(each func(string, arrow.Record)) {
	for table, b := range s.builders {
		record := b.NewRecord()
		each(table, record)
		record.Release()
		b.Release()
	}
	clear(s.builders)
}

// jsonRow is a summary; updated is its version time.
type jsonRow[T any] interface {
	*T
	columns(c *cursor, e *jsonEnvelope)
	updated() *time.Time
}

func addSummary[T any, R jsonRow[T]](s *jsonSink, m *transforms.Message, body []byte, table string) error {
	var e jsonEvent[T]
	if err := json.Unmarshal(body, &e); err != nil {
		return err
	}
	c, data := cursor{b: s.builder(table)}, R(&e.Data)
	data.columns(&c, &e.jsonEnvelope)
	newJSONVersion(m, data.updated()).columns(&c, 0)
	return nil
}

// jsonVersion is what the version columns are made of.
type jsonVersion struct {
	prefix [24]byte
	at     time.Time
	id     string
}

func newJSONVersion(m *transforms.Message, updated *time.Time) *jsonVersion {
	v := &jsonVersion{at: m.PublishTime, id: m.ID}
	if updated != nil {
		v.at = *updated
	}
	sum := sha256.Sum256([]byte(m.ID))
	binary.BigEndian.PutUint64(v.prefix[0:], uint64(v.at.UnixMicro()))
	binary.BigEndian.PutUint64(v.prefix[8:], uint64(m.PublishTime.UnixMicro()))
	copy(v.prefix[16:], sum[:8])
	return v
}

func (v *jsonVersion) columns(c *cursor, index int) {
	c.null() // _extra
	c.next().(*array.BinaryBuilder).Append(binary.BigEndian.AppendUint32(v.prefix[:24:24], uint32(index)))
	c.time(&v.at)
	c.text(&v.id)
	c.next().(*array.BooleanBuilder).Append(false)
}

// cursor appends to the columns of a row in their order.
type cursor struct {
	b *array.RecordBuilder
	i int
}

func (c *cursor) next() array.Builder {
	c.i++
	return c.b.Field(c.i - 1)
}

func (c *cursor) null() { c.next().AppendNull() }

func (c *cursor) texts(all ...*string) {
	for _, s := range all {
		c.text(s)
	}
}

func (c *cursor) text(s *string) {
	if b := c.next().(*array.StringBuilder); s != nil {
		b.Append(*s)
	} else {
		b.AppendNull()
	}
}

func (c *cursor) floats(all ...*float64) {
	for _, f := range all {
		if b := c.next().(*array.Float64Builder); f != nil {
			b.Append(*f)
		} else {
			b.AppendNull()
		}
	}
}

func (c *cursor) ints(all ...*int64) {
	for _, n := range all {
		if b := c.next().(*array.Int64Builder); n != nil {
			b.Append(*n)
		} else {
			b.AppendNull()
		}
	}
}

func (c *cursor) time(t *time.Time) {
	if b := c.next().(*array.TimestampBuilder); t != nil {
		b.Append(arrow.Timestamp(t.UnixMicro()))
	} else {
		b.AppendNull()
	}
}

func (c *cursor) date(s *string) {
	b := c.next().(*array.Date32Builder)
	if s == nil {
		b.AppendNull()
		return
	}
	t, err := time.Parse(time.DateOnly, *s)
	if err != nil {
		b.AppendNull()
		return
	}
	b.Append(arrow.Date32FromTime(t))
}
