package reconcile

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"vitalsink/connector"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// errNewer says that versions decide, and not reconcile.
var errNewer = errors.New("what is newer wins")

// mend publishes what a second look confirms.
type mend struct {
	r        *Reconcile
	shipment *connector.Shipment

	mu       sync.Mutex
	repaired map[int]map[digest]bool // by unit, what was published
}

func (r *Reconcile) newMend(ctx context.Context) *mend {
	if !r.Repair && !r.DeleteExtra {
		return nil
	}
	return &mend{r: r, shipment: r.outlet.Begin(ctx), repaired: map[int]map[digest]bool{}}
}

// taker publishes, while the source's answer about a unit is read, what of it
// differs from the warehouse as it did at the first look.
func (m *mend) taker(l *look, unit int, warehouse []fact) func(*transforms.Message, []fact, []int32) error {
	return func(message *transforms.Message, facts []fact, positions []int32) error {
		var wanted []int32
		var keys []digest
		for i := range facts {
			if m.isConfirmed(l, unit, &facts[i], warehouse) && m.wins(l, facts[i].version, heldOf(warehouse, facts[i].key)) {
				wanted, keys = append(wanted, positions[i]), append(keys, facts[i].key)
			}
		}
		if len(wanted) == 0 {
			return nil
		}
		one, err := picked(message, wanted)
		if err != nil {
			return err
		}
		if err := m.shipment.Take(&one, len(wanted)); err != nil {
			return err
		}
		m.note(unit, keys)
		return nil
	}
}

// isConfirmed tells whether a fact of the source's is what the first look
// missed.
func (m *mend) isConfirmed(l *look, unit int, s *fact, warehouse []fact) bool {
	c := compare([]fact{*s}, heldOf(warehouse, s.key), l.in, false)
	return len(c.differences) == 1 && c.differences[0].kind != connector.CheckExtra && l.confirms(unit, &c.differences[0])
}

// heldOf is the fact with a key, if there is one.
func heldOf(warehouse []fact, key digest) []fact {
	at, ok := slices.BinarySearchFunc(warehouse, key, func(f fact, key digest) int { return bytes.Compare(f.key[:], key[:]) })
	if !ok {
		return nil
	}
	return warehouse[at : at+1]
}

// wins tells whether what is published with a version would be the newer one. Of
// the same version time it is: it will have a later publish time.
func (m *mend) wins(l *look, version [28]byte, held []fact) bool {
	if len(held) == 0 || bytes.Compare(version[:8], held[0].version[:8]) >= 0 {
		return true
	}
	m.r.mu.Lock()
	defer m.r.mu.Unlock()
	m.r.warn("cannot be repaired: the warehouse has a newer version than what is published would be", l.table.Name, errNewer)
	return false
}

// confirms tells whether a difference is still what it was at the first look,
// and nothing is on its way that could change it.
func (l *look) confirms(unit int, d *difference) bool {
	return wasSeen(l.seen[unit], d) && !l.touched(l.units[unit].resource, d.cell.day)
}

// take is what was published of a unit; it is not kept any longer.
func (m *mend) take(unit int) map[digest]bool {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	keys := m.repaired[unit]
	delete(m.repaired, unit)
	return keys
}

func (m *mend) note(unit int, keys []digest) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.repaired[unit] == nil {
		m.repaired[unit] = map[digest]bool{}
	}
	for _, k := range keys {
		m.repaired[unit][k] = true
	}
}

// mostTombstones is how many rows a message deletes.
const mostTombstones = 10_000

// delete publishes tombstones for facts of a unit that the source does not have
// any more. Their version is the begin of the request that told: whatever is
// newer wins over them.
func (m *mend) delete(l *look, unit int, keys map[digest][]any, began time.Time) error {
	form := newForm(l.table)
	var version [28]byte
	binary.BigEndian.PutUint64(version[:], uint64(max(0, began.UnixMicro())))
	var rows []map[string]any
	var gone []digest
	for i := range l.results[unit].differences {
		d := &l.results[unit].differences[i]
		if row := keys[d.key]; d.kind == connector.CheckExtra && row != nil && l.confirms(unit, d) && m.wins(l, version, []fact{form.fact(row, m.r.providers.of)}) {
			rows, gone = append(rows, form.tombstone(row)), append(gone, d.key)
		}
	}
	for part := range slices.Chunk(rows, mostTombstones) {
		one, err := transforms.Tombstones(uuid.NewString(), began, l.table, part)
		if err != nil {
			return err
		}
		one.PublishTime = time.Now().UTC()
		one.Pack()
		if err := m.shipment.Take(&one, len(part)); err != nil {
			return err
		}
	}
	m.note(unit, gone)
	return nil
}

// tombstone is the key of a row, and its partition's value.
func (f *form) tombstone(row []any) map[string]any {
	says := map[string]any{}
	for i, c := range f.table.Columns {
		if !f.table.IsKey(c.Name) && (f.table.Partition == nil || f.table.Partition.Column != c.Name) {
			continue
		}
		switch v := row[i].(type) {
		case nil:
		case time.Time:
			if c.Type == schemas.Date {
				says[c.Name] = v.Format(time.DateOnly)
			} else {
				says[c.Name] = v.UTC().Format(time.RFC3339Nano)
			}
		default:
			says[c.Name] = v
		}
	}
	return says
}
