// Package synth writes realistic Junction events from a seed, so that the
// demo, the tests and the benchmarks need no recording of a real person.
//
// The same seed and the same calls give the same bytes. What identifies a
// fact (record ids, sample times, the stages of a night, the sport of a
// workout) follows from seed, user and time alone; what a device measures is
// drawn anew with every call. Asking twice for the same thing therefore gives
// two versions of the same facts, as Junction's own updates do, and records
// refer to each other: sleep_cycle to sleep, workout_distance to workouts, a
// source to its device.
//
// A Population is many people's days as they come out of a Pub/Sub topic, with
// all that goes wrong on the way, and the truth about them: the rows that a
// warehouse must hold in the end. From the top: life is what happened on a day,
// tracks and tellings are what the devices say of it and when, the courier
// makes messages of that and delivers them badly, spoil breaks some, and truth
// reads them all in a way of its own. To tell something new, add a telling to
// person or rarities; the truth follows from the catalogue.
//
// A new resource is an entry of recipes or of seriesTable; one that has none
// is written as a series of plain numbers. Everything is invented: users have
// no names, and nothing is copied from Junction's documentation.
package synth
