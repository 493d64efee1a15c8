//go:build linux

package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/google/go-cmp/cmp"

	"vitalsink/connector/connectortest"
	"vitalsink/connector/duckdb"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// promises are what a subscription must not promise, for it costs throughput.
var promises = map[string]func(*pubsubpb.Subscription){
	"ordering":     func(s *pubsubpb.Subscription) { s.EnableMessageOrdering = true },
	"exactly once": func(s *pubsubpb.Subscription) { s.EnableExactlyOnceDelivery = true },
}

// runPromising is "run" on a second subscription of the topic, which promises
// too much.
func runPromising(t *testing.T, s *service, file string, promise func(*pubsubpb.Subscription)) []string {
	t.Helper()
	subscription := &pubsubpb.Subscription{
		Name: "projects/demo/subscriptions/promising", Topic: demoTopic, AckDeadlineSeconds: 60,
	}
	promise(subscription)
	if _, err := s.GServer.CreateSubscription(t.Context(), subscription); err != nil {
		t.Fatal(err)
	}
	return append(runArgs(file), "--source", "pubsub://demo/promising")
}

// publishOrdered is publish with a few ordering keys.
func (s *service) publishOrdered(messages []transforms.Message) {
	for i, m := range messages {
		attributes := map[string]string{
			"original-message-id":   m.ID,
			"original-publish-time": m.PublishTime.UTC().Format(time.RFC3339Nano),
		}
		maps.Copy(attributes, m.Attributes)
		s.PublishOrdered(demoTopic, m.Data, attributes, fmt.Sprint("person", i%8))
	}
}

// A subscription that promises order, or delivery exactly once, is refused with
// one line that says what to do, and works with --allow-ordering.
func TestRunRefusesPromises(t *testing.T) {
	for name, promise := range promises {
		t.Run(name, func(t *testing.T) {
			leaks(t)
			s := newService(t)
			file := filepath.Join(t.TempDir(), "run.duckdb")
			args := runPromising(t, s, file, promise)
			s.publishOrdered(scenarioPart(t, 24))
			t.Setenv(emulator, s.Addr)
			code, wrote := executeBriefly(t, args)
			lines := strings.Split(strings.TrimSpace(wrote), "\n")
			if code != exitFailed || len(lines) != 1 {
				t.Errorf("exit code %d, want %d, and one line:\n%s", code, exitFailed, wrote)
			}
			for _, part := range []string{"vitalsink: ", "projects/demo/subscriptions/promising", name[:7], "--allow-ordering"} {
				if !strings.Contains(strings.ReplaceAll(wrote, "-", " "), strings.ReplaceAll(part, "-", " ")) {
					t.Errorf("%q does not say %q", wrote, part)
				}
			}
			if delivered, _ := s.progress(); delivered != 0 {
				t.Errorf("%d messages were taken by a run that was refused", delivered)
			}
			stop := startRun(t, s, append(args, "--allow-ordering"))
			s.awaitAcks(t, 24)
			stop()
			s.wantLoaded(t, file)
		})
	}
}

// executeBriefly executes what must end by itself, and soon.
func executeBriefly(t *testing.T, args []string) (code int, wrote string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out screen
	code = execute(ctx, args, streams{nil, &out, &out})
	if ctx.Err() != nil {
		t.Errorf("it went on instead of ending by itself")
	}
	return code, out.String()
}

