//go:build cgo

package bigquery

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitalsink/connector"
	"vitalsink/connector/bigquery/bigquerytest"
	"vitalsink/connector/connectortest"
	"vitalsink/transforms"
)

// mortal is a warehouse in a process that dies when its context does.
type mortal struct {
	inspected
	life context.Context
}

func (m mortal) Append(_ context.Context, b *connector.Batch) error {
	return m.Warehouse.Append(m.life, b)
}

func (m mortal) Pending(context.Context) (*connector.Pending, error) {
	return m.Warehouse.Pending(m.life)
}

func (m mortal) Merge(_ context.Context, merge *connector.Merge) (connector.MergeBooks, error) {
	return m.Warehouse.Merge(m.life, merge)
}

// work ingests messages and folds, as far as it gets.
func (m mortal) work(messages ...transforms.Message) error {
	in := &connector.Ingest{
		Warehouse: m, Catalogue: m.config.Catalogue, Log: slog.New(slog.DiscardHandler), Workers: 1, FlushRows: 1,
	}
	err := in.Run(context.Background(), source(messages))
	_, foldErr := (&connector.Folder{Warehouse: m, Catalogue: m.config.Catalogue, Log: slog.New(slog.DiscardHandler)}).Fold(m.life)
	return errors.Join(err, foldErr)
}

// TestKilledBetweenSteps: a process that dies before or after any call, or any
// statement, leaves what another one, to which the messages come again, brings
// to the same tables.
func TestKilledBetweenSteps(t *testing.T) {
	messages := []transforms.Message{sleepOf(1), samplesOn("m2", noon, 60, noon.Truncate(day)), sleepOf(3), sleepOf(2)}
	var want map[string][]connectortest.Row
	for _, effect := range []bigquerytest.Effect{bigquerytest.Reset, bigquerytest.ResetAfter} {
		steps := 0
		for ; ; steps++ {
			got, died := killedAt(t, messages, steps, effect)
			if want == nil {
				want = undisturbed(t, messages)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("killed at step %d, effect %d (-want +got):\n%s", steps, effect, diff)
			}
			if !died {
				break
			}
		}
		if steps < 40 {
			t.Errorf("only %d steps were tried", steps)
		}
	}
}

func undisturbed(t *testing.T, messages []transforms.Message) map[string][]connectortest.Row {
	t.Helper()
	s := openTest(t)
	s.ingest(t, messages...)
	s.fold(t)
	return s.latest(t)
}

// latest are the rows of the tables that these tests fill.
func (s inspected) latest(t testing.TB) map[string][]connectortest.Row {
	t.Helper()
	return map[string][]connectortest.Row{"sleep": s.Latest(t, "sleep"), "timeseries": s.Latest(t, "timeseries")}
}

// killedAt lets a process work that dies at a step, and another after it.
func killedAt(t *testing.T, messages []transforms.Message, step int, effect bigquerytest.Effect) (map[string][]connectortest.Row, bool) {
	t.Helper()
	s := openTest(t)
	life, kill := context.WithCancel(context.Background())
	defer kill()
	died := false
	s.server.Inject(bigquerytest.Fault{Skip: step, Effect: effect, Do: func(string) { died = true; kill() }})
	err := mortal{s, life}.work(messages...)
	s.server.Heal()
	if (err == nil) == died && !slices.Contains([]bool{life.Err() == nil}, died) {
		t.Errorf("step %d: died %t, error %v", step, died, err)
	}
	next := inspected{s.server.open(t), s.server}
	next.ingest(t, messages...)
	next.fold(t)
	if books := next.Ledger(t); !books.Balanced() {
		t.Errorf("step %d: ledger %+v", step, books)
	}
	p, err := next.Pending(context.Background())
	if err != nil || len(p.Batches) > 0 {
		t.Errorf("step %d: %d batches are pending: %v", step, len(p.Batches), err)
	}
	return next.latest(t), died
}
