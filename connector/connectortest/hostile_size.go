package connectortest

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"vitalsink/connector"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// slow tells that all takes several times as long, or that little time is to be
// taken: then there is less of it.
func slow() bool {
	if testing.Short() {
		return true
	}
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// sizeLimits: what is exactly at a limit lands as it came; with one more it is
// in quarantine, as it came, too.
func (s *suite) sizeLimits(t *testing.T) {
	sleep := func(field string) string {
		return `{"event_type":"daily.data.sleep.created","user_id":"u1","data":{"id":"ID",` + field + `}}`
	}
	nested := func(n int) string { return sleep(`"x":` + strings.Repeat("[", n) + strings.Repeat("]", n)) }
	padded := func(n int) string { return sleep(`"score":1`) + strings.Repeat(" ", n) }
	// A sleep is two objects deep.
	const depth = transforms.MaxDepth - 2
	var messages []transforms.Message
	broken := map[string]poison{}
	add := func(id, body string, reason transforms.Reason) {
		m := transforms.Message{ID: id, PublishTime: noon, Data: []byte(strings.Replace(body, "ID", id, 1))}
		if len(body) > transforms.MaxRow*2 { // it takes long to send, and tells nothing
			m.Data, m.Attributes = zipped(m.Data), map[string]string{"blob-codec": "gzip"}
		}
		if messages = append(messages, m); reason != "" {
			broken[id] = poison{reason: reason, data: m.Data}
		}
	}
	add("deepest", nested(depth), "")
	add("deeper", nested(depth+1), transforms.TooDeep)
	if !slow() {
		body := transforms.MaxBody - len(padded(0)) - len("longest") + len("ID")
		add("longest", padded(body), "")
		add("oversize", padded(body), transforms.TooLarge) // its id has one more
	}
	for _, event := range []string{`"state":"TEXT"`, `"unheard_of":"TEXT"`} {
		text := func(n int) string { return sleep(strings.Replace(event, "TEXT", strings.Repeat("x", n), 1)) }
		most := s.most(t, text)
		add("widest"+event[1:2], text(most), "")
		add("wider "+event[1:2], text(most+1), transforms.TooLarge)
	}
	// Three parts of bytes that do not get shorter, and one that is full.
	noise := make([]byte, 2*transforms.MaxPart+1000)
	dice := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(dice.Uint32())
	}
	add("noise", string(noise), transforms.BadGzip)
	messages[len(messages)-1].Data, broken["noise"] = noise, poison{reason: transforms.BadGzip, data: noise}
	// What every sample repeats makes more of it than may be held.
	shared := strings.Repeat("x", 2<<20)
	add("expands", `{"event_type":"daily.data.heartrate.created","user_id":"u1","data":{"source":{"app_id":"`+shared+`"},"data":[`+
		strings.Repeat(`{"timestamp":"2026-05-01T10:00:00Z","value":1},`, transforms.MaxExpanded/len(shared)-1)+`{}]}}`, transforms.TooLarge)

	w := s.open(t)
	landed := s.ingest(t, w, 1, messages...)
	s.fold(t, w)
	s.settled(t, w, s.refer(t, messages...))
	if b := landed.Books; b.MessagesQuarantined != len(broken) || b.MessagesLanded != len(messages)-len(broken) {
		t.Errorf("%+v; want %d of %d messages in quarantine", b, len(broken), len(messages))
	}
	s.expectBytes(t, w, broken)
}

var takes = regexp.MustCompile(`takes (\d+) bytes`)

// most is how long a text may be for its row to be just within MaxRow.
func (s *suite) most(t *testing.T, body func(n int) string) int {
	t.Helper()
	d, err := transforms.NewDecoder(s.catalogue)
	if err != nil {
		t.Fatal(err)
	}
	out := d.Decode(&transforms.Message{ID: "widest?", PublishTime: noon, Data: []byte(strings.Replace(body(transforms.MaxRow), "ID", "widest?", 1))})
	for _, why := range out.Refusals() {
		if m := takes.FindStringSubmatch(why.Detail); m != nil {
			n, _ := strconv.Atoi(m[1]) // digits
			return 2*transforms.MaxRow - n
		}
	}
	t.Fatal("a row beyond the limit is not refused for its size")
	return 0
}

