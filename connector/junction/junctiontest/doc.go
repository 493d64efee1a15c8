// Package junctiontest stands in for Junction's Data Access API, on the loopback
// interface of the machine, for anything that speaks HTTP. It is for tests and
// the demo.
//
//	s := junctiontest.New(junctiontest.Config{})
//	difference, err := s.Fill(ctx, population, catalogue)
//	client := …(s.URL, s.Key)
//
// A Server has the users, summaries, samples, devices and streams of a
// population, as the events of the same population tell of them in the end, or
// differently in a way that it says: see Disagree. What it holds can change
// while it serves, between two pages if Config.Before does it. Its table of
// paths is its own, so that it finds mistakes in the catalogue's.
//
// # What it does
//
//   - GET /v2/summary/{resource}/{user_id} of eight summaries in a window of
//     dates, not paginated; profile, the newest one.
//   - GET /v2/timeseries/{user_id}/{resource}/grouped, in pages by time and key.
//     A cursor is a place in that order: what appears before it is not shown,
//     what disappears is not missed.
//   - GET /v2/timeseries/workouts/{workout_id}/stream.
//   - GET /v2/user, /v2/user/{user_id}, its device and its providers, all of
//     which are connected since AddUser.
//   - GET /v2/introspect/resources and historical_pull, worked out from what
//     there is, and from SetPull.
//   - Faults, by chance.
//
// A window is of Record.At, both ends included. start_date is required, for
// samples too; without end_date there is no end. An end_date that is a date is
// 23:59:59 of it: what was measured in the last second of a day after its
// beginning is in no window of whole days.
//
// # What it does not do
//
//   - Limits of requests, for a team or a user: a 429 is a matter of chance.
//   - Refresh, bulk pulls, creating and deleting users and connections: there is
//     only GET. Sandboxes' demo connections.
//   - /raw of summaries, streams of sleep, a single device, timeseries that are
//     not grouped, /v2/user/resolve, /v2/providers, lab tests, queries.
//   - Access tokens: only team keys, and one team. Regions.
//   - next and cursor as parameters; next in answers is next_cursor.
//   - Time zones of users: dates are days of UTC, as calendar_date is taken to
//     be. Floating times are shown as they were told.
//   - Forget a place of a cursor, or mind that its window, provider or resource
//     changes between pages.
//   - Connections that failed, resources that are not available, not_pulled.
//   - Know what Junction really does where its documentation is silent: the size
//     of pages, which time of a summary a window means, what is answered to a
//     limit that is too great (here 422) or an unknown user (here 404).
package junctiontest
