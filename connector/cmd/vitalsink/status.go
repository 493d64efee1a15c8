package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"vitalsink/connector"
	"vitalsink/connector/status"
	"vitalsink/connector/webhook"
	"vitalsink/schemas"
)

const (
	// sampleEvery is how often what has landed is noted, for the rate of the
	// last minute.
	sampleEvery = 5 * time.Second
	rateOver    = time.Minute
	// askEvery is how often a warehouse is asked for the status page, at most,
	// and never while nobody looks. One that charges is asked for what it charges
	// for, 10 MB at the least, every hour.
	askEvery     = time.Minute
	askBillEvery = time.Hour
	// askWait is for how long the page waits for a warehouse; then it shows what
	// there was, and how old that is.
	askWait = time.Second
	// askTime is how long a warehouse may take.
	askTime = time.Minute
	// reconciledWithin is how far back the last reconciliation is looked for.
	reconciledWithin = 35 * 24 * time.Hour
)

// watched is what the status page tells of.
type watched struct {
	command             string
	source, destination string
	catalogue           *schemas.Catalogue
	ready               func() error       // why nothing is taken just now
	service             *connector.Service // nil if nothing is appended here
	door                *webhook.Door      // nil if it is none
	lookout             *lookout           // nil if there is no Pub/Sub
}

// board keeps what the status page shows beside what is at hand at once.
type board struct {
	watched
	log   *slog.Logger
	since time.Time
	ctx   context.Context //nolint:containedctx // of what is asked for the page, and outlives a request
	stop  func()
	tasks sync.WaitGroup

	mu         sync.Mutex
	samples    []sample // of the last minute, oldest first
	rows       asked[map[string]int64]
	reconciled asked[*status.Reconciliation]
}

// sample is what had landed at a time.
type sample struct {
	at             time.Time
	messages, rows int64
}

func newBoard(w watched, log *slog.Logger) *board {
	b := &board{watched: w, log: log, since: time.Now()}
	ctx, cancel := context.WithCancel(context.Background())
	b.ctx = ctx
	b.samples = []sample{b.sample()}
	end := every(sampleEvery, func() { b.note(b.sample()) })
	b.stop = func() { end(); cancel(); b.tasks.Wait() }
	return b
}

func (b *board) sample() sample {
	s := sample{at: time.Now()}
	if b.service != nil {
		landed := b.service.Ingest.Landed().Books
		s.messages, s.rows = int64(landed.Messages), int64(landed.Rows)
	} else if b.door != nil {
		s.messages = b.door.Taken()
	}
	return s
}

// note adds a sample, and drops those before the last minute.
func (b *board) note(s sample) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.samples) > 1 && s.at.Sub(b.samples[1].at) >= rateOver {
		b.samples = b.samples[1:]
	}
	b.samples = append(b.samples, s)
}

// rate is that of the last minute, or since the start.
func (b *board) rate(now sample) status.Rate {
	b.mu.Lock()
	first := b.samples[0]
	b.mu.Unlock()
	over := now.at.Sub(first.at).Seconds()
	if over <= 0 {
		return status.Rate{}
	}
	return status.Rate{
		Seconds: over, MessagesPerSecond: float64(now.messages-first.messages) / over, RowsPerSecond: float64(now.rows-first.rows) / over,
	}
}

// asked is what a warehouse answered last.
type asked[T any] struct {
	begun   time.Time
	pending chan struct{} // closed with the answer; nil if there is no question
	at      *time.Time    // of the answer; nil if there was none
	answer  T
}

