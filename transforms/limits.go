package transforms

import "time"

// Limits on one message. What exceeds one goes to quarantine.
const (
	// MaxBody is the largest body after decompression, in bytes.
	MaxBody = 64 << 20
	// MaxDepth is the deepest nesting of objects and arrays.
	MaxDepth = 64
	// MaxRow is the largest row as encoded in Arrow, in bytes.
	MaxRow = 8 << 20
	// MaxExpanded is the most that a message's rows may take in Arrow, in
	// bytes: columns that say the same for every sample are repeated in each.
	MaxExpanded = 512 << 20
	// MaxPart is the largest piece of a quarantined message's bytes.
	MaxPart = 8 << 20
	// maxSharedExtra bounds what unknown fields beside the samples add to the
	// rows of a message; beyond it only the first row carries them.
	maxSharedExtra = 1 << 20
)

// Bounds on a row's partition date: a table has at most 10,000 partitions.
var earliestPartition = time.Date(2005, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	// latestPartition is counted from the publish time.
	latestPartition = 48 * time.Hour
	// clampAfter is how far after the publish time a version time may lie.
	clampAfter = 5 * time.Minute
	// lateAfter is how old a message's oldest day may be in the recent lane.
	lateAfter = 3 * 24 * time.Hour
)
