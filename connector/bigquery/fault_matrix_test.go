//go:build cgo

package bigquery

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"vitalsink/connector"
	"vitalsink/connector/bigquery/bigquerytest"
	"vitalsink/connector/connectortest"
	"vitalsink/connector/synth"
	"vitalsink/transforms"
)

// unlucky is what goes wrong in a line of docs/faults.md.
type unlucky struct {
	fault, where string
	happens      string // what vitalsink does about it
	inject       []bigquerytest.Fault
	// lasts is for what does not end by itself: it is mended when somebody has
	// been told of so many effects of it. Optional.
	lasts    int
	rival    bool // another folder works at the same time
	byChance bool // what the log says of the reason is not the same every time
	// tune changes how long things are waited for. Optional.
	tune func(*Warehouse)
	// counts is the call, or the step of jobs about timeseries, of which it is
	// told how often it was tried. Optional.
	counts string
}

// seen is what a fault did.
type seen struct {
	words string   // of those in docs/faults.md
	log   []string // errors in the log, one for each line
	more  int      // calls or jobs of unlucky.counts, more than without a fault
	lost  string
}

// rowsAtOnce is how many lines are tried side by side: mostly they wait.
const rowsAtOnce = 4

// foldBeat is how often is folded.
const foldBeat = 300 * time.Millisecond

// TestFaultMatrix runs the service, as the command run does, into a BigQuery
// where one thing goes wrong, for each thing that can. Whatever it is, the
// tables are those that there are without it, every message is acknowledged
// once, when it is committed, and none is given back. What somebody who runs
// the service sees of it is in docs/faults.md, which -update writes.
func TestFaultMatrix(t *testing.T) {
	connectortest.Long(t)
	started := time.Now()
	rows := unluckyRows()
	found := make([]*seen, len(rows))
	first, second := matrixMessages(t)
	m := &matrix{first: first, second: second}
	if s := m.run(t, unlucky{}); s.words != wordNothing || t.Failed() {
		t.Fatalf("without a fault: %+v", s)
	}
	var g errgroup.Group
	g.SetLimit(rowsAtOnce)
	for i, row := range rows {
		g.Go(func() error {
			t.Run(row.where+"/"+row.fault, func(t *testing.T) { found[i] = m.run(t, row) })
			return nil
		})
	}
	_ = g.Wait() // each has a test of its own
	t.Logf("%d faults in %s", len(rows), time.Since(started).Round(time.Second))
	if !t.Failed() && !slices.Contains(found, nil) {
		compareFaultTable(t, rows, found)
	}
}

// matrixMessages are two days of three people's hearts, told twice: the second
// time with other values, with more samples, and with a message that is broken.
func matrixMessages(t *testing.T) (first, second []transforms.Message) {
	t.Helper()
	g := synth.New(11, loadCatalogue(t))
	at := noon.Add(-36 * time.Hour)
	for range 3 {
		u := g.User()
		tell := func(what string, at, published time.Time) transforms.Message {
			return g.Message(what, g.Event(what, synth.Modern, u, at, 30), published)
		}
		first = append(first, tell("daily.data.heartrate.created", at, noon))
		second = append(second, tell("daily.data.heartrate.updated", at, noon.Add(time.Hour)),
			tell("daily.data.heartrate.created", at.Add(24*time.Hour), noon.Add(time.Hour)))
	}
	torn := second[1] // zipped
	torn.ID, torn.Data = "torn", torn.Data[:len(torn.Data)/2]
	return first, append(second, torn)
}

// matrix is what all lines have in common.
type matrix struct {
	first, second []transforms.Message // before, and while it goes wrong
	want          map[string][]connectortest.Row
	calls         map[string]int // without a fault
}

// tables are those that the messages fill.
func (m *matrix) tables() []string { return []string{"quarantine", "timeseries"} }

