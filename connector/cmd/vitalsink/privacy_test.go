//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vitalsink/connector/connectortest"
	"vitalsink/transforms"
)

// secrets are what no output may hold: ids and values of messages.
type secrets struct {
	texts   map[string]bool // wherever they stand
	numbers map[string]bool // as words of their own: "72.125"
}

// canary marks what we made up; the digits are of its values.
var canary = regexp.MustCompile(`(?i)canary|8675309|8\.675309`)

// serverID is an id as the server gives them to messages.
var serverID = regexp.MustCompile(`\bm\d+\b`)

func secretsOf(messages []transforms.Message) secrets {
	s := secrets{map[string]bool{}, map[string]bool{}}
	for _, m := range messages {
		s.texts[m.ID] = true
		var body any
		d := json.NewDecoder(strings.NewReader(string(m.Data)))
		d.UseNumber()
		if d.Decode(&body) == nil {
			s.add(body)
		}
	}
	return s
}

// add takes what could only come from a message: names without a digit, as of
// resources and providers, are the catalogue's too, and a number without
// decimals may be any count.
func (s secrets) add(value any) {
	switch v := value.(type) {
	case map[string]any:
		for _, field := range v {
			s.add(field)
		}
	case []any:
		for _, element := range v {
			s.add(element)
		}
	case string:
		if len(v) >= 8 && strings.ContainsAny(v, "0123456789") {
			s.texts[v] = true
		}
	case json.Number:
		if text := v.String(); len(text) >= 5 && strings.Contains(text, ".") {
			s.numbers[text] = true
		}
	}
}

// chance is what may equal a secret by chance: when a line was logged, and what
// Go and the system measure.
var chance = regexp.MustCompile(`(?m)^time=\S+|^\{"time":"[^"]+"|^(go|process)_.*$`)

// in are the secrets in an output.
func (s secrets) in(text string) (found []string) {
	text = chance.ReplaceAllString(text, "")
	found = append(found, canary.FindAllString(text, -1)...)
	found = append(found, serverID.FindAllString(text, -1)...)
	for secret := range s.texts {
		if strings.Contains(text, secret) {
			found = append(found, secret)
		}
	}
	for _, word := range regexp.MustCompile(`[-+\w.]+`).FindAllString(text, -1) {
		if s.numbers[word] {
			found = append(found, word)
		}
	}
	return found
}

// check wants nothing secret in outputs.
func (s secrets) check(t *testing.T, outputs map[string]string) {
	t.Helper()
	for name, text := range outputs {
		if found := s.in(text); len(found) > 0 {
			t.Errorf("%s tells %q:\n%s", name, found, text)
		}
	}
}

// canaries are messages that hold canaries everywhere, and are wrong in all the
// ways that come to mind.
func canaries() []transforms.Message {
	const good = `{"event_type":"daily.data.heartrate.created","user_id":"canary-user","client_user_id":"canary-client",` +
		`"data":{"source":{"provider":"oura","type":"canary-source"},"data":[{"timestamp":"2026-03-01T08:00:00Z","value":8675309,"note":"canary"}]}}`
	sleep := func(fields string) string {
		return `{"event_type":"daily.data.sleep.created","user_id":"canary-user","data":{` + fields + `}}`
	}
	bodies := []string{
		good, good[:60], "canary is no JSON", `{"user_id":"canary\xff"}`, good + good, `"canary"`, `{"canary":8675309}`,
		`{"event_type":"canary.event.type","user_id":"canary-user","data":{"canary":8675309}}`,
		`{"event_type":"daily.data.canary.created","user_id":"canary-user","data":{"data":[{"timestamp":"canary","value":8675309}]}}`,
		`{"event_type":"daily.data.heartrate.created","user_id":"canary-user","data":{"data":[{"timestamp":"canary","value":8675309},` +
			`"canary",{"timestamp":"2026-03-01T08:00:00Z","value":"canary"},{"timestamp":"1867-08-06T00:00:00Z","value":8675309}]}}`,
		`{"event_type":"daily.data.heartrate.created","user_id":["canary"],"data":"canary"}`,
		sleep(`"id":null,"total":"canary"`), sleep(`"id":"canary","total":"canary","created_at":"canary","canary":{"canary":1,"canary":2}`),
		sleep(`"id":"canary-` + strings.Repeat("x", 2000) + `","calendar_date":"canary","updated_at":"8675309-01-01"`),
		sleep(`"id":"canary","x":` + strings.Repeat("[", 300) + `"canary"` + strings.Repeat("]", 300)),
	}
	var messages []transforms.Message
	for i, body := range bodies {
		messages = append(messages, transforms.Message{
			ID: fmt.Sprint("canary-message-", i), PublishTime: inMarch, Data: []byte(body),
			Attributes: map[string]string{"idempotency-key": "canary-key", "canary": "8675309"},
		})
	}
	for i, attribute := range []string{"blob-type", "blob-codec", "event-type", "event-time", "original-publish-time"} {
		messages = append(messages, transforms.Message{
			ID: fmt.Sprint("canary-attribute-", i), PublishTime: inMarch, Data: []byte(good),
			Attributes: map[string]string{attribute: "canary-attribute"},
		})
	}
	return messages
}

