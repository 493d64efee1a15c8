package connector_test

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"vitalsink/connector"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// watched is a warehouse that says who is erased, and remembers what was
// appended: of each table the rows, without what the batch is called.
type watched struct {
	connector.Warehouse
	erased  func() (connector.Erased, error)
	refuses string // rows with this in them

	mu    sync.Mutex
	rows  map[string][]string
	books map[string]connector.Books
}

func (w *watched) Erased(context.Context) (connector.Erased, error) { return w.erased() }

func (w *watched) Append(ctx context.Context, b *connector.Batch) error {
	var rows []string
	for i := range int(b.Record.NumRows()) {
		row := fmt.Sprintf("%q", transforms.Values(b.Record, b.Table.Columns, i))
		if w.refuses != "" && b.Table.Name != schemas.QuarantineTable && strings.Contains(row, w.refuses) {
			return connector.ErrRefused
		}
		rows = append(rows, row)
	}
	if w.Warehouse != nil {
		if err := w.Warehouse.Append(ctx, b); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.rows == nil {
		w.rows, w.books = map[string][]string{}, map[string]connector.Books{}
	}
	if w.rows[b.Table.Name] = append(w.rows[b.Table.Name], rows...); len(w.rows[b.Table.Name]) == 0 {
		delete(w.rows, b.Table.Name)
	}
	slices.Sort(w.rows[b.Table.Name])
	sum := w.books[b.Table.Name]
	sum.Add(b.Books)
	w.books[b.Table.Name] = sum
	return nil
}

func erasing(users ...string) func() (connector.Erased, error) {
	list := connector.Erased{}
	for _, u := range users {
		list[connector.UserHash(u)] = true
	}
	return func() (connector.Erased, error) { return list, nil }
}

// people are UUIDs.
func people() (all []string) {
	for i := range 4 {
		all = append(all, fmt.Sprintf("%08d-aaaa-4bbb-8ccc-dddddddddddd", i))
	}
	return all
}

// someoneOf draws a message, and whose it is.
func someoneOf(rt *rapid.T, i int) (transforms.Message, string) {
	user := rapid.SampledFrom(people()).Draw(rt, "user")
	samples := func(list string) string {
		return `{"event_type":"daily.data.heartrate.created","user_id":"USER","data":{"data":[` + list + `]}}`
	}
	body := rapid.SampledFrom([]string{
		samples(`{"timestamp":"2026-05-01T00:00:00Z","value":1},{"timestamp":"2026-05-01T00:00:01Z","value":2}`),
		samples(`{"timestamp":"2026-05-01T00:00:02Z","value":4},{"timestamp":"?","value":5},7`), samples(`7`), samples(``),
		`{"event_type":"daily.data.sleep.created","user_id":"USER","data":{"id":"s","created_at":"2019-05-01T08:00:00Z"}}`,
		`{"event_type":"daily.data.sleep.created","user_id":"USER","data":{}}`, `{"event_type":"daily.data.sleep.created","data":{"id":"USER"}}`,
		`{"event_type":"lab.order","data":{"for":"USER"}}`, `torn, of USER`,
		`{"event_type":"vitalsink.deleted.sleep","data":{"data":[{"user_id":"USER","id":"s"},{"id":"t"}]}}`,
		`{"event_type":"vitalsink.fetched.command","user_id":"USER","data":{"notice":"command","subject":"s","outcome":"empty","resource":"sleep","rows":0,"requests":1}}`,
	}).Draw(rt, "body")
	at := time.Date(2026, 5, 2, 0, 0, i, 0, time.UTC)
	return transforms.Message{ID: fmt.Sprint("m", i), PublishTime: at, Data: []byte(strings.ReplaceAll(body, "USER", user))}, user
}

// run ingests messages, and returns how many were acknowledged.
func run(t testing.TB, w connector.Warehouse, messages []transforms.Message, flushRows int) (acked int64, landed connector.Landed) {
	t.Helper()
	in := newIngest(t, w)
	in.FlushRows, in.Workers = flushRows, 1 // so that many are in one batch
	var n atomic.Int64
	var source sequence
	for _, m := range messages {
		source = append(source, &connector.Message{Message: m, Ack: func() { n.Add(1) }, Nack: func() { t.Error("given back") }})
	}
	if err := in.Run(context.Background(), source); err != nil {
		t.Fatal(err)
	}
	return n.Load(), in.Landed()
}

// TestIngestOfErased: whoever is erased, what is appended is what it would be if
// their messages had never come; all are acknowledged, and the books say it.
func TestIngestOfErased(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var erased []string
		for _, p := range people() {
			if rapid.Bool().Draw(rt, p) {
				erased = append(erased, p)
			}
		}
		var all, others []transforms.Message
		for i := range rapid.IntRange(1, 30).Draw(rt, "messages") {
			m, user := someoneOf(rt, i)
			if all = append(all, m); !slices.Contains(erased, user) {
				others = append(others, m)
			}
		}
		flushRows := rapid.SampledFrom([]int{1, 5, 1000}).Draw(rt, "flush rows")
		refuses := rapid.SampledFrom([]string{"", `"s"`}).Draw(rt, "refuses")
		with, without, nobody := &watched{erased: erasing(erased...), refuses: refuses},
			&watched{erased: erasing(), refuses: refuses}, &watched{erased: erasing(), refuses: refuses}
		acked, landed := run(t, with, all, flushRows)
		_, want := run(t, without, others, flushRows)
		_, whole := run(t, nobody, all, flushRows)
		if acked != int64(len(all)) {
			rt.Errorf("%d of %d messages are acknowledged", acked, len(all))
		}
		if !reflect.DeepEqual(with.rows, without.rows) && len(with.rows)+len(without.rows) > 0 {
			rt.Errorf("it is not what it would be without them: %v, want %v", with.rows, without.rows)
		}
		for table, rows := range with.rows {
			for _, row := range rows {
				for _, user := range erased {
					if strings.Contains(row, user) {
						rt.Errorf("%s is in %s", user, table)
					}
				}
			}
		}
		b := landed.Books
		// A record that the warehouse refuses counts as none that was decoded.
		if b.Messages != len(all) || refuses == "" && b.RowsDecoded != whole.Books.RowsDecoded || b.Rows+b.RowsQuarantined != want.Books.Rows+want.Books.RowsQuarantined {
			rt.Errorf("books: %+v; of the others: %+v; of all: %+v", b, want.Books, whole.Books)
		}
		if got := b.MessagesEmpty - want.Books.MessagesEmpty; got != len(all)-len(others) {
			rt.Errorf("%d messages are empty that were erased, want %d", got, len(all)-len(others))
		}
	})
}

