package junction_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"vitalsink/connector"
	"vitalsink/connector/junction"
	"vitalsink/transforms"
)

// status answers with one, and a body that nobody may quote.
func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = w.Write([]byte(`{"detail":"` + secretUser + " " + secretValue + `"}`))
	}
}

// hijacked takes the connection over.
func hijacked(w http.ResponseWriter, answer string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = conn.Write([]byte(answer))
	_ = conn.Close()
}

// cut declares more than it sends.
func cut(w http.ResponseWriter, _ *http.Request) {
	body := pageOf(2, "null")
	hijacked(w, "HTTP/1.1 200 OK\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body[:len(body)-9])
}

// failures are answers that are worth another try.
var failures = map[string]http.HandlerFunc{
	"408": status(408), "429": status(429), "500": status(500), "502": status(502), "503": status(503), "504": status(504),
	"cut":       cut,
	"no answer": func(w http.ResponseWriter, _ *http.Request) { hijacked(w, "") },
	"not HTTP": func(w http.ResponseWriter, _ *http.Request) {
		hijacked(w, secretValue+" "+secretUser+"\r\n\r\n")
	},
	"a wrong header": func(w http.ResponseWriter, _ *http.Request) {
		hijacked(w, "HTTP/1.1 200 OK\r\n"+secretValue+" "+secretUser+"\r\n\r\n")
	},
	"a wrong status": func(w http.ResponseWriter, _ *http.Request) {
		hijacked(w, "HTTP/1.1 "+secretValue+" OK\r\n\r\n")
	},
	"a wrong encoding": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write([]byte(secretValue + secretUser))
	},
	"a wrong chunk": func(w http.ResponseWriter, _ *http.Request) {
		hijacked(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+secretValue+"\r\n")
	},
	"a wrong length": func(w http.ResponseWriter, _ *http.Request) {
		hijacked(w, "HTTP/1.1 200 OK\r\nContent-Length: "+secretValue+"\r\n\r\n")
	},
	"malformed":    text(pageOf(2, "null")[:99]),
	"empty":        text(""),
	"another form": text(`{"detail":"` + secretValue + `"}`),
	"a text":       text(`"` + secretValue + `"`),
	"a wrong list": text(`{"groups":{"oura":[` + secretValue + `]}}`),
	"no samples":   text(`{"groups":{"oura":[{"source":{"provider":"` + secretValue + `"}}]}}`),
	"no list":      text(`{"groups":{"oura":[{"data":{"` + secretValue + `":1}}]}}`),
	"wrong cursor": text(`{"groups":{},"next_cursor":` + secretValue + `}`),
}

// TestRetries: what may be a matter of the moment is asked for eight times, and
// answered if the last brings an answer.
func TestRetries(t *testing.T) {
	for name, fail := range failures {
		for failing, want := range map[int]error{7: nil, 8: junction.ErrUnavailable} {
			t.Run(name+" "+strconv.Itoa(failing), func(t *testing.T) {
				asked := 0
				c := serve(t, func(w http.ResponseWriter, r *http.Request) {
					if asked++; asked <= failing {
						fail(w, r)
						return
					}
					text(pageOf(2, "null"))(w, r)
				})
				f, err := fetch(t.Context(), c, query(t, "heartrate"))
				is(t, err, want)
				if f.Requests != 8 || asked < 8 || err == nil && f.Rows != 2 {
					t.Errorf("%+v, %d requests", f.Answer, asked)
				}
				if all, again := c.Requests(); all != 8 || again != 7 {
					t.Errorf("%d requests, %d of them again", all, again)
				}
			})
		}
	}
}

// TestRefusals: what another try would not change is not tried again.
func TestRefusals(t *testing.T) {
	for code, want := range map[int]error{
		401: connector.ErrKey, 403: junction.ErrRefused,
		400: junction.ErrRefused, 405: junction.ErrRefused, 410: junction.ErrRefused, 422: junction.ErrRefused,
		204: junction.ErrRefused, 206: junction.ErrRefused, 304: junction.ErrRefused, 418: junction.ErrRefused,
	} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			f, err := fetch(t.Context(), serve(t, status(code)), query(t, "heartrate"))
			is(t, err, want)
			if f.Requests != 1 || len(f.messages) != 0 {
				t.Errorf("%+v", f.Answer)
			}
		})
	}
}

