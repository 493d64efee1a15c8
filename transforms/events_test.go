package transforms_test

import "fmt"

// The smallest events of each kind, for tests to add what they are about.

// summary is a summary of user u1 with fields beside its id.
func summary(resource, fields string) string {
	if fields != "" {
		fields = "," + fields
	}
	return fmt.Sprintf(`{"event_type":"daily.data.%s.created","user_id":"u1","data":{"id":"s1"%s}}`, resource, fields)
}

// series is samples of user u1, taken by a watch.
func series(resource, samples string) string {
	return seriesOf(resource, `"source":{"provider":"garmin","type":"watch"}`, samples)
}

// seriesOf is samples of user u1 with fields beside them.
func seriesOf(resource, beside, samples string) string {
	if beside != "" {
		beside += ","
	}
	return fmt.Sprintf(`{"event_type":"daily.data.%s.created","user_id":"u1","data":{%s"data":[%s]}}`, resource, beside, samples)
}

// at is a sample of heart rate at a time, with more fields perhaps.
func at(timestamp, more string) string {
	if more != "" {
		more = "," + more
	}
	return fmt.Sprintf(`{"timestamp":"%s","value":61,"unit":"bpm"%s}`, timestamp, more)
}

// noon is a time within all bounds.
const noon = "2026-03-02T12:00:00+00:00"
