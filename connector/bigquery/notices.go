package bigquery

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/bigquery"

	"vitalsink/connector"
	"vitalsink/schemas"
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
	err = w.look(ctx, schemas.FetchesTable, "unanswered.sql", noticeNames{Most: usersAtOnce}, func(row []bigquery.Value) error {
		ids = append(ids, "")
		return scan(row[0], &ids[len(ids)-1])
	}, bigquery.QueryParameter{Name: "after", Value: after})
	return ids, err
}

// Unanswered is what was announced for users, and no fetch has answered.
func (w *Warehouse) Unanswered(ctx context.Context, users []string) (all []connector.Notice, err error) {
	err = w.look(ctx, schemas.FetchesTable, "unanswered.sql", noticeNames{Users: true}, func(row []bigquery.Value) error {
		n, err := noticeOf(row)
		all = append(all, n)
		return err
	}, bigquery.QueryParameter{Name: "users", Value: users})
	return all, err
}

// noticeOf reads a row of unanswered.sql.
func noticeOf(row []bigquery.Value) (n connector.Notice, err error) {
	for i, into := range []any{
		&n.Table, &n.Person.UserID, &n.Person.TeamID, &n.Person.ClientUserID, &n.Provider, &n.Version, &n.Resource, &n.Start, &n.End, &n.WorkoutID,
	} {
		if row[i] == nil {
			continue
		}
		if err := scan(row[i], into); err != nil {
			return n, fmt.Errorf("column %d: %w", i, err)
		}
	}
	return n, nil
}

// Leftovers are samples of streams that were fetched since a time, but are not
// in the latest fetch. They are a hundred thousand at most.
func (w *Warehouse) Leftovers(ctx context.Context, since time.Time) (all []connector.Leftover, err error) {
	var users, workouts []string
	err = w.look(ctx, schemas.FetchesTable, "fetched_streams.sql", nil, func(row []bigquery.Value) error {
		var user, workout string
		if err := scan(row[0], &user); err != nil {
			return err
		}
		err := scan(row[1], &workout)
		if len(users) == 0 || users[len(users)-1] != user {
			users = append(users, user)
		}
		workouts = append(workouts, workout)
		return err
	}, bigquery.QueryParameter{Name: "since", Value: since})
	if err != nil || len(workouts) == 0 {
		return nil, err
	}
	err = w.look(ctx, schemas.SamplesTable, "leftovers.sql", noticeNames{Most: leftoversAtOnce}, func(row []bigquery.Value) error {
		var l connector.Leftover
		for i, into := range []any{&l.UserID, &l.WorkoutID, &l.Index, &l.FetchedAt} {
			if err := scan(row[i], into); err != nil {
				return fmt.Errorf("column %d: %w", i, err)
			}
		}
		all = append(all, l)
		return nil
	},
		bigquery.QueryParameter{Name: "since", Value: since},
		bigquery.QueryParameter{Name: "users", Value: users}, bigquery.QueryParameter{Name: "workouts", Value: workouts})
	return all, err
}

// FetchedByHand are subjects of what somebody has had fetched by hand, by user.
func (w *Warehouse) FetchedByHand(ctx context.Context, users []string) (map[string][]string, error) {
	all := map[string][]string{}
	err := w.look(ctx, schemas.FetchesTable, "fetched_by_hand.sql", nil, func(row []bigquery.Value) error {
		var user, subject string
		if err := scan(row[0], &user); err != nil {
			return err
		}
		err := scan(row[1], &subject)
		all[user] = append(all[user], subject)
		return err
	}, bigquery.QueryParameter{Name: "users", Value: users})
	return all, err
}

// look runs a query on the latest tables.
func (w *Warehouse) look(ctx context.Context, table, file string, names any, f func([]bigquery.Value) error, parameters ...bigquery.QueryParameter) error {
	text, err := w.statements.render(file, names)
	if err != nil {
		return err
	}
	_, err = w.query(ctx, statement{step: "look", table: table, text: text, parameters: parameters, limit: w.config.MaxBytesBilled}, f)
	if err != nil {
		return fmt.Errorf("read %s: %w", table, err)
	}
	return nil
}
