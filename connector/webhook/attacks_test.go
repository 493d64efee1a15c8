package webhook

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"go.uber.org/goleak"

	"vitalsink/transforms"
)

// stage is a door on the loopback interface.
type stage struct {
	*testing.T
	door    *Door
	to      *kept
	address string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{T: t, address: listener.Addr().String()}
	s.door, s.to = newDoor(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.door.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

// text is a request as it goes over the wire, signed unless it is edited.
func text(path, id, body string, at time.Time, signature string, more ...string) string {
	return strings.Join(append([]string{
		"POST " + path + " HTTP/1.1", "Host: door", "Content-Type: application/json", fmt.Sprint("Content-Length: ", len(body)),
		"svix-id: " + id, fmt.Sprint("svix-timestamp: ", at.Unix()), "svix-signature: " + signature,
	}, append(more, "", body)...), "\r\n")
}

// ask sends what is meant to be a request, and returns the status of the
// answer; 0 if the connection is closed without one.
func (s *stage) ask(wire string) int {
	s.Helper()
	c, err := (&net.Dialer{}).DialContext(s.Context(), "tcp", s.address)
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	go func() { _, _ = io.WriteString(c, wire) }() // the door may close before all is sent
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	if told, err := io.ReadAll(answer.Body); err == nil && len(told) > 0 && answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge && answer.StatusCode != http.StatusBadRequest {
		s.Errorf("status %d, and its body tells %q", answer.StatusCode, told)
	}
	return answer.StatusCode
}

// good wants a good event to get through, soon.
func (s *stage) good(id string) {
	s.Helper()
	began := time.Now()
	if got := s.ask(text(defaultPath, id, anyBody, time.Now(), sign(key, id, time.Now(), anyBody))); got != http.StatusNoContent {
		s.Errorf("a good event is answered with %d", got)
	}
	if took := time.Since(began); took > 15*time.Second {
		s.Errorf("a good event took %s", took)
	}
}

// attack returns the answers that it got.
type attack func(s *stage) []int

// attacks are the rows of docs/security.md, and the answers to each.
var attacks = map[string]struct {
	attack attack
	want   []int
}{
	"missing": {func(s *stage) (got []int) {
		good := text(defaultPath, anyID, anyBody, time.Now(), sign(key, anyID, time.Now(), anyBody))
		for _, name := range []string{"svix-id", "svix-timestamp", "svix-signature"} {
			got = append(got, s.ask(regexp.MustCompile(name+": [^\r]*\r\n").ReplaceAllString(good, "")))
		}
		return got
	}, []int{400, 400, 400}},
	"malformed": {func(s *stage) (got []int) {
		now := time.Now()
		good := sign(key, anyID, now, anyBody)
		for _, signature := range []string{"v1", "v1,", "v1,!!", good[3:], "v2," + good[3:], "v1a," + good[3:], strings.Repeat("v1,AAAA ", 500)} {
			got = append(got, s.ask(text(defaultPath, anyID, anyBody, now, signature)))
		}
		return got
	}, []int{401, 401, 401, 401, 401, 401, 401}},
	"expired": {func(s *stage) []int {
		at := time.Now().Add(-6 * time.Minute)
		return []int{s.ask(text(defaultPath, anyID, anyBody, at, sign(key, anyID, at, anyBody)))}
	}, []int{401}},
	"future": {func(s *stage) []int {
		at := time.Now().Add(6 * time.Minute)
		return []int{s.ask(text(defaultPath, anyID, anyBody, at, sign(key, anyID, at, anyBody)))}
	}, []int{401}},
	"replayed": {func(s *stage) []int {
		// With another time it would pass for later; the signature is of the first.
		at := time.Now().Add(-4 * time.Minute)
		return []int{s.ask(text(defaultPath, anyID, anyBody, time.Now(), sign(key, anyID, at, anyBody)))}
	}, []int{401}},
	"wrong secret": {func(s *stage) []int {
		now := time.Now()
		return []int{
			s.ask(text(defaultPath, anyID, anyBody, now, sign(otherKey, anyID, now, anyBody))),
			s.ask(text(defaultPath, anyID, anyBody, now, sign(nil, anyID, now, anyBody))),
		}
	}, []int{401, 401}},
	"tampered body": {func(s *stage) []int {
		now := time.Now()
		return []int{s.ask(text(defaultPath, anyID, strings.Replace(anyBody, "u1", "u2", 1), now, sign(key, anyID, now, anyBody)))}
	}, []int{401}},
	"tampered id": {func(s *stage) []int {
		now := time.Now()
		moved := fmt.Sprintf("%s.%d", anyID, now.Unix()) // the same bytes are signed, cut elsewhere
		return []int{
			s.ask(text(defaultPath, "msg_other", anyBody, now, sign(key, anyID, now, anyBody))),
			s.ask(text(defaultPath, moved, anyBody, now, sign(key, anyID, now, anyBody))),
		}
	}, []int{401, 401}},
	"several signatures": {func(s *stage) []int {
		now := time.Now()
		bad := sign(otherKey, anyID, now, anyBody)
		return []int{s.ask(text(defaultPath, anyID, anyBody, now, strings.Join([]string{bad, "v2,AAAA", "v1,", bad}, " ")))}
	}, []int{401}},
	"60 MB body": {func(s *stage) []int {
		now, body := time.Now(), strings.Repeat("x", 60_000_000)
		told := text(defaultPath, anyID, body, now, sign(key, anyID, now, body))
		chunked := strings.Replace(text(defaultPath, anyID, "", now, sign(key, anyID, now, body)), "Content-Length: 0", "Transfer-Encoding: chunked", 1)
		return []int{s.ask(told), s.ask(chunked + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body))}
	}, []int{413, 413}},
	"slow body": {func(s *stage) []int {
		now := time.Now()
		head := text(defaultPath, anyID, anyBody, now, sign(key, anyID, now, anyBody))
		return []int{s.ask(head[:len(head)-10])}
	}, []int{408}},
	"gzip'd request": {func(s *stage) []int {
		var zipped bytes.Buffer
		w := gzip.NewWriter(&zipped)
		_, _ = io.WriteString(w, anyBody)
		_ = w.Close()
		now := time.Now()
		return []int{s.ask(text(defaultPath, anyID, zipped.String(), now, sign(key, anyID, now, zipped.String()), "Content-Encoding: gzip"))}
	}, []int{415}},
	"path tricks": {func(s *stage) (got []int) {
		now := time.Now()
		for _, path := range []string{
			"/webhooks/junction/", "//webhooks/junction", "/webhooks/../webhooks/junction", "/webhooks/%6aunction", "/webhooks%2fjunction",
			"/webhooks/junction%00", "/healthz", "/metrics", "/../../etc/passwd",
		} {
			got = append(got, s.ask(text(path, anyID, anyBody, now, sign(key, anyID, now, anyBody))))
		}
		return got
	}, []int{404, 404, 404, 404, 404, 404, 404, 404, 404}},
	"oversized headers": {func(s *stage) []int {
		now := time.Now()
		return []int{
			s.ask(text(defaultPath, anyID, anyBody, now, sign(key, anyID, now, anyBody), "X-Long: "+strings.Repeat("x", 64<<10))),
			s.ask(text(defaultPath, anyID, anyBody, now, strings.Repeat("v1,AAAA ", 8<<10))),
		}
	}, []int{431, 431}},
	"two lengths": {func(s *stage) []int {
		now := time.Now()
		return []int{s.ask(text(defaultPath, anyID, anyBody, now, sign(key, anyID, now, anyBody), "Content-Length: 1", "Transfer-Encoding: chunked"))}
	}, []int{400}},
}

// TestAttacks: none gets an event in, none stops a good one.
func TestAttacks(t *testing.T) {
	for name, test := range attacks {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			if got := test.attack(s); !slices.Equal(got, test.want) {
				t.Errorf("answers %v, want %v", got, test.want)
			}
			if ids := s.to.ids(); len(ids) > 0 {
				t.Errorf("%d events got in", len(ids))
			}
			s.good("msg_good")
			if ids := s.to.ids(); !slices.Equal(ids, []string{"msg_good"}) {
				t.Errorf("published: %v", ids)
			}
		})
	}
}

