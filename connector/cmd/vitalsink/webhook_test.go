package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	svix "github.com/svix/svix-webhooks/go"
	"golang.org/x/sync/errgroup"

	"vitalsink/connector/connectortest"
	"vitalsink/connector/synth"
	"vitalsink/transforms"
)

// webhookSecret is for tests.
var webhookSecret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("a secret for tests only."))

// startWebhook runs the command in this process, and returns where it listens.
// stop ends it as SIGTERM does and returns what it wrote.
func startWebhook(t *testing.T, args ...string) (url string, stop func() string) {
	t.Helper()
	t.Setenv(secretVariable, webhookSecret)
	ctx, cancel := context.WithCancel(t.Context())
	var out screen
	code := make(chan int, 1)
	go func() {
		code <- execute(ctx, append([]string{"webhook", "--listen", "127.0.0.1:0"}, args...), streams{nil, &out, &out})
	}()
	for ; url == ""; time.Sleep(5 * time.Millisecond) {
		if m := regexp.MustCompile(`address=(\S+)`).FindStringSubmatch(out.String()); m != nil {
			url = "http://" + m[1] + "/webhooks/junction"
		}
		select {
		case c := <-code:
			t.Fatalf("webhook exited with %d: %s", c, out.String())
		default:
		}
	}
	return url, func() string {
		t.Helper()
		cancel()
		if c := wait(t, code, "the end of webhook"); c != exitDone {
			t.Errorf("webhook exited with %d: %s", c, out.String())
		}
		http.DefaultClient.CloseIdleConnections()
		return out.String()
	}
}

