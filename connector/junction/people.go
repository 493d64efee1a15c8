package junction

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/go-faster/jx"

	"vitalsink/connector"
)

// pageOfPeople is how many are asked for at once, which is the most, and overlap
// how many of them are those of the page before.
const (
	pageOfPeople = 500
	overlap      = 20
)

// person is a user as the API has it.
type person struct {
	UserID       string `json:"user_id"`
	TeamID       string `json:"team_id"`
	ClientUserID string `json:"client_user_id"`
}

func (p person) person() connector.Person {
	return connector.Person{UserID: p.UserID, TeamID: p.TeamID, ClientUserID: p.ClientUserID}
}

// Person is a user by Junction's id. The error is connector.ErrAbsent if there is none.
func (c *Client) Person(ctx context.Context, userID string) (connector.Person, error) {
	var p person
	err := c.object(ctx, ofUser("/v2/user/{user_id}", userID), &p)
	if err == nil && p.UserID == "" {
		p.UserID = userID
	}
	return p.person(), err
}

// People are all users of the team. Who goes while they are listed moves the
// others to earlier pages. So each page begins within the one before, and if it
// has nobody of those, what lies before it is read again: who was there all the
// time is listed, as long as the others keep their order.
func (c *Client) People(ctx context.Context) iter.Seq2[connector.Person, error] {
	return func(yield func(connector.Person, error) bool) {
		seen, back := map[string]bool{}, 0
		for offset := 0; ; {
			page, err := c.page(ctx, offset, pageOfPeople)
			if err == nil && back > attempts {
				err = fmt.Errorf("GET /v2/user: %w: the pages do not follow on each other", ErrUnavailable)
			}
			if err != nil {
				yield(connector.Person{}, err)
				return
			}
			if offset > 0 && !slices.ContainsFunc(page.Users, func(p person) bool { return seen[p.UserID] }) {
				offset, back = max(0, offset-pageOfPeople+overlap), back+1
				continue
			}
			before := len(seen)
			for _, p := range page.Users {
				if !seen[p.UserID] && !yield(p.person(), nil) {
					return
				}
				seen[p.UserID] = true
			}
			if offset+len(page.Users) >= page.Total || len(seen) == before && len(page.Users) <= overlap { // whatever the total
				return
			}
			offset += max(1, len(page.Users)-overlap)
		}
	}
}

// Team is that of the key, "" if it has no users. It is also how to find out
// that there is such an API, and the key is its: an address that answers
// everything with 404 would be taken for a Junction that has nothing.
func (c *Client) Team(ctx context.Context) (string, error) {
	page, err := c.page(ctx, 0, 1)
	if errors.Is(err, connector.ErrAbsent) {
		err = fmt.Errorf("%w; is this Junction's API?", err)
	}
	if err != nil || len(page.Users) == 0 {
		return "", err
	}
	return page.Users[0].TeamID, nil
}

type peoplePage struct {
	Users []person `json:"users"`
	Total int      `json:"total"`
}

func (c *Client) page(ctx context.Context, offset, limit int) (p peoplePage, err error) {
	err = c.object(ctx, request{path: "/v2/user", query: url.Values{
		"offset": {strconv.Itoa(offset)}, "limit": {strconv.Itoa(limit)},
	}}, &p)
	if err == nil && p.Users == nil {
		err = fmt.Errorf("GET /v2/user: %w: %w", ErrUnavailable, errShape)
	}
	return p, err
}

// Connection is one of a user's to a provider.
type Connection struct {
	Provider string `json:"slug"`
	Status   string `json:"status"` // connected, error, paused and others
}

// Connections are a user's. The error is connector.ErrAbsent if there is no such user.
func (c *Client) Connections(ctx context.Context, userID string) ([]Connection, error) {
	var answer struct {
		Providers []Connection `json:"providers"`
	}
	err := c.object(ctx, ofUser("/v2/user/providers/{user_id}", userID), &answer)
	return answer.Providers, err
}

// Workouts are the ids of those of a query, and what else it brought.
func (c *Client) Workouts(ctx context.Context, q *connector.Query) (ids []string, a connector.Answer, err error) {
	reply, err := c.get(ctx, requestOf(q, ""), func(_ time.Time, d *jx.Decoder) error {
		ids = ids[:0]
		return list(d, q.Endpoint.Field, func(raw jx.Raw) error {
			var workout struct {
				ID string `json:"id"`
			}
			if err := json.Unmarshal(raw, &workout); err != nil || workout.ID == "" {
				return errShape
			}
			ids = append(ids, workout.ID)
			return nil
		})
	})
	a.Began, a.Requests, a.Absent = reply.began, reply.requests, errors.Is(err, connector.ErrAbsent)
	if a.Absent {
		err = nil
	}
	return ids, a, err
}

func ofUser(path, userID string) request {
	return request{path: path, marks: map[string]string{"{user_id}": userID}}
}

// object asks for a small object, into which a pointer points.
func (c *Client) object(ctx context.Context, r request, into any) error {
	_, err := c.get(ctx, r, func(_ time.Time, d *jx.Decoder) error {
		raw, err := d.Raw()
		if err != nil {
			return err
		}
		reflect.ValueOf(into).Elem().SetZero() // of an answer before this one, which was no good
		return json.Unmarshal(raw, into)
	})
	return err
}
