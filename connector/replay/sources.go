package replay

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/klauspost/compress/gzip"

	"vitalsink/connector"
	"vitalsink/transforms"
)

// A chunk of quarantine is read, replayed and marked at a time.
const (
	chunkMessages = 1000
	chunkBytes    = 32 << 20
)

// FromQuarantine replays messages in quarantine: all of them, those with a row
// for one of the reasons, or those of the ids.
func (r *Replay) FromQuarantine(ctx context.Context, reasons, ids []string) error {
	return r.eachChunk(ctx, reasons, ids, r.replayChunk)
}

// Print calls f with messages in quarantine as they came. Of a line of a file
// that was no message, bare is true and the data is the line.
func (r *Replay) Print(ctx context.Context, reasons, ids []string, f func(m *transforms.Message, bare bool) error) error {
	return r.eachChunk(ctx, reasons, ids, func(_ context.Context, entries []connector.Quarantined) error {
		for i := range entries {
			m, ok := r.restore(&entries[i])
			if !ok {
				continue
			}
			r.mu.Lock()
			r.result.Known++
			r.mu.Unlock()
			if err := f(&m, entries[i].Reason == transforms.BadEnvelope); err != nil {
				return err
			}
		}
		return nil
	})
}

// eachChunk calls f with the messages, with their bytes.
func (r *Replay) eachChunk(ctx context.Context, reasons, ids []string, f func(context.Context, []connector.Quarantined) error) error {
	var chunk []string
	var size int64
	flush := func() error {
		if len(chunk) == 0 {
			return nil
		}
		entries, err := r.Quarantine.Quarantined(ctx, chunk, true)
		chunk, size = chunk[:0], 0
		if err != nil {
			return err
		}
		return f(ctx, entries)
	}
	err := r.eachID(ctx, reasons, ids, func(id connector.QuarantinedID) error {
		if len(chunk) == chunkMessages || size+id.Bytes > chunkBytes {
			if err := flush(); err != nil {
				return err
			}
		}
		chunk, size = append(chunk, id.MessageID), size+id.Bytes
		return nil
	})
	if err == nil {
		err = flush()
	}
	return err
}

// eachID calls f with the messages that are asked for.
func (r *Replay) eachID(ctx context.Context, reasons, ids []string, f func(connector.QuarantinedID) error) error {
	for _, id := range ids {
		// Its size is not known: it gets a chunk of its own.
		if err := f(connector.QuarantinedID{MessageID: id, Bytes: chunkBytes}); err != nil {
			return err
		}
	}
	if len(ids) > 0 {
		return nil
	}
	for after := ""; ; {
		page, err := r.Quarantine.QuarantinedIDs(ctx, after, reasons)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, id := range page {
			if err := f(id); err != nil {
				return err
			}
		}
		after = page[len(page)-1].MessageID
	}
}

// replayChunk replays messages and takes those that landed out of quarantine.
func (r *Replay) replayChunk(ctx context.Context, entries []connector.Quarantined) error {
	var again messages
	ids := map[*connector.Message]string{} // a line that was no message has another id now
	for i := range entries {
		if restored, ok := r.restore(&entries[i]); ok {
			if entries[i].Reason == transforms.BadEnvelope {
				restored = r.ParseLine(restored.Data, restored.PublishTime, restored.Clock())
			}
			m := ownerless(restored)
			again, ids[m] = append(again, m), entries[i].MessageID
		}
	}
	done, err := r.send(ctx, again, func(m *connector.Message) (string, bool) { return ids[m], true })
	if err == nil {
		err = ctx.Err() // the rest is given back: nothing is to be said of it
	}
	return errors.Join(r.resolve(context.WithoutCancel(ctx), entries, stillRefused(done)), err)
}

// messages is a source of messages.
type messages []*connector.Message

func (s messages) Receive(ctx context.Context, deliver func(context.Context, *connector.Message) error) error {
	for _, m := range s {
		if err := deliver(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// ownerless is a message that nobody needs back.
func ownerless(m transforms.Message) *connector.Message {
	return &connector.Message{Message: m, Ack: func() {}, Nack: func() {}}
}

// restore is a message as it came; false if its bytes are damaged, which is
// counted.
func (r *Replay) restore(e *connector.Quarantined) (transforms.Message, bool) {
	m := transforms.Message{ID: e.MessageID, PublishTime: e.PublishedAt, Attributes: e.Attributes}
	zip, err := gzip.NewReader(bytes.NewReader(e.Payload))
	if err == nil {
		m.Data, err = io.ReadAll(zip)
	}
	if err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.result.Unreadable++
		return m, false
	}
	return m, true
}

// From replays what comes from a source, and takes what was in quarantine of it,
// and landed, out of there.
func (r *Replay) From(ctx context.Context, source connector.Source) error {
	there := map[[sha256.Size / 2]byte]struct{}{}
	err := r.eachID(ctx, nil, nil, func(id connector.QuarantinedID) error {
		there[shortHash(id.MessageID)] = struct{}{}
		return nil
	})
	if err != nil {
		return err
	}
	done, err := r.send(ctx, source, func(m *connector.Message) (string, bool) {
		id := m.FirstID()
		_, ok := there[shortHash(id)]
		return id, ok
	})
	return errors.Join(r.resolveAll(context.WithoutCancel(ctx), done), err)
}

// shortHash stands for an id, to save memory.
func shortHash(id string) (short [sha256.Size / 2]byte) {
	sum := sha256.Sum256([]byte(id))
	copy(short[:], sum[:])
	return short
}

// resolveAll resolves chunk by chunk.
func (r *Replay) resolveAll(ctx context.Context, done []outcome) error {
	refused := stillRefused(done)
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(refused)), chunkMessages) {
		entries, err := r.Quarantine.Quarantined(ctx, ids, false)
		if err != nil {
			return fmt.Errorf("mark what is resolved: %w", err)
		}
		if err := r.resolve(ctx, entries, refused); err != nil {
			return err
		}
	}
	return nil
}
