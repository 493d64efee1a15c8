// Package junction is the door for what Junction does not send: history, and
// the streams of workouts. It asks the Data Access API
// (https://docs.junction.com/api-reference) and makes of every answer messages
// such as Junction itself publishes, so that everything behind the door is one
// path. Which endpoint has which resource, and what event a record becomes, the
// catalogue says.
//
// # Versions
//
// What is fetched is as old as the request: it may be overtaken by an event
// that is on its way meanwhile, and must then lose against it. A record with
// updated_at is ordered by that, as in every event. Anything else has the time
// at which the request began, as event-time; of an answer in pages that of the
// first, since a later page may rest on what the first one saw. An event that
// Junction publishes after that is newer, and wins, whichever comes first.
//
// The time is the earlier of two: what our clock said, and the Date of the
// first answer minus the time that it took. A clock of ours that is fast would
// else let what was fetched win over events that were published after it.
// Date has whole seconds, cut off, so it errs on the safe side: it may be up to
// a second too early, and an event of that second wins over the same value.
package junction
