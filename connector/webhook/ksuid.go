package webhook

import (
	"strings"
	"time"

	"github.com/segmentio/ksuid"
)

const (
	// Svix takes a byte of a KSUID's random part for units of 4 ms
	// (https://github.com/svix/rust-ksuid).
	unit  = 4 * time.Millisecond
	units = byte(time.Second / unit)
)

// eventTime is when the message of an id was made, to 4 ms; false if the id is
// not msg_ and a KSUID.
func eventTime(id string) (time.Time, bool) {
	text, ok := strings.CutPrefix(id, "msg_")
	if !ok {
		return time.Time{}, false
	}
	k, err := ksuid.Parse(text)
	if err != nil || k.String() != text { // it takes other characters for digits too
		return time.Time{}, false
	}
	at := k.Time().UTC()
	if n := k.Payload()[0]; n < units {
		at = at.Add(time.Duration(n) * unit)
	}
	return at, true
}
