package transforms

// What the tests of this package, which live outside it because the event
// generator imports it, need of its inside.

// ParseTimestamp reads an instant as microseconds since 1970.
func ParseTimestamp(s string) (int64, bool) { return parseTimestamp([]byte(s)) }

// ParseDate reads a date as days since 1970.
func ParseDate(s string) (int32, bool) { return parseDate([]byte(s)) }

// Inflate is the JSON of a body that says it is gzip'd.
func Inflate(data []byte) ([]byte, *Refusal) {
	var z inflater
	return z.inflate(data)
}
