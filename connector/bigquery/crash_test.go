//go:build cgo

package bigquery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
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
// to the same tables. Of both, by turns, only one is tried at each step, and some
// steps are left out, others in another run: together they take minutes.
func TestKilledBetweenSteps(t *testing.T) {
	connectortest.Long(t)
	messages := []transforms.Message{sleepOf(2), samplesOn("m2", noon, 60, noon.Truncate(day)), sleepOf(1)}
	want := undisturbed(t, messages)
	names := map[bigquerytest.Effect]string{bigquerytest.Reset: "before", bigquerytest.ResetAfter: "after"}
	effects := []bigquerytest.Effect{bigquerytest.Reset, bigquerytest.ResetAfter}
	steps, first := 0, rand.IntN(2)
	for _, at := range moments {
		for died := true; died; at.Skip += 1 + rand.IntN(2) {
			at.Effect = effects[(first+steps)%2]
			t.Run(fmt.Sprintf("%s %s %d", names[at.Effect], at.Call, at.Skip), func(t *testing.T) {
				var got map[string][]connectortest.Row
				got, died = killedAt(t, messages, at)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
			steps++
		}
	}
	if steps < 25 {
		t.Errorf("only %d steps were tried", steps)
	}
}

// moments are the steps of an append and of a fold, the first of each kind: all
// calls, but that of the fences, which are read alike, only one is looked at.
var moments = []bigquerytest.Fault{
	{Call: bigquerytest.CallCreateWriteStream}, {Call: bigquerytest.CallAppendRows},
	{Call: bigquerytest.CallFinalizeWriteStream}, {Call: bigquerytest.CallBatchCommitWriteStreams},
	{Call: bigquerytest.CallTabledataList, Table: "sleep_fence"},
	{Call: bigquerytest.CallJobsInsert}, {Call: bigquerytest.CallJob}, {Call: bigquerytest.CallStatement},
	{Call: bigquerytest.CallJobsGet}, {Call: bigquerytest.CallJobsGetQueryResults},
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
func killedAt(t *testing.T, messages []transforms.Message, at bigquerytest.Fault) (map[string][]connectortest.Row, bool) {
	t.Helper()
	s := openTest(t)
	life, kill := context.WithCancel(context.Background())
	defer kill()
	died := false
	at.Do = func(string) { died = true; kill() }
	s.server.Inject(at)
	err := mortal{s, life}.work(messages...)
	s.server.Heal()
	if err != nil && !died {
		t.Errorf("nobody was killed: %v", err)
	}
	next := inspected{s.server.open(t), s.server}
	next.ingest(t, messages...)
	next.fold(t)
	if books := next.Ledger(t); !books.Balanced() {
		t.Errorf("ledger %+v", books)
	}
	p, err := next.Pending(context.Background())
	if err != nil || len(p.Batches) > 0 {
		t.Errorf("%d batches are pending: %v", len(p.Batches), err)
	}
	return next.latest(t), died
}
