package junction

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/go-faster/jx"
	"golang.org/x/time/rate"

	"vitalsink/connector"
)

const (
	keyHeader = "X-Vital-API-Key" // it kept its name when Vital became Junction
	// answerTime is how long an answer may take, with all of its body. The time
	// that its reader needs does not count.
	answerTime = 2 * time.Minute
	// mostAnswer is the size of an answer, in bytes.
	mostAnswer = 64 << 20
	// attempts is how often a request is made, before it has failed, and
	// longestPause how long at most it waits in between.
	attempts     = 8
	firstPause   = 500 * time.Millisecond
	longestPause = time.Minute
	readBuffer   = 64 << 10
)

// Errors of a Client; compare with errors.Is.
var (
	// ErrRefused: Junction does not answer this request, whoever asks how often.
	ErrRefused = errors.New("Junction refuses the request") //nolint:staticcheck // a name begins it
	// ErrTooLarge: the answer is larger than a Client reads.
	ErrTooLarge = fmt.Errorf("the answer is larger than is read: more than %d MiB, or %d values of a stream", mostAnswer>>20, mostElements)
	// ErrUnavailable: Junction did not answer as it should, however often it
	// was asked. Later it may.
	ErrUnavailable = errors.New("Junction does not answer as it should") //nolint:staticcheck // a name begins it
)

// keyForm is printable ASCII: what can stand in a header.
var keyForm = regexp.MustCompile(`^[!-~]+$`)

// Config says which API to ask, and how much.
type Config struct {
	BaseURL string  // see BaseURL. Required.
	Key     string  // of the team. Required.
	Rate    float64 // requests a second, at most. Required.
	// Patience is how long to wait after the first failure of a request; with
	// each one more it is longer. Optional, default half a second.
	Patience time.Duration
	// Log is told, at most once a minute, that a request is made again.
	// Optional.
	Log *slog.Logger
}

// Client asks the API. It may be used by several goroutines at once; together
// they keep to its rate.
type Client struct {
	base     *url.URL
	key      string
	http     *http.Client
	rate     *rate.Limiter
	patience time.Duration
	most     int64 // bytes of an answer
	log      *slog.Logger
	said     atomic.Int64 // when the log was told last, in seconds since 1970
	requests atomic.Int64
	repeated atomic.Int64
}

// New makes a client. Close it.
func New(cfg Config) (*Client, error) {
	base, err := parseBase(cfg.BaseURL)
	if err != nil {
		return nil, err
	}
	if !keyForm.MatchString(cfg.Key) {
		return nil, errors.New("the API key is empty, or has characters that no key has")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	transport.ResponseHeaderTimeout = answerTime
	c := &Client{
		base: base, key: cfg.Key, patience: cfg.Patience, log: cfg.Log, most: mostAnswer, rate: rate.NewLimiter(rate.Limit(cfg.Rate), max(1, int(cfg.Rate))),
		http: &http.Client{
			Transport: transport,
			// A redirect would take the key along.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	if c.patience == 0 {
		c.patience = firstPause
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// Close gives the connections up.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// Requests is how many were made so far, and how many of them again.
func (c *Client) Requests() (all, again int64) { return c.requests.Load(), c.repeated.Load() }

// request is one of the API. The path is that of the catalogue, with its marks,
// which are what errors say: what stands in their places is of a person.
type request struct {
	path  string
	marks map[string]string // what stands for them
	query url.Values
}

// reply is what is known of an answer beside its body.
type reply struct {
	began    time.Time // when the request did
	requests int       // that it took
}

// taken is an error of whoever takes the parts of an answer: it has nothing to
// do with Junction.
type taken struct{ error }

func (t taken) Unwrap() error { return t.error }

// get makes a request and reads its answer, again and again if it fails. read
// may be called several times, each with a whole answer from its beginning, as
// far as it comes, and when the request for it began.
func (c *Client) get(ctx context.Context, r request, read func(began time.Time, d *jx.Decoder) error) (reply, error) {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval, pauses.Multiplier = c.patience, longestPause, 2
	var p reply
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		p.requests++
		if p.requests > 1 {
			c.repeated.Add(1)
		}
		began, err := c.once(ctx, r, read)
		p.began = began
		return struct{}{}, err
	}, backoff.WithBackOff(pauses), backoff.WithMaxTries(attempts), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, pause time.Duration) { c.say(r.path, err, pause) }))
	var own taken
	switch {
	case err == nil:
		return p, nil
	case errors.As(err, &own):
		return p, own.error
	case ctx.Err() != nil:
		return p, context.Cause(ctx)
	}
	return p, fmt.Errorf("GET %s: %w", r.path, err)
}

// say tells the log that a request is made again, if it has not been told for a
// minute: one in a while is nothing, and if all are, one line will do.
func (c *Client) say(path string, err error, pause time.Duration) {
	now, last := time.Now().Unix(), c.said.Load()
	if now-last >= 60 && c.said.CompareAndSwap(last, now) {
		c.log.Warn("asking Junction again", "request", "GET "+path, "error", err, "pause", pause.Round(time.Millisecond))
	}
}

