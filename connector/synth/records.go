package synth

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"vitalsink/schemas"
)

// Record is a fact as the source holds it: the latest version of a summary, of
// one sample of a timeseries or of a device.
type Record struct {
	UserID   string
	Resource string // as event types name it: sleep, heartrate, weight, …; devices
	Provider string // slug
	// At is what windows of dates select by. Of a sample it is its timestamp,
	// else its start. Of a summary it is midnight UTC of its calendar_date,
	// else session_start, period_start, timestamp, time_start or created_at,
	// whichever it has first; of what has none of these, Version.
	At time.Time
	// Key identifies the fact within the population: its table and the values
	// of the table's key columns.
	Key     string
	Version time.Time       // the version time of the latest version
	Source  json.RawMessage // of a sample, what stood beside it; else nil
	Body    json.RawMessage // a JSON object, as the latest version's event had it
}

// Workout is one that has a stream.
type Workout struct {
	ID    string
	Sport string    // slug
	Start time.Time // of one whose record was refused, when it was told of
}

// Held is what the source holds of a user.
type Held struct {
	User     User
	Records  []Record  // in the order in which the facts were first told
	Workouts []Workout // of records and of notifications, each once
}

// Records is what the source holds of each user, by index, when all messages
// have been published: the facts of WriteTruth of which the source can be
// asked, in the version that WriteTruth has. What is refused is in neither. It
// ends with ctx's error when ctx ends. Memory holds one user.
func (p *Population) Records(ctx context.Context, cat *schemas.Catalogue) iter.Seq2[Held, error] {
	return func(yield func(Held, error) bool) {
		for i := range p.Users {
			t := p.truthOf(ctx, cat, i, asRecords)
			if ctx.Err() != nil {
				yield(Held{}, ctx.Err())
				return
			}
			if !yield(t.held(p.person(cat, i, 0).user), nil) {
				return
			}
		}
	}
}

// People are the users, by index.
func (p *Population) People(cat *schemas.Catalogue) []User {
	people := make([]User, p.Users)
	for i := range people {
		people[i] = p.person(cat, i, 0).user
	}
	return people
}

// streams is the table of notifications of workouts' streams.
const streams = "workout_streams"

// record is what the source holds of a row, nil if it is not asked for such.
func (r truthRow) record(key string) *Record {
	text := func(names ...string) string {
		for _, name := range names {
			if s, _ := r.columns[name].(string); s != "" {
				return s
			}
		}
		return ""
	}
	made := &Record{UserID: text("user_id"), Resource: text("resource"), Key: strings.ReplaceAll(strings.TrimSuffix(key, "\x00"), "\x00", "|")}
	summary := slices.Equal(r.table.Key, []string{"user_id", "id"}) // or a device
	switch {
	case r.table.Name == schemas.TimeseriesTable:
		made.Source = encode(r.source)
	case summary, r.table.Name == streams:
		made.Resource = r.table.Name
	default:
		return nil
	}
	made.Provider, made.Body = text("source_provider", "provider"), encode(r.body)
	made.Version, _ = instant(text("_version_at"))
	made.At = made.Version
	at := text("calendar_date", "session_start", "period_start", "timestamp", "time_start", "created_at")
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano} {
		if t, err := time.Parse(layout, at); err == nil {
			made.At = t.UTC()
		}
	}
	return made
}

// held are the records of the truth's user.
func (t *truth) held(u User) Held {
	h := Held{User: u}
	known := map[string]int{}
	for _, f := range t.order {
		if f.record == nil {
			continue
		}
		if f.record.Resource != streams {
			h.Records = append(h.Records, *f.record)
		}
		if f.record.Resource != streams && f.record.Resource != "workouts" {
			continue
		}
		w, recorded := f.record.workout()
		i, again := known[w.ID]
		switch {
		case !again:
			known[w.ID] = len(h.Workouts)
			h.Workouts = append(h.Workouts, w)
		case recorded:
			h.Workouts[i] = w
		}
	}
	return h
}

// workout is that of a record, or of the notification of a stream.
func (r *Record) workout() (w Workout, recorded bool) {
	var said struct {
		ID       string                `json:"id"`
		StreamOf string                `json:"workout_id"`
		Start    string                `json:"time_start"`
		Sport    struct{ Slug string } `json:"sport"`
	}
	if err := json.Unmarshal(r.Body, &said); err != nil {
		panic(fmt.Sprintf("read a workout: %v", err))
	}
	w = Workout{cmp.Or(said.StreamOf, said.ID), said.Sport.Slug, r.Version}
	start, recorded := instant(said.Start)
	if recorded {
		w.Start = start.UTC()
	}
	return w, recorded
}
