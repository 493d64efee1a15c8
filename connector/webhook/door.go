package webhook

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/semaphore"

	"vitalsink/connector"
)

const (
	// Defaults of a Door.
	defaultPath    = "/webhooks/junction"
	defaultMaxBody = 4 << 20
	defaultMaxHeld = 64 << 20
	// readTime is how long a request may take to arrive, headers included, and
	// publishTime how long it may take to be safe: Svix waits for 15 s.
	readTime    = 5 * time.Second
	publishTime = 8 * time.Second
	// retryAfter is what a 503 asks for, in seconds.
	retryAfter = "30"
	// copies is about how often a body is in memory while it is verified and
	// published.
	copies = 4
)

// Why a request is refused; what is logged and counted, and all that is said.
var (
	errDraining    = refusal{"draining", http.StatusServiceUnavailable, "the server is about to end"}
	errFull        = refusal{"full", http.StatusServiceUnavailable, "too much is in hand"}
	errPublish     = refusal{"publish", http.StatusServiceUnavailable, "it could not be made safe"}
	errMethod      = refusal{"method", http.StatusMethodNotAllowed, "not a POST"}
	errType        = refusal{"type", http.StatusUnsupportedMediaType, "not plain application/json"}
	errTooLarge    = refusal{"too_large", http.StatusRequestEntityTooLarge, "the body is too large"}
	errSlow        = refusal{"slow", http.StatusRequestTimeout, "the body did not come in time"}
	errBody        = refusal{"body", http.StatusBadRequest, "the body broke off"}
	errHeadersLack = refusal{"headers", http.StatusBadRequest, errHeaders.Error()}
	errSignature   = refusal{"signature", http.StatusUnauthorized, "it is not signed as it should be"}
	errNotHere     = refusal{"path", http.StatusNotFound, "no such path"}
)

// refusals are all of them.
func refusals() []refusal {
	return []refusal{
		errDraining, errFull, errPublish, errMethod, errType, errTooLarge, errSlow, errBody, errHeadersLack, errSignature, errNotHere,
	}
}

// refusal is an answer other than 204.
type refusal struct {
	word   string // for metrics
	status int
	why    string
}

func (r refusal) Error() string { return r.why }

// Door answers requests. Use it as the http.Handler of Serve.
type Door struct {
	// Publisher is where messages go. Required.
	Publisher connector.Publisher
	// Secrets are those of the endpoint. Required.
	Secrets *Secrets
	// Ready is nil if what is published now would be safe soon; its text is
	// shown to whoever asks. Optional.
	Ready func() error
	// Path of the endpoint. Optional, default /webhooks/junction.
	Path string
	// MaxBody is the size of a body, and MaxHeld what all that are in hand may
	// take, each four times its size. Optional, default 4 and 64 MiB.
	MaxBody, MaxHeld int64
	// Log is told of what is refused, never of what is in it. Required.
	Log *slog.Logger
	// Metrics are told what happens. Optional.
	Metrics *Metrics

	once     sync.Once
	held     *semaphore.Weighted
	draining atomic.Bool
	taken    atomic.Int64
	refused  atomic.Int64
	said     sparing
}

// Taken is how many events are safe, and Refused how many requests were not
// answered with 204.
func (d *Door) Taken() int64   { return d.taken.Load() }
func (d *Door) Refused() int64 { return d.refused.Load() }

func (d *Door) setDefaults() {
	d.Path = cmp.Or(d.Path, defaultPath)
	d.MaxBody = cmp.Or(d.MaxBody, defaultMaxBody)
	d.MaxHeld = max(cmp.Or(d.MaxHeld, defaultMaxHeld), copies*d.MaxBody)
	d.held = semaphore.NewWeighted(d.MaxHeld)
}

// ServeHTTP answers one request.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.once.Do(d.setDefaults)
	// Only who has signed something keeps a connection: others would fill the
	// place there is with them. And not beyond a body whose end was told twice.
	w.Header().Set("Connection", "close")
	// As it came: a path that only looks like ours after cleaning is not ours.
	switch path := r.URL.EscapedPath(); {
	case path == d.Path:
		d.answer(w, r)
	case path == "/healthz" && r.Method == http.MethodGet:
		_, _ = io.WriteString(w, "ok\n")
	case path == "/readyz" && r.Method == http.MethodGet:
		d.answerReady(w)
	default:
		d.refuse(w, uuid.NewString(), errNotHere, nil)
	}
}

