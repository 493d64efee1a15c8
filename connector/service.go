package connector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"
)

// LateBeats is how many beats of the fold the late lane waits for the next of
// its own: what it touches is old and wide, and nobody waits for it.
const LateBeats = 10

// Service is ingest and fold side by side, for as long as it is let. It keeps
// nothing: what is pending is read from the warehouse.
type Service struct {
	Ingest *Ingest
	// Folder merges at every beat. Optional: without it another process folds.
	Folder *Folder
	// FoldInterval is the beat of the recent lane; the late lane has every
	// tenth. Required with a Folder.
	FoldInterval time.Duration
	// Connect opens the door; again, after a batch was given up. Required.
	Connect func(context.Context) (ClosingSource, error)
	Log     *slog.Logger
}

// ClosingSource is a source with a connection.
type ClosingSource interface {
	Source
	io.Closer
}

// Run works until the source is exhausted or ctx is done, commits what is in
// hand and folds a last time. After ctx is done commits and folds have no more
// than 7 seconds. A failing warehouse is waited for; other errors end the
// service.
func (s *Service) Run(ctx context.Context) error {
	late, cancel := graceful(ctx, drainTime)
	defer cancel()
	g, gctx := errgroup.WithContext(ctx)
	foldCtx, stopFolds := context.WithCancel(gctx)
	g.Go(func() error {
		defer stopFolds()
		return s.ingest(gctx)
	})
	if s.Folder == nil {
		return g.Wait()
	}
	g.Go(func() error {
		s.foldLoop(foldCtx, late)
		return nil
	})
	if err := g.Wait(); err != nil {
		return err
	}
	if _, err := s.Folder.Fold(late); err != nil && late.Err() == nil && !IsBudget(err) {
		return fmt.Errorf("last fold: %w", err)
	}
	return nil // what is registered is safe; the next run folds it
}

// ingest receives until the source is exhausted or ctx is done. When a batch
// had to be given up it waits for the warehouse, with nothing in hand.
func (s *Service) ingest(ctx context.Context) error {
	for {
		source, err := s.Connect(ctx)
		if err != nil {
			return err
		}
		err = s.Ingest.Run(ctx, source)
		closeErr := source.Close()
		if !errors.Is(err, ErrGivenUp) {
			return errors.Join(err, closeErr)
		}
		s.Log.Error("the warehouse has failed for so long that what was in hand is left to be delivered again; receiving goes on when it works",
			"error", err)
		if !s.Ingest.awaitWarehouse(ctx) {
			return nil
		}
	}
}

// foldLoop folds at every beat until ctx is done. A fold that is at work then
// has time until late is: a warehouse may go on with a merge by itself, and
// nobody would know its books. A fold that fails is tried again with the next:
// what it left is still pending.
func (s *Service) foldLoop(ctx, late context.Context) {
	ticker := time.NewTicker(s.FoldInterval)
	defer ticker.Stop()
	var failing lasting
	for beat := 0; ; beat++ {
		lanes := []Lane{Recent}
		if beat%LateBeats == 0 {
			lanes = []Lane{Recent, Late}
		}
		if _, err := s.Folder.Fold(late, lanes...); ctx.Err() == nil {
			failing.report(s.Log, err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// lasting logs a failure when it begins, now and then while it lasts, and when
// it is over.
type lasting struct {
	since, said time.Time
}

// remindEvery is how often a lasting failure is logged.
const remindEvery = 5 * time.Minute

func (l *lasting) report(log *slog.Logger, err error) {
	switch {
	case err == nil && !l.since.IsZero():
		log.Warn("folding works again", "failed_for", time.Since(l.since).Round(time.Second))
		*l = lasting{}
	case err != nil && time.Since(l.said) >= remindEvery:
		if l.since.IsZero() {
			l.since = time.Now()
		}
		l.said = time.Now()
		if IsBudget(err) {
			log.Error("folding pauses: what is appended is safe and stays pending, the tables fall behind", "error", err)
			return
		}
		log.Warn("a fold failed: what is appended is safe and stays pending, the tables fall behind; it is tried again at every beat",
			"failing_for", time.Since(l.since).Round(time.Second), "error", err)
	}
}
