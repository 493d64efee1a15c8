package connector

import (
	"encoding/json"
	"fmt"
	"time"

	"vitalsink/transforms"
)

// QuarantinedID is a message in quarantine.
type QuarantinedID struct {
	MessageID string
	Bytes     int64 // of the message as it came
}

// Quarantined is a message in the quarantine of a warehouse, as the last fold
// left it: what is resolved is not there any more.
type Quarantined struct {
	MessageID   string
	PublishedAt time.Time
	VersionAt   time.Time // the greatest version time of its rows
	// Reason of the whole message; "samples" if only some of its samples are
	// refused.
	Reason     transforms.Reason
	Attributes map[string]string
	Rows       []QuarantineKey
	// Payload is the message's bytes, gzip'd; only where they were asked for.
	Payload []byte
}

// QuarantineKey is, with the message's id, the key of a row of quarantine.
type QuarantineKey struct {
	Index int32 // position of the sample; -1 for the whole message
	Part  int   // of the message's bytes
}

// QuarantineRow is a row of quarantine.
type QuarantineRow struct {
	MessageID   string
	Key         QuarantineKey
	PublishedAt time.Time
	VersionAt   time.Time
	Reason      string
	Attributes  string // JSON, or ""
	Payload     []byte
}

// AppendQuarantined puts messages together from their rows, which have to come
// in the order of their keys.
func AppendQuarantined(all []Quarantined, r *QuarantineRow) ([]Quarantined, error) {
	if len(all) == 0 || all[len(all)-1].MessageID != r.MessageID {
		all = append(all, Quarantined{MessageID: r.MessageID, PublishedAt: r.PublishedAt})
	}
	q := &all[len(all)-1]
	q.Rows = append(q.Rows, r.Key)
	q.Payload = append(q.Payload, r.Payload...)
	if r.VersionAt.After(q.VersionAt) {
		q.VersionAt = r.VersionAt
	}
	if r.Key != (QuarantineKey{Index: -1}) {
		return all, nil
	}
	q.Reason = transforms.Reason(r.Reason)
	if r.Attributes != "" {
		if err := json.Unmarshal([]byte(r.Attributes), &q.Attributes); err != nil {
			return all, fmt.Errorf("read the attributes of a message in quarantine: they are no map of texts")
		}
	}
	return all, nil
}
