// Package replay sends messages through the pipeline once more: those in
// quarantine, which a newer vitalsink may be able to read, dead letters, and
// messages in files.
//
// A message keeps the identity that it had first, so its rows have their
// original versions: a replay brings back nothing that is old, and a second one
// changes nothing. What of a message was in quarantine and is in the tables now
// is resolved: its rows there get tombstones, with a version of the time of the
// replay, after the message is committed. A crash in between leaves rows in
// quarantine that the next replay resolves.
package replay

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"vitalsink/connector"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// Quarantine is that of a warehouse. It shows what is folded.
type Quarantine interface {
	// QuarantinedIDs are messages, in the order of their ids, those after the
	// given one; of these only those with a row for one of the reasons, if
	// there are any. They are some thousands at most, and none at the end.
	QuarantinedIDs(ctx context.Context, after string, reasons []string) ([]connector.QuarantinedID, error)
	// Quarantined are those of the messages that are there, in the order of
	// their ids, with their bytes if payload is true.
	Quarantined(ctx context.Context, ids []string, payload bool) ([]connector.Quarantined, error)
}

// Replay sends messages once more.
type Replay struct {
	Ingest     *connector.Ingest  // Required.
	Quarantine Quarantine         // Required.
	Catalogue  *schemas.Catalogue // Required.
	// ParseLine makes a message of the line of a file that was no message when
	// it was quarantined, from when it was published and what its clock was.
	// Required.
	ParseLine func(line []byte, published, asOf time.Time) transforms.Message
	// DryRun only looks what would become of the messages.
	DryRun bool

	mu     sync.Mutex
	result Result
}

// Result counts messages.
type Result struct {
	Messages int `json:"messages"` // that were replayed, or would be: the sum of the next five
	Landed   int `json:"messages_landed"`
	Partly   int `json:"messages_partly_quarantined"`
	Refused  int `json:"messages_quarantined"`
	Empty    int `json:"messages_empty"`
	Erased   int `json:"messages_erased"` // dropped: they are of people who are erased
	// Reasons of what is refused, each message and sample.
	Reasons map[transforms.Reason]int `json:"quarantined"`
	// Known are messages that were in quarantine, each once.
	Known int `json:"known"`
	// Resolved of them are not in quarantine any more.
	Resolved int `json:"resolved"`
	// Unreadable messages are in quarantine, but their bytes are not, or damaged.
	Unreadable int `json:"unreadable"`
}

// Result is what was done so far.
func (r *Replay) Result() Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	result := r.result
	result.Reasons = map[transforms.Reason]int{}
	for reason, n := range r.result.Reasons {
		result.Reasons[reason] = n
	}
	if landed := r.Ingest.Landed().Quarantined; landed != nil {
		result.Reasons = landed
	}
	return result
}

// count enters what became of a message.
func (r *Replay) count(became transforms.Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Messages++
	switch became {
	case transforms.Landed:
		r.result.Landed++
	case transforms.PartlyQuarantined:
		r.result.Partly++
	case transforms.Quarantined:
		r.result.Refused++
	case transforms.Empty:
		r.result.Empty++
	case transforms.Erased:
		r.result.Erased++
	}
}

// whole is the position that stands for all of a message.
const whole = -1

// outcome is what of a message is in quarantine now.
type outcome struct {
	id      string // under which it may have been there
	refused []int32
}

// send sends messages, and returns what became of those that are committed: it
// is theirs even if there is an error.
func (r *Replay) send(ctx context.Context, source connector.Source, known func(*connector.Message) (id string, ok bool)) ([]outcome, error) {
	if r.DryRun {
		return r.look(ctx, source, known)
	}
	var mu sync.Mutex
	var done []outcome
	err := r.Ingest.Run(ctx, watched{source, func(m *connector.Message) {
		became, refused := m.Outcome()
		r.count(became)
		if id, ok := known(m); ok {
			mu.Lock()
			defer mu.Unlock()
			done = append(done, outcome{id, refused})
		}
	}})
	return done, err
}

// watched is a source that tells which of its messages are committed.
type watched struct {
	connector.Source
	committed func(*connector.Message)
}

