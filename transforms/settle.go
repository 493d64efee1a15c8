package transforms

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"vitalsink/schemas"
)

// settle decides what becomes of the rows that were read.
func (d *Decoded) settle(rt *route) {
	r := d.reader
	d.rt, d.Table = rt, rt.plan.lands()
	d.RowsDecoded = int(r.rows)
	d.Resource, d.Late = "", false
	if len(rt.plan.table.Resources) > 0 {
		d.Resource = rt.resource
	}
	at := d.who.eventTime
	if r.updatedAt != nil {
		at = *r.updatedAt
	}
	d.version = newVersion(d.who, at)
	d.Clamped = d.version.clamped
	d.user = r.text(rt.plan.user)
	if refused := d.checkShape(); refused != nil {
		d.refused = []Refusal{*refused}
		return
	}
	r.settleRivals()
	d.checkRows()
	d.refused = r.refused
	if !rt.plan.samples() && len(d.refused) > 0 {
		d.refused[0].index = wholeMessage
		return
	}
	d.locate()
	d.sum()
}

// RefuseRows sends rows to quarantine that are valid, but that the warehouse
// does not take. They are named by their positions in the message, with which
// their versions end. If other rows of the message were erased, so are these.
func (d *Decoded) RefuseRows(positions []int32) {
	for _, row := range positions {
		d.reader.refuseRow(row, Refusal{
			Reason: WarehouseRefused, Path: d.rowPath(row), Detail: "the warehouse does not take the row",
		})
	}
	d.refused = d.reader.refused
	if d.RowsErased > 0 { // see Erase
		d.RowsErased += len(d.refused)
		d.forgetRefused()
	}
	if !d.rt.plan.samples() && len(d.refused) > 0 {
		d.refuseAll(&d.refused[0])
		return
	}
	d.sum()
}

// sum counts the rows, when it is known which are refused.
func (d *Decoded) sum() {
	slices.SortFunc(d.refused, func(a, b Refusal) int { return cmp.Compare(a.index, b.index) })
	d.RowsQuarantined = len(d.refused)
	d.Rows = d.RowsDecoded - d.RowsQuarantined - d.RowsErased
	switch {
	case d.RowsDecoded == 0:
		d.Outcome = Empty
	case d.RowsDecoded == d.RowsErased:
		d.Outcome, d.Late = Erased, false
	case d.Rows == 0:
		d.Outcome = Quarantined
	case d.RowsQuarantined > 0:
		d.Outcome = PartlyQuarantined
	default:
		d.Outcome = Landed
	}
}

// checkShape finds what is wrong with the message as a whole.
func (d *Decoded) checkShape() *Refusal {
	r, p := d.reader, d.rt.plan
	if p.table.Rows != schemas.RowsEvent && !r.sawData {
		return Refuse(BadShape, "$.data", "%s has no data of a form known for it", p.table.Name)
	}
	if p.samples() && r.rows == 0 {
		if !r.sawList {
			return Refuse(BadShape, "$.data", "neither samples nor a sample")
		}
		return nil
	}
	for _, i := range p.required {
		if p.shared[i] && p.defaults[i] == "" && r.text(i) == nil && !r.hasCells(i) && !p.hasDefault(i) {
			return d.missing(i, wholeMessage)
		}
	}
	if need := int64(r.rows) * int64(d.sharedBytes()); need+int64(len(d.body)) > MaxExpanded {
		return Refuse(TooLarge, "", "%d rows of %d bytes each are more than %d bytes", r.rows, d.sharedBytes(), MaxExpanded)
	}
	return nil
}

// missing refuses what has no value for a required column.
func (d *Decoded) missing(column int, index int32) *Refusal {
	p := d.rt.plan
	c := &p.table.Columns[column]
	why := &Refusal{
		Reason: BadKey, Path: d.pathOf(c, index), index: index,
		Detail: fmt.Sprintf("%s is missing or unreadable", c.Name),
	}
	if column == p.user {
		why.Reason = NoUser
	}
	return why
}

// pathOf is where a column stands in the event, with the sample's position.
func (d *Decoded) pathOf(c *schemas.Column, index int32) string {
	if strings.HasPrefix(c.Path, rootPrefix) {
		return c.Path
	}
	return d.rowPath(index) + "." + c.Path
}

