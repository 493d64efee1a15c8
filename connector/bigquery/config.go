package bigquery

import (
	"log/slog"

	"google.golang.org/api/option"

	"vitalsink/schemas"
)

// Config says which datasets a Warehouse is, and how.
type Config struct {
	Project   string             // Required.
	Dataset   string             // The one of views; the tables are in Dataset_store. Required.
	Catalogue *schemas.Catalogue // Required.
	// MaxBytesBilled is what one job may be billed for, in bytes. Optional,
	// default 1 TiB.
	MaxBytesBilled int64
	// MaxBytesBilledPerDay is what all jobs of a day, UTC, may be billed for, in
	// bytes. Beyond it nothing is folded until the next day. Optional, default
	// no limit.
	MaxBytesBilledPerDay int64
	// Log is told what is waited for. Optional, default nobody.
	Log *slog.Logger
	// REST and Write are options of the two clients. Optional, default Google's
	// endpoints and application default credentials.
	REST, Write []option.ClientOption
}
