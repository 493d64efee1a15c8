package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vitalsink/transforms"
)

// Keys of these tests, and what Svix would show of them.
var (
	key        = []byte("a key of twenty-four byte")
	otherKey   = []byte("another, that nobody has.")
	secret     = secretOf(key)
	anyID      = "msg_2x4zCyfDP3RAmnTfJp7GVfFNhkH"
	anyBody    = `{"event_type":"daily.data.sleep.created","user_id":"u1","data":{}}`
	svixSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

func secretOf(key []byte) string { return "whsec_" + base64.StdEncoding.EncodeToString(key) }

// sign is Svix's signature, worked out here.
func sign(key []byte, id string, at time.Time, body string) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%d.%s", id, at.Unix(), body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// kept is a Publisher that keeps what it gets.
type kept struct {
	mu       sync.Mutex
	messages []*transforms.Message
	fails    error
	hangs    bool
}

func (k *kept) Publish(ctx context.Context, m *transforms.Message) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	if k.fails != nil {
		return k.fails
	}
	k.messages = append(k.messages, m)
	return nil
}

func (k *kept) ids() (ids []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, m := range k.messages {
		ids = append(ids, m.ID)
	}
	return ids
}

func mustSecrets(t testing.TB, text string) *Secrets {
	t.Helper()
	s, err := ParseSecrets(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newDoor(t testing.TB) (*Door, *kept) {
	t.Helper()
	to := &kept{}
	return &Door{Publisher: to, Secrets: mustSecrets(t, secret), Log: slog.New(slog.DiscardHandler)}, to
}

// signed is a request that is in order, by a clock.
func signed(id, body string, at time.Time) *http.Request {
	r := httptest.NewRequest(http.MethodPost, defaultPath, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("svix-id", id)
	r.Header.Set("svix-timestamp", fmt.Sprint(at.Unix()))
	r.Header.Set("svix-signature", sign(key, id, at, body))
	return r
}

func (d *Door) serve(r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result()
}

// TestPublishedVector: a signature that Svix's documentation shows, at the time
// of it, is good for five minutes.
func TestPublishedVector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, to := newDoor(t)
		d.Secrets = mustSecrets(t, svixSecret)
		const id, timestamp, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, `{"test": 2432232314}`
		post := func() int {
			r := signed(id, body, time.Unix(timestamp, 0))
			r.Header.Set("svix-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
			return d.serve(r).StatusCode
		}
		for _, step := range []struct {
			until time.Duration // from the timestamp
			want  int
		}{{-301 * time.Second, 401}, {-300 * time.Second, 204}, {0, 204}, {300 * time.Second, 204}, {301 * time.Second, 401}} {
			time.Sleep(time.Until(time.Unix(timestamp, 0).Add(step.until)))
			if got := post(); got != step.want {
				t.Errorf("%s from its time: %d, want %d", step.until, got, step.want)
			}
		}
		if got := len(to.ids()); got != 3 {
			t.Errorf("%d were published, want 3", got)
		}
	})
}

// TestAnswers: what is answered, and that only what is answered with 204 was
// published.
func TestAnswers(t *testing.T) {
	with := func(edit func(*http.Request)) *http.Request {
		r := signed(anyID, anyBody, time.Now())
		edit(r)
		return r
	}
	renamed := func(r *http.Request) {
		for _, name := range []string{"Id", "Timestamp", "Signature"} {
			r.Header["Webhook-"+name] = r.Header["Svix-"+name]
			delete(r.Header, "Svix-"+name)
		}
	}
	for name, test := range map[string]struct {
		request *http.Request
		want    int
	}{
		"in order":    {signed(anyID, anyBody, time.Now()), 204},
		"white label": {with(renamed), 204},
		"signed more than once": {with(func(r *http.Request) {
			r.Header.Set("svix-signature", "v2,AAAA v1,no "+sign(otherKey, anyID, time.Now(), anyBody)+" "+r.Header.Get("svix-signature"))
		}), 204},
		"no JSON":               {signed(anyID, "\xff{", time.Now()), 204},
		"empty":                 {signed(anyID, "", time.Now()), 204},
		"with a charset":        {with(func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=utf-8") }), 204},
		"GET":                   {with(func(r *http.Request) { r.Method = http.MethodGet }), 405},
		"a form":                {with(func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }), 415},
		"no type":               {with(func(r *http.Request) { r.Header.Del("Content-Type") }), 415},
		"no id":                 {with(func(r *http.Request) { r.Header.Del("svix-id") }), 400},
		"an id with a space":    {signed("msg_1 2", anyBody, time.Now()), 400},
		"an id that is long":    {signed("msg_"+strings.Repeat("x", longestID), anyBody, time.Now()), 400},
		"a word for a time":     {with(func(r *http.Request) { r.Header.Set("svix-timestamp", "now") }), 401},
		"half a white label":    {with(func(r *http.Request) { renamed(r); r.Header.Del("webhook-signature") }), 400},
		"another's id beside":   {with(func(r *http.Request) { renamed(r); r.Header.Set("svix-id", "msg_other") }), 204},
		"larger than it may be": {signed(anyID, strings.Repeat("x", defaultMaxBody+1), time.Now()), 413},
		"as large as it may be": {signed(anyID, strings.Repeat("x", defaultMaxBody), time.Now()), 204},
		"of unknown length":     {with(func(r *http.Request) { r.ContentLength = -1 }), 204},
	} {
		t.Run(name, func(t *testing.T) {
			d, to := newDoor(t)
			got := d.serve(test.request)
			if got.StatusCode != test.want {
				t.Errorf("answer %d, want %d", got.StatusCode, test.want)
			}
			if published := len(to.ids()) == 1; published != (test.want == 204) {
				t.Errorf("published: %v", to.ids())
			}
			if id := got.Header.Get("X-Request-Id"); len(id) != 36 {
				t.Errorf("the request's id is %q", id)
			}
		})
	}
	t.Run("the id that was signed counts", func(t *testing.T) {
		d, to := newDoor(t)
		d.serve(with(func(r *http.Request) { renamed(r); r.Header.Set("svix-id", "msg_other") }))
		if ids := to.ids(); len(ids) != 1 || ids[0] != anyID {
			t.Errorf("published: %v, want %s", ids, anyID)
		}
	})
}

// TestNotSafe: while nothing can be made safe, and when the server is about to
// end, Svix is asked to come again, in less than its 15 s.
func TestNotSafe(t *testing.T) {
	for name, test := range map[string]struct {
		edit  func(*Door, *kept)
		ready int
	}{
		"publishing fails": {func(_ *Door, to *kept) { to.fails = errors.New("no") }, 200},
		"publishing hangs": {func(_ *Door, to *kept) { to.hangs = true }, 200},
		"draining":         {func(d *Door, _ *kept) { d.draining.Store(true) }, 503},
		"not ready": {func(d *Door, to *kept) {
			d.Ready = func() error { return errors.New("the warehouse fails") }
			to.hangs = true
		}, 503},
		"memory full": {func(d *Door, _ *kept) {
			d.once.Do(d.setDefaults)
			d.held.TryAcquire(d.MaxHeld)
		}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, to := newDoor(t)
				test.edit(d, to)
				began := time.Now()
				got := d.serve(signed(anyID, anyBody, time.Now()))
				if got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
					t.Errorf("answer %d, Retry-After %q", got.StatusCode, got.Header.Get("Retry-After"))
				}
				if took := time.Since(began); took+readTime >= 15*time.Second {
					t.Errorf("it took %s beside up to %s to read", took, readTime)
				}
				if got := d.serve(httptest.NewRequest(http.MethodGet, "/readyz", nil)); got.StatusCode != test.ready {
					t.Errorf("/readyz: %d, want %d", got.StatusCode, test.ready)
				}
			})
		})
	}
}

