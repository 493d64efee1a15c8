package connectortest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"vitalsink/connector"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// Run tests a warehouse. open makes an empty one that the test owns; it may
// be called often, also within one test.
func Run(t *testing.T, open func(t testing.TB) Store) {
	c, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	s := &suite{catalogue: c, open: open}
	for name, test := range map[string]func(*testing.T){
		"law":                              s.law,
		"equal versions":                   s.equalVersions,
		"ties":                             s.ties,
		"sticky column":                    s.stickyColumn,
		"dates that come and go":           s.comingAndGoing,
		"late sample":                      s.lateSample,
		"wide batch":                       s.wideBatch,
		"tombstone":                        s.tombstone,
		"rows of tables":                   s.tableRows,
		"notices":                          s.notices,
		"leftovers":                        s.leftovers,
		"fetched by hand":                  s.fetchedByHand,
		"facts":                            s.facts,
		"facts in the days asked for":      s.factsBounds,
		"facts while others write":         s.factsBeside,
		"tallies":                          s.tallies,
		"merged since":                     s.mergedSince,
		"duplicates":                       s.duplicates,
		"behind":                           s.behind,
		"sticky column that moved":         s.moved,
		"quarantine growth":                s.quarantineGrowth,
		"duplicates removed":               s.removeDuplicates,
		"duplicates removed while folds":   s.removeBeside,
		"findings":                         s.findings,
		"erasure records":                  s.erasureRecords,
		"who is erased":                    s.whoIsErased,
		"erased everywhere":                s.erasedEverywhere,
		"erased people are left out":       s.leftOut,
		"fence of an erasure":              s.erasureFence,
		"people removed":                   s.removePeople,
		"ids of people":                    s.personIDs,
		"behind, of erased people":         s.behindOfErased,
		"rows that name nobody":            s.namelessRows,
		"nobody's rows while others write": s.namelessBeside,
		"fence":                            s.fence,
		"empty fence":                      s.emptyFence,
		"batch is taken once":              s.takenOnce,
		"batch registered twice":           s.registeredTwice,
		"what a batch touches":             s.touched,
		"two folders":                      s.twoFolders,
		"unbalanced batch":                 s.unbalancedBatch,
		"rows missing in log":              s.missingRows,
		"refused rows":                     s.refusedRows,
		"empty batch":                      s.emptyBatch,
		"newer catalogue":                  s.newerCatalogue,
		"cancelled":                        s.cancelled,
		"cancelled midway":                 s.cancelledMidway,
		"crash between any two steps":      s.crash,
		"answer lost":                      s.answerLost,
		"extreme values":                   s.extremeValues,
		"every column":                     s.everyColumn,
		"slices of a record":               s.slices,
		"whole batches a fold":             s.foldRows,
		"books":                            s.books,
		"books of any window":              s.windows,
		"faults in the books":              s.faults,
		"redelivery storm":                 s.storm,
		"poison one to one":                s.poisoned,
		"fifty years":                      s.fiftyYears,
		"limits of size":                   s.sizeLimits,
		"a million samples in a message":   s.million,
		"one key in one message":           s.oneKey,
		"memory is bounded":                s.bounded,
		"many samples in one message":      s.manySamples,
		"ten thousand users":               s.manyUsers,
		"clock jumps":                      s.clockJumps,
		"clock behind":                     s.clockBehind,
	} {
		t.Run(name, func(t *testing.T) {
			switch {
			case slices.Contains(long, name):
				Long(t)
			case afterShort() && name != "law":
				t.Skip("done with -short")
			}
			test(t)
		})
	}
}

// Long leaves a test out with -short: with the race detector it takes minutes.
func Long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("too long for -short")
	}
}

// afterShort tells that all has been tested with -short, under the race
// detector: only what that leaves out is wanted. The Makefile says so.
func afterShort() bool { return os.Getenv("AFTER_SHORT") == "true" }

// long are the cases that -short leaves out. With the race detector they take
// minutes on BigQuery's stand-in, and what runs side by side in them does so in
// others too.
var long = []string{
	"crash between any two steps", "answer lost", "refused rows", "limits of size", "every column", "slices of a record",
	"a million samples in a message", "faults in the books", "books of any window", "many samples in one message",
	"dates that come and go", "ties", "wide batch", "ten thousand users",
}

type suite struct {
	catalogue *schemas.Catalogue
	open      func(t testing.TB) Store
}

// ingest sends messages through the pipeline, in order, as one run.
func (s *suite) ingest(t testing.TB, w connector.Warehouse, flushRows int, messages ...transforms.Message) connector.Landed {
	t.Helper()
	landed, err := s.tryIngest(t, w, flushRows, slice(messages))
	if err != nil {
		t.Fatal(err)
	}
	return landed
}

// tryIngest is an ingest that may fail. It must not leave rows in memory.
func (s *suite) tryIngest(t testing.TB, w connector.Warehouse, flushRows int, source connector.Source) (connector.Landed, error) {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	in := &connector.Ingest{
		Warehouse: w, Catalogue: s.catalogue, Log: slog.New(slog.DiscardHandler),
		Allocator: mem, Workers: 1, FlushRows: flushRows,
	}
	err := in.Run(context.Background(), source)
	return in.Landed(), err
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
			got[key] = oneSpelling(t, table, row)
		}
		want := map[string]Row{}
		for key, row := range ref.tables[table.Name] {
			want[key] = oneSpelling(t, table, row)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", table.Name, diff)
		}
	}
}

// oneSpelling is the row with its lists in one spelling of JSON: it has several
// for the same text.
func oneSpelling(t testing.TB, table *schemas.Table, row Row) Row {
	t.Helper()
	row = maps.Clone(row)
	for _, c := range table.Columns {
		text, ok := row[c.Name]
		if !ok || !c.Repeated {
			continue
		}
		var list []any
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&list); err != nil {
			t.Fatalf("column %s of %s is not a list: %v", c.Name, table.Name, err)
		}
		again, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		row[c.Name] = string(again)
	}
	return row
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

// ties: of versions with the same times the id of the message decides, and
// within a message the position, not who comes first.
func (s *suite) ties(t *testing.T) {
	a, b := sleepMessage("a", noon, "1", "", ""), sleepMessage("b", noon, "2", "", "")
	ab, ba := heartrates("c", noon, 60, noon, noon), heartrates("d", noon, 60, noon, noon)
	ab.Data = bytes.Replace(ab.Data, []byte("60"), []byte("61"), 1)
	ba.Data = bytes.Replace(ba.Data, []byte("60"), []byte("62"), 1)
	ref := newReference(s.catalogue)
	for _, m := range []transforms.Message{a, b, ab, ba} {
		ref.add(t, m)
	}
	for i := range 4 {
		first, second := []transforms.Message{a, ab}, []transforms.Message{b, ba}
		if i&1 > 0 {
			first, second = second, first
		}
		w := s.open(t)
		s.ingest(t, w, 1, first...)
		if i&2 > 0 {
			s.fold(t, w)
		}
		s.ingest(t, w, 1, second...)
		s.fold(t, w)
		s.expect(t, w, ref)
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
		Fence: p.Fences["sleep"], MergedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
	for _, b := range p.Batches {
		if b.Table == "sleep" {
			m.Batches = append(m.Batches, b)
		}
	}
	return m
}
