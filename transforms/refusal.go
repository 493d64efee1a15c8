package transforms

import "fmt"

// Reason is why something went to quarantine, as a fixed word.
type Reason string

// The reasons.
const (
	BadEnvelope   Reason = "bad_envelope"     // the line of a file is no message
	BadBlobType   Reason = "bad_blob_type"    // attribute blob-type is not json
	BadCodec      Reason = "bad_codec"        // attribute blob-codec is unknown
	BadGzip       Reason = "bad_gzip"         // truncated or corrupt
	TooLarge      Reason = "too_large"        // beyond MaxBody, MaxRow or MaxExpanded
	TooDeep       Reason = "too_deep"         // beyond MaxDepth
	InvalidUTF8   Reason = "invalid_utf8"     //
	NotJSON       Reason = "not_json"         //
	DuplicateKey  Reason = "duplicate_key"    // an object says a field twice
	NoEventType   Reason = "no_event_type"    // neither body nor attribute has one
	NoUser        Reason = "no_user"          // neither envelope nor data has one
	BadShape      Reason = "bad_shape"        // not what an event of its type looks like
	BadKey        Reason = "bad_key"          // a key column is missing or unreadable
	DecoderFault  Reason = "decoder_fault"    // a bug of ours
	DateOutOfTime Reason = "date_out_of_time" // partition date beyond the bounds

	WarehouseRefused Reason = "warehouse_refused" // valid, but the warehouse does not take the row
	Samples          Reason = "samples"           // the message of which samples are refused, each for a reason of its own
)

// Reasons are all of them.
func Reasons() []Reason {
	return []Reason{
		BadEnvelope, BadBlobType, BadCodec, BadGzip, TooLarge, TooDeep, InvalidUTF8, NotJSON, DuplicateKey, NoEventType,
		NoUser, BadShape, BadKey, DecoderFault, DateOutOfTime, WarehouseRefused, Samples,
	}
}

// wholeMessage is the position of a refusal that is not of one sample.
const wholeMessage = int32(-1)

// Refusal says why a message, or one sample of it, went to quarantine. It
// never holds a value of the payload.
type Refusal struct {
	Reason Reason
	Path   string // where in the event; "" if not applicable
	Detail string // what was wrong
	index  int32  // position of the sample, or wholeMessage
}

// Position is that of the sample in its message, -1 if it is about the whole
// message.
func (r *Refusal) Position() int32 { return r.index }

// Error makes a refusal of a whole message an error within the package.
func (r *Refusal) Error() string {
	if r.Path == "" {
		return fmt.Sprintf("%s: %s", r.Reason, r.Detail)
	}
	return fmt.Sprintf("%s at %s: %s", r.Reason, r.Path, r.Detail)
}

// Refuse describes a message that a door could not open.
func Refuse(reason Reason, path, format string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Path: path, Detail: fmt.Sprintf(format, args...), index: wholeMessage}
}
