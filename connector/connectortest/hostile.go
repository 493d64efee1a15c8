package connectortest

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vitalsink/connector"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// refer is the reference of messages.
func (s *suite) refer(t testing.TB, messages ...transforms.Message) *reference {
	t.Helper()
	d, err := transforms.NewDecoder(s.catalogue)
	if err != nil {
		t.Fatal(err)
	}
	ref := newReference(s.catalogue)
	for _, m := range messages {
		ref.addDecoded(t, d.Decode(&m))
	}
	return ref
}

// settled wants the tables as the reference has them, nothing pending, and the
// ledger in balance.
func (s *suite) settled(t testing.TB, w Store, ref *reference) {
	t.Helper()
	s.expect(t, w, ref)
	s.mergedOnce(t, w, nil)
	if n := len(s.pending(t, w).Batches); n != 0 {
		t.Errorf("%d batches are left", n)
	}
}

// storm: every message comes eight times, in any order, in many small batches,
// while another folds without a pause.
func (s *suite) storm(t *testing.T) {
	messages := slices.Concat(workload(), []transforms.Message{
		sleepMessage("m5", noon.Add(2*time.Hour), "82", "2026-05-01T23:00:00Z", ""),
		sleepMessage("m6", noon, "83", "", "2026-05-01T11:00:00Z"),
		heartrates("m7", noon.Add(2*time.Hour), 64, noon, noon.AddDate(-5, 0, 0), noon),
		{ID: "m8", PublishTime: noon, Data: []byte(`{"event_type":`)},
	})
	var deliveries []transforms.Message
	for range 8 {
		deliveries = append(deliveries, messages...)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	dice.Shuffle(len(deliveries), func(i, j int) { deliveries[i], deliveries[j] = deliveries[j], deliveries[i] })
	w, over := s.open(t), make(chan struct{})
	var folds sync.WaitGroup
	folds.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
				s.mayFold(t, w)
			}
		}
	})
	for len(deliveries) > 0 {
		n := min(1+dice.IntN(12), len(deliveries))
		s.ingest(t, w, 1+dice.IntN(5), deliveries[:n]...)
		deliveries = deliveries[n:]
	}
	close(over)
	folds.Wait()
	s.fold(t, w)
	s.settled(t, w, s.refer(t, messages...))
}

// mayFold is fold for another goroutine than the test's.
func (s *suite) mayFold(t testing.TB, w connector.Warehouse) {
	f, err := s.folder(w).Fold(t.Context())
	if err != nil || !f.Books.Balanced() {
		t.Errorf("fold: %+v, %v", f.Books, err)
	}
}

// poison is a message that is broken, and why.
type poison struct {
	reason transforms.Reason
	data   []byte
	sample bool // one sample is refused, the others are not
}

func poisons(user string) []poison {
	plain := func(reason transforms.Reason, body string) poison {
		return poison{reason: reason, data: []byte(strings.ReplaceAll(body, "USER", user))}
	}
	const samples = `{"event_type":"daily.data.heartrate.created","user_id":"USER","data":{"data":[{"timestamp":"2026-05-01T09:00:00Z","value":1},{"timestamp":"TIME","value":2}]}}`
	badTime := plain(transforms.BadKey, strings.Replace(samples, "TIME", "yesterday", 1))
	tooOld := plain(transforms.DateOutOfTime, strings.Replace(samples, "TIME", "2004-12-31T23:59:59Z", 1))
	badTime.sample, tooOld.sample = true, true
	whole := zipped([]byte(samples))
	return []poison{
		plain(transforms.NotJSON, `{"event_type":"daily.data.sleep.created","user_id":"USER","data":{"id":"s`),
		plain(transforms.NotJSON, "not even nearly"),
		plain(transforms.InvalidUTF8, `{"event_type":"daily.data.sleep.created","user_id":"USER","data":{"id":"s1","state":"`+"\xff"+`"}}`),
		plain(transforms.DuplicateKey, `{"event_type":"daily.data.sleep.created","user_id":"USER","data":{"id":"s1","id":"s2"}}`),
		plain(transforms.NoUser, `{"event_type":"daily.data.sleep.created","data":{"id":"s1"}}`),
		plain(transforms.BadKey, `{"event_type":"daily.data.sleep.created","user_id":"USER","data":{"score":80}}`),
		plain(transforms.BadShape, `{"event_type":"daily.data.heartrate.created","user_id":"USER"}`),
		{reason: transforms.BadGzip, data: whole[:len(whole)/2]},
		{reason: transforms.BadGzip, data: append([]byte{0x1f, 0x8b}, "no gzip"...)},
		badTime, tooOld,
	}
}

func zipped(body []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err := z.Write(body)
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		panic(err) // a buffer takes everything
	}
	return out.Bytes()
}

