package junction_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vitalsink/connector"
	"vitalsink/connector/junction"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What no error and no log may name.
const (
	secretKey     = "sk_us_secret-of-the-team"
	secretUser    = "7e0c0d4e-user"
	secretWorkout = "51f2aa90-workout"
	secretCursor  = "cursor-of-somebody"
	secretValue   = "61.5431"
)

var catalogue = sync.OnceValue(func() *schemas.Catalogue {
	c, err := schemas.Load()
	if err != nil {
		panic(err)
	}
	return c
})

// client asks as often as it likes, and hardly waits between attempts.
func client(t testing.TB, base string) *junction.Client {
	t.Helper()
	return patient(t, base, 100*time.Microsecond)
}

func patient(t testing.TB, base string, patience time.Duration) *junction.Client {
	t.Helper()
	c, err := junction.New(junction.Config{BaseURL: base, Key: secretKey, Rate: 1e6, Patience: patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// serve is a client of a server on the loopback interface.
func serve(t testing.TB, answer http.HandlerFunc) *junction.Client {
	t.Helper()
	return client(t, serveAt(t, answer))
}

func serveAt(t testing.TB, answer http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return s.URL
}

// pipes is a network without a wire: in a bubble of synctest nothing waits for
// the kernel, and time passes when all wait.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// bubble is a client of a server, both in the bubble of the test, with the
// pauses of production.
func bubble(t testing.TB, answer http.HandlerFunc) *junction.Client {
	t.Helper()
	p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	s := &http.Server{Handler: answer}
	var served sync.WaitGroup
	served.Go(func() { _ = s.Serve(p) })
	c := patient(t, "http://localhost", 0)
	c.Through(p.dial)
	t.Cleanup(func() { _ = c.Close(); _ = s.Close(); served.Wait() })
	return c
}

// query is one of a resource of the secret user, for all days.
func query(t testing.TB, resource string) *connector.Query {
	t.Helper()
	e, ok := catalogue().Endpoint(resource)
	if !ok {
		t.Fatalf("no endpoint of %s", resource)
	}
	q := &connector.Query{
		Person: connector.Person{UserID: secretUser, TeamID: "team", ClientUserID: "their own name"}, Endpoint: e,
		Start: time.Date(2005, 1, 1, 0, 0, 0, 0, time.UTC), End: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	if e.Form == schemas.FormColumns {
		q.WorkoutID = secretWorkout
	}
	return q
}

// fetched is what a Fetch took.
type fetched struct {
	connector.Answer
	messages []transforms.Message
	rows     []int // of each message
}

func fetch(ctx context.Context, c *junction.Client, q *connector.Query) (f fetched, err error) {
	f.Answer, err = c.Fetch(ctx, q, func(m *transforms.Message, rows int) error {
		f.messages, f.rows = append(f.messages, *m), append(f.rows, rows)
		return nil
	})
	return f, err
}

// must is a fetch that does not fail.
func must(t testing.TB, c *junction.Client, q *connector.Query) fetched {
	t.Helper()
	f, err := fetch(t.Context(), c, q)
	if err != nil {
		t.Fatalf("fetch %s: %v", q.Endpoint.Resource, err)
	}
	return f
}

// eventTime is a message's.
func eventTime(t testing.TB, m *transforms.Message) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, m.Attributes[transforms.AttrEventTime])
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// silent tells of what an error says and may not.
func silent(t testing.TB, err error) {
	t.Helper()
	for _, secret := range []string{secretKey, secretUser, secretWorkout, secretCursor, secretValue} {
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("the error says %s: %v", secret, err)
		}
	}
}

// is compares an error, nil with nil, and wants it to be discreet.
func is(t testing.TB, err, want error) {
	t.Helper()
	silent(t, err)
	if !errors.Is(err, want) || want == nil && err != nil {
		t.Errorf("error %v, want %v", err, want)
	}
}

// text answers with a body.
func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
}

// pageOf is an answer of one group of heartrate with as many samples.
func pageOf(samples int, next string) string {
	var b strings.Builder
	b.WriteString(`{"groups":{"oura":[{"source":{"provider":"oura","type":"ring"},"data":[`)
	for i := range samples {
		if i > 0 {
			b.WriteByte(',')
		}
		at := time.Date(2026, 3, 2, 0, 0, i, 0, time.UTC).Format(time.RFC3339)
		b.WriteString(`{"timestamp":"` + at + `","unit":"bpm","value":` + secretValue + `}`)
	}
	b.WriteString(`]}]},"next":` + next + `,"next_cursor":` + next + `}`)
	return b.String()
}
