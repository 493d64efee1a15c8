package transforms

import (
	"bytes"
	"encoding/binary"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// column collects the values of a column. What an event says once holds for
// all its samples, so a value that repeats is kept once, until the array is
// made: Arrow's own builders would write each of them when it comes, and copy
// all of them again and again as they grow.
type column struct {
	mem  memory.Allocator
	typ  arrow.DataType
	none *zeros
	size int // bytes of a value in loose; 0 if they vary
	rows int
	runs []run
	text []byte // the values of runs
	// loose are the values of the rows that do not repeat, and ends where each
	// of them ends if their size varies.
	loose, ends *memory.Buffer
	// absent are the positions among the loose values of those that are NULL.
	absent []int32
	// elements are those of lists; ends then counts in them.
	elements array.Builder
}

// run is a stretch of rows.
type run struct {
	kind       runKind
	rows       int
	start, end int // of the value in column.text
}

type runKind uint8

const (
	looseRun    runKind = iota // each has a value of its own
	repeatedRun                // all have the same
	absentRun                  // none has one: NULL, or a list without elements
)

func newColumn(mem memory.Allocator, typ arrow.DataType, none *zeros) *column {
	c := &column{mem: mem, typ: typ, none: none, loose: memory.NewResizableBuffer(mem)}
	switch t := typ.(type) {
	case *arrow.ListType:
		c.elements = array.NewBuilder(mem, t.Elem())
	case *arrow.BooleanType:
		c.size = 1 // packed when the array is made
	case arrow.FixedWidthDataType:
		c.size = t.Bytes()
	}
	if c.size == 0 {
		c.ends = memory.NewResizableBuffer(mem)
		c.end(0)
	}
	return c
}

func (c *column) release() {
	c.loose.Release()
	if c.ends != nil {
		c.ends.Release()
	}
	if c.elements != nil {
		c.elements.Release()
	}
}

// extend makes a buffer longer by n bytes, and returns those: not cleared.
func extend(b *memory.Buffer, n int) []byte {
	old := b.Len()
	if old+n > b.Cap() {
		b.Reserve(max(old+n, 2*b.Cap()))
	}
	b.ResizeNoShrink(old + n)
	return b.Buf()[old : old+n]
}

// grow enters rows of a kind, of which those that are alike are one run.
func (c *column) grow(kind runKind, rows int) {
	c.rows += rows
	if last := len(c.runs) - 1; last >= 0 && c.runs[last].kind == kind && kind != repeatedRun {
		c.runs[last].rows += rows
		return
	}
	c.runs = append(c.runs, run{kind: kind, rows: rows})
}

// nulls appends rows without a value: many are a run of their own.
func (c *column) nulls(rows int) {
	switch {
	case rows == 1 && c.lastKind() == looseRun:
		c.appendNull()
	case rows > 0:
		c.grow(absentRun, rows)
	}
}

// lastKind is that of the last run, absentRun if there is none.
func (c *column) lastKind() runKind {
	if len(c.runs) == 0 {
		return absentRun
	}
	return c.runs[len(c.runs)-1].kind
}

// repeat appends the same value for some rows; a number is in the form of
// Arrow, of the column's size.
func (c *column) repeat(rows int, value []byte) {
	if rows == 0 {
		return
	}
	if last := len(c.runs) - 1; last >= 0 && c.runs[last].kind == repeatedRun && bytes.Equal(c.text[c.runs[last].start:c.runs[last].end], value) {
		c.runs[last].rows += rows
		c.rows += rows
		return
	}
	if rows == 1 { // a run takes more than most values
		c.append(value)
		return
	}
	c.grow(repeatedRun, rows)
	r := &c.runs[len(c.runs)-1]
	r.start = len(c.text)
	c.text = append(c.text, value...)
	r.end = len(c.text)
}

// repeatNumber is repeat for what cell.num holds.
func (c *column) repeatNumber(rows int, num int64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(num))
	c.repeat(rows, b[:c.size])
}

// append appends a value in the form of Arrow.
func (c *column) append(value []byte) {
	c.grow(looseRun, 1)
	copy(extend(c.loose, len(value)), value)
	if c.size == 0 {
		c.end(c.loose.Len())
	}
}