// poisoned: every second message is broken, in each of the ways there are.
// Every good one lands, and every broken one is in quarantine, once, for its
// reason, with its bytes.
func (s *suite) poisoned(t *testing.T) {
	var messages []transforms.Message
	broken := map[string]poison{}
	good, samples := 0, 0
	for n := range 10 {
		user := fmt.Sprint("u", n)
		for i, p := range poisons(user) {
			id := fmt.Sprintf("%d.%d", n, i)
			broken["bad "+id] = p
			if p.sample {
				samples++
			}
			m := transforms.Message{ID: "bad " + id, PublishTime: noon, Data: p.data}
			if p.reason == transforms.BadGzip {
				m.Attributes = map[string]string{"blob-codec": "gzip"}
			}
			fine := heartrates("good "+id, noon, 60, noon.Add(time.Duration(good)*time.Second))
			messages = append(messages, m, fine)
			good++
		}
	}
	again := slices.Clone(messages)
	slices.Reverse(again)
	w := s.open(t)
	landed := s.ingest(t, w, 7, messages...)
	s.ingest(t, w, 1000, again...)
	s.fold(t, w)
	s.settled(t, w, s.refer(t, messages...))
	if b := landed.Books; b.MessagesLanded != good || b.MessagesPartlyQuarantined != samples || b.MessagesQuarantined != len(broken)-samples {
		t.Errorf("%+v; want %d landed, %d in part and %d in quarantine", b, good, samples, len(broken)-samples)
	}
	s.expectBytes(t, w, broken)
}

// expectBytes wants each of the messages in quarantine, for its reason and with
// its bytes, and no others.
func (s *suite) expectBytes(t *testing.T, w Store, broken map[string]poison) {
	t.Helper()
	parts, reasons := map[string]map[string]string{}, map[string]string{}
	for _, row := range w.Latest(t, schemas.QuarantineTable) {
		id := row["message_id"]
		if row["_index"] != "-1" || reasons[id] == "" && row["part"] == "0" {
			reasons[id] = row["reason"]
		}
		if row["_index"] != "-1" {
			continue
		}
		if parts[id] == nil {
			parts[id] = map[string]string{}
		}
		if _, twice := parts[id][row["part"]]; twice {
			t.Errorf("%s: part %s is there twice", id, row["part"])
		}
		parts[id][row["part"]] = row["payload"]
	}
	for id, p := range broken {
		if got := joined(t, parts[id]); !bytes.Equal(got, p.data) {
			t.Errorf("%s: %d bytes come back, not the %d that came", id, len(got), len(p.data))
		}
		if reasons[id] != string(p.reason) {
			t.Errorf("%s is in quarantine for %q, want %q", id, reasons[id], p.reason)
		}
	}
	if len(parts) != len(broken) {
		t.Errorf("%d messages are in quarantine, want %d", len(parts), len(broken))
	}
}

// joined are the bytes of a message, of their parts in hex.
func joined(t *testing.T, parts map[string]string) []byte {
	t.Helper()
	var all []byte
	for i := range len(parts) {
		piece, err := hex.DecodeString(parts[fmt.Sprint(i)])
		if err != nil || len(piece) == 0 || len(piece) > transforms.MaxPart {
			t.Errorf("part %d of %d: %d bytes, %v", i, len(parts), len(piece), err)
		}
		all = append(all, piece...)
	}
	if len(all) == 0 {
		return nil
	}
	z, err := gzip.NewReader(bytes.NewReader(all))
	if err != nil {
		t.Error(err)
		return nil
	}
	body, err := io.ReadAll(z)
	if err != nil {
		t.Error(err)
	}
	return body
}

// fiftyYears: messages of samples from 1976 to the day after tomorrow. What is
// before 2005, or later than the second day after its publication, is refused; the
// rest lands, through the late lane.
func (s *suite) fiftyYears(t *testing.T) {
	first, last := time.Date(2005, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 5, 3, 23, 59, 59, 999_999_000, time.UTC)
	var times []time.Time
	for month := range 50*12 + 4 {
		times = append(times, time.Date(1976, time.Month(1+month), 1+month%28, month%24, 0, 0, 0, time.UTC))
	}
	times = append(times, first, first.Add(-time.Microsecond), last, last.Add(time.Microsecond), noon.AddDate(0, 0, 4), noon.AddDate(1, 0, 0))
	var messages []transforms.Message
	for i := range 40 { // each of all years
		var some []time.Time
		for j := i; j < len(times); j += 40 {
			some = append(some, times[j])
		}
		messages = append(messages, heartrates(fmt.Sprint("m", i), noon, 60+i, some...))
	}
	w := s.open(t)
	s.ingest(t, w, 50, messages...)
	for _, b := range s.pending(t, w).Batches {
		if b.Table == schemas.TimeseriesTable && b.Lane != connector.Late {
			t.Errorf("a batch of %d days, from %v on, is in the recent lane", len(b.Days), b.Days[0])
		}
	}
	s.fold(t, w)
	s.settled(t, w, s.refer(t, messages...))
	want := map[string]bool{}
	for _, x := range times {
		if !x.Before(first) && !x.After(last) {
			want[x.Format(TimeFormat)] = true
		}
	}
	got := map[string]bool{}
	for _, row := range w.Latest(t, schemas.TimeseriesTable) {
		got[row["timestamp"]] = true
	}
	if !maps.Equal(want, got) {
		t.Errorf("%d samples landed, want %d", len(got), len(want))
	}
}
