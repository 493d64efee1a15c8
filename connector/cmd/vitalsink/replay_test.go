//go:build cgo

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitalsink/connector"
	"vitalsink/connector/bigquery"
	"vitalsink/connector/connectortest"
	"vitalsink/connector/duckdb"
	"vitalsink/connector/files"
	"vitalsink/connector/replay"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// trial is a warehouse under test, which one process at a time has open.
type trial struct {
	open    func(t *testing.T) warehouse
	command func(args ...string) *process // on that warehouse
	tables  func(t *testing.T) string     // all of them
}

// trials are an empty warehouse of each kind.
func trials(t *testing.T) map[string]trial {
	file := filepath.Join(t.TempDir(), "trial.duckdb")
	s := newBigQuery(t)
	return map[string]trial{
		"duckdb": {
			open: func(t *testing.T) warehouse {
				w, err := duckdb.Open(t.Context(), duckdb.Config{Path: file, Catalogue: mustCatalogue(t)})
				if err != nil {
					t.Fatal(err)
				}
				return w
			},
			command: func(args ...string) *process {
				p := &process{Cmd: exec.Command("vitalsink", append(args, "--warehouse", "duckdb://"+file)...)} // see TestMain
				p.Env = append(os.Environ(), "GORACE="+quickExit())
				p.Stdout, p.Stderr = &p.wrote, &p.wrote
				return p
			},
			tables: func(t *testing.T) string { return mustTables(t, file) },
		},
		"bigquery": {
			open: func(t *testing.T) warehouse {
				w, err := bigquery.Open(t.Context(), bigquery.Config{
					Project: bigQueryProject, Dataset: bigQueryDataset, Catalogue: mustCatalogue(t), REST: s.REST(), Write: s.Write(),
				})
				if err != nil {
					t.Fatal(err)
				}
				return w
			},
			command: func(args ...string) *process { return s.command(append(args, "--warehouse", s.url())...) },
			tables:  func(t *testing.T) string { return mustTables(t, s.copied(t)) },
		},
	}
}

// facts are the tables without quarantine, in which rows of a replay have ids
// and times of their own.
func facts(tables string) string {
	before, rest, _ := strings.Cut(tables, "quarantine: ")
	_, after, _ := strings.Cut(rest, "\nsleep: ")
	return before + "sleep: " + after
}

// resolvedIn tells how many rows quarantine has, and how many of them are
// resolved.
func resolvedIn(tables string) (rows, resolved int) {
	_, rest, _ := strings.Cut(tables, "quarantine: ")
	text, _, _ := strings.Cut(rest, "\nsleep: ")
	return strings.Count(text, "\n{"), strings.Count(text, `"_deleted":true`)
}

// messageSource hands out messages that nobody needs back.
type messageSource []transforms.Message

func (s messageSource) Receive(ctx context.Context, deliver func(context.Context, *connector.Message) error) error {
	for _, m := range s {
		if err := deliver(ctx, &connector.Message{Message: m, Ack: func() {}, Nack: func() {}}); err != nil {
			return err
		}
	}
	return nil
}

// into sends messages into a warehouse and folds.
func into(t *testing.T, w connector.Warehouse, messages []transforms.Message) {
	t.Helper()
	in := &connector.Ingest{Warehouse: w, Catalogue: mustCatalogue(t), Log: slog.New(slog.DiscardHandler), Workers: 1}
	if err := in.Run(t.Context(), messageSource(messages)); err != nil {
		t.Fatal(err)
	}
	fold(t, w)
}

func fold(t *testing.T, w connector.Warehouse) {
	t.Helper()
	folder := &connector.Folder{Warehouse: w, Catalogue: mustCatalogue(t), Log: slog.New(slog.DiscardHandler)}
	if _, err := folder.Fold(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// unread is a message as an older vitalsink has it that cannot read it.
func unread(m transforms.Message) transforms.Message {
	m.Refusal = transforms.Refuse(transforms.DecoderFault, "", "planted by a test")
	return m
}

// expected are the facts of a warehouse that could read all messages at once.
func expected(t *testing.T, messages []transforms.Message) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "expected.duckdb")
	w, err := duckdb.Open(t.Context(), duckdb.Config{Path: file, Catalogue: mustCatalogue(t)})
	if err != nil {
		t.Fatal(err)
	}
	into(t, w, messages)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return facts(mustTables(t, file))
}