// run runs the service in the face of a fault, and compares.
func (m *matrix) run(t *testing.T, row unlucky) *seen {
	s := openUnlucky(t)
	s.ingest(t, m.first...)
	s.fold(t)
	if row.tune != nil {
		row.tune(s.Warehouse)
	}
	if row.rival {
		// It has one batch more, or it would wait for the very same job.
		other := inspected{s.server.open(t), s.server}
		row.inject = []bigquerytest.Fault{{
			Call: bigquerytest.CallJob, Table: "timeseries", Skip: 1, Effect: bigquerytest.Pass,
			Do: func(string) { other.ingest(t, m.first[0]); other.fold(t) },
		}}
	}
	met := s.server.Met()
	for _, f := range row.inject {
		s.server.Inject(f)
	}
	before, log := s.counted(), &heard{told: make(chan struct{}), enough: max(1, row.lasts)}
	s.appender.log = log.logger()
	l := &lender{messages: m.second, ready: make(chan struct{}), folded: make(chan struct{}), acked: map[string]int{}}
	ended := make(chan error, 1)
	go func() { ended <- serve(s, l, log).Run(t.Context()) }()
	if row.lasts > 0 {
		m.mended(t, s, l, log)
	}
	if err := <-ended; err != nil {
		t.Errorf("the service ended: %v", err)
	}
	s.server.Heal()
	want := len(row.inject)
	if met = s.server.Met() - met; met < want {
		t.Errorf("%d of %d faults were met, so this shows nothing", met, want)
	}
	calls := s.counted()
	for what := range calls {
		calls[what] -= before[what]
	}
	if row.inject == nil {
		m.calls = calls
	}
	found := &seen{words: log.words(t), log: log.errors(row.byChance), more: calls[row.counts] - m.calls[row.counts], lost: m.lost(t, s, l)}
	if found.words == wordNothing && (found.more != 0 || row.delays()) {
		found.words = wordDelay
	}
	return found
}

// delays tells that what goes wrong is that something takes long, or has to be
// waited for: that it is not counted does not make it nothing.
func (row unlucky) delays() bool {
	return row.counts == "" && row.happens != "" && !strings.HasPrefix(row.happens, noMatter)
}

// noMatter begins what vitalsink does about faults that cost no time.
const noMatter = "does without"

// mended waits until somebody is told of a fault that lasts, looks that nothing
// is promised then that is not kept, and mends it.
func (m *matrix) mended(t *testing.T, s inspected, l *lender, log *heard) {
	select {
	case <-log.told:
	case <-time.After(time.Minute):
		t.Error("nobody is told")
	}
	log.mend()
	acknowledged := l.acknowledged()
	s.server.Heal()
	committed := s.committed(t, m.tables())
	for _, id := range acknowledged {
		if !committed[id] {
			t.Error("a message is acknowledged that is not committed")
		}
	}
}

// lost says what is not as it would be without the fault.
func (m *matrix) lost(t *testing.T, s inspected, l *lender) string {
	t.Helper()
	got := map[string][]connectortest.Row{}
	for _, table := range m.tables() {
		got[table] = sorted(s.Latest(t, table))
		keys := map[string]bool{}
		for _, row := range got[table] {
			key := ""
			for _, k := range s.Catalogue().Table(table).Key {
				key += row[k] + "\x00"
			}
			if keys[key] {
				t.Errorf("%s holds a key twice", table)
			}
			keys[key] = true
		}
	}
	if m.want == nil {
		m.want = got
		if n := len(got["timeseries"]); n < 150 || len(got["quarantine"]) != 1 {
			t.Errorf("%d samples, %d in quarantine: this shows less than it should", n, len(got["quarantine"]))
		}
	}
	if diff := cmp.Diff(m.want, got); diff != "" {
		t.Errorf("the tables differ from those without a fault (-want +got):\n%s", diff)
	}
	if books := s.Ledger(t); !books.Balanced() {
		t.Errorf("ledger: %+v", books)
	}
	if p, err := s.Pending(context.Background()); err != nil || len(p.Batches) > 0 {
		t.Errorf("batches are left to fold: %v", err)
	}
	l.check(t)
	if t.Failed() {
		return "see the test"
	}
	return "nothing"
}

