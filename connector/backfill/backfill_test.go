package backfill_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vitalsink/connector"
	"vitalsink/connector/backfill"
	"vitalsink/connector/junction"
	"vitalsink/connector/junction/junctiontest"
	"vitalsink/connector/synth"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// topic keeps what is published. A message is safe when release lets it be.
type topic struct {
	mu      sync.Mutex
	types   []string // of the messages that are safe, in that order
	records []map[string]any
	refuse  bool
	hold    chan struct{} // if not nil, messages that are no records wait for it
	arrived chan struct{} // gets one for each of these
}

func (p *topic) Publish(ctx context.Context, m *transforms.Message) error {
	eventType := m.Attributes[transforms.AttrEventType]
	record := strings.HasPrefix(eventType, "vitalsink.fetched.")
	p.mu.Lock()
	hold, refuse := p.hold, p.refuse
	p.mu.Unlock()
	if hold != nil && !record {
		p.arrived <- struct{}{}
		select {
		case <-hold:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if refuse {
		return errors.New("the topic is gone")
	}
	p.types = append(p.types, eventType)
	if record {
		var event struct{ Data map[string]any }
		if err := json.Unmarshal(m.Data, &event); err != nil {
			return err
		}
		p.records = append(p.records, event.Data)
	}
	return nil
}

// board has notices that are never taken down, as in a warehouse where nothing
// is folded.
type board struct {
	notices []connector.Notice
	left    []connector.Leftover
}

func (b *board) UnansweredUsers(_ context.Context, after string) (ids []string, err error) {
	for _, n := range b.notices {
		if n.Person.UserID > after && !slices.Contains(ids, n.Person.UserID) {
			ids = append(ids, n.Person.UserID)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

func (b *board) Unanswered(_ context.Context, users []string) (all []connector.Notice, err error) {
	for _, n := range b.notices {
		if slices.Contains(users, n.Person.UserID) {
			all = append(all, n)
		}
	}
	return all, nil
}

func (b *board) Leftovers(context.Context, time.Time) ([]connector.Leftover, error) {
	return b.left, nil
}

// scene is a backfill between a stand-in and a topic.
type scene struct {
	*backfill.Backfill
	*topic
	board  *board
	server *junctiontest.Server
	people []synth.User
	log    strings.Builder
}

// newScene has two people of one day, with notices of three resources each.
func newScene(t *testing.T, cfg junctiontest.Config) *scene {
	t.Helper()
	s := &scene{topic: &topic{}, board: &board{}, server: junctiontest.New(cfg)}
	t.Cleanup(s.server.Close)
	catalogue, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	p := &synth.Population{Users: 2, Days: 1, Seed: 1, Start: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)}
	if _, err := s.server.Fill(t.Context(), p, catalogue); err != nil {
		t.Fatal(err)
	}
	client, err := junction.New(junction.Config{BaseURL: s.server.URL, Key: s.server.Key, Rate: 10_000, Patience: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() }) // it has no error
	s.Backfill = &backfill.Backfill{
		Source: client, Directory: client, Publisher: s.topic, Catalogue: catalogue, RowRate: 1e6,
		Log: slog.New(slog.NewTextHandler(&s.log, nil)),
	}
	s.people = p.People(catalogue)
	for _, u := range s.people {
		for _, resource := range []string{"heartrate", "sleep", "caffeine"} {
			s.announce(u.ID, resource, p.Start.AddDate(0, 0, -40), p.Start.AddDate(0, 0, 1))
		}
	}
	return s
}

func (s *scene) announce(user, resource string, start, end time.Time) {
	s.board.notices = append(s.board.notices, connector.Notice{
		Table: schemas.PullsTable, Person: connector.Person{UserID: user}, Resource: resource, Provider: "unknown",
		Start: start, End: end, Version: fmt.Sprint("v", len(s.board.notices)),
	})
}

// outcomes are those of what was recorded, by resource.
func (s *scene) outcomes() string {
	var all []string
	for _, r := range s.records {
		all = append(all, fmt.Sprint(r["resource"], " ", r["outcome"]))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// TestDrain: every notice is answered and recorded, and what this process
// answered is not asked about again, even if the warehouse does not show it yet;
// but what is announced anew is.
func TestDrain(t *testing.T) {
	s := newScene(t, junctiontest.Config{})
	if err := s.Drain(t.Context(), s.board, backfill.Filter{}); err != nil {
		t.Fatal(err)
	}
	const want = "caffeine empty, caffeine empty, heartrate fetched, heartrate fetched, sleep fetched, sleep fetched"
	if s.outcomes() != want || s.Result().Answered != 6 || s.Result().Failed != 0 {
		t.Errorf("%s, %+v", s.outcomes(), s.Result())
	}
	first := s.server.Requests(junctiontest.AnyKind)
	for range 3 {
		if err := s.Drain(t.Context(), s.board, backfill.Filter{}); err != nil {
			t.Fatal(err)
		}
	}
	if again := s.server.Requests(junctiontest.AnyKind); again != first+3 { // whose key it is
		t.Errorf("%d requests for what is answered", again-first-3)
	}
	s.board.notices[1].Version = "v9"
	if err := s.Drain(t.Context(), s.board, backfill.Filter{}); err != nil || s.outcomes() != want+", sleep fetched" {
		t.Errorf("%v, %s", err, s.outcomes())
	}
}

// TestRecordsComeLast: nothing is recorded as fetched that is not safe yet.
func TestRecordsComeLast(t *testing.T) {
	s := newScene(t, junctiontest.Config{})
	s.board.notices = s.board.notices[:2] // which have something
	s.hold, s.arrived = make(chan struct{}), make(chan struct{}, 1000)
	ended := make(chan error)
	go func() { ended <- s.Drain(t.Context(), s.board, backfill.Filter{}) }()
	for range 2 { // both have come as far as that
		<-s.arrived
	}
	s.mu.Lock()
	if len(s.records) > 0 {
		t.Errorf("recorded, and nothing is safe: %s", s.outcomes())
	}
	s.mu.Unlock()
	close(s.hold)
	if err := <-ended; err != nil || s.outcomes() != "heartrate fetched, sleep fetched" {
		t.Errorf("%v, %s", err, s.outcomes())
	}
}

// TestDeadline: what cannot be published in time, at the rate that is allowed, is
// not recorded as fetched.
func TestDeadline(t *testing.T) {
	s := newScene(t, junctiontest.Config{})
	s.board.notices, s.RowRate = s.board.notices[:1], 1
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Drain(ctx, s.board, backfill.Filter{}); err != nil || len(s.records) > 0 || len(s.types) > 0 || s.Result().Failed == 0 {
		t.Errorf("%v, %s, %v, %+v", err, s.outcomes(), s.types, s.Result())
	}
}

// TestOneFails: what Junction does not answer is left to another time, without a
// record, and the rest is done. Neither the log nor an error names a person.
func TestOneFails(t *testing.T) {
	var broken sync.Map
	broken.Store("heartrate", true)
	failing := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnprocessableEntity) })
	s := newScene(t, junctiontest.Config{})
	proxy := newProxy(t, s.server.URL, func(r *http.Request) http.Handler {
		if _, is := broken.Load("heartrate"); is && strings.Contains(r.URL.Path, "/heartrate/") {
			return failing
		}
		return nil
	})
	client, err := junction.New(junction.Config{BaseURL: proxy, Key: s.server.Key, Rate: 10_000, Patience: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close() //nolint:errcheck // it has none
	s.Source = client
	if err := s.Drain(t.Context(), s.board, backfill.Filter{}); err != nil {
		t.Fatal(err)
	}
	if s.outcomes() != "caffeine empty, caffeine empty, sleep fetched, sleep fetched" || s.Result().Failed != 4 {
		t.Errorf("%s, %+v", s.outcomes(), s.Result())
	}
	if said := s.log.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "heartrate") || strings.Contains(said, s.people[0].ID) {
		t.Errorf("the log says %q", said)
	}
	broken.Clear()
	if err := s.Drain(t.Context(), s.board, backfill.Filter{}); err != nil || !strings.Contains(s.outcomes(), "heartrate fetched, heartrate fetched") {
		t.Errorf("%v, %s", err, s.outcomes())
	}
}

// TestNothingIsPublished: the drain ends with the error, and nothing is
// recorded.
func TestNothingIsPublished(t *testing.T) {
	s := newScene(t, junctiontest.Config{})
	s.refuse = true
	err := s.Drain(t.Context(), s.board, backfill.Filter{})
	if err == nil || !strings.Contains(err.Error(), "the topic is gone") || len(s.records) > 0 || s.Result().Answered > 0 {
		t.Errorf("%v, %+v", err, s.Result())
	}
}

// TestWrongKey: the first answer ends it.
func TestWrongKey(t *testing.T) {
	s := newScene(t, junctiontest.Config{Key: "sk_us_right"})
	client, err := junction.New(junction.Config{BaseURL: s.server.URL, Key: "sk_us_wrong", Rate: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close() //nolint:errcheck // it has none
	s.Source, s.Directory = client, client
	if err := s.Drain(t.Context(), s.board, backfill.Filter{}); !errors.Is(err, connector.ErrKey) || len(s.records) > 0 {
		t.Errorf("%v", err)
	}
}

// TestOddNotices: a range that ends before it begins, one that no table takes,
// a person that Junction does not know any more, a series that the catalogue does
// not list, what no endpoint has, and the streams of all workouts of a range.
func TestOddNotices(t *testing.T) {
	s := newScene(t, junctiontest.Config{})
	s.board.notices = nil
	start, user := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), s.people[0].ID
	s.announce(user, "sleep", start.AddDate(0, 0, 2), start.AddDate(0, 0, -3))
	s.announce(user, "hrv", time.Date(1996, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1996, 6, 1, 0, 0, 0, 0, time.UTC))
	s.announce("00000000-0000-4000-8000-000000000000", "sleep", start, start)
	s.announce(user, "skin_conductance", start, start)
	s.announce(user, "../secrets", start, start)
	s.announce(s.people[1].ID, "workout_stream", start, start.AddDate(0, 0, 1))
	if err := s.Drain(t.Context(), s.board, backfill.Filter{}); err != nil {
		t.Fatal(err)
	}
	const want = "../secrets absent, hrv outside, skin_conductance absent, sleep absent, sleep fetched, workout_stream fetched, workout_stream fetched"
	if r := s.Result(); s.outcomes() != want || r.Failed > 0 || r.WindowsDone != r.Windows || r.Absent != 2 {
		t.Errorf("%s, want %s; %+v\n%s", s.outcomes(), want, s.Result(), s.log.String())
	}
}

// TestNobodyIsThere: a resource that fails twenty times in a row is left out, and
// others are fetched all the same. If everything fails, it gives up, and says
// why.
func TestNobodyIsThere(t *testing.T) {
	s := newScene(t, junctiontest.Config{})
	var asked, all atomic.Int64
	gone := newProxy(t, s.server.URL, func(r *http.Request) http.Handler {
		refused := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) })
		if strings.Contains(r.URL.Path, "/hrv/") {
			asked.Add(1)
			return refused
		}
		if all.Load() > 0 {
			return refused
		}
		return nil
	})
	client, err := junction.New(junction.Config{BaseURL: gone, Key: s.server.Key, Rate: 10_000, Patience: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close() //nolint:errcheck // it has none
	s.Source, s.Directory, s.board.notices, s.Parallel = client, client, nil, 1
	start, user := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), s.people[0].ID
	for i := range 30 {
		s.announce(user, "hrv", start, start.AddDate(0, 0, i))
	}
	s.announce(user, "sleep", start, start.AddDate(0, 0, 1))
	if err := s.Drain(t.Context(), s.board, backfill.Filter{}); err != nil || s.outcomes() != "sleep fetched" || asked.Load() != 20 {
		t.Errorf("%v, %s, asked %d times", err, s.outcomes(), asked.Load())
	}
	if r := s.Result(); r.WindowsDone != r.Windows || r.Failed < 30 {
		t.Errorf("%+v", r)
	}
	for i := range 30 {
		s.announce(user, []string{"caffeine", "water", "note"}[i%3], start, start.AddDate(0, 0, i))
	}
	all.Store(1)
	s.Directory = nobody{client, new(atomic.Int64)}
	err = s.Drain(t.Context(), s.board, backfill.Filter{})
	if err == nil || !strings.Contains(err.Error(), "20 resources of people in a row could not be fetched: ") || !strings.Contains(err.Error(), "status 400") {
		t.Errorf("%v", err)
	}
}

// nobody is a directory that has been there just at the beginning.
type nobody struct {
	*junction.Client
	asked *atomic.Int64
}

func (n nobody) Team(ctx context.Context) (string, error) {
	if n.asked.Add(1) == 1 {
		return "", nil
	}
	return n.Client.Team(ctx)
}

// TestStreamsOnce: streams that are announced one by one and as a pull are
// fetched once, and each notice is answered.
func TestStreamsOnce(t *testing.T) {
	s := newScene(t, junctiontest.Config{})
	s.board.notices = nil
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	s.announce(s.people[1].ID, "workout_stream", start, start.AddDate(0, 0, 1))
	if err := s.Drain(t.Context(), s.board, backfill.Filter{}); err != nil {
		t.Fatal(err)
	}
	rows := s.Result().Rows
	i := slices.IndexFunc(s.records, func(r map[string]any) bool { return r["notice"] == "workouts" })
	n := connector.Notice{Table: schemas.StreamsTable, Person: connector.Person{UserID: s.people[1].ID}, WorkoutID: s.records[i]["workout_id"].(string), Version: "v"}
	s.announce(s.people[1].ID, "workout_stream", start, start.AddDate(0, 0, 2))
	s.board.notices, s.Parallel = append(s.board.notices, n), 1
	if err := s.Drain(t.Context(), s.board, backfill.Filter{}); err != nil || s.Result().Rows != 2*rows || s.Result().Answered != 3 {
		t.Errorf("%v, %+v, of %d rows", err, s.Result(), rows)
	}
}

// TestRecordOnly: completions are marked, with what introspection says, and
// nothing is fetched but streams.
func TestRecordOnly(t *testing.T) {
	s := newScene(t, junctiontest.Config{})
	s.board.notices = s.board.notices[:3]
	for i := range s.board.notices {
		s.board.notices[i].Provider = "fitbit"
	}
	user := s.people[0].ID
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s.server.SetPull(user, "fitbit", "heartrate", junctiontest.Pull{Status: "retrying", Start: began, End: began.AddDate(0, 0, 9)})
	s.announce(s.people[1].ID, "workout_stream", began.AddDate(0, 2, 0), began.AddDate(0, 2, 3))
	if err := s.Drain(t.Context(), s.board, backfill.Filter{RecordOnly: true}); err != nil {
		t.Fatal(err)
	}
	if s.outcomes() != "caffeine recorded, heartrate recorded, sleep recorded, workout_stream fetched, workout_stream fetched" {
		t.Error(s.outcomes())
	}
	if s.server.Requests(junctiontest.AnyKind) > 8 {
		t.Errorf("%d requests", s.server.Requests(junctiontest.AnyKind))
	}
	i := slices.IndexFunc(s.records, func(r map[string]any) bool { return r["resource"] == "heartrate" })
	if r := s.records[i]; r["pull_status"] != "retrying" || r["pull_start"] != "2026-01-01T00:00:00Z" || r["pull_end"] != "2026-01-10T00:00:00Z" {
		t.Errorf("%v", r)
	}
}

// TestOtherTeams: what was announced for people of another team is left alone,
// and a server that knows nothing at all is not taken for a Junction.
func TestOtherTeams(t *testing.T) {
	s := newScene(t, junctiontest.Config{})
	for i := range s.board.notices {
		s.board.notices[i].Person.TeamID = s.people[0].TeamID
	}
	s.board.notices[0].Person.TeamID = "another team"
	if err := s.Drain(t.Context(), s.board, backfill.Filter{}); err != nil || s.Result().Notices != 5 || s.Result().Answered != 5 {
		t.Errorf("%v, %+v", err, s.Result())
	}
	nobody := newProxy(t, s.server.URL, func(*http.Request) http.Handler { return http.NotFoundHandler() })
	client, err := junction.New(junction.Config{BaseURL: nobody, Key: s.server.Key, Rate: 10_000, Patience: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close() //nolint:errcheck // it has none
	s.Source, s.Directory = client, client
	before := len(s.records)
	if err := s.Drain(t.Context(), s.board, backfill.Filter{}); !errors.Is(err, connector.ErrAbsent) || len(s.records) != before {
		t.Errorf("%v, %d more records", err, len(s.records)-before)
	}
}

// TestFilter: what is not wanted is left alone, and not recorded.
func TestFilter(t *testing.T) {
	s := newScene(t, junctiontest.Config{})
	filter := backfill.Filter{Users: []string{s.people[1].ID}, Resources: []string{"sleep"}, Providers: []string{"unknown"}}
	if err := s.Drain(t.Context(), s.board, filter); err != nil || s.outcomes() != "sleep fetched" {
		t.Errorf("%v, %s", err, s.outcomes())
	}
}

// TestSweep: leftovers get tombstones of the time of the fetch that did not
// bring them.
func TestSweep(t *testing.T) {
	s := newScene(t, junctiontest.Config{})
	at := time.Date(2026, 3, 2, 7, 0, 0, 500_000, time.UTC)
	for i := range 10_001 {
		s.board.left = append(s.board.left, connector.Leftover{UserID: "u", WorkoutID: "w", Index: int64(i), FetchedAt: at})
	}
	if err := s.Sweep(t.Context(), s.board); err != nil {
		t.Fatal(err)
	}
	if want := []string{"vitalsink.deleted.workout_stream_samples", "vitalsink.deleted.workout_stream_samples"}; !slices.Equal(s.types, want) || s.Result().Deleted != 10_001 {
		t.Errorf("%v, %+v", s.types, s.Result())
	}
}

// TestByHand: what somebody names, of everybody, in windows; and of a person whom
// nobody knows, not.
func TestByHand(t *testing.T) {
	s := newScene(t, junctiontest.Config{})
	sleep, _ := s.Catalogue.Endpoint("sleep")
	profile, _ := s.Catalogue.Endpoint("profile")
	order := backfill.Order{
		Endpoints: []schemas.Endpoint{sleep, profile},
		From:      time.Date(2025, 3, 2, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC),
	}
	if err := s.Fetch(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	if r := s.Result(); r.Users != 2 || r.Windows != 2*13+2 || r.WindowsDone != r.Windows || r.Rows != 4 || len(s.records) != 4 || r.Answered != 0 {
		t.Errorf("%+v", r)
	}
	order.Finished = finished{s.people[0].ID: {"sleep//1740873600000000/1772409600000000"}}
	if err := s.Fetch(t.Context(), order); err != nil || s.Result().WindowsDone != 2*(2*13+2)-13 || len(s.records) != 7 {
		t.Errorf("all but one is not finished: %v, %+v", err, s.Result())
	}
	order.Users = []string{"00000000-0000-4000-8000-000000000000"}
	if err := s.Fetch(t.Context(), order); !errors.Is(err, connector.ErrAbsent) {
		t.Errorf("%v", err)
	}
}

// finished are subjects by user.
type finished map[string][]string

func (f finished) FetchedByHand(_ context.Context, users []string) (map[string][]string, error) {
	some := map[string][]string{}
	for _, u := range users {
		some[u] = f[u]
	}
	return some, nil
}
