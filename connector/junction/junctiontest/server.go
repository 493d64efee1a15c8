package junctiontest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"time"
)

// Config says how a Server is.
type Config struct {
	// Key is what requests must have in X-Vital-API-Key. Optional.
	Key string
	// PageSize is the number of samples on a page. Optional, default 500.
	PageSize int
	// Now is the server's clock, which its Date headers show. Optional, default
	// time.Now.
	Now func() time.Time
	// Before is called before a request is served, and may change what the
	// server holds. Optional; many requests may be in it at once.
	Before func(*http.Request)
	// Faults go wrong. Optional.
	Faults Faults
	// Disagree is how what Fill loads differs from the population. Optional.
	Disagree Disagree
}

// Server is a Junction of one team. Close it.
type Server struct {
	URL string // without a slash at its end
	Key string

	config Config
	store  store
	faults faults
	http   *httptest.Server
	closed chan struct{}

	mu       sync.Mutex
	requests map[Kind]int
}

// New starts a Server on a port of the loopback interface.
func New(cfg Config) *Server {
	cfg.Key = cmp.Or(cfg.Key, "sk_us_standin")
	cfg.PageSize = cmp.Or(cfg.PageSize, 500)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Server{Key: cfg.Key, config: cfg, store: newStore(), closed: make(chan struct{}), requests: map[Kind]int{}}
	s.SetFaults(cfg.Faults)
	s.http = httptest.NewServer(s.handler())
	s.URL = s.http.URL
	return s
}

// Close ends all requests and waits for them.
func (s *Server) Close() {
	close(s.closed)
	s.http.CloseClientConnections()
	s.http.Close()
}

// Requests is how many requests of a kind came in, whatever was answered.
func (s *Server) Requests(kind Kind) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[kind]
}

func (s *Server) count(kind Kind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests[kind]++
	s.requests[AnyKind]++
}

// endpoint answers a request: with text that is JSON, with what becomes JSON,
// or with a refusal.
type endpoint func(*http.Request) (any, error)

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	for _, path := range []struct {
		pattern string
		kind    Kind
		serve   endpoint
	}{
		{"GET /v2/summary/{resource}/{user}", Summary, s.summaries},
		{"GET /v2/summary/profile/{user}", Profile, s.profile},
		{"GET /v2/timeseries/{user}/{resource}/grouped", Grouped, s.grouped},
		{"GET /v2/timeseries/workouts/{workout}/stream", Stream, s.stream},
		{"GET /v2/user", Users, s.users},
		{"GET /v2/user/{user}", User, s.user},
		{"GET /v2/introspect/resources", Resources, s.resources},
		{"GET /v2/introspect/historical_pull", Pulls, s.pulls},
		{"/", Unknown, func(*http.Request) (any, error) { return nil, refuse(http.StatusNotFound, "Not Found") }},
	} {
		mux.HandleFunc(path.pattern, s.serve(path.kind, path.serve))
	}
	// A mux cannot tell these two apart: a user could be called providers.
	owned, connected := s.serve(Devices, s.devices), s.serve(Providers, s.providers)
	mux.HandleFunc("GET /v2/user/{user}/{what}", func(w http.ResponseWriter, r *http.Request) {
		switch user, what := r.PathValue("user"), r.PathValue("what"); {
		case user == "providers":
			r.SetPathValue("user", what)
			connected(w, r)
		case what == "device":
			owned(w, r)
		default:
			s.serve(Unknown, func(*http.Request) (any, error) { return nil, refuse(http.StatusNotFound, "Not Found") })(w, r)
		}
	})
	return mux
}

func (s *Server) serve(kind Kind, answer endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.count(kind)
		if s.config.Before != nil {
			s.config.Before(r)
		}
		w.Header().Set("Date", s.config.Now().UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Type", "application/json")
		if r.Header.Get("X-Vital-API-Key") != s.config.Key {
			send(w, http.StatusUnauthorized, refuse(http.StatusUnauthorized, "Invalid API key").body())
			return
		}
		s.spoil(w, r, answer)
	}
}

func send(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that left is none of our business
}

// answered is an endpoint's answer as it is sent.
func answered(v any, err error) (status int, body []byte) {
	if err != nil {
		var no *refusal
		if !errors.As(err, &no) {
			no = refuse(http.StatusInternalServerError, err.Error())
		}
		return no.status, no.body()
	}
	if text, ok := v.([]byte); ok {
		return http.StatusOK, text
	}
	return http.StatusOK, encode(v)
}

// refusal is an answer that is an error.
type refusal struct {
	status int
	detail any
}

func refuse(status int, detail any) *refusal { return &refusal{status, detail} }

// invalid is the answer to a parameter that cannot be read.
func invalid(parameter, message string) *refusal {
	return refuse(http.StatusUnprocessableEntity, []map[string]any{
		{"loc": []string{"query", parameter}, "msg": message, "type": "value_error"},
	})
}

func (r *refusal) Error() string { return fmt.Sprint(r.status, " ", r.detail) }
func (r *refusal) body() []byte  { return encode(map[string]any{"detail": r.detail}) }

// encode panics on what JSON cannot say, which nothing in here is but what a
// test has put in.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encode an answer: %v", err))
	}
	return b
}