// TestMemoryIsGivenBack: what a request held is free after it, however it ended.
func TestMemoryIsGivenBack(t *testing.T) {
	d, _ := newDoor(t)
	bad := signed(anyID, anyBody, time.Now())
	bad.Header.Set("svix-signature", "v1,no")
	for range 3 {
		d.serve(bad)
		d.serve(signed(anyID, anyBody, time.Now()))
		d.serve(signed(anyID, strings.Repeat("x", defaultMaxBody+1), time.Now()))
	}
	if !d.held.TryAcquire(d.MaxHeld) {
		t.Error("something is still held")
	}
}

// TestLogSays: refusals are logged with their reason, not each of thousands,
// and nothing of what was sent is.
func TestLogSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		d, to := newDoor(t)
		d.Log = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		const canary = "canary"
		refuse := func() {
			r := signed(canary+"-id", `{"event_type":"`+canary+`","user_id":"`+canary+`"}`, time.Now())
			r.Header.Set("svix-signature", "v1,"+canary)
			r.Header.Set("X-Request-Id", canary)
			r.Header.Set("User-Agent", canary)
			d.serve(r)
		}
		for range 1000 {
			refuse()
		}
		time.Sleep(sayEvery + time.Second)
		refuse()
		to.fails = errors.New("the topic is gone")
		d.serve(signed(canary, canary, time.Now()))
		if n := strings.Count(out.String(), "is not signed"); n != 2 || !strings.Contains(out.String(), "times=1000") {
			t.Errorf("a thousand and one refusals are said %d times:\n%s", n, out.String())
		}
		if !strings.Contains(out.String(), "the topic is gone") {
			t.Errorf("the log does not say why publishing fails:\n%s", out.String())
		}
		if strings.Contains(out.String(), canary) || strings.Contains(out.String(), secret) {
			t.Errorf("the log tells of what was sent:\n%s", out.String())
		}
	})
}