// ask is the last answer to a question. If it is older than that it asks again,
// and waits a little for it: a warehouse that hangs is not asked twice.
func ask[T any](b *board, a *asked[T], wait context.Context, older time.Duration, what string, question func(context.Context) (T, error)) (T, *time.Time) {
	b.mu.Lock()
	if a.pending == nil && time.Since(a.begun) >= older && b.ctx.Err() == nil {
		answered := make(chan struct{})
		a.begun, a.pending = time.Now(), answered
		b.tasks.Go(func() {
			ctx, cancel := context.WithTimeout(b.ctx, askTime)
			defer cancel()
			answer, err := question(ctx)
			if err != nil && b.ctx.Err() == nil {
				b.log.Debug("the status page does without "+what, "error", err)
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			if err == nil {
				at := time.Now()
				a.answer, a.at = answer, &at
			}
			a.pending = nil
			close(answered)
		})
	}
	pending := a.pending
	b.mu.Unlock()
	if pending != nil {
		select {
		case <-pending:
		case <-wait.Done():
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return a.answer, a.at
}

// state is how the command is now.
func (b *board) state(ctx context.Context) status.State {
	wait, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	s := status.State{
		Since: b.since, Version: built(b.catalogue.Version).Version, CatalogueVersion: b.catalogue.Version,
		Command: b.command, Source: b.source, Destination: b.destination,
	}
	if b.service != nil {
		b.askWarehouse(wait, &s)
		b.ingested(&s)
	}
	s.At = time.Now() // after the wait
	if b.service != nil && b.service.Folder != nil {
		b.folded(&s)
	}
	if b.lookout != nil {
		s.PubSubLostAt = b.lookout.lost.Load()
	}
	if b.door != nil {
		s.Requests = &status.Requests{Taken: b.door.Taken(), Refused: b.door.Refused()}
	}
	now := b.sample()
	s.Rate, s.Messages, s.Rows = b.rate(now), now.messages, now.rows
	return s
}

// askWarehouse fills in what only the warehouse knows.
func (b *board) askWarehouse(wait context.Context, s *status.State) {
	w := b.service.Ingest.Warehouse
	var rows map[string]int64
	if counter, ok := w.(interface {
		TableRows(context.Context) (map[string]int64, error)
	}); ok {
		rows, s.RowsAt = ask(b, &b.rows, wait, askEvery, "the rows of the tables", counter.TableRows)
	}
	for _, t := range b.catalogue.Versioned() {
		row := status.Table{Name: t.Name}
		if n, ok := rows[t.Name]; ok {
			row.Rows = &n
		}
		s.Tables = append(s.Tables, row)
	}
	older := askEvery
	biller, bills := w.(connector.Biller)
	if bills {
		older = askBillEvery
		bill := biller.Billed()
		s.Bill = &status.Bill{BilledBytes: bill.Bytes, MostBytes: bill.Most, Paused: bill.Paused}
	}
	if diary, ok := w.(interface {
		Findings(ctx context.Context, runID string, since time.Time) ([]connector.Finding, error)
	}); ok {
		s.Reconciliation, s.ReconciliationAt = ask(b, &b.reconciled, wait, older, "the last reconciliation", func(ctx context.Context) (*status.Reconciliation, error) {
			marks, err := diary.Findings(ctx, "", time.Now().Add(-reconciledWithin))
			return lastRun(marks), err
		})
	}
}

// lastRun is the run that ended last; nil if none has.
func lastRun(marks []connector.Finding) (last *status.Reconciliation) {
	for i := range marks {
		if m := &marks[i]; m.Check == connector.CheckRun && (last == nil || m.RecordedAt.After(last.EndedAt)) {
			last = &status.Reconciliation{
				StartedAt: m.StartedAt, EndedAt: m.RecordedAt, Outcome: m.Outcome,
				Expected: m.Expected, Drift: m.Drift, Repaired: m.Repaired, Unsettled: m.Unsettled,
			}
		}
	}
	return last
}

// ingested fills in what the Ingest knows.
func (b *board) ingested(s *status.State) {
	in := b.service.Ingest
	s.Paused, s.HeldBytes = status.NewFailure(in.Failure()), in.Held()
	for _, c := range slices.Backward(in.Recent()) {
		s.Batches = append(s.Batches, status.Batch{ID: c.ID, Table: c.Table, Lane: c.Lane, AppendedAt: c.AppendedAt, Books: c.Books})
	}
	for reason, n := range in.Landed().Quarantined {
		s.Quarantine = append(s.Quarantine, status.Quarantined{Reason: string(reason), Count: n})
	}
}

// folded fills in what the Folder knows, tables of its own among it.
func (b *board) folded(s *status.State) {
	f := b.service.Folder
	beat := b.service.FoldInterval.Seconds()
	s.Folds = &status.Folds{
		IntervalSeconds: beat, LateIntervalSeconds: connector.LateBeats * beat,
		Failing: status.NewFailure(f.Failure()), NewerBatches: f.Folded().Newer,
	}
	looked := f.LookedAt()
	if !looked.IsZero() {
		s.Folds.LookedAt = &looked
	}
	for _, m := range slices.Backward(f.Recent()) {
		s.Merges = append(s.Merges, status.Merge{
			ID: m.ID, Table: m.Table, Lane: m.Lane, Batches: m.Batches, MergedAt: m.MergedAt, TookSeconds: m.Took.Seconds(), MergeBooks: m.Books,
		})
	}
	seen := f.Seen()
	for i := range s.Tables {
		t := &s.Tables[i]
		if !looked.IsZero() {
			see(t, seen[t.Name], s.At)
		}
		delete(seen, t.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(seen)) { // of a newer catalogue
		t := status.Table{Name: name}
		see(&t, seen[name], s.At)
		s.Tables = append(s.Tables, t)
	}
}

// see fills in how far a table is behind.
func see(t *status.Table, seen connector.Seen, now time.Time) {
	t.LagSeconds = new(int64)
	if !seen.Oldest.IsZero() {
		*t.LagSeconds = age(seen.Oldest, now)
	}
	if !seen.Newest.IsZero() {
		fresh := age(seen.Newest, now)
		t.FreshnessSeconds = &fresh
	}
	for _, lane := range []connector.Lane{connector.Recent, connector.Late} {
		if w, ok := seen.Waiting[lane]; ok {
			t.Pending = append(t.Pending, status.Pending{Lane: lane, Batches: w.Batches, Rows: w.Rows, OldestSeconds: age(w.Oldest, now)})
		}
	}
}

// age is in seconds; that of what is to come is 0.
func age(of, now time.Time) int64 { return max(0, int64(now.Sub(of)/time.Second)) }

// serve answers with a form of the state.
func (b *board) serve(contentType string, write func(io.Writer, status.State) error) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		if err := write(&body, b.state(r.Context())); err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		h := rw.Header()
		h.Set("Content-Type", contentType)
		h.Set("Content-Security-Policy", status.Policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		_, _ = rw.Write(body.Bytes())
	}
}