// TestThousandConnections: while they are open, silent, or slow in a body, good
// events get through; and after a while they are closed.
func TestThousandConnections(t *testing.T) {
	s := newStage(t)
	now := time.Now()
	head := text(defaultPath, anyID, anyBody, now, sign(key, anyID, now, anyBody))
	var open []net.Conn
	for i := range 1000 {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err := io.WriteString(c, head[:[]int{0, 40, len(head) - 10}[i%3]]); err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	for i := range 20 {
		s.good(fmt.Sprint("msg_good", i))
	}
	for _, c := range open {
		_ = c.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := io.Copy(io.Discard, c); os.IsTimeout(err) {
			t.Fatal("a connection is still open")
		}
	}
	if ids := s.to.ids(); len(ids) != 20 {
		t.Errorf("%d events are published, want 20", len(ids))
	}
}

// TestConnectionsAreClosed: whoever has not signed anything does not keep a
// connection, and so cannot fill the place there is with them.
func TestConnectionsAreClosed(t *testing.T) {
	s := newStage(t)
	now := time.Now()
	good := text(defaultPath, anyID, anyBody, now, sign(key, anyID, now, anyBody))
	for name, test := range map[string]struct {
		wire  string
		keeps bool
	}{
		"good":       {good, true},
		"not signed": {text(defaultPath, anyID, anyBody, now, "v1,no"), false},
		"chunked":    {strings.Replace(text(defaultPath, anyID, "0\r\n\r\n", now, sign(key, anyID, now, "")), "Content-Length: 5", "Content-Length: 5\r\nTransfer-Encoding: chunked", 1), false},
		"health":     {"GET /healthz HTTP/1.1\r\nHost: door\r\n\r\n", false},
		"nowhere":    {"GET / HTTP/1.1\r\nHost: door\r\n\r\n", false},
	} {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, test.wire)
		_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
		told, err := io.ReadAll(c)
		if os.IsTimeout(err) != test.keeps || !bytes.HasPrefix(told, []byte("HTTP/1.1 ")) {
			t.Errorf("%s: %v after %q; want the connection to be kept: %t", name, err, told, test.keeps)
		}
		_ = c.Close()
	}
}

