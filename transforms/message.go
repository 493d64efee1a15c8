package transforms

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"maps"
	"math"
	"time"
)

// Message is one delivery of one event.
type Message struct {
	// ID identifies the message; a redelivery has the same. Required.
	ID string
	// PublishTime is when the message was published. Required.
	PublishTime time.Time
	// AsOf is the time that the clamp of versions and the bounds on partition
	// dates count from. Optional, default PublishTime.
	AsOf time.Time
	// Attributes as the publisher wrote them. Optional.
	Attributes map[string]string
	// Data is the body as it came: JSON, plain or gzip'd.
	Data []byte
	// Refusal, if a door could not even open its envelope: the message goes
	// to quarantine, Data being all that came.
	Refusal *Refusal
}

// Attributes of Junction's messages (each was spelled with _ until 2024) and,
// from the event time on, of our own doors.
const (
	AttrEventType      = "event-type"
	AttrBlobType       = "blob-type"
	AttrBlobCodec      = "blob-codec"
	AttrIdempotencyKey = "idempotency-key"
	AttrEventTime      = "event-time"

	attrOriginalMessageID   = "original-message-id"
	attrOriginalPublishTime = "original-publish-time"
	attrAsOf                = "as-of" // AsOf, where a message is kept or told on
	// Written by Pub/Sub itself when it moves a message to a dead-letter topic.
	attrDeadLetterPublishTime = "CloudPubSubDeadLetterSourceTopicPublishTime"
)

// attribute looks a name up in its present and its older spelling.
func (m *Message) attribute(name, older string) string {
	if v, ok := m.Attributes[name]; ok {
		return v
	}
	return m.Attributes[older]
}

// Clock is the time that the clamp of versions and the bounds on partition
// dates count from.
func (m *Message) Clock() time.Time { return time.UnixMicro(m.identity().asOf).UTC() }

// attributesText is the attributes as JSON, "" if there are none. What of a
// message is not in them or in its bytes, and counts, is put among them.
func (m *Message) attributesText() string {
	all := m.Attributes
	if !m.AsOf.IsZero() {
		all = maps.Clone(all)
		if all == nil {
			all = map[string]string{}
		}
		all[attrAsOf] = m.AsOf.UTC().Format(time.RFC3339Nano)
	}
	if len(all) == 0 {
		return ""
	}
	text, _ := json.Marshal(all) // a map of strings always can
	return string(text)
}

// FirstID is the id that the message had before any replay: the _message_id of
// its rows.
func (m *Message) FirstID() string {
	if v := m.Attributes[attrOriginalMessageID]; v != "" {
		return v
	}
	return m.ID
}

// identity is what of a message's delivery goes into the versions of its rows.
// A replayed or dead-lettered message keeps the one it had first.
type identity struct {
	id        string
	publish   int64 // µs since 1970
	asOf      int64 // µs since 1970
	eventTime int64 // µs since 1970: the attribute, else publish
}

func (m *Message) identity() identity {
	who := identity{id: m.FirstID(), publish: m.PublishTime.UnixMicro()}
	for _, name := range []string{attrOriginalPublishTime, attrDeadLetterPublishTime} {
		if t, ok := parseTimestamp([]byte(m.Attributes[name])); ok {
			who.publish = t
			break
		}
	}
	who.asOf = who.publish
	if !m.AsOf.IsZero() {
		who.asOf = m.AsOf.UnixMicro()
	} else if t, ok := parseTimestamp([]byte(m.Attributes[attrAsOf])); ok {
		who.asOf = t
	}
	who.eventTime = who.publish
	if t, ok := parseTimestamp([]byte(m.Attributes[AttrEventTime])); ok {
		who.eventTime = t
	}
	return who
}

// versionSize is the length of a _version in bytes.
const versionSize = 28

// version is a _version without its last part, the position in the message.
type version struct {
	prefix  [versionSize - 4]byte
	at      int64 // µs since 1970
	clamped bool
}

// newVersion orders a message's rows among all others: by version time, then
// publish time, then message. Times before 1970 count as 0. A version time
// that lies too far ahead would win for ever, so it is clamped.
func newVersion(who identity, at int64) version {
	v := version{at: at}
	if v.at > who.asOf+clampAfter.Microseconds() {
		v.at, v.clamped = who.asOf, true
	}
	v.at = max(v.at, 0)
	sum := sha256.Sum256([]byte(who.id))
	binary.BigEndian.PutUint64(v.prefix[0:], uint64(v.at))
	binary.BigEndian.PutUint64(v.prefix[8:], uint64(max(who.publish, 0)))
	copy(v.prefix[16:], sum[:8])
	return v
}

// bytes is the version of the row at a position; -1 is the whole message.
func (v *version) bytes(position int32) [versionSize]byte {
	var b [versionSize]byte
	copy(b[:], v.prefix[:])
	p := uint32(math.MaxUint32)
	if position >= 0 {
		p = uint32(position)
	}
	binary.BigEndian.PutUint32(b[24:], p)
	return b
}
