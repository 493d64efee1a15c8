package transforms

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"

	"vitalsink/schemas"
)

// TestColumn: whatever is appended, and in whatever way, the array is what
// Arrow's own builder makes of it.
func TestColumn(t *testing.T) {
	columns := []schemas.Column{
		{Name: "c", Type: schemas.String}, {Name: "c", Type: schemas.Int64}, {Name: "c", Type: schemas.Date},
		{Name: "c", Type: schemas.Bool}, {Name: "c", Type: schemas.Int64, Repeated: true},
	}
	rapid.Check(t, func(rt *rapid.T) {
		mem := memory.NewCheckedAllocator(used{memory.DefaultAllocator})
		defer mem.AssertSize(t, 0)
		of := rapid.SampledFrom(columns).Draw(rt, "column")
		typ := (&schemas.Table{Columns: []schemas.Column{of}}).ArrowSchema().Field(0).Type
		none := &zeros{mem: mem}
		defer none.release()
		c, like := newColumn(mem, typ, none), array.NewBuilder(mem, typ)
		defer c.release()
		defer like.Release()
		for range rapid.IntRange(1, 2).Draw(rt, "arrays") { // after the first it is empty
			for range rapid.IntRange(0, 12).Draw(rt, "appends") {
				for _, text := range appendDrawn(rt, c, &of) {
					if err := like.AppendValueFromString(text); err != nil {
						rt.Fatal(err)
					}
				}
			}
			got, want := c.array(), like.NewArray()
			if !array.Equal(want, got) || want.NullN() != got.NullN() {
				rt.Errorf("want %v\n got %v", want, got)
			}
			got.Release()
			want.Release()
		}
	})
}

// used is an allocator of memory that somebody has used before.
type used struct{ memory.Allocator }

func (u used) Allocate(size int) []byte {
	b := u.Allocator.Allocate(size)
	for i := range b {
		b[i] = 0xa5
	}
	return b
}

func (u used) Reallocate(size int, old []byte) []byte {
	b := u.Allocate(size)
	copy(b, old)
	return b
}

// appendDrawn appends some rows in one of the ways that there are, and returns
// them as Arrow's builders read them.
func appendDrawn(rt *rapid.T, c *column, of *schemas.Column) (texts []string) {
	rows := rapid.IntRange(0, 20).Draw(rt, "rows")
	switch way := rapid.SampledFrom([]string{"none", "same", "cells", "numbers"}).Draw(rt, "way"); {
	case way == "none":
		c.repeatCell(rows, of, nil)
		for range rows {
			texts = append(texts, textOf(c, of, nil))
		}
	case way == "same":
		v := drawCell(rt, of)
		c.repeatCell(rows, of, v)
		for range rows {
			texts = append(texts, textOf(c, of, v))
		}
	case way == "numbers" && c.size > 0:
		cells := make([]cell, rows)
		for i := range cells {
			cells[i] = *drawCell(rt, of)
			texts = append(texts, textOf(c, of, &cells[i]))
		}
		c.appendNumbers(cells)
	default:
		for range rows {
			v := drawCell(rt, of)
			if rapid.IntRange(0, 3).Draw(rt, "absent") == 0 {
				v = nil
			}
			c.appendCell(of, v)
			texts = append(texts, textOf(c, of, v))
		}
	}
	return texts
}

func drawCell(rt *rapid.T, of *schemas.Column) *cell {
	n := rapid.Int64Range(0, 3).Draw(rt, "number")
	switch {
	case of.Repeated:
		list, _ := json.Marshal(make([]int, n)) // integers
		return &cell{str: list}
	case of.Type == schemas.String:
		return &cell{str: []byte(strings.Repeat("x", int(n)))}
	case of.Type == schemas.Bool:
		return &cell{num: n & 1}
	}
	return &cell{num: n - 1}
}

// textOf is a cell in the form that AppendValueFromString reads.
func textOf(c *column, of *schemas.Column, v *cell) string {
	switch {
	case of.Repeated && v == nil:
		return "[]"
	case v == nil:
		return array.NullValueStr
	case of.Repeated || of.Type == schemas.String:
		return string(v.str)
	case of.Type == schemas.Bool:
		return fmt.Sprint(v.num != 0)
	case of.Type == schemas.Date:
		return arrow.Date32(v.num).FormattedString()
	}
	return fmt.Sprint(v.num)
}