func (w watched) Receive(ctx context.Context, deliver func(context.Context, *connector.Message) error) error {
	return w.Source.Receive(ctx, func(ctx context.Context, m *connector.Message) error {
		ack := m.Ack
		m.Ack = func() {
			w.committed(m)
			ack()
		}
		return deliver(ctx, m)
	})
}

// look decodes messages, and leaves the warehouse alone.
func (r *Replay) look(ctx context.Context, source connector.Source, known func(*connector.Message) (id string, ok bool)) ([]outcome, error) {
	decoder, err := transforms.NewDecoder(r.Catalogue)
	if err != nil {
		return nil, err
	}
	erased, err := r.Ingest.Warehouse.Erased(ctx)
	if err != nil {
		return nil, fmt.Errorf("read who is erased: %w", err)
	}
	var mu sync.Mutex
	var done []outcome
	err = source.Receive(ctx, func(_ context.Context, m *connector.Message) error {
		mu.Lock()
		defer mu.Unlock()
		d := decoder.Decode(&m.Message)
		erased.Drop(d)
		var refused []int32
		for _, why := range d.Refusals() {
			refused = append(refused, why.Position())
		}
		r.count(d.Outcome)
		r.countReasons(d)
		if id, ok := known(m); ok {
			done = append(done, outcome{id, refused})
		}
		m.Nack()
		return nil
	})
	return done, err
}

func (r *Replay) countReasons(d *transforms.Decoded) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.result.Reasons == nil {
		r.result.Reasons = map[transforms.Reason]int{}
	}
	for _, why := range d.Refusals() {
		r.result.Reasons[why.Reason]++
	}
}

// mostTombstones is how many rows a message deletes.
const mostTombstones = 10_000

// resolve takes what is in the tables now out of quarantine: of the messages
// that are named in refused, what is not refused.
func (r *Replay) resolve(ctx context.Context, entries []connector.Quarantined, refused map[string]positions) error {
	var tombstones messages
	for i := range entries {
		e := &entries[i]
		left, ok := refused[e.MessageID]
		if !ok {
			continue
		}
		rows := resolved(e, left)
		r.mu.Lock()
		r.result.Known++
		if len(rows) == len(e.Rows) {
			r.result.Resolved++
		}
		r.mu.Unlock()
		for len(rows) > 0 && !r.DryRun {
			n := min(len(rows), mostTombstones)
			m, err := transforms.Tombstones(uuid.NewString(), after(e), r.Catalogue.Table(schemas.QuarantineTable), rows[:n])
			if err != nil {
				return err
			}
			tombstones, rows = append(tombstones, ownerless(m)), rows[n:]
		}
	}
	if len(tombstones) == 0 {
		return nil
	}
	if err := r.Ingest.Run(ctx, tombstones); err != nil {
		return fmt.Errorf("mark what is resolved: %w", err)
	}
	return nil
}

// after is the time of the replay, and in any case later than what it resolves,
// should this machine's clock be slow.
func after(e *connector.Quarantined) time.Time {
	now, least := time.Now().UTC().Truncate(time.Microsecond), e.VersionAt.Add(time.Microsecond)
	if now.Before(least) {
		return least
	}
	return now
}

// positions are those of samples in their message.
type positions map[int32]bool

// stillRefused is, for each id, what no message of that id has brought into the
// tables.
func stillRefused(done []outcome) map[string]positions {
	left := map[string]positions{}
	for _, o := range done {
		now := positions{}
		for _, position := range o.refused {
			now[position] = true
		}
		switch before, again := left[o.id]; {
		case !again, before[whole]:
			left[o.id] = now
		case now[whole]:
		default:
			for position := range before {
				if !now[position] {
					delete(before, position)
				}
			}
		}
	}
	return left
}

// resolved are the rows of a message in quarantine that have no more business
// there. The row of the whole message has its bytes: it stays as long as any
// sample does.
func resolved(e *connector.Quarantined, left positions) (rows []map[string]any) {
	for _, key := range e.Rows {
		if len(left) == 0 || key.Index != whole && !left[whole] && !left[key.Index] {
			rows = append(rows, map[string]any{"message_id": e.MessageID, "_index": key.Index, "part": key.Part})
		}
	}
	return rows
}