// end enters where a value ends that was just added.
func (c *column) end(at int) {
	binary.LittleEndian.PutUint32(extend(c.ends, arrow.Int32SizeBytes), uint32(at))
}

// appendNumber appends what cell.num holds.
func (c *column) appendNumber(num int64) {
	c.grow(looseRun, 1)
	c.putNumber(extend(c.loose, c.size), num)
}

func (c *column) putNumber(into []byte, num int64) {
	switch c.size {
	case 8:
		binary.LittleEndian.PutUint64(into, uint64(num))
	case 4:
		binary.LittleEndian.PutUint32(into, uint32(num))
	default:
		into[0] = byte(num)
	}
}

// appendNumbers appends a number a cell, for rows that all have one.
func (c *column) appendNumbers(cells []cell) {
	c.grow(looseRun, len(cells))
	into := extend(c.loose, c.size*len(cells))
	if c.size == 8 {
		for i := range cells {
			binary.LittleEndian.PutUint64(into[8*i:], uint64(cells[i].num))
		}
		return
	}
	for i := range cells {
		c.putNumber(into[c.size*i:], cells[i].num)
	}
}

// appendNull appends NULL among loose values: where many rows are without a
// value, nulls takes less.
func (c *column) appendNull() {
	switch {
	case c.lastKind() != looseRun:
		c.nulls(1)
		return
	case c.elements != nil:
		c.end(c.elements.Len())
	case c.size == 0:
		c.end(c.loose.Len())
	default:
		clear(extend(c.loose, c.size))
	}
	c.grow(looseRun, 1)
	c.absent = append(c.absent, int32(c.looseRows()-1))
}

func (c *column) looseRows() int {
	if c.size == 0 {
		return c.ends.Len()/arrow.Int32SizeBytes - 1
	}
	return c.loose.Len() / c.size
}

// appendList appends a list whose elements have been added.
func (c *column) appendList() {
	c.grow(looseRun, 1)
	c.end(c.elements.Len())
}

// array hands over the rows; the caller releases it. The column is empty then.
func (c *column) array() arrow.Array {
	validity, nulls := c.validity()
	buffers, children := []*memory.Buffer{validity}, []arrow.ArrayData(nil)
	switch {
	case c.elements != nil:
		elements := c.elements.NewArray()
		defer elements.Release()
		buffers, children = append(buffers, c.offsets()), []arrow.ArrayData{elements.Data()}
	case c.size == 0:
		buffers = append(buffers, c.offsets(), c.values())
	case c.typ.ID() == arrow.BOOL:
		buffers = append(buffers, c.bits())
	default:
		buffers = append(buffers, c.values())
	}
	data := array.NewData(c.typ, c.rows, buffers, children, nulls, 0)
	defer data.Release()
	for _, b := range buffers {
		if b != nil {
			b.Release()
		}
	}
	mem, typ, none := c.mem, c.typ, c.none
	c.release()
	*c = *newColumn(mem, typ, none)
	return array.MakeFromData(data)
}

// zeros are what is in the buffers of columns without a value: of the most
// tables most columns, so that they share them.
type zeros struct {
	mem memory.Allocator
	all *memory.Buffer
}

func (z *zeros) release() {
	if z.all != nil {
		z.all.Release()
		z.all = nil
	}
}

// slice is a buffer of n bytes.
func (z *zeros) slice(n int) *memory.Buffer {
	if z.all == nil || z.all.Len() < n {
		z.release() // who has a part of it keeps it
		z.all = memory.NewResizableBuffer(z.mem)
		z.all.Resize(n)
		clear(z.all.Bytes())
	}
	return memory.SliceBuffer(z.all, 0, n)
}

// allAbsent tells whether no row has a value.
func (c *column) allAbsent() bool { return len(c.runs) == 1 && c.runs[0].kind == absentRun }

// allLoose tells whether the loose values are already what the array holds.
func (c *column) allLoose() bool { return len(c.runs) == 1 && c.runs[0].kind == looseRun }

// new is a buffer of so many bytes: not cleared.
func (c *column) new(size int) *memory.Buffer {
	b := memory.NewResizableBuffer(c.mem)
	b.Resize(size)
	return b
}

