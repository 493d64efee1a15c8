package transforms

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-faster/jx"

	"vitalsink/schemas"
)

// Outcome is what became of a message.
type Outcome int

// The outcomes; every message has exactly one.
const (
	Landed            Outcome = iota // every row
	PartlyQuarantined                // some rows, the others are in quarantine
	Quarantined                      // no row
	Empty                            // valid, but there are no rows in it
)

// Decoder reads messages. It is not safe for concurrent use.
type Decoder struct {
	router *router
	zip    inflater
	reader reader
	out    Decoded
}

// NewDecoder compiles the catalogue's paths.
func NewDecoder(c *schemas.Catalogue) (*Decoder, error) {
	r, err := newRouter(c)
	if err != nil {
		return nil, fmt.Errorf("compile paths of the catalogue: %w", err)
	}
	return &Decoder{router: r}, nil
}

// Decoded is what is in a message. It is valid until the next Decode.
type Decoded struct {
	Outcome Outcome
	// Table that the rows belong to; nil if the whole message is refused
	// before that is known.
	Table *schemas.Table
	// Resource of the rows; "" but for timeseries.
	Resource string
	// Rows that can be appended to Table's log.
	Rows int
	// RowsDecoded were found: Rows plus RowsQuarantined.
	RowsDecoded, RowsQuarantined int
	// Clamped says that the version time lay too far in the future.
	Clamped bool
	// Late says that a row's partition date is old, or missing.
	Late bool

	message *Message
	who     identity
	version version
	body    []byte
	rt      *route
	reader  *reader
	refused []Refusal
	user    []byte
	bytes   int // that the rows take in Arrow, about
}

// Refusals are the reasons why the message, or samples of it, were refused.
func (d *Decoded) Refusals() []Refusal { return d.refused }

// Decode reads one message. It never fails: what is wrong is in the result.
func (d *Decoder) Decode(m *Message) *Decoded {
	d.out = Decoded{message: m, who: m.identity(), reader: &d.reader}
	d.out.version = newVersion(d.out.who, d.out.who.eventTime)
	err := d.guarded(m)
	var refused *Refusal
	if errors.As(err, &refused) {
		d.out.refuseAll(refused)
	}
	return &d.out
}

// guarded makes a fault of our own the message's: it must not stop the rest,
// and would come again with every delivery. The panic's text could quote the
// payload.
func (d *Decoder) guarded(m *Message) (err error) {
	defer func() {
		if recover() != nil {
			err = Refuse(DecoderFault, "", "the decoder broke on this message; please report it, and replay it later")
		}
	}()
	return d.decode(m)
}

// decode's error is a *Refusal of the whole message.
func (d *Decoder) decode(m *Message) error {
	if m.Refusal != nil {
		return m.Refusal
	}
	body, refused := d.zip.body(m)
	if refused != nil {
		return refused
	}
	d.out.body = bytes.Trim(body, " \t\r\n") // the white space of JSON
	if !utf8.Valid(d.out.body) {
		return Refuse(InvalidUTF8, "", "invalid UTF-8 at byte %d of %d", firstInvalid(body), len(body))
	}
	rt, err := d.read(m)
	if err == nil {
		d.out.settle(rt)
		err = d.out.failure()
	}
	if !rt.known && (err != nil || d.out.Outcome != Landed || d.reader.lone || !d.reader.sawList) {
		// Not a series after all: keep the event whole.
		return d.whole(rt.eventType)
	}
	return err
}

// read walks the body by the paths of its event type. The attribute tells the
// type beforehand; should the body disagree, it is right.
func (d *Decoder) read(m *Message) (*route, error) {
	eventType := m.attribute(attrEventType, "event_type")
	if eventType == "" {
		eventType = findEventType(d.out.body)
	}
	rt := d.router.route(eventType)
	err := d.reader.read(d.out.body, rt)
	said := string(d.reader.eventType)
	if err != nil {
		said = findEventType(d.out.body) // perhaps it is read by the wrong one
	}
	if said != "" && said != eventType {
		rt = d.router.route(said)
		err = d.reader.read(d.out.body, rt)
	}
	d.out.rt = rt
	if err == nil && rt.eventType == "" {
		err = Refuse(NoEventType, "$.event_type", "the event has no type")
	}
	return rt, err
}

// whole reads the event again as one that no table is made for.
func (d *Decoder) whole(eventType string) error {
	rt := d.router.unmodelled(eventType)
	d.out.refused, d.out.rt = nil, rt
	if err := d.reader.read(d.out.body, rt); err != nil {
		return err
	}
	d.out.settle(rt)
	return d.out.failure()
}

