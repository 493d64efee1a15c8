package erase

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vitalsink/connector"
	"vitalsink/schemas"
)

const (
	// mostIdle is how many rounds in a row may remove nothing while something
	// waits: its batches cannot be merged now, and nobody knows when.
	mostIdle = 2
	// mostRounds is after how many something comes that no receiver should bring.
	mostRounds = 10
)

// work is the erasure of some people.
type work struct {
	*Erase
	targets  []*target
	hashes   []string
	clients  map[string]bool // client_user_id of theirs
	counting bool            // only look

	found      map[string]connector.RowCount // and removed, by table
	people     map[string]connector.RowCount // the same by hash
	unreadable map[string]bool               // messages
	waiting    map[string]int                // by table: rows of logs that this round could not remove
	removed    int                           // rows that this round removed
	gone       time.Time                     // zero unless it is complete
}

func (e *Erase) work(targets []*target, clientUserIDs []string) *work {
	w := &work{
		Erase: e, targets: targets, clients: map[string]bool{}, found: map[string]connector.RowCount{},
		people: map[string]connector.RowCount{}, unreadable: map[string]bool{},
	}
	for _, t := range targets {
		w.hashes = append(w.hashes, t.hash)
	}
	for _, id := range clientUserIDs {
		w.clients[id] = true
	}
	return w
}

// rounds fold and remove until nothing is found, once every receiver knows of
// the erasures: or until what is left cannot be removed now.
func (w *work) rounds(ctx context.Context) error {
	for idle, n := 0, 0; idle < mostIdle; n++ {
		if n == mostRounds {
			return errors.New("rows of theirs keep coming; a receiver does not know of the erasure: look for one of an older vitalsink, then run it again")
		}
		w.say("folding what is pending")
		foldErr := w.Fold(ctx) // what it cannot fold now waits, and is counted
		if err := w.round(ctx); err != nil {
			return err
		}
		switch {
		case w.removed == 0 && w.left() == 0 && w.settled():
			return nil
		case w.removed > 0 || w.left() == 0:
			idle = 0
			if err := w.settle(ctx); err != nil {
				return err
			}
		default:
			if idle++; idle == mostIdle && foldErr != nil {
				return fmt.Errorf("fold what is pending: %w", foldErr)
			}
		}
	}
	return nil
}

// round removes what it finds.
func (w *work) round(ctx context.Context) error {
	w.removed, w.waiting = 0, map[string]int{}
	// Messages come before the tables, which know what else to look for in them.
	if err := w.nameless(ctx); err != nil {
		return err
	}
	tables := w.Catalogue.Versioned()
	for i, t := range tables {
		w.say("looking through %s, %d of %d tables", t.Name, i+1, len(tables))
		if err := w.table(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// table removes the rows that name the people from a table and its log.
func (w *work) table(ctx context.Context, t *schemas.Table) error {
	counts, err := w.Warehouse.CountPeople(ctx, t, w.hashes)
	if err != nil {
		return fmt.Errorf("count rows of %s: %w", t.Name, err)
	}
	rows, sum := map[string]connector.RowCount{}, connector.RowCount{}
	for _, c := range counts {
		rows[c.UserHash] = c.RowCount
		sum.Add(c.RowCount)
		w.waiting[t.Name] += c.Waiting
	}
	if sum == (connector.RowCount{}) {
		return nil
	}
	if !w.counting {
		removed, err := w.Warehouse.RemovePeople(ctx, t, w.hashes)
		if err != nil {
			return fmt.Errorf("remove rows of %s: %w", t.Name, err)
		}
		if len(w.hashes) == 1 {
			rows[w.hashes[0]] = removed // to the row, even if some came since
		}
	}
	return w.note(ctx, t, rows)
}

// note enters what was removed into the record, by hash.
func (w *work) note(ctx context.Context, t *schemas.Table, rows map[string]connector.RowCount) error {
	var entries []connector.Erasure
	for _, target := range w.targets {
		n := rows[target.hash]
		if n == (connector.RowCount{}) {
			continue
		}
		w.removed += n.Latest + n.Log
		add(w.found, t.Name, n)
		add(w.people, target.hash, n)
		entries = append(entries, connector.Erasure{
			ID: target.id, Entry: connector.EntryTable, UserHash: target.hash, RecordedAt: now(), Table: t.Name, Removed: n,
		})
	}
	if w.counting {
		return nil
	}
	return w.record(ctx, entries)
}

func add(sums map[string]connector.RowCount, name string, n connector.RowCount) {
	sum := sums[name]
	sum.Add(n)
	sums[name] = sum
}

// left is how many rows this round had to leave.
func (w *work) left() int {
	n := 0
	for _, rows := range w.waiting {
		n += rows
	}
	return n
}

// due is when every receiver knows of the erasures.
func (w *work) due() time.Time {
	var last time.Time
	for _, t := range w.targets {
		if t.begun.After(last) {
			last = t.begun
		}
	}
	return last.Add(w.Settle)
}

func (w *work) settled() bool { return !time.Now().Before(w.due()) }

// settle waits until every receiver knows of the erasures.
func (w *work) settle(ctx context.Context) error {
	due := w.due()
	if w.settled() {
		return ctx.Err()
	}
	w.say("waiting until %s, when every receiver knows of it, to look once more", due.Format(time.TimeOnly))
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// isUnfinished tells whether one of the erasures was not complete before.
func (w *work) isUnfinished() bool {
	for _, t := range w.targets {
		if !t.complete {
			return true
		}
	}
	return false
}

// finish records that erasures are complete: those that were not, or of which
// something was found.
func (w *work) finish(ctx context.Context) error {
	afterlife, err := w.Warehouse.Afterlife(ctx)
	if err != nil {
		return fmt.Errorf("ask for how long removed rows can be brought back: %w", err)
	}
	at := now()
	gone := at.Add(max(afterlife, w.Kept))
	var entries []connector.Erasure
	for _, t := range w.targets {
		if t.complete && w.people[t.hash] == (connector.RowCount{}) {
			continue
		}
		entries = append(entries, connector.Erasure{
			ID: t.id, Entry: connector.EntryComplete, UserHash: t.hash, RecordedAt: at, GoneAt: gone,
		})
	}
	if err := w.record(ctx, entries); err != nil {
		return err
	}
	w.gone = gone
	return nil
}
