// Package backfill fetches what Junction does not send: the history that it
// announces with events without data, the streams of workouts, and whatever
// somebody asks for by hand. What it fetches goes through a Publisher, as
// ordinary messages, so it never beats anything newer (see package junction).
//
// It keeps nothing. What is to be done is read from the warehouse: rows of
// historical_pulls and workout_streams (notices) whose version is newer than
// the one that their row of fetches answered. The row of fetches is published
// when everything before it is safe. So a backfill may be killed at any moment,
// and the next one does again what was not finished, which changes nothing but
// the time that it takes.
//
// A stream that is issued again may be shorter. What the later fetch did not
// bring gets tombstones, once warehouse and fetches show it: see Sweep.
package backfill