// once makes a request once. Its error is permanent if another try is useless.
func (c *Client) once(ctx context.Context, r request, read func(time.Time, *jx.Decoder) error) (began time.Time, err error) {
	if err := c.rate.Wait(ctx); err != nil { // ctx is done, or will be before it is our turn
		return began, backoff.Permanent(context.DeadlineExceeded)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := c.written(ctx, r)
	if err != nil {
		return began, backoff.Permanent(ErrRefused)
	}
	c.requests.Add(1)
	began = time.Now()
	late := time.AfterFunc(answerTime, func() { cancel(context.DeadlineExceeded) })
	defer late.Stop()
	resp, err := c.http.Do(req)
	late.Stop()
	if err != nil {
		return began, fmt.Errorf("%w: %s", ErrUnavailable, network(ctx, err))
	}
	defer resp.Body.Close()
	took := time.Since(began)
	began = earlier(began, resp.Header.Get("Date"), took)
	if err := judge(resp); err != nil {
		return began, err
	}
	body := &bounded{reader: resp.Body, left: c.most, time: answerTime - took, late: late}
	err = read(began, jx.Decode(body, readBuffer))
	return began, body.judge(ctx, err)
}

// written is a request, with nothing wrong in its path.
func (c *Client) written(ctx context.Context, r request) (*http.Request, error) {
	for _, value := range r.marks {
		if value == "" || value == "." || value == ".." { // would be another path
			return nil, ErrRefused
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.address(r), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set(keyHeader, c.key)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "vitalsink")
	return req, nil
}

// address is the URL of a request.
func (c *Client) address(r request) string {
	u := *c.base
	var plain, escaped strings.Builder
	for _, part := range strings.Split(strings.TrimPrefix(r.path, "/"), "/") {
		if value, ok := r.marks[part]; ok {
			part = value
		}
		plain.WriteString("/" + part)
		escaped.WriteString("/" + url.PathEscape(part))
	}
	u.Path, u.RawPath = c.base.Path+plain.String(), c.base.EscapedPath()+escaped.String()
	u.RawQuery = r.query.Encode()
	return u.String()
}

// earlier is when a request began by the earlier of our clock and the server's.
func earlier(ours time.Time, date string, took time.Duration) time.Time {
	if theirs, err := http.ParseTime(date); err == nil && theirs.Add(-took).Before(ours) {
		ours = theirs.Add(-took)
	}
	return ours.UTC().Truncate(time.Microsecond)
}

// judge makes an error of a status.
func judge(resp *http.Response) error {
	switch code := resp.StatusCode; {
	case code == http.StatusOK:
		return nil
	case code == http.StatusUnauthorized:
		return backoff.Permanent(connector.ErrKey)
	case code == http.StatusNotFound:
		return backoff.Permanent(connector.ErrAbsent)
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code >= 500:
		err := fmt.Errorf("%w: status %d", ErrUnavailable, code)
		if seconds := retryAfter(resp.Header.Get("Retry-After")); seconds > 0 {
			return throttled{err, seconds}
		}
		return err
	default:
		return backoff.Permanent(fmt.Errorf("%w: status %d", ErrRefused, code))
	}
}

// throttled is an error after which the server wants us to wait.
type throttled struct {
	error
	seconds int
}

func (t throttled) Unwrap() []error { return []error{t.error, backoff.RetryAfter(t.seconds)} }

// retryAfter is how many seconds a server wants us to wait, but no more than we
// would: it says a number of them, or a time. 0 if it says neither.
func retryAfter(text string) int {
	seconds, err := strconv.Atoi(text)
	if at, notTime := http.ParseTime(text); notTime == nil {
		seconds = int(time.Until(at).Seconds()) + 1
	} else if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0
	}
	return min(max(seconds, 0), int(longestPause/time.Second))
}

// network is an error of the network without the address, which names a person,
// and without what came: errors of net/http quote it.
func network(ctx context.Context, err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var (
		timeout     net.Error
		operation   *net.OpError
		certificate *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return "the answer took too long"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "the answer breaks off"
	case errors.As(err, &operation), errors.As(err, &certificate), errors.Is(err, http.ErrSchemeMismatch):
		return err.Error()
	}
	return "what comes is not HTTP as it should be"
}

// bounded reads no more than a number of bytes, nor longer than a time, and
// remembers an error.
type bounded struct {
	reader io.Reader
	left   int64 // negative: there was more
	time   time.Duration
	late   *time.Timer // goes off when time is over
	err    error
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, ErrTooLarge
	}
	began := time.Now()
	b.late.Reset(b.time)
	n, err := b.reader.Read(p[:min(int64(len(p)), b.left+1)])
	b.late.Stop()
	b.time -= time.Since(began)
	if b.left -= int64(n); b.left < 0 {
		return 0, ErrTooLarge
	}
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

// judge makes an error of one that reading brought.
func (b *bounded) judge(ctx context.Context, err error) error {
	var own taken
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own):
		return backoff.Permanent(own)
	case b.left < 0:
		return backoff.Permanent(ErrTooLarge)
	case b.err != nil:
		return fmt.Errorf("%w: %s", ErrUnavailable, network(ctx, b.err))
	}
	return fmt.Errorf("%w: the answer is not the JSON that it should be", ErrUnavailable) // its text could quote it
}
