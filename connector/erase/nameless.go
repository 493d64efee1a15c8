package erase

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// mostIDs is how many messages are named in one statement.
const mostIDs = 1000

// nameless removes messages that name no user in their columns, but in what
// there is of their bytes.
func (w *work) nameless(ctx context.Context) error {
	w.say("looking for what else is known of them")
	clients, err := w.Warehouse.ClientUserIDs(ctx, w.hashes)
	if err != nil {
		return fmt.Errorf("look for references of the client: %w", err)
	}
	for _, id := range clients {
		w.clients[id] = true
	}
	for _, name := range []string{schemas.QuarantineTable, schemas.EventsTable} {
		if err := w.namelessOf(ctx, w.Catalogue.Table(name)); err != nil {
			return err
		}
	}
	return nil
}

// namelessOf is that for one table and its log.
func (w *work) namelessOf(ctx context.Context, t *schemas.Table) error {
	s := &search{hashes: w.hashes, clients: w.clients, most: maxSearched}
	found := map[string]map[string]bool{} // messages by hash
	var unreadable []string
	rows := map[string]connector.RowCount{} // by message
	for _, log := range []bool{false, true} {
		searched := 0
		gather := &gathering{each: func(m *message) {
			searched++
			w.say("searching messages that name no user: %d of %s", searched, t.Name)
			hash, names, readable := s.message(m)
			switch {
			case names && found[hash] == nil:
				found[hash] = map[string]bool{m.id: true}
			case names:
				found[hash][m.id] = true
			case !readable:
				unreadable = append(unreadable, m.id)
			}
			if log {
				add(rows, m.id, connector.RowCount{Log: m.rows})
			} else {
				add(rows, m.id, connector.RowCount{Latest: m.rows})
			}
		}}
		if err := w.Warehouse.Nameless(ctx, t, log, gather.take); err != nil {
			return fmt.Errorf("search %s: %w", t.Name, err)
		}
		gather.end()
	}
	if err := w.noteUnreadable(ctx, unreadable); err != nil {
		return err
	}
	return w.removeNameless(ctx, t, found, rows)
}

// removeNameless removes messages that were found, by hash.
func (w *work) removeNameless(ctx context.Context, t *schemas.Table, found map[string]map[string]bool, of map[string]connector.RowCount) error {
	rows := map[string]connector.RowCount{}
	for hash, messages := range found {
		ids, n := make([]string, 0, len(messages)), connector.RowCount{}
		for id := range messages {
			ids = append(ids, id)
			n.Add(of[id])
		}
		if w.counting {
			rows[hash] = n
			continue
		}
		want := n.Log
		n = connector.RowCount{}
		slices.Sort(ids)
		for some := range slices.Chunk(ids, mostIDs) {
			removed, err := w.Warehouse.RemoveNameless(ctx, t, some)
			if err != nil {
				return fmt.Errorf("remove messages from %s: %w", t.Name, err)
			}
			n.Add(removed)
		}
		rows[hash] = n
		w.waiting[t.Name] += max(0, want-n.Log)
	}
	return w.note(ctx, t, rows)
}

// noteUnreadable enters messages that could not be searched into the records
// that do not have them yet.
func (w *work) noteUnreadable(ctx context.Context, ids []string) error {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	for _, id := range ids {
		w.unreadable[id] = true
	}
	if w.counting {
		return nil
	}
	var entries []connector.Erasure
	for _, t := range w.targets {
		unknown := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return t.known[id] })
		for some := range slices.Chunk(unknown, mostIDs) {
			entries = append(entries, connector.Erasure{
				ID: t.id, Entry: connector.EntryUnreadable, UserHash: t.hash, RecordedAt: now(), MessageIDs: some,
			})
		}
	}
	if err := w.record(ctx, entries); err != nil {
		return err
	}
	for _, t := range w.targets {
		for _, id := range ids {
			if t.known == nil {
				t.known = map[string]bool{}
			}
			t.known[id] = true
		}
	}
	return nil
}

// message is what there is of one in quarantine or events.
type message struct {
	id, batch string
	rows      int
	text      string // attributes, or the event
	zipped    bytes.Buffer
}

// gathering puts messages together from their rows.
type gathering struct {
	open *message
	each func(*message)
}

// take takes the next row.
func (g *gathering) take(r connector.NamelessRow) error {
	if g.open == nil || g.open.id != r.ID || g.open.batch != r.Batch {
		g.end()
		g.open = &message{id: r.ID, batch: r.Batch}
	}
	g.open.rows++
	if r.Text != "" {
		g.open.text = r.Text
	}
	g.open.zipped.Write(r.Payload)
	return nil
}

// end takes that there are no more.
func (g *gathering) end() {
	if g.open != nil {
		g.each(g.open)
		g.open = nil
	}
}