// validity is the bitmap of rows that are not NULL; nil if all are not.
func (c *column) validity() (_ *memory.Buffer, nulls int) {
	if c.elements != nil {
		return nil, 0 // a list may be empty, but is never NULL
	}
	for _, r := range c.runs {
		if r.kind == absentRun {
			nulls += r.rows
		}
	}
	if nulls += len(c.absent); nulls == 0 {
		return nil, 0
	}
	size := int(bitutil.BytesForBits(int64(c.rows)))
	if c.allAbsent() {
		return c.none.slice(size), nulls
	}
	b := c.new(size)
	bits, row, loose, absent := b.Bytes(), 0, 0, c.absent
	clear(bits)
	for _, r := range c.runs {
		if r.kind != absentRun {
			bitutil.SetBitsTo(bits, int64(row), int64(r.rows), true)
		}
		if r.kind == looseRun {
			for len(absent) > 0 && int(absent[0]) < loose+r.rows {
				bitutil.ClearBit(bits, row+int(absent[0])-loose)
				absent = absent[1:]
			}
			loose += r.rows
		}
		row += r.rows
	}
	return b, nulls
}

// offsets are where the values of each row begin, and the last ends.
func (c *column) offsets() *memory.Buffer {
	if c.allLoose() {
		c.ends.Retain()
		return c.ends
	}
	size := (c.rows + 1) * arrow.Int32SizeBytes
	if c.allAbsent() {
		return c.none.slice(size)
	}
	b := c.new(size)
	into, ends := arrow.Int32Traits.CastFromBytes(b.Bytes()), arrow.Int32Traits.CastFromBytes(c.ends.Bytes())
	into[0] = 0
	row, loose, at := 1, 0, int32(0)
	for _, r := range c.runs {
		if r.kind == looseRun {
			moved := at - ends[loose]
			for i, end := range ends[loose+1 : loose+1+r.rows] {
				into[row+i] = end + moved
			}
			loose += r.rows
			at = ends[loose] + moved
		} else {
			each := int32(r.end - r.start) // 0 but for repeated values
			for i := range into[row : row+r.rows] {
				at += each
				into[row+i] = at
			}
		}
		row += r.rows
	}
	return b
}

// values are the bytes of all rows, one after the other. Those of NULL are 0.
func (c *column) values() *memory.Buffer {
	if c.allLoose() {
		c.loose.Retain()
		return c.loose
	}
	size := c.loose.Len()
	for _, r := range c.runs {
		switch r.kind {
		case repeatedRun:
			size += r.rows * (r.end - r.start)
		case absentRun:
			size += r.rows * c.size
		}
	}
	if c.allAbsent() {
		return c.none.slice(size)
	}
	b := c.new(size)
	into, rows, bytes := b.Bytes(), 0, 0
	for _, r := range c.runs {
		n := r.rows * c.size
		switch r.kind {
		case looseRun:
			from := bytes
			if rows += r.rows; c.size > 0 {
				bytes = rows * c.size
			} else {
				bytes = int(binary.LittleEndian.Uint32(c.ends.Bytes()[rows*arrow.Int32SizeBytes:]))
			}
			n = copy(into, c.loose.Bytes()[from:bytes])
		case repeatedRun:
			n = r.rows * (r.end - r.start)
			fill(into[:n], c.text[r.start:r.end])
		case absentRun:
			clear(into[:n])
		}
		into = into[n:]
	}
	return b
}

// fill repeats a value over a whole buffer.
func fill(into, value []byte) {
	for done := copy(into, value); done < len(into); done *= 2 {
		copy(into[done:], into[:done])
	}
}

// bits are the values of booleans, packed.
func (c *column) bits() *memory.Buffer {
	size := int(bitutil.BytesForBits(int64(c.rows)))
	if c.allAbsent() {
		return c.none.slice(size)
	}
	b := c.new(size)
	bits, row, loose := b.Bytes(), 0, c.loose.Bytes()
	clear(bits)
	for _, r := range c.runs {
		switch r.kind {
		case looseRun:
			for i, v := range loose[:r.rows] {
				bitutil.SetBitTo(bits, row+i, v != 0)
			}
			loose = loose[r.rows:]
		case repeatedRun:
			bitutil.SetBitsTo(bits, int64(row), int64(r.rows), c.text[r.start] != 0)
		}
		row += r.rows
	}
	return b
}
