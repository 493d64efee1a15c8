package connectortest

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"vitalsink/connector"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// Store is a warehouse under test, and a look into its tables.
type Store interface {
	connector.Warehouse
	// Latest are the rows of a versioned table, tombstones too, values as
	// Text gives them.
	Latest(t testing.TB, table string) []Row
	// View are the rows that people see.
	View(t testing.TB, view string) []Row
	// Ledger sums up the ledger.
	Ledger(t testing.TB) connector.MergeBooks
}

// Run tests a warehouse. open makes an empty one that the test owns; it may
// be called often, also within one test.
func Run(t *testing.T, open func(t testing.TB) Store) {
	c, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	s := &suite{catalogue: c, open: open}
	for name, test := range map[string]func(*testing.T){
		"law":                  s.law,
		"equal versions":       s.equalVersions,
		"sticky column":        s.stickyColumn,
		"tombstone":            s.tombstone,
		"fence":                s.fence,
		"batch is taken once":  s.takenOnce,
		"two folders":          s.twoFolders,
		"unbalanced batch":     s.unbalancedBatch,
		"rows missing in log":  s.missingRows,
		"empty batch":          s.emptyBatch,
		"newer catalogue":      s.newerCatalogue,
		"cancelled":            s.cancelled,
		"cancelled midway":     s.cancelledMidway,
		"extreme values":       s.extremeValues,
		"whole batches a fold": s.foldRows,
	} {
		t.Run(name, test)
	}
}

type suite struct {
	catalogue *schemas.Catalogue
	open      func(t testing.TB) Store
}

// ingest sends messages through the pipeline, in order, as one run.
func (s *suite) ingest(t testing.TB, w connector.Warehouse, flushRows int, messages ...transforms.Message) connector.Landed {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	in := &connector.Ingest{
		Warehouse: w, Catalogue: s.catalogue, Log: slog.New(slog.DiscardHandler),
		Allocator: mem, Workers: 1, FlushRows: flushRows,
	}
	if err := in.Run(context.Background(), slice(messages)); err != nil {
		t.Fatal(err)
	}
	return in.Landed()
}

