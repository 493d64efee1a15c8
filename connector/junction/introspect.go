package junction

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"vitalsink/connector"
)

// Where Junction tells of its pulls of history, and of the data that it has.
const (
	pathOfPulls   = "/v2/introspect/historical_pull"
	pathOfExtents = "/v2/introspect/resources"
)

// Pulls are what Junction says of its pulls of a user's history, in no
// particular order. The error is connector.ErrAbsent if there is no such user.
func (c *Client) Pulls(ctx context.Context, userID string) (all []connector.Pull, err error) {
	type pull struct {
		Status string `json:"status"`
		Start  string `json:"range_start"`
		End    string `json:"range_end"`
	}
	type shown struct {
		Pulled map[string]pull `json:"pulled"`
	}
	err = introspect(ctx, c, introspection{pathOfPulls, userID}, func(provider string, of shown) {
		for resource, p := range of.Pulled {
			all = append(all, connector.Pull{Resource: resource, Provider: provider, Status: p.Status, Start: moment(p.Start), End: moment(p.End)})
		}
	})
	return all, err
}

// Extents are what Junction says of the data that it has of a user, in no
// particular order, with resources by the names that it uses there. The error
// is connector.ErrAbsent if there is no such user.
func (c *Client) Extents(ctx context.Context, userID string) (all []connector.Extent, err error) {
	type shown map[string]struct {
		Oldest string `json:"oldest_data"`
		Newest string `json:"newest_data"`
		Sent   int    `json:"sent_count"`
		Last   struct {
			Status string `json:"status"`
		} `json:"last_attempt"`
	}
	err = introspect(ctx, c, introspection{pathOfExtents, userID}, func(provider string, of shown) {
		for resource, e := range of {
			all = append(all, connector.Extent{
				Provider: provider, Resource: resource, Oldest: moment(e.Oldest), Newest: moment(e.Newest), Sent: e.Sent, Status: e.Last.Status,
			})
		}
	})
	return all, err
}

// introspection is one of a user, at a path.
type introspection struct{ path, userID string }

// introspect calls take with what an introspection shows of each provider of
// its user, page by page.
func introspect[T any](ctx context.Context, c *Client, of introspection, take func(provider string, shown T)) error {
	if of.userID == "" {
		return fmt.Errorf("GET %s: %w: no user, and without one it shows all", of.path, ErrRefused)
	}
	query, seen := url.Values{"user_id": {of.userID}}, map[string]bool{}
	for {
		var page struct {
			Data []struct {
				Provider map[string]T `json:"provider"`
			} `json:"data"`
			Next string `json:"next_cursor"`
		}
		if err := c.object(ctx, request{path: of.path, query: query}, &page); err != nil {
			return err
		}
		if page.Data == nil {
			return fmt.Errorf("GET %s: %w: %w", of.path, ErrUnavailable, errShape)
		}
		for _, user := range page.Data {
			for provider, shown := range user.Provider {
				take(provider, shown)
			}
		}
		if page.Next == "" || page.Next == "None" { // which is in the documentation
			return nil
		}
		if seen[page.Next] {
			return fmt.Errorf("GET %s: %w: the cursor of the next page is that of an earlier one", of.path, ErrUnavailable)
		}
		seen[page.Next] = true
		query.Set("next_cursor", page.Next)
	}
}

// moment is a time that the API says, zero if it says none.
func moment(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