// mustPost sends messages as signed webhooks, many at once.
func mustPost(t *testing.T, url string, messages ...transforms.Message) {
	t.Helper()
	key, err := svix.NewWebhook(webhookSecret)
	if err != nil {
		t.Fatal(err)
	}
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(60)
	for i := range messages {
		g.Go(func() error { return post(ctx, url, key, &messages[i]) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// factsOf are the rows of the views without what tells of their way here.
func factsOf(t *testing.T, file string) map[string][][]string {
	t.Helper()
	all := map[string][][]string{}
	for _, row := range queryFile(t, file, "SELECT table_name, string_agg('\"' || column_name || '\"', ', ' ORDER BY column_index) FROM duckdb_columns() "+
		"WHERE NOT internal AND schema_name = 'main' AND NOT starts_with(column_name, '_') AND table_name NOT IN ('quarantine', 'batches', 'merges') GROUP BY 1") {
		all[row[0]] = queryFile(t, file, fmt.Sprintf("SELECT %s FROM %q ORDER BY ALL", row[1], row[0]))
	}
	return all
}

// orderly is a population whose messages are all in order, so that both doors
// have to take them, and that each tells of its time.
func orderly(t *testing.T) []transforms.Message {
	t.Helper()
	catalogue := mustCatalogue(t)
	var all []transforms.Message
	population := synth.Population{
		Users: 2, Days: 1, Seed: 5, Start: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), Duplicates: 0.1, Disorder: 0.2, Updates: 0.2, Late: 0.1,
	}
	for m := range population.Messages(t.Context(), catalogue) {
		// What nobody modelled has no key but its delivery's: the same by both doors.
		m.Attributes["idempotency-key"], _ = synth.Webhook(&m)
		all = append(all, m)
	}
	return all
}

// TestWebhookToTables: Svix's library signs, the door publishes, run receives:
// the tables are those of the same events through Pub/Sub, whichever door they
// come by, or both; and what is sent again changes nothing.
func TestWebhookToTables(t *testing.T) {
	connectortest.Long(t)
	leaks(t)
	messages := orderly(t)
	direct := newService(t)
	direct.publish(messages)
	file := filepath.Join(t.TempDir(), "direct.duckdb")
	stop := startRun(t, direct, runArgs(file))
	direct.awaitAcks(t, len(direct.Messages()))
	stop()
	foldFile(t, file)
	want := factsOf(t, file)
	if len(want["heartrate"]) == 0 || len(want["sleep"]) == 0 {
		t.Fatal("there is nothing to compare")
	}

	s := newService(t)
	t.Setenv(emulator, s.Addr)
	url, stopWebhook := startWebhook(t, "--topic", "pubsub://demo/junction")
	file = filepath.Join(t.TempDir(), "webhook.duckdb")
	stop = startRun(t, s, runArgs(file))
	mustPost(t, url, messages...)
	s.awaitAcks(t, len(messages))
	settled := func(when string) {
		t.Helper()
		stop()
		foldFile(t, file)
		wantBalanced(t, "duckdb://"+file)
		if diff := cmp.Diff(want, factsOf(t, file)); diff != "" {
			t.Errorf("%s: through Pub/Sub (-) and through the webhook (+):\n%s", when, diff)
		}
	}
	settled("once")
	// By the other door too, and again, the stale ones last.
	stop = startRun(t, s, runArgs(file))
	s.publish(messages)
	slices.Reverse(messages)
	mustPost(t, url, messages...)
	s.awaitAcks(t, 3*len(messages))
	settled("by both doors, and again")
	if wrote := stopWebhook(); !strings.Contains(wrote, fmt.Sprintf("taken=%d refused=0", 2*len(messages))) {
		t.Errorf("at the end it does not tell of %d events:\n%s", 2*len(messages), wrote)
	}
}

// TestLaterVersionWins: of a summary the later updated_at, of a sample the
// later time of the event, by whichever door it comes and whichever comes last.
func TestLaterVersionWins(t *testing.T) {
	leaks(t)
	s := newService(t)
	t.Setenv(emulator, s.Addr)
	url, stopWebhook := startWebhook(t, "--topic", "pubsub://demo/junction")
	file := filepath.Join(t.TempDir(), "doors.duckdb")
	stop := startRun(t, s, runArgs(file))
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	event := func(kind string, user string, value int, made time.Time) transforms.Message {
		body := fmt.Sprintf(`{"event_type":"daily.data.heartrate.created","user_id":%q,"data":{"source":{"provider":"oura","type":"ring"},`+
			`"data":[{"timestamp":"2026-11-20T10:00:00Z","value":%d}]}}`, user, value)
		if kind == "summary" { // which is told of later the older it is
			body = fmt.Sprintf(`{"event_type":"daily.data.sleep.updated","user_id":%q,"data":{"id":%q,"score":%d,"updated_at":%q,"created_at":"2026-11-20T01:00:00Z"}}`,
				user, user, value, made.Format(time.RFC3339))
			made = at.Add(3*time.Hour - made.Sub(at))
		}
		return transforms.Message{ID: fmt.Sprint(user, "-", value), PublishTime: made, Data: []byte(body)}
	}
	doors := map[string]func(transforms.Message){
		"pubsub":  func(m transforms.Message) { s.publish([]transforms.Message{m}) },
		"webhook": func(m transforms.Message) { mustPost(t, url, m) },
	}
	type delivery struct {
		door string
		m    transforms.Message
	}
	var rounds [2][]delivery // what comes first, and what comes when that is committed
	users := 0
	for _, kind := range []string{"summary", "sample"} {
		for older := range doors {
			for newer := range doors {
				for first := range 2 {
					user := fmt.Sprintf("%s of %s, later by %s, round %d", kind, older, newer, first)
					users++
					rounds[first] = append(rounds[first], delivery{newer, event(kind, user, 2, at.Add(time.Hour))})
					rounds[1-first] = append(rounds[1-first], delivery{older, event(kind, user, 1, at)})
				}
			}
		}
	}
	for i, round := range rounds {
		for _, d := range round {
			doors[d.door](d.m)
		}
		s.awaitAcks(t, (i+1)*users)
	}
	stop()
	stopWebhook()
	foldFile(t, file)
	for _, row := range queryFile(t, file, "SELECT user_id, score FROM sleep UNION ALL SELECT user_id, value FROM heartrate") {
		if users--; row[1] != "2" && row[1] != "2.0" {
			t.Errorf("%s: the value is %s", row[0], row[1])
		}
	}
	if users != 0 {
		t.Errorf("%d rows are missing", users)
	}
}

// TestWebhookIntoFile: without Pub/Sub an event that got its 204 is in the log,
// even if the process is killed that moment, and comes into the tables.
func TestWebhookIntoFile(t *testing.T) {
	messages := orderly(t)[:60]
	file := filepath.Join(t.TempDir(), "webhook.duckdb")
	p := &process{Cmd: exec.Command("vitalsink", "webhook", "--listen", "127.0.0.1:0", "--warehouse", "duckdb://"+file)} // see TestMain
	p.Env = append(os.Environ(), "GORACE="+quickExit(), secretVariable+"="+webhookSecret)
	p.Stdout, p.Stderr = &p.wrote, &p.wrote
	p.start(t)
	var url string
	for began := time.Now(); url == ""; time.Sleep(5 * time.Millisecond) {
		if m := regexp.MustCompile(`address=(\S+)`).FindStringSubmatch(p.wrote.String()); m != nil {
			url = "http://" + m[1] + "/webhooks/junction"
		} else if time.Since(began) > patience {
			t.Fatalf("it does not listen:\n%s", p.wrote.String())
		}
	}
	mustPost(t, url, messages...)
	p.kill(t)
	there := committedMessages(t, file)
	for i := range messages {
		if id, _ := synth.Webhook(&messages[i]); !there[id] && hasRows(t, messages[i]) {
			t.Errorf("message %d got its 204, and is not in the log", i)
		}
	}
	// And again, by a process that is told to end: nothing is there twice.
	url, stop := startWebhook(t, "--warehouse", "duckdb://"+file)
	mustPost(t, url, messages...)
	stop()
	foldFile(t, file)
	wantBalanced(t, "duckdb://"+file)
	rows := queryFile(t, file, "SELECT count(*), count(DISTINCT (user_id, id)) FROM sleep")
	if rows[0][0] != rows[0][1] {
		t.Errorf("sleeps and their ids: %v", rows[0])
	}
}

// hasRows tells whether a message has any: one that is empty is in no log.
func hasRows(t *testing.T, m transforms.Message) bool {
	t.Helper()
	d, err := transforms.NewDecoder(mustCatalogue(t))
	if err != nil {
		t.Fatal(err)
	}
	return d.Decode(&m).Outcome != transforms.Empty
}

// TestWebhookFlags: wrong ones are all told at once, and no secret with them.
func TestWebhookFlags(t *testing.T) {
	t.Setenv(secretVariable, "whsec_c2hvcnQ=")
	var out screen
	code := execute(t.Context(), []string{"webhook", "--topic", "junction", "--path", "webhooks", "--max-body", "1GiB"}, streams{nil, &out, &out})
	if code != exitUsage {
		t.Errorf("exit code %d", code)
	}
	for _, part := range []string{secretVariable, "too short", "--topic junction: write pubsub://PROJECT/TOPIC", "--path webhooks", "--max-body 1GiB"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("it does not say %q:\n%s", part, out.String())
		}
	}
	if strings.Contains(out.String(), "c2hvcnQ") {
		t.Error("it shows the secret")
	}
	t.Setenv(secretVariable, webhookSecret)
	for _, args := range [][]string{
		{}, {"--topic", "pubsub://demo/junction", "--warehouse", "duckdb://x.duckdb"}, {"--warehouse", "bigquery://my-project/health"},
		{"--warehouse", "duckdb://x.duckdb", "--secret-file", filepath.Join(t.TempDir(), "none")},
		{"--warehouse", "duckdb://x.duckdb", "--path", "/readyz"}, {"--warehouse", "duckdb://x.duckdb", "--path", "/a/{x}"},
		{"--warehouse", "duckdb://x.duckdb", "--listen", "nowhere"},
	} {
		if code := execute(t.Context(), append([]string{"webhook"}, args...), streams{nil, &out, &out}); code != exitUsage {
			t.Errorf("%v: exit code %d", args, code)
		}
	}
}

// TestWebhookWithoutTopic: a topic that is not there is said at once.
func TestWebhookWithoutTopic(t *testing.T) {
	s := newService(t)
	t.Setenv(emulator, s.Addr)
	t.Setenv(secretVariable, webhookSecret)
	code, wrote := executeBriefly(t, []string{"webhook", "--listen", "127.0.0.1:0", "--topic", "pubsub://demo/nowhere"})
	if code != exitFailed || !strings.Contains(wrote, "projects/demo/topics/nowhere") {
		t.Errorf("exit code %d:\n%s", code, wrote)
	}
}
