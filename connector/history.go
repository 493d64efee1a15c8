package connector

import (
	"errors"
	"fmt"
	"time"

	"vitalsink/schemas"
)

// Errors of whoever asks Junction; compare with errors.Is. All others concern
// one question, and the next may be answered.
var (
	// ErrKey: the API key is not valid, or not for this API.
	ErrKey = errors.New("Junction does not accept the API key") //nolint:staticcheck // a name begins it
	// ErrAbsent: Junction does not know what was asked for.
	ErrAbsent = errors.New("Junction knows nothing of it") //nolint:staticcheck // a name begins it
)

// Person is a user of Junction.
type Person struct {
	UserID       string // Junction's id, a UUID
	TeamID       string // "" if it is not known
	ClientUserID string // the customer's own id, free text
}

// Notice says that Junction has something that can be fetched: it is a row of
// historical_pulls or workout_streams.
type Notice struct {
	Table    string // that it is a row of
	Person   Person
	Provider string
	Version  string // its _version, in hexadecimal digits

	// Of a pull: the resource by the name in its event type, and the range, of
	// which the start may be later than the end.
	Resource   string
	Start, End time.Time

	WorkoutID string // of a stream
}

// Subject tells a notice from others of its table and user.
func (n *Notice) Subject() string {
	if n.WorkoutID != "" {
		return n.WorkoutID
	}
	return fmt.Sprintf("%s/%s/%d/%d", n.Resource, n.Provider, n.Start.UnixMicro(), n.End.UnixMicro())
}

// Query asks Junction for records of one person and resource.
type Query struct {
	Person   Person
	Endpoint schemas.Endpoint
	// Where the endpoint takes dates: the first and last day, and a provider's
	// slug, "" for all.
	Start, End time.Time
	Provider   string

	WorkoutID string // where the endpoint is of a workout
}

// Answer is what a Query brought.
type Answer struct {
	// Began is when the request began, that of the first page if there were
	// several: the version time of what has no updated_at. Zero if there was no
	// answer.
	Began    time.Time
	Rows     int // records and samples
	Requests int // also those that had to be made again
	// Absent says that Junction does not know what was asked for.
	Absent bool
}

// Pull is what Junction says of its own pull of a person's history.
type Pull struct {
	Resource, Provider string
	Status             string    // success, failure, in_progress, scheduled, retrying
	Start, End         time.Time // zero if it does not say
}

// Extent is what Junction says of the data that it has of a person: of one
// provider and resource. What it does not say is zero.
type Extent struct {
	Provider, Resource string
	Oldest, Newest     time.Time
	Sent               int    // objects that events brought as created, each as often as one did
	Status             string // of its last attempt to get more
}

// Leftover is a sample of a workout's stream that a later fetch did not bring:
// it is not part of the stream any more.
type Leftover struct {
	UserID, WorkoutID string
	Index             int64
	FetchedAt         time.Time // of the fetch without it
}
