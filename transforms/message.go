package transforms

import "time"

// Message is one delivery of one event.
type Message struct {
	// ID identifies the message; a redelivery has the same. Required.
	ID string
	// PublishTime is when the message was published. Required.
	PublishTime time.Time
	// Attributes as the publisher wrote them. Optional.
	Attributes map[string]string
	// Data is the body as it came: JSON, plain or gzip'd.
	Data []byte
}