// sorted is rows in one order.
func sorted(rows []connectortest.Row) []connectortest.Row {
	slices.SortFunc(rows, func(a, b connectortest.Row) int { return strings.Compare(a["_version"], b["_version"]) })
	return rows
}

// serve is the service as the command run has it, but that it folds all the time
// and commits when all messages are there.
func serve(s inspected, l *lender, log *heard) *connector.Service {
	in := &connector.Ingest{
		Warehouse: s.Warehouse, Catalogue: s.Catalogue(), Log: log.logger(), Workers: 1,
		MaxMessages: 2 * len(l.messages), GiveUp: 50 * time.Minute,
	}
	return &connector.Service{
		Ingest: in, FoldInterval: foldBeat, Log: log.logger(),
		Folder:  &connector.Folder{Warehouse: looked{s.Warehouse, l}, Catalogue: s.Catalogue(), Log: log.logger()},
		Connect: func(context.Context) (connector.ClosingSource, error) { return l, nil },
	}
}

// looked is a warehouse that tells the source what a folder sees.
type looked struct {
	*Warehouse
	lender *lender
}

func (w looked) Pending(ctx context.Context) (*connector.Pending, error) {
	all := w.lender.allAcked()
	p, err := w.Warehouse.Pending(ctx)
	w.lender.first.Do(func() { close(w.lender.ready) })
	if err == nil && all && len(p.Batches) == 0 {
		w.lender.last.Do(func() { close(w.lender.folded) })
	}
	return p, err
}

// lender is a source that begins when the folder has looked once, and ends when
// all it lent is acknowledged and folded.
type lender struct {
	messages      []transforms.Message
	ready, folded chan struct{}
	first, last   sync.Once
	nacked        atomic.Int64

	mu    sync.Mutex
	acked map[string]int // by message
}

func (l *lender) Receive(ctx context.Context, deliver func(context.Context, *connector.Message) error) error {
	if !wait(ctx, l.ready) {
		return ctx.Err()
	}
	for _, m := range l.messages {
		ack := func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.acked[m.ID]++
		}
		if err := deliver(ctx, &connector.Message{Message: m, Ack: ack, Nack: func() { l.nacked.Add(1) }}); err != nil {
			return err
		}
	}
	wait(ctx, l.folded)
	return nil
}

func (l *lender) Close() error { return nil }

func wait(ctx context.Context, c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	case <-ctx.Done():
		return false
	}
}

func (l *lender) acknowledged() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Keys(l.acked))
}

func (l *lender) allAcked() bool { return len(l.acknowledged()) == len(l.messages) }

// check wants every message acknowledged once.
func (l *lender) check(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.messages {
		if n := l.acked[m.ID]; n != 1 {
			t.Errorf("a message is acknowledged %d times", n)
		}
	}
	if n := l.nacked.Load(); n != 0 {
		t.Errorf("%d messages are given back", n)
	}
}

// committed are the ids of messages of which there are rows in a batch that is
// registered.
func (s inspected) committed(t *testing.T, tables []string) map[string]bool {
	t.Helper()
	ids := map[string]bool{}
	for _, table := range tables {
		for _, row := range s.values(t, "SELECT DISTINCT _message_id FROM "+s.path(table+"_log")+
			" WHERE _appended_at > TIMESTAMP '2020-01-01' AND _batch_id IN (SELECT batch_id FROM "+s.path("batches")+")") {
			ids[row[0].(string)] = true
		}
	}
	return ids
}

// counted is how often each call came in, and how many jobs of each step were
// asked for that are about timeseries.
func (s inspected) counted() map[string]int {
	n := map[string]int{}
	for _, call := range append([]string{bigquerytest.CallTablesGet}, calls...) {
		n[call] = s.server.Calls(call)
	}
	for _, step := range []string{stepProbe, stepMerge} {
		for _, j := range s.jobs(step) {
			if j.Labels["table"] == "timeseries" {
				n[step]++
			}
		}
	}
	return n
}

// Steps of jobs.
const (
	stepProbe = "probe"
	stepMerge = "merge"
)
