package connector

import "time"

// Quarantined is a message in the quarantine of a warehouse, as the last fold
// left it: what was resolved since is not there any more.
type Quarantined struct {
	MessageID   string
	PublishedAt time.Time
	// VersionAt is the greatest version time of its rows.
	VersionAt time.Time
	// Reason of the whole message; "samples" if only samples are refused.
	Reason string
	// Attributes of the message.
	Attributes map[string]string
	Rows       []QuarantinedRow
	// Payload is the message's bytes as they came, gzip'd once more. Only if
	// it was asked for.
	Payload []byte
}

// QuarantinedRow is the key of a row of a quarantined message.
type QuarantinedRow struct {
	Index int32 // position of the sample; -1 for the whole message
	Part  int   // of the message's bytes
}

// QuarantinedID is a message in quarantine, before it is looked at.
type QuarantinedID struct {
	MessageID string
	Bytes     int64 // of the message
}