// rowPath is where a row's object stands in the event.
func (d *Decoded) rowPath(index int32) string {
	switch {
	case d.rt.plan.table.Rows == schemas.RowsEvent:
		return "$"
	case !d.rt.plan.samples() || !d.reader.sawList:
		return "$.data"
	case d.reader.lone:
		return fmt.Sprintf("$.data[%d]", index)
	}
	return fmt.Sprintf("$.data.data[%d]", index)
}

// locate makes the paths of refused samples those of the event.
func (d *Decoded) locate() {
	for i := range d.refused {
		switch f := &d.refused[i]; {
		case d.reader.lone && strings.HasPrefix(f.Path, dataPrefix):
			f.Path = d.rowPath(f.index) + "." + f.Path[len(dataPrefix):]
		case strings.HasPrefix(f.Path, rootPrefix):
		case f.Path == "":
			f.Path = d.rowPath(f.index)
		default:
			f.Path = d.rowPath(f.index) + "." + f.Path
		}
	}
}

// checkRows refuses the rows that cannot land and finds the lane.
func (d *Decoded) checkRows() {
	r, p := d.reader, d.rt.plan
	for _, i := range p.required {
		if p.hasDefault(i) || r.text(i) != nil && !r.hasCells(i) {
			continue
		}
		r.eachRow(i, func(row int32, c *cell) {
			empty := c != nil && p.table.Columns[i].Type == schemas.String && len(c.str) == 0
			if c == nil || empty && p.deletes == nil { // keys in the tables may be empty
				r.refuseRow(row, *d.missing(i, row))
			}
		})
	}
	if p.partition >= 0 {
		d.checkDates()
	}
	d.checkSizes()
}

// checkDates keeps the partition dates within bounds.
func (d *Decoded) checkDates() {
	r, p := d.reader, d.rt.plan
	c := &p.table.Columns[p.partition]
	latest := dayOf(d.who.asOf + latestPartition.Microseconds())
	earliest := dayOf(earliestPartition.UnixMicro())
	old := dayOf(d.who.publish - lateAfter.Microseconds())
	r.eachRow(p.partition, func(row int32, v *cell) {
		if r.dead[row] {
			return
		}
		if v == nil {
			d.Late = true
			return
		}
		day := int32(v.num)
		if c.Type == schemas.Timestamp {
			day = dayOf(v.num)
		}
		if day < earliest || day > latest {
			r.refuseRow(row, Refusal{
				Reason: DateOutOfTime, Path: d.pathOf(c, row),
				Detail: c.Name + " is before 2005 or more than two days after the message",
			})
			return
		}
		d.Late = d.Late || day < old
	})
}

// checkSizes refuses rows beyond MaxRow and sums up what the others take.
func (d *Decoded) checkSizes() {
	r := d.reader
	each := d.sharedBytes()
	d.bytes = int(r.rows)*each + len(r.extraText)
	for i := range d.rt.plan.table.Columns {
		for j := range r.cells[i] {
			d.bytes += len(r.cells[i][j].str)
		}
	}
	if each+len(d.body) <= MaxRow {
		return
	}
	sizes := make([]int, r.rows)
	for i := range d.rt.plan.table.Columns {
		for j := range r.cells[i] {
			sizes[r.cells[i][j].row] += len(r.cells[i][j].str)
		}
	}
	for _, e := range r.extras {
		sizes[e.row] += e.end - e.start
	}
	if d.rt.plan.table.Rows == schemas.RowsEvent {
		sizes[0] += len(d.body)
	}
	for row, size := range sizes {
		if size+each > MaxRow {
			r.refuseRow(int32(row), Refusal{
				Reason: TooLarge, Detail: fmt.Sprintf("the row takes %d bytes, the limit is %d", size+each, MaxRow),
			})
		}
	}
}

// sharedBytes is what a row takes beside its own values.
func (d *Decoded) sharedBytes() int {
	n := d.rt.plan.width + versionSize + len(d.who.id) + len(d.Resource)
	for i := range d.rt.plan.table.Columns {
		n += len(d.reader.shared[i].str)
	}
	if extra := len(d.reader.sharedExtra); extra*int(d.reader.rows) <= maxSharedExtra {
		n += extra
	}
	return n
}

func (p *plan) hasDefault(column int) bool { return p.table.Columns[column].Default != nil }