// runReplay runs a replay in a process, and returns its result.
func (s trial) runReplay(t *testing.T, args ...string) replayResult {
	t.Helper()
	p := s.command(append([]string{"replay", "--json"}, args...)...)
	p.start(t)
	_ = p.Wait() // the exit code tells
	if code := p.ProcessState.ExitCode(); code != exitDone && code != exitAttention {
		t.Fatalf("replay exited with %d: %s", code, p.wrote.String())
	}
	var result replayResult
	text, _, _ := strings.Cut(p.wrote.String(), "\n")
	if err := json.Unmarshal([]byte(text), &result); err != nil {
		t.Fatalf("%v: %s", err, p.wrote.String())
	}
	if want := result.Refused+result.Partly > 0; want != (p.ProcessState.ExitCode() == exitAttention) {
		t.Errorf("it exited with %d: %s", p.ProcessState.ExitCode(), p.wrote.String())
	}
	return result
}

// TestReplayQuarantine: what an older vitalsink could not read is in the tables
// after a replay, among what came before and after it, as if it had been read
// at once; a replay before only looks, and one after it changes nothing.
func TestReplayQuarantine(t *testing.T) {
	connectortest.Long(t)
	t.Parallel()
	messages := scenarioPart(t, 200)
	received, n := []transforms.Message{}, 0
	for i, m := range messages {
		if i%3 == 0 {
			m, n = unread(m), n+1
		}
		received = append(received, m)
	}
	want := expected(t, messages)
	for name, s := range trials(t) {
		t.Run(name, func(t *testing.T) {
			w := s.open(t)
			into(t, w, received)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			before := s.tables(t)
			look := s.runReplay(t, "quarantine", "--reason", "decoder_fault", "--dry-run")
			if after := s.tables(t); after != before {
				t.Errorf("a dry run changes tables:\n%s", cmp.Diff(before, after))
			}
			done := s.runReplay(t, "quarantine", "--reason", "decoder_fault")
			if done.Messages == 0 || done.Messages > n || done.Resolved == 0 || done.Resolved != done.Landed+done.Empty {
				t.Errorf("of %d messages: %+v", n, done)
			}
			look.DryRun, look.Folded = false, done.Folded
			if diff := cmp.Diff(done, look); diff != "" {
				t.Errorf("what the dry run foretold (+) and what came (-):\n%s", diff)
			}
			after := s.tables(t)
			if diff := cmp.Diff(want, facts(after)); diff != "" {
				t.Errorf("tables of messages that are read at once (-) and after a replay (+):\n%s", diff)
			}
			rows, resolved := resolvedIn(after)
			if still := s.runReplay(t, "quarantine"); still.Resolved != 0 || still.Refused+still.Partly != still.Messages {
				t.Errorf("of %d rows, %d of them resolved: %+v", rows, resolved, still)
			}
			if again := s.tables(t); again != after {
				t.Errorf("a second replay changes tables:\n%s", cmp.Diff(after, again))
			}
		})
	}
}

// TestReplayInParts: a message of which only a sample was refused leaves
// quarantine with that sample, not before.
func TestReplayInParts(t *testing.T) {
	connectortest.Long(t)
	t.Parallel()
	event := func(samples string) []byte {
		return []byte(`{"event_type":"daily.data.heartrate.created","user_id":"u1","data":{"source":{"provider":"oura"},"data":[` + samples + `]}}`)
	}
	const good, other = `{"timestamp":"2026-03-01T08:00:00Z","value":60}`, `{"timestamp":"2026-03-01T08:01:00Z","value":61}`
	m := transforms.Message{ID: "17", PublishTime: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), Data: event(good + `,{"value":1},{"value":2}`)}
	for name, s := range trials(t) {
		t.Run(name, func(t *testing.T) {
			w := s.open(t)
			into(t, w, []transforms.Message{m})
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			mend := func(samples string) replayResult {
				mended := m
				mended.Data = event(samples)
				path := filepath.Join(t.TempDir(), "mended.ndjson")
				if err := os.WriteFile(path, restLine(mended), 0o600); err != nil {
					t.Fatal(err)
				}
				return s.runReplay(t, path)
			}
			for i, step := range []struct {
				samples        string
				rows, resolved int // of quarantine
			}{
				{good + `,{"value":1},{"value":2}`, 3, 0},
				{good + `,` + other + `,{"value":2}`, 3, 1},
				{good + `,` + other + `,{"timestamp":"2026-03-01T08:02:00Z","value":62}`, 3, 3},
			} {
				result := mend(step.samples)
				if rows, resolved := resolvedIn(s.tables(t)); rows != step.rows || resolved != step.resolved {
					t.Errorf("step %d: %d rows, %d resolved, want %d and %d", i, rows, resolved, step.rows, step.resolved)
				}
				if left := step.rows > step.resolved; left != (result.Resolved == 0) {
					t.Errorf("step %d: %+v", i, result)
				}
			}
			if samples := strings.Count(facts(s.tables(t)), `"resource":"heartrate"`); samples != 3 {
				t.Errorf("%d samples, want 3", samples)
			}
		})
	}
}

