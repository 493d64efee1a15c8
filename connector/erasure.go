package connector

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"vitalsink/transforms"
)

// UserHash is how a person stands in the table erasures: the SHA-256 of the
// Junction user id in lower case, in hexadecimal digits in lower case. The id is
// a random UUID, so that the hash gives nothing away.
func UserHash(userID string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(userID)))
	return hex.EncodeToString(sum[:])
}

// Erased are the people who are erased, by UserHash.
type Erased map[string]bool

// Has tells whether a person is erased.
func (e Erased) Has(userID string) bool { return len(e) > 0 && e[UserHash(userID)] }

// Drop drops what of a message is theirs.
func (e Erased) Drop(d *transforms.Decoded) {
	if len(e) > 0 {
		d.Erase(func(userID []byte) bool { return e.Has(string(userID)) })
	}
}

// Entries of the record of an erasure.
const (
	EntryErase      = "erase"      // the person is erased from here on
	EntryTable      = "table"      // what was removed from a table
	EntryUnreadable = "unreadable" // messages that could not be searched
	EntryComplete   = "complete"   // nothing is left to be found
	EntryLift       = "lift"       // the person is not erased any more
)

// Erasure is a row of erasures; the catalogue says what each field is. What is
// zero is NULL in the warehouse, but for the two counts in rows EntryTable.
type Erasure struct {
	ID          string
	Entry       string
	UserHash    string
	RecordedAt  time.Time // UTC, microseconds
	RequestedBy string
	Table       string
	Removed     RowCount
	MessageIDs  []string
	GoneAt      time.Time
}

// RowCount is a number of rows of a versioned table.
type RowCount struct {
	Latest int `json:"rows"`     // of the latest table, tombstones included
	Log    int `json:"log_rows"` // of its log
}

// Add adds other to c.
func (c *RowCount) Add(other RowCount) {
	c.Latest += other.Latest
	c.Log += other.Log
}

// PersonRows are rows of a versioned table that are a person's.
type PersonRows struct {
	UserHash string
	// What can be removed now.
	RowCount
	// Waiting are rows of the log that cannot be removed yet, for the books would
	// not balance: their batch is not merged, or not registered and younger than
	// UnregisteredFor.
	Waiting int
}

// UnregisteredFor is for how long a batch may still be registered after it was
// appended: rows of the log that no batch names then never will be named.
const UnregisteredFor = 2 * time.Hour

// NamelessRow is a row of quarantine or events that names no user.
type NamelessRow struct {
	ID      string // message_id of quarantine, event_key of events
	Batch   string // of the log; "" in the latest table
	Index   int32  // of quarantine: -1 for the message as a whole
	Part    int    // of the message's bytes
	Text    string // attributes of quarantine, payload of events: JSON, or ""
	Payload []byte // of quarantine: a part of the message's bytes, gzip'd; nil if none
}
