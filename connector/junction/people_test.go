package junction_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"vitalsink/connector"
	"vitalsink/connector/junction"
	"vitalsink/connector/junction/junctiontest"
	"vitalsink/connector/synth"
)

// all are the people that are listed, each of whom may come once.
func all(t testing.TB, c *junction.Client) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for p, err := range c.People(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if found[p.UserID] {
			t.Errorf("%s comes twice", p.UserID)
		}
		found[p.UserID] = true
	}
	return found
}

// TestPeople: all are listed, with all their ids, in as few requests as can be.
func TestPeople(t *testing.T) {
	for _, n := range []int{0, 1, 499, 500, 501, 1203} {
		s := junctiontest.New(junctiontest.Config{Key: secretKey})
		for i := range n {
			s.AddUser(synth.User{ID: fmt.Sprintf("u%04d", i), TeamID: "t", ClientUserID: "c" + strconv.Itoa(i)})
		}
		c := client(t, s.URL)
		if found := all(t, c); len(found) != n {
			t.Errorf("%d of %d people", len(found), n)
		}
		if asked := s.Requests(junctiontest.Users); asked > n/400+1 {
			t.Errorf("%d requests for %d people", asked, n)
		}
		for p, err := range c.People(t.Context()) { // and then no more
			if err != nil || p != (connector.Person{UserID: "u0000", TeamID: "t", ClientUserID: "c0"}) {
				t.Errorf("%+v: %v", p, err)
			}
			break
		}
		_ = c.Close()
		s.Close()
	}
}

// list is a server of people that come and go: between requests change does.
type list struct {
	ids    []string
	asked  int
	change func(asked int, ids []string) []string
	more   int // that the total is too great by
}

func (l *list) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if l.asked++; l.asked > 200 {
		w.WriteHeader(http.StatusBadRequest) // it has no end
		return
	}
	l.ids = l.change(l.asked, l.ids)
	offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	page := []map[string]string{}
	for _, id := range l.ids[min(offset, len(l.ids)):min(offset+limit, len(l.ids))] {
		page = append(page, map[string]string{"user_id": id})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"users": page, "total": len(l.ids) + l.more, "offset": offset, "limit": limit})
}

// TestPeopleComeAndGo: who was there all the time is listed, whoever else comes
// and goes, and the list has an end.
func TestPeopleComeAndGo(t *testing.T) {
	first := func(n int, ids []string) []string { return slices.Clone(ids[n:]) }
	next := 0
	come := func(n int, ids []string) []string {
		for range n {
			next++
			ids = append(ids, fmt.Sprintf("new%d", next))
		}
		return ids
	}
	for name, change := range map[string]func(asked int, ids []string) []string{
		"nobody":         func(_ int, ids []string) []string { return ids },
		"the first goes": func(asked int, ids []string) []string { return first(map[int]int{2: 1}[asked], ids) },
		"many go":        func(asked int, ids []string) []string { return first(map[int]int{2: 400, 3: 300}[asked], ids) },
		"a page goes":    func(asked int, ids []string) []string { return first(map[int]int{2: 700}[asked], ids) },
		"one goes, one comes": func(asked int, ids []string) []string {
			if asked == 2 {
				return come(1, first(1, ids))
			}
			return ids
		},
		"always":                func(_ int, ids []string) []string { return come(3, first(3, ids)) },
		"always more":           func(_ int, ids []string) []string { return come(3, ids) },
		"the newest come first": func(asked int, ids []string) []string { return append(come(2, nil), ids...) },
	} {
		t.Run(name, func(t *testing.T) {
			l := &list{change: change}
			for i := range 1203 {
				l.ids = append(l.ids, fmt.Sprintf("u%04d", i))
			}
			before := slices.Clone(l.ids)
			found := all(t, serve(t, l.ServeHTTP))
			for _, id := range before {
				if slices.Contains(l.ids, id) && !found[id] {
					t.Fatalf("%s is missing; %d found in %d requests", id, len(found), l.asked)
				}
			}
			if l.asked > 30 {
				t.Errorf("%d requests", l.asked)
			}
		})
	}
}

// TestPeopleMiscounted: a total that is too great is no reason to go on.
func TestPeopleMiscounted(t *testing.T) {
	for _, n := range []int{0, 10, 500, 960, 1203} {
		l := &list{change: func(_ int, ids []string) []string { return ids }, more: 100}
		for i := range n {
			l.ids = append(l.ids, fmt.Sprintf("u%04d", i))
		}
		if found := all(t, serve(t, l.ServeHTTP)); len(found) != n || l.asked > 5 {
			t.Errorf("%d of %d people in %d requests", len(found), n, l.asked)
		}
	}
}

// TestPerson: one by id; who is not there is absent.
func TestPerson(t *testing.T) {
	s := junctiontest.New(junctiontest.Config{Key: secretKey})
	t.Cleanup(s.Close)
	s.AddUser(synth.User{ID: secretUser, TeamID: "t", ClientUserID: "c", Providers: []synth.Provider{{Slug: "oura", Name: "Oura"}, {Slug: "garmin"}}})
	c := client(t, s.URL)
	p, err := c.Person(t.Context(), secretUser)
	is(t, err, nil)
	if p != (connector.Person{UserID: secretUser, TeamID: "t", ClientUserID: "c"}) {
		t.Errorf("%+v", p)
	}
	connected, err := c.Connections(t.Context(), secretUser)
	is(t, err, nil)
	if !slices.Equal(connected, []junction.Connection{{Provider: "oura", Status: "connected"}, {Provider: "garmin", Status: "connected"}}) {
		t.Errorf("%+v", connected)
	}
	_, err = c.Person(t.Context(), secretUser+"2")
	is(t, err, connector.ErrAbsent)
	_, err = c.Connections(t.Context(), secretUser+"2")
	is(t, err, connector.ErrAbsent)
}

// TestWorkouts: the ids of a range's workouts; none of who is not there.
func TestWorkouts(t *testing.T) {
	for body, want := range map[string][]string{
		`{"workouts":[]}`: nil, `{"workouts":[{"id":"a","sport":{}},{"id":"b"}]}`: {"a", "b"}, `{"workouts":null}`: nil,
	} {
		ids, a, err := serve(t, text(body)).Workouts(t.Context(), query(t, "workouts"))
		is(t, err, nil)
		if !slices.Equal(ids, want) || a.Absent || a.Requests != 1 || a.Began.IsZero() {
			t.Errorf("%s: %v, %+v", body, ids, a)
		}
	}
	ids, a, err := serve(t, status(404)).Workouts(t.Context(), query(t, "workouts"))
	is(t, err, nil)
	if len(ids) != 0 || !a.Absent {
		t.Errorf("%v, %+v", ids, a)
	}
	_, _, err = serve(t, text(`{"workouts":[{"id":"`+secretWorkout+`"},{"sport":"`+secretValue+`"}]}`)).Workouts(t.Context(), query(t, "workouts"))
	is(t, err, junction.ErrUnavailable)
}