// Nothing of any message reaches a log, an error, a result or a metric, at any
// level, when all is well and when the warehouse fails. (The demo logs nothing,
// see TestDemo; what it prints of its invented people is meant to be seen.)
func TestPrivacy(t *testing.T) {
	t.Parallel()
	messages := append(scenarioPart(t, 50), canaries()...)
	secret := secretsOf(messages)
	if len(secret.texts) < 100 || len(secret.numbers) == 0 {
		t.Fatalf("only %d texts and %d numbers are known to be secret", len(secret.texts), len(secret.numbers))
	}
	for _, c := range []struct{ level, form string }{{"debug", "text"}, {"info", "text"}, {"warn", "text"}, {"error", "text"}, {"debug", "json"}} {
		t.Run(c.level+" "+c.form, func(t *testing.T) {
			t.Parallel()
			disk := connectortest.NewDisk(t, "128m")
			run := runSays(t, disk, c.level, c.form, messages)
			secret.check(t, run)
			secret.check(t, loadSays(t, disk, c.level, c.form, messages))
			if c.form == "json" {
				jsonLines(t, run["run"])
			}
		})
	}
}

// runSays is all that a run says of messages that come while the disk is full,
// until it has some room again.
func runSays(t *testing.T, disk *connectortest.Disk, level, form string, messages []transforms.Message) map[string]string {
	t.Helper()
	s := newService(t)
	file, address := filepath.Join(disk.Dir, "run.duckdb"), freeAddress(t)
	foldFile(t, file) // so that there is no journal, whose room the first batches would find
	p := startProcess(t, s, file, "--log-level", level, "--log-format", form, "--memory", "512MiB", "--http", address)
	s.await(t, "the run", func(_, _ int) bool { return listening(address) })
	said := map[string]string{}
	disk.Fill(t, 0)
	s.publish(messages)
	s.await(t, "the pause", func(_, _ int) bool {
		var status int
		status, said["/readyz while paused"] = fetch(t, address, "/readyz")
		return status == http.StatusServiceUnavailable
	})
	for _, path := range []string{"/", "/status.json", "/metrics"} {
		_, said[path+" while paused"] = fetch(t, address, path)
	}
	disk.Free(t)
	s.awaitAcks(t, len(messages))
	for _, path := range []string{"/", "/status.json", "/metrics", "/readyz", "/healthz", "/canary?canary=8675309"} {
		_, said[path] = fetch(t, address, path)
	}
	delete(said, "/canary?canary=8675309") // the answer may repeat it, the log may not
	p.terminate(t)
	said["run"] = p.wrote.String()
	for text, from := range map[string]string{"No space left": "warn", "quarantine": "warn", "stopped": "info", "batch committed": "debug"} {
		levels := []string{"error", "warn", "info", "debug"}
		if spoken := slices.Index(levels, level) >= slices.Index(levels, from); spoken != strings.Contains(said["run"], text) {
			t.Errorf("at level %s the run says %q: %v, want %v", level, text, !spoken, spoken)
		}
	}
	return said
}

// loadSays is all that loads say: one that has room, and one that has not.
func loadSays(t *testing.T, disk *connectortest.Disk, level, form string, messages []transforms.Message) map[string]string {
	t.Helper()
	input := filepath.Join(t.TempDir(), "input.ndjson")
	var lines []byte
	for _, m := range messages {
		lines = append(lines, restLine(m)...)
	}
	lines = append(lines, `{"data":"canary!","messageId":"canary","attributes":{"canary":8675309}}`+"\ncanary\n"...)
	lines = append(lines, `{"data":"e30=","messageId":"canary","publishTime":"canary"}`+"\n"...)
	if err := os.WriteFile(input, lines, 0o600); err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	load := func(name, file string, want int, more ...string) {
		var out screen
		args := append([]string{"load", "--log-level", level, "--log-format", form, "--warehouse", "duckdb://" + file, input}, more...)
		if code := execute(t.Context(), args, streams{nil, &out, &out}); code != want {
			t.Errorf("%s: exit code %d, want %d: %s", name, code, want, out.String())
		}
		said[name] = out.String()
	}
	load("load", filepath.Join(t.TempDir(), "load.duckdb"), exitAttention)
	disk.Fill(t, 0)
	load("load on a full disk", filepath.Join(disk.Dir, "run.duckdb"), exitFailed, "--json")
	return said
}

// listening tells whether somebody answers at an address.
func listening(address string) bool {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	r, err := client.Get("http://" + address + "/healthz")
	if err != nil {
		return false
	}
	return r.Body.Close() == nil
}

// The search for secrets finds them, and nothing where there are none.
func TestSecretsAreFound(t *testing.T) {
	s := secretsOf([]transforms.Message{{ID: "20011", Data: []byte(`{"user_id":"3f2a-77x","at":["2026-03-02T07:00:00Z"],"value":72.125,"n":400000,"kind":"heartrate"}`)}})
	if found := s.in("time=2026-03-02T07:00:00Z level=INFO msg=ok table=heartrate rows=400000 took=1m12s 172.1255"); len(found) > 0 {
		t.Errorf("%q are no secrets", found)
	}
	for _, text := range []string{
		"message 20011", "at=2026-03-02T07:00:00Z", `value="72.125"`, "id=m12", "my-Canary-user", "8.675309e+06", "(user 3f2a-77x)",
	} {
		if found := s.in(text); len(found) != 1 {
			t.Errorf("in %q it finds %q", text, found)
		}
	}
}
