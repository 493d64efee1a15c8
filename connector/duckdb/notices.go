//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"time"

	"vitalsink/connector"
)

// noticeNames is what the statements about notices are made of.
type noticeNames struct {
	Users bool // of which the notices are wanted; else who has any
	Most  int
}

const (
	// usersAtOnce and leftoversAtOnce are how many users and samples are named
	// at once.
	usersAtOnce     = 10_000
	leftoversAtOnce = 100_000
)

// UnansweredUsers are the users for whom something was announced that no fetch
// has answered, in order, those after the given one. They are some thousands at
// most, and none at the end.
func (w *Warehouse) UnansweredUsers(ctx context.Context, after string) (ids []string, err error) {
	err = w.look(ctx, "unanswered.sql", noticeNames{Most: usersAtOnce}, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	}, after)
	return ids, err
}

// Unanswered is what was announced for users, and no fetch has answered.
func (w *Warehouse) Unanswered(ctx context.Context, users []string) (all []connector.Notice, err error) {
	err = w.look(ctx, "unanswered.sql", noticeNames{Users: true}, func(rows *sql.Rows) error {
		var n connector.Notice
		var team, client, provider, resource, workout sql.NullString
		var start, end sql.NullTime
		err := rows.Scan(&n.Table, &n.Person.UserID, &team, &client, &provider, &n.Version, &resource, &start, &end, &workout)
		n.Person.TeamID, n.Person.ClientUserID, n.Provider = team.String, client.String, provider.String
		n.Resource, n.WorkoutID, n.Start, n.End = resource.String, workout.String, start.Time.UTC(), end.Time.UTC()
		all = append(all, n)
		return err
	}, users)
	return all, err
}

// Leftovers are samples of streams that were fetched since a time, but are not
// in the latest fetch. They are a hundred thousand at most.
func (w *Warehouse) Leftovers(ctx context.Context, since time.Time) (all []connector.Leftover, err error) {
	err = w.look(ctx, "leftovers.sql", noticeNames{Most: leftoversAtOnce}, func(rows *sql.Rows) error {
		var l connector.Leftover
		err := rows.Scan(&l.UserID, &l.WorkoutID, &l.Index, &l.FetchedAt)
		l.FetchedAt = l.FetchedAt.UTC()
		all = append(all, l)
		return err
	}, since.UTC())
	return all, err
}

// FetchedByHand are subjects of what somebody has had fetched by hand, by user.
func (w *Warehouse) FetchedByHand(ctx context.Context, users []string) (map[string][]string, error) {
	all := map[string][]string{}
	err := w.look(ctx, "fetched_by_hand.sql", nil, func(rows *sql.Rows) error {
		var user, subject string
		err := rows.Scan(&user, &subject)
		all[user] = append(all[user], subject)
		return err
	}, users)
	return all, err
}

// look runs a query on the latest tables.
func (w *Warehouse) look(ctx context.Context, file string, names any, f func(*sql.Rows) error, args ...any) error {
	return w.use(ctx, func(s *store) error {
		s.folding.Lock()
		defer s.folding.Unlock()
		return s.each(ctx, file, names, f, args...)
	})
}