// findEventType looks ahead for the type; "" if there is none to be found.
func findEventType(body []byte) string {
	d := jx.DecodeBytes(body)
	it, err := d.ObjIter()
	if err != nil {
		return ""
	}
	for it.Next() {
		if string(it.Key()) == "event_type" && d.Next() == jx.String {
			raw, err := d.Raw()
			if err != nil {
				return ""
			}
			s, _ := unquote(raw)
			return string(s)
		}
		if d.Skip() != nil {
			return ""
		}
	}
	return ""
}

func firstInvalid(b []byte) int {
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(b)
}

// refuseAll sends the whole message to quarantine for one reason.
func (d *Decoded) refuseAll(why *Refusal) {
	whole := *why
	whole.index = wholeMessage
	d.refused = []Refusal{whole}
	d.Outcome, d.Rows, d.Late = Quarantined, 0, false
	d.RowsDecoded, d.RowsQuarantined = 0, 0 // a message refused as a whole has none
	if d.rt != nil {
		d.user = d.reader.text(d.rt.plan.user)
	}
}

// failure is the refusal of the whole message, if settle found one.
func (d *Decoded) failure() error {
	if len(d.refused) > 0 && d.refused[0].index == wholeMessage {
		return &d.refused[0]
	}
	return nil
}

// settle decides what becomes of the rows that were read.
func (d *Decoded) settle(rt *route) {
	r := d.reader
	d.rt, d.Table = rt, rt.plan.table
	d.RowsDecoded = int(r.rows)
	d.Resource, d.Late = "", false
	if rt.plan.samples() {
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
	slices.SortFunc(d.refused, func(a, b Refusal) int { return cmp.Compare(a.index, b.index) })
	d.RowsQuarantined = len(d.refused)
	d.Rows = d.RowsDecoded - d.RowsQuarantined
	switch {
	case d.RowsDecoded == 0:
		d.Outcome = Empty
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
			if c == nil || p.table.Columns[i].Type == schemas.String && len(c.str) == 0 {
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
	if d.Table.Rows == schemas.RowsEvent {
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
	n := 16*len(d.rt.plan.table.Columns) + versionSize + len(d.who.id) + len(d.Resource)
	for i := range d.rt.plan.table.Columns {
		n += len(d.reader.shared[i].str)
	}
	if extra := len(d.reader.sharedExtra); extra*int(d.reader.rows) <= maxSharedExtra {
		n += extra
	}
	return n
}

func (p *plan) hasDefault(column int) bool { return p.table.Columns[column].Default != nil }

// text is the value that a column has for the whole message, nil if none.
func (r *reader) text(column int) []byte {
	if column < 0 || column >= len(r.shared) {
		return nil
	}
	if c := r.lookup(column, sharedRow); c != nil {
		return c.str
	}
	if r.rows > 0 && len(r.cells[column]) > 0 && !r.rt.plan.samples() {
		return r.cells[column][0].str
	}
	return nil
}

func (r *reader) hasCells(column int) bool { return len(r.cells[column]) > 0 }

// eachRow calls f with a column's value in each row; nil if it has none.
func (r *reader) eachRow(column int, f func(row int32, c *cell)) {
	cells, shared := r.cells[column], r.lookup(column, sharedRow)
	for row := range r.rows {
		if len(cells) > 0 && cells[0].row == row {
			f(row, &cells[0])
			cells = cells[1:]
		} else {
			f(row, shared)
		}
	}
}

// settleRivals decides between what a lone sample says of its context and
// what the envelope says: the better path has its say, the other is kept.
func (r *reader) settleRivals() {
	if !r.lone {
		return
	}
	for i := range r.rt.plan.table.Columns {
		shared := r.lookup(i, sharedRow)
		if shared == nil {
			continue
		}
		for j := range r.cells[i] {
			c := &r.cells[i][j]
			if c.priority < shared.priority || sameCell(c, shared) {
				continue
			}
			said, err := json.Marshal(string(c.str)) // only texts are shared
			if err == nil {
				r.keep(c.row, r.rt.plan.table.Columns[i].Paths()[c.priority], said)
			}
			c.num, c.str = shared.num, shared.str
		}
	}
	slices.SortStableFunc(r.extras, func(a, b rowExtra) int { return cmp.Compare(a.row, b.row) })
}

// eventKey identifies an event that has no key of its own.
func (d *Decoded) eventKey() string {
	if k := d.message.attribute(attrIdempotencyKey, "idempotency_key"); k != "" {
		return k
	}
	sum := sha256.Sum256(d.body)
	return hex.EncodeToString(sum[:])
}
