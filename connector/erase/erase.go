package erase

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// ErrNobody says that there is nobody, or nothing, to do it to.
var ErrNobody = errors.New("nobody")

// Compacter is a warehouse that can give up at once what it keeps of rows that
// were removed.
type Compacter interface {
	Compact(ctx context.Context) error
}

// Erase erases people.
type Erase struct {
	Warehouse Warehouse          // Required.
	Catalogue *schemas.Catalogue // Required.
	// Fold merges what is pending, as far as it can. Required.
	Fold func(ctx context.Context) error
	// Settle is how long a receiver may not know of an erasure yet, and append.
	// Optional, default 0: there is none.
	Settle time.Duration
	// Kept is for how long something before the warehouse, such as Pub/Sub, can
	// still hold messages. Optional, default 0.
	Kept time.Duration
	// RequestedBy is who asked, for the record.
	RequestedBy string

	step atomic.Value // string
}

// target is one erasure at work.
type target struct {
	hash, id string
	begun    time.Time
	complete bool            // it was, before
	known    map[string]bool // messages that its record has as unreadable
}

// Step is what it is doing.
func (e *Erase) Step() string {
	s, _ := e.step.Load().(string)
	return s
}

func (e *Erase) say(format string, args ...any) { e.step.Store(fmt.Sprintf(format, args...)) }

// UserIDs are the people with these references of the client's. The error is
// ErrNobody if there is none.
func (e *Erase) UserIDs(ctx context.Context, clientUserIDs []string) ([]string, error) {
	e.say("looking for users by client_user_id")
	ids, err := e.Warehouse.UserIDs(ctx, clientUserIDs)
	if err != nil {
		return nil, fmt.Errorf("look for users by client_user_id: %w", err)
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%w in the tables has such a client_user_id", ErrNobody)
	}
	return ids, nil
}

// Run erases people by Junction's ids. What else is known of them, references of
// the client's, is looked for in messages that name no user. An erasure of theirs
// that has not come to its end goes on.
func (e *Erase) Run(ctx context.Context, userIDs, clientUserIDs []string) (*Report, error) {
	all, err := e.records(ctx)
	if err != nil {
		return nil, err
	}
	var targets []*target
	var rows []connector.Erasure
	for _, hash := range hashesOf(userIDs) {
		t := unfinished(all, hash)
		if t == nil {
			t = &target{hash: hash, id: uuid.Must(uuid.NewV7()).String(), begun: now()}
			rows = append(rows, connector.Erasure{
				ID: t.id, Entry: connector.EntryErase, UserHash: hash, RecordedAt: t.begun, RequestedBy: e.RequestedBy,
			})
		}
		targets = append(targets, t)
	}
	if err := e.record(ctx, rows); err != nil {
		return nil, err
	}
	if err := e.confirm(ctx, targets); err != nil {
		return nil, err
	}
	return e.carryOut(ctx, targets, clientUserIDs)
}

// confirm wants the record to be seen: when the fences are raised every merge
// that begins has to see it.
func (e *Erase) confirm(ctx context.Context, targets []*target) error {
	erased, err := e.Warehouse.Erased(ctx)
	if err != nil {
		return fmt.Errorf("look whether the record is there: %w", err)
	}
	for _, t := range targets {
		if !erased[t.hash] {
			return errors.New("the record is written, but cannot be seen yet; run it again")
		}
	}
	return nil
}

// Sweep does all erasures again that are in force: what has come since from a
// receiver that did not know of one, for example. The error is ErrNobody if there
// is none.
func (e *Erase) Sweep(ctx context.Context) (*Report, error) {
	all, err := e.records(ctx)
	if err != nil {
		return nil, err
	}
	var targets []*target
	for _, r := range inForce(all) {
		if !slices.ContainsFunc(targets, func(t *target) bool { return t.hash == r.UserHash }) {
			targets = append(targets, r.target())
		}
	}
	if len(targets) == 0 {
		return nil, fmt.Errorf("%w is erased", ErrNobody)
	}
	return e.carryOut(ctx, targets, nil)
}

// Discard removes messages from quarantine that name no user, whoever's they
// are: those that could not be searched. The error is ErrNobody if none of them
// is there.
func (e *Erase) Discard(ctx context.Context, messageIDs []string) (connector.RowCount, error) {
	e.say("folding what is pending")
	if err := e.Fold(ctx); err != nil {
		return connector.RowCount{}, err
	}
	e.say("removing messages")
	n, err := e.Warehouse.RemoveNameless(ctx, e.Catalogue.Table(schemas.QuarantineTable), messageIDs)
	if err == nil && n == (connector.RowCount{}) {
		err = fmt.Errorf("%w: none of these messages is in quarantine, and names no user", ErrNobody)
	}
	if err != nil {
		return n, err
	}
	return n, e.compact(ctx)
}

// compact has the warehouse give up what it keeps of removed rows.
func (e *Erase) compact(ctx context.Context) error {
	c, ok := e.Warehouse.(Compacter)
	if !ok {
		return nil
	}
	e.say("writing the file anew, without what was removed")
	if err := c.Compact(ctx); err != nil {
		return fmt.Errorf("all rows are removed, but their bytes are not yet: %w", err)
	}
	return nil
}

// carryOut does what there is to do once erasures are recorded.
func (e *Erase) carryOut(ctx context.Context, targets []*target, clientUserIDs []string) (*Report, error) {
	for _, t := range e.Catalogue.Versioned() {
		e.say("raising the fence of %s", t.Name)
		if err := e.Warehouse.RaiseFence(ctx, t); err != nil {
			return nil, fmt.Errorf("raise the fence of %s: %w", t.Name, err)
		}
	}
	w := e.work(targets, clientUserIDs)
	if err := w.rounds(ctx); err != nil {
		return w.report(), err
	}
	if w.left() > 0 {
		return w.report(), nil
	}
	if len(w.found) > 0 || w.isUnfinished() {
		if err := e.compact(ctx); err != nil {
			return w.report(), err
		}
	}
	err := w.finish(ctx)
	return w.report(), err
}

// Count counts what an erasure would find, and changes nothing.
func (e *Erase) Count(ctx context.Context, userIDs, clientUserIDs []string) (*Report, error) {
	var targets []*target
	for _, hash := range hashesOf(userIDs) {
		targets = append(targets, &target{hash: hash})
	}
	w := e.work(targets, clientUserIDs)
	w.counting = true
	err := w.round(ctx)
	return w.report(), err
}

// hashesOf are the people, each once.
func hashesOf(userIDs []string) []string {
	var hashes []string
	for _, id := range userIDs {
		if h := connector.UserHash(id); !slices.Contains(hashes, h) {
			hashes = append(hashes, h)
		}
	}
	return hashes
}

// now is the time in the precision of the warehouses.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