// replayOf is a replay in this process.
func replayOf(t *testing.T, w connector.Warehouse, q replay.Quarantine) *replay.Replay {
	t.Helper()
	c := mustCatalogue(t)
	return &replay.Replay{
		Ingest:     &connector.Ingest{Warehouse: w, Catalogue: c, Log: slog.New(slog.DiscardHandler), Workers: 1},
		Quarantine: q, Catalogue: c, ParseLine: files.ParseLine,
	}
}

// failing is a warehouse that does not take batches of a table, or their rows.
type failing struct {
	warehouse
	table string
	with  error
}

func (f *failing) Append(ctx context.Context, b *connector.Batch) error {
	if b.Table.Name == f.table && b.Books.Rows > 0 {
		return f.with
	}
	return f.warehouse.Append(ctx, b)
}

// TestReplayKeepsWhatIsNotIn: whatever goes wrong between quarantine and the
// tables, the message is in one of them.
func TestReplayKeepsWhatIsNotIn(t *testing.T) {
	t.Parallel()
	m := scenarioPart(t, 1)[0]
	decoder, err := transforms.NewDecoder(mustCatalogue(t))
	if err != nil {
		t.Fatal(err)
	}
	d := decoder.Decode(&m)
	table, rows := d.Table.Name, d.Rows
	for name, s := range trials(t) {
		t.Run(name, func(t *testing.T) {
			w := s.open(t)
			into(t, w, []transforms.Message{unread(m)})
			left := func(after string, want int) {
				t.Helper()
				fold(t, w)
				ids, err := w.QuarantinedIDs(t.Context(), "", nil)
				if err != nil || len(ids) != want {
					t.Errorf("after %s %d messages are in quarantine, want %d; %v", after, len(ids), want, err)
				}
			}
			broken := errors.New("broken")
			if err := replayOf(t, &failing{w, table, broken}, w).FromQuarantine(t.Context(), nil, nil); !errors.Is(err, broken) {
				t.Errorf("rows that cannot be appended: %v", err)
			}
			left("rows that could not be appended", 1)
			// What the warehouse refuses goes back to where it came from.
			if err := replayOf(t, &failing{w, table, connector.ErrRefused}, w).FromQuarantine(t.Context(), nil, nil); err != nil {
				t.Errorf("rows that are refused: %v", err)
			}
			left("rows that were refused", 1)
			if err := replayOf(t, &failing{w, schemas.QuarantineTable, broken}, w).FromQuarantine(t.Context(), nil, nil); !errors.Is(err, broken) {
				t.Errorf("marks that cannot be appended: %v", err)
			}
			left("marks that could not be appended", 1)
			stopped, stop := context.WithCancel(t.Context())
			stop()
			if err := replayOf(t, w, w).FromQuarantine(stopped, nil, nil); err == nil {
				t.Error("a replay that is stopped has no error")
			}
			left("an order to stop", 1)
			r := replayOf(t, w, damaging{w})
			if err := r.FromQuarantine(t.Context(), nil, nil); err != nil || r.Result().Unreadable != 1 {
				t.Errorf("damaged bytes: %v, %+v", err, r.Result())
			}
			left("damaged bytes", 1)
			if err := replayOf(t, w, w).FromQuarantine(t.Context(), []string{"not_json"}, nil); err != nil {
				t.Error(err)
			}
			left("a replay of others", 1)
			if err := replayOf(t, w, w).FromQuarantine(t.Context(), nil, []string{"nobody", m.ID}); err != nil {
				t.Error(err)
			}
			left("a replay", 0)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if got, want := facts(s.tables(t)), expected(t, []transforms.Message{m}); got != want || rows == 0 {
				t.Errorf("tables:\n%s", cmp.Diff(want, got))
			}
		})
	}
}

// damaging is a quarantine whose bytes have suffered.
type damaging struct{ replay.Quarantine }