// slow is a Publisher that waits until it may go on.
type slow struct {
	kept
	begun, may chan struct{}
}

func (p *slow) Publish(ctx context.Context, m *transforms.Message) error {
	close(p.begun)
	<-p.may
	return p.kept.Publish(ctx, m)
}

// TestDrain: what is under way when the server is told to end gets its answer,
// and whoever comes then does not get in.
func TestDrain(t *testing.T) {
	d, _ := newDoor(t)
	p := &slow{begun: make(chan struct{}), may: make(chan struct{})}
	d.Publisher = p
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{T: t, door: d, to: &p.kept, address: listener.Addr().String()}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended, answered := make(chan error, 1), make(chan int, 1)
	go func() { ended <- d.Serve(ctx, listener) }()
	now := time.Now()
	go func() { answered <- s.ask(text(defaultPath, anyID, anyBody, now, sign(key, anyID, now, anyBody))) }()
	<-p.begun
	cancel()
	for !d.draining.Load() {
		time.Sleep(time.Millisecond)
	}
	if c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.address); err == nil {
		_, _ = io.WriteString(c, text(defaultPath, "msg_late", anyBody, now, sign(key, "msg_late", now, anyBody)))
		defer func() { _ = c.Close() }()
	}
	close(p.may)
	if got := <-answered; got != http.StatusNoContent {
		t.Errorf("what was under way is answered with %d", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if ids := p.ids(); !slices.Equal(ids, []string{anyID}) {
		t.Errorf("published: %v", ids)
	}
}
