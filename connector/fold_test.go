package connector_test

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"vitalsink/connector"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// mixed are messages of three tables, two batches each with FlushRows 1.
func mixed() []transforms.Message {
	var messages []transforms.Message
	for i := range 2 {
		sleep := heartrate(2*i+10, 0)
		sleep.Data = fmt.Appendf(nil, `{"event_type":"daily.data.sleep.created","user_id":"u","data":{"id":"s%d"}}`, i)
		bad := heartrate(2*i+11, 0)
		bad.Data = []byte(`{`)
		messages = append(messages, heartrate(i, 1), sleep, bad)
	}
	return messages
}

// TestFoldDoesNotHalve: what has nothing to do with the batches is not tried
// with fewer of them, and not again in the same fold; other tables are folded.
func TestFoldDoesNotHalve(t *testing.T) {
	for _, cause := range []error{connector.ErrUnavailable, connector.ErrConfiguration} {
		w := openFile(t)
		in := newIngest(t, w)
		in.FlushRows, in.Workers = 1, 1
		if err := in.Run(t.Context(), many(mixed())); err != nil {
			t.Fatal(err)
		}
		tries := 0
		down := &refusing{w, func(m *connector.Merge) error {
			if m.Table.Name != schemas.TimeseriesTable {
				return nil
			}
			tries++
			return fmt.Errorf("%w: as it is", cause)
		}}
		folder := &connector.Folder{Warehouse: down, Catalogue: catalogue(t), Log: slog.New(slog.DiscardHandler)}
		f, err := folder.Fold(t.Context())
		if !errors.Is(err, cause) || tries != 1 {
			t.Errorf("%d tries, want 1: %v", tries, err)
		}
		if len(f.Tables) != 2 || f.Tables["sleep"].Registered != 2 {
			t.Errorf("folded %+v, want the two other tables", f.Tables)
		}
		down.before = func(*connector.Merge) error { return nil }
		if f, err := folder.Fold(t.Context()); err != nil || f.Tables[schemas.TimeseriesTable].Registered != 2 {
			t.Errorf("the next fold took %+v: %v", f.Tables, err)
		}
	}
}

// TestFoldByteCap: a merge that would cost too much is made in parts; a batch
// that alone costs too much stays pending, and the others are folded.
func TestFoldByteCap(t *testing.T) {
	w := openFile(t)
	in := newIngest(t, w)
	in.FlushRows, in.Workers = 1, 1
	d := many{heartrate(0, 7)}
	for i := range 8 {
		d = append(d, heartrate(i+1, 1))
	}
	if err := in.Run(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	capped := &refusing{w, func(m *connector.Merge) error {
		if m.Rows() > 4 {
			return fmt.Errorf("%w: %d rows", connector.ErrByteCap, m.Rows())
		}
		return nil
	}}
	folder := &connector.Folder{Warehouse: capped, Catalogue: catalogue(t), Log: slog.New(slog.DiscardHandler)}
	f, err := folder.Fold(t.Context())
	if !errors.Is(err, connector.ErrByteCap) || f.Books.Registered != 8 {
		t.Errorf("%d rows folded, want 8: %v", f.Books.Registered, err)
	}
	if p, err := w.Pending(t.Context()); err != nil || len(p.Batches) != 1 || p.Batches[0].Rows != 7 {
		t.Errorf("pending %+v, want the batch of 7 rows: %v", p, err)
	}
}

// TestIsBudget: only if nothing else went wrong.
func TestIsBudget(t *testing.T) {
	budget, other := fmt.Errorf("merge: %w", connector.ErrBudget), errors.New("other")
	for _, c := range []struct {
		err  error
		want bool
	}{
		{budget, true}, {errors.Join(budget, budget), true}, {fmt.Errorf("fold: %w", budget), true},
		{other, false}, {errors.Join(budget, other), false},
	} {
		if got := connector.IsBudget(c.err); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
}