// TestErasedBatch: a message that is dropped counts in the batch of its table;
// one that would have been refused as a whole in that of quarantine, of which
// nothing is said.
func TestErasedBatch(t *testing.T) {
	user := people()[0]
	w := &watched{Warehouse: openFile(t), erased: erasing(user)}
	in := newIngest(t, w)
	m := newMeter(t, in, nil)
	var log strings.Builder
	in.Log = slog.New(slog.NewTextHandler(&log, nil))
	var source sequence
	for i, body := range []string{
		`{"event_type":"daily.data.heartrate.created","user_id":"USER","data":{"data":[{"timestamp":"2019-05-01T00:00:00Z","value":1},7]}}`,
		`{"event_type":"daily.data.sleep.created","user_id":"USER","data":{}}`, `torn, of USER`,
	} {
		source = append(source, &connector.Message{
			Message: transforms.Message{ID: fmt.Sprint("m", i), PublishTime: time.Date(2026, 5, 2, 0, 0, i, 0, time.UTC), Data: []byte(strings.ReplaceAll(body, "USER", user))},
			Ack:     func() {}, Nack: func() {},
		})
	}
	if err := in.Run(t.Context(), source); err != nil {
		t.Fatal(err)
	}
	want := map[string]connector.Books{
		"timeseries": {Messages: 1, MessagesEmpty: 1, RowsDecoded: 2, RowsErased: 2}, "quarantine": {Messages: 2, MessagesEmpty: 2},
	}
	if !reflect.DeepEqual(w.books, want) || len(w.rows) > 0 {
		t.Errorf("books %+v, rows %v", w.books, w.rows)
	}
	if got := m.read(t)["messages.received{outcome=erased}"]; got != 3 {
		t.Errorf("%v are measured as erased", got)
	}
	if log.Len() > 0 {
		t.Errorf("it says: %s", log.String())
	}
}

