package junction_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vitalsink/connector/junction"
	"vitalsink/transforms"
)

// limit of the tests: the client's own takes them long.
const limit = 4 << 20

// endless answers with a beginning, and then with the same again and again, and
// remembers how large the heap was.
func endless(begin, again string, packed bool, heap *atomic.Uint64) http.HandlerFunc {
	again = strings.Repeat(again, 1+(256<<10)/len(again))
	return func(w http.ResponseWriter, _ *http.Request) {
		var out io.Writer = w
		if packed {
			w.Header().Set("Content-Encoding", "gzip")
			z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
			defer func() { _ = z.Close() }()
			out = z
		}
		_, err := io.WriteString(out, begin)
		var m runtime.MemStats
		for i := 0; err == nil && i < 1000; i++ {
			runtime.ReadMemStats(&m)
			heap.Store(max(heap.Load(), m.HeapAlloc))
			_, err = io.WriteString(out, again)
		}
	}
}

// TestTooLarge: of an answer that has no end no more than a few times the limit
// is in memory, and it is not asked for again.
func TestTooLarge(t *testing.T) {
	for name, c := range map[string]struct{ resource, begin, again string }{
		"one text":     {"profile", `{"a":"`, "x"},
		"white space":  {"profile", ` `, " "},
		"many records": {"sleep", `{"sleep":[{"id":"0"}`, `,{"id":"` + strings.Repeat("1", 2000) + `"}`},
		"one record":   {"sleep", `{"sleep":[{"id":"`, "0"},
		"beside it":    {"sleep", `{"other":[`, `0,`},
		"many groups":  {"heartrate", `{"groups":{"oura":[{"data":[]}`, `,{"data":[],"a":"` + strings.Repeat("1", 200) + `"}`},
		"one group":    {"heartrate", `{"groups":{"oura":[{"data":[`, `{"value":1},`},
		"one cursor":   {"heartrate", `{"next_cursor":"`, "a"},
		"one list":     {"workout_stream", `{"time":[`, "1,"},
		"depth":        {"profile", `{"a":`, `[`},
	} {
		for _, packed := range []bool{false, true} {
			if packed && name != "one group" {
				continue
			}
			t.Run(name, func(t *testing.T) {
				var heap atomic.Uint64
				client := serve(t, endless(c.begin, c.again, packed, &heap))
				client.Limit(limit)
				var before runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				answer, err := client.Fetch(t.Context(), query(t, c.resource), func(*transforms.Message, int) error { return nil })
				want := junction.ErrTooLarge
				if name == "depth" { // nobody nests so
					want = junction.ErrUnavailable
				}
				if is(t, err, want); want == junction.ErrTooLarge && answer.Requests != 1 { //nolint:errorlint // it is this one
					t.Errorf("%d requests", answer.Requests)
				}
				if more := int64(heap.Load()) - int64(before.HeapAlloc); more > 10*limit {
					t.Errorf("%d MiB in memory", more>>20)
				}
			})
		}
	}
}

// TestJustNotTooLarge: an answer that is as large as can be is read.
func TestJustNotTooLarge(t *testing.T) {
	for more, want := range map[int]error{0: nil, 1: junction.ErrTooLarge} {
		const begin, end = `{"a":"`, `"}`
		body := begin + strings.Repeat("x", limit-len(begin)-len(end)+more) + end
		client := serve(t, text(body))
		client.Limit(limit)
		_, err := client.Fetch(t.Context(), query(t, "profile"), func(*transforms.Message, int) error { return nil })
		is(t, err, want)
	}
}

// TestSlowAnswer: an answer that does not come to its end is given up after a
// while, and asked for again.
func TestSlowAnswer(t *testing.T) {
	for name, slow := range map[string]http.HandlerFunc{
		"no headers": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"half of it": func(w http.ResponseWriter, r *http.Request) {
			text(pageOf(2, "null")[:99])(w, r)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				c := bubble(t, func(w http.ResponseWriter, r *http.Request) {
					if asked++; asked == 1 {
						slow(w, r)
						return
					}
					text(pageOf(2, "null"))(w, r)
				})
				began := time.Now()
				f := must(t, c, query(t, "heartrate"))
				if took := time.Since(began); f.Requests != 2 || f.Rows != 2 || took < junction.AnswerTime || took > junction.AnswerTime+time.Second {
					t.Errorf("%+v after %v", f.Answer, took)
				}
			})
		})
	}
}

// TestSlowTake: who takes the messages may need longer than an answer may: the
// time is the server's, and the page does not begin anew.
func TestSlowTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		c := bubble(t, func(w http.ResponseWriter, r *http.Request) {
			asked++
			text(strings.Replace(pageOf(100, "null"), `{"groups":{"oura":[`, `{"groups":{"oura":[`+strings.Repeat(`{"source":{},"data":[{"value":1}]},`, 5000), 1))(w, r)
		})
		taken := 0
		answer, err := c.Fetch(t.Context(), query(t, "heartrate"), func(_ *transforms.Message, rows int) error {
			taken += rows
			time.Sleep(time.Second)
			return nil
		})
		if err != nil || asked != 1 || taken != 5100 || answer.Rows != 5100 {
			t.Errorf("%d rows taken, %+v, %d requests: %v", taken, answer, asked, err)
		}
	})
}
