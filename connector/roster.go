package connector

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// erasedEvery is how often an Ingest asks who is erased.
	erasedEvery = 5 * time.Minute
	// erasedWait is for how long it waits for the answer.
	erasedWait = time.Minute
	// mostKnown is of how many people a worker remembers whether they are erased.
	mostKnown = 1 << 14
)

// roster is the last list of who is erased that could be read.
type roster struct {
	list atomic.Pointer[Erased]
	// fails says that the last try failed, and that it was said.
	fails bool
}

// keep reads the list, and then again at every beat until stop is called.
//
// Where it cannot be read the last one stays in force, and at the first start
// that is none: the ingest goes on as it does when the warehouse fails, since
// an append will tell whether it does. To wait for the list would hold up
// everybody's messages for what is only done early here: it is Merge that keeps
// erased people out, by what it reads within its transaction.
func (r *roster) keep(ctx context.Context, w Warehouse, log *slog.Logger) (stop func()) {
	r.read(ctx, w, log)
	ctx, cancel := context.WithCancel(ctx)
	var reading sync.WaitGroup
	reading.Go(func() {
		beat := time.NewTicker(erasedEvery)
		defer beat.Stop()
		for {
			select {
			case <-beat.C:
				r.read(ctx, w, log)
			case <-ctx.Done():
				return
			}
		}
	})
	return func() { cancel(); reading.Wait() }
}

func (r *roster) read(ctx context.Context, w Warehouse, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, erasedWait)
	defer cancel()
	list, err := w.Erased(ctx)
	switch {
	case err == nil:
		r.list.Store(&list)
		r.fails = false
	case errors.Is(ctx.Err(), context.Canceled) || r.fails: // it ends, or it was said
	default:
		log.Warn("cannot read who is erased: until it works messages of who was erased lately are appended, and left out by the fold", "error", err)
		r.fails = true
	}
}

// known tells a worker who is erased. It is not safe for concurrent use.
type known struct {
	roster *roster
	list   *Erased
	people map[string]bool // by id, for a hash takes longer
}

// refresh takes the list that is in force now; it has the message remember it,
// since who is decoded again has to be dropped again. It is false if nobody is
// erased.
func (k *known) refresh(m *Message) bool {
	list := k.roster.list.Load()
	if list == nil || len(*list) == 0 {
		return false
	}
	if list != k.list {
		k.list, k.people = list, map[string]bool{}
	}
	m.erased = *list
	return true
}

// has tells whether somebody is erased.
func (k *known) has(userID []byte) bool {
	is, ok := k.people[string(userID)]
	if !ok {
		if len(k.people) >= mostKnown {
			clear(k.people)
		}
		id := string(userID)
		is = k.list.Has(id)
		k.people[id] = is
	}
	return is
}
