package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"vitalsink/connector"
	"vitalsink/connector/files"
)

// loading is a load at work. Unlike a service it has an end: nothing is
// pending then, however long the last fold takes and whatever failed before.
type loading struct {
	source *files.Source
	ingest *connector.Ingest
	folder *connector.Folder
	began  time.Time

	mu   sync.Mutex
	read time.Time // when all was committed that will be
}

// run loads, folds at intervals unless they are 0, and folds a last time. A
// fold that fails leaves its batches to the next; what went wrong is only told
// if the last fails too.
func (l *loading) run(ctx context.Context, interval time.Duration) error {
	// A fold that is going is let go on: the last one would have to do it all
	// again. And what is registered is folded even if the load broke off.
	foldCtx := context.WithoutCancel(ctx)
	var before error
	stopFolds := func() {}
	if interval > 0 {
		stopFolds = every(interval, func() {
			// Of failures in a row the first tells most.
			if err := l.fold(foldCtx); err == nil || before == nil {
				before = err
			}
		})
	}
	err := l.ingest.Run(ctx, l.source)
	if err != nil {
		err = fmt.Errorf("%w; what is committed stays: mend it, and load the same files again", err)
	}
	if err == nil && ctx.Err() != nil {
		err = errors.New("stopped before the end; load the same files again for the rest")
	}
	l.mu.Lock()
	l.read = time.Now()
	l.mu.Unlock()
	stopFolds()
	last := l.fold(foldCtx)
	if last != nil && before != nil && before.Error() != last.Error() {
		last = errors.Join(before, last)
	}
	return errors.Join(err, last)
}

func (l *loading) fold(ctx context.Context) error {
	_, err := l.folder.Fold(ctx)
	return err
}

// result is what the load did.
func (l *loading) result() loaded {
	r := loaded{Landed: l.ingest.Landed(), Folded: l.folder.Folded(), Problems: []string{}}
	for _, p := range l.source.Problems() {
		r.Problems = append(r.Problems, p.Error())
	}
	return r
}

// progress is a line about how far the load is.
func (l *loading) progress() string {
	rows := int64(l.ingest.Landed().Books.Rows)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.read.IsZero() {
		return progressOfFold(rows, int64(l.folder.Folded().Books.Registered), time.Since(l.read))
	}
	return progressOfLoad(l.source.Progress(), rows, time.Since(l.began))
}

// progressOfLoad says which file is being read, how much is read and
// committed, and how long the rest will take if it goes on like that.
func progressOfLoad(p files.Progress, rows int64, elapsed time.Duration) string {
	var parts []string
	switch {
	case p.TotalFiles == 0:
		parts = append(parts, "looking for files")
	case p.Files == p.TotalFiles || p.File == "":
		parts = append(parts, fmt.Sprintf("%d of %d read", p.Files, p.TotalFiles))
	case p.TotalFiles == 1:
		parts = append(parts, filepath.Base(p.File))
	default:
		parts = append(parts, fmt.Sprintf("%s (%d of %d)", filepath.Base(p.File), p.Files+1, p.TotalFiles))
	}
	if p.TotalBytes > 0 {
		parts = append(parts, fmt.Sprintf("%d %%", p.Bytes*100/p.TotalBytes))
	} else if p.Bytes > 0 {
		parts = append(parts, humanize.IBytes(uint64(p.Bytes))+" read")
	}
	parts = append(parts, humanize.Comma(rows)+" rows committed")
	if rate := float64(rows) / elapsed.Seconds(); rows > 0 && elapsed > time.Second {
		parts = append(parts, humanize.Comma(int64(rate/100)*100)+" rows/s")
	}
	// What the first seconds foretell is not worth much.
	if p.Bytes > 0 && p.Bytes < p.TotalBytes && elapsed > 5*time.Second {
		left := time.Duration(float64(elapsed) / float64(p.Bytes) * float64(p.TotalBytes-p.Bytes))
		parts = append(parts, inWords(left)+" left")
	}
	return strings.Join(parts, "  ")
}

// progressOfFold says how long the last fold has been going on. Folds are known
// when they are over, so at first there may be no number to tell.
func progressOfFold(rows, folded int64, elapsed time.Duration) string {
	line := fmt.Sprintf("folding …  %s rows committed", humanize.Comma(rows))
	if folded > 0 {
		line += fmt.Sprintf(", %s of them folded", humanize.Comma(folded))
	}
	return line + "  " + elapsed.Round(time.Second).String()
}

// inWords is a time that is only an estimate.
func inWords(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "less than 1 min"
	case d < 2*time.Hour:
		return fmt.Sprintf("about %.0f min", d.Minutes())
	default:
		return fmt.Sprintf("about %.0f h", d.Hours())
	}
}