// tableSizes are the numbers of rows by table, of what mustTables prints.
func tableSizes(tables string) map[string]string {
	sizes := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^(\w+): (\d+) rows$`).FindAllStringSubmatch(tables, -1) {
		sizes[m[1]] = m[2]
	}
	return sizes
}

// A receiver that does not fold appends and acknowledges; the next run that
// folds takes over from there.
func TestRunWithoutFold(t *testing.T) {
	leaks(t)
	s := newService(t)
	file := filepath.Join(t.TempDir(), "run.duckdb")
	s.publish(scenarioPart(t, 60))
	stop := startRun(t, s, append(runArgs(file), "--no-fold"))
	s.awaitAcks(t, 60)
	if wrote := stop(); !strings.Contains(wrote, " messages=60 ") || !strings.Contains(wrote, " folded=0") {
		t.Errorf("at the end it does not tell of 60 messages, none folded:\n%s", wrote)
	}
	for table, rows := range tableSizes(mustTables(t, file)) {
		if rows != "0" {
			t.Errorf("%s has %s rows, and nobody folded", table, rows)
		}
	}
	if got := len(committedMessages(t, file)); got == 0 {
		t.Error("the logs name no message")
	}
	wantFolded(t, startRun(t, s, runArgs(file))())
	s.wantLoaded(t, file)
	if s.acks.Load() != 60 || s.nacked.Load() != 0 {
		t.Errorf("%d acknowledgements, %d given back; want 60, 0", s.acks.Load(), s.nacked.Load())
	}
}

// queryFile are the rows of a statement on a file, as text.
func queryFile(t *testing.T, file, statement string) [][]string {
	t.Helper()
	reader, err := duckdb.OpenReadOnly(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var out strings.Builder
	if err := runQuery(t.Context(), reader, statement, "csv", &out); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:] // without the names of the columns
}

// committedMessages are the ids of the messages of which rows are in a log, in
// a batch that is registered.
func committedMessages(t *testing.T, file string) map[string]bool {
	t.Helper()
	catalogue, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	var logs []string
	for _, table := range catalogue.Versioned() {
		logs = append(logs, "SELECT _message_id, _batch_id FROM store."+table.Name+"_log")
	}
	ids := map[string]bool{}
	for _, row := range queryFile(t, file, "SELECT DISTINCT _message_id FROM ("+strings.Join(logs, " UNION ALL ")+
		") WHERE _batch_id IN (SELECT batch_id FROM store.batches)") {
		ids[row[0]] = true
	}
	return ids
}

// startHolding starts a process that does not commit by itself for a while, and
// returns when it has n messages in hand.
func startHolding(t *testing.T, s *service, file string, n int) *process {
	t.Helper()
	p := startProcess(t, s, file, "--flush-interval", "20m", "--fold-interval", "20m", "--http", "127.0.0.1:0", "--memory", "512MiB", "--log-level", "debug")
	s.await(t, "the process to have all messages in hand", func(_, _ int) bool { return p.received(t) == int64(n) })
	if _, acked := s.progress(); acked != 0 {
		t.Fatalf("%d messages are acknowledged before anything had to be committed:\n%s", acked, p.wrote.String())
	}
	return p
}

// foldFile folds what is pending in a file, however long it takes: a run that
// is stopped may have no time left for it.
func foldFile(t *testing.T, file string) {
	t.Helper()
	w, err := duckdb.Open(t.Context(), duckdb.Config{Path: file, Catalogue: mustCatalogue(t)})
	if err != nil {
		t.Fatal(err)
	}
	fold(t, w)
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// What a process has in hand when SIGTERM comes is committed and acknowledged.
func TestRunCommitsOnSIGTERM(t *testing.T) {
	t.Parallel()
	s := newService(t)
	file := filepath.Join(t.TempDir(), "run.duckdb")
	s.publish(scenarioPart(t, 40))
	p := startHolding(t, s, file, 40)
	began := time.Now()
	p.terminate(t)
	t.Logf("ended %s after SIGTERM", time.Since(began).Round(time.Millisecond))
	for _, m := range s.Messages() {
		if m.Acks != 1 {
			t.Errorf("message %s is acknowledged %d times, want once", m.ID, m.Acks)
		}
	}
	if n := s.nacked.Load(); n != 0 {
		t.Errorf("%d messages were given back", n)
	}
	s.wantLoaded(t, file)
}

// stopTime is how soon after SIGTERM a process has to have ended. Cloud Run
// leaves it 10 seconds; this machine may be busy.
const stopTime = 12 * time.Second

// A warehouse that fails when SIGTERM comes: what is in hand is given back, in
// time, and lands with the next run.
func TestRunGivesBackOnSIGTERM(t *testing.T) {
	t.Parallel()
	disk := connectortest.NewDisk(t, "128m")
	s := newService(t)
	file := filepath.Join(disk.Dir, "run.duckdb")
	foldFile(t, file) // so that there is no journal, whose room the first batches would find
	messages := scenarioPart(t, 60)
	s.publish(messages)
	p := startHolding(t, s, file, 60)
	disk.Fill(t, 0)
	took := p.terminateFailing(t)
	t.Logf("ended %s after SIGTERM, %d messages given back:\n%s", took.Round(time.Millisecond), s.nacked.Load(), p.wrote.String())
	if took > stopTime {
		t.Errorf("it took %s to end, want at most %s", took, stopTime)
	}
	if s.nacked.Load() == 0 {
		t.Error("nothing was given back")
	}
	secretsOf(messages).check(t, map[string]string{"run": p.wrote.String()})
	disk.Free(t)
	checkAcknowledged(t, s, file)

	s.expireLeases() // the server may have offered it to the process that was going
	p = startProcess(t, s, file, "--memory", "512MiB")
	s.awaitAcks(t, 60)
	p.terminate(t)
	s.wantLoaded(t, file)
}

// terminateFailing sends SIGTERM to a process that cannot commit, and returns
// how long it took to end.
func (p *process) terminateFailing(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- p.Wait() }()
	_ = wait(t, ended, "the end of the process") // the exit code tells
	if code := p.ProcessState.ExitCode(); code != exitFailed {
		t.Errorf("exit code %d, want %d: not all of it was committed", code, exitFailed)
	}
	return time.Since(began)
}

// checkAcknowledged wants all that is acknowledged in the logs. Messages
// without rows leave no trace there.
func checkAcknowledged(t *testing.T, s *service, file string) {
	t.Helper()
	catalogue, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := transforms.NewDecoder(catalogue)
	if err != nil {
		t.Fatal(err)
	}
	committed := committedMessages(t, file)
	for _, m := range s.Messages() {
		d := decoder.Decode(&transforms.Message{ID: m.ID, PublishTime: m.PublishTime, Attributes: m.Attributes, Data: m.Data})
		if m.Acks > 0 && d.Outcome != transforms.Empty && !committed[m.Attributes["original-message-id"]] {
			t.Errorf("message %s is acknowledged, and in no log", m.ID)
		}
	}
}

// sampleOf is a message with one sample, the same for every value but for that.
func sampleOf(user string, value int) []byte {
	return fmt.Appendf(nil, `{"event_type":"daily.data.heartrate.created","user_id":%q,"data":{"source":{"provider":"oura","type":"ring"},`+
		`"data":[{"timestamp":"2026-03-01T08:00:00Z","value":%d,"unit":"bpm"}]}}`, user, value)
}

// A message that comes again from a dead-letter topic counts from when it was
// first published: what was published in between is newer.
func TestRunKeepsFirstPublishTime(t *testing.T) {
	leaks(t)
	s := newService(t)
	file := filepath.Join(t.TempDir(), "run.duckdb")
	stop := startRun(t, s, runArgs(file))
	for _, user := range []string{"ada", "bob", "cleo"} {
		s.Publish(demoTopic, sampleOf(user, 2), nil)
	}
	s.awaitAcks(t, 3)
	at := func(d time.Duration) map[string]string {
		return map[string]string{
			"CloudPubSubDeadLetterSourceTopicPublishTime": time.Now().Add(d).UTC().Format(time.RFC3339Nano),
			"CloudPubSubDeadLetterSourceDeliveryCount":    "5",
			"CloudPubSubDeadLetterSourceSubscription":     "vitalsink",
		}
	}
	s.Publish(demoTopic, sampleOf("ada", 1), at(-time.Hour)) // older than what was published in between
	s.Publish(demoTopic, sampleOf("bob", 3), at(0))          // newer
	s.Publish(demoTopic, sampleOf("cleo", 3), nil)           // as any message: the later one wins
	s.awaitAcks(t, 6)
	stop()
	got := queryFile(t, file, "SELECT user_id, CAST(value AS INT) FROM heartrate ORDER BY user_id")
	if diff := cmp.Diff([][]string{{"ada", "2"}, {"bob", "3"}, {"cleo", "3"}}, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	s.wantLoaded(t, file)
}

// wrongFlags are values that none of run's flags can have.
var wrongFlags = map[string][]string{
	"--flush-interval": {"0", "0s", "-1s", "2h", "25m1s", "soon", "5"},
	"--fold-interval":  {"0", "-1s", "often"},
	"--fold-rows":      {"0", "-5", "many", "1.5"},
	"--source":         {"junk", "", "kafka://p/s", "pubsub://", "pubsub://p", "pubsub://p/", "pubsub:///s", "pubsub://p/s/t"},
	"--memory":         {"junk", "1MiB"},
	"--warehouse":      {"junk", "duckdb://"},
	"--http":           {"junk"},
	"--log-level":      {"loud"},
}

// A wrong value of any flag is wrong usage: it is named, and nothing is made.
func TestRunNamesWrongFlag(t *testing.T) {
	t.Setenv(emulator, newService(t).Addr) // it must not come to that
	for _, flag := range slices.Sorted(maps.Keys(wrongFlags)) {
		for _, value := range wrongFlags[flag] {
			t.Run(flag+"="+value, func(t *testing.T) { runWrongly(t, map[string]string{flag: value}) })
		}
	}
}

// Of several wrong values all are named at once.
func TestRunNamesAllWrongFlags(t *testing.T) {
	t.Setenv(emulator, newService(t).Addr)
	own := map[string]string{"--source": "junk", "--flush-interval": "0", "--fold-interval": "0", "--fold-rows": "0"}
	t.Run("its own", func(t *testing.T) { runWrongly(t, own) })
	t.Run("its own, another way", func(t *testing.T) {
		runWrongly(t, map[string]string{"--source": "junk", "--flush-interval": "2h", "--fold-rows": "-1"})
	})
	for flag, value := range map[string]string{"--memory": "junk", "--warehouse": "junk", "--http": "junk"} {
		t.Run("its own and "+flag, func(t *testing.T) {
			wrong := maps.Clone(own)
			wrong[flag] = value
			runWrongly(t, wrong)
		})
	}
}

// runWrongly runs with wrong values of flags and wants them named, each once.
func runWrongly(t *testing.T, wrong map[string]string) {
	t.Helper()
	leaks(t)
	file := filepath.Join(t.TempDir(), "run.duckdb")
	args := []string{"run"}
	flags := map[string]string{"--warehouse": "duckdb://" + file, "--source": "pubsub://demo/vitalsink"}
	maps.Copy(flags, wrong)
	for flag, value := range flags {
		args = append(args, flag+"="+value)
	}
	code, wrote := executeBriefly(t, args)
	if code != exitUsage {
		t.Errorf("exit code %d, want %d", code, exitUsage)
	}
	for flag := range wrong {
		if !strings.Contains(wrote, flag) {
			t.Errorf("%s is not named:\n%s", flag, wrote)
		}
	}
	for line := range strings.Lines(wrote) {
		if !strings.HasPrefix(line, "vitalsink: ") {
			t.Errorf("%q beside what is wrong", line)
		}
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a warehouse was made (%v), with flags that are wrong", err)
	}
}
