//go:build cgo

package erase_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vitalsink/connector"
	"vitalsink/connector/duckdb"
	"vitalsink/connector/erase"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

const (
	anna = "3f0a52d1-96b2-4c38-8f7e-0b1d6e5a4c29"
	bert = "9b1d6e5a-1111-4c38-8f7e-3f0a52d14c29"
)

// list is a source of messages.
type list []transforms.Message

func (l list) Receive(ctx context.Context, deliver func(context.Context, *connector.Message) error) error {
	for i := range l {
		if err := deliver(ctx, &connector.Message{Message: l[i], Ack: func() {}, Nack: func() {}}); err != nil {
			return err
		}
	}
	return nil
}

// told are messages of a person: samples, a summary, and what cannot be read.
func told(user, client string) list {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var l list
	for i, body := range []string{
		fmt.Sprintf(`{"event_type":"daily.data.heartrate.created","user_id":%q,"client_user_id":%q,"data":{"source":{"provider":"oura"},"data":[{"timestamp":"2026-03-01T08:00:00Z","value":61},{"timestamp":"bad"}]}}`, user, client),
		fmt.Sprintf(`{"event_type":"daily.data.sleep.created","user_id":%q,"client_user_id":%q,"data":{"id":"1b0a52d1-96b2-4c38-8f7e-0b1d6e5a4c29"}}`, user, client),
		fmt.Sprintf(`{"event_type":"daily.data.sleep.created","user_id":%q,`, user),
		fmt.Sprintf(`{"event_type":"daily.data.sleep.created","client_user_id":%q,"data":{"id":"x"}}`, client),
		fmt.Sprintf(`{"event_type":"team.note.created","data":{"of":%q}}`, user),
	} {
		l = append(l, transforms.NewMessage(fmt.Sprintf("%s-%d", client, i), "", at, []byte(body)))
	}
	return l
}

// ignorant is the file of a receiver that does not know who is erased.
type ignorant struct{ *duckdb.Warehouse }

func (ignorant) Erased(context.Context) (connector.Erased, error) { return nil, nil }

// bench is a file, and what works on it.
type bench struct {
	*duckdb.Warehouse
	folder *connector.Folder
	erase  *erase.Erase
}

func newBench(t *testing.T) *bench {
	t.Helper()
	c, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	w, err := duckdb.Open(t.Context(), duckdb.Config{Path: filepath.Join(t.TempDir(), "erase.duckdb"), Catalogue: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	b := &bench{Warehouse: w, folder: &connector.Folder{Warehouse: w, Catalogue: c, Log: slog.New(slog.DiscardHandler)}}
	b.erase = &erase.Erase{Warehouse: w, Catalogue: c, RequestedBy: "the test", Kept: 24 * time.Hour, Fold: func(ctx context.Context) error {
		_, err := b.folder.Fold(ctx)
		return err
	}}
	return b
}

func (b *bench) take(t *testing.T, messages ...transforms.Message) {
	t.Helper()
	in := &connector.Ingest{Warehouse: ignorant{b.Warehouse}, Catalogue: b.folder.Catalogue, Log: slog.New(slog.DiscardHandler)}
	if err := in.Run(t.Context(), list(messages)); err != nil {
		t.Fatal(err)
	}
}

// TestRun: what is pending and what is folded of a person goes, what a message
// says of them in its bytes too, and nothing else.
func TestRun(t *testing.T) {
	b := newBench(t)
	b.take(t, append(told(anna, "client-a"), told(bert, "client-b")...)...)
	if err := b.erase.Fold(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.take(t, told(strings.ToUpper(anna), "client-a2")...) // is pending
	counted, err := b.erase.Count(t.Context(), []string{anna}, nil)
	if err != nil || counted.Sum().Latest == 0 || len(counted.Waiting) == 0 {
		t.Fatalf("count: %+v, %v", counted, err)
	}
	r, err := b.erase.Run(t.Context(), []string{strings.ToUpper(anna)}, nil)
	if err != nil || len(r.Waiting) > 0 || r.GoneAt == nil || len(r.Unreadable) > 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, table := range []string{"timeseries", "sleep", "events", "quarantine"} {
		if n := r.Tables[table]; n.Latest == 0 || n.Log == 0 {
			t.Errorf("%s: %+v were removed", table, n)
		}
	}
	if left, err := b.erase.Count(t.Context(), []string{anna}, []string{"client-a", "client-a2"}); err != nil || left.Sum() != (connector.RowCount{}) || len(left.Waiting) > 0 {
		t.Errorf("left: %+v, %v", left, err)
	}
	others, err := b.erase.Count(t.Context(), []string{bert}, nil)
	if err != nil || others.Sum().Latest != 7 {
		t.Errorf("of the other is left %+v, %v", others.Tables, err)
	}
}

// TestResume: an erasure that was broken off goes on as the same one; one that
// is complete is another; lifted, nobody is erased.
func TestResume(t *testing.T) {
	b := newBench(t)
	b.take(t, told(anna, "client-a")...)
	broken := errors.New("broken")
	fold := b.erase.Fold
	ctx, cancel := context.WithCancel(t.Context())
	b.erase.Fold = func(context.Context) error {
		cancel()
		return broken
	}
	if _, err := b.erase.Run(ctx, []string{anna}, nil); err == nil {
		t.Error("it was not broken off")
	}
	b.erase.Fold = fold
	for range 2 {
		if _, err := b.erase.Run(t.Context(), []string{anna}, nil); err != nil {
			t.Fatal(err)
		}
	}
	all, err := b.erase.Records(t.Context(), []string{anna})
	if err != nil || len(all) != 2 || all[0].CompletedAt == nil || all[0].Removed.Log == 0 || all[1].Removed.Log != 0 || all[0].RequestedBy != "the test" {
		t.Errorf("%+v, %v", all, err)
	}
	if none, err := b.erase.Records(t.Context(), []string{bert}); err != nil || len(none) > 0 {
		t.Errorf("%+v, %v", none, err)
	}
	if n, err := b.erase.Lift(t.Context(), []string{anna}); n != 2 || err != nil {
		t.Errorf("lifted %d, %v", n, err)
	}
	if _, err := b.erase.Lift(t.Context(), []string{anna}); !errors.Is(err, erase.ErrNobody) {
		t.Errorf("lifted again: %v", err)
	}
	if _, err := b.erase.Sweep(t.Context()); !errors.Is(err, erase.ErrNobody) {
		t.Errorf("swept: %v", err)
	}
}

// TestWaits: what cannot be folded is left, and said; a sweep does the rest.
func TestWaits(t *testing.T) {
	b := newBench(t)
	b.take(t, told(anna, "client-a")...)
	fold := b.erase.Fold
	b.erase.Fold = func(context.Context) error { return nil }
	r, err := b.erase.Run(t.Context(), []string{anna}, nil)
	if err != nil || r.Waiting["sleep"] != 1 || r.GoneAt != nil {
		t.Errorf("%+v, %v", r, err)
	}
	broken := errors.New("broken")
	b.erase.Fold = func(context.Context) error { return broken }
	if _, err := b.erase.Sweep(t.Context()); !errors.Is(err, broken) {
		t.Errorf("%v, want why it was not folded", err)
	}
	b.erase.Fold = fold
	if r, err = b.erase.Sweep(t.Context()); err != nil || len(r.Waiting) > 0 || r.GoneAt == nil || r.Tables["sleep"] != (connector.RowCount{Log: 1}) {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestSeveral: people who are erased together have a record each; those whom a
// client_user_id means are found.
func TestSeveral(t *testing.T) {
	b := newBench(t)
	b.take(t, append(told(anna, "client-a"), told(bert, "client-b")...)...)
	if err := b.erase.Fold(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.erase.UserIDs(t.Context(), []string{"client-c"}); !errors.Is(err, erase.ErrNobody) {
		t.Errorf("nobody: %v", err)
	}
	ids, err := b.erase.UserIDs(t.Context(), []string{"client-a", "client-b"})
	if err != nil || len(ids) != 2 {
		t.Fatalf("%v, %v", ids, err)
	}
	r, err := b.erase.Run(t.Context(), append(ids, anna), nil)
	if err != nil || len(r.People) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, p := range r.People {
		if p.Removed.Latest < 5 || p.Removed.Log < 5 {
			t.Errorf("of one %+v were removed", p.Removed)
		}
	}
	if sum := r.Sum(); sum.Latest != 14 || sum.Log != 14 {
		t.Errorf("%+v were removed", r.Tables)
	}
}

// late is a file to which a receiver that does not know appends once more, when
// everything was removed.
type late struct {
	*duckdb.Warehouse
	append func()
	looks  int
}

func (l *late) CountPeople(ctx context.Context, t *schemas.Table, hashes []string) ([]connector.PersonRows, error) {
	if l.looks++; l.looks == 30 {
		l.append()
	}
	return l.Warehouse.CountPeople(ctx, t, hashes)
}

// TestSettles: it looks once more when every receiver has to know.
func TestSettles(t *testing.T) {
	b := newBench(t)
	b.take(t, told(anna, "client-a")...)
	b.erase.Warehouse = &late{Warehouse: b.Warehouse, append: func() { b.take(t, told(anna, "client-a")...) }}
	b.erase.Settle = 2 * time.Second
	began := time.Now()
	r, err := b.erase.Run(t.Context(), []string{anna}, nil)
	if err != nil || len(r.Waiting) > 0 || r.GoneAt == nil || time.Since(began) < b.erase.Settle {
		t.Errorf("after %s: %+v, %v", time.Since(began), r, err)
	}
	if left, err := b.erase.Count(t.Context(), []string{anna}, []string{"client-a"}); err != nil || left.Sum() != (connector.RowCount{}) || len(left.Waiting) > 0 {
		t.Errorf("left: %+v, %v", left, err)
	}
}

// endless is a file in which there is always one more.
type endless struct{ *duckdb.Warehouse }

func (endless) CountPeople(_ context.Context, t *schemas.Table, hashes []string) ([]connector.PersonRows, error) {
	if t.Name != "sleep" {
		return nil, nil
	}
	return []connector.PersonRows{{UserHash: hashes[0], RowCount: connector.RowCount{Latest: 1}}}, nil
}

func (endless) RemovePeople(context.Context, *schemas.Table, []string) (connector.RowCount, error) {
	return connector.RowCount{Latest: 1}, nil
}

// TestKeepsComing: it does not look for ever, and is not complete.
func TestKeepsComing(t *testing.T) {
	b := newBench(t)
	b.erase.Warehouse = endless{b.Warehouse}
	r, err := b.erase.Run(t.Context(), []string{anna}, nil)
	if err == nil || !strings.Contains(err.Error(), "keep coming") || r.GoneAt != nil || r.Sum().Latest != 10 {
		t.Errorf("%+v, %v", r, err)
	}
	if all, err := b.erase.Records(t.Context(), nil); err != nil || len(all) != 1 || all[0].CompletedAt != nil || all[0].Removed.Latest != 10 {
		t.Errorf("%+v, %v", all, err)
	}
}