// TestErasedBeside: what the warehouse refuses of a message that was of somebody
// who is erased too does not take their part into quarantine.
func TestErasedBeside(t *testing.T) {
	w := &watched{erased: erasing(people()[0]), refuses: `"s"`}
	body := fmt.Sprintf(`{"event_type":"vitalsink.deleted.sleep","data":{"data":[{"user_id":%q,"id":"r"},{"user_id":%q,"id":"s"},{"user_id":%q,"id":"t"}]}}`,
		people()[0], people()[1], people()[1])
	m := transforms.Message{ID: "m", PublishTime: time.Date(2026, 5, 2, 0, 0, 0, 0, time.UTC), Data: []byte(body)}
	acked, landed := run(t, w, []transforms.Message{m}, 1000)
	want := connector.Books{Messages: 1, MessagesLanded: 1, RowsDecoded: 3, RowsErased: 2, Rows: 1}
	if acked != 1 || landed.Books != want || len(w.rows["quarantine"]) > 0 || len(w.rows["sleep"]) != 1 {
		t.Errorf("%d acknowledged, books %+v, rows %v", acked, landed.Books, w.rows)
	}
}

// TestErasedMeanwhile: who is erased while an ingest runs is dropped some
// minutes later; a list that cannot be read is said once, and the last one
// stays in force.
func TestErasedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var list atomic.Pointer[connector.Erased]
		var asked atomic.Int64
		w := &watched{erased: func() (connector.Erased, error) {
			asked.Add(1)
			if l := list.Load(); l != nil {
				return *l, nil
			}
			return nil, connector.ErrUnavailable
		}}
		var log strings.Builder
		in := newIngest(t, w)
		in.Log, in.FlushRows = slog.New(slog.NewTextHandler(&log, nil)), 1
		ctx, stop := context.WithCancel(t.Context())
		messages := make(chan *connector.Message)
		ended := make(chan error, 1)
		go func() { ended <- in.Run(ctx, chanSource(messages)) }()
		user, n := people()[0], 0
		erased := func() int {
			n++
			m := transforms.Message{}
			m.ID, m.PublishTime = fmt.Sprint("m", n), time.Date(2026, 5, 2, 0, 0, n, 0, time.UTC)
			m.Data = []byte(`{"event_type":"daily.data.sleep.created","user_id":"` + user + `","data":{"id":"s"}}`)
			messages <- &connector.Message{Message: m, Ack: func() {}, Nack: func() {}}
			time.Sleep(time.Minute)
			return in.Landed().Books.RowsErased
		}
		if got := erased(); got != 0 {
			t.Errorf("nobody is known to be erased, and %d rows are", got)
		}
		time.Sleep(20 * time.Minute)
		if said := strings.Count(log.String(), "\n"); said != 1 || asked.Load() != 5 {
			t.Errorf("asked %d times, said %d times: %s", asked.Load(), said, log.String())
		}
		them, _ := erasing(user)()
		list.Store(&them)
		time.Sleep(5 * time.Minute)
		if got := erased(); got != 1 {
			t.Errorf("%d rows are erased", got)
		}
		list.Store(nil)
		time.Sleep(15 * time.Minute)
		if got := erased(); got != 2 || strings.Count(log.String(), "\n") != 2 {
			t.Errorf("the list is lost: %d rows are erased; said: %s", got, log.String())
		}
		others, _ := erasing(people()[1])()
		list.Store(&others)
		time.Sleep(5 * time.Minute)
		if got := erased(); got != 2 {
			t.Errorf("another is erased now, and %d rows are erased", got)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// chanSource is a source of what is sent.
type chanSource chan *connector.Message

func (s chanSource) Receive(ctx context.Context, deliver func(context.Context, *connector.Message) error) error {
	for {
		select {
		case m := <-s:
			if err := deliver(ctx, m); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// TestErasedInFile: with the list of a real warehouse nothing of who is erased
// gets into a log.
func TestErasedInFile(t *testing.T) {
	file := openFile(t)
	user := people()[1]
	err := file.RecordErasures(t.Context(), []connector.Erasure{{
		ID: "e1", Entry: connector.EntryErase, UserHash: connector.UserHash(user), RecordedAt: time.Now().UTC().Truncate(time.Microsecond), RequestedBy: "test",
	}})
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{Warehouse: file, erased: func() (connector.Erased, error) { return file.Erased(context.Background()) }}
	var all []transforms.Message
	for i := range 20 {
		m := heartrate(i, 3)
		m.Data = []byte(strings.Replace(string(m.Data), `"u"`, `"`+people()[i%4]+`"`, 1))
		all = append(all, m)
	}
	if acked, landed := run(t, w, all, 5); acked != 20 || landed.Books.RowsErased != 15 || landed.Books.Rows != 45 {
		t.Errorf("%d acknowledged; books %+v", acked, landed.Books)
	}
	for _, row := range w.rows["timeseries"] {
		if strings.Contains(row, user) {
			t.Error("who is erased is in the log")
		}
	}
}