func (d *Door) answerReady(w http.ResponseWriter) {
	err := error(nil)
	if d.draining.Load() {
		err = errDraining
	} else if d.Ready != nil {
		err = d.Ready()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

func (d *Door) answer(w http.ResponseWriter, r *http.Request) {
	id := uuid.NewString()
	err := d.take(w, r)
	var why refusal
	switch {
	case err == nil:
		d.taken.Add(1)
		d.Metrics.took()
		w.Header().Set("X-Request-Id", id)
		if len(r.TransferEncoding) == 0 {
			w.Header().Del("Connection")
		}
		w.WriteHeader(http.StatusNoContent)
	case errors.As(err, &why):
		d.refuse(w, id, why, err)
	}
}

// refuse says as little as is of use to a sender who means well.
func (d *Door) refuse(w http.ResponseWriter, id string, why refusal, cause error) {
	d.refused.Add(1)
	d.Metrics.refuse(why)
	w.Header().Set("X-Request-Id", id)
	switch why.status {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", retryAfter)
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	}
	w.WriteHeader(why.status)
	reason := cmp.Or(cause, error(why)).Error()
	if n := d.said.times(reason); n > 0 {
		d.Log.Warn("refused a request", "request", id, "status", why.status, "why", reason, "times", n)
	}
}

// take makes a request's event safe, or tells why not.
func (d *Door) take(w http.ResponseWriter, r *http.Request) error {
	switch mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); {
	case d.draining.Load():
		return errDraining
	case r.Method != http.MethodPost:
		return errMethod
	case err != nil || mediaType != "application/json" || r.Header.Get("Content-Encoding") != "":
		return errType
	case r.ContentLength > d.MaxBody:
		return errTooLarge
	}
	headers, err := deliveryOf(r.Header)
	if err != nil {
		return errHeadersLack
	}
	hold := &holding{held: d.held}
	defer hold.release()
	body, err := hold.read(http.MaxBytesReader(w, r.Body, d.MaxBody))
	if err != nil {
		return err
	}
	if err := d.Secrets.verify(body, headers.signed); err != nil {
		return because{errSignature, err} // one of Svix's texts, which quote nothing
	}
	// Whether or not the sender waits: it would only have to send it again.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), publishTime)
	defer cancel()
	began := time.Now()
	err = d.Publisher.Publish(ctx, headers.message(body, began))
	d.Metrics.published(time.Since(began), err)
	if err != nil {
		return because{errPublish, err}
	}
	return nil
}

// because is a refusal and what led to it.
type because struct {
	refusal
	cause error
}

func (b because) Error() string { return b.why + ": " + b.cause.Error() }
func (b because) Unwrap() error { return b.refusal }

// holding is what a request takes of the memory for bodies: as much as has
// come of it, so that who sends slowly takes little.
type holding struct {
	held *semaphore.Weighted
	n    int64
}

func (h *holding) release() { h.held.Release(h.n) }

// read reads a body. Its errors are refusals.
func (h *holding) read(body io.Reader) ([]byte, error) {
	all, err := io.ReadAll(holdingReader{body, h})
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, errFull):
		return nil, errFull
	case errors.As(err, &tooLarge):
		return nil, errTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, errSlow
	case err != nil:
		return nil, errBody
	}
	return all, nil
}

type holdingReader struct {
	io.Reader
	hold *holding
}

func (r holdingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	weight := int64(n) * copies
	if !r.hold.held.TryAcquire(weight) {
		return 0, errFull
	}
	r.hold.n += weight
	return n, err
}

// sayEvery is how often a refusal for the same reason is logged: whoever knows
// the address can ask for millions.
const sayEvery = 10 * time.Second

// sparing counts what is not said.
type sparing struct {
	mu      sync.Mutex
	reasons map[string]*silence
}

type silence struct {
	until time.Time
	times int
}

// times is how often there was a reason since it was said last, this time
// included; 0 if that was just now.
func (s *sparing) times(reason string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reasons == nil {
		s.reasons = map[string]*silence{}
	}
	r := s.reasons[reason]
	if r == nil {
		r = &silence{}
		s.reasons[reason] = r
	}
	r.times++
	if now := time.Now(); now.After(r.until) {
		n := r.times
		*r = silence{until: now.Add(sayEvery)}
		return n
	}
	return 0
}
