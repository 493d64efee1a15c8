package synth

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"runtime"
	"strconv"
	"time"

	"vitalsink/schemas"
)

// WriteTruth writes the rows that a warehouse must hold when all messages have
// arrived, in whatever order: one JSON object a line, {"table": …, "row":
// {column: value, …}}, without columns that are NULL. Of quarantine there are
// the keys and the reason.
//
// It is worked out in the plainest way, apart from the code it is to test:
// every body is read into maps, columns are looked up by the catalogue's
// paths, and of each key the greatest version is kept. Memory holds a few
// users.
func (p *Population) WriteTruth(ctx context.Context, cat *schemas.Catalogue, w io.Writer) error {
	side := runtime.GOMAXPROCS(0)
	for from := 0; from < p.Users && ctx.Err() == nil; from += side {
		texts := make([]bytes.Buffer, min(side, p.Users-from))
		sideBySide(func(next func() int) {
			for i := next(); i < len(texts); i = next() {
				p.truthOf(ctx, cat, from+i, asRows).write(&texts[i])
			}
		})
		for i := range texts {
			if _, err := w.Write(texts[i].Bytes()); err != nil {
				return fmt.Errorf("write truth: %w", err)
			}
		}
	}
	return ctx.Err()
}

// form is what the truth keeps of a fact's latest version.
type form int

const (
	asRows    form = iota // the row of a warehouse, as text
	asRecords             // what the source holds, as the event had it
)

func (p *Population) truthOf(ctx context.Context, cat *schemas.Catalogue, user int, form form) *truth {
	t := &truth{form: form, catalogue: cat, facts: map[string]*fact{}, readings: map[string]*reading{}}
	for day := 0; day < p.Days && ctx.Err() == nil; day++ {
		c := courier{Population: p, person: p.person(cat, user, day)}
		for _, a := range c.deliver(day) {
			t.take(a)
		}
	}
	return t
}

// truth is one user's latest rows.
type truth struct {
	form      form
	catalogue *schemas.Catalogue
	facts     map[string]*fact // by table and key
	order     []*fact
	readings  map[string]*reading // by table and shape
}

// fact is the latest version of a row. The row is kept as text, which takes
// less memory than a map.
type fact struct {
	table   *schemas.Table
	version string
	row     []byte  // asRows
	record  *Record // asRecords, nil if the source is not asked for such
	created string  // the earliest created_at of all versions, "" if none
	latest  string  // that of the row
}

// take reads one message.
func (t *truth) take(a arrival) {
	who := identify(a)
	bad := map[int]bool{}
	for _, r := range a.told.refused {
		bad[r.index] = true
		columns := object{"message_id": who.id, "_index": r.index, "part": 0, "reason": r.reason}
		t.keep(fmt.Sprint(who.id, " ", r.index), "", truthRow{table: t.catalogue.Table(schemas.QuarantineTable), columns: columns})
	}
	if bad[wholeMessage] && len(bad) == 1 {
		return
	}
	var body object
	d := json.NewDecoder(bytes.NewReader(a.told.body))
	d.UseNumber()
	if err := d.Decode(&body); err != nil {
		panic(fmt.Sprintf("read an event that should be good: %v", err))
	}
	at := who.eventTime
	if data, ok := body["data"].(object); ok {
		if updated, ok := instant(data["updated_at"]); ok {
			at = updated
		}
	}
	if at.Sub(who.published) > 5*time.Minute {
		at = who.published
	}
	for _, r := range t.rows(a, body) {
		if bad[r.index] {
			continue
		}
		version := versionOf(at, who, r.index)
		r.columns["_version"], r.columns["_version_at"] = hex.EncodeToString([]byte(version)), micros(at)
		r.columns["_message_id"], r.columns["_deleted"] = who.id, false
		key := ""
		for _, name := range r.table.Key {
			key += r.columns[name].(string) + "\x00"
		}
		t.keep(key, version, r)
	}
}

// keep replaces a row by a greater version.
func (t *truth) keep(key, version string, r truthRow) {
	key = r.table.Name + "\x00" + key
	f := t.facts[key]
	first := f == nil
	if first {
		f = &fact{table: r.table}
		t.facts[key] = f
		t.order = append(t.order, f)
	}
	created, _ := r.columns["created_at"].(string)
	if created != "" && (f.created == "" || created < f.created) {
		f.created = created
	}
	if !first && version <= f.version {
		return
	}
	f.version, f.latest = version, created
	if t.form == asRows {
		f.row = rowText(r.table, r.columns)
	} else {
		f.record = r.record(key)
	}
}

// rowText is a row as a JSON object, its columns in the table's order. It is
// encode for what most rows are made of, without the detours.
func rowText(t *schemas.Table, row object) []byte {
	text := []byte{'{'}
	for i := range t.Columns {
		name := t.Columns[i].Name
		v, ok := row[name]
		if !ok {
			continue
		}
		text = append(append(append(text, '"'), name...), `":`...)
		switch v := v.(type) {
		case float64:
			text = strconv.AppendFloat(text, v, 'g', -1, 64)
		case int64:
			text = strconv.AppendInt(text, v, 10)
		case bool:
			text = strconv.AppendBool(text, v)
		default:
			text = append(text, encode(v)...)
		}
		text = append(text, ',')
	}
	text[len(text)-1] = '}'
	return text
}

func (t *truth) write(out *bytes.Buffer) {
	for _, f := range t.order {
		if f.latest != f.created {
			var row object
			d := json.NewDecoder(bytes.NewReader(f.row))
			d.UseNumber()
			if err := d.Decode(&row); err != nil {
				panic(fmt.Sprintf("read a row: %v", err))
			}
			row["created_at"] = f.created
			f.row = rowText(f.table, row)
		}
		fmt.Fprintf(out, "{\"table\":%q,\"row\":%s}\n", f.table.Name, f.row)
	}
}

// identity is what of a delivery decides between versions.
type identity struct {
	id                   string
	published, eventTime time.Time
}

// identify gives a replayed message the identity that it had first.
func identify(a arrival) identity {
	who := identity{a.message.ID, a.message.PublishTime, a.message.PublishTime}
	if id := a.message.Attributes["original-message-id"]; id != "" {
		who.id = id
	}
	if t, ok := instant(a.message.Attributes["original-publish-time"]); ok {
		who.published, who.eventTime = t, t
	}
	if t, ok := instant(a.message.Attributes["event-time"]); ok {
		who.eventTime = t
	}
	return who
}

// versionOf is _version: 28 bytes.
func versionOf(at time.Time, who identity, index int) string {
	hash := sha256.Sum256([]byte(who.id))
	position := uint32(math.MaxUint32)
	if index >= 0 {
		position = uint32(index)
	}
	var v []byte
	v = binary.BigEndian.AppendUint64(v, uint64(max(0, at.UnixMicro())))
	v = binary.BigEndian.AppendUint64(v, uint64(max(0, who.published.UnixMicro())))
	v = append(v, hash[:8]...)
	return string(binary.BigEndian.AppendUint32(v, position))
}

// instant is the time that a text says, if it is one.
func instant(v any) (time.Time, bool) {
	text, ok := v.(string)
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	return t, err == nil
}

// micros is a time as the truth writes it. Of two such texts the lesser is the
// earlier: they have the same length.
func micros(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }
