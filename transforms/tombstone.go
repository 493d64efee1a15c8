package transforms

import (
	"encoding/json"
	"fmt"
	"time"

	"vitalsink/schemas"
)

// deletedPrefix begins the types of our own events, which delete rows of the
// table that the type ends with: vitalsink.deleted.sleep.
const deletedPrefix = "vitalsink.deleted."

// Tombstones is a message that deletes rows of a table, as of a time: it wins
// over the versions before. Of each row it says the key and the value of the
// partition column, by the names of the columns; others are not allowed. The
// id is the message's own, it must not be another's.
func Tombstones(id string, at time.Time, t *schemas.Table, rows []map[string]any) (Message, error) {
	says := t.Tombstones()
	for _, row := range rows {
		for name := range row {
			if i := says.Index(name); i < 0 || says.Columns[i].Path == "" {
				return Message{}, fmt.Errorf("delete rows of %s: a tombstone has no column %s", t.Name, name)
			}
		}
	}
	body, err := json.Marshal(map[string]any{
		"event_type": deletedPrefix + t.Name, "data": map[string]any{"data": rows},
	})
	if err != nil {
		return Message{}, fmt.Errorf("delete rows of %s: %w", t.Name, err)
	}
	return Message{
		ID: id, PublishTime: at, Data: body,
		Attributes: map[string]string{AttrEventType: deletedPrefix + t.Name, AttrEventTime: at.UTC().Format(time.RFC3339Nano)},
	}, nil
}
