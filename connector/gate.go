package connector

import (
	"log/slog"
	"sync"
	"time"
)

// gate is shut while the warehouse fails: nothing is received meanwhile.
type gate struct {
	log *slog.Logger

	mu      sync.Mutex
	since   time.Time     // when it was shut; zero while it is open
	why     error         // the last reason to shut it
	changed chan struct{} // closed when it is next opened or shut
}

func newGate(log *slog.Logger) *gate { return &gate{log: log, changed: make(chan struct{})} }

// state tells whether the gate is shut, and when to ask again.
func (g *gate) state() (since time.Time, changed <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.since, g.changed
}

// failure is what keeps the gate shut.
func (g *gate) failure() Failure {
	g.mu.Lock()
	defer g.mu.Unlock()
	return Failure{g.since, g.why}
}

// pass is the channel while the gate is open; from a nil one nothing comes.
func (g *gate) pass(messages <-chan *Message) (open <-chan *Message, changed <-chan struct{}) {
	since, changed := g.state()
	if !since.IsZero() {
		return nil, changed
	}
	return messages, changed
}

func (g *gate) shut(why error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.why = why
	if g.since.IsZero() {
		g.since = time.Now()
		g.log.Warn("the warehouse fails: receiving is paused until it works again; nothing is lost, what is in hand is tried again", "error", why)
		g.turn()
	}
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.since.IsZero() {
		g.log.Warn("the warehouse works again: receiving goes on", "paused", time.Since(g.since).Round(time.Second))
		g.since, g.why = time.Time{}, nil
		g.turn()
	}
}

func (g *gate) turn() {
	close(g.changed)
	g.changed = make(chan struct{})
}
