//go:build linux

package main

import (
	"flag"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"vitalsink/connector/connectortest"
)

// How long the warehouse of TestRunOutlivesFullDisk fails, and what is sent to
// it. "make outage" has minutes, and thousands of messages.
var (
	outage         = flag.Duration("outage", 3*time.Second, "how long the disk stays full")
	outageMessages = flag.Int("outage.messages", 180, "messages sent before and during it")
)

var addressLogged = regexp.MustCompile(`msg="serving [^"]*" address=(\S+)`)

// get asks the process's window.
func (p *process) get(t testing.TB, path string) (status int, body string) {
	t.Helper()
	address := addressLogged.FindStringSubmatch(p.wrote.String())
	if address == nil {
		return 0, ""
	}
	r, err := http.Get("http://" + address[1] + path)
	if err != nil {
		return 0, err.Error()
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

// metric is the value of a metric without labels, as text.
func (p *process) metric(t testing.TB, name string) string {
	t.Helper()
	_, text := p.get(t, "/metrics")
	value := regexp.MustCompile(`(?m)^` + name + `(?:\{\})? (\S+)$`).FindStringSubmatch(text)
	if value == nil {
		return ""
	}
	return value[1]
}

var messagesMetric = regexp.MustCompile(`(?m)^vitalsink_messages_received_total\{outcome="([a-z_]+)"\} (\S+)$`)

// received is how many messages the process has decoded, redeliveries included.
func (p *process) received(t testing.TB) int64 {
	t.Helper()
	_, text := p.get(t, "/metrics")
	var n float64
	for _, messages := range sumOf(t, messagesMetric, text) {
		n += messages
	}
	return int64(n)
}

// sumOf adds up a metric by outcome.
func sumOf(t testing.TB, metric *regexp.Regexp, text string) map[string]float64 {
	t.Helper()
	sum := map[string]float64{}
	for _, m := range metric.FindAllStringSubmatch(text, -1) {
		n, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		sum[m[1]] += n
	}
	return sum
}

// A warehouse that fails for a while, here for want of room: the process takes
// nothing more, gives nothing back, loses nothing, and goes on by itself.
func TestRunOutlivesFullDisk(t *testing.T) {
	connectortest.Long(t)
	t.Parallel()
	disk := connectortest.NewDisk(t, "512m")
	s := newService(t)
	s.steady = true // what is in hand must not be delivered again
	file := filepath.Join(disk.Dir, "run.duckdb")
	messages, third := scenarioPart(t, *outageMessages), *outageMessages/3
	s.publish(messages[:third])
	p := startProcess(t, s, file, "--http", "127.0.0.1:0", "--memory", "512MiB")
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(p.wrote.String())
		}
	})
	s.awaitAcks(t, third)
	if status, body := p.get(t, "/readyz"); status != http.StatusOK {
		t.Errorf("while all is well /readyz says %d %s", status, body)
	}

	disk.Fill(t, 0)
	s.publish(messages[third : 2*third])
	s.await(t, "the pause", func(_, _ int) bool {
		status, _ := p.get(t, "/readyz")
		return status == http.StatusServiceUnavailable
	})
	s.publish(messages[2*third:])
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(*outage); time.Now().Before(end); <-ticker.C {
		disk.Fill(t, 0) // opening the file anew can free some of it
	}
	// A small batch may have found room in between, never all of them.
	if _, acked := s.progress(); acked >= 2*third {
		t.Errorf("%d messages are acknowledged while the disk is full", acked)
	}
	if got := p.metric(t, "vitalsink_paused"); got != "1" {
		t.Errorf("the metric paused is %q", got)
	}
	if status, _ := p.get(t, "/healthz"); status != http.StatusOK {
		t.Errorf("/healthz says %d: a restart would not help", status)
	}
	inHand := p.metric(t, "vitalsink_messages_held")

	disk.Free(t)
	s.awaitAcks(t, len(messages))
	if status, body := p.get(t, "/readyz"); status != http.StatusOK {
		t.Errorf("after the outage /readyz says %d %s", status, body)
	}
	p.terminate(t)
	if n := s.nacked.Load(); n != 0 {
		t.Errorf("%d messages were given back", n)
	}
	for _, m := range s.Messages() {
		if m.Deliveries != 1 {
			t.Errorf("message %s was delivered %d times", m.ID, m.Deliveries)
		}
	}
	s.wantLoaded(t, file)
	t.Logf("full for %s; %s messages in hand meanwhile; %s", *outage, inHand, p.wrote.String())
}
