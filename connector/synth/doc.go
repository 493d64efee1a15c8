// Package synth writes realistic Junction events from a seed, so that the
// demo, the tests and the benchmarks need no recording of a real person.
//
// The same seed and the same calls give the same bytes. What identifies a
// fact (record ids, sample times, the stages of a night, the sport of a
// workout) follows from seed, user and time alone; what a device measures is
// drawn anew with every call. Asking twice for the same thing therefore gives
// two versions of the same facts, as Junction's own updates do, and records
// refer to each other: sleep_cycle to sleep, workout_distance to workouts,
// a source to its device.
//
//	generator.go      Generator, User, Event: the envelope of an event
//	source.go         providers, devices, and how each era wrote them
//	summaries.go      one record a day or session: activity, body, profile, …
//	night.go          sleep and sleep_cycle, cut from the same night
//	nutrition.go      meal
//	timeseries.go     samples: their times and fields
//	series.go         what each series looks like: step, level, rhythm
//	notifications.go  events without measurements
//	message.go        an event as Pub/Sub delivers it
//	scenario.go       the messages of the demo
//
// Everything is invented: users have no names, and nothing is copied from
// Junction's documentation.
package synth