// seconds is a message with a sample a second.
func seconds(id string, published time.Time, n int) transforms.Message {
	var body bytes.Buffer
	body.WriteString(`{"event_type":"daily.data.heartrate.created","user_id":"u1","data":{"data":[`)
	for i := range n {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"timestamp":%q,"value":%d}`, noon.Add(-time.Duration(i)*time.Second).Format(time.RFC3339), 40+i%100)
	}
	body.WriteString(`]}}`)
	return transforms.Message{ID: id, PublishTime: published, Data: body.Bytes()}
}

// million: a million samples of one user in one message.
func (s *suite) million(t *testing.T) {
	if slow() {
		t.Skip("a million samples take long")
	}
	const n = 1_000_000
	w := s.open(t)
	s.ingest(t, w, 1, seconds("m1", noon, n))
	if got := s.fold(t, w).Books; got.Applied != n || got.Registered != n {
		t.Errorf("folded %+v; want %d applied", got, n)
	}
}

// manySamples: twenty thousand samples of one user in one message, three times:
// the first, a newer one of half as many, and the first again.
func (s *suite) manySamples(t *testing.T) {
	const n = 20_000
	first, newer := seconds("m1", noon, n), seconds("m2", noon.Add(time.Hour), n/2)
	w := s.open(t)
	for i, step := range []struct {
		message        transforms.Message
		applied, stale int
	}{{first, n, 0}, {newer, n / 2, 0}, {first, 0, n}} {
		s.ingest(t, w, n, step.message)
		if got := s.fold(t, w).Books; got.Applied != step.applied || got.Stale != step.stale {
			t.Errorf("step %d: %+v, want %d applied and %d stale", i, got, step.applied, step.stale)
		}
	}
	by, seen := map[string]int{}, map[string]bool{}
	for _, row := range w.View(t, "heartrate") {
		by[row["_message_id"]]++
		seen[row["timestamp"]] = true
	}
	if by["m1"] != n/2 || by["m2"] != n/2 || len(seen) != n {
		t.Errorf("%v rows by message, at %d times; want %d each, at %d", by, len(seen), n/2, n)
	}
	s.mergedOnce(t, w, nil)
}

// oneKey: samples that all have one key, in one message: the last one stays.
func (s *suite) oneKey(t *testing.T) {
	const n = 20_000
	m := transforms.Message{ID: "m1", PublishTime: noon, Data: []byte(`{"event_type":"daily.data.heartrate.created","user_id":"u1","data":{"data":[` +
		strings.Repeat(`{"timestamp":"2026-05-01T10:00:00Z","value":1},`, n-1) + `{"timestamp":"2026-05-01T12:00:00+02:00","value":2}]}}`)}
	w := s.open(t)
	s.ingest(t, w, n, m)
	if got := s.fold(t, w).Books; got.Applied != 1 || got.Superseded != n-1 {
		t.Errorf("%+v, want one applied and %d superseded", got, n-1)
	}
	if rows := w.Latest(t, schemas.TimeseriesTable); len(rows) != 1 || rows[0]["value"] != "2" {
		t.Errorf("%d rows, the first with the value %v; want one, with the last one's", len(rows), rows[0]["value"])
	}
	s.mergedOnce(t, w, nil)
}

// peak is an allocator that knows the most that it gave away.
type peak struct {
	memory.Allocator
	used, most int64 // one worker and one committer: the budget's lock is not needed
}

func (p *peak) note(n int) {
	p.used += int64(n)
	p.most = max(p.most, p.used)
}

func (p *peak) Allocate(size int) []byte {
	p.note(size)
	return p.Allocator.Allocate(size)
}

func (p *peak) Reallocate(size int, b []byte) []byte {
	p.note(size - len(b))
	return p.Allocator.Reallocate(size, b)
}

func (p *peak) Free(b []byte) {
	p.note(-len(b))
	p.Allocator.Free(b)
}

// bounded: messages of which each takes far more than may be held take no more
// at once than that and one of them.
func (s *suite) bounded(t *testing.T) {
	const held = 1 << 20
	mostOf := func(messages ...transforms.Message) int64 {
		p := &peak{Allocator: memory.DefaultAllocator}
		in := &connector.Ingest{
			Warehouse: discarding{}, Catalogue: s.catalogue, Log: slog.New(slog.DiscardHandler), Allocator: p, Workers: 1, MaxHeld: held,
		}
		if err := in.Run(t.Context(), slice(messages)); err != nil {
			t.Fatal(err)
		}
		if p.used != 0 || in.Held() != 0 {
			t.Errorf("%d bytes are left, %d held", p.used, in.Held())
		}
		return p.most
	}
	one := mostOf(seconds("m0", noon, 40_000))
	var messages []transforms.Message
	for i := range 6 {
		messages = append(messages, seconds(fmt.Sprint("m", i), noon, 40_000))
	}
	if all := mostOf(messages...); one < 4*held || all > one+held {
		t.Errorf("one message takes %d bytes, six %d; want at most %d more, and one far more than that", one, all, held)
	}
}

// manyUsers: ten thousand users in one batch, and half of them once more.
func (s *suite) manyUsers(t *testing.T) {
	users := 10_000
	if slow() {
		users = 1_000
	}
	message := func(user int, published time.Time) transforms.Message {
		m := heartrates(fmt.Sprintf("%d %d", user, published.Unix()), published, 60, noon)
		m.Data = bytes.Replace(m.Data, []byte(`"u1"`), fmt.Appendf(nil, `"u%d"`, user), 1)
		return m
	}
	var first, second []transforms.Message
	for i := range users {
		first = append(first, message(i, noon))
		if i%2 == 0 {
			second = append(second, message(i, noon.Add(time.Hour)))
		}
	}
	w := s.open(t)
	for _, messages := range [][]transforms.Message{first, second} {
		s.ingest(t, w, 1_000_000, messages...)
		if n := len(s.pending(t, w).Batches); n != 1 {
			t.Errorf("%d batches, want one", n)
		}
		if got := s.fold(t, w).Books; got.Applied != len(messages) {
			t.Errorf("%+v, want %d applied", got, len(messages))
		}
	}
	seen, rows := map[string]bool{}, w.View(t, "heartrate")
	for _, row := range rows {
		var user int
		if _, err := fmt.Sscanf(row["user_id"], "u%d", &user); err != nil {
			t.Fatal(err)
		}
		if want := second[user/2].ID; user%2 == 0 && row["_message_id"] != want || user%2 == 1 && row["_message_id"] != first[user].ID {
			t.Fatalf("user %d has the row of another version, or of another user", user)
		}
		seen[row["user_id"]] = true
	}
	if len(seen) != users || len(rows) != users {
		t.Errorf("%d users in %d rows, want %d in as many", len(seen), len(rows), users)
	}
	s.mergedOnce(t, w, nil)
}