// fold folds all that is pending.
func (s *suite) fold(t testing.TB, w connector.Warehouse) connector.Folded {
	t.Helper()
	f, err := s.folder(w).Fold(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if !f.Books.Balanced() {
		t.Fatalf("books of the fold: %+v", f.Books)
	}
	return f
}

func (s *suite) folder(w connector.Warehouse) *connector.Folder {
	return &connector.Folder{Warehouse: w, Catalogue: s.catalogue, Log: slog.New(slog.DiscardHandler)}
}

// slice is a source of messages that nobody needs back.
type slice []transforms.Message

func (s slice) Receive(ctx context.Context, deliver func(context.Context, *connector.Message) error) error {
	for _, m := range s {
		if err := deliver(ctx, &connector.Message{Message: m, Ack: func() {}, Nack: func() {}}); err != nil {
			return err
		}
	}
	return nil
}

// expect compares every table with the reference.
func (s *suite) expect(t testing.TB, w Store, ref *reference) {
	t.Helper()
	for _, table := range s.catalogue.Versioned() {
		got := map[string]Row{}
		for _, row := range w.Latest(t, table.Name) {
			key := keyOf(table, row)
			if _, twice := got[key]; twice {
				t.Errorf("%s has a key twice", table.Name)
			}
			got[key] = row
		}
		want := ref.tables[table.Name]
		if want == nil {
			want = map[string]Row{}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", table.Name, diff)
		}
	}
}

// sleepMessage is a summary; created and updated are fields of it, if not "".
func sleepMessage(id string, published time.Time, score, created, updated string) transforms.Message {
	body := `{"event_type":"daily.data.sleep.created","user_id":"u1","data":{"id":"s1","score":` + score
	if created != "" {
		body += `,"created_at":"` + created + `"`
	}
	if updated != "" {
		body += `,"updated_at":"` + updated + `"`
	}
	return transforms.Message{ID: id, PublishTime: published, Data: []byte(body + `}}`)}
}

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// equalVersions: the same message twice is one row, whether both copies meet
// in a merge or the second comes later.
func (s *suite) equalVersions(t *testing.T) {
	w := s.open(t)
	m := sleepMessage("m1", noon, "80", "", "")
	s.ingest(t, w, 1, m, m)
	if got := s.fold(t, w).Books; got.Applied != 1 || got.Superseded != 1 {
		t.Errorf("two copies in one merge: %+v", got)
	}
	s.ingest(t, w, 1, m)
	if got := s.fold(t, w).Books; got.Applied != 0 || got.Stale != 1 {
		t.Errorf("a copy that comes later: %+v", got)
	}
}

// stickyColumn: created_at is the least over all versions, whichever wins.
func (s *suite) stickyColumn(t *testing.T) {
	steps := []struct {
		message        transforms.Message
		score, created string
		applied        int
	}{
		{sleepMessage("m2", noon.Add(time.Hour), "82", "", ""), "82", "", 1},
		{sleepMessage("m1", noon, "81", "2026-04-03T00:00:00Z", ""), "82", "2026-04-03T00:00:00.000000Z", 1}, // stale, but fills
		{sleepMessage("m0", noon.Add(-time.Hour), "80", "2026-04-04T00:00:00Z", ""), "82", "2026-04-03T00:00:00.000000Z", 0},
		{sleepMessage("m3", noon.Add(2*time.Hour), "83", "2026-04-05T00:00:00Z", ""), "83", "2026-04-03T00:00:00.000000Z", 1},
		{sleepMessage("m4", noon.Add(-time.Hour), "84", "2026-04-01T00:00:00Z", ""), "83", "2026-04-01T00:00:00.000000Z", 1}, // stale, but lowers
	}
	w := s.open(t)
	for i, step := range steps {
		s.ingest(t, w, 1, step.message)
		if got := s.fold(t, w).Books; got.Applied != step.applied {
			t.Errorf("step %d: %+v, want %d applied", i, got, step.applied)
		}
		row := w.Latest(t, "sleep")[0]
		if row["score"] != step.score || row["created_at"] != step.created {
			t.Errorf("step %d: score %q created_at %q, want %q %q", i, row["score"], row["created_at"], step.score, step.created)
		}
	}
	together := s.open(t)
	for _, step := range steps {
		s.ingest(t, together, 1, step.message)
	}
	s.fold(t, together)
	if diff := cmp.Diff(w.Latest(t, "sleep"), together.Latest(t, "sleep")); diff != "" {
		t.Errorf("in one merge instead of five (-five +one):\n%s", diff)
	}
}

// fence: a merge planned before another one committed must not commit.
func (s *suite) fence(t *testing.T) {
	w := s.open(t)
	s.ingest(t, w, 1, sleepMessage("m1", noon, "80", "", ""))
	early := s.pending(t, w)
	s.ingest(t, w, 1, sleepMessage("m2", noon, "81", "", ""))
	s.fold(t, w)
	before := w.Latest(t, "sleep")
	_, err := w.Merge(context.Background(), s.merge(early))
	if !errors.Is(err, connector.ErrFenced) {
		t.Errorf("merge behind the fence: %v", err)
	}
	if diff := cmp.Diff(before, w.Latest(t, "sleep")); diff != "" {
		t.Errorf("it changed the table:\n%s", diff)
	}
}

// takenOnce: even with the right fence no batch is merged twice.
func (s *suite) takenOnce(t *testing.T) {
	w := s.open(t)
	s.ingest(t, w, 1, sleepMessage("m1", noon, "80", "", ""))
	m := s.merge(s.pending(t, w))
	if _, err := w.Merge(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	m.Fence++
	if _, err := w.Merge(context.Background(), m); !errors.Is(err, connector.ErrTaken) {
		t.Errorf("second merge of a batch: %v", err)
	}
	if got := w.Ledger(t).Registered; got != 1 {
		t.Errorf("the ledger has %d rows registered, want 1", got)
	}
}

func (s *suite) pending(t testing.TB, w connector.Warehouse) *connector.Pending {
	t.Helper()
	p, err := w.Pending(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// merge is one merge of all that is pending for sleep.
func (s *suite) merge(p *connector.Pending) *connector.Merge {
	m := &connector.Merge{
		ID: "00000000-0000-7000-8000-000000000001", Table: s.catalogue.Table("sleep"),
		Fence: p.Fences["sleep"], MergedAt: noon,
	}
	for _, b := range p.Batches {
		if b.Table == "sleep" {
			m.Batches = append(m.Batches, b)
		}
	}
	return m
}
