package connector_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// backlog is a warehouse with something pending, which it merges unless it fails.
type backlog struct {
	connector.Warehouse
	pending []connector.Registered
	err     error
}

func (b *backlog) Pending(context.Context) (*connector.Pending, error) {
	return &connector.Pending{Batches: b.pending}, nil
}

func (b *backlog) Merge(_ context.Context, m *connector.Merge) (books connector.MergeBooks, err error) {
	if b.err != nil {
		return books, b.err
	}
	b.pending = b.pending[len(m.Batches):]
	return connector.MergeBooks{Registered: m.Rows(), Applied: m.Rows()}, nil
}

// TestFolderState: who looks at a folder sees what waits, by lane, since when
// folds fail, and the last merges, of which no more than 20 are kept.
func TestFolderState(t *testing.T) {
	catalogue, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now().UTC()
		w := &backlog{err: connector.ErrUnavailable}
		for i := range 24 {
			w.pending = append(w.pending, connector.Registered{
				ID: fmt.Sprint(i), Table: "sleep", Lane: []connector.Lane{connector.Recent, connector.Late}[i/22], AppendedAt: began.Add(-time.Hour + time.Duration(i)*time.Second), Rows: 10,
			})
		}
		f := &connector.Folder{Warehouse: w, Catalogue: catalogue, Log: slog.New(slog.DiscardHandler), MaxRows: 10}
		for range 2 {
			time.Sleep(time.Minute)
			if _, err := f.Fold(t.Context()); !errors.Is(err, connector.ErrUnavailable) {
				t.Errorf("the fold: %v", err)
			}
		}
		want := map[connector.Lane]connector.Waiting{
			connector.Recent: {Batches: 22, Rows: 220, Oldest: began.Add(-time.Hour)}, connector.Late: {Batches: 2, Rows: 20, Oldest: began.Add(-time.Hour + 22*time.Second)},
		}
		if diff := cmp.Diff(want, f.Seen()["sleep"].Waiting); diff != "" {
			t.Errorf("what waits, -want +got:\n%s", diff)
		}
		if got := f.Failure(); !got.Since.Equal(began.Add(time.Minute)) || !errors.Is(got.Err, connector.ErrUnavailable) {
			t.Errorf("it fails since %s: %v", got.Since, got.Err)
		}
		if got := f.LookedAt(); !got.Equal(began.Add(2 * time.Minute)) {
			t.Errorf("it looked at %s", got)
		}
		stopped, stop := context.WithCancel(t.Context())
		stop()
		w.err = context.Canceled
		if _, err := f.Fold(stopped); err == nil {
			t.Error("a fold that was stopped had no error")
		}
		if got := f.Failure(); !errors.Is(got.Err, connector.ErrUnavailable) {
			t.Errorf("that it was stopped counts as a failure: %v", got.Err)
		}
		w.err = nil
		if _, err := f.Fold(t.Context()); err != nil {
			t.Error(err)
		}
		recent := f.Recent()
		if len(recent) != 20 || recent[19].Lane != connector.Late || recent[0].Books.Applied != 10 || recent[0].Batches != 1 || recent[0].ID > recent[19].ID {
			t.Errorf("of 24 merges %d are kept: %+v", len(recent), recent)
		}
		if got := f.Failure(); !got.Since.IsZero() || got.Err != nil || len(f.Seen()["sleep"].Waiting) != 0 {
			t.Errorf("after it worked: %+v, and %+v", got, f.Seen())
		}
	})
}