func (d damaging) Quarantined(ctx context.Context, ids []string, payload bool) ([]connector.Quarantined, error) {
	all, err := d.Quarantine.Quarantined(ctx, ids, payload)
	for i := range all {
		all[i].Payload = all[i].Payload[:len(all[i].Payload)/2]
	}
	return all, err
}

// TestReplayBySlowClock: a machine whose clock is behind that of the messages
// takes them out of quarantine all the same.
func TestReplayBySlowClock(t *testing.T) {
	t.Parallel()
	m := scenarioPart(t, 1)[0]
	m.PublishTime = time.Now().Add(48 * time.Hour).UTC().Truncate(time.Microsecond)
	for name, s := range trials(t) {
		t.Run(name, func(t *testing.T) {
			w := s.open(t)
			into(t, w, []transforms.Message{unread(m)})
			if err := replayOf(t, w, w).FromQuarantine(t.Context(), nil, nil); err != nil {
				t.Fatal(err)
			}
			fold(t, w)
			if ids, err := w.QuarantinedIDs(t.Context(), "", nil); err != nil || len(ids) != 0 {
				t.Errorf("%d messages are in quarantine; %v", len(ids), err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestReplayDeadLetters: a subscription is emptied into the tables, by the
// times at which its messages were first published; a dry run leaves it full.
func TestReplayDeadLetters(t *testing.T) {
	connectortest.Long(t)
	t.Parallel()
	messages := scenarioPart(t, 60)
	pub := newService(t)
	pub.steady = true
	for _, m := range messages {
		attributes := map[string]string{"CloudPubSubDeadLetterSourceTopicPublishTime": m.PublishTime.UTC().Format(time.RFC3339Nano)}
		for k, v := range m.Attributes {
			attributes[k] = v
		}
		pub.Publish(demoTopic, m.Data, attributes)
	}
	s := trials(t)["duckdb"]
	if err := s.open(t).Close(); err != nil { // which makes it
		t.Fatal(err)
	}
	drain := func(args ...string) replayResult {
		t.Helper()
		s := s
		command := s.command
		s.command = func(args ...string) *process {
			p := command(args...)
			p.Env = append(p.Env, emulator+"="+pub.Addr)
			return p
		}
		return s.runReplay(t, append([]string{"pubsub://demo/vitalsink", "--idle", "2s"}, args...)...)
	}
	look := drain("--dry-run")
	if _, acked := pub.progress(); acked > 0 || look.Messages == 0 || look.Messages > len(messages) {
		t.Errorf("a dry run acknowledges %d messages: %+v", acked, look)
	}
	// On a busy machine nothing may come for a while, and the next one goes on.
	acked, done := 0, 0
	for try := 0; try < 8 && acked < len(messages); try++ {
		done += drain().Messages
		_, acked = pub.progress()
		pub.expireLeases() // a client that ends may keep one to itself
	}
	if acked != len(messages) || done < len(messages) {
		t.Errorf("of %d messages %d are acknowledged and %d replayed", len(messages), acked, done)
	}
	if diff := cmp.Diff(facts(pub.loaded(t)), facts(s.tables(t))); diff != "" {
		t.Errorf("tables of a load (-) and of the dead letters (+):\n%s", diff)
	}
	if again := drain(); again.Messages != 0 {
		t.Errorf("dead letters that were replayed come again: %+v", again)
	}
}

// TestDrainWaitsForCommits: a source is not at its end as long as what it gave
// is not settled, however long that takes.
func TestDrainWaitsForCommits(t *testing.T) {
	t.Parallel()
	var stopped atomic.Bool
	settle := make(chan *connector.Message, 1)
	d := replay.Drain{Idle: 20 * time.Millisecond, Source: endless{func() { stopped.Store(true) }}}
	ended := make(chan error, 1)
	go func() {
		ended <- d.Receive(t.Context(), func(_ context.Context, m *connector.Message) error {
			settle <- m
			return nil
		})
	}()
	m := <-settle
	select {
	case err := <-ended:
		t.Fatalf("it ended with a message in hand: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	if stopped.Load() {
		t.Error("the source was stopped with a message in hand")
	}
	m.Ack()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// endless gives one message and then waits for the order to stop.
type endless struct{ stopped func() }

func (e endless) Receive(ctx context.Context, deliver func(context.Context, *connector.Message) error) error {
	m := &connector.Message{Ack: func() {}, Nack: func() {}}
	if err := deliver(ctx, m); err != nil {
		return fmt.Errorf("deliver: %w", err)
	}
	<-ctx.Done()
	e.stopped()
	return ctx.Err()
}