// TestRedirect: one is not followed, so that the key does not leave.
func TestRedirect(t *testing.T) {
	for _, code := range []int{301, 302, 303, 307, 308} {
		followed := false
		other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed = true }))
		c := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL+"/"+secretUser, code) })
		f, err := fetch(t.Context(), c, query(t, "heartrate"))
		other.Close()
		is(t, err, junction.ErrRefused)
		if followed || f.Requests != 1 {
			t.Errorf("%d: followed %v, %d requests", code, followed, f.Requests)
		}
	}
}

// TestAbsent: what Junction does not know is no error, not even after an attempt
// that broke off; in the middle of the pages it is.
func TestAbsent(t *testing.T) {
	for name, c := range map[string]struct {
		answers []http.HandlerFunc
		rows    int
		absent  bool
		err     error
	}{
		"at once":         {[]http.HandlerFunc{status(404)}, 0, true, nil},
		"after a failure": {[]http.HandlerFunc{status(503), status(404)}, 0, true, nil},
		"after nothing":   {[]http.HandlerFunc{text(""), status(404)}, 0, true, nil},
		"a later page":    {[]http.HandlerFunc{text(pageOf(2, `"a"`)), status(404)}, 2, false, connector.ErrAbsent},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				c.answers[asked](w, r)
				asked++
			})
			f, err := fetch(t.Context(), client, query(t, "heartrate"))
			is(t, err, c.err)
			if f.Absent != c.absent || f.Rows != c.rows || f.Began.IsZero() || f.Requests != len(c.answers) {
				t.Errorf("%+v", f.Answer)
			}
		})
	}
}

// TestCursors: pages whose cursors go in circles are an error, and no endless
// fetch.
func TestCursors(t *testing.T) {
	for name, next := range map[string]map[string]string{
		"the same":     {"": `"` + secretCursor + `"`, secretCursor: `"` + secretCursor + `"`},
		"a circle":     {"": `"` + secretCursor + `"`, secretCursor: `"b"`, "b": `"c"`, "c": `"` + secretCursor + `"`},
		"of two pages": {"": `"a"`, "a": `"b"`, "b": `"a"`},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if asked++; asked > 50 {
					status(400)(w, r)
					return
				}
				text(pageOf(1, next[r.URL.Query().Get("next_cursor")]))(w, r)
			})
			f, err := fetch(t.Context(), c, query(t, "heartrate"))
			is(t, err, junction.ErrUnavailable)
			if f.Requests > 5 {
				t.Errorf("%d requests", f.Requests)
			}
		})
	}
}

// TestTwinOfCursor: the deprecated name of a cursor will do.
func TestTwinOfCursor(t *testing.T) {
	for first, want := range map[string]int{
		`{"groups":{},"next":"a"}`: 2, `{"next_cursor":"a","groups":{}}`: 2, `{"next_cursor":"a","next":"b","groups":{}}`: 2,
		`{"groups":{},"next_cursor":null,"next":null}`: 1, `{"groups":{},"next_cursor":""}`: 1, `{"groups":{}}`: 1,
	} {
		var cursors []string
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			cursors = append(cursors, r.URL.Query().Get("next_cursor"))
			text(map[bool]string{true: first, false: `{"groups":{}}`}[len(cursors) == 1])(w, r)
		})
		if must(t, c, query(t, "heartrate")); len(cursors) != want || want == 2 && cursors[1] != "a" {
			t.Errorf("%s: asked for %q", first, cursors)
		}
	}
}

var errTake = errors.New("no room")

// TestTakeFails: an error of take is the fetch's, as it is, and no reason to ask
// again.
func TestTakeFails(t *testing.T) {
	for resource, body := range map[string]string{
		"heartrate": pageOf(5000, "null"), "sleep": `{"sleep":[{"id":"1"},{"id":"2"}]}`, "device": `[{"id":"1"}]`, "profile": `{}`,
		"workout_stream": `{"time":[1,2,3]}`,
	} {
		taken := 0
		answer, err := serve(t, text(body)).Fetch(t.Context(), query(t, resource), func(*transforms.Message, int) error {
			taken++
			return errTake
		})
		if err != errTake || taken != 1 || answer.Requests != 1 { //nolint:errorlint // it shall be itself
			t.Errorf("%s: %d messages taken, %+v: %v", resource, taken, answer, err)
		}
	}
}
