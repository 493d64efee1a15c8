package transforms

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
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
	// Erased is what Erase dropped in full. It is no outcome of its own in the
	// registry: there it is empty, and its rows are erased.
	Erased
)

// String is the outcome as the metrics and, but for Erased, the registry's
// columns name it.
func (o Outcome) String() string {
	return [...]string{"landed", "partly_quarantined", "quarantined", "empty", "erased"}[o]
}

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
	// RowsDecoded were found: Rows plus RowsQuarantined plus RowsErased.
	RowsDecoded, RowsQuarantined, RowsErased int
	// Clamped says that the version time lay too far in the future.
	Clamped bool
	// Late says that a row's partition date is old, or missing.
	Late bool

	message  *Message
	who      identity
	version  version
	body     []byte
	unzipped []byte // what there is of a body that is refused
	rt       *route
	reader   *reader
	refused  []Refusal
	user     []byte
	bytes    int // that the rows take in Arrow, about
}

// deletes tells whether the rows are tombstones.
func (d *Decoded) deletes() bool { return d.rt != nil && d.rt.plan.deletes != nil }

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
		d.out.unzipped = body
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
	eventType := m.attribute(AttrEventType, "event_type")
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

// eventKey identifies an event that has no key of its own.
func (d *Decoded) eventKey() string {
	if k := d.message.attribute(AttrIdempotencyKey, "idempotency_key"); k != "" {
		return k
	}
	sum := sha256.Sum256(d.body)
	return hex.EncodeToString(sum[:])
}
